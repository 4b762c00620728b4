//! Verifies a whole tree: that it is the tree of its content, and undamaged.

use super::node::{Child, Node, Reader};
use super::source::{NodeSource, load_children, load_root};
use super::split::ends_node;
use super::types::{NodeRef, TreeError};
use crate::base::hash::Digest;
use crate::base::ids::NodeHash;

/// What a verified tree is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// Items of the map.
    pub items: u64,
    /// Nodes of the tree.
    pub nodes: u64,
    /// Levels: 1 for a single leaf.
    pub height: u64,
    /// Canonical bytes of all nodes.
    pub bytes: u64,
}

struct Checker<'a> {
    source: &'a dyn NodeSource,
    summary: Summary,
    /// The last key of the leaves so far.
    last: Option<Vec<u8>>,
}

/// Reads every node of a tree and verifies that bytes match hashes, that keys ascend across nodes, that
/// parents tell their children's last keys, item counts and levels, and that every node ends exactly
/// where the boundary rule says. If all holds, the tree is the one that [`super::build()`] makes.
///
/// # Errors
/// `Damaged` for the first fault found, and what the source answers.
pub fn check(source: &dyn NodeSource, root: NodeRef) -> Result<Summary, TreeError> {
    let top = load_root(source, root)?;
    let mut checker = Checker { source, summary: Summary::default(), last: None };
    checker.summary.height = u64::from(top.level()) + 1;
    checker.node(&top, root.hash, None, true)?;
    if checker.summary.items != top.subtree_count() {
        return Err(TreeError::damaged(root.hash, "counts another number of items than there are"));
    }
    Ok(checker.summary)
}

impl Checker<'_> {
    /// Verifies a node and all below. `upper`: the last key, as the parent says; `is_last`: no node of
    /// its level follows. The recursion is as deep as the tree, since each level is one below.
    fn node(
        &mut self,
        node: &Node,
        hash: NodeHash,
        upper: Option<&[u8]>,
        is_last: bool,
    ) -> Result<(), TreeError> {
        // Calculated anew: a handle may hold a hash that it was given.
        if NodeHash::new(Digest::of(node.canonical())) != hash {
            return Err(TreeError::damaged(hash, "its bytes have another hash"));
        }
        Node::decode(node.canonical().to_vec().into())
            .map_err(|error| TreeError::malformed(hash, error))?;
        self.summary.nodes += 1;
        self.summary.bytes += node.canonical().len() as u64;
        let last_key = node.key(node.len().saturating_sub(1));
        if upper.is_some_and(|upper| upper != last_key) {
            return Err(TreeError::damaged(hash, "ends with another key than its parent says"));
        }
        if !is_last && !ends_node(node.level(), &last_key, node.len()) {
            return Err(TreeError::damaged(hash, "ends where no node ends"));
        }
        if node.is_leaf() { self.leaf(node, hash) } else { self.children(node, hash, is_last) }
    }

    fn leaf(&mut self, node: &Node, hash: NodeHash) -> Result<(), TreeError> {
        self.summary.items += node.len() as u64;
        let first = node.key(0);
        if !node.is_empty() && self.last.as_ref().is_some_and(|last| *last >= first) {
            return Err(TreeError::damaged(hash, "begins before the leaf before it ends"));
        }
        self.last = Some(node.key(node.len().saturating_sub(1)));
        Ok(())
    }

    fn children(&mut self, node: &Node, hash: NodeHash, is_last: bool) -> Result<(), TreeError> {
        let children: Vec<Child> = node.children().collect();
        let level = node.level().saturating_sub(1);
        let nodes = load_children(self.source, level, &children)?;
        if nodes.len() != node.len() {
            return Err(TreeError::damaged(hash, "a child is not there"));
        }
        let mut reader = Reader::new(node.clone());
        let mut left = nodes.len();
        for (child, below) in children.iter().zip(&nodes) {
            reader.advance();
            left -= 1;
            self.node(below, child.node.hash, Some(reader.key()), is_last && left == 0)?;
        }
        Ok(())
    }
}
