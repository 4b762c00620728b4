//! Snapshots, refs, the snapshot log and row lineage.

use nunatak::base::error::ErrorKind;
use nunatak::iceberg::table::metadata::TableMetadata;
use serde_json::{Value, json};

use crate::support::{
    NOW_MS, add_snapshot, at, commit, commit_at, document, invalid, refused, set_main,
    snapshot_json, table, table_with_snapshots,
};

fn log(table: &TableMetadata) -> Vec<i64> {
    table.snapshot_log().iter().map(|entry| entry.snapshot_id).collect()
}

#[test]
fn a_commit_moves_main() {
    let table = table_with_snapshots();
    assert_eq!(table.current_snapshot_id(), Some(3));
    assert_eq!(table.last_sequence_number(), 3);
    assert_eq!(log(&table), [1, 2, 3]);
    assert_eq!(table.snapshot_log()[2].timestamp_ms, NOW_MS + 3000);
    let current = table.current_snapshot().unwrap();
    assert_eq!(current.operation.as_deref(), Some("append"));
    assert_eq!(current.summary()["added-records"], "7");
}

#[test]
fn stale_snapshots_are_conflicts() {
    let base = table_with_snapshots();
    let text = "Cannot add snapshot with sequence number 3 older than last sequence number 3";
    refused(commit(&base, &[add_snapshot(9, 3, Some(3), 4000)]), ErrorKind::Conflict, text);
    refused(
        commit(&base, &[add_snapshot(9, 2, None, 4000)]),
        ErrorKind::Conflict,
        "Validation failed, please retry: ",
    );
    // Two replacements of a table may share a number.
    assert!(commit(&base, &[add_snapshot(9, 3, None, 4000), set_main(9)]).is_ok());
    invalid(
        commit(&base, &[add_snapshot(2, 4, Some(3), 4000)]),
        "Snapshot already exists for id: 2",
    );
}

#[test]
fn format_version_one_has_no_sequence_numbers() {
    let base = table(1);
    let added = commit(&base, &[add_snapshot(1, 0, None, 0), set_main(1)]).unwrap();
    let added = commit(&added, &[add_snapshot(2, 0, Some(1), 0), set_main(2)]).unwrap();
    assert_eq!(added.last_sequence_number(), 0);
    invalid(commit(&base, &[add_snapshot(1, 1, None, 0)]), "Sequence number must be 0 in v1: 1");
    let upgraded =
        commit(&added, &[json!({"action": "upgrade-format-version", "format-version": 2})]);
    assert_eq!(document(&upgraded.unwrap())["last-sequence-number"], 0);
}

#[test]
fn intermediate_snapshots_are_not_in_the_log() {
    let base = table_with_snapshots();
    let updates = [
        add_snapshot(4, 4, Some(3), 4000),
        set_main(4),
        add_snapshot(5, 5, Some(4), 5000),
        set_main(5),
    ];
    assert_eq!(log(&commit(&base, &updates).unwrap()), [1, 2, 3, 5]);
}

#[test]
fn rolling_back_happens_now() {
    let back = commit_at(&table_with_snapshots(), &[set_main(1)], at(90_000)).unwrap();
    assert_eq!(log(&back), [1, 2, 3, 1]);
    assert_eq!(back.snapshot_log()[3].timestamp_ms, NOW_MS + 90_000);
    assert_eq!(back.current_snapshot_id(), Some(1));
}

#[test]
fn removing_snapshots_cuts_the_log_and_dangling_refs() {
    let tag =
        json!({"action": "set-snapshot-ref", "ref-name": "old", "type": "tag", "snapshot-id": 1});
    let base = commit(&table_with_snapshots(), &[tag]).unwrap();
    let without = |ids: Value| json!({"action": "remove-snapshots", "snapshot-ids": ids});
    let cut = commit(&base, &[without(json!([2]))]).unwrap();
    assert_eq!(log(&cut), [3]);
    assert!(cut.refs().contains_key("old"));
    let cut = commit(&base, &[without(json!([1, 2]))]).unwrap();
    assert_eq!(cut.refs().keys().collect::<Vec<_>>(), ["main"]);
    let legacy = json!({"action": "remove-snapshots", "snapshot-id": 1});
    assert_eq!(commit(&base, &[legacy]).unwrap().snapshots().len(), 2);
    let cut = commit(&base, &[without(json!([1, 2, 3]))]).unwrap();
    assert_eq!((cut.current_snapshot_id(), cut.refs().len()), (None, 0));
    assert_eq!(document(&cut)["current-snapshot-id"], -1);
}

