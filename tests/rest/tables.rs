//! Tables: create, stage, load, list, rename, drop, reports.

use serde_json::json;

use crate::app::{TestApp, append, names, schema, set_property, table_body};

#[tokio::test]
async fn create_and_load() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["sales"]).await;
    let path = "lake~main/namespaces/sales/tables";
    let made = app.post(path, table_body("orders")).await;
    assert_eq!(made.commit(), Some(app.commit_of("main").0));
    let etag = made.headers["etag"].to_str().unwrap().to_owned();
    let made = made.ok();
    assert_eq!(app.commit_of("main").1, "create table sales.orders");
    let metadata = &made["metadata"];
    assert_eq!(metadata["schemas"][0]["fields"][0]["id"], 1);
    assert_eq!(metadata["properties"]["write.parquet.compression-codec"], "zstd");
    assert_eq!(metadata["properties"]["gc.enabled"], "false");
    let location = metadata["location"].as_str().unwrap();
    let root = format!("file://{}/lake/sales/orders-", app.directory.path().display());
    assert!(location.starts_with(&root), "{location}");
    let file = made["metadata-location"].as_str().unwrap();
    assert!(file.starts_with(&format!("{location}/metadata/00000-")), "{file}");
    let stored = std::fs::read_to_string(file.strip_prefix("file://").unwrap()).unwrap();
    assert!(!stored.contains("gc.enabled"), "the stored file is as the client wants it");
    assert!(std::path::Path::new(location.strip_prefix("file://").unwrap()).join("data").is_dir());
    let loaded = app.get(&format!("{path}/orders")).await;
    assert_eq!(loaded.headers["etag"].to_str().unwrap(), etag);
    assert_eq!(loaded.ok(), made);
    assert_eq!(app.head(&format!("{path}/orders")).await.status, 204);
}

#[tokio::test]
async fn clients_may_collect_garbage_where_it_is_allowed() {
    let app = TestApp::with(true).await;
    let made = app.table("lake~main", "default", "t").await;
    assert_eq!(made["metadata"]["properties"]["gc.enabled"], json!(null));
}

#[tokio::test]
async fn missing_things_in_the_words_of_the_reference() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["n"]).await;
    for (path, expected) in [
        ("n/tables/t", "404 NoSuchTableException: Table does not exist: n.t"),
        ("x/tables/t", "404 NoSuchTableException: Table does not exist: x.t"),
        ("n%1Fx/tables/t", "404 NoSuchTableException: Table does not exist: n.x.t"),
        ("x/tables", "404 NoSuchNamespaceException: Namespace does not exist: x"),
        ("n/tables/t/credentials", "404 NoSuchTableException: Table does not exist: n.t"),
    ] {
        let answer = app.get(&format!("lake~main/namespaces/{path}")).await;
        assert_eq!(answer.error(), expected, "{path}");
    }
    let created = app.post("lake~main/namespaces/x/tables", table_body("t")).await;
    let expected = "404 NoSuchNamespaceException: Namespace does not exist: x";
    assert_eq!(created.error(), expected);
    let committed = app.post("lake~main/namespaces/n/tables/t", set_property("a", "b")).await;
    assert_eq!(committed.error(), "404 NoSuchTableException: Table does not exist: n.t");
    let dropped = app.delete("lake~main/namespaces/n/tables/t").await;
    assert_eq!(dropped.error(), "404 NoSuchTableException: Table does not exist: n.t");
    let gone = app.get("lake~gone/namespaces/n/tables/t").await;
    assert_eq!(gone.error(), "404 NoSuchTableException: Table does not exist: n.t");
    let created = app.post("lake~gone/namespaces/n/tables", table_body("t")).await;
    assert!(created.error().starts_with("404 NoSuchNamespaceException"));
}

#[tokio::test]
async fn names_are_taken_in_any_case_and_by_views() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["n"]).await;
    let path = "lake~main/namespaces/n/tables";
    app.table("lake~main", "n", "Orders").await;
    for (name, expected) in [
        ("Orders", "Table already exists: n.Orders"),
        ("orders", "Table already exists: n.orders differs only in case from n.Orders"),
    ] {
        for stage in [false, true] {
            let mut body = table_body(name);
            body["stage-create"] = json!(stage);
            let answer = app.post(path, body).await.error();
            assert_eq!(answer, format!("409 AlreadyExistsException: {expected}"));
        }
    }
    assert_eq!(app.get(&format!("{path}/orders")).await.status, 404);
    assert_eq!(app.get(&format!("{path}/Orders")).await.status, 200);
}

