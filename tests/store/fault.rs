//! The fault decorator itself: each kind of failure at each call, and what is true afterwards.

use nunatak::store::conformance::samples::{branch, warehouse_new};
use nunatak::store::fault::{Fault, FaultKind, FaultStore};
use nunatak::store::interface::{Certainty, MetaStore, StoreResult};
use nunatak::store::memory::MemoryStore;

const CALLS: [&str; 5] = ["begin_write", "warehouse_get", "refs_lock", "ref_put", "commit"];

fn move_branch(store: &dyn MetaStore, to: &str) -> StoreResult<()> {
    let mut txn = store.begin_write()?;
    let Some(lake) = txn.warehouse_get("lake")? else { return Ok(()) };
    txn.refs_lock(lake.id, &["main"])?;
    txn.ref_put(lake.id, &branch("main", to))?;
    txn.commit()
}

fn head(store: &dyn MetaStore) -> Option<String> {
    let mut txn = store.begin_read().unwrap();
    let lake = txn.warehouse_get("lake").unwrap()?;
    let head = txn.ref_get(lake.id, "main").unwrap()?;
    Some(head.commit.to_string())
}

#[test]
fn every_call_fails_in_every_way_and_the_certainty_is_true() {
    let old = Some(branch("main", "old").commit.to_string());
    let new = Some(branch("main", "new").commit.to_string());
    let fresh = || {
        let store = FaultStore::new(MemoryStore::new());
        warehouse_new(&store, "lake").unwrap();
        move_branch(&store, "old").unwrap();
        store.plan(None);
        store
    };
    let counted = fresh();
    move_branch(&counted, "new").unwrap();
    let calls = counted.calls();
    assert_eq!(calls, CALLS);
    for call in 1..=calls.len() {
        for kind in [FaultKind::Before, FaultKind::After, FaultKind::Lost] {
            let store = fresh();
            store.plan(Some(Fault { call, kind, lasting: false }));
            let error = move_branch(&store, "new").unwrap_err();
            let commit = call == calls.len();
            let (certainty, expected) = match kind {
                FaultKind::After if commit => (Certainty::MayBeDone, &new),
                FaultKind::Lost if commit => (Certainty::MayBeDone, &old),
                FaultKind::Before | FaultKind::After | FaultKind::Lost => {
                    (Certainty::NotDone, &old)
                }
            };
            assert_eq!(error.certainty(), certainty, "{call} {kind:?}");
            assert_eq!(&head(store.inner()), expected, "{call} {kind:?}");
            // The fault has passed.
            move_branch(&store, "new").unwrap();
            assert_eq!(head(&store), new);
        }
    }
}

#[test]
fn a_lasting_fault_stays_until_the_plan_changes() {
    let store = FaultStore::new(MemoryStore::new());
    warehouse_new(&store, "lake").unwrap();
    store.plan(Some(Fault { call: 1, kind: FaultKind::Before, lasting: true }));
    for _ in 0..3 {
        assert!(move_branch(&store, "a").is_err());
        assert!(store.begin_read().is_err());
        assert!(store.blobs_get(&[]).is_err());
    }
    store.plan(None);
    move_branch(&store, "a").unwrap();
}
