//! Documents as clients get them, and the cache.

use std::collections::BTreeMap;
use std::sync::Arc;

use nunatak::base::error::ErrorKind;
use nunatak::iceberg::cache::{Cached, MetadataCache};
use nunatak::iceberg::io::Files;
use nunatak::iceberg::table::metadata::TableMetadata;
use nunatak::iceberg::wire::{SnapshotMode, table_document};
use serde_json::{Value, json};

use crate::support::{commit, table_with_snapshots};

fn cached(metadata: TableMetadata) -> Cached<TableMetadata> {
    Cached { json: metadata.to_json(), metadata: Arc::new(metadata) }
}

#[test]
fn snapshots_and_garbage_collection() {
    let tag =
        json!({"action": "set-snapshot-ref", "ref-name": "v1", "type": "tag", "snapshot-id": 1});
    let table = cached(commit(&table_with_snapshots(), &[tag]).unwrap());
    assert_eq!(table_document(&table, SnapshotMode::All, false), table.json);
    let read =
        |mode, gc| -> Value { serde_json::from_slice(&table_document(&table, mode, gc)).unwrap() };
    let denied = read(SnapshotMode::All, true);
    assert_eq!(denied["properties"]["gc.enabled"], "false");
    assert_eq!(denied["snapshots"].as_array().unwrap().len(), 3);
    let refs = read(SnapshotMode::Refs, true);
    let ids: Vec<_> =
        refs["snapshots"].as_array().unwrap().iter().map(|s| s["snapshot-id"].clone()).collect();
    assert_eq!(ids, [json!(1), json!(3)]);
    assert_eq!(refs["properties"]["gc.enabled"], "false");
    assert!(read(SnapshotMode::Refs, false)["properties"].get("gc.enabled").is_none());
    assert!(TableMetadata::parse(&table_document(&table, SnapshotMode::Refs, true)).is_ok());
}

#[tokio::test]
async fn the_cache_reads_a_file_once() {
    let directory = tempfile::tempdir().unwrap();
    let location = format!("file://{}/a.metadata.json", directory.path().display());
    let files = Files::new(BTreeMap::new());
    let cache = MetadataCache::new(1 << 20);
    let missing = cache.table(&files, &location).await.unwrap_err();
    assert!(matches!(missing.kind(), ErrorKind::NotFound(_)));
    let table = table_with_snapshots();
    files.write_local_unsynced(&location, &table.to_json()).unwrap();
    let (one, two) = tokio::join!(cache.table(&files, &location), cache.table(&files, &location));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(Arc::ptr_eq(&one.metadata, &two.metadata));
    assert_eq!(*one.metadata, table);
    std::fs::remove_file(directory.path().join("a.metadata.json")).unwrap();
    assert!(cache.table(&files, &location).await.is_ok());
    assert!(cache.table_if_cached(&location).is_some());
    let error = cache.view(&files, &location).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    cache.remove(&location);
    assert!(cache.table_if_cached(&location).is_none());
    std::fs::write(directory.path().join("a.metadata.json"), b"{").unwrap();
    assert_eq!(cache.table(&files, &location).await.unwrap_err().kind(), ErrorKind::Corrupt);
}