#[tokio::test]
async fn staged_tables_are_made_by_their_commit() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["n"]).await;
    let before = app.commit_of("main");
    let mut body = table_body("t");
    body["stage-create"] = json!(true);
    let staged = app.post("lake~main/namespaces/n/tables", body).await;
    assert_eq!(staged.commit(), None);
    let staged = staged.ok();
    assert_eq!(staged["metadata-location"], json!(null));
    assert_eq!(app.commit_of("main"), before);
    assert_eq!(app.head("lake~main/namespaces/n/tables/t").await.status, 404);
    let metadata = &staged["metadata"];
    let location = metadata["location"].as_str().unwrap().to_owned();
    let directory = std::path::PathBuf::from(location.strip_prefix("file://").unwrap());
    assert!(directory.join("metadata").is_dir() && directory.join("data").is_dir());
    let commit = json!({
        "requirements": [{ "type": "assert-create" }],
        "updates": [
            { "action": "assign-uuid", "uuid": metadata["table-uuid"] },
            { "action": "upgrade-format-version", "format-version": 2 },
            { "action": "add-schema", "schema": metadata["schemas"][0], "last-column-id": 2 },
            { "action": "set-current-schema", "schema-id": -1 },
            { "action": "add-spec", "spec": metadata["partition-specs"][0] },
            { "action": "set-default-spec", "spec-id": -1 },
            { "action": "add-sort-order", "sort-order": metadata["sort-orders"][0] },
            { "action": "set-default-sort-order", "sort-order-id": -1 },
            { "action": "set-location", "location": location },
            { "action": "set-properties", "updates": { "k": "v" } }
        ]
    });
    let made = app.post("lake~main/namespaces/n/tables/t", commit.clone()).await.ok();
    assert_eq!(made["metadata"]["table-uuid"], metadata["table-uuid"]);
    assert_eq!(made["metadata"]["properties"]["k"], "v");
    assert_eq!(app.commit_of("main").1, "create table n.t");
    let again = app.post("lake~main/namespaces/n/tables/t", commit.clone()).await;
    assert_eq!(again.status, 409);
    assert!(again.text.contains("table already exists"), "{}", again.text);
    let nowhere = app.post("lake~main/namespaces/x/tables/t", commit).await.error();
    assert_eq!(nowhere, "404 NoSuchNamespaceException: Namespace does not exist: x");
}

#[tokio::test]
async fn locations_stay_inside_the_warehouse() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["n"]).await;
    let path = "lake~main/namespaces/n/tables";
    let root = format!("file://{}/lake", app.directory.path().display());
    let at = |location: String| json!({ "name": "t", "location": location, "schema": schema() });
    for bad in [
        "file:///etc".to_owned(),
        format!("{root}/../x"),
        format!("{root}2/t"),
        "s3://bucket/t".to_owned(),
        "t".to_owned(),
    ] {
        let answer = app.post(path, at(bad.clone())).await.error();
        assert!(answer.starts_with("400 BadRequestException: "), "{bad}: {answer}");
        let answer = app.post(path, {
            let mut body = at(bad.clone());
            body["stage-create"] = json!(true);
            body
        });
        assert_eq!(answer.await.status, 400, "{bad}");
    }
    let kept = app.post(path, at(format!("{root}/mine/"))).await.ok();
    assert_eq!(kept["metadata"]["location"], format!("{root}/mine"));
    for update in [
        json!({ "action": "set-location", "location": "file:///etc" }),
        json!({ "action": "set-properties", "updates": { "write.metadata.path": "file:///etc" } }),
        json!({ "action": "set-properties", "updates": { "write.data.path": "s3://b/x" } }),
    ] {
        let commit = json!({ "requirements": [], "updates": [update] });
        let answer = app.post(&format!("{path}/t"), commit).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
    }
    let outside = app.directory.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, app.directory.path().join("lake/link")).unwrap();
    assert_eq!(app.post(path, at(format!("{root}/link/t"))).await.status, 400);
}

#[tokio::test]
async fn etags_differ_by_snapshots_and_version() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["n"]).await;
    let path = "lake~main/namespaces/n/tables/t";
    let table = app.table("lake~main", "n", "t").await;
    let table = app.post(path, append(&table, 11, 5)).await.ok();
    app.post(path, append(&table, 12, 7)).await.ok();
    let all = app.get(&format!("{path}?snapshots=all")).await;
    let refs = app.get(&format!("{path}?snapshots=refs")).await;
    let tag = |reply: &crate::app::Reply| reply.headers["etag"].to_str().unwrap().to_owned();
    let (all_tag, refs_tag) = (tag(&all), tag(&refs));
    assert_ne!(all_tag, refs_tag);
    assert_eq!(all.ok()["metadata"]["snapshots"].as_array().unwrap().len(), 2);
    assert_eq!(refs.ok()["metadata"]["snapshots"].as_array().unwrap().len(), 1);
    for (known, status) in [
        (all_tag.clone(), 304),
        (format!("\"x\", W/{all_tag}"), 304),
        ("*".to_owned(), 304),
        (refs_tag.clone(), 200),
        ("\"x\"".to_owned(), 200),
    ] {
        let answer = app.call_with("GET", path, None, &[("if-none-match", &known)]).await;
        assert_eq!(answer.status, status, "{known}");
        assert_eq!(answer.text.is_empty(), status == 304);
    }
    app.post(path, set_property("a", "b")).await.ok();
    let answer = app.call_with("GET", path, None, &[("if-none-match", &all_tag)]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(app.get(&format!("{path}?snapshots=some")).await.status, 400);
}

