//! Every change, with every one of its store calls failing in every way.

use nunatak::base::error::ErrorKind;
use nunatak::store::fault::{Fault, FaultKind};

use crate::operations::{ALL, Operation};
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

    let again = operation.run(&world).await;
    if operation.has_key() || stored == before {
        again.unwrap_or_else(|error| panic!("{what}: sent again: {error}"));
        assert_eq!(world.stored().await, after, "{what}: sent again");
    }
    world.set("main", &["t3"], "next").await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(world.problems(), [""; 0], "{what}");
    assert_eq!(world.shown().await, world.stored().await, "{what}");
}

#[tokio::test]
async fn every_change_happens_as_a_whole_or_not_at_all() {
    let mut cases = 0;
    for operation in ALL {
        let (before, after, calls) = expected(operation).await;
        assert!(!calls.is_empty(), "{operation:?} asks the store for nothing");
        for (at, method) in calls.iter().enumerate() {
            for kind in KINDS {
                for lasting in [false, true] {
                    let fault = Fault { call: at + 1, kind, lasting };
                    check(operation, fault, &before, &after, method).await;
                    cases += 1;
                }
            }
        }
    }
    println!("{cases} faults in {} changes", ALL.len());
    assert!(cases > 500, "only {cases} faults");
}
