//! The log, contents, diff, merge, revert and cherry-pick.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::app::{TestApp, each};

#[tokio::test]
async fn log_and_commit() {
    let app = TestApp::new().await;
    let request = Request::post("/iceberg/v1/lake/namespaces")
        .header("content-type", "application/json")
        .header("x-nunatak-message", "the first load")
        .header("x-nunatak-property-run", "7")
        .body(Body::from(json!({ "namespace": ["main", "a"] }).to_string()))
        .unwrap();
    assert_eq!(app.raw(request).await.status, 200);
    app.namespace("main", "b", &json!({})).await;

    let log = app.get("/lake/commits?ref=main").await.with(200);
    assert_eq!(log["items"].as_array().unwrap().len(), 3);
    assert_eq!(log["items"][1]["message"], "the first load");
    assert_eq!(log["items"][1]["properties"], json!({ "run": "7" }));
    assert_eq!(log["items"][0]["parents"][0], log["items"][1]["id"]);
    assert_eq!(app.get("/lake/commits").await.with(200), log);

    let id = log["items"][1]["id"].as_str().unwrap();
    assert_eq!(app.get(&format!("/lake/commits/{id}")).await.with(200), log["items"][1]);
    assert_eq!(app.get(&format!("/lake/commits/{}", &id[..8])).await.with(200), log["items"][1]);
    assert_eq!(app.get("/lake/commits/main~1").await.with(200), log["items"][1]);

    for (filter, count) in [
        ("property=run", 1),
        ("property=run%3D7", 1),
        ("property=run%3D8", 0),
        ("path=a", 1),
        ("author=system", 1),
        ("author=nobody", 0),
        ("until=2001-01-01", 0),
        ("first_parent=true", 3),
    ] {
        let found = app.get(&format!("/lake/commits?{filter}")).await.with(200);
        assert_eq!(found["items"].as_array().unwrap().len(), count, "{filter}");
    }
    let first = app.get("/lake/commits?limit=1").await.with(200);
    let token = first["next_page_token"].as_str().unwrap();
    let second = app.get(&format!("/lake/commits?limit=1&page_token={token}")).await.with(200);
    assert_eq!(second["items"][0]["id"], id);

    for bad in ["since=yesterday", "first_parent=1", "property=", "ref=", "limit=0", "order=x"] {
        app.get(&format!("/lake/commits?{bad}")).await.with(400);
    }
    app.get("/lake/commits?ref=nowhere").await.with(404);
    app.get(&format!("/lake/commits/{}", "0".repeat(64))).await.with(404);
}

