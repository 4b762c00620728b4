//! Idempotency keys: a request that comes again is answered again and not carried out again.

use serde_json::{Value, json};

use crate::app::{Reply, TestApp, set_property, table_body};

const KEY: &str = "0193e5f0-7c1e-7000-8000-000000000001";

async fn keyed(app: &TestApp, method: &str, path: &str, body: Option<Value>, key: &str) -> Reply {
    app.call_with(method, path, body, &[("idempotency-key", key)]).await
}

#[tokio::test]
async fn every_change_is_carried_out_once() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["n"]).await;
    let rename = json!({ "source": { "namespace": ["n"], "name": "t" },
        "destination": { "namespace": ["n"], "name": "u" } });
    let requests = [
        ("POST", "lake~main/namespaces", Some(json!({ "namespace": ["m"] }))),
        ("POST", "lake~main/namespaces/n/properties", Some(json!({ "updates": { "a": "b" } }))),
        ("POST", "lake~main/namespaces/n/tables", Some(table_body("t"))),
        ("POST", "lake~main/namespaces/n/tables/t", Some(set_property("a", "b"))),
        ("POST", "lake~main/tables/rename", Some(rename)),
        ("DELETE", "lake~main/namespaces/n/tables/u", None),
        ("DELETE", "lake~main/namespaces/m", None),
    ];
    for (index, (method, path, body)) in requests.into_iter().enumerate() {
        let key = format!("0193e5f0-7c1e-7000-8000-00000000010{index}");
        let first = keyed(&app, method, path, body.clone(), &key).await;
        assert!(first.status.is_success(), "{path}: {}", first.text);
        let head = app.commit_of("main");
        let second = keyed(&app, method, path, body, &key).await;
        assert_eq!(second.status, first.status, "{path}: {}", second.text);
        assert_eq!(second.text, first.text, "{path}");
        assert_eq!(second.commit(), first.commit(), "{path}");
        assert_eq!(app.commit_of("main"), head, "{path}");
    }
}

#[tokio::test]
async fn another_request_under_a_key_is_refused() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["n"]).await;
    let path = "lake~main/namespaces/n/tables";
    keyed(&app, "POST", path, Some(table_body("t")), KEY).await.ok();
    let other = keyed(&app, "POST", path, Some(table_body("u")), KEY).await.error();
    assert!(other.starts_with("422 UnprocessableEntityException: "), "{other}");
    assert_eq!(app.head(&format!("{path}/u")).await.status, 404);
    let commit = Some(set_property("a", "b"));
    let other = keyed(&app, "POST", &format!("{path}/t"), commit, KEY).await;
    assert_eq!(other.status, 422);
}

#[tokio::test]
async fn a_refusal_keeps_no_key() {
    let app = TestApp::new().await;
    let path = "lake~main/namespaces/n/tables";
    let refused = keyed(&app, "POST", path, Some(table_body("t")), KEY).await;
    assert_eq!(refused.status, 404);
    app.namespace("lake~main", &["n"]).await;
    keyed(&app, "POST", path, Some(table_body("t")), KEY).await.ok();
}

#[tokio::test]
async fn keys_have_a_form() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["n"]).await;
    let long = "x".repeat(129);
    for key in ["", "a b", &long] {
        let body = Some(table_body("t"));
        let answer = keyed(&app, "POST", "lake~main/namespaces/n/tables", body, key).await;
        assert_eq!(answer.status, 400, "{key:?}");
    }
}
