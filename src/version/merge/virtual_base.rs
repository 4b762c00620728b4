//! One base out of several, for criss-cross histories.
//!
//! The best common ancestors are merged with each other, on the base of their own best common
//! ancestors and so on. Where they conflict the virtual base holds a mark that equals nothing: sides
//! that agree there are fine, sides that differ are in conflict.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::content::Objects;
use super::plan::Plan;
use super::touched::{CONFLICTED, Changes, State};
use super::{NoContentMerge, TreeSource};
use crate::base::ids::CommitId;
use crate::base::limits::MERGE_BASE_DEPTH_MAX;
use crate::tree::{
    self, Change, Edit, MemoryNodes, Node, NodeRef, NodeSource, TreeError, Value, empty_node,
};
use crate::version::conflict::Strategy;
use crate::version::error::VersionError;
use crate::version::graph::{CommitSource, merge_bases_of};

/// Stored nodes with those of virtual bases over them.
pub(super) struct Overlay<'a> {
    stored: &'a dyn NodeSource,
    made: MemoryNodes,
}

impl<'a> Overlay<'a> {
    pub(super) fn new(stored: &'a dyn NodeSource) -> Self {
        Self { stored, made: MemoryNodes::new() }
    }
}

impl NodeSource for Overlay<'_> {
    fn load(&self, nodes: &[NodeRef]) -> Result<Vec<Node>, TreeError> {
        if self.made.is_empty() {
            return self.stored.load(nodes);
        }
        let made: Vec<Option<Node>> = nodes.iter().map(|node| self.made.get(&node.hash)).collect();
        let missing: Vec<NodeRef> = nodes
            .iter()
            .zip(&made)
            .filter(|(_, made)| made.is_none())
            .map(|(node, _)| *node)
            .collect();
        let mut stored = self.stored.load(&missing)?.into_iter();
        let nodes: Vec<Node> =
            made.into_iter().filter_map(|made| made.or_else(|| stored.next())).collect();
        Ok(nodes)
    }
}

/// Makes virtual bases.
pub(super) struct Bases<'a> {
    pub(super) commits: &'a dyn CommitSource,
    pub(super) trees: &'a dyn TreeSource,
    pub(super) overlay: &'a Overlay<'a>,
    pub(super) objects: &'a Objects<'a>,
    /// Made before: the same ancestors come up again and again below.
    made: BTreeMap<Vec<CommitId>, NodeRef>,
}

impl<'a> Bases<'a> {
    pub(super) const fn new(
        commits: &'a dyn CommitSource,
        trees: &'a dyn TreeSource,
        overlay: &'a Overlay<'a>,
        objects: &'a Objects<'a>,
    ) -> Self {
        Self { commits, trees, overlay, objects, made: BTreeMap::new() }
    }

    /// The tree to merge on: empty for unrelated histories, the one base's, or a virtual one.
    pub(super) fn tree(
        &mut self,
        bases: &[CommitId],
        depth: usize,
    ) -> Result<NodeRef, VersionError> {
        let Some((&first, others)) = bases.split_first() else {
            return Ok(NodeRef { hash: empty_node().hash(), hint: 0 });
        };
        if others.is_empty() {
            return self.trees.tree(first);
        }
        if let Some(&made) = self.made.get(bases) {
            return Ok(made);
        }
        let mut merged = self.trees.tree(first)?;
        let mut heads = vec![first];
        for &next in others {
            let theirs = self.trees.tree(next)?;
            let edits = if depth < MERGE_BASE_DEPTH_MAX {
                let below = merge_bases_of(self.commits, &heads, &[next])?;
                let base = self.tree(&below, depth + 1)?;
                self.merge(base, merged, theirs)?
            } else {
                self.mark_all(merged, theirs)?
            };
            merged = tree::apply(self.overlay, merged, &edits, &mut &self.overlay.made)?;
            heads.push(next);
        }
        self.made.insert(bases.to_vec(), merged);
        Ok(merged)
    }

    /// The edits on `ours` that make the merge of both, with marks where they conflict.
    fn merge(
        &self,
        base: NodeRef,
        ours: NodeRef,
        theirs: NodeRef,
    ) -> Result<Vec<Edit>, VersionError> {
        let changes = Changes::collect(self.overlay, base, ours, theirs)?;
        let plan = Plan::make(&changes, self.objects, &NoContentMerge, Strategy::Fail, &[])?;
        let marked: BTreeSet<&Bytes> = plan.open.values().flat_map(|open| &open.keys).collect();
        let mut edits = Vec::new();
        for (key, touched) in &changes.keys {
            let change = if touched.side_conflicted || marked.contains(key) {
                conflicted()
            } else {
                match plan.placed.get(key) {
                    Some(state) if touched.ours.as_ref() == Some(state) => continue,
                    Some(state) => Change::Put(value(state)),
                    None if touched.ours.is_none() => continue,
                    None => Change::Remove,
                }
            };
            edits.push(Edit { key: key.clone(), change });
        }
        Ok(edits)
    }

    /// Beyond the limit of depth: whatever differs is in conflict.
    fn mark_all(&self, ours: NodeRef, theirs: NodeRef) -> Result<Vec<Edit>, VersionError> {
        tree::diff(self.overlay, ours, theirs)
            .map(|item| Ok(Edit { key: item?.key, change: conflicted() }))
            .collect()
    }
}

fn conflicted() -> Change {
    Change::Put(Value { bytes: Bytes::from_static(CONFLICTED), hint: 0 })
}

fn value(state: &State) -> Value {
    Value { bytes: state.entry.encode().into(), hint: state.hint }
}
