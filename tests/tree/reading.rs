//! Looking up, scanning, walking.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::Bound;

use bytes::Bytes;
use nunatak::tree::{
    Change, Cursor, Edit, MemoryNodes, Node, NodeRef, NodeSource, TreeError, Value, Walk, apply,
    check, get, get_many, range, range_reverse, rank, walk,
};
use proptest::prelude::*;

use super::model::{Counted, Map, build_map, key, map, numbered, value};

fn bound() -> impl Strategy<Value = Bound<Vec<u8>>> {
    prop_oneof![
        Just(Bound::Unbounded),
        key().prop_map(Bound::Included),
        key().prop_map(Bound::Excluded),
    ]
}

fn inside(key: &[u8], start: &Bound<Vec<u8>>, end: &Bound<Vec<u8>>) -> bool {
    let behind = match start {
        Bound::Included(start) => key >= start.as_slice(),
        Bound::Excluded(start) => key > start.as_slice(),
        Bound::Unbounded => true,
    };
    behind
        && match end {
            Bound::Included(end) => key <= end.as_slice(),
            Bound::Excluded(end) => key < end.as_slice(),
            Bound::Unbounded => true,
        }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn lookups_are_the_models(map in map(800), mut keys in prop::collection::vec(key(), 0..60)) {
        let nodes = MemoryNodes::new();
        let root = build_map(&map, &nodes);
        keys.sort();
        let expected: Vec<_> = keys.iter().map(|key| map.get(key).map(|bytes| value(bytes))).collect();
        prop_assert_eq!(&get_many(&nodes, root, &keys).unwrap(), &expected);
        for (key, expected) in keys.iter().zip(expected) {
            prop_assert_eq!(get(&nodes, root, key).unwrap(), expected);
            let below = map.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(&key[..]))).count();
            prop_assert_eq!(rank(&nodes, root, key).unwrap(), below as u64);
        }
    }

    #[test]
    fn scans_are_the_models(map in map(800), start in bound(), end in bound()) {
        let nodes = MemoryNodes::new();
        let root = build_map(&map, &nodes);
        let mut expected: Vec<_> =
            map.keys().filter(|key| inside(key, &start, &end)).cloned().collect();
        let slice = |bound: &Bound<Vec<u8>>| bound.clone();
        let (start, end) = (slice(&start), slice(&end));
        let (start, end) = (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
        let keys = |items: Vec<nunatak::tree::Item>| -> Vec<Vec<u8>> {
            items.into_iter().map(|item| {
                assert_eq!(map[&item.key[..]], &item.value.bytes[..]);
                item.key.to_vec()
            }).collect()
        };
        let found = range(&nodes, root, start, end).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(keys(found), expected.clone());
        expected.reverse();
        let found = range_reverse(&nodes, root, start, end).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(keys(found), expected);
    }

    /// A cursor led back and forth stands where a number in a list of keys stands.
    #[test]
    fn cursor_is_the_models(
        map in map(800),
        moves in prop::collection::vec((0_u8..12, key(), 0_u64..900), 1..60),
    ) {
        let nodes = MemoryNodes::new();
        let root = build_map(&map, &nodes);
        let keys: Vec<_> = map.keys().cloned().collect();
        let mut cursor = Cursor::open(&nodes, root).unwrap();
        prop_assert_eq!(cursor.count(), keys.len() as u64);
        let mut at = 0;
        for (action, key, number) in moves {
            match action {
                0 => {
                    cursor.seek(Bound::Included(&key)).unwrap();
                    at = keys.partition_point(|other| *other < key);
                }
                1 => {
                    cursor.seek(Bound::Excluded(&key)).unwrap();
                    at = keys.partition_point(|other| *other <= key);
                }
                2 => {
                    cursor.seek_rank(number).unwrap();
                    at = usize::try_from(number).unwrap().min(keys.len());
                }
                3 => {
                    cursor.seek_end().unwrap();
                    at = keys.len();
                }
                4..=7 => for _ in 0..number % 50 {
                    let item = cursor.forward().unwrap();
                    prop_assert_eq!(item.as_ref().map(|item| &item.key[..]), keys.get(at).map(|key| &key[..]));
                    at += usize::from(item.is_some());
                },
                _ => for _ in 0..number % 50 {
                    let item = cursor.backward().unwrap();
                    let before = at.checked_sub(1).map(|before| &keys[before][..]);
                    prop_assert_eq!(item.as_ref().map(|item| &item.key[..]), before);
                    at -= usize::from(item.is_some());
                },
            }
            prop_assert_eq!(cursor.rank(), at as u64);
        }
    }

    #[test]
    fn walk_visits_each_node_once(map in map(800)) {
        let nodes = MemoryNodes::new();
        let root = build_map(&map, &nodes);
        let mut seen = BTreeSet::new();
        walk(&nodes, root, &mut |node| {
            assert!(seen.insert(node.hash()));
            Walk::Descend
        }).unwrap();
        prop_assert_eq!(seen.len() as u64, check(&nodes, root).unwrap().nodes);
        prop_assert_eq!(seen.len(), nodes.len());
    }
}

