//! What holds for every map and every edit.

use std::cell::RefCell;

use bytes::Bytes;
use nunatak::base::ids::NodeHash;
use nunatak::base::limits::{TREE_KEY_BYTES_MAX, TREE_VALUE_BYTES_MAX};
use nunatak::tree::{
    Change, DiffItem, Edit, Item, JoinItem, MemoryNodes, Node, NodeRef, NodeSource, Resolution,
    TreeError, Value, apply, build, check, diff, empty_node, join, merge,
};
use proptest::prelude::*;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::model::{
    Counted, Map, Step, apply_step, apply_to_map, build_map, edits, items, key, map, numbered,
    read_map, root_of, step, value,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    /// Any sequence of edits ends in the tree that is built from the result, however it is grouped.
    #[test]
    fn root_depends_on_content_only(
        start in map(700),
        steps in prop::collection::vec(step(60), 1..6),
        grouped in any::<bool>(),
    ) {
        let nodes = MemoryNodes::new();
        let mut model = start.clone();
        let mut root = build_map(&model, &nodes);
        check(&nodes, root).unwrap();
        for step in &steps {
            apply_to_map(&mut model, step);
            if grouped {
                root = apply_step(&nodes, root, step);
            } else {
                for (key, change) in step {
                    let single = Step::from([(key.clone(), change.clone())]);
                    let mut sink = &nodes;
                    root = apply(&nodes, root, &edits(&single), &mut sink).unwrap();
                }
            }
            prop_assert_eq!(root.hash, root_of(&model).hash);
        }
        let summary = check(&nodes, root).unwrap();
        prop_assert_eq!(summary.items, model.len() as u64);
        prop_assert_eq!(read_map(&nodes, root), model);
    }

    /// A change of everything at once, and back to nothing.
    #[test]
    fn grows_and_shrinks(small in map(20), large in map(900)) {
        let nodes = MemoryNodes::new();
        let to = |from: &Map, to: &Map| -> Step {
            let gone = from.keys().map(|key| (key.clone(), None));
            gone.chain(to.iter().map(|(key, bytes)| (key.clone(), Some(bytes.clone())))).collect()
        };
        let first = build_map(&small, &nodes);
        let grown = apply_step(&nodes, first, &to(&small, &large));
        prop_assert_eq!(grown.hash, root_of(&large).hash);
        let shrunk = apply_step(&nodes, grown, &to(&large, &small));
        prop_assert_eq!(shrunk.hash, first.hash);
        let gone = apply_step(&nodes, grown, &to(&large, &Map::new()));
        prop_assert_eq!(gone.hash, empty_node().hash());
    }

    #[test]
    fn diff_is_the_model_diff_and_leads_across(base in map(700), step in step(80), other in map(300)) {
        let nodes = MemoryNodes::new();
        let left = build_map(&base, &nodes);
        let mut changed = base.clone();
        apply_to_map(&mut changed, &step);
        for target in [changed, other, Map::new()] {
            let right = build_map(&target, &nodes);
            for (a, a_map, b, b_map) in [(left, &base, right, &target), (right, &target, left, &base)] {
                let found: Vec<DiffItem> = diff(&nodes, a, b).collect::<Result<_, _>>().unwrap();
                prop_assert_eq!(&found, &model_diff(a_map, b_map));
                let across: Vec<Edit> = found.into_iter().map(|item| Edit {
                    key: item.key,
                    change: item.right.map_or(Change::Remove, Change::Put),
                }).collect();
                let mut sink = &nodes;
                prop_assert_eq!(apply(&nodes, a, &across, &mut sink).unwrap().hash, b.hash);
            }
        }
    }

    /// No node that both trees have is read, and none is read twice.
    #[test]
    fn diff_reads_only_what_is_not_shared(base in map(900), step in step(40)) {
        let (left_nodes, right_nodes) = (MemoryNodes::new(), MemoryNodes::new());
        let left = build_map(&base, &left_nodes);
        let mut changed = base.clone();
        apply_to_map(&mut changed, &step);
        let right = build_map(&changed, &right_nodes);
        let heights = [check(&left_nodes, left), check(&right_nodes, right)];
        let [left_height, right_height] = heights.map(|summary| summary.unwrap().height);
        let all = MemoryNodes::new();
        build_map(&base, &all);
        build_map(&changed, &all);
        let source = Recorded { nodes: &all, read: RefCell::default() };
        prop_assert_eq!(diff(&source, left, right).count(), model_diff(&base, &changed).len());
        let mut read = source.read.into_inner();
        let total = read.len();
        read.sort();
        read.dedup();
        prop_assert_eq!(read.len(), total);
        // A higher tree may hold the whole of a lower one, whose root is then read.
        if left_height == right_height {
            for hash in read {
                let sides = [&left_nodes, &right_nodes].map(|nodes| nodes.get(&hash).is_some());
                prop_assert_ne!(sides[0], sides[1]);
            }
        }
    }

    #[test]
    fn merge_laws(base in map(500), left in step(60), right in step(60)) {
        let nodes = MemoryNodes::new();
        let maps = [&left, &right].map(|step| {
            let mut map = base.clone();
            apply_to_map(&mut map, step);
            map
        });
        let b = build_map(&base, &nodes);
        let [l, r] = [&maps[0], &maps[1]].map(|map| build_map(map, &nodes));

        // A side that did nothing, or the same, decides nothing.
        for (left, right, expected) in [(b, r, r), (l, b, l), (l, l, l)] {
            let mut never = |_: &JoinItem| -> Resolution { unreachable!() };
            let merged = merge(&nodes, b, left, right, &mut never).unwrap();
            prop_assert!(merged.conflicts.is_empty());
            let mut sink = &nodes;
            prop_assert_eq!(apply(&nodes, left, &merged.edits, &mut sink).unwrap().hash, expected.hash);
        }

        let (expected, conflicts) = model_merge(&base, &maps[0], &maps[1]);
        let mut asked = Vec::new();
        let merged = merge(&nodes, b, l, r, &mut |item| {
            asked.push(item.key.to_vec());
            Resolution::Conflict
        }).unwrap();
        prop_assert_eq!(&asked, &conflicts);
        let listed: Vec<_> = merged.conflicts.iter().map(|item| item.key.to_vec()).collect();
        prop_assert_eq!(&listed, &conflicts);
        let mut sink = &nodes;
        let root = apply(&nodes, l, &merged.edits, &mut sink).unwrap();
        prop_assert_eq!(read_map(&nodes, root), expected);

        // Mirrored but for the names of the sides: both give the same map once each takes "left".
        let mut ours = |item: &JoinItem| Resolution::Take(item.left.clone());
        let one = merge(&nodes, b, l, r, &mut ours).unwrap();
        let mut theirs = |item: &JoinItem| Resolution::Take(item.right.clone());
        let two = merge(&nodes, b, r, l, &mut theirs).unwrap();
        prop_assert!(one.conflicts.is_empty() && two.conflicts.is_empty());
        let mut sink = &nodes;
        let one = apply(&nodes, l, &one.edits, &mut sink).unwrap();
        let two = apply(&nodes, r, &two.edits, &mut sink).unwrap();
        prop_assert_eq!(one.hash, two.hash);

        let joined: Vec<JoinItem> = join(&nodes, b, l, r).collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(joined, model_join(&base, &maps[0], &maps[1]));
    }

    /// An update writes the nodes above its key and nothing else.
    #[test]
    fn update_writes_one_node_a_level(at in 0_u32..20_000, bytes in prop::collection::vec(any::<u8>(), 5..40)) {
        thread_local! {
            static TREE: (MemoryNodes, NodeRef, u64) = {
                let nodes = MemoryNodes::new();
                let root = build_map(&numbered(20_000), &nodes);
                let height = check(&nodes, root).unwrap().height;
                (nodes, root, height)
            };
        }
        TREE.with(|(nodes, root, height)| {
            let source = Counted::new(nodes);
            let step = Step::from([(at.to_be_bytes().to_vec(), Some(bytes))]);
            let mut new: Vec<Node> = Vec::new();
            apply(&source, *root, &edits(&step), &mut new).unwrap();
            prop_assert_eq!(new.len() as u64, *height);
            let levels: Vec<u64> = new.iter().map(|node| u64::from(node.level())).collect();
            prop_assert_eq!(levels, (0..*height).collect::<Vec<_>>());
            Ok(())
        })?;
    }
}

