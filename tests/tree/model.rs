//! What the other files share: plain maps as models of trees, and ways to make both.

use std::cell::Cell;
use std::collections::BTreeMap;

use bytes::Bytes;
use nunatak::tree::{
    Change, Edit, Item, MemoryNodes, Node, NodeRef, NodeSource, TreeError, Value, apply, build,
    check, range,
};
use proptest::prelude::*;

pub(crate) type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// Edits of one step by key; `None` removes.
pub(crate) type Step = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

pub(crate) fn value(bytes: &[u8]) -> Value {
    Value { bytes: Bytes::copy_from_slice(bytes), hint: 0 }
}

pub(crate) fn items(map: &Map) -> impl Iterator<Item = Item> {
    map.iter().map(|(key, bytes)| Item { key: Bytes::copy_from_slice(key), value: value(bytes) })
}

pub(crate) fn build_map(map: &Map, nodes: &MemoryNodes) -> NodeRef {
    let mut sink = nodes;
    build(items(map), &mut sink).unwrap()
}

/// The root of a map by itself.
pub(crate) fn root_of(map: &Map) -> NodeRef {
    build_map(map, &MemoryNodes::new())
}

pub(crate) fn edits(step: &Step) -> Vec<Edit> {
    let change = |bytes: &Option<Vec<u8>>| match bytes {
        Some(bytes) => Change::Put(value(bytes)),
        None => Change::Remove,
    };
    step.iter()
        .map(|(key, bytes)| Edit { key: Bytes::copy_from_slice(key), change: change(bytes) })
        .collect()
}

pub(crate) fn apply_to_map(map: &mut Map, step: &Step) {
    for (key, bytes) in step {
        match bytes {
            Some(bytes) => map.insert(key.clone(), bytes.clone()),
            None => map.remove(key),
        };
    }
}

/// Applies a step to a tree whose nodes are kept, and verifies the result.
pub(crate) fn apply_step(nodes: &MemoryNodes, root: NodeRef, step: &Step) -> NodeRef {
    let mut sink = nodes;
    let root = apply(nodes, root, &edits(step), &mut sink).unwrap();
    check(nodes, root).unwrap();
    root
}

pub(crate) fn read_map(source: &dyn NodeSource, root: NodeRef) -> Map {
    range(source, root, std::ops::Bound::Unbounded, std::ops::Bound::Unbounded)
        .map(|item| item.map(|item| (item.key.to_vec(), item.value.bytes.to_vec())).unwrap())
        .collect()
}

/// Counts what is read: calls and nodes.
#[derive(Debug)]
pub(crate) struct Counted<'a> {
    pub(crate) nodes: &'a MemoryNodes,
    pub(crate) calls: Cell<usize>,
    pub(crate) reads: Cell<usize>,
}

impl<'a> Counted<'a> {
    pub(crate) fn new(nodes: &'a MemoryNodes) -> Self {
        Self { nodes, calls: Cell::new(0), reads: Cell::new(0) }
    }
}

impl NodeSource for Counted<'_> {
    fn load(&self, nodes: &[NodeRef]) -> Result<Vec<Node>, TreeError> {
        self.calls.set(self.calls.get() + 1);
        self.reads.set(self.reads.get() + nodes.len());
        self.nodes.load(nodes)
    }
}

/// Keys that meet often, so that edits hit what is there: numbers, and strings with long shared
/// beginnings, the empty one included.
pub(crate) fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0_u16..600).prop_map(|number| number.to_be_bytes().to_vec()),
        2 => (0_usize..40, 0_u8..4).prop_map(|(length, last)| {
            let mut key = vec![b'x'; length];
            key.push(last);
            key
        }),
        1 => Just(Vec::new()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ]
}

pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0_u8..3).prop_map(|byte| vec![byte]),
        1 => Just(Vec::new()),
        1 => prop::collection::vec(any::<u8>(), 0..300),
    ]
}

pub(crate) fn map(size: usize) -> impl Strategy<Value = Map> {
    prop::collection::btree_map(key(), bytes(), 0..size)
}

pub(crate) fn step(size: usize) -> impl Strategy<Value = Step> {
    prop::collection::btree_map(key(), prop::option::weighted(0.6, bytes()), 0..size)
}

/// A map of numbers, for cases where only the size matters.
pub(crate) fn numbered(count: u32) -> Map {
    (0..count)
        .map(|number| (number.to_be_bytes().to_vec(), number.to_le_bytes().to_vec()))
        .collect()
}
