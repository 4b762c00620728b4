//! The ref log: an unbroken chain, read by number, by ref and by time.

use super::samples::{assert_contract, at, commit_id, log_row, log_rows, warehouse_new};
use crate::base::hash::Digest;
use crate::base::ids::WarehouseId;
use crate::store::interface::{MetaStore, StoreResult};
use crate::store::records::{RefAction, RefKind, RefLogRecord};

fn append(store: &dyn MetaStore, warehouse: WarehouseId, rows: &[RefLogRecord]) -> StoreResult<()> {
    let mut txn = store.begin_write()?;
    txn.ref_log_append(warehouse, rows)?;
    txn.commit()
}

/// Every field of every action comes back as it was written.
pub fn rows_come_back_whole(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    let heads = [None, Some(commit_id("x"))];
    let mut rows: Vec<RefLogRecord> = Vec::new();
    for (index, action) in [
        RefAction::Create,
        RefAction::Commit,
        RefAction::Merge,
        RefAction::Reset,
        RefAction::Delete,
        RefAction::Restore,
    ]
    .into_iter()
    .enumerate()
    {
        rows.push(RefLogRecord {
            action,
            kind: if index % 2 == 0 { RefKind::Branch } else { RefKind::Tag },
            from: heads[index % 2],
            to: heads[(index / 2) % 2],
            actor: format!("É. {index} \u{10ffff}"),
            reason: "line\nline ' \" \\".to_owned(),
            ..log_row(rows.last(), "main", -3)
        });
    }
    append(store, warehouse, &rows)?;
    let mut found = store.begin_read()?.ref_log_list(warehouse, None, None, 100)?;
    found.reverse();
    assert_eq!(found, rows);
    assert_eq!(store.begin_write()?.ref_log_last(warehouse)?.as_ref(), rows.last());
    Ok(())
}

/// Only what follows the last row is accepted.
pub fn the_chain_has_no_gap(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    assert_eq!(store.begin_write()?.ref_log_last(warehouse)?, None);
    let rows = log_rows(&[("main", 10), ("main", 10), ("dev", 11)]);
    let refused = |rows: &[RefLogRecord]| assert_contract(append(store, warehouse, rows));
    refused(&rows[1..]);
    refused(&[RefLogRecord { sequence: 0, ..rows[0].clone() }]);
    refused(&[RefLogRecord { previous: Digest::of(b"x"), ..rows[0].clone() }]);
    append(store, warehouse, &rows[..2])?;
    append(store, warehouse, &[])?;
    refused(&rows[..1]);
    refused(&rows[1..]);
    refused(&[RefLogRecord { sequence: 4, ..rows[2].clone() }]);
    refused(&[RefLogRecord { previous: Digest::default(), ..rows[2].clone() }]);
    refused(&[RefLogRecord { at: at(9), ..rows[2].clone() }]);
    // A break inside one call is seen as well, and nothing of the call stays.
    refused(&[rows[2].clone(), rows[2].clone()]);
    refused(&[rows[2].clone(), RefLogRecord { at: at(10), ..log_row(rows.last(), "x", 0) }]);
    assert_eq!(store.begin_write()?.ref_log_last(warehouse)?.as_ref(), rows.get(1));
    append(store, warehouse, &rows[2..])?;
    // Within one transaction, too.
    let next = log_row(rows.last(), "main", 11);
    let after = log_row(Some(&next), "main", 12);
    let mut txn = store.begin_write()?;
    txn.ref_log_append(warehouse, std::slice::from_ref(&next))?;
    assert_eq!(txn.ref_log_last(warehouse)?, Some(next));
    txn.ref_log_append(warehouse, std::slice::from_ref(&after))?;
    txn.commit()?;
    assert_eq!(store.begin_write()?.ref_log_last(warehouse)?, Some(after));
    Ok(())
}

/// Lists go back from a number, of one ref or of all.
pub fn lists_go_backwards(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    let rows = log_rows(&[("main", 1), ("dev", 1), ("main", 2), ("mai", 3), ("main", 4)]);
    append(store, warehouse, &rows)?;
    let mut txn = store.begin_read()?;
    let mut list = |name, before, limit| -> StoreResult<Vec<u64>> {
        let found = txn.ref_log_list(warehouse, name, before, limit)?;
        Ok(found.into_iter().map(|row| row.sequence).collect())
    };
    assert_eq!(list(None, None, 10)?, [5, 4, 3, 2, 1]);
    assert_eq!(list(None, None, 2)?, [5, 4]);
    assert_eq!(list(None, Some(4), 2)?, [3, 2]);
    assert!(list(None, Some(1), 2)?.is_empty());
    assert!(list(None, Some(0), 2)?.is_empty());
    assert_eq!(list(None, Some(u64::MAX), 1)?, [5]);
    assert!(list(None, None, 0)?.is_empty());
    assert_eq!(list(Some("main"), None, 10)?, [5, 3, 1]);
    assert_eq!(list(Some("main"), Some(5), 1)?, [3]);
    assert_eq!(list(Some("mai"), None, 10)?, [4]);
    assert!(list(Some("none"), None, 10)?.is_empty());
    Ok(())
}

/// The last movement at or before a time, with equal times, gaps and both ends.
pub fn the_past_is_found_by_time(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    assert_eq!(store.begin_read()?.ref_log_at(warehouse, "main", at(0))?, None);
    let rows = log_rows(&[
        ("dev", -5),
        ("main", 10),
        ("main", 10),
        ("dev", 10),
        ("main", 20),
        ("dev", 30),
        ("main", 30),
    ]);
    append(store, warehouse, &rows)?;
    let mut txn = store.begin_read()?;
    for (name, time, sequence) in [
        ("main", i64::MIN, None),
        ("main", 9, None),
        ("main", 10, Some(3)),
        ("main", 11, Some(3)),
        ("main", 19, Some(3)),
        ("main", 20, Some(5)),
        ("main", 29, Some(5)),
        ("main", 30, Some(7)),
        ("main", i64::MAX, Some(7)),
        ("dev", -6, None),
        ("dev", -5, Some(1)),
        ("dev", 10, Some(4)),
        ("dev", 29, Some(4)),
        ("dev", 30, Some(6)),
        ("none", 30, None),
    ] {
        let found = txn.ref_log_at(warehouse, name, at(time))?;
        assert_eq!(found.map(|row| row.sequence), sequence, "{name} at {time}");
    }
    Ok(())
}
