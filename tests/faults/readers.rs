//! Many writers on two branches, one merge each: a reader of the target sees all of it or nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nunatak::base::page::PageRequest;
use nunatak::catalog::merges::{Isolation, MergeRequest};
use nunatak::version::conflict::Strategy;
use nunatak::version::content::ContentKind;

use crate::world::{World, expr, lake, name};

const TABLES: usize = 50;
const WRITERS: usize = 16;

async fn tables_of_main(world: &World, namespace: &str) -> usize {
    let page = PageRequest { limit: 1000, after: None };
    let levels = [namespace.to_owned()];
    let scope = world.scope("main");
    let list =
        world.catalog.content_list(&world.context, &scope, &levels, ContentKind::Table, &page);
    list.await.unwrap().items.len()
}

async fn movements_of_main(world: &World) -> usize {
    let page = PageRequest { limit: 1000, after: None };
    world.catalog.ref_log(&world.context, &lake(), Some("main"), &page).await.unwrap().items.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_merge_of_fifty_tables_is_one_step_for_readers() {
    let world = Arc::new(World::empty().await);
    for branch in ["a", "b"] {
        world.namespace("main", branch).await;
    }
    for branch in ["a", "b"] {
        let branch = name(branch);
        world.catalog.branch_create(&world.context, &lake(), &branch, None).await.unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (world, stop) = (Arc::clone(&world), Arc::clone(&stop));
        async move {
            let mut seen = std::collections::BTreeSet::new();
            while !stop.load(Ordering::SeqCst) {
                for namespace in ["a", "b"] {
                    seen.insert((namespace, tables_of_main(&world, namespace).await));
                }
                tokio::task::yield_now().await;
            }
            seen
        }
    });
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                for table in (writer..TABLES).step_by(WRITERS) {
                    for branch in ["a", "b"] {
                        let table = format!("t{table}");
                        world.create(branch, branch, &table).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let before = movements_of_main(&world).await;
    for branch in ["a", "b"] {
        let request = MergeRequest {
            source: expr(branch),
            into: name("main"),
            dry_run: false,
            squash: false,
            message: None,
            expected_head: None,
            strategy: Strategy::Fail,
            isolation: Isolation::Snapshot,
            resolutions: Vec::new(),
        };
        let report = world.catalog.merge(&world.context, &lake(), &request).await.unwrap();
        assert_eq!((report.changes.len(), report.conflicts.len()), (TABLES, 0));
    }
    stop.store(true, Ordering::SeqCst);
    let seen = reader.await.unwrap();
    assert_eq!(movements_of_main(&world).await, before + 2);
    for namespace in ["a", "b"] {
        assert_eq!(tables_of_main(&world, namespace).await, TABLES);
    }
    let torn: Vec<_> = seen.iter().filter(|(_, count)| *count != 0 && *count != TABLES).collect();
    assert!(torn.is_empty(), "readers saw part of a merge: {torn:?}");
    assert!(seen.contains(&("a", 0)), "the reader never read before the merge");
    assert_eq!(world.problems(), [""; 0]);
}
