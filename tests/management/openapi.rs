//! The API's description is part of the API: a change shows in the golden file.

use axum::body::Body;
use axum::http::Request;

use crate::app::TestApp;

/// Set this variable to write the golden file anew.
const UPDATE: &str = "UPDATE_GOLDEN";

#[tokio::test]
async fn the_document_is_as_recorded() {
    let app = TestApp::new().await;
    let request = Request::get("/api/openapi.json").body(Body::empty()).unwrap();
    let document = app.raw(request).await.with(200);
    let text = format!("{}\n", serde_json::to_string_pretty(&document).unwrap());
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/management/openapi.json");
    if std::env::vars_os().any(|(name, _)| name == UPDATE) {
        std::fs::write(path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(path).unwrap();
    assert!(golden == text, "the document changed: look at the diff after {UPDATE}=1");
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let app = TestApp::new().await;
    let request = Request::get("/api/docs").body(Body::empty()).unwrap();
    let page = app.raw(request).await.with(200);
    let page = page.as_str().unwrap();
    assert!(page.contains("/api/openapi.json"));
    assert!(!page.contains("http://") && !page.contains("https://"), "a foreign address");
}
