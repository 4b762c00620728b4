//! Ancestors and merge bases against brute force on random histories.

use std::collections::BTreeSet;

use nunatak::base::ids::CommitId;
use nunatak::version::graph::{CommitSource, is_ancestor, merge_bases, unmerged};
use proptest::prelude::*;

use crate::world::{Map, World};

fn ancestors(world: &World, id: CommitId) -> BTreeSet<CommitId> {
    let mut found = BTreeSet::from([id]);
    let mut open = vec![id];
    while let Some(id) = open.pop() {
        for parent in &world.commit(id).unwrap().parents {
            if found.insert(*parent) {
                open.push(*parent);
            }
        }
    }
    found
}

fn bases_by_force(world: &World, a: CommitId, b: CommitId) -> BTreeSet<CommitId> {
    let common: BTreeSet<_> =
        ancestors(world, a).intersection(&ancestors(world, b)).copied().collect();
    let below = |id: &CommitId| {
        common.iter().any(|other| other != id && ancestors(world, *other).contains(id))
    };
    common.iter().filter(|id| !below(id)).copied().collect()
}

/// A history: each commit has one or two parents among those before it, or none.
fn history(shape: &[(u8, u8, u8)]) -> (World, Vec<CommitId>) {
    let world = World::default();
    let mut ids: Vec<CommitId> = Vec::new();
    for &(parents, first, second) in shape {
        let pick = |number: u8| ids[ids.len() - 1 - usize::from(number) % ids.len().min(6)];
        let parents = match parents {
            _ if ids.is_empty() => vec![],
            0 => vec![],
            1..=6 => vec![pick(first)],
            _ => {
                let both = BTreeSet::from([pick(first), pick(second)]);
                both.into_iter().collect()
            }
        };
        ids.push(world.commit_map(&parents, &Map::new()));
    }
    (world, ids)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn as_brute_force(shape in prop::collection::vec((0_u8..13, any::<u8>(), any::<u8>()), 1..40)) {
        let (world, ids) = history(&shape);
        for &a in ids.iter().rev().take(6) {
            for &b in &ids {
                let bases = merge_bases(&world, a, b).unwrap();
                let expected = bases_by_force(&world, a, b);
                prop_assert_eq!(bases.iter().copied().collect::<BTreeSet<_>>(), expected);
                prop_assert_eq!(merge_bases(&world, b, a).unwrap(), bases);
                let descends = ancestors(&world, a).contains(&b);
                prop_assert_eq!(is_ancestor(&world, b, a).unwrap(), descends);
                prop_assert_eq!(unmerged(&world, b, &[a]).unwrap(), !descends);
            }
        }
    }
}

#[test]
fn unrelated_histories_have_no_base() {
    let world = World::default();
    let a = world.commit_at(&[], &Map::new(), 1, "a", &[]);
    let b = world.commit_at(&[], &Map::new(), 2, "b", &[]);
    assert_eq!(merge_bases(&world, a, b).unwrap(), []);
    assert!(unmerged(&world, a, &[]).unwrap());
    assert!(!unmerged(&world, a, &[b, a]).unwrap());
}
