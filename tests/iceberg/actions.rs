//! What each update does to the document.

use serde_json::{Value, json};

use crate::support::{commit, document, schema_json, table, table_with_snapshots};

/// Applies updates to a table and looks at one place of the result.
#[track_caller]
fn check(updates: &[Value], pointer: &str, expected: Value) {
    let changed = commit(&table_with_snapshots(), updates).unwrap();
    let document = document(&changed);
    assert_eq!(document.pointer(pointer), Some(&expected), "{pointer} of {document}");
}

fn wider_schema() -> Value {
    let mut schema = schema_json(-1);
    let column = json!({"id": 7, "name": "extra", "required": false, "type": "decimal(9,2)"});
    schema["fields"].as_array_mut().unwrap().push(column);
    schema
}

#[test]
fn identity_and_place() {
    let uuid = crate::support::UUID.to_uppercase();
    let same = commit(&table(2), &[json!({"action": "assign-uuid", "uuid": uuid})]).unwrap();
    assert_eq!(same, table(2), "the same UUID changes nothing");
    check(
        &[json!({"action": "upgrade-format-version", "format-version": 3})],
        "/format-version",
        json!(3),
    );
    check(
        &[json!({"action": "upgrade-format-version", "format-version": 3})],
        "/next-row-id",
        json!(0),
    );
    check(
        &[json!({"action": "set-location", "location": "file:///wh/x/"})],
        "/location",
        json!("file:///wh/x"),
    );
}

#[test]
fn properties() {
    let set = json!({"action": "set-properties", "updates": {"a": "1", "b": "2"}});
    check(std::slice::from_ref(&set), "/properties/b", json!("2"));
    let legacy = json!({"action": "set-properties", "updated": {"c": "3"}});
    check(&[legacy], "/properties/c", json!("3"));
    let remove = json!({"action": "remove-properties", "removals": ["a", "nothing"]});
    let legacy =
        json!({"action": "remove-properties", "removed": ["write.parquet.compression-codec"]});
    check(&[set, remove, legacy], "/properties", json!({"b": "2"}));
}

#[test]
fn schemas() {
    let add = json!({"action": "add-schema", "schema": wider_schema(), "last-column-id": 7});
    let set = json!({"action": "set-current-schema", "schema-id": -1});
    check(&[add.clone(), set.clone()], "/current-schema-id", json!(1));
    check(&[add.clone(), set.clone()], "/last-column-id", json!(7));
    check(&[add.clone(), set.clone()], "/schemas/1/schema-id", json!(1));
    check(&[add.clone(), set.clone()], "/schemas/1/fields/4/type", json!("decimal(9,2)"));
    let without = json!({"action": "add-schema", "schema": wider_schema()});
    check(&[without.clone(), set.clone()], "/current-schema-id", json!(1));
    // The same schema again, under any number, is the one that is there.
    let again = json!({"action": "add-schema", "schema": schema_json(9)});
    let changed = commit(&table(2), std::slice::from_ref(&again)).unwrap();
    assert_eq!(changed, table(2));
    let back = json!({"action": "set-current-schema", "schema-id": 0});
    check(&[add.clone(), set.clone(), back], "/current-schema-id", json!(0));
    let remove = json!({"action": "remove-schemas", "schema-ids": [0]});
    check(&[add, set, remove], "/schemas/0/schema-id", json!(1));
}

#[test]
fn ids_never_go_back() {
    let mut narrow = schema_json(-1);
    narrow["fields"].as_array_mut().unwrap().truncate(1);
    let add = json!({"action": "add-schema", "schema": narrow});
    let set = json!({"action": "set-current-schema", "schema-id": -1});
    check(&[add, set], "/last-column-id", json!(6));
}

#[test]
fn partition_specs() {
    let spec =
        |fields: Value| json!({"action": "add-spec", "spec": {"spec-id": 7, "fields": fields}});
    let set = json!({"action": "set-default-spec", "spec-id": -1});
    let day = json!([{"source-id": 3, "field-id": 1000, "name": "ts_day", "transform": "day"}]);
    check(&[spec(day.clone()), set.clone()], "/default-spec-id", json!(1));
    check(&[spec(day.clone()), set.clone()], "/last-partition-id", json!(1000));
    check(&[spec(day.clone()), set.clone()], "/partition-specs/1/spec-id", json!(1));
    // Without ids: the same source and transform keeps its id, the rest gets new ones.
    let more = json!([
        {"source-id": 1, "name": "id_bucket", "transform": "bucket[16]"},
        {"source-id": 3, "name": "day", "transform": "day"},
    ]);
    let both = [spec(day.clone()), spec(more)];
    check(&both, "/partition-specs/2/fields/0/field-id", json!(1001));
    check(&both, "/partition-specs/2/fields/1/field-id", json!(1000));
    check(&both, "/last-partition-id", json!(1001));
    // The same spec is not added twice, and removing leaves the default one.
    let twice = [spec(day.clone()), spec(day.clone()), set.clone()];
    check(&twice, "/default-spec-id", json!(1));
    let remove = json!({"action": "remove-partition-specs", "spec-ids": [0]});
    check(&[spec(day), set, remove], "/partition-specs/0/spec-id", json!(1));
}

