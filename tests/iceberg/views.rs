//! Views: creation, versions, history, dialects.

use std::collections::BTreeMap;

use nunatak::base::error::{Error, ErrorKind, Result};
use nunatak::iceberg::table::schema::Schema;
use nunatak::iceberg::view::apply::apply;
use nunatak::iceberg::view::create::{NewView, create};
use nunatak::iceberg::view::metadata::ViewMetadata;
use nunatak::iceberg::view::update::{ViewRequirement, ViewUpdate};
use nunatak::iceberg::view::version::RequestedVersion;
use serde_json::{Value, json};

use crate::support::{NOW_MS, UUID, at};

fn schema(id: i32, column: &str) -> Value {
    json!({"type": "struct", "schema-id": id,
        "fields": [{"id": 3, "name": column, "required": false, "type": "long"}]})
}

fn sql(text: &str, dialect: &str) -> Value {
    json!({"type": "sql", "sql": text, "dialect": dialect})
}

fn version(id: i32, schema: i32, representations: Value) -> Value {
    json!({"version-id": id, "schema-id": schema, "timestamp-ms": NOW_MS + i64::from(id),
        "summary": {"engine-name": "test"}, "default-namespace": ["ns"],
        "representations": representations})
}

fn request(version: &Value) -> NewView {
    NewView {
        schema: Schema::parse(&schema(5, "a").to_string()).unwrap(),
        version: RequestedVersion::parse(&version.to_string()).unwrap(),
        location: "file:///wh/ns/v/".to_owned(),
        properties: BTreeMap::new(),
    }
}

fn view() -> ViewMetadata {
    let version = version(1, 0, json!([sql("select 1", "spark")]));
    create(&request(&version), UUID.parse().unwrap(), at(0)).unwrap()
}

fn commit(base: &ViewMetadata, updates: &[Value]) -> Result<ViewMetadata> {
    let updates: Vec<_> =
        updates.iter().map(|u| ViewUpdate::parse(&u.to_string())).collect::<Result<_>>()?;
    apply(base, &[], &updates, at(60_000))
}

