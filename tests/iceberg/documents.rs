//! Documents of every format version come back as they were, unknown fields included.

use nunatak::iceberg::table::metadata::TableMetadata;
use nunatak::iceberg::view::metadata::ViewMetadata;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::{commit, document, table_with_snapshots};

const V1: &str = include_str!("../golden/v1/iceberg-table-v1.json");
const V1_OLD: &str = include_str!("../golden/v1/iceberg-table-v1-old.json");
const V2: &str = include_str!("../golden/v1/iceberg-table-v2.json");
const V3: &str = include_str!("../golden/v1/iceberg-table-v3.json");
const VIEW: &str = include_str!("../golden/v1/iceberg-view.json");

#[test]
fn golden_tables_come_back() {
    for (name, text) in [("v1", V1), ("v2", V2), ("v3", V3)] {
        let metadata = TableMetadata::parse(text.as_bytes()).unwrap();
        let before: Value = serde_json::from_str(text).unwrap();
        let after = document(&metadata);
        for (key, value) in before.as_object().unwrap() {
            assert_eq!(after.get(key), Some(value), "{name}: {key}");
        }
        assert_eq!(before.as_object().unwrap().len(), after.as_object().unwrap().len(), "{name}");
        let again = TableMetadata::parse(&metadata.to_json()).unwrap();
        assert_eq!(again, metadata, "{name}");
        assert_eq!(again.to_json(), metadata.to_json(), "{name}");
    }
}

#[test]
fn golden_numbers_keep_their_text() {
    let written = TableMetadata::parse(V3.as_bytes()).unwrap().to_json();
    let written = std::str::from_utf8(&written).unwrap();
    for text in ["1.10", "1e2", "123456789012345678901234567890", "0.30000000000000004"] {
        assert!(V3.contains(text) && written.contains(text), "{text}");
    }
}

#[test]
fn golden_documents_survive_commits() {
    for text in [V1, V1_OLD, V2, V3] {
        let base = TableMetadata::parse(text.as_bytes()).unwrap();
        let update = json!({"action": "set-properties", "updates": {"touched": "yes"}});
        let changed = document(&commit(&base, &[update]).unwrap());
        let before = document(&base);
        for (key, value) in before.as_object().unwrap() {
            if !["properties", "last-updated-ms", "metadata-log"].contains(&key.as_str()) {
                assert_eq!(changed.get(key), Some(value), "{key}");
            }
        }
    }
}

#[test]
fn the_oldest_documents_are_understood() {
    let table = TableMetadata::parse(V1_OLD.as_bytes()).unwrap();
    assert_eq!(table.uuid(), None);
    assert_eq!(table.current_snapshot_id(), None);
    assert_eq!(table.current_schema().unwrap().fields().len(), 3);
    assert_eq!(table.spec(0).unwrap().fields()[0].field_id, Some(1000));
    assert_eq!(table.last_partition_id(), 1000);
    assert_eq!(table.sort_orders().len(), 1);
    let document = document(&table);
    assert_eq!(document["schemas"][0]["schema-id"], 0);
    assert_eq!(document["schema"]["schema-id"], 0);
    assert_eq!(document["partition-spec"][0]["field-id"], 1000);
    assert_eq!(document["current-snapshot-id"], -1);
    let mut named = table;
    named.ensure_uuid("9c12d441-03fe-4693-9a96-a0705ddf69c1");
    assert!(named.uuid().is_some());
}

#[test]
fn upgrades_from_one_to_three() {
    let base = TableMetadata::parse(V1.as_bytes()).unwrap();
    let upgrade =
        |version: i32| json!({"action": "upgrade-format-version", "format-version": version});
    let two = commit(&base, &[upgrade(2)]).unwrap();
    assert_eq!(document(&two)["last-sequence-number"], 0);
    assert!(document(&two).get("schema").is_none());
    let three = commit(&two, &[upgrade(3)]).unwrap();
    assert_eq!(document(&three)["next-row-id"], 0);
    let old = TableMetadata::parse(V1_OLD.as_bytes()).unwrap();
    let error = commit(&old, &[upgrade(2)]).unwrap_err();
    assert_eq!(error.message(), "UUID is required in format v2");
}

#[test]
fn golden_view_comes_back() {
    let view = ViewMetadata::parse(VIEW.as_bytes()).unwrap();
    let before: Value = serde_json::from_str(VIEW).unwrap();
    let after: Value = serde_json::from_slice(&view.to_json()).unwrap();
    assert_eq!(before, after);
    assert_eq!(ViewMetadata::parse(&view.to_json()).unwrap(), view);
}

#[test]
fn types_that_are_not_known_are_kept() {
    let mut document = document(&table_with_snapshots());
    let fields = document["schemas"][0]["fields"].as_array_mut().unwrap();
    fields.push(json!({"id": 7, "name": "f", "required": false, "type": "hyperreal(7)"}));
    let shape = json!({"type": "tensor", "shape": [3, 4], "of": {"type": "float"}});
    fields.push(json!({"id": 8, "name": "t", "required": false, "type": shape}));
    let table = TableMetadata::parse(document.to_string().as_bytes()).unwrap();
    assert_eq!(crate::support::document(&table), document);
}

/// Any JSON value of moderate size; objects without duplicate keys.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn unknown_fields_come_back(extra in any_json(), key in "x-[a-z\"\\\\ü]{1,5}", pretty in any::<bool>()) {
        let mut whole = document(&table_with_snapshots());
        whole[&key] = extra.clone();
        whole["snapshots"][1][&key] = extra.clone();
        whole["snapshot-log"][0][&key] = extra.clone();
        whole["refs"]["main"][&key] = extra.clone();
        whole["schemas"][0][&key] = extra.clone();
        whole["schemas"][0]["fields"][3]["type"]["fields"][1][&key] = extra.clone();
        whole["partition-specs"][0][&key] = extra.clone();
        whole["sort-orders"][0][&key] = extra;
        let text = if pretty { serde_json::to_string_pretty(&whole) } else { serde_json::to_string(&whole) };
        let metadata = TableMetadata::parse(text.unwrap().as_bytes()).unwrap();
        prop_assert_eq!(document(&metadata), whole);
        let again = TableMetadata::parse(&metadata.to_json()).unwrap();
        prop_assert_eq!(again.to_json(), metadata.to_json());
        prop_assert_eq!(again, metadata);
    }
}
