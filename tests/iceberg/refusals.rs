//! Updates that cannot be, with the words clients know.

use serde_json::{Value, json};

use crate::support::{commit, invalid, schema_json, table, table_with_snapshots};

#[track_caller]
fn check(update: Value, text: &str) {
    invalid(commit(&table_with_snapshots(), &[update]), text);
}

#[test]
fn shapes() {
    for (update, text) in [
        (json!([]), "Cannot parse metadata update from non-object value"),
        (json!({}), "Missing field: action"),
        (json!({"action": null}), "Missing field: action"),
        (json!({"action": 7}), "Cannot parse to a string value: action: 7"),
        (json!({"action": "x-unknown"}), "unknown action x-unknown"),
        (json!({"action": "add-view-version"}), "unknown action add-view-version"),
        (json!({"action": "assign-uuid"}), "Cannot parse missing string: uuid"),
        (json!({"action": "assign-uuid", "uuid": "x"}), "not a UUID"),
        (json!({"action": "upgrade-format-version"}), "Cannot parse missing int: format-version"),
        (
            json!({"action": "upgrade-format-version", "format-version": "3"}),
            "Cannot parse to an integer value: format-version: \"3\"",
        ),
        (json!({"action": "add-schema"}), "Cannot parse missing field: schema"),
        (json!({"action": "add-schema", "schema": []}), "Cannot parse schema from a non-object"),
        (
            json!({"action": "add-spec", "spec": {"spec-id": 1}}),
            "Cannot parse missing field: fields",
        ),
        (
            json!({"action": "add-spec", "spec": {"spec-id": 1, "fields": {}}}),
            "Cannot parse partition spec fields, not an array",
        ),
        (
            json!({"action": "add-sort-order", "sort-order": {"fields": []}}),
            "missing int: order-id",
        ),
        (json!({"action": "add-snapshot", "snapshot": {}}), "Cannot parse missing"),
        (json!({"action": "set-snapshot-ref", "ref-name": "a"}), "Cannot parse missing long"),
        (json!({"action": "remove-snapshots"}), "Invalid set of snapshot ids to remove"),
        (
            json!({"action": "remove-snapshots", "snapshot-ids": ["1"]}),
            "Cannot parse to a long value",
        ),
        (json!({"action": "set-properties"}), "Cannot parse missing map: updates"),
        (
            json!({"action": "set-properties", "updates": {"a": 1}}),
            "Cannot parse to a string value: a: 1",
        ),
        (json!({"action": "remove-properties"}), "Cannot parse missing field: removals"),
        (json!({"action": "set-location"}), "Cannot parse missing string: location"),
        (json!({"action": "set-location", "location": ""}), "it is empty"),
        (json!({"action": "set-statistics", "statistics": {}}), "Cannot parse missing long"),
        (json!({"action": "remove-schemas"}), "Cannot parse missing field: schema-ids"),
        (json!({"action": "remove-schemas", "schema-ids": [1.5]}), "Cannot parse to an integer"),
        (json!({"action": "add-encryption-key"}), "Cannot parse missing field: encryption-key"),
    ] {
        check(update, text);
    }
}

#[test]
fn identity() {
    let other = "00000000-0000-4000-8000-000000000000";
    check(json!({"action": "assign-uuid", "uuid": other}), "Cannot reassign uuid");
    check(
        json!({"action": "upgrade-format-version", "format-version": 1}),
        "Cannot downgrade v2 table to v1",
    );
    check(
        json!({"action": "upgrade-format-version", "format-version": 4}),
        "Cannot upgrade table to unsupported format version: v4 (supported: v3)",
    );
}

fn schema_with(field: Value) -> Value {
    let mut schema = schema_json(0);
    schema["fields"].as_array_mut().unwrap().push(field);
    json!({"action": "add-schema", "schema": schema})
}

