//! Logs: order, filters, pages, time and distance.

use nunatak::base::clock::Timestamp;
use nunatak::base::ids::CommitId;
use nunatak::version::graph::CommitSource;
use nunatak::version::history::{LogFilter, at_time, log, nth_first_parent};
use proptest::prelude::*;

use crate::world::{Map, World};

fn all(world: &World, from: CommitId, filter: &LogFilter, limit: usize) -> Vec<CommitId> {
    let mut found = Vec::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = log(world, world, from, filter, after.as_deref(), limit).unwrap();
        assert!(page.items.len() <= limit);
        found.extend(page.items.into_iter().map(|(id, _)| id));
        match page.next {
            Some(next) => after = Some(next),
            None => return found,
        }
    }
}

/// A history of random shape; times rise from parent to child but for a jump now and then.
fn history(shape: &[(u8, u8, u8)], jumps: bool) -> (World, CommitId) {
    let world = World::default();
    let mut ids: Vec<CommitId> = vec![world.commit_at(&[], &Map::new(), 1000, "ann", &[])];
    for &(kind, first, second) in shape {
        let pick = |number: u8| ids[ids.len() - 1 - usize::from(number) % ids.len().min(5)];
        let mut parents = vec![pick(first)];
        if kind > 100 && pick(second) != parents[0] {
            parents.push(pick(second));
        }
        let times = parents.iter().map(|id| world.commit(*id).unwrap().committed_at.as_micros());
        let newest = times.max().unwrap();
        let at = if jumps {
            newest - 20 + i64::from(kind) / 8
        } else {
            newest + i64::from(kind % 3) + 1
        };
        ids.push(world.commit_at(
            &parents,
            &Map::new(),
            at,
            "ann",
            &[("n", &ids.len().to_string())],
        ));
    }
    // One commit from which all is reached.
    let mut head = ids[0];
    for id in ids.iter().skip(1) {
        head = world.commit_at(&[head, *id], &Map::new(), 1_000_000, "bob", &[]);
    }
    (world, head)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn pages_lose_and_repeat_nothing(
        shape in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 1..60),
        jumps in any::<bool>(),
        limit in 1_usize..7,
    ) {
        let (world, head) = history(&shape, jumps);
        for first_parent in [false, true] {
            let filter = LogFilter { first_parent, ..LogFilter::default() };
            let whole = all(&world, head, &filter, 10_000);
            prop_assert_eq!(&all(&world, head, &filter, limit), &whole);
            let mut distinct = whole.clone();
            distinct.sort_unstable();
            distinct.dedup();
            prop_assert_eq!(distinct.len(), whole.len());
            if !first_parent {
                prop_assert_eq!(whole.len(), 2 * shape.len() + 1);
            }
        }
    }
}

#[test]
fn filters() {
    let world = World::default();
    let commit = |parents: &[CommitId], text: &str, at, author, properties: &[_]| {
        world.commit_at(parents, &world.parse(text), at, author, properties)
    };
    let a = commit(&[], "", 10, "ann", &[]);
    let b = commit(&[a], "s/:1 s.t:2=a", 20, "bob", &[("run", "1")]);
    let c = commit(&[b], "s/:1 s.t:2=b", 30, "ann", &[("run", "2")]);
    let d = commit(&[b], "s/:1 s.t:2=a s.x/:3 s.x.u:4=a", 25, "ann", &[]);
    let e = commit(&[c, d], "s/:1 s.t:2=b s.x/:3 s.x.u:4=a", 40, "bob", &[]);
    let list = |filter: LogFilter| all(&world, e, &filter, 2);
    let time = |micros| Some(Timestamp::from_micros(micros));
    let path = |text: &str| LogFilter {
        path: Some(text.split('.').map(str::to_owned).collect()),
        ..LogFilter::default()
    };
    assert_eq!(list(LogFilter::default()), [e, c, d, b, a]);
    assert_eq!(list(LogFilter { first_parent: true, ..LogFilter::default() }), [e, c, b, a]);
    let author = Some("ann".to_owned());
    assert_eq!(list(LogFilter { author, ..LogFilter::default() }), [c, d, a]);
    assert_eq!(
        list(LogFilter { since: time(20), until: time(30), ..LogFilter::default() }),
        [c, d, b]
    );
    let run = |value: Option<&str>| vec![("run".to_owned(), value.map(str::to_owned))];
    assert_eq!(list(LogFilter { properties: run(None), ..LogFilter::default() }), [c, b]);
    assert_eq!(list(LogFilter { properties: run(Some("2")), ..LogFilter::default() }), [c]);
    assert_eq!(list(path("s.t")), [c, b]);
    assert_eq!(list(path("S.T")), [c, b]);
    assert_eq!(list(path("s.x")), [e, d]);
    assert_eq!(list(path("s.x.u")), [e, d]);
    assert_eq!(list(path("s")), [e, c, d, b]);
    assert_eq!(list(path("s.none")), []);
    let all_paths = LogFilter { path: Some(vec![]), ..LogFilter::default() };
    assert_eq!(list(all_paths), [e, c, d, b]);
    for bad in [&[][..], &[2], &[1; 40]] {
        assert!(log(&world, &world, e, &LogFilter::default(), Some(bad), 5).is_err());
    }
}

#[test]
fn time_and_distance_follow_first_parents() {
    let world = World::default();
    let a = world.commit_at(&[], &Map::new(), 10, "ann", &[]);
    let b = world.commit_at(&[a], &Map::new(), 20, "ann", &[]);
    let side = world.commit_at(&[a], &Map::new(), 25, "ann", &[]);
    let c = world.commit_at(&[b, side], &Map::new(), 30, "ann", &[]);
    for (at, expected) in [(9, None), (10, Some(a)), (29, Some(b)), (30, Some(c)), (99, Some(c))] {
        assert_eq!(at_time(&world, c, Timestamp::from_micros(at)).unwrap(), expected, "{at}");
    }
    for (count, expected) in [(0, Some(c)), (1, Some(b)), (2, Some(a)), (3, None)] {
        assert_eq!(nth_first_parent(&world, c, count).unwrap(), expected, "{count}");
    }
}
