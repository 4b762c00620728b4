//! How requests are read, whatever the endpoint.

use axum::body::Body;
use axum::http::Request;
use nunatak::base::limits::{BODY_BYTES_MAX, COMMIT_MESSAGE_BYTES_MAX};
use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn unknown_and_doubled_parameters() {
    let app = TestApp::new().await;
    for query in ["limits=1", "limit=1&limit=2", "limit=x", "limit=0", "page_token=zz", "%ff=1"] {
        app.get(&format!("?{query}")).await.with(400);
    }
    app.get("?page_token=").await.with(200);
}

#[tokio::test]
async fn bodies() {
    let app = TestApp::new().await;
    for body in ["{", "", "{\"name\":\"a\",\"name\":\"b\"}", "{\"name\":\"a\"} x"] {
        app.call("POST", "/lake/branches", body).await.with(400);
    }
    let form = Request::post("/api/v1/warehouses/lake/branches")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("{\"name\":\"a\"}"))
        .unwrap();
    app.raw(form).await.with(415);
    let large = Body::from(vec![b' '; BODY_BYTES_MAX + 1]);
    let large = Request::post("/api/v1/warehouses/lake/branches").body(large).unwrap();
    app.raw(large).await.with(413);
}

#[tokio::test]
async fn headers() {
    let app = TestApp::new().await;
    let with = |name: &str, value: &[u8]| {
        Request::post("/api/v1/warehouses/lake/branches")
            .header("content-type", "application/json")
            .header("x-request-id", "job-7")
            .header(name, value)
            .body(Body::from(json!({ "name": "work" }).to_string()))
            .unwrap()
    };
    app.raw(with("x-nunatak-message", b"\xff")).await.with(400);
    let long = vec![b'x'; COMMIT_MESSAGE_BYTES_MAX + 1];
    app.raw(with("x-nunatak-message", &long)).await.with(400);
    let made = app.raw(with("x-nunatak-message", "für später".as_bytes())).await;
    assert_eq!(made.headers["x-request-id"], "job-7");
    made.with(201);
    let log = app.get("/lake/ref-log?ref=work").await.with(200);
    assert_eq!(log["items"][0]["reason"], "für später");
}