#[test]
fn a_short_range_reads_little_and_a_long_one_in_batches() {
    let nodes = MemoryNodes::new();
    let root = build_map(&numbered(100_000), &nodes);
    let summary = check(&nodes, root).unwrap();
    let source = Counted::new(&nodes);
    let start = 50_000_u32.to_be_bytes();
    let found = range(&source, root, Bound::Included(&start), Bound::Unbounded).next();
    assert_eq!(found.unwrap().unwrap().key, start.to_vec());
    assert_eq!(source.reads.get() as u64, summary.height);

    for reverse in [false, true] {
        let source = Counted::new(&nodes);
        let count = if reverse {
            range_reverse(&source, root, Bound::Unbounded, Bound::Unbounded).count()
        } else {
            range(&source, root, Bound::Unbounded, Bound::Unbounded).count()
        };
        assert_eq!(count, 100_000);
        assert_eq!(source.reads.get() as u64, summary.nodes);
        assert!(source.calls.get() as u64 * 8 < summary.nodes, "{source:?}");

        // What lies beyond the end of a range is not read ahead.
        let source = Counted::new(&nodes);
        let (from, to) = (10_000_u32.to_be_bytes(), 11_000_u32.to_be_bytes());
        let (from, to) = (Bound::Included(&from[..]), Bound::Excluded(&to[..]));
        let count = if reverse {
            range_reverse(&source, root, from, to).count()
        } else {
            range(&source, root, from, to).count()
        };
        assert_eq!(count, 1_000);
        assert!(source.reads.get() < 1_000 / 20 + 10, "{source:?}");
    }
}

#[test]
fn many_keys_are_read_level_by_level() {
    let nodes = MemoryNodes::new();
    let root = build_map(&numbered(100_000), &nodes);
    let height = check(&nodes, root).unwrap().height;
    let source = Counted::new(&nodes);
    let keys: Vec<[u8; 4]> = (0..500_u32).map(|number| (number * 200).to_be_bytes()).collect();
    assert!(get_many(&source, root, &keys).unwrap().iter().all(Option::is_some));
    assert_eq!(source.calls.get() as u64, height);
    assert!(get_many(&source, root, &[b"b", b"a"]).is_err());

    let edits: Vec<Edit> = keys
        .iter()
        .map(|key| Edit { key: Bytes::copy_from_slice(key), change: Change::Put(value(b"x")) })
        .collect();
    let source = Counted::new(&nodes);
    let mut new: Vec<Node> = Vec::new();
    apply(&source, root, &edits, &mut new).unwrap();
    assert_eq!(source.calls.get() as u64, height);
}

/// Answers so many reads, and then fails so many, over and over.
#[derive(Debug)]
struct Flaky<'a> {
    nodes: &'a MemoryNodes,
    good: u32,
    bad: u32,
    calls: Cell<u32>,
}

impl NodeSource for Flaky<'_> {
    fn load(&self, nodes: &[NodeRef]) -> Result<Vec<Node>, TreeError> {
        let call = self.calls.replace(self.calls.get() + 1);
        if call % (self.good + self.bad) < self.good {
            self.nodes.load(nodes)
        } else {
            Err(TreeError::Source("not now".into()))
        }
    }
}

