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
    for name in ["", ".", "..", "a\u{0}b", "a\nb", long.as_str()] {
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

#[tokio::test]
async fn links_lead_out_of_no_warehouse() {
    let app = TestApp::new().await;
    let made = app.table("lake~main", "default", "t").await;
    let outside = app.directory.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    let link = app.directory.path().join("lake/link");
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    let location = format!("file://{}/x", link.display());
    let before = app.commit_of("main");
    let tables = "lake~main/namespaces/default/tables";
    let views = "lake~main/namespaces/default/views";
    let version = json!({ "version-id": 1, "timestamp-ms": 1, "schema-id": 0, "summary": {},
        "default-namespace": ["default"],
        "representations": [{ "type": "sql", "sql": "select 1", "dialect": "spark" }] });
    for key in ["write.metadata.path", "write.data.path"] {
        let properties = json!({ key: location });
        let table =
            json!({ "name": "n", "schema": crate::app::schema(), "properties": properties });
        let mut staged = table.clone();
        staged["stage-create"] = json!(true);
        let view = json!({ "name": "v", "schema": crate::app::schema(), "view-version": version,
            "properties": properties });
        for (path, body) in [
            (tables.to_owned(), table),
            (tables.to_owned(), staged),
            (format!("{tables}/t"), crate::app::set_property(key, &location)),
            (views.to_owned(), view),
        ] {
            let answer = app.post(&path, body).await;
            assert_eq!(answer.status, 400, "{path} {key}: {}", answer.text);
        }
    }
    assert_eq!(app.commit_of("main"), before);
    assert_eq!(app.get(&format!("{tables}/t")).await.ok(), made);
    assert_eq!(std::fs::read_dir(outside).unwrap().count(), 0);
}

#[tokio::test]
async fn locations_that_no_file_system_takes() {
    let app = TestApp::new().await;
    let root = app.directory.path().join("lake");
    let long = format!("file://{}/{}/t", root.display(), "x".repeat(300));
    let mut body = crate::app::table_body("t");
    body["location"] = json!(long);
    let answer = app.post("lake~main/namespaces/default/tables", body).await.error();
    assert!(answer.starts_with("400 BadRequestException: "), "{answer}");

    let level = "n".repeat(255);
    let mut levels: Vec<&str> = Vec::new();
    for _ in 0..16 {
        levels.push(&level);
        app.namespace("lake~main", &levels).await;
    }
    let made = app.table("lake~main", &levels.join("%1F"), &level).await;
    let location = made["metadata-location"].as_str().unwrap();
    assert!(std::path::Path::new(location.strip_prefix("file://").unwrap()).exists());
}

#[tokio::test]
async fn requests_of_another_shape() {
    let app = TestApp::new().await;
    app.table("lake~main", "default", "t").await;
    let table = "lake~main/namespaces/default/tables/t";
    assert_eq!(app.post(table, json!([])).await.status, 400);
    assert_eq!(app.post(table, json!([[], []])).await.status, 400);
    for query in ["pageSize=1&pageSize=2", "pageToken=&pageToken="] {
        let path = format!("lake~main/namespaces/default/tables?{query}");
        assert_eq!(app.get(&path).await.status, 400, "{query}");
    }
    // More than a server ever takes is the client's mistake; 429 would make it try again for ever.
    let body = json!({ "namespace": ["big"], "properties": { "x": "y".repeat(300_000) } });
    assert_eq!(app.post("lake~main/namespaces", body).await.status, 400);
}
