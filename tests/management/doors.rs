//! What happens around requests: error forms, foreign pages, health, metrics, compression.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::app::TestApp;

fn get(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn each_door_has_its_form_of_errors() {
    let app = TestApp::new().await;
    app.raw(get("/nothing", &[])).await.with(404);
    let wrong = app.call("PUT", "", "").await;
    assert!(wrong.headers["allow"].to_str().unwrap().contains("POST"));
    wrong.with(405);
    let iceberg = app.raw(get("/iceberg/v1/nothing/at/all", &[])).await;
    assert_eq!(iceberg.status, 404);
    assert_eq!(iceberg.headers["content-type"], "application/json");
    assert_eq!(iceberg.body["error"]["code"], 404);
    let foreign = app.raw(get("/iceberg/v1/config", &[("host", "evil.example")])).await;
    assert_eq!(foreign.body["error"]["type"], "ForbiddenException");
}

#[tokio::test]
async fn foreign_pages_are_refused() {
    let app = TestApp::new().await;
    let path = "/api/v1/warehouses";
    let host = ("host", "127.0.0.1:8181");
    app.raw(get(path, &[host])).await.with(200);
    app.raw(get(path, &[host, ("origin", "http://127.0.0.1:8181")])).await.with(200);
    app.raw(get(path, &[("host", "rebound.example:8181")])).await.with(403);
    app.raw(get(path, &[host, ("origin", "http://evil.example")])).await.with(403);
    app.raw(get(path, &[host, ("origin", "null")])).await.with(403);
    app.raw(get("/health/live", &[("host", "evil.example")])).await.with(403);
}

#[tokio::test]
async fn health_and_metrics() {
    let app = TestApp::new().await;
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(app.raw(get(path, &[])).await.with(200), json!({ "status": "ok" }));
    }
    app.get("/absent").await.with(404);
    let metrics = app.raw(get("/metrics", &[])).await.with(200);
    let text = metrics.as_str().unwrap();
    for part in [
        r#"nunatak_http_requests_total{method="GET",route="/api/v1/warehouses/{wh}",status="404"} 1"#,
        "nunatak_commits_total 1",
        "nunatak_store_calls_total{",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains("absent"), "a name from a request is a label");
}

#[tokio::test]
async fn long_answers_are_compressed_for_who_asks() {
    let app = TestApp::new().await;
    let gzip = ("accept-encoding", "gzip");
    let long = app.raw(get("/api/openapi.json", &[gzip])).await;
    assert_eq!(long.headers["content-encoding"], "gzip");
    let plain = app.raw(get("/api/openapi.json", &[])).await;
    assert!(!plain.headers.contains_key("content-encoding"));
    let short = app.raw(get("/health/live", &[gzip])).await;
    assert!(!short.headers.contains_key("content-encoding"));
}
