//! Requests that are wrong: every one gets an answer in Iceberg's form.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn malformed_bodies() {
    let app = TestApp::new().await;
    app.table("lake~main", "default", "t").await;
    for path in [
        "lake~main/namespaces",
        "lake~main/namespaces/default/properties",
        "lake~main/namespaces/default/tables",
        "lake~main/namespaces/default/tables/t",
        "lake~main/namespaces/default/register",
        "lake~main/namespaces/default/views",
        "lake~main/namespaces/default/register-view",
        "lake~main/tables/rename",
        "lake~main/views/rename",
        "lake~main/transactions/commit",
    ] {
        for body in
            ["", "{", "[]x", "null", "\"x\"", "{\"name\": 7, \"namespace\": 7, \"updates\": 7}"]
        {
            let request = Request::builder()
                .method("POST")
                .uri(format!("/iceberg/v1/{path}"))
                .header("host", "localhost")
                .body(Body::from(body))
                .unwrap();
            let answer = app.send(request).await;
            let error = answer.error();
            assert!(error.starts_with("400 BadRequestException: "), "{path} {body}: {error}");
        }
    }
}

#[tokio::test]
async fn unknown_actions_and_requirements() {
    let app = TestApp::new().await;
    app.table("lake~main", "default", "t").await;
    for body in [
        json!({ "updates": [{ "action": "do-magic" }] }),
        json!({ "updates": [{}] }),
        json!({ "updates": [{ "action": "add-view-version" }] }),
        json!({ "requirements": [{ "type": "assert-magic" }], "updates": [] }),
        json!({ "updates": [{ "action": "set-current-schema", "schema-id": 99 }] }),
        json!({ "updates": [{ "action": "set-properties", "updates": { "a": 1 } }] }),
    ] {
        let answer = app.post("lake~main/namespaces/default/tables/t", body.clone()).await.error();
        assert!(answer.starts_with("400 BadRequestException: "), "{body}: {answer}");
    }
}

#[tokio::test]
async fn names_that_cannot_be() {
    let app = TestApp::new().await;
    let long = "x".repeat(256);
    for name in ["", "a\u{0}b", "a\nb", long.as_str()] {
        let answer = app.table_refused(name).await;
        assert!(answer.starts_with("400 BadRequestException: "), "{name:?}: {answer}");
        let body = json!({ "namespace": [name] });
        let answer = app.post("lake~main/namespaces", body).await;
        assert_eq!(answer.status, 400, "{name:?}");
    }
    let deep = vec!["a"; 17];
    let answer = app.post("lake~main/namespaces", json!({ "namespace": deep })).await;
    assert_eq!(answer.status, 400);
    let answer = app.post("lake~main/namespaces", json!({ "namespace": [] })).await;
    assert_eq!(answer.status, 400);
}

impl TestApp {
    async fn table_refused(&self, name: &str) -> String {
        let body = crate::app::table_body(name);
        self.post("lake~main/namespaces/default/tables", body).await.error()
    }
}

#[tokio::test]
async fn paths_that_lead_nowhere() {
    let app = TestApp::new().await;
    for (method, path, status) in [
        ("GET", "nope/namespaces", 404),
        ("GET", "lake~/namespaces", 404),
        ("GET", "lake~main~zz/namespaces", 404),
        ("GET", "lake~gone/namespaces", 404),
        ("GET", "lake/nothing", 404),
        ("GET", "lake/namespaces/%ff", 400),
        ("GET", "lake/namespaces/main/tables/%ff", 400),
        ("PUT", "lake/namespaces", 405),
        ("GET", "lake/transactions/commit", 405),
        ("POST", "lake/namespaces/main/tables/t/plan", 404),
    ] {
        let answer = app.call(method, path, None).await;
        assert_eq!(answer.status, status, "{method} {path}");
        answer.error();
    }
}

#[tokio::test]
async fn schemas_that_cannot_be() {
    let app = TestApp::new().await;
    for schema in [
        json!({}),
        json!({ "type": "struct", "fields": [{ "id": 1, "name": "x", "type": "nope" }] }),
        json!({ "type": "struct", "fields": [
            { "id": 1, "name": "x", "required": false, "type": "int" },
            { "id": 2, "name": "x", "required": false, "type": "int" }] }),
    ] {
        let body = json!({ "name": "t", "schema": schema });
        let answer = app.post("lake~main/namespaces/default/tables", body).await;
        assert_eq!(answer.status, 400, "{schema}: {}", answer.text);
    }
}