#[test]
fn a_failed_read_moves_no_cursor() {
    fn insist<T>(mut attempt: impl FnMut() -> Result<T, TreeError>) -> T {
        (0..50).find_map(|_| attempt().ok()).expect("a later attempt succeeds")
    }
    let nodes = MemoryNodes::new();
    let root = build_map(&numbered(50_000), &nodes);
    let height = u32::try_from(check(&nodes, root).unwrap().height).unwrap();
    // Enough in a row for a whole way down, too few for the scan.
    let source = Flaky { nodes: &nodes, good: height + 1, bad: 3, calls: Cell::new(0) };
    let mut cursor = insist(|| Cursor::open(&source, root));
    for number in 0..50_000_u32 {
        let item = insist(|| cursor.forward()).unwrap();
        assert_eq!(item.key, number.to_be_bytes().to_vec());
    }
    assert!(insist(|| cursor.forward()).is_none());
    for number in (0..50_000_u32).rev() {
        let item = insist(|| cursor.backward()).unwrap();
        assert_eq!(item.key, number.to_be_bytes().to_vec());
    }
    assert!(insist(|| cursor.backward()).is_none());
    let mut failures = 0;
    for number in (0..50_000_u32).step_by(997) {
        let before = cursor.rank();
        if cursor.seek(Bound::Included(&number.to_be_bytes())).is_err() {
            failures += 1;
            assert_eq!(cursor.rank(), before);
            let next = insist(|| cursor.forward()).unwrap();
            assert_eq!(next.key, u32::try_from(before).unwrap().to_be_bytes().to_vec());
        } else {
            assert_eq!(cursor.rank(), u64::from(number));
        }
    }
    assert!(failures > 0);
}

#[test]
fn a_skipped_node_hides_its_children() {
    let nodes = MemoryNodes::new();
    let root = build_map(&numbered(20_000), &nodes);
    let source = Counted::new(&nodes);
    let mut visited = 0;
    walk(&source, root, &mut |_| {
        visited += 1;
        Walk::Skip
    })
    .unwrap();
    assert_eq!((visited, source.reads.get()), (1, 1));
}

#[test]
fn hints_travel_with_nodes_and_change_no_hash() {
    let nodes = MemoryNodes::new();
    let map: Map = numbered(2_000);
    let root = build_map(&map, &nodes);
    // Every item gets its own hint, as if nodes and objects had been stored.
    let hinted = MemoryNodes::new();
    for node in nodes.into_nodes() {
        let mut next = u64::from(node.level()) << 40;
        let with = node.with_hints(|item| {
            next += 1;
            if item.value().is_some() {
                1_000_000
                    + u64::from_be_bytes([
                        0,
                        0,
                        0,
                        0,
                        item.key[0],
                        item.key[1],
                        item.key[2],
                        item.key[3],
                    ])
            } else {
                next
            }
        });
        assert_eq!(with.hash(), node.hash());
        let stored = with.to_stored();
        let read = Node::from_stored_checked(stored.clone(), node.hash()).unwrap();
        assert_eq!(read.to_stored(), stored);
        hinted.insert(read);
    }
    let found = get(&hinted, root, &7_u32.to_be_bytes()).unwrap().unwrap();
    assert_eq!(found.hint, 1_000_007);

    // An edit forgets the hints of what is new and keeps all others; an equal value keeps the old hint.
    let put = |number: u32, bytes: &[u8], hint| Edit {
        key: Bytes::copy_from_slice(&number.to_be_bytes()),
        change: Change::Put(Value { bytes: Bytes::copy_from_slice(bytes), hint }),
    };
    let edits = [put(7, b"new", 42), put(8, &8_u32.to_le_bytes(), 43)];
    let mut new: Vec<Node> = Vec::new();
    let changed = apply(&hinted, NodeRef { hint: 9, ..root }, &edits, &mut new).unwrap();
    assert_eq!(changed.hint, 0);
    let written: BTreeSet<_> = new.iter().map(Node::hash).collect();
    for node in &new {
        for item in node.items() {
            match item.child() {
                Some(child) => assert_eq!(child.hint == 0, written.contains(&child.hash)),
                None => assert_ne!(item.hint, 0),
            }
        }
        hinted.insert(node.clone());
    }
    for (number, hint) in [(7_u32, 42), (8, 1_000_008), (9, 1_000_009)] {
        let found = get(&hinted, changed, &number.to_be_bytes()).unwrap().unwrap();
        assert_eq!(found.hint, hint);
    }
}
