//! Views.

use serde_json::{Value, json};

use crate::app::{TestApp, names, schema, table_body};

pub(crate) fn view_body(name: &str, sql: &str) -> Value {
    json!({ "name": name, "schema": schema(), "properties": {}, "view-version": version(1, sql) })
}

fn version(id: i32, sql: &str) -> Value {
    json!({
        "version-id": id,
        "schema-id": 0,
        "timestamp-ms": 1_700_000_000_000_i64,
        "summary": { "engine-name": "test" },
        "default-namespace": ["default"],
        "representations": [{ "type": "sql", "sql": sql, "dialect": "spark" }]
    })
}

#[tokio::test]
async fn life_of_a_view() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["n"]).await;
    let path = "lake~main/namespaces/n/views";
    let made = app.post(path, view_body("v", "select 1")).await;
    assert_eq!(made.commit(), Some(app.commit_of("main").0));
    let made = made.ok();
    assert_eq!(app.commit_of("main").1, "create view n.v");
    assert_eq!(app.get(&format!("{path}/v")).await.ok(), made);
    assert_eq!(app.head(&format!("{path}/v")).await.status, 204);
    assert_eq!(names(&app.get(path).await.ok()), ["v"]);
    assert_eq!(names(&app.get("lake~main/namespaces/n/tables").await.ok()), Vec::<String>::new());
    let replace = json!({
        "requirements": [{ "type": "assert-view-uuid", "uuid": made["metadata"]["view-uuid"] }],
        "updates": [
            { "action": "add-view-version", "view-version": version(2, "select 2") },
            { "action": "set-current-view-version", "view-version-id": -1 }
        ]
    });
    let replaced = app.post(&format!("{path}/v"), replace).await.ok();
    assert_eq!(replaced["metadata"]["current-version-id"], 2);
    assert_ne!(replaced["metadata-location"], made["metadata-location"]);
    assert_eq!(app.commit_of("main").1, "replace view n.v");
    let wrong = json!({ "updates": [], "requirements": [
        { "type": "assert-view-uuid", "uuid": "00000000-0000-0000-0000-000000000000" }] });
    let answer = app.post(&format!("{path}/v"), wrong).await.error();
    assert!(answer.starts_with("409 CommitFailedException: Requirement failed"), "{answer}");
    let same = app.post(&format!("{path}/v"), json!({ "updates": [] })).await;
    assert_eq!((same.commit(), same.ok()), (None, replaced));
    assert_eq!(app.delete(&format!("{path}/v")).await.status, 204);
    for answer in [app.get(&format!("{path}/v")).await, app.delete(&format!("{path}/v")).await] {
        assert_eq!(answer.error(), "404 NoSuchViewException: View does not exist: n.v");
    }
}

#[tokio::test]
async fn views_and_tables_share_names() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["n"]).await;
    let (tables, views) = ("lake~main/namespaces/n/tables", "lake~main/namespaces/n/views");
    app.table("lake~main", "n", "t").await;
    app.post(views, view_body("v", "select 1")).await.ok();
    for (answer, expected) in [
        (app.post(views, view_body("t", "x")).await, "Table with same name already exists: n.t"),
        (app.post(views, view_body("v", "x")).await, "View already exists: n.v"),
        (app.post(tables, table_body("v")).await, "View with same name already exists: n.v"),
    ] {
        assert_eq!(answer.error(), format!("409 AlreadyExistsException: {expected}"));
    }
    let commit = json!({ "requirements": [{ "type": "assert-create" }], "updates": [] });
    let answer = app.post(&format!("{tables}/v"), commit).await;
    assert!(answer.text.contains("View with same name already exists: n.v"), "{}", answer.text);
    assert_eq!(app.get(&format!("{tables}/v")).await.status, 404);
    assert_eq!(app.get(&format!("{views}/t")).await.status, 404);
    let rename = |from: &str, to: &str| {
        json!({ "source": { "namespace": ["n"], "name": from },
            "destination": { "namespace": ["n"], "name": to } })
    };
    assert_eq!(
        app.post("lake~main/views/rename", rename("v", "t")).await.error(),
        "409 AlreadyExistsException: Cannot rename n.v to n.t. Table already exists"
    );
    assert_eq!(
        app.post("lake~main/tables/rename", rename("t", "v")).await.error(),
        "409 AlreadyExistsException: Cannot rename n.t to n.v. View already exists"
    );
    assert_eq!(app.post("lake~main/views/rename", rename("v", "w")).await.status, 204);
    assert_eq!(names(&app.get(views).await.ok()), ["w"]);
}

#[tokio::test]
async fn registered_views() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["n"]).await;
    let made = app.post("lake~main/namespaces/n/views", view_body("v", "select 1")).await.ok();
    let body = json!({ "name": "w", "metadata-location": made["metadata-location"] });
    let path = "lake~main/namespaces/n/register-view";
    let registered = app.post(path, body.clone()).await.ok();
    assert_eq!(registered, made);
    assert_eq!(
        app.post(path, body).await.error(),
        "409 AlreadyExistsException: View already exists: n.w"
    );
    let table = app.table("lake~main", "n", "t").await;
    let body = json!({ "name": "x", "metadata-location": table["metadata-location"] });
    assert!(app.post(path, body).await.status.is_client_error());
}
