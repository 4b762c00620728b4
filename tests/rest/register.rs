//! Registering tables whose metadata files exist.

use serde_json::json;

use crate::app::{TestApp, set_property};

const PATH: &str = "lake~main/namespaces/default/register";

#[tokio::test]
async fn an_older_version_comes_back() {
    let app = TestApp::new().await;
    let made = app.table("lake~main", "default", "t").await;
    let table = "lake~main/namespaces/default/tables/t";
    app.post(table, set_property("a", "1")).await.ok();
    let body = json!({ "name": "copy", "metadata-location": made["metadata-location"] });
    let registered = app.post(PATH, body).await;
    assert!(registered.commit().is_some());
    assert_eq!(registered.ok(), made);
    assert_eq!(app.commit_of("main").1, "register table default.copy");
    let mut body = json!({ "name": "t", "metadata-location": made["metadata-location"] });
    assert_eq!(
        app.post(PATH, body.clone()).await.error(),
        "409 AlreadyExistsException: Table already exists: default.t"
    );
    body["overwrite"] = json!(true);
    assert_eq!(app.post(PATH, body).await.ok(), made);
    assert_eq!(app.get(table).await.ok(), made);
}

#[tokio::test]
async fn files_that_cannot_be_registered() {
    let app = TestApp::new().await;
    app.table("lake~main", "default", "t").await;
    let root = app.directory.path().join("lake");
    let garbage = root.join("garbage.metadata.json");
    std::fs::write(&garbage, "{").unwrap();
    let outside = app.directory.path().join("outside.metadata.json");
    std::fs::write(&outside, "{}").unwrap();
    let elsewhere = json!({ "format-version": 2, "table-uuid": "9c12d441-03fe-4693-9a96-a0705ddf69c1",
        "location": "file:///etc", "last-sequence-number": 0, "last-updated-ms": 1,
        "last-column-id": 1, "current-schema-id": 0, "schemas": [{ "type": "struct",
            "schema-id": 0, "fields": [{ "id": 1, "name": "x", "required": false, "type": "int" }] }],
        "default-spec-id": 0, "partition-specs": [{ "spec-id": 0, "fields": [] }],
        "last-partition-id": 999, "default-sort-order-id": 0,
        "sort-orders": [{ "order-id": 0, "fields": [] }] });
    let foreign = root.join("foreign.metadata.json");
    std::fs::write(&foreign, elsewhere.to_string()).unwrap();
    for (location, status) in [
        (root.join("missing.metadata.json"), "404 NotFoundException"),
        (garbage, "400 BadRequestException"),
        (outside.clone(), "400 BadRequestException"),
        (root.join("../outside.metadata.json"), "400 BadRequestException"),
        (foreign, "400 BadRequestException"),
    ] {
        let location = format!("file://{}", location.display());
        let body = json!({ "name": "r", "metadata-location": location });
        let answer = app.post(PATH, body).await.error();
        assert!(answer.starts_with(status), "{location}: {answer}");
    }
    let link = root.join("link.metadata.json");
    std::os::unix::fs::symlink(&outside, &link).unwrap();
    let body = json!({ "name": "r", "metadata-location": format!("file://{}", link.display()) });
    assert_eq!(app.post(PATH, body).await.status, 400);
    let body = json!({ "name": "r", "metadata-location": "file:///etc/passwd" });
    let missing = app.post("lake~main/namespaces/x/register", body).await;
    assert!(missing.status.is_client_error());
}

/// To open a pipe waits for whoever writes to it.
#[tokio::test]
async fn a_pipe_is_no_file() {
    let app = TestApp::new().await;
    let pipe = app.directory.path().join("lake/pipe.metadata.json");
    std::fs::create_dir_all(pipe.parent().unwrap()).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let location = format!("file://{}", pipe.display());
    let body = json!({ "name": "n", "metadata-location": location });
    let answer = tokio::time::timeout(std::time::Duration::from_secs(10), app.post(PATH, body));
    let answer = answer.await.unwrap().error();
    assert!(answer.starts_with("400 BadRequestException: "), "{answer}");
}
