//! Many requests at a time: they share groups, whose trees are not all stored and are rebuilt.

use std::sync::Arc;

use nunatak::base::ids::CommitId;
use nunatak::base::name::NamespacePath;
use nunatak::version::repository::Repository;

use crate::house::{House, gate, house};

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_of_one_branch_all_succeed() {
    let house = Arc::new(house().await);
    house.namespace("main", "sales").await.unwrap();
    let first = house.head("main");
    let mut tasks = Vec::new();
    for writer in 0..200 {
        let house = Arc::clone(&house);
        tasks.push(tokio::spawn(async move {
            let name = format!("t{writer}");
            house.put("main", &["sales", &name], &format!("file:///w/{name}")).await.unwrap()
        }));
    }
    let mut made = Vec::new();
    for task in tasks {
        made.push(task.await.unwrap().commit.unwrap());
    }
    assert_eq!(house.tables(house.head("main"), "sales").len(), 200);
    // Every commit is on the chain of first parents, once, each with one table more than its parent,
    // and readable although most trees are not stored. A fresh repository has no cached nodes.
    let fresh = Arc::new(Repository::new(Arc::clone(&house.store)));
    let mut at = house.head("main");
    let mut seen = Vec::new();
    let mut rebuilt = 0;
    for count in (1..=200).rev() {
        let stored = fresh.commit(house.warehouse, at).unwrap();
        rebuilt += usize::from(!stored.root.is_some());
        let snapshot = fresh.snapshot(house.warehouse, at).unwrap();
        let sales = NamespacePath::new(vec!["sales".to_owned()]).unwrap();
        assert_eq!(snapshot.contents(&sales, None, 1000).unwrap().len(), count);
        seen.push(at);
        at = stored.commit.parents[0];
    }
    assert_eq!(at, first);
    assert!(rebuilt > 0, "no group had more than one commit");
    seen.sort_unstable();
    made.sort_unstable();
    assert_eq!(seen, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_from_unstored_trees_stay_readable() {
    let house = Arc::new(house().await);
    house.namespace("main", "sales").await.unwrap();
    let mut branch = "main".to_owned();
    for generation in 0..4 {
        let mut tasks = Vec::new();
        for writer in 0..150 {
            let (house, branch) = (Arc::clone(&house), branch.clone());
            tasks.push(tokio::spawn(async move {
                let name = format!("t{generation}_{writer}");
                house.put(&branch, &["sales", &name], &format!("file:///w/{name}")).await.unwrap()
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        // Every commit is readable without what this process remembers, and the next branch starts
        // from the one whose tree is farthest from a stored one.
        let fresh = Arc::new(Repository::new(Arc::clone(&house.store)));
        let mut chain = Vec::new();
        let mut at = Some(house.head(&branch));
        while let Some(id) = at {
            let stored = fresh.commit(house.warehouse, id).unwrap();
            fresh.snapshot(house.warehouse, id).unwrap();
            at = stored.commit.parents.first().copied();
            chain.push((id, stored.root.is_some()));
        }
        let (mut depth, mut deepest) = (0, (0, house.head(&branch)));
        for (id, stored) in chain.iter().rev() {
            depth = if *stored { 0 } else { depth + 1 };
            deepest = deepest.max((depth, *id));
        }
        branch = format!("b{generation}");
        house.branch(&branch, deepest.1).await;
    }
}

/// Puts so many tables in one group; the commits in order.
async fn one_group(house: &Arc<House>, branch: &'static str, count: usize) -> Vec<CommitId> {
    let (release, busy) = gate(house);
    let tasks: Vec<_> = (0..count)
        .map(|index| {
            let house = Arc::clone(house);
            tokio::spawn(async move {
                let name = format!("{branch}{index}");
                house.put(branch, &["sales", &name], &format!("file:///w/{name}")).await.unwrap()
            })
        })
        .collect();
    while house.committer.stats().waiting < count as u64 {
        tokio::task::yield_now().await;
    }
    release.send(()).unwrap();
    busy.await.unwrap();
    for task in tasks {
        task.await.unwrap();
    }
    let mut chain = vec![house.head(branch)];
    for _ in 1..count {
        let last = house.repository.commit(house.warehouse, chain[chain.len() - 1]).unwrap();
        chain.push(last.commit.parents[0]);
    }
    chain.reverse();
    chain
}

#[tokio::test(flavor = "multi_thread")]
async fn trees_are_rebuilt_however_branches_start_from_commits_inside_groups() {
    let house = Arc::new(house().await);
    house.namespace("main", "sales").await.unwrap();
    let mut all = Vec::new();
    for (branch, next) in [("main", "b"), ("b", "c"), ("c", "d"), ("d", "e")] {
        let made = one_group(&house, branch, 100).await;
        let inside = made[62];
        all.extend(made);
        house.branch(next, inside).await;
    }
    let fresh = Arc::new(Repository::new(Arc::clone(&house.store)));
    for id in all {
        fresh.snapshot(house.warehouse, id).unwrap().scan(&[], None, 1).unwrap();
    }
}
