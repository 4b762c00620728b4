//! Branches, tags, refs and the ref log.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::app::{TestApp, each};

#[tokio::test]
async fn a_branch_with_a_slash_is_one_segment() {
    let app = TestApp::new().await;
    let made = app.post("/lake/branches", &json!({ "name": "ingest/x" })).await;
    assert_eq!(made.headers["location"], "/api/v1/warehouses/lake/branches/ingest%2Fx");
    let made = made.with(201);
    assert_eq!(made["kind"], "branch");
    assert_eq!(made["head"], app.head("main").await);
    let found = app.get("/lake/branches/ingest%2Fx").await;
    assert_eq!(
        found.headers["etag"].to_str().unwrap(),
        format!("\"{}\"", made["head"].as_str().unwrap())
    );
    assert_eq!(found.with(200), made);
    app.get("/lake/branches/ingest/x").await.with(404);
    app.post("/lake/branches", &json!({ "name": "ingest/x" })).await.with(409);
    app.post("/lake/tags", &json!({ "name": "ingest/x" })).await.with(409);
}

#[tokio::test]
async fn lists_page_without_loss() {
    let app = TestApp::new().await;
    for number in 0..5 {
        app.post("/lake/branches", &json!({ "name": format!("b{number}") })).await.with(201);
    }
    app.post("/lake/tags", &json!({ "name": "b9" })).await.with(201);
    let mut names = Vec::new();
    let mut url = "/lake/branches?limit=2".to_owned();
    loop {
        let page = app.get(&url).await.with(200);
        assert!(page["items"].as_array().unwrap().len() <= 2);
        names.extend(each(&page, "name"));
        // Written behind and before the page: neither loses nor repeats one.
        let name = format!("a{}", names.len());
        app.post("/lake/branches", &json!({ "name": name })).await.with(201);
        match page["next_page_token"].as_str() {
            Some(token) => url = format!("/lake/branches?limit=2&page_token={token}"),
            None => break,
        }
    }
    assert_eq!(names, ["b0", "b1", "b2", "b3", "b4", "main"]);
    let some = app.get("/lake/branches?prefix=b").await.with(200);
    assert_eq!(each(&some, "name"), ["b0", "b1", "b2", "b3", "b4"]);
    assert_eq!(each(&app.get("/lake/tags").await.with(200), "name"), ["b9"]);
    let all = app.get("/lake/refs?prefix=b").await.with(200);
    assert_eq!(each(&all, "kind").last().unwrap(), "tag");
    assert_eq!(all["items"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn delete_reset_and_restore() {
    let app = TestApp::new().await;
    app.post("/lake/branches", &json!({ "name": "work" })).await.with(201);
    let before = app.head("work").await;
    app.namespace("work", "a", &json!({})).await;
    let head = app.head("work").await;
    assert_ne!(before, head);

    app.call("DELETE", "/lake/branches/work", "").await.with(409);
    let delete = |head: &str| {
        Request::delete("/api/v1/warehouses/lake/branches/work?force=true")
            .header("if-match", format!("\"{head}\""))
            .body(Body::empty())
            .unwrap()
    };
    app.raw(delete(&before)).await.with(409);
    app.raw(delete("short")).await.with(400);
    app.raw(delete(&head)).await.with(204);
    app.get("/lake/branches/work").await.with(404);
    app.call("DELETE", "/lake/branches/work", "").await.with(404);
    app.call("DELETE", "/lake/branches/main?force=true", "").await.with(400);

    let back = app.call("POST", "/lake/branches/work/restore", "").await;
    assert_eq!(back.headers["location"], "/api/v1/warehouses/lake/branches/work");
    assert_eq!(back.with(201)["head"], head.as_str());
    app.call("POST", "/lake/branches/work/restore", "{}").await.with(409);
    app.call("POST", "/lake/branches/never/restore", "").await.with(404);

    let stale = json!({ "to": "main", "expected_head": before });
    app.post("/lake/branches/work/reset", &stale).await.with(409);
    let fresh = json!({ "to": "main", "expected_head": head });
    let moved = app.post("/lake/branches/work/reset", &fresh).await.with(200);
    assert_eq!(moved["head"], before.as_str());
    app.post("/lake/branches/work/reset", &json!({ "to": "nowhere" })).await.with(404);
    app.post("/lake/branches/never/reset", &json!({ "to": "main" })).await.with(404);

    let log = app.get("/lake/ref-log?ref=work").await.with(200);
    assert_eq!(each(&log, "action"), ["reset", "restore", "delete", "commit", "create"]);
    let all = app.get("/lake/ref-log").await.with(200);
    let mut numbers: Vec<u64> =
        each(&all, "sequence").iter().map(|number| number.parse().unwrap()).collect();
    numbers.reverse();
    assert_eq!(numbers, (1..=6).collect::<Vec<u64>>());
}

#[tokio::test]
async fn tags_never_move() {
    let app = TestApp::new().await;
    let made = app.post("/lake/tags", &json!({ "name": "v1.0", "from": "main" })).await;
    assert_eq!(made.headers["location"], "/api/v1/warehouses/lake/tags/v1.0");
    assert_eq!(made.with(201)["kind"], "tag");
    app.get("/lake/tags/v1.0").await.with(200);
    app.get("/lake/tags/main").await.with(404);
    app.get("/lake/branches/v1.0").await.with(404);
    app.post("/lake/branches/v1.0/reset", &json!({ "to": "main" })).await.with(404);
    app.post("/lake/tags", &json!({ "name": "v2", "from": "nowhere" })).await.with(404);
    app.post("/lake/tags", &json!({ "name": "deadbeef" })).await.with(400);
    app.post("/lake/tags", &json!({ "name": "v2", "from": "main~9" })).await.with(404);
    app.call("DELETE", "/lake/tags/v1.0", "").await.with(204);
    app.call("DELETE", "/lake/tags/v1.0", "").await.with(404);
}
