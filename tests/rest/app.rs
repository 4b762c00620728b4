//! A server in memory with table files in a temporary directory, and what tests ask of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode};
use nunatak::auth::context::OpContext;
use nunatak::base::clock::{SharedClock, SystemClock};
use nunatak::base::entropy::{OsEntropy, SharedEntropy};
use nunatak::base::name::{RefExpr, RefName, WarehouseName};
use nunatak::catalog::files::TableFiles;
use nunatak::catalog::warehouses::NewWarehouse;
use nunatak::catalog::{Catalog, CatalogOptions};
use nunatak::iceberg::cache::MetadataCache;
use nunatak::iceberg::io::Files;
use nunatak::rest::middleware::origin::Hosts;
use nunatak::rest::router::router;
use nunatak::rest::state::AppState;
use nunatak::sql::engine::Engine;
use nunatak::store::memory::MemoryStore;
use nunatak::telemetry::metrics::Metrics;
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub(crate) struct TestApp {
    pub(crate) catalog: Arc<Catalog>,
    router: Router,
    pub(crate) directory: tempfile::TempDir,
}

/// An answer, read to its end.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// Status, type and message of an error, in one line.
    pub(crate) fn error(&self) -> String {
        let body = self.json();
        let error = &body["error"];
        assert_eq!(error["code"], u64::from(self.status.as_u16()), "{}", self.text);
        format!(
            "{} {}: {}",
            self.status.as_u16(),
            error["type"].as_str().unwrap_or("?"),
            error["message"].as_str().unwrap_or("?")
        )
    }

    pub(crate) fn ok(self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.text);
        self.json()
    }

    pub(crate) fn commit(&self) -> Option<String> {
        Some(self.headers.get("x-nunatak-commit")?.to_str().unwrap().to_owned())
    }
}

impl TestApp {
    pub(crate) async fn new() -> Self {
        Self::with(false).await
    }

