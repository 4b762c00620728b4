//! Tables to start from, and commits as short texts.

use std::collections::BTreeMap;

use nunatak::base::clock::Timestamp;
use nunatak::base::error::{Error, ErrorKind, Result};
use nunatak::iceberg::table::apply::apply;
use nunatak::iceberg::table::create::{NewTable, create};
use nunatak::iceberg::table::metadata::TableMetadata;
use nunatak::iceberg::table::requirement::TableRequirement;
use nunatak::iceberg::table::schema::Schema;
use nunatak::iceberg::table::update::TableUpdate;
use serde_json::{Value, json};

pub(crate) const UUID: &str = "9c12d441-03fe-4693-9a96-a0705ddf69c1";
pub(crate) const NOW_MS: i64 = 1_600_000_000_000;
pub(crate) const BASE_LOCATION: &str = "file:///wh/ns/t/metadata/00000-a.metadata.json";

/// A time in milliseconds after the creation of [`table`].
pub(crate) fn at(after_ms: i64) -> Timestamp {
    Timestamp::from_micros((NOW_MS + after_ms) * 1000)
}

/// A request for a table with the columns 1 `id` (required long), 2 `data` (string), 3 `ts` (timestamp)
/// and 4 `point` (struct of 5 `x` and 6 `y`, doubles).
pub(crate) fn request(format_version: i32) -> NewTable {
    NewTable {
        schema: Schema::parse(&schema_json(0).to_string()).unwrap(),
        spec: None,
        sort_order: None,
        location: "file:///wh/ns/t".to_owned(),
        properties: BTreeMap::from([("format-version".to_owned(), format_version.to_string())]),
    }
}

pub(crate) fn schema_json(id: i32) -> Value {
    json!({"type": "struct", "schema-id": id, "fields": [
        {"id": 1, "name": "id", "required": true, "type": "long"},
        {"id": 2, "name": "data", "required": false, "type": "string"},
        {"id": 3, "name": "ts", "required": false, "type": "timestamp"},
        {"id": 4, "name": "point", "required": false, "type": {"type": "struct", "fields": [
            {"id": 5, "name": "x", "required": true, "type": "double"},
            {"id": 6, "name": "y", "required": true, "type": "double"},
        ]}},
    ]})
}

pub(crate) fn table(format_version: i32) -> TableMetadata {
    let uuid = UUID.parse().unwrap();
    create(&request(format_version), uuid, at(0)).unwrap()
}

/// The table of version 2 with snapshots 1, 2 and 3 on main, each a second after the one before.
pub(crate) fn table_with_snapshots() -> TableMetadata {
    let mut table = table(2);
    for id in 1..=3 {
        let updates = [add_snapshot(id, id, (id > 1).then_some(id - 1), id * 1000), set_main(id)];
        table = commit_at(&table, &updates, at(id * 1000)).unwrap();
    }
    table
}

pub(crate) fn snapshot_json(id: i64, sequence: i64, parent: Option<i64>, after_ms: i64) -> Value {
    let mut value = json!({
        "snapshot-id": id, "sequence-number": sequence, "timestamp-ms": NOW_MS + after_ms,
        "manifest-list": format!("file:///wh/ns/t/metadata/snap-{id}.avro"),
        "summary": {"operation": "append", "added-records": "7"}, "schema-id": 0,
    });
    if let Some(parent) = parent {
        value["parent-snapshot-id"] = parent.into();
    }
    value
}

pub(crate) fn add_snapshot(id: i64, sequence: i64, parent: Option<i64>, after_ms: i64) -> Value {
    json!({"action": "add-snapshot", "snapshot": snapshot_json(id, sequence, parent, after_ms)})
}

pub(crate) fn set_main(id: i64) -> Value {
    json!({"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": id})
}

pub(crate) fn parse_updates(updates: &[Value]) -> Result<Vec<TableUpdate>> {
    updates.iter().map(|update| TableUpdate::parse(&update.to_string())).collect()
}

pub(crate) fn commit_at(
    base: &TableMetadata,
    updates: &[Value],
    now: Timestamp,
) -> Result<TableMetadata> {
    apply(base, BASE_LOCATION, &[], &parse_updates(updates)?, now)
}

pub(crate) fn commit(base: &TableMetadata, updates: &[Value]) -> Result<TableMetadata> {
    commit_at(base, updates, at(60_000))
}

pub(crate) fn require(base: &TableMetadata, requirement: &Value) -> Result<()> {
    TableRequirement::parse(&requirement.to_string())?.check(Some(base))
}

pub(crate) fn document(metadata: &TableMetadata) -> Value {
    serde_json::from_slice(&metadata.to_json()).unwrap()
}

#[track_caller]
pub(crate) fn refused(result: Result<TableMetadata>, kind: ErrorKind, text: &str) {
    let error: Error = result.expect_err(text);
    assert!(error.message().contains(text), "expected {text:?} in {:?}", error.message());
    assert_eq!(error.kind(), kind, "{}", error.message());
}

#[track_caller]
pub(crate) fn invalid(result: Result<TableMetadata>, text: &str) {
    refused(result, ErrorKind::InvalidInput, text);
}