#[test]
fn refs_keep_their_retention() {
    let set = json!({"action": "set-snapshot-ref", "ref-name": "dev", "type": "BRANCH", "snapshot-id": 2,
        "min-snapshots-to-keep": 3, "max-snapshot-age-ms": 4, "max-ref-age-ms": 5, "x-unknown": 6});
    let table = commit(&table_with_snapshots(), std::slice::from_ref(&set)).unwrap();
    let expected = json!({"snapshot-id": 2, "type": "branch", "min-snapshots-to-keep": 3,
        "max-snapshot-age-ms": 4, "max-ref-age-ms": 5, "x-unknown": 6});
    assert_eq!(document(&table)["refs"]["dev"], expected);
    assert_eq!(commit(&table, &[set]).unwrap(), table);
    let reordered = json!({"max-ref-age-ms": 5, "x-unknown": 6, "type": "branch", "ref-name": "dev",
        "min-snapshots-to-keep": 3, "snapshot-id": 2, "max-snapshot-age-ms": 4, "action": "set-snapshot-ref"});
    assert_eq!(commit(&table, &[reordered]).unwrap(), table);
    let removed = json!({"action": "remove-snapshot-ref", "ref-name": "main"});
    let empty = commit(&table, &[removed]).unwrap();
    assert_eq!(empty.current_snapshot_id(), None);
    assert_eq!(log(&empty), [1, 2, 3], "history stays");
}

#[test]
fn replacing_a_table_starts_over() {
    let updates = [
        json!({"action": "remove-snapshot-ref", "ref-name": "main"}),
        add_snapshot(7, 4, None, 4000),
        set_main(7),
    ];
    let replaced = commit(&table_with_snapshots(), &updates).unwrap();
    assert_eq!(replaced.current_snapshot_id(), Some(7));
    assert_eq!(log(&replaced), [1, 2, 3, 7]);
}

fn lineage(id: i64, first: Value, added: Value) -> Value {
    let mut snapshot = snapshot_json(id, id, None, 0);
    snapshot["first-row-id"] = first;
    snapshot["added-rows"] = added;
    json!({"action": "add-snapshot", "snapshot": snapshot})
}

#[test]
fn row_lineage() {
    let base = commit(&table(3), &[lineage(1, json!(0), json!(10)), set_main(1)]).unwrap();
    assert_eq!(base.next_row_id(), 10);
    assert_eq!(document(&base)["next-row-id"], 10);
    let gap = commit(&base, &[lineage(2, json!(15), json!(5))]).unwrap();
    assert_eq!(gap.next_row_id(), 20, "ids in a gap are never given out again");
    refused(
        commit(&base, &[lineage(2, json!(9), json!(5))]),
        ErrorKind::Conflict,
        "Cannot add a snapshot, first-row-id is behind table next-row-id: 9 < 10",
    );
    invalid(commit(&base, &[lineage(2, Value::Null, json!(5))]), "first-row-id is null");
    invalid(commit(&base, &[lineage(2, json!(10), Value::Null)]), "Invalid added-rows");
    invalid(commit(&base, &[lineage(2, json!(10), json!(-1))]), "cannot be negative");
    invalid(commit(&base, &[lineage(2, json!(10), json!(i64::MAX))]), "no row ids after");
}

#[test]
fn clocks_may_differ_by_a_minute() {
    let base = table_with_snapshots();
    let add = |after_ms| [add_snapshot(4, 4, Some(3), after_ms), set_main(4)];
    assert!(commit_at(&base, &add(-50_000), at(4000)).is_ok());
    assert!(commit_at(&base, &add(60_000), at(4000)).is_ok());
    invalid(commit_at(&base, &add(-60_000), at(4000)), "before last snapshot timestamp");
    invalid(commit_at(&base, &add(70_000), at(4000)), "before last snapshot log entry at");
}
