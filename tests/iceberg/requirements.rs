//! Requirements that hold and that fail.

use nunatak::base::error::{Entity, ErrorKind};
use nunatak::iceberg::table::apply::apply;
use nunatak::iceberg::table::requirement::TableRequirement;
use serde_json::{Value, json};

use crate::support::{BASE_LOCATION, UUID, at, commit, require, table_with_snapshots};

#[test]
fn each_holds_and_fails() {
    let tag =
        json!({"action": "set-snapshot-ref", "ref-name": "v1", "type": "tag", "snapshot-id": 1});
    let table = commit(&table_with_snapshots(), &[tag]).unwrap();
    let other = "00000000-0000-4000-8000-000000000000";
    let refs = |name: &str, id: Value| json!({"type": "assert-ref-snapshot-id", "ref": name, "snapshot-id": id});
    let of = |kind: &str, field: &str, id: i32| json!({"type": kind, field: id});
    let field_id = |id| of("assert-last-assigned-field-id", "last-assigned-field-id", id);
    let partition = |id| of("assert-last-assigned-partition-id", "last-assigned-partition-id", id);
    for good in [
        json!({"type": "assert-table-uuid", "uuid": UUID.to_uppercase()}),
        refs("main", json!(3)),
        refs("v1", json!(1)),
        refs("nothing", Value::Null),
        json!({"type": "assert-ref-snapshot-id", "ref": "nothing"}),
        field_id(6),
        of("assert-current-schema-id", "current-schema-id", 0),
        partition(999),
        of("assert-default-spec-id", "default-spec-id", 0),
        of("assert-default-sort-order-id", "default-sort-order-id", 0),
    ] {
        require(&table, &good).unwrap();
    }
    for (bad, text) in [
        (json!({"type": "assert-create"}), "table already exists"),
        (
            json!({"type": "assert-table-uuid", "uuid": other}),
            &*format!("UUID does not match: expected {UUID} != {other}"),
        ),
        (refs("main", json!(1)), "branch main has changed: expected id 1 != 3"),
        (refs("main", Value::Null), "branch main was created concurrently"),
        (refs("v1", Value::Null), "tag v1 was created concurrently"),
        (refs("dev", json!(1)), "branch or tag dev is missing, expected 1"),
        (field_id(3), "last assigned field id changed: expected id 3 != 6"),
        (
            of("assert-current-schema-id", "current-schema-id", 1),
            "current schema changed: expected id 1 != 0",
        ),
        (partition(1000), "last assigned partition id changed: expected id 1000 != 999"),
        (
            of("assert-default-spec-id", "default-spec-id", 2),
            "default partition spec changed: expected id 2 != 0",
        ),
        (
            of("assert-default-sort-order-id", "default-sort-order-id", 2),
            "default sort order changed: expected id 2 != 0",
        ),
    ] {
        let error = require(&table, &bad).unwrap_err();
        assert_eq!(error.message(), format!("Requirement failed: {text}"));
        assert_eq!(error.kind(), ErrorKind::Conflict);
    }
}

#[test]
fn shapes() {
    for (bad, text) in [
        (json!({}), "Missing field: type"),
        (json!({"type": "assert-nothing"}), "Unrecognized update requirement"),
        (json!({"type": "assert-view-uuid", "uuid": UUID}), "Unrecognized update requirement"),
        (json!({"type": "assert-table-uuid"}), "Cannot parse missing string: uuid"),
        (json!({"type": "assert-ref-snapshot-id"}), "Cannot parse missing string: ref"),
        (json!({"type": "assert-default-spec-id"}), "Cannot parse missing int: default-spec-id"),
        (json!([]), "non-object"),
    ] {
        let error = TableRequirement::parse(&bad.to_string()).unwrap_err();
        assert!(error.message().contains(text), "{}", error.message());
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_table_that_is_not_there() {
    assert!(TableRequirement::Create.check(None).is_ok());
    let error = TableRequirement::CurrentSchemaId(0).check(None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound(Entity::Table));
}

#[test]
fn requirements_come_before_updates() {
    let base = table_with_snapshots();
    let result = apply(&base, BASE_LOCATION, &[TableRequirement::DefaultSpecId(5)], &[], at(0));
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Conflict);
}
