//! The warehouse view: refs as first-level namespaces.

use serde_json::json;

use crate::app::{TestApp, names, set_property, table_body};

#[tokio::test]
async fn creating_a_namespace_creates_a_branch() {
    let app = TestApp::new().await;
    app.namespace("lake", &["main", "sales"]).await;
    app.table("lake", "main%1Fsales", "orders").await;
    let made = app
        .post("lake/namespaces", json!({ "namespace": ["ingest"], "properties": { "owner": "x" } }))
        .await
        .ok();
    assert_eq!(made["properties"]["nunatak.kind"], "branch");
    assert_eq!(made["properties"]["nunatak.head"], app.commit_of("main").0);
    assert_eq!(names(&app.get("lake/namespaces").await.ok()), ["ingest", "main"]);
    assert_eq!(names(&app.get("lake/namespaces?parent=ingest").await.ok()), ["ingest.sales"]);
    assert_eq!(app.head("lake/namespaces/ingest%1Fsales/tables/orders").await.status, 204);
    assert_eq!(
        app.post("lake/namespaces", json!({ "namespace": ["ingest"] })).await.error(),
        "409 AlreadyExistsException: Namespace already exists: ingest"
    );
    let from = json!({ "namespace": ["old"], "properties": { "from": "main~2" } });
    app.post("lake/namespaces", from).await.ok();
    assert_eq!(app.commit_of("old").0, app.commit_of("main~2").0);
    let kept = json!({ "namespace": ["noted"], "properties": { "team": "a" } });
    assert_eq!(app.post("lake/namespaces", kept).await.ok()["properties"]["team"], "a");
    for bad in ["a..b", "deadbeef00", "main~1", "x y"] {
        let answer = app.post("lake/namespaces", json!({ "namespace": [bad] })).await;
        assert_eq!(answer.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn a_ref_by_itself_is_its_default_namespace() {
    let app = TestApp::new().await;
    app.branch("ingest").await;
    app.table("lake", "ingest", "orders").await;
    assert_eq!(app.head("lake~ingest/namespaces/default/tables/orders").await.status, 204);
    assert_eq!(app.head("lake/namespaces/ingest%1Fdefault/tables/orders").await.status, 204);
    assert_eq!(app.head("lake/namespaces/main/tables/orders").await.status, 404);
    assert_eq!(names(&app.get("lake/namespaces?parent=ingest").await.ok()), Vec::<String>::new());
    assert_eq!(names(&app.get("lake~ingest/namespaces").await.ok()), ["default"]);
    let listed = app.get("lake/namespaces/ingest/tables").await.ok();
    assert_eq!(listed["identifiers"], json!([{ "namespace": ["ingest"], "name": "orders" }]));
    assert_eq!(app.commit_of("ingest").1, "create table default.orders");
}

#[tokio::test]
async fn dropping_a_namespace_drops_the_branch() {
    let app = TestApp::new().await;
    app.branch("merged").await;
    assert_eq!(app.delete("lake/namespaces/merged").await.status, 204);
    app.branch("work").await;
    app.table("lake", "work", "t").await;
    let refused = app.delete("lake/namespaces/work").await.error();
    let expected = "409 NamespaceNotEmptyException: Namespace work is not empty: ";
    assert!(refused.starts_with(expected), "{refused}");
    assert_eq!(app.delete("lake/namespaces/work?force=true").await.status, 204);
    assert_eq!(
        app.delete("lake/namespaces/work").await.error(),
        "404 NoSuchNamespaceException: Namespace does not exist: work"
    );
    app.branch("undone").await;
    app.table("lake", "undone", "t").await;
    assert_eq!(app.delete("lake/namespaces/undone").await.status, 409);
    app.delete("lake/namespaces/undone/tables/t").await;
    let note = json!({ "updates": { "team": "a" } });
    app.post("lake/namespaces/undone/properties", note).await.ok();
    assert_eq!(app.delete("lake/namespaces/undone").await.status, 204);
    app.branch("marked").await;
    app.table("lake", "marked", "t").await;
    let mark = json!({ "updates": { "force-drop": "true" } });
    app.post("lake/namespaces/marked/properties", mark).await.ok();
    assert_eq!(app.delete("lake/namespaces/marked").await.status, 204);
    assert_eq!(app.delete("lake/namespaces/main").await.status, 400);
}

#[tokio::test]
async fn tags_and_commits_are_read_only() {
    let app = TestApp::new().await;
    app.table("lake~main", "default", "t").await;
    app.tag("v1").await;
    let (head, _) = app.commit_of("main");
    app.post("lake~main/namespaces/default/tables/t", set_property("k", "v")).await.ok();
    for (at, message) in [
        ("v1", "v1 is a tag; tags are read-only, write to a branch".to_owned()),
        (&head, format!("{head} is a commit; commits are read-only, write to a branch")),
        ("main~1", "main~1 is a commit; commits are read-only, write to a branch".to_owned()),
    ] {
        let table = app.get(&format!("lake/namespaces/{at}/tables/t")).await.ok();
        assert_eq!(table["metadata"]["properties"]["k"], json!(null), "{at}");
        let expected = format!("400 BadRequestException: {message}");
        let path = format!("lake/namespaces/{at}/tables");
        assert_eq!(app.post(&path, table_body("u")).await.error(), expected);
        let commit = set_property("a", "b");
        assert_eq!(app.post(&format!("{path}/t"), commit).await.error(), expected);
        assert_eq!(app.delete(&format!("{path}/t")).await.error(), expected);
        let namespace = json!({ "namespace": [at, "n"] });
        assert_eq!(app.post("lake/namespaces", namespace).await.error(), expected);
        assert_eq!(app.delete(&format!("lake/namespaces/{at}")).await.error(), expected);
        let properties = json!({ "updates": { "a": "b" } });
        let path = format!("lake/namespaces/{at}/properties");
        assert_eq!(app.post(&path, properties).await.error(), expected);
    }
    let tag = app.get("lake/namespaces/v1").await.ok();
    assert_eq!(tag["properties"]["nunatak.kind"], "tag");
    assert_eq!(tag["properties"]["nunatak.head"], head);
    assert_eq!(names(&app.get("lake/namespaces").await.ok()), ["main", "v1"]);
}

#[tokio::test]
async fn names_that_are_no_refs_do_not_exist() {
    let app = TestApp::new().await;
    for name in ["system", "information_schema", "a..b", "%C3%BC", "x%20y", "main~99"] {
        for path in [name.to_owned(), format!("{name}%1Fa")] {
            let answer = app.get(&format!("lake/namespaces/{path}")).await.error();
            assert!(answer.starts_with("404 NoSuchNamespaceException"), "{path}: {answer}");
            let path = format!("lake/namespaces/{path}/tables/t");
            let answer = app.get(&path).await.error();
            assert!(answer.starts_with("404 NoSuchTableException"), "{path}: {answer}");
        }
    }
}

#[tokio::test]
async fn what_a_ref_is_cannot_be_set() {
    let app = TestApp::new().await;
    app.branch("b").await;
    for key in ["nunatak.head", "nunatak.kind", "nunatak.other", "from"] {
        let body = json!({ "updates": { key: "x" } });
        assert_eq!(app.post("lake/namespaces/b/properties", body).await.status, 400, "{key}");
    }
    let body = json!({ "updates": { "created-at": "my own" } });
    app.post("lake/namespaces/b/properties", body).await.ok();
    let properties = &app.get("lake/namespaces/b").await.ok()["properties"];
    assert_eq!(properties["created-at"], "my own");
    assert_ne!(properties["nunatak.created-at"], "my own");
}

#[tokio::test]
async fn refs_page_lazily() {
    let app = TestApp::new().await;
    for index in 0..7 {
        app.branch(&format!("b{index}")).await;
    }
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let page = app.get(&format!("lake/namespaces?pageSize=3&pageToken={token}")).await.ok();
        seen.extend(names(&page));
        match page["next-page-token"].as_str() {
            Some(next) => next.clone_into(&mut token),
            None => break,
        }
    }
    assert_eq!(seen, ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "main"]);
}