#[test]
fn schemas() {
    let field = |id: i32, name: &str, kind: Value| json!({"id": id, "name": name, "required": false, "type": kind});
    check(
        schema_with(field(1, "b", json!("int"))),
        "Invalid schema: multiple fields for id 1: id and b",
    );
    check(
        schema_with(field(9, "id", json!("int"))),
        "Invalid schema: multiple fields for name id: 1 and 9",
    );
    check(
        schema_with(field(9, "b", json!("integer"))),
        "Cannot parse type string to primitive: integer",
    );
    check(
        schema_with(field(9, "b", json!("decimal(39,2)"))),
        "Cannot parse type string to primitive",
    );
    check(
        schema_with(field(9, "b", json!("variant"))),
        "Invalid schema for v2:\n- Invalid type for b: variant is not supported until v3",
    );
    let nested = json!({"type": "list", "element-id": 10, "element-required": true, "element": "timestamp_ns"});
    check(schema_with(field(9, "l", nested)), "Invalid type for l.element: timestamp_ns");
    let mut default = field(9, "b", json!("int"));
    default["initial-default"] = json!(7);
    check(schema_with(default), "Invalid initial default for b: non-null default (7)");
    check(json!({"action": "set-current-schema", "schema-id": -1}), "no schema has been added");
    check(
        json!({"action": "set-current-schema", "schema-id": 5}),
        "Cannot set current schema to unknown schema: 5",
    );
    check(
        json!({"action": "remove-schemas", "schema-ids": [0]}),
        "Cannot remove the current schema",
    );
}

#[test]
fn version_three_has_more_types() {
    for kind in
        ["variant", "geometry", "geometry(OGC:CRS84)", "geography(srid:1, spherical)", "unknown"]
    {
        let field = json!({"id": 9, "name": "v", "required": false, "type": kind});
        assert!(commit(&table(3), &[schema_with(field)]).is_ok(), "{kind}");
    }
}

#[test]
fn identifier_columns() {
    let with = |id: i32| {
        let mut schema = schema_json(0);
        schema["identifier-field-ids"] = json!([id]);
        json!({"action": "add-schema", "schema": schema})
    };
    assert!(commit(&table(2), &[with(1)]).is_ok());
    check(with(99), "Cannot add fieldId 99 as an identifier field: field does not exist");
    check(with(2), "Cannot add field data as an identifier field: not a required field");
    check(with(4), "Cannot add field point as an identifier field: not a primitive type field");
    check(with(5), "Cannot add field x as an identifier field: must not be float or double field");
}

#[test]
fn partition_specs() {
    let spec = |source: i32, name: &str, transform: &str| {
        json!({"action": "add-spec", "spec": {"spec-id": 1, "fields": [
            {"source-id": source, "field-id": 1000, "name": name, "transform": transform}]}})
    };
    check(
        spec(99, "x", "identity"),
        "Cannot find source column for partition field: 1000: x: identity(99)",
    );
    check(spec(4, "x", "identity"), "Cannot partition by non-primitive source field: struct<");
    check(spec(2, "x", "day"), "Invalid source type string for transform: day");
    check(spec(5, "x", "bucket[4]"), "Invalid source type double for transform: bucket[4]");
    check(spec(1, "x", "bucket[0]"), "Invalid number of buckets: 0");
    for bad in ["bucket", "truncate[x]", "bucket[-1]", "bucket[99999999999]"] {
        check(spec(1, "x", bad), "Invalid width of transform");
    }
    check(spec(1, "", "identity"), "Cannot use empty partition name");
    check(
        spec(2, "id", "identity"),
        "Cannot create identity partition sourced from different field",
    );
    assert!(commit(&table(2), &[spec(1, "id", "identity")]).is_ok());
    assert!(commit(&table(2), &[spec(5, "x", "identity")]).is_ok());
    let twice = json!({"action": "add-spec", "spec": {"spec-id": 1, "fields": [
        {"source-id": 1, "name": "a", "transform": "identity"},
        {"source-id": 2, "name": "a", "transform": "identity"}]}});
    check(twice, "Cannot use partition name more than once: a");
    let same_id = json!({"action": "add-spec", "spec": {"spec-id": 1, "fields": [
        {"source-id": 1, "name": "a", "transform": "identity", "field-id": 1000},
        {"source-id": 2, "name": "b", "transform": "identity", "field-id": 1000}]}});
    check(same_id, "Cannot use partition field id twice: 1000");
    let mixed = json!({"action": "add-spec", "spec": {"spec-id": 1, "fields": [
        {"source-id": 1, "name": "a", "transform": "identity", "field-id": 1000},
        {"source-id": 2, "name": "b", "transform": "identity"}]}});
    check(mixed, "Cannot parse spec with missing field IDs: 1 missing of 2 fields.");
    check(json!({"action": "set-default-spec", "spec-id": -1}), "no spec has been added");
    check(json!({"action": "set-default-spec", "spec-id": 9}), "unknown spec: 9");
    check(
        json!({"action": "remove-partition-specs", "spec-ids": [0]}),
        "Cannot remove the default partition spec",
    );
    let gap = json!({"action": "add-spec", "spec": {"spec-id": 1, "fields": [
        {"source-id": 1, "name": "a", "transform": "identity", "field-id": 1001}]}});
    invalid(commit(&table(1), &[gap]), "Spec does not use sequential IDs that are required in v1");
}