    /// A server whose warehouse leaves garbage collection to clients, or not.
    pub(crate) async fn with(client_gc: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = format!("file://{}", directory.path().display());
        let files = TableFiles::new(
            Files::new(BTreeMap::new()),
            MetadataCache::default(),
            tokio::runtime::Handle::current(),
        );
        let clock: SharedClock = Arc::new(SystemClock::new());
        let entropy: SharedEntropy = Arc::new(OsEntropy::default());
        let lake = WarehouseName::parse("lake").unwrap();
        let options = CatalogOptions {
            allowed_locations: Vec::new(),
            warehouse_root: root,
            default_warehouse: lake.clone(),
        };
        let catalog = Catalog::open(
            Arc::new(MemoryStore::new()),
            Arc::new(files),
            Arc::clone(&clock),
            Arc::clone(&entropy),
            options,
        )
        .unwrap();
        let new = NewWarehouse { name: lake, location: None, client_gc };
        catalog.warehouse_create(&OpContext::for_actor("test"), new).await.unwrap();
        let state = AppState {
            catalog: Arc::clone(&catalog),
            engine: Engine::new(Arc::clone(&catalog), 1).unwrap(),
            clock,
            entropy,
            metrics: Arc::new(Metrics::new().unwrap()),
        };
        Self { catalog, router: router(state, Hosts::default()), directory }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Reply {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    /// A request below `/iceberg/v1`.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        self.call_with(method, path, body, &[]).await
    }

    pub(crate) async fn call_with(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("/iceberg/v1/{path}"))
            .header("host", "localhost");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.call("POST", path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.call("DELETE", path, None).await
    }

    pub(crate) async fn head(&self, path: &str) -> Reply {
        self.call("HEAD", path, None).await
    }

    pub(crate) async fn namespace(&self, prefix: &str, levels: &[&str]) {
        let body = json!({ "namespace": levels });
        self.post(&format!("{prefix}/namespaces"), body).await.ok();
    }

    /// Makes a table in a namespace written as in a path.
    pub(crate) async fn table(&self, prefix: &str, namespace: &str, name: &str) -> Value {
        let path = format!("{prefix}/namespaces/{namespace}/tables");
        self.post(&path, table_body(name)).await.ok()
    }

    pub(crate) async fn branch(&self, name: &str) {
        let context = OpContext::for_actor("test");
        let lake = WarehouseName::parse("lake").unwrap();
        let name = RefName::parse(name).unwrap();
        self.catalog.branch_create(&context, &lake, &name, None).await.unwrap();
    }

    pub(crate) async fn tag(&self, name: &str) {
        let context = OpContext::for_actor("test");
        let lake = WarehouseName::parse("lake").unwrap();
        let name = RefName::parse(name).unwrap();
        self.catalog.tag_create(&context, &lake, &name, None).await.unwrap();
    }

    /// The commit that a ref expression means, and its message.
    pub(crate) fn commit_of(&self, expr: &str) -> (String, String) {
        let lake = self.catalog.warehouse(&WarehouseName::parse("lake").unwrap()).unwrap();
        let commit = self.catalog.resolve(&lake, &RefExpr::parse(expr).unwrap()).unwrap().commit;
        let stored = self.catalog.repository().commit(lake.id, commit).unwrap();
        (commit.to_string(), stored.commit.message.clone())
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.catalog.close();
    }
}

pub(crate) fn schema() -> Value {
    json!({
        "type": "struct",
        "schema-id": 0,
        "fields": [
            { "id": 0, "name": "id", "required": true, "type": "long" },
            { "id": 1, "name": "data", "required": false, "type": "string" }
        ]
    })
}

pub(crate) fn table_body(name: &str) -> Value {
    json!({ "name": name, "schema": schema() })
}

/// A commit that sets one property.
pub(crate) fn set_property(key: &str, value: &str) -> Value {
    json!({
        "requirements": [],
        "updates": [{ "action": "set-properties", "updates": { key: value } }]
    })
}

/// A commit that appends rows.
pub(crate) fn append(table: &Value, snapshot: i64, rows: u32) -> Value {
    let metadata = &table["metadata"];
    let sequence = metadata["last-sequence-number"].as_i64().unwrap() + 1;
    let parent = metadata["current-snapshot-id"].as_i64().filter(|id| *id >= 0);
    let location = metadata["location"].as_str().unwrap();
    let mut new = json!({
        "snapshot-id": snapshot,
        "sequence-number": sequence,
        "timestamp-ms": metadata["last-updated-ms"].as_i64().unwrap() + 1,
        "manifest-list": format!("{location}/metadata/snap-{snapshot}.avro"),
        "summary": {
            "operation": "append",
            "added-records": rows.to_string(),
            "added-data-files": "1",
            "total-records": rows.to_string()
        },
        "schema-id": 0
    });
    if let Some(parent) = parent {
        new["parent-snapshot-id"] = json!(parent);
    }
    json!({
        "requirements": [
            { "type": "assert-table-uuid", "uuid": metadata["table-uuid"] },
            { "type": "assert-ref-snapshot-id", "ref": "main", "snapshot-id": parent }
        ],
        "updates": [
            { "action": "add-snapshot", "snapshot": new },
            { "action": "set-snapshot-ref", "ref-name": "main", "type": "branch",
              "snapshot-id": snapshot }
        ]
    })
}

/// The names in a list answer, namespaces joined by dots.
pub(crate) fn names(list: &Value) -> Vec<String> {
    if let Some(namespaces) = list["namespaces"].as_array() {
        return namespaces
            .iter()
            .map(|levels| {
                let levels = levels.as_array().unwrap().iter().map(|l| l.as_str().unwrap());
                levels.collect::<Vec<_>>().join(".")
            })
            .collect();
    }
    let found = list["identifiers"].as_array().unwrap();
    found.iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}