/// Remembers what was read.
#[derive(Debug)]
struct Recorded<'a> {
    nodes: &'a MemoryNodes,
    read: RefCell<Vec<NodeHash>>,
}

impl NodeSource for Recorded<'_> {
    fn load(&self, nodes: &[NodeRef]) -> Result<Vec<Node>, TreeError> {
        self.read.borrow_mut().extend(nodes.iter().map(|node| node.hash));
        self.nodes.load(nodes)
    }
}

fn model_diff(left: &Map, right: &Map) -> Vec<DiffItem> {
    let mut keys: Vec<_> = left.keys().chain(right.keys()).collect();
    keys.sort();
    keys.dedup();
    keys.into_iter()
        .filter(|key| left.get(*key) != right.get(*key))
        .map(|key| DiffItem {
            key: Bytes::copy_from_slice(key),
            left: left.get(key).map(|bytes| value(bytes)),
            right: right.get(key).map(|bytes| value(bytes)),
        })
        .collect()
}

fn model_join(base: &Map, left: &Map, right: &Map) -> Vec<JoinItem> {
    let mut keys: Vec<_> = base.keys().chain(left.keys()).chain(right.keys()).collect();
    keys.sort();
    keys.dedup();
    let at = |map: &Map, key: &Vec<u8>| map.get(key).map(|bytes| value(bytes));
    keys.into_iter()
        .filter(|key| base.get(*key) != left.get(*key) || base.get(*key) != right.get(*key))
        .map(|key| JoinItem {
            key: Bytes::copy_from_slice(key),
            base: at(base, key),
            left: at(left, key),
            right: at(right, key),
        })
        .collect()
}

