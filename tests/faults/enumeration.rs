//! Every change, with every one of its store calls failing in every way.

use nunatak::base::error::ErrorKind;
use nunatak::store::fault::{Fault, FaultKind};

use crate::operations::Operation;
use crate::world::World;

const KINDS: [FaultKind; 3] = [FaultKind::Before, FaultKind::After, FaultKind::Lost];

/// The state before, the state after, and the calls of an operation without faults.
async fn expected(operation: Operation) -> (String, String, Vec<&'static str>) {
    let world = World::furnished().await;
    let before = world.stored().await;
    world.store.plan(None);
    operation.run(&world).await.unwrap();
    let calls = world.store.calls();
    let after = world.stored().await;
    assert_eq!(world.shown().await, after);
    assert_eq!(world.problems(), [""; 0]);
    (before, after, calls)
}

async fn check(operation: Operation, fault: Fault, before: &str, after: &str, method: &str) {
    let what = format!("{operation:?}, {fault:?} in {method}");
    let world = World::furnished().await;
    world.store.plan(Some(fault));
    let result = operation.run(&world).await;
    world.store.plan(None);
    let stored = world.stored().await;
    match &result {
        Ok(()) => assert_eq!(stored, after, "{what}: answered as done"),
        Err(error) if error.kind() == ErrorKind::CommitUnknown => {
            assert!(stored == before || stored == after, "{what}: half done:\n{stored}");
        }
        Err(error) => {
            // An injected failure is the store's, not a bug and not the client's fault.
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{what}: {error}");
            assert_eq!(stored, before, "{what}: answered as not done ({error})");
        }
    }
    assert_eq!(world.problems(), [""; 0], "{what}");
    assert_eq!(world.shown().await, stored, "{what}: the catalog shows another state");

    if operation.has_key() || stored == before {
        let again = operation.run(&world).await;
        again.unwrap_or_else(|error| panic!("{what}: sent again: {error}"));
        assert_eq!(world.stored().await, after, "{what}: sent again");
    }
    world.set("main", &["t3"], "next").await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(world.problems(), [""; 0], "{what}");
    assert_eq!(world.shown().await, world.stored().await, "{what}");
}

async fn check_all(operations: &[Operation]) {
    let mut cases = 0;
    for operation in operations {
        let (before, after, calls) = expected(*operation).await;
        assert!(!calls.is_empty(), "{operation:?} asks the store for nothing");
        for (at, method) in calls.iter().enumerate() {
            // Nothing but a commit can be lost without a trace; anything else is as if it failed before.
            let kinds = if *method == "commit" { &KINDS[..] } else { &KINDS[..2] };
            for kind in kinds {
                for lasting in [false, true] {
                    let fault = Fault { call: at + 1, kind: *kind, lasting };
                    check(*operation, fault, &before, &after, method).await;
                    cases += 1;
                }
            }
        }
    }
    assert!(cases > 20 * operations.len(), "only {cases} faults in {operations:?}");
}

#[tokio::test]
async fn changes_of_warehouses_happen_as_a_whole_or_not_at_all() {
    check_all(&[Operation::WarehouseCreate, Operation::WarehouseUpdate]).await;
}

#[tokio::test]
async fn changes_of_refs_happen_as_a_whole_or_not_at_all() {
    let branches = [
        Operation::BranchCreate,
        Operation::BranchReset,
        Operation::BranchDelete,
        Operation::BranchRestore,
    ];
    check_all(&branches).await;
    check_all(&[Operation::TagCreate, Operation::TagDelete]).await;
}

#[tokio::test]
async fn changes_of_tables_happen_as_a_whole_or_not_at_all() {
    let tables = [
        Operation::NamespaceCreate,
        Operation::TableCreate,
        Operation::TableCommit,
        Operation::ManyTables,
    ];
    check_all(&tables).await;
    check_all(&[Operation::SyncFiles]).await;
}

#[tokio::test]
async fn merges_happen_as_a_whole_or_not_at_all() {
    check_all(&[Operation::Merge, Operation::Squash, Operation::Revert]).await;
}