#[test]
fn sort_orders() {
    let fields = json!([{"source-id": 1, "transform": "identity", "direction": "asc", "null-order": "nulls-first"}]);
    let add = json!({"action": "add-sort-order", "sort-order": {"order-id": 5, "fields": fields}});
    let set = json!({"action": "set-default-sort-order", "sort-order-id": -1});
    check(&[add.clone(), set.clone()], "/default-sort-order-id", json!(1));
    check(&[add.clone(), set.clone()], "/sort-orders/1/order-id", json!(1));
    let unsorted = json!({"action": "add-sort-order", "sort-order": {"order-id": 0, "fields": []}});
    let zero = json!({"action": "set-default-sort-order", "sort-order-id": 0});
    check(&[add, set, unsorted, zero], "/default-sort-order-id", json!(0));
}

#[test]
fn statistics() {
    let file = json!({"snapshot-id": 1, "statistics-path": "s3://b/x", "file-size-in-bytes": 3,
        "file-footer-size-in-bytes": 2, "blob-metadata": [], "x-unknown": [1.5]});
    let set = json!({"action": "set-statistics", "snapshot-id": 1, "statistics": file});
    check(std::slice::from_ref(&set), "/statistics/0", file.clone());
    check(&[set.clone(), set.clone()], "/statistics", json!([file]));
    let without = json!({"action": "set-statistics", "statistics": file});
    check(&[without], "/statistics/0", file);
    let remove = json!({"action": "remove-statistics", "snapshot-id": 1});
    check(&[set.clone(), remove], "/statistics", json!([]));
    let part = json!({"snapshot-id": 2, "statistics-path": "s3://b/y", "file-size-in-bytes": 3});
    let set_part = json!({"action": "set-partition-statistics", "partition-statistics": part});
    check(std::slice::from_ref(&set_part), "/partition-statistics/0", part);
    let remove = json!({"action": "remove-partition-statistics", "snapshot-id": 2});
    check(&[set_part.clone(), remove], "/partition-statistics", json!([]));
    // Files go with their snapshot.
    let expire = json!({"action": "remove-snapshots", "snapshot-ids": [1, 2]});
    check(&[set.clone(), set_part.clone(), expire.clone()], "/statistics", json!([]));
    check(&[set, set_part, expire], "/partition-statistics", json!([]));
}

#[test]
fn encryption_keys() {
    let key = json!({"key-id": "k1", "encrypted-key-metadata": "eA==", "properties": {"x": "y"}});
    let add = json!({"action": "add-encryption-key", "encryption-key": key});
    check(&[add.clone(), add.clone()], "/encryption-keys", json!([key]));
    let remove = json!({"action": "remove-encryption-key", "key-id": "k1"});
    let changed = commit(&table(2), &[add, remove]).unwrap();
    assert!(document(&changed).get("encryption-keys").is_none());
}

#[test]
fn nothing_to_do_is_no_commit() {
    let base = table_with_snapshots();
    for updates in [
        vec![],
        vec![json!({"action": "remove-snapshots", "snapshot-ids": []})],
        vec![json!({"action": "remove-snapshots", "snapshot-ids": [99]})],
        vec![json!({"action": "remove-snapshot-ref", "ref-name": "none"})],
        vec![json!({"action": "set-properties", "updates": {}})],
        vec![json!({"action": "upgrade-format-version", "format-version": 2})],
        vec![crate::support::set_main(3)],
    ] {
        assert_eq!(commit(&base, &updates).unwrap(), base, "{updates:?}");
    }
}

#[test]
fn every_commit_is_logged() {
    let mut table = table(2);
    let set = |n: i32| json!({"action": "set-properties", "updates": {"n": n.to_string()}});
    table = commit(
        &table,
        &[json!({"action": "set-properties",
        "updates": {"write.metadata.previous-versions-max": "2"}})],
    )
    .unwrap();
    for n in 0..3 {
        table = commit(&table, &[set(n)]).unwrap();
        assert_eq!(table.metadata_log().len(), 2.min(usize::try_from(n).unwrap() + 2));
    }
    let last = table.metadata_log().last().unwrap();
    assert_eq!(last.file, crate::support::BASE_LOCATION);
    assert_eq!(table.last_updated_ms(), crate::support::NOW_MS + 60_000);
    // A clock that goes back does not take the table's time back.
    let earlier = crate::support::commit_at(&table, &[set(9)], crate::support::at(-5000)).unwrap();
    assert_eq!(earlier.last_updated_ms(), table.last_updated_ms());
}
