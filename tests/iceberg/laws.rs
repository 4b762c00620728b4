//! Whatever is committed, the document stays one that can be read back and holds together.

use nunatak::iceberg::table::metadata::TableMetadata;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{add_snapshot, commit_at, schema_json, snapshot_json, table};

/// One update, often a good one.
fn any_update() -> impl Strategy<Value = Value> {
    let id = 1..8_i64;
    let number = -1..4_i32;
    let name = prop::sample::select(vec!["main", "dev", "v1"]);
    let kind = prop::sample::select(vec!["branch", "tag"]);
    let transform = prop::sample::select(vec!["identity", "void", "bucket[4]", "day", "hour"]);
    prop_oneof![
        3 => (id.clone(), 0..12_i64, prop::option::of(id.clone()), -90_000..90_000_i64)
            .prop_map(|(id, sequence, parent, at)| add_snapshot(id, sequence, parent, at)),
        2 => (id.clone(), 0..100_i64, 0..100_i64).prop_map(|(id, first, rows)| {
            let mut snapshot = snapshot_json(id, id, None, 0);
            snapshot["first-row-id"] = json!(first);
            snapshot["added-rows"] = json!(rows);
            json!({"action": "add-snapshot", "snapshot": snapshot})
        }),
        3 => (name.clone(), kind, id.clone()).prop_map(|(name, kind, id)| json!({
            "action": "set-snapshot-ref", "ref-name": name, "type": kind, "snapshot-id": id})),
        1 => name.prop_map(|name| json!({"action": "remove-snapshot-ref", "ref-name": name})),
        1 => prop::collection::vec(id, 0..3)
            .prop_map(|ids| json!({"action": "remove-snapshots", "snapshot-ids": ids})),
        2 => (0..5_usize, -1..3_i32).prop_map(|(fields, id)| {
            let mut schema = schema_json(id);
            schema["fields"].as_array_mut().unwrap().truncate(fields);
            json!({"action": "add-schema", "schema": schema})
        }),
        2 => number.clone().prop_map(|id| json!({"action": "set-current-schema", "schema-id": id})),
        1 => number.clone().prop_map(|id| json!({"action": "remove-schemas", "schema-ids": [id]})),
        2 => (1..6_i32, transform, prop::option::of(1000..1003_i32)).prop_map(|(source, transform, id)| {
            let mut field = json!({"source-id": source, "name": "part", "transform": transform});
            if let Some(id) = id {
                field["field-id"] = json!(id);
            }
            json!({"action": "add-spec", "spec": {"spec-id": 0, "fields": [field]}})
        }),
        2 => number.clone().prop_map(|id| json!({"action": "set-default-spec", "spec-id": id})),
        1 => number.clone().prop_map(|id| json!({"action": "remove-partition-specs", "spec-ids": [id]})),
        2 => (1..6_i32, 0..2_i32).prop_map(|(source, id)| json!({"action": "add-sort-order",
            "sort-order": {"order-id": id, "fields": [{"source-id": source, "transform": "identity",
                "direction": "asc", "null-order": "nulls-last"}]}})),
        2 => number.prop_map(|id| json!({"action": "set-default-sort-order", "sort-order-id": id})),
        1 => (1..5_i32).prop_map(|v| json!({"action": "upgrade-format-version", "format-version": v})),
    ]
}

/// Whether every number that the document names is there.
fn holds_together(table: &TableMetadata) -> bool {
    let schema = table.current_schema();
    let spec = table.spec(table.default_spec_id());
    let order = table.sort_order(table.default_sort_order_id());
    let main = table.refs().get("main").map(|reference| reference.snapshot_id);
    let newest = table.snapshots().iter().map(|snapshot| snapshot.sequence_number).max();
    schema.is_some_and(|schema| {
        spec.is_some_and(|spec| spec.check_compatibility(schema).is_ok())
            && order.is_some_and(|order| order.check_compatibility(schema).is_ok())
    }) && main == table.current_snapshot_id()
        && table.refs().values().all(|reference| table.snapshot(reference.snapshot_id).is_some())
        && newest.is_none_or(|newest| newest <= table.last_sequence_number())
        && table.schemas().iter().all(|s| s.highest_field_id() <= table.last_column_id())
        && table.specs().iter().all(|s| s.last_assigned_field_id() <= table.last_partition_id())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn commits_lead_to_documents_that_hold(
        version in 1..4_i32,
        commits in prop::collection::vec(prop::collection::vec(any_update(), 1..4), 1..12),
    ) {
        let mut current = table(version);
        for (at, updates) in (1_i64..).zip(&commits) {
            let Ok(next) = commit_at(&current, updates, crate::support::at(at * 1000)) else { continue };
            prop_assert!(holds_together(&next), "{updates:?}: {next:?}");
            prop_assert_eq!(&TableMetadata::parse(&next.to_json()).unwrap(), &next);
            prop_assert!(next.last_sequence_number() >= current.last_sequence_number());
            prop_assert!(next.last_column_id() >= current.last_column_id());
            prop_assert!(next.next_row_id() >= current.next_row_id());
            prop_assert!(next.last_updated_ms() >= current.last_updated_ms());
            prop_assert_eq!(next.uuid(), current.uuid());
            current = next;
        }
    }
}
