//! A server without sockets.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use nunatak::rest::middleware::origin::Hosts;
use nunatak::rest::router::router;
use nunatak::server::build::{Parts, build};
use nunatak::server::config::Config;
use nunatak::telemetry::init::LogFormat;
use serde_json::Value;
use tower::ServiceExt as _;

pub(crate) struct TestApp {
    router: axum::Router,
    parts: Parts,
    _folder: tempfile::TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The answer, if it has this status.
    #[track_caller]
    pub(crate) fn with(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.body);
        if self.status.is_client_error() {
            assert_eq!(self.headers["content-type"], "application/problem+json");
            assert_eq!(self.body["status"], status);
            assert_eq!(self.body["instance"], self.headers["x-request-id"].to_str().unwrap());
            for member in ["type", "title", "detail"] {
                assert!(self.body[member].is_string(), "{member} in {}", self.body);
            }
        }
        self.body
    }
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            data_dir: folder.path().to_owned(),
            http: "127.0.0.1:0".parse().unwrap(),
            pg: None,
            flight: None,
            warehouse_location: format!("file://{}/warehouse", folder.path().display()),
            allowed_locations: Vec::new(),
            log_level: "error".to_owned(),
            log_format: LogFormat::Text,
            object_store: BTreeMap::new(),
            shown: Vec::new(),
        };
        let parts = build(&config).await.unwrap();
        let router = router(parts.state.clone(), Hosts::default());
        Self { router, parts, _folder: folder }
    }

    pub(crate) async fn raw(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// An answer that is no JSON.
    pub(crate) async fn bytes(
        &self,
        request: Request<Body>,
    ) -> (axum::http::response::Parts, Vec<u8>) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts, to_bytes(body, usize::MAX).await.unwrap().to_vec())
    }

    /// Whether an answer that begins well does not end.
    pub(crate) async fn broken(&self, request: Request<Body>) -> bool {
        let response = self.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        to_bytes(response.into_body(), usize::MAX).await.is_err()
    }

    /// What the doors stand before.
    pub(crate) fn catalog(&self) -> &std::sync::Arc<nunatak::catalog::Catalog> {
        &self.parts.state.catalog
    }

    /// A request to the API; a body of `""` is none.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        let path = match path.strip_prefix("/iceberg") {
            Some(_) => path.to_owned(),
            None => format!("/api/v1/warehouses{path}"),
        };
        let mut request = Request::builder().method(method).uri(path);
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        self.raw(request.body(Body::from(body.to_owned())).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call("POST", path, &body.to_string()).await
    }

    /// Makes a namespace on a branch; one commit.
    pub(crate) async fn namespace(&self, branch: &str, name: &str, properties: &Value) {
        let body = serde_json::json!({ "namespace": [branch, name], "properties": properties });
        let answer = self.call("POST", "/iceberg/v1/lake/namespaces", &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// The head of a branch.
    pub(crate) async fn head(&self, branch: &str) -> String {
        let found = self.get(&format!("/lake/branches/{branch}")).await.with(200);
        found["head"].as_str().unwrap().to_owned()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.parts.state.catalog.close();
    }
}

/// One member of every item of a list.
pub(crate) fn each(list: &Value, member: &str) -> Vec<String> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| match &item[member] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect()
}
