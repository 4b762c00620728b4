//! Requests that are published together, when the store fails: each is answered truly.

use std::sync::Arc;

use futures::future::join_all;
use nunatak::base::error::{Error, ErrorKind};
use nunatak::store::fault::{Fault, FaultKind};
use nunatak::store::interface::MetaStore as _;
use nunatak::store::memory::MemoryStore;

use crate::world::World;

const TABLES: [&str; 4] = ["t0", "t1", "t2", "t3"];

/// Has one commit to each table published as one group, behind a commit that holds the committer up.
/// The answers, and the store's calls that belong to the group.
async fn group(world: &World) -> (Vec<Result<(), Error>>, Vec<&'static str>) {
    let held = Arc::<MemoryStore>::clone(world.store.inner());
    let waiting = || world.catalog.committer().stats().waiting;
    let write = held.begin_write().unwrap();
    let first = world.set("work", &["t0"], "first");
    let mut first = std::pin::pin!(first);
    // The committer takes this one alone and waits for the write that is open here.
    assert!(futures::poll!(&mut first).is_pending());
    while waiting() > 0 {
        std::thread::yield_now();
    }
    let group =
        join_all(TABLES.map(|table| async move { world.set("main", &[table], "group").await }));
    let mut group = std::pin::pin!(group);
    assert!(futures::poll!(&mut group).is_pending());
    assert_eq!(waiting(), TABLES.len() as u64);
    drop(write);
    first.await.unwrap();
    let answers = group.await;
    let calls = world.store.calls();
    let end = calls.iter().position(|call| *call == "commit").unwrap();
    (answers, calls[end + 1..].to_vec())
}

/// Fills caches, so that a commit's store calls are those of the committer.
async fn warm() -> World {
    let world = World::furnished().await;
    world.set("work", &["t0"], "warm").await.unwrap();
    world.set("main", &TABLES, "warm").await.unwrap();
    world.store.plan(None);
    world
}

async fn value(world: &World, table: &str) -> bool {
    let stored = world.stored().await;
    let mut below_main = stored.lines().skip_while(|line| !line.contains("Branch main"));
    below_main.any(|line| line.trim() == format!("s.{table} group"))
}

#[tokio::test]
async fn a_group_whose_store_fails_is_answered_truly() {
    let world = warm().await;
    let (answers, calls) = group(&world).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(calls.iter().filter(|call| **call == "commit").count(), 1, "{calls:?}");
    let all = world.store.calls().len();
    for (at, method) in calls.iter().enumerate() {
        for kind in [FaultKind::Before, FaultKind::After, FaultKind::Lost] {
            for lasting in [false, true] {
                let what = format!("{kind:?} in {method}, lasting {lasting}");
                let world = warm().await;
                let call = all - calls.len() + at + 1;
                world.store.plan(Some(Fault { call, kind, lasting }));
                let (answers, _) = group(&world).await;
                world.store.plan(None);
                for (table, answer) in TABLES.iter().zip(&answers) {
                    let there = value(&world, table).await;
                    match answer {
                        Ok(()) => assert!(there, "{what}: {table} is acknowledged and lost"),
                        Err(error) if error.kind() == ErrorKind::CommitUnknown => {}
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Unavailable, "{what}: {error}");
                            assert!(!there, "{what}: {table} failed and is there");
                        }
                    }
                }
                assert_eq!(world.problems(), [""; 0], "{what}");
                assert_eq!(world.shown().await, world.stored().await, "{what}");
                world.set("main", &TABLES, "next").await.unwrap();
            }
        }
    }
}
