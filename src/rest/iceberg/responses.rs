//! Bodies that hold a table's metadata, and how they are recognised again (`ETag`).
//!
//! A body is settled by the metadata file's location, the snapshots asked for and whether clients may
//! collect garbage, so it is kept in memory under a hash of these three and never goes stale.

use axum::http::header::{ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use xxhash_rust::xxh3::Xxh3;

use super::answer::raw_json;
use crate::base::error::Result;
use crate::base::limits::LOAD_ANSWERS_CACHE_BYTES;
use crate::catalog::Catalog;
use crate::catalog::warehouses::Warehouse;
use crate::iceberg::cache::Cached;
use crate::iceberg::table::metadata::TableMetadata;
use crate::iceberg::wire::{SnapshotMode, table_document};

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<u128, Bytes> for Weight {
    fn weight(&self, _: &u128, body: &Bytes) -> u64 {
        body.len() as u64 + 128
    }
}

/// Bodies in memory.
#[derive(Debug)]
pub(super) struct Responses {
    bodies: Cache<u128, Bytes, Weight>,
}

impl Default for Responses {
    fn default() -> Self {
        let items = usize::try_from(LOAD_ANSWERS_CACHE_BYTES / 16_384).unwrap_or(1024);
        Self { bodies: Cache::with_weighter(items, LOAD_ANSWERS_CACHE_BYTES, Weight) }
    }
}

/// What settles a body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Version {
    key: u128,
    mode: SnapshotMode,
    forbid_gc: bool,
}

impl Version {
    /// The version of a table whose metadata is at a location.
    pub(super) fn of(location: &str, mode: SnapshotMode, warehouse: &Warehouse) -> Self {
        let forbid_gc = !warehouse.client_gc;
        let mut hasher = Xxh3::new();
        hasher.update(b"nunatak.load.v1");
        hasher.update(match mode {
            SnapshotMode::All => b"a",
            SnapshotMode::Refs => b"r",
        });
        hasher.update(if forbid_gc { b"d" } else { b"x" });
        hasher.update(location.as_bytes());
        Self { key: hasher.digest128(), mode, forbid_gc }
    }

    /// Whether the client has this version already.
    pub(super) fn is_known(&self, headers: &HeaderMap) -> bool {
        let tag = self.tag();
        headers
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|known| known.trim().trim_start_matches("W/"))
            .any(|known| known == "*" || known == tag)
    }

    fn tag(&self) -> String {
        format!("\"{:032x}\"", self.key)
    }

    fn tagged(&self, mut response: Response) -> Response {
        if let Ok(value) = HeaderValue::from_str(&self.tag()) {
            response.headers_mut().insert(ETAG, value);
        }
        response
    }

    /// The answer to a client that has this version.
    pub(super) fn not_modified(&self) -> Response {
        self.tagged(StatusCode::NOT_MODIFIED.into_response())
    }
}

impl Responses {
    /// The answer that holds a table's metadata.
    ///
    /// # Errors
    /// `NotFound(File)`, `Corrupt` or `Unavailable` if the metadata cannot be read.
    pub(super) async fn table(
        &self,
        catalog: &Catalog,
        location: &str,
        version: Version,
    ) -> Result<Response> {
        if let Some(body) = self.bodies.get(&version.key) {
            return Ok(version.tagged(raw_json(body)));
        }
        let cached = catalog.table_metadata(location).await?;
        let body = table_body(Some(location), &cached, version.mode, version.forbid_gc);
        self.bodies.insert(version.key, body.clone());
        Ok(version.tagged(raw_json(body)))
    }
}

/// The body for a table; one that is staged has no location yet.
pub(super) fn table_body(
    location: Option<&str>,
    cached: &Cached<TableMetadata>,
    mode: SnapshotMode,
    forbid_gc: bool,
) -> Bytes {
    let document = table_document(cached, mode, forbid_gc);
    document_body(location, &document, b",\"config\":{},\"storage-credentials\":[]}")
}

/// A body around a document that is JSON already.
pub(super) fn document_body(location: Option<&str>, document: &[u8], end: &[u8]) -> Bytes {
    let capacity = document.len() + location.map_or(0, str::len) + end.len() + 64;
    let mut body = Vec::with_capacity(capacity);
    body.push(b'{');
    if let Some(location) = location {
        body.extend_from_slice(b"\"metadata-location\":");
        body.extend_from_slice(serde_json::Value::from(location).to_string().as_bytes());
        body.push(b',');
    }
    body.extend_from_slice(b"\"metadata\":");
    body.extend_from_slice(document);
    body.extend_from_slice(end);
    Bytes::from(body)
}
