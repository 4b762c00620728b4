//! Isolation, rollback, and writers beside each other.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bytes::Bytes;

use super::samples::{
    assert_contract, at, branch, commit, commit_id, log_row, log_rows, warehouse, warehouse_new,
};
use crate::base::hash::Digest;
use crate::base::ids::WarehouseId;
use crate::store::interface::{MetaStore, ReadTxn, StoreError, StoreResult, WriteTxn};
use crate::store::records::{IdempotencyRecord, RefRecord, WarehouseRecord};

/// Everything that a store can tell, to compare two moments.
fn everything(txn: &mut dyn ReadTxn, warehouse: WarehouseId) -> StoreResult<String> {
    let refs = txn.ref_list(warehouse, None, "", None, 100)?;
    let log = txn.ref_log_list(warehouse, None, None, 100)?;
    let commits = txn.commits_scan(warehouse, None, 100)?;
    let warehouses = txn.warehouse_list(None, 100)?;
    let answer = txn.idempotency_get(warehouse, "k")?;
    let pending = txn.pending_files(None, 100)?;
    Ok(format!("{warehouses:?} {refs:?} {log:?} {commits:?} {answer:?} {pending:?}"))
}

/// Writes one row of each family.
fn write_all(txn: &mut dyn WriteTxn, lake: WarehouseId) -> StoreResult<()> {
    let changed = WarehouseRecord { id: lake, client_gc: true, ..warehouse("lake") };
    txn.warehouse_insert(&warehouse("second"))?;
    txn.warehouse_update(&changed)?;
    txn.ref_put(lake, &branch("main", "a"))?;
    txn.ref_log_append(lake, &log_rows(&[("main", 1)]))?;
    txn.commits_insert(lake, &[commit("a")])?;
    let answer = IdempotencyRecord {
        key: "k".to_owned(),
        request: Digest::default(),
        answer: Bytes::from_static(b"answer"),
        expires_at: at(9),
    };
    txn.idempotency_put(lake, &answer, at(1))?;
    txn.pending_files_add(&[("file".to_owned(), Bytes::from_static(b"bytes"))])?;
    let pack = txn.pack_next()?;
    txn.pack_append(pack, &[Bytes::from_static(b"blob")])
}

/// A reader keeps its state while a writer commits; the next reader sees the new one.
pub fn a_reader_keeps_its_state(store: &dyn MetaStore) -> StoreResult<()> {
    let lake = warehouse_new(store, "lake")?;
    let mut old = store.begin_read()?;
    let before = everything(&mut *old, lake)?;
    let mut txn = store.begin_write()?;
    write_all(&mut *txn, lake)?;
    let inside = everything(&mut *txn, lake)?;
    assert_ne!(inside, before, "a write sees itself");
    assert_eq!(everything(&mut *store.begin_read()?, lake)?, before, "nobody else does");
    assert_eq!(everything(&mut *old, lake)?, before);
    txn.commit()?;
    assert_eq!(everything(&mut *old, lake)?, before, "a reader stays where it began");
    assert_eq!(everything(&mut *store.begin_read()?, lake)?, inside, "the next one sees it");
    drop(old);
    assert_eq!(everything(&mut *store.begin_read()?, lake)?, inside);
    Ok(())
}

/// A write that is dropped leaves nothing, and the next one starts from the state before it.
pub fn a_dropped_write_leaves_nothing(store: &dyn MetaStore) -> StoreResult<()> {
    let lake = warehouse_new(store, "lake")?;
    let before = everything(&mut *store.begin_read()?, lake)?;
    let mut txn = store.begin_write()?;
    write_all(&mut *txn, lake)?;
    drop(txn);
    assert_eq!(everything(&mut *store.begin_read()?, lake)?, before);
    let mut txn = store.begin_write()?;
    assert_eq!(everything(&mut *txn, lake)?, before);
    assert_eq!(txn.pack_next()?, 1);
    write_all(&mut *txn, lake)?;
    txn.commit()?;
    assert_ne!(everything(&mut *store.begin_read()?, lake)?, before);
    Ok(())
}

