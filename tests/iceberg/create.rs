//! New tables: fresh ids, defaults, staged creation.

use std::collections::BTreeMap;

use nunatak::base::entropy::SeededEntropy;
use nunatak::base::error::{ErrorKind, Result};
use nunatak::iceberg::table::create::{NewTable, create, create_from_updates};
use nunatak::iceberg::table::metadata::TableMetadata;
use nunatak::iceberg::table::partition::PartitionSpec;
use nunatak::iceberg::table::requirement::TableRequirement;
use nunatak::iceberg::table::schema::Schema;
use nunatak::iceberg::table::sort::SortOrder;
use serde_json::{Value, json};

use crate::support::{
    NOW_MS, UUID, at, document, invalid, parse_updates, request, schema_json, table,
};

fn make(request: &NewTable) -> Result<TableMetadata> {
    create(request, UUID.parse().unwrap(), at(0))
}

fn parsed<T>(parse: impl Fn(&str) -> Result<T>, value: &Value) -> T {
    parse(&value.to_string()).unwrap()
}

#[test]
fn a_plain_table() {
    let table = table(2);
    assert_eq!(
        document(&table),
        json!({
            "format-version": 2, "table-uuid": UUID, "location": "file:///wh/ns/t",
            "last-sequence-number": 0, "last-updated-ms": NOW_MS, "last-column-id": 6,
            "current-schema-id": 0, "schemas": [schema_json(0)],
            "default-spec-id": 0, "partition-specs": [{"spec-id": 0, "fields": []}],
            "last-partition-id": 999,
            "default-sort-order-id": 0, "sort-orders": [{"order-id": 0, "fields": []}],
            "properties": {"write.parquet.compression-codec": "zstd"},
            "current-snapshot-id": -1, "refs": {}, "snapshots": [], "statistics": [],
            "partition-statistics": [], "snapshot-log": [], "metadata-log": [],
        })
    );
    assert_eq!(document(&crate::support::table(3))["current-snapshot-id"], Value::Null);
    assert_eq!(document(&crate::support::table(3))["next-row-id"], 0);
    let old = document(&crate::support::table(1));
    assert_eq!((&old["schema"], &old["partition-spec"]), (&schema_json(0), &json!([])));
    assert!(old.get("last-sequence-number").is_none());
}

#[test]
fn ids_are_given_out_level_by_level() {
    let schema = json!({"type": "struct", "schema-id": 17, "x-unknown": {"keep": 1.0}, "fields": [
        {"id": 0, "name": "m", "required": false, "doc": "a map", "type": {"type": "map",
            "key-id": 40, "key": {"type": "struct", "fields": [
                {"id": 41, "name": "k", "required": true, "type": "int"}]},
            "value-id": 42, "value-required": true, "value": {"type": "list", "element-id": 43,
                "element-required": false, "element": "string"}}},
        {"id": 7, "name": "s", "required": true, "x-more": true, "type": {"type": "struct", "fields": [
            {"id": 50, "name": "a", "required": true, "type": "long"},
            {"id": 51, "name": "b", "required": false, "type": "double", "write-default": 0.1}]}},
        {"id": 3, "name": "z", "required": true, "type": "uuid"},
    ], "identifier-field-ids": [3, 50]});
    let mut request = request(2);
    request.schema = parsed(Schema::parse, &schema);
    let table = make(&request).unwrap();
    assert_eq!(table.last_column_id(), 9);
    assert_eq!(
        document(&table)["schemas"][0],
        json!({"type": "struct", "schema-id": 0, "x-unknown": {"keep": 1.0}, "fields": [
            {"id": 1, "name": "m", "required": false, "doc": "a map", "type": {"type": "map",
                "key-id": 4, "key": {"type": "struct", "fields": [
                    {"id": 6, "name": "k", "required": true, "type": "int"}]},
                "value-id": 5, "value-required": true, "value": {"type": "list", "element-id": 7,
                    "element-required": false, "element": "string"}}},
            {"id": 2, "name": "s", "required": true, "x-more": true, "type": {"type": "struct", "fields": [
                {"id": 8, "name": "a", "required": true, "type": "long"},
                {"id": 9, "name": "b", "required": false, "type": "double", "write-default": 0.1}]}},
            {"id": 3, "name": "z", "required": true, "type": "uuid"},
        ], "identifier-field-ids": [3, 8]})
    );
}

