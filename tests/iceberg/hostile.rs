//! Documents and commits made to break things: an error, never a panic.

use nunatak::base::error::ErrorKind;
use nunatak::iceberg::table::metadata::TableMetadata;
use nunatak::iceberg::table::requirement::TableRequirement;
use nunatak::iceberg::table::update::TableUpdate;
use nunatak::iceberg::view::metadata::ViewMetadata;
use nunatak::iceberg::view::update::ViewUpdate;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{commit, document, table, table_with_snapshots};

fn parse(value: &Value) -> Result<TableMetadata, nunatak::base::error::Error> {
    TableMetadata::parse(value.to_string().as_bytes())
}

#[test]
fn every_field_missing_or_of_another_type() {
    for version in 1..=3 {
        let whole = document(&table(version));
        for key in whole.as_object().unwrap().keys() {
            let mut changed = whole.clone();
            changed.as_object_mut().unwrap().remove(key);
            drop(parse(&changed));
            for wrong in [
                json!(null),
                json!(true),
                json!(-1),
                json!(1.5),
                json!(1e300),
                json!(u64::MAX),
                json!("x"),
                json!([]),
                json!([null]),
                json!([[]]),
                json!({}),
                json!({"a": null}),
            ] {
                let mut changed = whole.clone();
                changed[key] = wrong;
                if let Ok(read) = parse(&changed) {
                    drop(commit(
                        &read,
                        &[json!({"action": "set-properties", "updates": {"a": "b"}})],
                    ));
                }
            }
        }
    }
}

#[test]
fn contradictions_are_refused() {
    let whole = document(&table_with_snapshots());
    let duplicate = |pointer: &str| {
        let mut changed = whole.clone();
        let list = changed.pointer_mut(pointer).unwrap().as_array_mut().unwrap();
        let first = list[0].clone();
        list.push(first);
        changed
    };
    for (list, text) in [
        ("/snapshots", "two snapshots have id 1"),
        ("/schemas", "two schemas have id 0"),
        ("/partition-specs", "two partition specs have id 0"),
        ("/sort-orders", "two sort orders have id 0"),
    ] {
        let error = parse(&duplicate(list)).unwrap_err();
        assert!(error.message().contains(text), "{}", error.message());
    }
    let set = |pointer: &str, value: Value| {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        changed
    };
    for (changed, text) in [
        (set("/current-snapshot-id", json!(9)), "Cannot find current version"),
        (set("/current-snapshot-id", json!(1)), "Current snapshot ID does not match main branch"),
        (set("/current-snapshot-id", json!(-1)), "Current snapshot is not set, but main branch"),
        (set("/refs/main/snapshot-id", json!(9)), "does not exist in the existing snapshots list"),
        (set("/refs/main/type", json!("tag")), "main is a tag"),
        (set("/last-sequence-number", json!(2)), "greater than last sequence number 2"),
        (set("/current-schema-id", json!(4)), "Cannot find schema with current-schema-id=4"),
        (set("/default-spec-id", json!(4)), "Cannot find partition spec"),
        (set("/default-sort-order-id", json!(4)), "Cannot find sort order"),
        (set("/table-uuid", json!(null)), "UUID is required in format v2"),
    ] {
        let error = parse(&changed).unwrap_err();
        assert!(error.message().contains(text), "{text}: {}", error.message());
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let text = whole.to_string().replacen('{', r#"{"location":"/x","#, 1);
    let error = TableMetadata::parse(text.as_bytes()).unwrap_err();
    assert!(error.message().contains("two fields named location"), "{}", error.message());
    for version in [0, 4, 99, -1] {
        let error = parse(&set("/format-version", json!(version))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{version}");
    }
}

#[test]
fn bombs_of_brackets() {
    let deep = "[".repeat(100_000);
    let closed = format!("{deep}{}", "]".repeat(100_000));
    let nested = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    let table = table(2).to_json();
    let table = std::str::from_utf8(&table).unwrap();
    for bomb in [deep, closed, nested] {
        let inside = table.replacen('{', &format!("{{\"x\":{bomb},"), 1);
        let schema = table.replacen("\"schemas\":[", &format!("\"schemas\":[{bomb},"), 1);
        for text in [bomb.clone(), inside, schema] {
            assert!(TableMetadata::parse(text.as_bytes()).is_err());
            assert!(ViewMetadata::parse(text.as_bytes()).is_err());
        }
        let update = format!("{{\"action\":\"set-properties\",\"updates\":{bomb}}}");
        assert!(TableUpdate::parse(&update).is_err());
        let schema = format!("{{\"action\":\"add-schema\",\"schema\":{bomb}}}");
        assert!(TableUpdate::parse(&schema).is_err());
        assert!(ViewUpdate::parse(&schema).is_err());
        assert!(TableRequirement::parse(&bomb).is_err());
    }
}

#[test]
fn ids_at_the_end_of_their_range() {
    let max = i32::MAX;
    let schema = json!({"action": "add-schema", "schema": {"type": "struct", "schema-id": max,
        "fields": [{"id": max, "name": "a", "required": false, "type": "int"}]}});
    let table = commit(&table(2), &[schema]).unwrap();
    assert_eq!(table.last_column_id(), max);
    let mut whole = document(&table);
    whole["partition-specs"][0]["spec-id"] = json!(max);
    whole["default-spec-id"] = json!(max);
    whole["last-partition-id"] = json!(max);
    whole["schemas"][0]["schema-id"] = json!(max);
    whole["current-schema-id"] = json!(max);
    let table = parse(&whole).unwrap();
    let spec = json!({"action": "add-spec", "spec": {"spec-id": 1, "fields": [
        {"source-id": 1, "name": "b", "transform": "identity"}]}});
    assert!(commit(&table, &[spec]).is_err());
    let schema = json!({"action": "add-schema", "schema": {"type": "struct", "fields": []}});
    assert!(commit(&table, &[schema]).is_err());
    let mut snapshot = crate::support::snapshot_json(i64::MAX, i64::MAX, None, i64::MAX / 4);
    snapshot["timestamp-ms"] = json!(i64::MAX);
    let add = json!({"action": "add-snapshot", "snapshot": snapshot});
    let main = crate::support::set_main(i64::MAX);
    assert!(commit(&crate::support::table(2), &[add, main]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn damaged_documents_never_panic(cut in 0_usize..4000, byte in any::<u8>(), at in 0_usize..4000) {
        let mut bytes = table_with_snapshots().to_json().to_vec();
        let length = bytes.len();
        bytes[at % length] = byte;
        drop(TableMetadata::parse(&bytes));
        drop(ViewMetadata::parse(&bytes));
        drop(TableMetadata::parse(&bytes[..cut % length]));
    }

    #[test]
    fn random_text_is_no_update(text in ".*") {
        prop_assert!(TableUpdate::parse(&text).is_err());
        prop_assert!(ViewUpdate::parse(&text).is_err());
        prop_assert!(TableRequirement::parse(&text).is_err());
    }
}