/// The merged map with conflicts left as on the left, and the keys in conflict.
fn model_merge(base: &Map, left: &Map, right: &Map) -> (Map, Vec<Vec<u8>>) {
    let (mut merged, mut conflicts) = (left.clone(), Vec::new());
    for item in model_join(base, left, right) {
        let key = item.key.to_vec();
        if item.left == item.base {
            match item.right {
                Some(value) => merged.insert(key, value.bytes.to_vec()),
                None => merged.remove(&key),
            };
        } else if item.right != item.base && item.right != item.left {
            conflicts.push(key);
        }
    }
    (merged, conflicts)
}

#[test]
fn equal_roots_are_compared_without_reading() {
    let nodes = MemoryNodes::new();
    let root = build_map(&numbered(5_000), &nodes);
    let source = Counted::new(&nodes);
    assert_eq!(diff(&source, root, root).count(), 0);
    assert_eq!(join(&source, root, root, root).count(), 0);
    assert_eq!((source.calls.get(), source.reads.get()), (0, 0));
}

#[test]
fn diff_reads_what_changed_and_in_batches() {
    let nodes = MemoryNodes::new();
    let map = numbered(100_000);
    let root = build_map(&map, &nodes);
    let height = usize::try_from(check(&nodes, root).unwrap().height).unwrap();
    for changes in [1_u32, 10, 100] {
        let step: Step = (0..changes)
            .map(|number| ((number * 997 + 5).to_be_bytes().to_vec(), Some(b"new".to_vec())))
            .collect();
        let changed = apply_step(&nodes, root, &step);
        let source = Counted::new(&nodes);
        assert_eq!(diff(&source, root, changed).count(), step.len());
        assert!(source.reads.get() <= 2 * step.len() * height, "{source:?}");
        assert!(source.calls.get() <= 4 * height, "{source:?}");
        // The first difference takes little.
        let source = Counted::new(&nodes);
        assert!(diff(&source, root, changed).next().is_some());
        assert!(source.reads.get() <= 10 * 2 * height, "{source:?}");
    }
}

