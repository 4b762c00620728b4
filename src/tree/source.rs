//! Where nodes come from and where new ones go.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::node::{Child, Node, empty_node};
use super::types::{NodeRef, TreeError};
use crate::base::ids::NodeHash;

/// Reads nodes.
pub trait NodeSource {
    /// The nodes asked for, in that order.
    ///
    /// Whoever implements this checks that each node has the hash asked for (see
    /// [`Node::from_stored_checked`]) and may use the hint to find it, but answers a wrong hint as if
    /// it were unknown or with an error, never with another node. A list may be long, names no node
    /// twice and is never empty.
    ///
    /// # Errors
    /// `MissingNode`, `Damaged`, or `Source` for the implementation's own failures.
    fn load(&self, nodes: &[NodeRef]) -> Result<Vec<Node>, TreeError>;
}

/// Takes new nodes.
pub trait NodeSink {
    /// Takes a node that may be new. Children come before their parents; hints of children that are
    /// new themselves are 0.
    fn put(&mut self, node: Node);
}

/// Nodes in memory, found by hash alone.
#[derive(Default)]
pub struct MemoryNodes {
    nodes: Mutex<BTreeMap<NodeHash, Node>>,
}

impl MemoryNodes {
    /// Holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many nodes it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// A node, if it is here.
    #[must_use]
    pub fn get(&self, hash: &NodeHash) -> Option<Node> {
        self.lock().get(hash).cloned()
    }

    /// Takes a node.
    pub fn insert(&self, node: Node) {
        let hash = node.hash();
        self.lock().insert(hash, node);
    }

    /// Takes every node of another set.
    pub fn copy_from(&self, other: &Self) {
        let nodes: Vec<Node> = other.lock().values().cloned().collect();
        let mut held = self.lock();
        held.extend(nodes.into_iter().map(|node| (node.hash(), node)));
    }

    /// Forgets a node; says whether it was here.
    pub fn remove(&self, hash: &NodeHash) -> bool {
        self.lock().remove(hash).is_some()
    }

    /// All nodes, by hash.
    #[must_use]
    pub fn into_nodes(self) -> Vec<Node> {
        let nodes = self.nodes.into_inner().unwrap_or_else(PoisonError::into_inner);
        nodes.into_values().collect()
    }

    /// Every state of the map is whole, so a panic elsewhere while it was locked does no harm.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<NodeHash, Node>> {
        self.nodes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryNodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryNodes").field("len", &self.len()).finish()
    }
}

impl NodeSource for MemoryNodes {
    fn load(&self, nodes: &[NodeRef]) -> Result<Vec<Node>, TreeError> {
        let held = self.lock();
        let get = |node: &NodeRef| {
            held.get(&node.hash).cloned().ok_or(TreeError::MissingNode { hash: node.hash })
        };
        nodes.iter().map(get).collect()
    }
}

impl NodeSink for MemoryNodes {
    fn put(&mut self, node: Node) {
        self.insert(node);
    }
}

impl NodeSink for &MemoryNodes {
    fn put(&mut self, node: Node) {
        self.insert(node);
    }
}

impl NodeSink for Vec<Node> {
    fn put(&mut self, node: Node) {
        self.push(node);
    }
}

/// Loads nodes and holds the source to its contract as far as that is cheap.
fn load_all(source: &dyn NodeSource, nodes: &[NodeRef]) -> Result<Vec<Node>, TreeError> {
    if nodes.is_empty() {
        return Ok(Vec::new());
    }
    let loaded = source.load(nodes)?;
    if loaded.len() != nodes.len() {
        let message = format!("{} nodes were asked for, {} came", nodes.len(), loaded.len());
        return Err(TreeError::Source(message.into()));
    }
    Ok(loaded)
}

/// Loads one node about which nothing is known but its name. The empty leaf is always there.
pub(super) fn load_root(source: &dyn NodeSource, root: NodeRef) -> Result<Node, TreeError> {
    let empty = empty_node();
    if root.hash == empty.hash() {
        return Ok(empty);
    }
    let node = load_all(source, &[root])?.pop();
    let node = node.ok_or(TreeError::MissingNode { hash: root.hash })?;
    if !node.is_leaf() && node.len() < 2 {
        return Err(TreeError::damaged(root.hash, "a root with a single child"));
    }
    Ok(node)
}

/// Loads children of nodes one level above `level` and checks that they are what their parents say.
pub(super) fn load_children(
    source: &dyn NodeSource,
    level: u8,
    children: &[Child],
) -> Result<Vec<Node>, TreeError> {
    let refs: Vec<NodeRef> = children.iter().map(|child| child.node).collect();
    let nodes = load_all(source, &refs)?;
    for (child, node) in children.iter().zip(&nodes) {
        if node.level() != level {
            return Err(TreeError::damaged(child.node.hash, "stands on another level"));
        }
        if node.subtree_count() != child.count {
            let why = "holds another number of items than its parent says";
            return Err(TreeError::damaged(child.node.hash, why));
        }
    }
    Ok(nodes)
}