#[tokio::test]
async fn renames() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["a"]).await;
    app.namespace("lake~main", &["b"]).await;
    let made = app.table("lake~main", "a", "t").await;
    app.table("lake~main", "a", "u").await;
    let rename = |from: (&str, &str), to: (&str, &str)| {
        json!({
            "source": { "namespace": [from.0], "name": from.1 },
            "destination": { "namespace": [to.0], "name": to.1 }
        })
    };
    let path = "lake~main/tables/rename";
    for (body, expected) in [
        (rename(("a", "x"), ("a", "y")), "404 NoSuchTableException: Table does not exist: a.x"),
        (
            rename(("a", "t"), ("x", "y")),
            "404 NoSuchNamespaceException: Namespace does not exist: x",
        ),
        (
            rename(("a", "t"), ("a", "u")),
            "409 AlreadyExistsException: Cannot rename a.t to a.u. Table already exists",
        ),
    ] {
        assert_eq!(app.post(path, body).await.error(), expected);
    }
    let renamed = app.post(path, rename(("a", "t"), ("b", "T2"))).await;
    assert_eq!(renamed.status, 204);
    assert!(renamed.commit().is_some());
    assert_eq!(app.commit_of("main").1, "rename table a.t to b.T2");
    assert_eq!(app.get("lake~main/namespaces/b/tables/T2").await.ok(), made);
    assert_eq!(app.head("lake~main/namespaces/a/tables/t").await.status, 404);
    app.branch("other").await;
    let across = json!({
        "source": { "namespace": ["main", "a"], "name": "u" },
        "destination": { "namespace": ["other", "a"], "name": "v" }
    });
    assert_eq!(app.post("lake/tables/rename", across).await.status, 400);
}

#[tokio::test]
async fn drops_keep_the_files() {
    let app = TestApp::new().await;
    let made = app.table("lake~main", "default", "t").await;
    let path = "lake~main/namespaces/default/tables/t";
    assert_eq!(app.delete(&format!("{path}?purgeRequested=maybe")).await.status, 400);
    assert_eq!(app.delete(&format!("{path}?purgeRequested=True")).await.status, 204);
    assert_eq!(app.commit_of("main").1, "drop table default.t");
    let file = made["metadata-location"].as_str().unwrap().strip_prefix("file://").unwrap();
    assert!(std::path::Path::new(file).is_file());
    let before = app.get("lake/namespaces/main~1/tables/t").await.ok();
    assert_eq!(before, made);
    let again = app.table("lake~main", "default", "t").await;
    assert_ne!(again["metadata"]["location"], made["metadata"]["location"]);
    assert_ne!(again["metadata"]["table-uuid"], made["metadata"]["table-uuid"]);
}

#[tokio::test]
async fn odd_names() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["a.b"]).await;
    for (name, written) in
        [("x.y", "x.y"), ("x y", "x+y"), ("x+y", "x%2By"), ("x/y", "x%2Fy"), ("ü%", "%C3%BC%25")]
    {
        app.table("lake~main", "a.b", name).await;
        let path = format!("lake~main/namespaces/a.b/tables/{written}");
        assert_eq!(app.head(&path).await.status, 204, "{name}");
        app.post(&path, set_property("k", name)).await.ok();
        let loaded = app.get(&path).await.ok();
        assert_eq!(loaded["metadata"]["properties"]["k"], name);
    }
    let listed = app.get("lake~main/namespaces/a.b/tables").await.ok();
    assert_eq!(names(&listed), ["x y", "x+y", "x.y", "x/y", "ü%"]);
}

#[tokio::test]
async fn reports_are_always_taken() {
    let app = TestApp::new().await;
    for path in ["lake~main/namespaces/x/tables/t/metrics", "nope/namespaces/x/tables/t/metrics"] {
        assert_eq!(app.post(path, json!({ "report-type": "scan-report" })).await.status, 204);
    }
    app.table("lake~main", "default", "t").await;
    let credentials = app.get("lake~main/namespaces/default/tables/t/credentials").await.ok();
    assert_eq!(credentials, json!({ "storage-credentials": [] }));
}

#[tokio::test]
async fn a_metadata_file_that_is_gone_shows() {
    let app = TestApp::new().await;
    let made = app.table("lake~main", "default", "t").await;
    let location = made["metadata-location"].as_str().unwrap();
    std::fs::remove_file(location.strip_prefix("file://").unwrap()).unwrap();
    assert_eq!(
        app.get("lake~main/namespaces/default/tables/t").await.error(),
        format!("404 NotFoundException: Failed to open input stream for file: {location}")
    );
}
