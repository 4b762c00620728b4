//! Warehouses.

use serde_json::json;

use crate::app::{TestApp, each};

#[tokio::test]
async fn a_fresh_server_has_one() {
    let app = TestApp::new().await;
    let list = app.get("").await.with(200);
    assert_eq!(each(&list, "name"), ["lake"]);
    assert!(list.get("next_page_token").is_none());
    assert_eq!(list["items"][0]["client_gc"], "deny");
    assert_eq!(list["items"][0]["default_branch"], "main");
}

#[tokio::test]
async fn life_of_a_warehouse() {
    let app = TestApp::new().await;
    let made = app.post("", &json!({ "name": "second", "client_gc": "allow" })).await;
    assert_eq!(made.headers["location"], "/api/v1/warehouses/second");
    let made = made.with(201);
    assert!(made["location"].as_str().unwrap().ends_with("/warehouse/second"), "{made}");
    assert_eq!(made["client_gc"], "allow");
    assert_eq!(app.get("/second").await.with(200), made);

    app.post("", &json!({ "name": "second" })).await.with(409);
    let body = json!({ "client_gc": "deny" }).to_string();
    let changed = app.call("PATCH", "/second", &body).await.with(200);
    assert_eq!(changed["client_gc"], "deny");

    app.call("DELETE", "/second", "").await.with(204);
    app.call("DELETE", "/second", "").await.with(404);
    app.get("/second").await.with(404);
    app.call("PATCH", "/second", &body).await.with(404);
    app.get("/second/branches").await.with(404);
}

#[tokio::test]
async fn a_warehouse_that_holds_something_stays() {
    let app = TestApp::new().await;
    app.post("", &json!({ "name": "full" })).await.with(201);
    let body = json!({ "namespace": ["main", "a"] }).to_string();
    let made = app.call("POST", "/iceberg/v1/full/namespaces", &body).await;
    assert_eq!(made.status, 200, "{}", made.body);
    app.call("DELETE", "/full", "").await.with(409);
}

#[tokio::test]
async fn what_is_wrong_is_refused() {
    let app = TestApp::new().await;
    for body in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "a b" }),
        json!({ "name": 7 }),
        json!({ "name": "x", "client_gc": true }),
        json!({ "name": "x", "client_gc": "maybe" }),
        json!({ "name": "x", "extra": 1 }),
        json!({ "name": "x", "location": "file:///etc" }),
        json!({ "name": "x", "location": "no url" }),
        json!([]),
    ] {
        app.post("", &body).await.with(400);
    }
    app.call("PATCH", "/lake", "{\"name\":\"other\"}").await.with(400);
    app.get("/no%20name").await.with(400);
    app.get("/absent").await.with(404);
}

#[tokio::test]
async fn of_many_at_once_one_wins() {
    let app = TestApp::new().await;
    let root = app.get("/lake").await.with(200)["location"].as_str().unwrap().to_owned();
    let shared = root.replace("/lake", "/shared");
    let make = |number: usize| {
        let body = json!({ "name": format!("w{number}"), "location": shared });
        let app = &app;
        async move { (number, app.post("", &body).await.status.as_u16()) }
    };
    let made = futures::future::join_all((0..8).map(make)).await;
    let winners: Vec<usize> =
        made.iter().filter(|(_, status)| *status == 201).map(|(number, _)| *number).collect();
    assert_eq!(winners.len(), 1, "{made:?}");
    assert!(made.iter().all(|(_, status)| [201, 400].contains(status)), "{made:?}");

    let path = format!("/w{}", winners[0]);
    let gone = futures::future::join_all((0..8).map(|_| app.call("DELETE", &path, ""))).await;
    let mut gone: Vec<u16> = gone.iter().map(|answer| answer.status.as_u16()).collect();
    gone.sort_unstable();
    assert_eq!(gone, [204, 404, 404, 404, 404, 404, 404, 404]);
}

/// Writers that know a warehouse which is deleted meanwhile fail alone: commits to other warehouses that are
/// made in the same group do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn deleting_a_warehouse_disturbs_no_other() {
    let app = TestApp::new().await;
    let namespace = |prefix: &'static str, name: String| {
        let app = &app;
        async move {
            let body = json!({ "namespace": ["main", name] }).to_string();
            let path = format!("/iceberg/v1/{prefix}/namespaces");
            app.call("POST", &path, &body).await.status.as_u16()
        }
    };
    for round in 0..20 {
        app.post("", &json!({ "name": "short" })).await.with(201);
        let kept = (0..4).map(|n| namespace("lake", format!("k{round}_{n}")));
        let branches = (0..4).map(|n| {
            let app = &app;
            async move {
                let body = json!({ "name": format!("b{n}") });
                app.post("/short/branches", &body).await.status.as_u16()
            }
        });
        let removed = app.call("DELETE", "/short", "");
        let (removed, kept, branches) = futures::join!(
            removed,
            futures::future::join_all(kept),
            futures::future::join_all(branches)
        );
        removed.with(204);
        assert_eq!(kept, [200; 4]);
        assert!(branches.iter().all(|status| [201, 404].contains(status)), "{branches:?}");
    }
}
