//! `transactions/commit`: many tables of one branch in one commit.

use serde_json::{Value, json};

use crate::app::{TestApp, schema};

const PATH: &str = "lake~main/transactions/commit";

fn change(namespace: &[&str], name: &str, requirements: Value, updates: Value) -> Value {
    json!({
        "identifier": { "namespace": namespace, "name": name },
        "requirements": requirements,
        "updates": updates
    })
}

fn set(key: &str, value: &str) -> Value {
    json!([{ "action": "set-properties", "updates": { key: value } }])
}

async fn property(app: &TestApp, name: &str, key: &str) -> Value {
    let path = format!("lake~main/namespaces/default/tables/{name}");
    app.get(&path).await.ok()["metadata"]["properties"][key].clone()
}

#[tokio::test]
async fn many_tables_in_one_commit() {
    let app = TestApp::new().await;
    app.table("lake~main", "default", "t").await;
    app.table("lake~main", "default", "u").await;
    let (before, _) = app.commit_of("main");
    let body = json!({ "table-changes": [
        change(&["default"], "t", json!([]), set("a", "1")),
        change(&["default"], "u", json!([]), set("a", "2")),
    ] });
    let answer = app.post(PATH, body).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    let (head, message) = app.commit_of("main");
    assert_eq!(answer.commit().unwrap(), head);
    assert_eq!(app.commit_of("main~1").0, before);
    assert_eq!(
        message,
        "change 2 tables: set 1 property on default.t; set 1 property on default.u"
    );
    assert_eq!(property(&app, "t", "a").await, "1");
    assert_eq!(property(&app, "u", "a").await, "2");
}

#[tokio::test]
async fn all_or_nothing() {
    let app = TestApp::new().await;
    app.table("lake~main", "default", "t").await;
    let head = app.commit_of("main");
    let stale = json!([{ "type": "assert-current-schema-id", "current-schema-id": 7 }]);
    for (second, status) in [
        (change(&["default"], "missing", json!([]), set("a", "2")), 404),
        (change(&["default"], "t", stale, set("a", "2")), 409),
    ] {
        let first = change(&["default"], "t", json!([]), set("a", "1"));
        let answer = app.post(PATH, json!({ "table-changes": [first, second] })).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert_eq!(app.commit_of("main"), head);
        assert_eq!(property(&app, "t", "a").await, json!(null));
    }
}

#[tokio::test]
async fn several_changes_of_one_table_in_order() {
    let app = TestApp::new().await;
    let made = app.table("lake~main", "default", "t").await;
    let add = json!([
        { "action": "add-schema", "schema": {
            "type": "struct", "schema-id": 1, "fields": [
                { "id": 1, "name": "id", "required": true, "type": "long" },
                { "id": 2, "name": "data", "required": false, "type": "string" },
                { "id": 3, "name": "more", "required": false, "type": "int" }
            ] }, "last-column-id": 3 },
        { "action": "set-current-schema", "schema-id": -1 }
    ]);
    let after = json!([{ "type": "assert-current-schema-id", "current-schema-id": 1 }]);
    let body = json!({ "table-changes": [
        change(&["default"], "t", json!([]), add),
        change(&["default"], "t", after, set("a", "1")),
    ] });
    app.post(PATH, body).await.ok();
    let now = app.get("lake~main/namespaces/default/tables/t").await.ok();
    assert_eq!(now["metadata"]["current-schema-id"], 1);
    assert_eq!(now["metadata"]["properties"]["a"], "1");
    let log = now["metadata"]["metadata-log"].as_array().unwrap();
    assert_eq!(log.len(), 1, "one version of the table");
    assert_eq!(log[0]["metadata-file"], made["metadata-location"]);
}

#[tokio::test]
async fn staged_creates_take_part() {
    let app = TestApp::new().await;
    app.table("lake~main", "default", "t").await;
    let root = format!("file://{}/lake/new", app.directory.path().display());
    let create = json!([
        { "action": "add-schema", "schema": schema() },
        { "action": "set-current-schema", "schema-id": -1 },
        { "action": "add-spec", "spec": { "spec-id": 0, "fields": [] } },
        { "action": "set-default-spec", "spec-id": -1 },
        { "action": "add-sort-order", "sort-order": { "order-id": 0, "fields": [] } },
        { "action": "set-default-sort-order", "sort-order-id": -1 },
        { "action": "set-location", "location": root }
    ]);
    let created = json!([{ "type": "assert-create" }]);
    let body = json!({ "table-changes": [
        change(&["default"], "new", created, create),
        change(&["default"], "new", json!([]), set("b", "2")),
        change(&["default"], "t", json!([]), set("a", "1")),
    ] });
    app.post(PATH, body.clone()).await.ok();
    assert_eq!(property(&app, "new", "b").await, "2");
    assert_eq!(property(&app, "t", "a").await, "1");
    assert_eq!(app.post(PATH, body).await.status, 409);
}

#[tokio::test]
async fn two_branches_are_refused_and_nothing_is_nothing() {
    let app = TestApp::new().await;
    app.table("lake~main", "default", "t").await;
    app.branch("dev").await;
    let body = json!({ "table-changes": [
        change(&["main"], "t", json!([]), set("a", "1")),
        change(&["dev"], "t", json!([]), set("a", "1")),
    ] });
    let answer = app.post("lake/transactions/commit", body).await.error();
    assert!(answer.starts_with("400 BadRequestException: one commit changes tables"), "{answer}");
    let head = app.commit_of("main");
    assert_eq!(app.post(PATH, json!({ "table-changes": [] })).await.status, 204);
    assert_eq!(app.commit_of("main"), head);
    let body = json!({ "table-changes": [change(&["main"], "t", json!([]), set("a", "1"))] });
    assert_eq!(app.post("lake/transactions/commit", body).await.status, 204);
}