#[test]
fn insert_and_remove_write_few_nodes() {
    let nodes = MemoryNodes::new();
    let root = build_map(&numbered(50_000), &nodes);
    let height = usize::try_from(check(&nodes, root).unwrap().height).unwrap();
    let mut written = 0;
    for number in 0..200_u32 {
        let mut key = (number * 211).to_be_bytes().to_vec();
        let change = (number % 2 == 0).then(|| b"new".to_vec());
        if change.is_some() {
            key.push(1);
        }
        let mut new: Vec<Node> = Vec::new();
        apply(&nodes, root, &edits(&Step::from([(key, change)])), &mut new).unwrap();
        written += new.len();
    }
    assert!(written <= 200 * (height + 3), "{written} nodes for 200 edits, height {height}");
}

#[test]
fn edits_without_effect_change_nothing() {
    let nodes = MemoryNodes::new();
    let map = numbered(3_000);
    let root = NodeRef { hint: 77, ..build_map(&map, &nodes) };
    let step: Step = [
        (7_u32.to_be_bytes().to_vec(), Some(7_u32.to_le_bytes().to_vec())),
        (b"absent".to_vec(), None),
        (2_999_u32.to_be_bytes().to_vec(), Some(2_999_u32.to_le_bytes().to_vec())),
    ]
    .into();
    let mut new: Vec<Node> = Vec::new();
    let result = apply(&nodes, root, &edits(&step), &mut new).unwrap();
    assert_eq!((result, new.len()), (root, 0));
    assert_eq!(apply(&nodes, root, &[], &mut new).unwrap(), root);
    let empty = NodeRef { hash: empty_node().hash(), hint: 5 };
    let remove = edits(&Step::from([(Vec::new(), None)]));
    assert_eq!(apply(&nodes, empty, &remove, &mut new).unwrap(), empty);
    assert!(new.is_empty());
}

#[test]
fn new_nodes_come_after_their_children_and_only_reachable_ones_come() {
    for (start, step) in [
        (0_u32..3_000, 0_u32..2_990),
        (0..3_000, 10..3_000),
        (0..3_000, 0..3_000),
        (0..40_000, 3..39_000),
    ] {
        let nodes = MemoryNodes::new();
        let map: Map = start.map(|number| (number.to_be_bytes().to_vec(), vec![1])).collect();
        let root = build_map(&map, &nodes);
        let step: Step = step.map(|number| (number.to_be_bytes().to_vec(), None)).collect();
        let mut new: Vec<Node> = Vec::new();
        let result = apply(&nodes, root, &edits(&step), &mut new).unwrap();
        for node in new.drain(..) {
            for item in node.items() {
                if let Some(child) = item.child() {
                    assert!(nodes.get(&child.hash).is_some(), "a parent came first");
                }
            }
            nodes.insert(node);
        }
        check(&nodes, result).unwrap();
        let mut left = map.clone();
        apply_to_map(&mut left, &step);
        assert_eq!(result.hash, root_of(&left).hash);
    }
}

/// Keys of which every one, or none, would end a node if size did not matter.
fn adversarial(cut: bool, level: u64, count: usize) -> Map {
    (0_u64..)
        .map(|number| number.to_be_bytes().to_vec())
        .filter(|key| {
            let hash = xxh3_64_with_seed(key, level);
            if cut { hash < 0x0007_61cf_1871_6c3f } else { hash >= 0xfe9a_db8e_94b5_dd42 }
        })
        .take(count)
        .map(|key| (key, b"v".to_vec()))
        .collect()
}