#[tokio::test]
async fn contents_and_diff() {
    let app = TestApp::new().await;
    app.post("/lake/branches", &json!({ "name": "work" })).await.with(201);
    app.namespace("work", "a", &json!({ "owner": "ann" })).await;
    let held = app.get("/lake/contents?ref=work").await.with(200);
    assert_eq!(each(&held, "path"), [r#"["a"]"#]);
    assert_eq!(held["items"][0]["kind"], "namespace");
    assert_eq!(held["items"][0]["properties"]["owner"], "ann");
    assert_eq!(app.get("/lake/contents").await.with(200)["items"], json!([]));
    app.get("/lake/contents?ref=work&path=absent").await.with(404);
    app.get("/lake/contents?ref=work&path=a..b").await.with(400);
    app.get("/lake/contents?ref=work&path=a%1F%1Fb").await.with(400);
    app.get("/lake/contents?ref=nowhere").await.with(404);

    let diff = app.get("/lake/diff?from=main&to=work&depth=tables").await.with(200);
    assert_eq!(each(&diff, "change"), ["added"]);
    assert_eq!(diff["items"][0]["path"], json!(["a"]));
    let back = app.get("/lake/diff?from=work&to=main").await.with(200);
    assert_eq!(each(&back, "change"), ["removed"]);
    assert_eq!(app.get("/lake/diff?from=work&to=work").await.with(200)["items"], json!([]));
    app.get("/lake/diff?from=main").await.with(400);
    app.get("/lake/diff?from=main&to=work&depth=rows").await.with(400);
    app.get("/lake/diff?from=main&to=nowhere").await.with(404);
}

#[tokio::test]
async fn merge_revert_and_cherry_pick() {
    let app = TestApp::new().await;
    app.post("/lake/branches", &json!({ "name": "work" })).await.with(201);
    app.namespace("work", "a", &json!({})).await;
    let (target, source) = (app.head("main").await, app.head("work").await);

    let mut merge = json!({ "source": "work", "into": "main", "dry_run": true });
    let dry = app.post("/lake/merges", &merge).await.with(200);
    assert_eq!(dry["commit"], json!(null));
    assert_eq!(dry["changes"][0]["path"], json!(["a"]));
    assert_eq!(dry["changes"][0]["action"], "added");
    assert!(dry["changes"][0]["reason"].is_string());
    assert_eq!(app.head("main").await, target);

    merge["dry_run"] = json!(false);
    merge["expected_head"] = json!(source);
    app.post("/lake/merges", &merge).await.with(409);
    merge["expected_head"] = json!(target);
    merge["message"] = json!("publish");
    let done = app.post("/lake/merges", &merge).await.with(200);
    assert_eq!(done["head_before"], target.as_str());
    assert_eq!(done["base"], target.as_str());
    let commit = app.get("/lake/commits/main").await.with(200);
    assert_eq!(commit["id"], done["commit"]);
    assert_eq!(commit["parents"], json!([target, source]));
    assert_eq!(commit["message"], "publish");

    let again = app.post("/lake/merges", &json!({ "source": "work", "into": "main" })).await;
    assert_eq!(again.with(200)["commit"], json!(null));

    let revert = json!({ "commit": done["commit"], "onto": "main" });
    let undone = app.post("/lake/reverts", &revert).await.with(200);
    assert!(undone["commit"].is_string(), "{undone}");
    assert_eq!(app.get("/lake/contents").await.with(200)["items"], json!([]));
    let pick = json!({ "commit": "work", "onto": "main", "message": "again" });
    let picked = app.post("/lake/cherry-picks", &pick).await.with(200);
    assert!(picked["commit"].is_string(), "{picked}");
    assert_eq!(app.get("/lake/commits/main").await.with(200)["message"], "again");
    assert_eq!(app.post("/lake/cherry-picks", &pick).await.with(200)["commit"], json!(null));
}

#[tokio::test]
async fn a_name_written_in_another_case_merges() {
    let app = TestApp::new().await;
    app.namespace("main", "sales", &json!({})).await;
    app.post("/lake/branches", &json!({ "name": "work" })).await.with(201);
    let dropped = app.call("DELETE", "/iceberg/v1/lake/namespaces/work%1Fsales", "").await;
    assert_eq!(dropped.status, 204, "{}", dropped.body);
    app.namespace("work", "Sales", &json!({})).await;
    for dry_run in [true, false] {
        let merge = json!({ "source": "work", "into": "main", "dry_run": dry_run });
        let merged = app.post("/lake/merges", &merge).await.with(200);
        assert_eq!(merged["changes"][0]["path"], json!(["Sales"]), "{merged}");
    }
    let held = app.get("/lake/contents").await.with(200);
    assert_eq!(each(&held, "path"), [r#"["Sales"]"#]);
}

#[tokio::test]
async fn a_commit_with_the_longest_message_can_be_reverted() {
    let app = TestApp::new().await;
    app.post("/lake/branches", &json!({ "name": "work" })).await.with(201);
    app.namespace("work", "a", &json!({})).await;
    let message = format!("first line\n{}", "x".repeat(64 * 1024 - 11));
    let merge = json!({ "source": "work", "into": "main", "message": message });
    let merged = app.post("/lake/merges", &merge).await.with(200);
    let revert = json!({ "commit": merged["commit"], "onto": "main" });
    app.post("/lake/reverts", &revert).await.with(200);
    let commit = app.get("/lake/commits/main").await.with(200);
    let text = format!("revert \"first line\" ({})", merged["commit"].as_str().unwrap());
    assert_eq!(commit["message"], text);
}

#[tokio::test]
async fn conflicts_move_nothing_until_resolved() {
    let app = TestApp::new().await;
    app.post("/lake/branches", &json!({ "name": "work" })).await.with(201);
    app.namespace("work", "a", &json!({ "owner": "ann" })).await;
    app.namespace("main", "a", &json!({ "owner": "bob" })).await;
    let (target, source) = (app.head("main").await, app.head("work").await);
    for dry_run in [true, false] {
        let merge = json!({ "source": "work", "into": "main", "dry_run": dry_run });
        let refused = app.post("/lake/merges", &merge).await.with(409);
        assert_eq!(refused["commit"], json!(null));
        assert_eq!(refused["head_before"], target.as_str());
        let conflict = &refused["conflicts"][0];
        assert_eq!(conflict["path"], json!(["a"]));
        assert_eq!(conflict["ours"], target.as_str());
        assert_eq!(conflict["theirs"], source.as_str());
        assert!(conflict["reason"].as_str().unwrap().len() > 10, "{conflict}");
        assert_eq!(app.head("main").await, target);
    }
    let merge = json!({
        "source": "work", "into": "main",
        "resolutions": [{ "path": ["a"], "take": "theirs" }],
    });
    app.post("/lake/merges", &merge).await.with(200);
    let held = app.get("/lake/contents").await.with(200);
    assert_eq!(held["items"][0]["properties"]["owner"], "ann");
}

#[tokio::test]
async fn merges_are_read_strictly() {
    let app = TestApp::new().await;
    for body in [
        json!({ "source": "main" }),
        json!({ "source": "main", "into": "main~1" }),
        json!({ "source": "main", "into": "main", "dryrun": true }),
        json!({ "source": "main", "into": "main", "dry_run": "yes" }),
        json!({ "source": "main", "into": "main", "strategy": "union" }),
        json!({ "source": "main", "into": "main", "isolation": "none" }),
        json!({ "source": "main", "into": "main", "expected_head": "abc" }),
        json!({ "source": "main", "into": "main", "resolutions": [{ "path": [], "take": "ours" }] }),
        json!({ "source": "main", "into": "main", "resolutions": [{ "path": ["a"] }] }),
    ] {
        app.post("/lake/merges", &body).await.with(400);
    }
    app.post("/lake/merges", &json!({ "source": "no", "into": "main" })).await.with(404);
    app.post("/lake/merges", &json!({ "source": "main", "into": "no" })).await.with(404);
    app.post("/lake/reverts", &json!({ "commit": "no", "onto": "main" })).await.with(404);
    app.post("/lake/reverts", &json!({ "commit": "main" })).await.with(400);
}
