//! Builds a tree from sorted items: the definition of which tree a map has.
//!
//! Items fill leaves, each ending where the boundary rule says; the leaves' last keys with their hashes
//! are the items of the level above, and so on; the lowest level that has a single node is the top.

use bytes::Bytes;

use super::codec::{LEVEL_MAX, Writer};
use super::node::{Child, Node, Payload, empty_node, finish};
use super::source::NodeSink;
use super::split::ends_node;
use super::types::{Item, NodeRef, TreeError, Value};
use crate::base::limits::{TREE_KEY_BYTES_MAX, TREE_VALUE_BYTES_MAX};

/// A finished node as an item of the level above.
#[derive(Clone, Debug)]
pub(super) struct Emitted {
    pub(super) key: Bytes,
    pub(super) node: Node,
}

impl Emitted {
    /// The node as its parent names it; nobody knows yet where it will be stored.
    pub(super) fn child(&self) -> Child {
        let node = NodeRef { hash: self.node.hash(), hint: 0 };
        Child { node, count: self.node.subtree_count() }
    }
}

/// Cuts the items of one level into nodes.
#[derive(Debug)]
pub(super) struct Chunker {
    level: u8,
    writer: Writer,
}

impl Chunker {
    /// Starts at the beginning of a node.
    pub(super) fn new(level: u8) -> Self {
        Self { level, writer: Writer::new(level) }
    }

    /// Whether the last item ended a node (or there was none).
    pub(super) const fn is_between(&self) -> bool {
        self.writer.count() == 0
    }

    /// Adds an item; a node, if that ended one.
    pub(super) fn push(&mut self, key: &[u8], payload: Payload<'_>, hint: u64) -> Option<Emitted> {
        self.writer.push(key, payload, hint);
        ends_node(self.level, key, self.writer.count()).then(|| self.emit())
    }

    /// Ends the level: its last node, unless the last item ended one.
    pub(super) fn flush(&mut self) -> Option<Emitted> {
        (!self.is_between()).then(|| self.emit())
    }

    fn emit(&mut self) -> Emitted {
        let (node, key) = finish(&mut self.writer);
        Emitted { key, node }
    }
}

#[derive(Debug)]
struct Layer {
    chunker: Chunker,
    /// Nodes that ended.
    nodes: usize,
    /// The last of them.
    last: Option<Node>,
}

/// Chunkers of all levels from one upwards, each feeding the next.
#[derive(Debug)]
pub(super) struct TreeBuilder {
    base: u8,
    layers: Vec<Layer>,
}

impl TreeBuilder {
    /// Takes items of a level.
    pub(super) const fn new(base: u8) -> Self {
        Self { base, layers: Vec::new() }
    }

    /// Adds an item of the lowest level; keys ascend.
    pub(super) fn push(
        &mut self,
        key: &[u8],
        payload: Payload<'_>,
        hint: u64,
        sink: &mut dyn NodeSink,
    ) -> Result<(), TreeError> {
        let layer = self.layer(0)?;
        match layer.chunker.push(key, payload, hint) {
            Some(emitted) => self.rise(0, emitted, sink),
            None => Ok(()),
        }
    }

    /// Takes a finished node of a layer, and what that finishes above.
    fn rise(
        &mut self,
        index: usize,
        emitted: Emitted,
        sink: &mut dyn NodeSink,
    ) -> Result<(), TreeError> {
        let (mut index, mut emitted) = (index, emitted);
        loop {
            let child = emitted.child();
            let key = emitted.key;
            let layer = self.layer(index)?;
            layer.nodes += 1;
            layer.last = Some(emitted.node.clone());
            sink.put(emitted.node);
            index += 1;
            let above = self.layer(index)?;
            let payload = Payload::Child { hash: child.node.hash, count: child.count };
            match above.chunker.push(&key, payload, child.node.hint) {
                Some(next) => emitted = next,
                None => return Ok(()),
            }
        }
    }

    fn layer(&mut self, index: usize) -> Result<&mut Layer, TreeError> {
        while index >= self.layers.len() {
            let level = usize::from(self.base) + self.layers.len();
            let max = usize::from(LEVEL_MAX);
            match u8::try_from(level) {
                Ok(level) if level <= LEVEL_MAX => {
                    self.layers.push(Layer { chunker: Chunker::new(level), nodes: 0, last: None });
                }
                _ => return Err(TreeError::TooLarge { what: "tree height", size: level, max }),
            }
        }
        Ok(&mut self.layers[index])
    }

    /// Ends all levels; the root, or `None` if there was no item.
    pub(super) fn finish(mut self, sink: &mut dyn NodeSink) -> Result<Option<Node>, TreeError> {
        let mut index = 0;
        while index < self.layers.len() {
            if let Some(emitted) = self.layer(index)?.chunker.flush() {
                self.rise(index, emitted, sink)?;
            }
            let layer = self.layer(index)?;
            if layer.nodes == 1 {
                // What stands above would be chains of single children.
                return Ok(layer.last.take());
            }
            index += 1;
        }
        Ok(None)
    }
}

/// Refuses what the format cannot hold.
pub(super) fn check_sizes(key: &[u8], value: Option<&Value>) -> Result<(), TreeError> {
    if key.len() > TREE_KEY_BYTES_MAX {
        let (size, max) = (key.len(), TREE_KEY_BYTES_MAX);
        return Err(TreeError::TooLarge { what: "key", size, max });
    }
    match value.map(|value| value.bytes.len()) {
        Some(size) if size > TREE_VALUE_BYTES_MAX => {
            Err(TreeError::TooLarge { what: "value", size, max: TREE_VALUE_BYTES_MAX })
        }
        _ => Ok(()),
    }
}

/// Builds the tree of a map and returns its root, with hint 0. All its nodes go to the sink.
///
/// # Errors
/// `Unsorted` if the keys do not strictly ascend, `TooLarge` for a key or value beyond the limits. The
/// sink has taken nodes by then; they are of no use.
pub fn build(
    items: impl Iterator<Item = Item>,
    sink: &mut dyn NodeSink,
) -> Result<NodeRef, TreeError> {
    let mut builder = TreeBuilder::new(0);
    let mut before: Option<Bytes> = None;
    for item in items {
        check_sizes(&item.key, Some(&item.value))?;
        if before.is_some_and(|before| before >= item.key) {
            return Err(TreeError::Unsorted);
        }
        builder.push(&item.key, Payload::Value(&item.value.bytes), item.value.hint, sink)?;
        before = Some(item.key);
    }
    let root = builder.finish(sink)?.unwrap_or_else(|| {
        let empty = empty_node();
        sink.put(empty.clone());
        empty
    });
    Ok(NodeRef { hash: root.hash(), hint: 0 })
}
