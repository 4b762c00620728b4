//! Visits the nodes of a tree: what is reachable from a root.

use super::node::{Child, Node};
use super::source::{NodeSource, load_children, load_root};
use super::types::{NodeRef, TreeError};

/// Nodes read at once.
const BATCH: usize = 64;

/// Whether to go on below a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Walk {
    /// Visit its children.
    Descend,
    /// Leave its children out.
    Skip,
}

/// Visits nodes, parents before children, in no other order. A node that is read is visited; children
/// of a node for which the visitor said [`Walk::Skip`] are not read.
///
/// One tree holds no node twice, so each node is visited once per call.
///
/// # Errors
/// What the source answers.
pub fn walk(
    source: &dyn NodeSource,
    root: NodeRef,
    visit: &mut dyn FnMut(&Node) -> Walk,
) -> Result<(), TreeError> {
    let top = load_root(source, root)?;
    // Children to visit, per level: the lowest level first, so that little waits at a time.
    let mut waiting: Vec<Vec<Child>> = vec![Vec::new(); usize::from(top.level())];
    let mut nodes = vec![top];
    loop {
        for node in &nodes {
            if visit(node) == Walk::Descend && !node.is_leaf() {
                let level = usize::from(node.level()).saturating_sub(1);
                if let Some(level) = waiting.get_mut(level) {
                    level.extend(node.children());
                }
            }
        }
        let lowest = waiting.iter_mut().enumerate().find(|(_, children)| !children.is_empty());
        let Some((level, children)) = lowest else { return Ok(()) };
        let batch = children.split_off(children.len().saturating_sub(BATCH));
        nodes = load_children(source, u8::try_from(level).unwrap_or(u8::MAX), &batch)?;
    }
}