#[test]
fn specs_and_orders_follow_the_new_ids() {
    let mut request = request(2);
    let mut schema = schema_json(3);
    for (at, field) in schema["fields"].as_array_mut().unwrap().iter_mut().enumerate() {
        field["id"] = json!(20 + at);
    }
    request.schema = parsed(Schema::parse, &schema);
    request.spec = Some(parsed(
        PartitionSpec::parse,
        &json!({"spec-id": 4, "fields": [
            {"source-id": 22, "field-id": 1007, "name": "day", "transform": "day"},
            {"source-id": 20, "field-id": 1003, "name": "id_bucket", "transform": "bucket[8]"}]}),
    ));
    request.sort_order = Some(parsed(
        SortOrder::parse,
        &json!({"order-id": 9, "fields": [{"source-id": 21, "transform": "identity",
            "direction": "desc", "null-order": "nulls-last"}]}),
    ));
    let document = document(&make(&request).unwrap());
    assert_eq!(
        document["partition-specs"],
        json!([{"spec-id": 0, "fields": [
            {"source-id": 3, "field-id": 1000, "name": "day", "transform": "day"},
            {"source-id": 1, "field-id": 1001, "name": "id_bucket", "transform": "bucket[8]"}]}])
    );
    assert_eq!(document["last-partition-id"], 1001);
    assert_eq!(
        document["sort-orders"],
        json!([{"order-id": 1, "fields": [{"source-id": 2, "transform": "identity",
            "direction": "desc", "null-order": "nulls-last"}]}])
    );
    assert_eq!(document["default-sort-order-id"], 1);
}

#[test]
fn properties() {
    let mut asked = request(2);
    let add = |request: &mut NewTable, key: &str, value: &str| {
        request.properties.insert(key.to_owned(), value.to_owned());
    };
    for reserved in ["uuid", "snapshot-count", "current-schema", "default-sort-order"] {
        add(&mut asked, reserved, "x");
    }
    add(&mut asked, "owner", "ann");
    add(&mut asked, "write.parquet.compression-codec", "snappy");
    add(&mut asked, "write.metadata.metrics.column.point.x", "full");
    let table = make(&asked).unwrap();
    let keys: Vec<_> = table.properties().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["owner", "write.metadata.metrics.column.point.x", "write.parquet.compression-codec"]
    );
    assert_eq!(table.properties()["write.parquet.compression-codec"], "snappy");
    for (key, value, text) in [
        ("format-version", "4", "Unsupported format version: v4 (supported: v3)"),
        ("format-version", "0", "Unsupported format version: v0"),
        ("format-version", "two", "is no number"),
        ("commit.retry.num-retries", "x", "must have integer value"),
        ("commit.retry.num-retries", "-1", "must have non negative integer value"),
        ("write.metadata.metrics.column.none", "full", "could not find column none"),
    ] {
        let mut request = request(2);
        add(&mut request, key, value);
        invalid(make(&request), text);
    }
}

#[test]
fn what_cannot_be_created() {
    let spec = |source: i32| {
        let fields = json!([{"source-id": source, "name": "x", "transform": "day"}]);
        Some(parsed(PartitionSpec::parse, &json!({"spec-id": 0, "fields": fields})))
    };
    let mut bad = request(2);
    bad.spec = spec(99);
    invalid(make(&bad), "Cannot find source column for partition field");
    bad.spec = spec(2);
    invalid(make(&bad), "Invalid source type string for transform: day");
    let mut bad = request(2);
    bad.location = String::new();
    invalid(make(&bad), "Cannot set location");
    let mut schema = schema_json(0);
    schema["fields"][1]["id"] = json!(1);
    let mut bad = request(2);
    bad.schema = parsed(Schema::parse, &schema);
    invalid(make(&bad), "multiple fields for id 1");
}

