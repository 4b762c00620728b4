//! Commits: added once, found by id, by the start of an id, and in order.

use bytes::Bytes;

use super::samples::{assert_contract, commit, warehouse_new};
use crate::base::hash::Digest;
use crate::base::ids::{CommitId, WarehouseId};
use crate::store::interface::{MetaStore, StoreResult};
use crate::store::records::CommitRecord;

fn insert(
    store: &dyn MetaStore,
    warehouse: WarehouseId,
    records: &[CommitRecord],
) -> StoreResult<()> {
    let mut txn = store.begin_write()?;
    txn.commits_insert(warehouse, records)?;
    txn.commit()
}

/// An id from its first bytes; the rest is zero.
fn id(start: &[u8]) -> CommitId {
    let mut bytes = [0_u8; 32];
    bytes[..start.len()].copy_from_slice(start);
    CommitId::new(Digest::from_bytes(bytes))
}

fn with_id(start: &[u8]) -> CommitRecord {
    CommitRecord { id: id(start), ..commit("x") }
}

/// Commits come back in the order asked, missing ones as `None`, repeated ones repeated.
pub fn commits_come_back_in_the_order_asked(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    let empty = CommitRecord { bytes: Bytes::new(), operations: Bytes::new(), ..commit("empty") };
    let large = CommitRecord { bytes: Bytes::from(vec![9; 200_000]), ..commit("large") };
    let (a, none) = (commit("a"), commit("none"));
    insert(store, warehouse, &[a.clone(), empty.clone(), large.clone()])?;
    let mut txn = store.begin_read()?;
    assert_eq!(
        txn.commits_get(warehouse, &[large.id, none.id, a.id, empty.id, a.id])?,
        [Some(large), None, Some(a.clone()), Some(empty), Some(a)]
    );
    assert!(txn.commits_get(warehouse, &[])?.is_empty());
    Ok(())
}

/// The same commit again is no error and changes nothing; another one under its id is refused.
pub fn a_commit_is_added_once(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    let a = commit("a");
    insert(store, warehouse, &[a.clone(), a.clone()])?;
    insert(store, warehouse, std::slice::from_ref(&a))?;
    // What is not part of the identity stays as it was stored first.
    let rebuilt = CommitRecord { operations: Bytes::from_static(b"other"), ..a.clone() };
    insert(store, warehouse, &[rebuilt])?;
    let there = store.begin_read()?.commits_scan(warehouse, None, 10)?;
    assert_eq!(there, std::slice::from_ref(&a));
    let other = CommitRecord { bytes: Bytes::from_static(b"other"), ..a.clone() };
    assert_contract(insert(store, warehouse, &[commit("b"), other.clone()]));
    assert_contract(insert(store, warehouse, &[CommitRecord { bytes: Bytes::new(), ..a.clone() }]));
    assert_eq!(store.begin_read()?.commits_scan(warehouse, None, 10)?, [a]);
    Ok(())
}

/// Ids are found by whole bytes and by half a byte more.
pub fn ids_are_found_by_their_start(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    let full = [0xff; 32];
    let starts: [&[u8]; 8] = [
        &[0x00],
        &[0x12, 0x34],
        &[0x12, 0x3f, 0xff],
        &[0x12, 0x40],
        &[0x12, 0xff],
        &[0x13],
        &[0xff, 0xf0],
        &full,
    ];
    let records: Vec<CommitRecord> = starts.iter().map(|start| with_id(start)).collect();
    insert(store, warehouse, &records)?;
    let mut txn = store.begin_read()?;
    let mut find = |prefix: &[u8], half: Option<u8>, limit| -> StoreResult<Vec<usize>> {
        let found = txn.commits_by_prefix(warehouse, prefix, half, limit)?;
        Ok(found
            .into_iter()
            .filter_map(|found| starts.iter().position(|start| id(start) == found))
            .collect())
    };
    assert_eq!(find(&[], None, 100)?, [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(find(&[], None, 2)?, [0, 1]);
    assert_eq!(find(&[], None, 0)?, Vec::<usize>::new());
    assert_eq!(find(&[], Some(0x10), 100)?, [1, 2, 3, 4, 5]);
    assert_eq!(find(&[], Some(0xf0), 100)?, [6, 7]);
    assert_eq!(find(&[0x12], None, 100)?, [1, 2, 3, 4]);
    assert_eq!(find(&[0x12], Some(0x30), 100)?, [1, 2]);
    assert_eq!(find(&[0x12], Some(0x40), 100)?, [3]);
    assert_eq!(find(&[0x12], Some(0xf0), 100)?, [4]);
    assert_eq!(find(&[0x12], Some(0x50), 100)?, Vec::<usize>::new());
    assert_eq!(find(&[0xff], None, 100)?, [6, 7]);
    assert_eq!(find(&[0x14], None, 100)?, Vec::<usize>::new());
    assert_eq!(find(&full, None, 100)?, [7]);
    assert_eq!(find(&full[..31], Some(0xf0), 100)?, [7]);
    assert_eq!(find(&full, Some(0xf0), 100)?, Vec::<usize>::new());
    assert_eq!(find(&[0xff; 33], None, 100)?, Vec::<usize>::new());
    assert_contract(store.begin_read()?.commits_by_prefix(warehouse, &[0x12], Some(0x34), 10));
    Ok(())
}

/// A scan gives every commit once, ordered by id.
pub fn a_scan_meets_every_commit_once(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    let mut records: Vec<CommitRecord> =
        (0..25).map(|number: i32| commit(&number.to_string())).collect();
    insert(store, warehouse, &records)?;
    insert(store, warehouse, &[with_id(&[]), with_id(&[0xff; 32])])?;
    records.extend([with_id(&[]), with_id(&[0xff; 32])]);
    records.sort_unstable_by_key(|record| record.id);
    let mut txn = store.begin_read()?;
    let mut found: Vec<CommitRecord> = Vec::new();
    loop {
        let page = txn.commits_scan(warehouse, found.last().map(|last| last.id), 4)?;
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 4);
        found.extend(page);
    }
    assert_eq!(found, records);
    Ok(())
}