#[test]
fn sort_orders() {
    let order = |id: i32, source: i32, transform: &str| {
        json!({"action": "add-sort-order", "sort-order": {"order-id": id, "fields": [{"source-id": source,
            "transform": transform, "direction": "asc", "null-order": "nulls-last"}]}})
    };
    check(
        order(1, 99, "identity"),
        "Cannot find source column for sort field: identity(99) ASC NULLS LAST",
    );
    check(order(1, 4, "identity"), "Cannot sort by non-primitive source field");
    check(order(1, 2, "hour"), "Invalid source type string for transform: hour");
    check(order(0, 1, "identity"), "Sort order ID 0 is reserved for unsorted order");
    let empty = json!({"action": "add-sort-order", "sort-order": {"order-id": 3, "fields": []}});
    check(empty, "Unsorted order ID must be 0");
    let direction = json!({"action": "add-sort-order", "sort-order": {"order-id": 1, "fields": [{"source-id": 1,
        "transform": "identity", "direction": "up", "null-order": "nulls-last"}]}});
    check(direction, "Invalid sort direction: up");
    check(
        json!({"action": "set-default-sort-order", "sort-order-id": -1}),
        "Cannot set last added sort order: no sort order has been added",
    );
    check(json!({"action": "set-default-sort-order", "sort-order-id": 4}), "unknown sort order: 4");
}

#[test]
fn a_spec_needs_its_columns() {
    let spec = json!({"action": "add-spec", "spec": {"spec-id": 1, "fields": [
        {"source-id": 2, "field-id": 1000, "name": "data", "transform": "identity"}]}});
    let default = json!({"action": "set-default-spec", "spec-id": -1});
    let base = commit(&table(2), &[spec, default]).unwrap();
    let mut schema = schema_json(0);
    schema["fields"].as_array_mut().unwrap().remove(1);
    let drop = json!({"action": "add-schema", "schema": schema});
    let set = json!({"action": "set-current-schema", "schema-id": -1});
    let text = "Cannot find source column for partition field: 1000: data: identity(2)";
    invalid(commit(&base, &[drop.clone(), set.clone()]), text);
    let void = json!({"action": "add-spec", "spec": {"spec-id": 2, "fields": [
        {"source-id": 2, "field-id": 1000, "name": "data", "transform": "void"}]}});
    let default = json!({"action": "set-default-spec", "spec-id": -1});
    assert!(commit(&base, &[void, default, drop, set]).is_ok());
}

#[test]
fn refs() {
    let set = |fields: Value| {
        let mut update =
            json!({"action": "set-snapshot-ref", "ref-name": "r", "snapshot-id": 1, "type": "tag"});
        update.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        update
    };
    check(set(json!({"snapshot-id": 9})), "Cannot set r to unknown snapshot: 9");
    check(set(json!({"type": "x"})), "Invalid snapshot ref type: x");
    check(
        set(json!({"min-snapshots-to-keep": 1})),
        "Tags do not support setting minSnapshotsToKeep",
    );
    check(set(json!({"max-snapshot-age-ms": 1})), "Tags do not support setting maxSnapshotAgeMs");
    check(set(json!({"max-ref-age-ms": 0})), "Max reference age must be greater than 0");
    check(
        set(json!({"type": "branch", "min-snapshots-to-keep": 0})),
        "Min snapshots to keep must be greater than 0",
    );
    check(set(json!({"ref-name": "main"})), "Cannot set main: it is a branch, not a tag");
}

#[test]
fn nothing_is_applied_in_part() {
    let base = table_with_snapshots();
    let before = base.clone();
    let good = json!({"action": "set-properties", "updates": {"a": "b"}});
    let bad = json!({"action": "remove-schemas", "schema-ids": [0]});
    assert!(commit(&base, &[good, bad]).is_err());
    assert_eq!(base, before);
}
