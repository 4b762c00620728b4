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

#[tokio::test]
async fn paths_are_decoded_once() {
    let app = TestApp::new().await;
    app.post("/lake/branches", &json!({ "name": "ingest/x" })).await.with(201);
    app.get("/lake/branches/ingest%2Fx").await.with(200);
    app.get("/lake/branches/ingest%252Fx").await.with(400);
    app.call("DELETE", "/lake/branches/ingest%252Fx", "").await.with(400);
    app.get("/lake/branches/ingest%2Fx").await.with(200);
}

#[tokio::test]
async fn bodies_that_only_look_like_objects() {
    let app = TestApp::new().await;
    let path = "/api/v1/warehouses/lake/branches";
    app.call("POST", "/lake/branches", "[\"a\", \"main\"]").await.with(400);
    let bytes = b"{\"name\":\"a\xff\"}".to_vec();
    app.raw(Request::post(path).body(Body::from(bytes)).unwrap()).await.with(400);
    let packed = Request::post(path)
        .header("content-encoding", "gzip")
        .body(Body::from("{\"name\":\"a\"}"))
        .unwrap();
    app.raw(packed).await.with(415);
    app.get("/lake/branches/a").await.with(404);
}

#[tokio::test]
async fn page_tokens_of_another_list() {
    let app = TestApp::new().await;
    for name in ["a", "b"] {
        app.namespace("main", name, &json!({})).await;
        let path = format!("/iceberg/v1/lake~main/namespaces/{name}/tables");
        for table in ["t", "u"] {
            let schema = json!({ "type": "struct", "fields": [] });
            let body = json!({ "name": table, "schema": schema }).to_string();
            assert_eq!(app.call("POST", &path, &body).await.status, 200);
        }
    }
    let token = |list: serde_json::Value| list["next_page_token"].as_str().unwrap().to_owned();
    let of_a = token(app.get("/lake/contents?path=a&limit=1").await.with(200));
    let of_refs = {
        app.post("/lake/branches", &json!({ "name": "work" })).await.with(201);
        token(app.get("/lake/refs?limit=1").await.with(200))
    };
    let next = format!("&page_token={of_a}");
    app.get(&format!("/lake/contents?path=a{next}")).await.with(200);
    app.get(&format!("/lake/contents?path=b{next}")).await.with(400);
    app.get(&format!("/lake/refs?limit=1{next}")).await.with(400);
    let next = format!("&page_token={of_refs}");
    app.get(&format!("/lake/refs?limit=1{next}")).await.with(200);
    app.get(&format!("/lake/contents?path=a{next}")).await.with(400);
    app.get(&format!("/lake/diff?from=main~1&to=main{next}")).await.with(400);
}