/// After an error a write answers nothing more and cannot be committed.
pub fn an_error_ends_the_write(store: &dyn MetaStore) -> StoreResult<()> {
    let lake = warehouse_new(store, "lake")?;
    let before = everything(&mut *store.begin_read()?, lake)?;
    let mut txn = store.begin_write()?;
    txn.ref_put(lake, &branch("main", "a"))?;
    assert_contract(txn.ref_delete(lake, "other"));
    assert_contract(txn.ref_get(lake, "main"));
    assert_contract(txn.ref_put(lake, &branch("b", "a")));
    assert_contract(txn.commit());
    assert_eq!(everything(&mut *store.begin_read()?, lake)?, before);
    let mut txn = store.begin_write()?;
    txn.ref_put(lake, &branch("main", "a"))?;
    txn.commit()
}

/// A write without a change commits.
pub fn an_empty_write_commits(store: &dyn MetaStore) -> StoreResult<()> {
    store.begin_write()?.commit()?;
    store.begin_write()?.commit()
}

/// Many readers may be open at once, each on the state that it met.
pub fn readers_stand_beside_each_other(store: &dyn MetaStore) -> StoreResult<()> {
    let lake = warehouse_new(store, "lake")?;
    let mut readers = Vec::new();
    for number in 0..20 {
        let seed = number.to_string();
        let mut txn = store.begin_write()?;
        txn.ref_put(lake, &branch("main", &seed))?;
        txn.commit()?;
        let mut reader = store.begin_read()?;
        assert_eq!(reader.ref_get(lake, "main")?, Some(branch("main", &seed)));
        readers.push((reader, seed));
    }
    for (reader, seed) in &mut readers {
        assert_eq!(reader.ref_get(lake, "main")?, Some(branch("main", seed)));
    }
    Ok(())
}

/// Writers that read under the lock and then write lose nothing, and readers never see a half.
pub fn writers_lose_nothing(store: &dyn MetaStore) -> StoreResult<()> {
    const WRITERS: usize = 4;
    const ROUNDS: usize = 15;
    let lake = warehouse_new(store, "lake")?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut seen = 0;
            while !over.load(Ordering::Acquire) {
                seen = read_both(store, lake, seen)?;
            }
            Ok::<_, StoreError>(())
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|_| scope.spawn(|| (0..ROUNDS).try_for_each(|_| increment(store, lake))))
            .collect();
        let results: Vec<_> = writers.into_iter().map(thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Release);
        for result in results {
            assert!(matches!(result, Ok(Ok(()))), "{result:?}");
        }
        let result = reader.join();
        assert!(matches!(result, Ok(Ok(()))), "{result:?}");
    });
    assert_eq!(read_both(store, lake, 0)?, WRITERS * ROUNDS);
    let mut log = store.begin_read()?.ref_log_list(lake, None, None, usize::MAX)?;
    log.reverse();
    crate::store::records::RefLogRecord::check_chain(None, &log)
}

/// The counter is how often `left` moved; `right` always points where `left` does.
fn increment(store: &dyn MetaStore, lake: WarehouseId) -> StoreResult<()> {
    let mut txn = store.begin_write()?;
    let locked = txn.refs_lock(lake, &["left", "right"])?;
    let last = txn.ref_log_last(lake)?;
    let count = last.as_ref().map_or(0, |last| last.sequence);
    let expected = (count > 0).then(|| commit_id(&count.to_string()));
    for there in &locked {
        assert_eq!(there.as_ref().map(|there| there.commit), expected);
    }
    let row = log_row(last.as_ref(), "left", 1);
    for name in ["left", "right"] {
        let record =
            RefRecord { commit: row.to.unwrap_or_else(|| commit_id("none")), ..branch(name, "") };
        txn.ref_put(lake, &record)?;
    }
    txn.ref_log_append(lake, &[row])?;
    txn.commit()
}

/// Checks that both refs and the log agree; returns the count, which never goes back.
fn read_both(store: &dyn MetaStore, lake: WarehouseId, seen: usize) -> StoreResult<usize> {
    let mut txn = store.begin_read()?;
    let left = txn.ref_get(lake, "left")?;
    thread::yield_now();
    let right = txn.ref_get(lake, "right")?;
    let last = txn.ref_log_list(lake, None, None, 1)?.pop();
    let head = |record: Option<RefRecord>| record.map(|record| record.commit);
    let (left, right) = (head(left), head(right));
    assert_eq!(left, right, "two refs that one write moved");
    assert_eq!(left, last.as_ref().and_then(|last| last.to));
    let count = last.map_or(0, |last| usize::try_from(last.sequence).unwrap_or(0));
    assert!(count >= seen, "a later reader saw an earlier state");
    Ok(count)
}
