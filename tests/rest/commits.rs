//! Commits to one table.

use serde_json::{Value, json};

use crate::app::{TestApp, append, set_property};

const TABLE: &str = "lake~main/namespaces/default/tables/t";

#[tokio::test]
async fn each_commit_is_a_new_version() {
    let app = TestApp::new().await;
    let made = app.table("lake~main", "default", "t").await;
    let changed = app.post(TABLE, set_property("a", "1")).await;
    assert_eq!(changed.commit(), Some(app.commit_of("main").0));
    let changed = changed.ok();
    let location = changed["metadata-location"].as_str().unwrap();
    assert!(location.contains("/metadata/00001-"), "{location}");
    assert_eq!(changed["metadata"]["table-uuid"], made["metadata"]["table-uuid"]);
    let log = changed["metadata"]["metadata-log"].as_array().unwrap();
    assert_eq!(log.len(), 1);
    assert_eq!(log[0]["metadata-file"], made["metadata-location"]);
    assert_eq!(app.get(TABLE).await.ok(), changed);
    let old = app.get("lake/namespaces/main~1/tables/t").await.ok();
    assert_eq!(old, made);
}

#[tokio::test]
async fn messages_say_what_happened() {
    let app = TestApp::new().await;
    let table = app.table("lake~main", "default", "t").await;
    app.post(TABLE, append(&table, 1, 1204)).await.ok();
    assert_eq!(app.commit_of("main").1, "append 1,204 rows to default.t");
    let update = |updates: Value| json!({ "updates": updates });
    for (commit, message) in [
        (set_property("a", "1"), "set 1 property on default.t"),
        (
            update(json!([{ "action": "remove-properties", "removals": ["a"] }])),
            "remove 1 property from default.t",
        ),
        (
            update(json!([{ "action": "set-snapshot-ref", "ref-name": "x", "type": "tag",
                "snapshot-id": 1 }])),
            "set the table ref 'x' of default.t",
        ),
        (
            update(json!([{ "action": "upgrade-format-version", "format-version": 3 }])),
            "upgrade default.t to format version 3",
        ),
    ] {
        app.post(TABLE, commit).await.ok();
        assert_eq!(app.commit_of("main").1, message);
    }
    let headers = [("x-nunatak-message", "nightly load"), ("x-nunatak-property-run", "7")];
    let commit = set_property("b", "2");
    let answer = app.call_with("POST", TABLE, Some(commit), &headers).await;
    let id = answer.commit().unwrap();
    assert_eq!(app.commit_of("main"), (id, "nightly load".to_owned()));
}

#[tokio::test]
async fn requirements_that_fail_are_conflicts() {
    let app = TestApp::new().await;
    let table = app.table("lake~main", "default", "t").await;
    let head = app.commit_of("main");
    for (requirement, message) in [
        (
            json!({ "type": "assert-table-uuid", "uuid": "00000000-0000-0000-0000-000000000000" }),
            "Requirement failed: UUID does not match",
        ),
        (
            json!({ "type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": 5 }),
            "Requirement failed: branch or tag main is missing, expected 5",
        ),
        (
            json!({ "type": "assert-last-assigned-field-id", "last-assigned-field-id": 9 }),
            "Requirement failed: last assigned field id changed",
        ),
        (
            json!({ "type": "assert-current-schema-id", "current-schema-id": 9 }),
            "Requirement failed: current schema changed",
        ),
        (
            json!({ "type": "assert-default-spec-id", "default-spec-id": 9 }),
            "Requirement failed: default partition spec changed",
        ),
        (json!({ "type": "assert-create" }), "Requirement failed: table already exists"),
    ] {
        let mut commit = set_property("a", "b");
        commit["requirements"] = json!([requirement]);
        let answer = app.post(TABLE, commit).await.error();
        let expected = format!("409 CommitFailedException: {message}");
        assert!(answer.starts_with(&expected), "{answer}");
    }
    assert_eq!(app.commit_of("main"), head, "nothing moved");
    assert_eq!(app.get(TABLE).await.ok(), table);
}

#[tokio::test]
async fn commits_without_effect_make_no_commit() {
    let app = TestApp::new().await;
    let table = app.table("lake~main", "default", "t").await;
    let head = app.commit_of("main");
    let uuid = json!([{ "type": "assert-table-uuid", "uuid": table["metadata"]["table-uuid"] }]);
    for body in [
        json!({ "requirements": uuid, "updates": [] }),
        json!({ "identifier": { "namespace": ["default"], "name": "t" }, "requirements": [],
            "updates": [] }),
        json!({}),
    ] {
        let answer = app.post(TABLE, body).await;
        assert_eq!(answer.commit(), None);
        assert_eq!(answer.ok(), table);
    }
    assert_eq!(app.commit_of("main"), head);
    let stale = json!({ "requirements": [{ "type": "assert-ref-snapshot-id", "ref": "main",
        "snapshot-id": 3 }], "updates": [] });
    assert_eq!(app.post(TABLE, stale).await.status, 409);
}

#[tokio::test]
async fn stale_writers_conflict_and_others_do_not() {
    let app = TestApp::new().await;
    let table = app.table("lake~main", "default", "t").await;
    let other = app.table("lake~main", "default", "u").await;
    app.post(TABLE, append(&table, 1, 1)).await.ok();
    let stale = app.post(TABLE, append(&table, 2, 1)).await.error();
    assert!(stale.starts_with("409 CommitFailedException: Requirement failed"), "{stale}");
    let path = "lake~main/namespaces/default/tables/u";
    app.post(path, append(&other, 3, 1)).await.ok();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_lose_nothing() {
    let app = std::sync::Arc::new(TestApp::new().await);
    app.table("lake~main", "default", "t").await;
    app.table("lake~main", "default", "u").await;
    let writers = (0..16).map(|index| {
        let app = std::sync::Arc::clone(&app);
        tokio::spawn(async move {
            let table = if index % 2 == 0 { "t" } else { "u" };
            let path = format!("lake~main/namespaces/default/tables/{table}");
            for round in 0..5 {
                let key = format!("k{index}-{round}");
                app.post(&path, set_property(&key, "v")).await.ok();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    for table in ["t", "u"] {
        let path = format!("lake~main/namespaces/default/tables/{table}");
        let loaded = app.get(&path).await.ok();
        let properties = loaded["metadata"]["properties"].as_object().unwrap();
        assert_eq!(properties.keys().filter(|key| key.starts_with('k')).count(), 40);
        let log = loaded["metadata"]["metadata-log"].as_array().unwrap().len();
        assert_eq!(log, 40, "every version follows the one before");
    }
}

#[tokio::test]
async fn branches_are_apart() {
    let app = TestApp::new().await;
    app.table("lake~main", "default", "t").await;
    app.branch("dev").await;
    let dev = "lake~dev/namespaces/default/tables/t";
    app.post(dev, set_property("a", "dev")).await.ok();
    assert_eq!(app.get(TABLE).await.ok()["metadata"]["properties"]["a"], json!(null));
    assert_eq!(app.get(dev).await.ok()["metadata"]["properties"]["a"], "dev");
}