#[track_caller]
fn invalid<T: std::fmt::Debug>(result: Result<T>, text: &str) {
    let error: Error = result.expect_err(text);
    assert!(error.message().contains(text), "{text:?} in {:?}", error.message());
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

fn add_version(version: &Value) -> Value {
    json!({"action": "add-view-version", "view-version": version})
}

fn set_last() -> Value {
    json!({"action": "set-current-view-version", "view-version-id": -1})
}

#[test]
fn a_new_view() {
    let view = view();
    let document: Value = serde_json::from_slice(&view.to_json()).unwrap();
    assert_eq!(
        document,
        json!({"view-uuid": UUID, "format-version": 1, "location": "file:///wh/ns/v",
            "schemas": [schema(0, "a")], "current-version-id": 1,
            "versions": [version(1, 0, json!([sql("select 1", "spark")]))],
            "version-log": [{"timestamp-ms": NOW_MS + 1, "version-id": 1}]})
    );
    assert_eq!(ViewMetadata::parse(&view.to_json()).unwrap(), view);
}

#[test]
fn sparse_requests_are_completed() {
    let sparse = json!({"representations": [sql("select 1", "trino")]});
    let view = create(&request(&sparse), UUID.parse().unwrap(), at(0)).unwrap();
    let version = view.current_version().unwrap();
    assert_eq!((version.id, version.schema_id, version.timestamp_ms), (1, 0, NOW_MS));
}

#[test]
fn what_cannot_be_created() {
    let make = |version: Value| create(&request(&version), UUID.parse().unwrap(), at(0));
    invalid(make(version(1, 0, json!([]))), "Cannot create view without specifying a query");
    invalid(
        make(version(1, 0, json!([{"type": "plan"}]))),
        "Found unsupported view representations: [plan]",
    );
    invalid(
        make(version(1, 0, json!([sql("a", "trino"), sql("b", "Trino")]))),
        "Invalid view version: Cannot add multiple queries for dialect trino",
    );
}

#[test]
fn replacing_adds_a_version() {
    let updates = [
        json!({"action": "add-schema", "schema": schema(9, "b"), "last-column-id": 3}),
        add_version(&version(1, -1, json!([sql("select 2", "spark"), sql("select 2", "trino")]))),
        set_last(),
    ];
    let replaced = commit(&view(), &updates).unwrap();
    assert_eq!(replaced.current_version_id(), 2);
    assert_eq!(replaced.current_version().unwrap().schema_id, 1);
    assert_eq!(replaced.version_log().len(), 2);
    assert_eq!(replaced.version_log()[1].timestamp_ms, NOW_MS + 1, "the version's own time");
    // Going back happens now.
    let back = json!({"action": "set-current-view-version", "view-version-id": 1});
    let drop =
        json!({"action": "set-properties", "updates": {"replace.drop-dialect.allowed": "true"}});
    let back = commit(&replaced, &[drop, back]).unwrap();
    assert_eq!(back.current_version_id(), 1);
    assert_eq!(back.version_log()[2].timestamp_ms, NOW_MS + 60_000);
}

#[test]
fn equal_versions_are_found_again() {
    let same = add_version(&version(7, 0, json!([sql("select 1", "spark")])));
    let view = view();
    assert_eq!(commit(&view, &[same, set_last()]).unwrap(), view);
}

#[test]
fn dialects_are_not_lost() {
    let other = [add_version(&version(2, 0, json!([sql("select 1", "trino")]))), set_last()];
    let text = "Cannot replace view due to loss of view dialects (replace.drop-dialect.allowed=false):\n\
                Previous dialects: [spark]\nNew dialects: [trino]";
    invalid(commit(&view(), &other), text);
    let allow =
        json!({"action": "set-properties", "updates": {"replace.drop-dialect.allowed": "true"}});
    assert!(commit(&view(), &[&[allow], &other[..]].concat()).is_ok());
}

#[test]
fn history_is_kept_short() {
    let mut view = view();
    let set = |n: &str| json!({"action": "set-properties", "updates": {"version.history.num-entries": n}});
    for n in 2..=14 {
        let added = version(n, 0, json!([sql(&format!("select {n}"), "spark")]));
        view = commit(&view, &[add_version(&added), set_last()]).unwrap();
    }
    assert_eq!(view.versions().len(), 10);
    assert_eq!(view.version_log().len(), 10);
    let cut = commit(&view, &[set("2")]).unwrap();
    let ids: Vec<i32> = cut.versions().iter().map(|version| version.id).collect();
    assert_eq!((ids, cut.version_log().len()), (vec![13, 14], 2));
    let back = json!({"action": "set-current-view-version", "view-version-id": 5});
    let cut = commit(&view, &[set("2"), back]).unwrap();
    let ids: Vec<i32> = cut.versions().iter().map(|version| version.id).collect();
    assert_eq!((ids, cut.version_log().len()), (vec![5, 14], 2), "the current one stays");
    for bad in ["0", "-1", "x"] {
        invalid(commit(&view, &[set(bad)]), "version.history.num-entries must be positive but was");
    }
}

#[test]
fn other_updates() {
    let view = view();
    let changed = commit(
        &view,
        &[
            json!({"action": "set-location", "location": "file:///wh/other"}),
            json!({"action": "set-properties", "updates": {"a": "1", "b": "2"}}),
            json!({"action": "remove-properties", "removals": ["a"]}),
            json!({"action": "assign-uuid", "uuid": UUID}),
            json!({"action": "upgrade-format-version", "format-version": 1}),
        ],
    )
    .unwrap();
    assert_eq!(changed.location(), "file:///wh/other");
    assert_eq!(changed.properties().len(), 1);
    assert_eq!(commit(&view, &[]).unwrap(), view);
}

#[test]
fn refusals() {
    let other = "00000000-0000-4000-8000-000000000000";
    for (update, text) in [
        (json!({"action": "assign-uuid", "uuid": other}), "Cannot reassign uuid"),
        (
            json!({"action": "upgrade-format-version", "format-version": 0}),
            "Cannot downgrade v1 view to v0",
        ),
        (
            json!({"action": "upgrade-format-version", "format-version": 2}),
            "Unsupported format version: 2",
        ),
        (set_last(), "Cannot set last version id: no current version id has been set"),
        (
            json!({"action": "set-current-view-version", "view-version-id": 23}),
            "Cannot set current version to unknown version: 23",
        ),
        (
            add_version(&version(2, 42, json!([sql("x", "spark")]))),
            "Cannot add version with unknown schema: 42",
        ),
        (
            add_version(&version(2, -1, json!([sql("x", "spark")]))),
            "Cannot set last added schema: no schema has been added",
        ),
        (
            add_version(&version(2, 0, json!([sql("x", "trino"), sql("y", "TRINO")]))),
            "Invalid view version: Cannot add multiple queries for dialect trino",
        ),
        (json!({"action": "add-snapshot", "snapshot": {}}), "unknown action add-snapshot"),
        (json!({"action": "add-view-version", "view-version": {}}), "Cannot parse missing"),
    ] {
        invalid(commit(&view(), &[update]), text);
    }
    let requirement = json!({"type": "assert-view-uuid", "uuid": other});
    let requirement = ViewRequirement::parse(&requirement.to_string()).unwrap();
    let error = requirement.check(&view()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(
        error.message(),
        format!("Requirement failed: view UUID does not match: expected {UUID} != {other}")
    );
    assert!(ViewRequirement::parse(r#"{"type":"assert-create"}"#).is_err());
}