#[test]
fn adversarial_keys_keep_the_bounds() {
    let all_cut = adversarial(true, 0, 60);
    let never_cut = adversarial(false, 0, 1_000);
    for (map, size) in [(all_cut, 4), (never_cut, 128)] {
        let nodes = MemoryNodes::new();
        let root = build_map(&map, &nodes);
        check(&nodes, root).unwrap();
        let leaf =
            nodes.into_nodes().into_iter().filter(Node::is_leaf).map(|leaf| leaf.len()).max();
        assert_eq!(leaf, Some(size));
        // Each key taken out and put back, one by one.
        let nodes = MemoryNodes::new();
        let root = build_map(&map, &nodes);
        for (key, bytes) in map.iter().step_by(7) {
            let without = apply_step(&nodes, root, &Step::from([(key.clone(), None)]));
            let mut model = map.clone();
            model.remove(key);
            assert_eq!(without.hash, root_of(&model).hash);
            let back =
                apply_step(&nodes, without, &Step::from([(key.clone(), Some(bytes.clone()))]));
            assert_eq!(back.hash, root.hash);
        }
    }
}

#[test]
fn wrong_arguments_are_refused() {
    let mut new: Vec<Node> = Vec::new();
    let root = root_of(&Map::new());
    let item = |key: &'static [u8], value: Value| Item { key: Bytes::from_static(key), value };
    let edit = |key: Vec<u8>, change: Change| Edit { key: Bytes::from(key), change };
    for keys in [[b"b", b"a"], [b"a", b"a"]] {
        let items = keys.map(|key| item(key, value(b"")));
        assert!(matches!(build(items.into_iter(), &mut new), Err(TreeError::Unsorted)));
        let edits = keys.map(|key| edit(key.to_vec(), Change::Remove));
        let result = apply(&MemoryNodes::new(), root, &edits, &mut new);
        assert!(matches!(result, Err(TreeError::Unsorted)));
    }
    let long = value(&vec![0; TREE_VALUE_BYTES_MAX + 1]);
    let result = build([item(b"", long.clone())].into_iter(), &mut new);
    assert!(matches!(result, Err(TreeError::TooLarge { .. })));
    for edit in [
        edit(Vec::new(), Change::Put(long)),
        edit(vec![0; TREE_KEY_BYTES_MAX + 1], Change::Put(value(b""))),
    ] {
        let result = apply(&MemoryNodes::new(), root, &[edit], &mut new);
        assert!(matches!(result, Err(TreeError::TooLarge { .. })));
    }
}

#[test]
fn largest_keys_and_values_fit() {
    let map: Map = (0_u8..200)
        .map(|number| {
            let mut key = vec![b'k'; TREE_KEY_BYTES_MAX];
            key[TREE_KEY_BYTES_MAX - 1 - usize::from(number % 2) * 100] = number;
            (key, vec![number; TREE_VALUE_BYTES_MAX])
        })
        .collect();
    let nodes = MemoryNodes::new();
    let root = build_map(&map, &nodes);
    check(&nodes, root).unwrap();
    assert_eq!(read_map(&nodes, root), map);
    for node in nodes.into_nodes() {
        assert_eq!(Node::decode(Bytes::copy_from_slice(node.canonical())).unwrap(), node);
    }
}

#[test]
fn key_strategy_covers_the_empty_key() {
    // The laws above mean little if keys never meet.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let keys: Vec<Vec<u8>> = (0..500)
        .map(|_| proptest::strategy::ValueTree::current(&key().new_tree(&mut runner).unwrap()))
        .collect();
    assert!(keys.iter().any(Vec::is_empty));
    let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
    assert!(distinct.len() < keys.len());
    assert_eq!(items(&Map::new()).count(), 0);
}
