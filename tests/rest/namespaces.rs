//! Namespaces in the ref view.

use serde_json::json;

use crate::app::{TestApp, names};

#[tokio::test]
async fn life_of_a_namespace() {
    let app = TestApp::new().await;
    let body = json!({ "namespace": ["sales"], "properties": { "a": "1", "b": "2" } });
    let made = app.post("lake~main/namespaces", body.clone()).await;
    assert_eq!(made.commit(), Some(app.commit_of("main").0));
    assert_eq!(made.ok(), body);
    assert_eq!(app.commit_of("main").1, "create namespace sales");
    assert_eq!(app.get("lake~main/namespaces/sales").await.ok(), body);
    assert_eq!(app.head("lake~main/namespaces/sales").await.status, 204);
    assert_eq!(
        app.post("lake~main/namespaces", body).await.error(),
        "409 AlreadyExistsException: Namespace already exists: sales"
    );
    assert_eq!(
        app.post("lake~main/namespaces", json!({ "namespace": ["Sales"] })).await.error(),
        "409 AlreadyExistsException: Namespace already exists: Sales differs only in case from sales"
    );
    assert_eq!(app.head("lake~main/namespaces/Sales").await.status, 404);
    assert_eq!(app.delete("lake~main/namespaces/sales").await.status, 204);
    for path in ["lake~main/namespaces/sales", "lake~main/namespaces/sales/tables"] {
        assert_eq!(
            app.get(path).await.error(),
            "404 NoSuchNamespaceException: Namespace does not exist: sales"
        );
    }
    let missing = app.head("lake~main/namespaces/sales").await;
    assert_eq!((missing.status.as_u16(), missing.text.as_str()), (404, ""));
}

#[tokio::test]
async fn nesting() {
    let app = TestApp::new().await;
    let nested = json!({ "namespace": ["a", "b.c"] });
    assert_eq!(
        app.post("lake~main/namespaces", nested.clone()).await.error(),
        "404 NoSuchNamespaceException: Namespace does not exist: a"
    );
    app.namespace("lake~main", &["a"]).await;
    app.post("lake~main/namespaces", nested).await.ok();
    app.namespace("lake~main", &["a", "b.c", "d e/ü+"]).await;
    let listed = app.get("lake~main/namespaces?parent=a%1Fb.c").await.ok();
    assert_eq!(listed["namespaces"], json!([["a", "b.c", "d e/ü+"]]));
    for path in ["a%1Fb.c%1Fd+e%2F%C3%BC%2B", "a%1Fb.c%1Fd%20e%2F%C3%BC%2B"] {
        assert_eq!(app.head(&format!("lake~main/namespaces/{path}")).await.status, 204, "{path}");
    }
    assert_eq!(names(&app.get("lake~main/namespaces").await.ok()), ["a"]);
    assert_eq!(names(&app.get("lake~main/namespaces?parent=").await.ok()), ["a"]);
    assert_eq!(
        app.delete("lake~main/namespaces/a").await.error(),
        "409 NamespaceNotEmptyException: Namespace a is not empty. 0 tables and 1 other objects exist"
    );
    assert_eq!(app.get("lake~main/namespaces?parent=x").await.status, 404);
}

#[tokio::test]
async fn default_is_there_and_listed_once_it_holds_something() {
    let app = TestApp::new().await;
    app.namespace("lake~main", &["z"]).await;
    app.namespace("lake~main", &["a"]).await;
    assert_eq!(app.head("lake~main/namespaces/default").await.status, 204);
    assert_eq!(names(&app.get("lake~main/namespaces").await.ok()), ["a", "z"]);
    app.table("lake~main", "default", "t").await;
    assert_eq!(names(&app.get("lake~main/namespaces").await.ok()), ["a", "default", "z"]);
    let first = app.get("lake~main/namespaces?pageSize=1&pageToken=").await.ok();
    let token = first["next-page-token"].as_str().unwrap();
    let rest = app.get(&format!("lake~main/namespaces?pageToken={token}")).await.ok();
    assert_eq!(
        (names(&first), names(&rest)),
        (vec!["a".into()], vec!["default".into(), "z".into()])
    );
    assert_eq!(app.delete("lake~main/namespaces/default").await.status, 409);
    let body = json!({ "updates": { "owner": "ann" } });
    app.post("lake~main/namespaces/default/properties", body).await.ok();
    assert_eq!(names(&app.get("lake~main/namespaces").await.ok()), ["a", "default", "z"]);
    let case = app.post("lake~main/namespaces", json!({ "namespace": ["Default"] })).await;
    assert_eq!(case.status, 409);
}

#[tokio::test]
async fn properties() {
    let app = TestApp::new().await;
    let body = json!({ "namespace": ["n"], "properties": { "a": "1", "b": "2" } });
    app.post("lake~main/namespaces", body).await.ok();
    let path = "lake~main/namespaces/n/properties";
    let change = json!({ "removals": ["a", "zz"], "updates": { "c": "3" } });
    assert_eq!(
        app.post(path, change).await.ok(),
        json!({ "updated": ["c"], "removed": ["a"], "missing": ["zz"] })
    );
    assert_eq!(app.commit_of("main").1, "set 1 property and remove 1 on n");
    let now = app.get("lake~main/namespaces/n").await.ok();
    assert_eq!(now["properties"], json!({ "b": "2", "c": "3" }));
    let both = json!({ "removals": ["b"], "updates": { "b": "3" } });
    assert_eq!(
        app.post(path, both).await.error(),
        "422 UnprocessableEntityException: Invalid namespace update, cannot simultaneously set and \
         remove keys: [b]"
    );
    let same = app.post(path, json!({ "updates": { "b": "2" } })).await;
    assert_eq!((same.status.as_u16(), same.commit()), (200, None));
    let missing = app.post("lake~main/namespaces/x/properties", json!({})).await;
    assert_eq!(missing.error(), "404 NoSuchNamespaceException: Namespace does not exist: x");
}