fn staged() -> Vec<Value> {
    vec![
        json!({"action": "assign-uuid", "uuid": UUID}),
        json!({"action": "upgrade-format-version", "format-version": 3}),
        json!({"action": "add-schema", "schema": schema_json(0)}),
        json!({"action": "set-current-schema", "schema-id": -1}),
        json!({"action": "add-spec", "spec": {"spec-id": 0, "fields": [
            {"source-id": 3, "field-id": 1000, "name": "day", "transform": "day"}]}}),
        json!({"action": "set-default-spec", "spec-id": -1}),
        json!({"action": "add-sort-order", "sort-order": {"order-id": 0, "fields": []}}),
        json!({"action": "set-default-sort-order", "sort-order-id": -1}),
        json!({"action": "set-location", "location": "s3://b/t"}),
        json!({"action": "set-properties", "updates": {"a": "b"}}),
    ]
}

fn stage(requirements: &[TableRequirement], updates: &[Value]) -> Result<TableMetadata> {
    let updates = parse_updates(updates)?;
    create_from_updates(requirements, &updates, at(0), &SeededEntropy::new(7))
}

#[test]
fn staged_creation_keeps_ids() {
    let mut updates = staged();
    let table = stage(&[TableRequirement::Create], &updates).unwrap();
    assert_eq!(table.uuid(), Some(UUID));
    assert_eq!(table.format_version(), 3);
    assert_eq!(table.last_column_id(), 6);
    assert_eq!(table.last_partition_id(), 1000);
    assert_eq!(table.location(), "s3://b/t");
    assert_eq!(*table.properties(), BTreeMap::from([("a".to_owned(), "b".to_owned())]));
    assert_eq!(TableMetadata::parse(&table.to_json()).unwrap(), table);
    let mut snapshot = crate::support::snapshot_json(5, 1, None, 0);
    snapshot["first-row-id"] = json!(0);
    snapshot["added-rows"] = json!(3);
    updates.push(json!({"action": "add-snapshot", "snapshot": snapshot}));
    updates.push(crate::support::set_main(5));
    let table = stage(&[TableRequirement::Create], &updates).unwrap();
    assert_eq!((table.current_snapshot_id(), table.next_row_id()), (Some(5), 3));
    // Without a UUID of its own the table gets one.
    let table = stage(&[TableRequirement::Create], &staged()[1..]).unwrap();
    assert!(table.uuid().is_some_and(|uuid| uuid != UUID && uuid.len() == 36));
}

#[test]
fn staged_creation_must_be_whole() {
    let create = [TableRequirement::Create];
    let without = |action: &str| -> Vec<Value> {
        staged().into_iter().filter(|update| update["action"] != action).collect()
    };
    invalid(stage(&create, &[]), "Cannot create a table without a schema");
    invalid(stage(&create, &without("set-location")), "without a location");
    invalid(stage(&create, &without("add-spec")), "no spec has been added");
    invalid(stage(&create, &without("add-sort-order")), "no sort order has been added");
    invalid(stage(&create, &without("add-schema")), "no schema has been added");
    let mut twice = staged();
    twice.push(json!({"action": "assign-uuid", "uuid": "00000000-0000-4000-8000-000000000000"}));
    invalid(stage(&create, &twice), "Cannot reassign uuid");
    let mixed = [TableRequirement::Create, TableRequirement::DefaultSpecId(0)];
    let error = stage(&mixed, &staged()).unwrap_err();
    assert!(error.message().starts_with("Invalid create requirements"));
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
