//! The way from the root to a node of some level, and steps along that level.

use std::collections::BTreeMap;
use std::ops::Range;

use super::node::{Child, Node};
use super::source::{NodeSource, load_children, load_root};
use super::types::{NodeRef, TreeError};
use crate::base::ids::NodeHash;

/// Reads nodes, and keeps those that were read ahead.
pub(super) struct Loader<'a> {
    source: &'a dyn NodeSource,
    /// By level.
    kept: BTreeMap<(u8, NodeHash), Node>,
}

impl<'a> Loader<'a> {
    /// Keeps nothing yet.
    pub(super) const fn new(source: &'a dyn NodeSource) -> Self {
        Self { source, kept: BTreeMap::new() }
    }

    /// Reads several children of one level at once, returns and keeps them.
    pub(super) fn keep(&mut self, level: u8, children: &[Child]) -> Result<Vec<Node>, TreeError> {
        let nodes = load_children(self.source, level, children)?;
        for (child, node) in children.iter().zip(&nodes) {
            self.kept.insert((level, child.node.hash), node.clone());
        }
        Ok(nodes)
    }

    /// Reads children of a node ahead, in place of those of their level that were kept before,
    /// unless the one that is needed now is kept.
    fn read_ahead(
        &mut self,
        parent: &Node,
        needed: usize,
        positions: Range<usize>,
    ) -> Result<(), TreeError> {
        let level = parent.level().saturating_sub(1);
        let needed = parent.child(needed);
        if needed.is_none_or(|child| self.kept.contains_key(&(level, child.node.hash))) {
            return Ok(());
        }
        let children: Vec<Child> =
            parent.children().take(positions.end).skip(positions.start).collect();
        self.kept.retain(|(kept, _), _| *kept != level);
        self.keep(level, &children)?;
        Ok(())
    }

    /// One child of a node of level `parent_level`.
    pub(super) fn child(&mut self, parent_level: u8, child: Child) -> Result<Node, TreeError> {
        let (level, hash) = (parent_level.saturating_sub(1), child.node.hash);
        if let Some(node) = self.kept.get(&(level, hash)) {
            return Ok(node.clone());
        }
        let nodes = load_children(self.source, level, &[child])?;
        nodes.into_iter().next().ok_or(TreeError::MissingNode { hash })
    }
}

/// Which way to step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    Forward,
    Backward,
}

/// How far to read ahead when a step enters another node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead<'a> {
    /// Siblings to read at once, the entered one included.
    pub(super) nodes: usize,
    /// Children wholly beyond this key are not read ahead.
    pub(super) stop: Option<&'a [u8]>,
}

impl Ahead<'_> {
    /// Reads nothing ahead.
    pub(super) const NONE: Self = Self { nodes: 1, stop: None };
}

#[derive(Debug)]
struct Frame {
    at: NodeRef,
    node: Node,
    /// The child that the next frame holds.
    index: usize,
}

/// Nodes from the root down to a node of one level.
#[derive(Debug)]
pub(super) struct Path {
    root: Frame,
    /// Below the root.
    below: Vec<Frame>,
}

impl Path {
    /// A path that is the root alone.
    pub(super) fn open(source: &dyn NodeSource, root: NodeRef) -> Result<Self, TreeError> {
        Ok(Self::at(root, load_root(source, root)?))
    }

    /// A path that is the root alone, which was read before.
    pub(super) const fn at(root: NodeRef, node: Node) -> Self {
        Self { root: Frame { at: root, node, index: 0 }, below: Vec::new() }
    }

    /// The root.
    pub(super) const fn root(&self) -> &Node {
        &self.root.node
    }

    fn frame(&self, depth: usize) -> &Frame {
        depth.checked_sub(1).and_then(|depth| self.below.get(depth)).unwrap_or(&self.root)
    }

    fn frame_mut(&mut self, depth: usize) -> &mut Frame {
        match depth.checked_sub(1).and_then(|depth| self.below.get_mut(depth)) {
            Some(frame) => frame,
            None => &mut self.root,
        }
    }

    /// The node at the end.
    pub(super) fn node(&self) -> &Node {
        &self.frame(self.below.len()).node
    }

    /// The name of the node at the end.
    pub(super) fn node_ref(&self) -> NodeRef {
        self.frame(self.below.len()).at
    }

    /// Whether the node at the end is the last of its level.
    pub(super) fn is_last(&self) -> bool {
        (0..self.below.len()).all(|depth| {
            let frame = self.frame(depth);
            frame.index + 1 == frame.node.len()
        })
    }

    /// Items of the map in front of the node at the end.
    pub(super) fn count_before(&self) -> u64 {
        let counts = (0..self.below.len()).map(|depth| {
            let frame = self.frame(depth);
            frame.node.children().take(frame.index).map(|child| child.count).sum::<u64>()
        });
        counts.sum()
    }

    /// Goes to the node of a level that holds a key or would hold it.
    pub(super) fn seek(
        &mut self,
        loader: &mut Loader<'_>,
        level: u8,
        key: &[u8],
    ) -> Result<(), TreeError> {
        self.descend(loader, level, &mut |node| {
            let found = node.lower_bound(key);
            match found.item {
                Some(raw) => (found.index, node.child_in(&raw, found.index)),
                None => last_child(node),
            }
        })
    }

    /// Goes to the leaf that holds the item of a rank, or the last one; returns the rank in that leaf.
    pub(super) fn seek_rank(
        &mut self,
        loader: &mut Loader<'_>,
        rank: u64,
    ) -> Result<u64, TreeError> {
        let mut left = rank;
        self.descend(loader, 0, &mut |node| {
            for (index, child) in node.children().enumerate() {
                if left < child.count || index + 1 == node.len() {
                    return (index, Some(child));
                }
                left -= child.count;
            }
            (0, None)
        })?;
        Ok(left)
    }

    /// Goes to the first or the last node of a level.
    pub(super) fn seek_end(
        &mut self,
        loader: &mut Loader<'_>,
        level: u8,
        direction: Direction,
    ) -> Result<(), TreeError> {
        self.descend(loader, level, &mut |node| first_in(node, direction))
    }

    /// Goes down to a level; nodes on the way that are there already stay. After an error nothing has
    /// moved.
    fn descend(
        &mut self,
        loader: &mut Loader<'_>,
        level: u8,
        choose: &mut dyn FnMut(&Node) -> (usize, Option<Child>),
    ) -> Result<(), TreeError> {
        for depth in 0..=self.below.len() {
            let frame = self.frame(depth);
            if frame.node.level() <= level {
                self.below.truncate(depth);
                return Ok(());
            }
            let (index, child) = choose(&frame.node);
            if depth == self.below.len() || frame.index != index {
                let tail = tail(loader, frame, child, level, choose)?;
                self.replace(depth, index, tail);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Goes on below a frame by another child.
    fn replace(&mut self, depth: usize, index: usize, tail: Vec<Frame>) {
        self.frame_mut(depth).index = index;
        self.below.truncate(depth);
        self.below.extend(tail);
    }

    /// The last key of the node at the end, as its parent says.
    pub(super) fn upper(&self) -> Option<Vec<u8>> {
        let parent = self.frame(self.below.len().checked_sub(1)?);
        Some(parent.node.key(parent.index))
    }

    /// Goes to the neighbour on the same level; `false` if there is none. Then, and after an error,
    /// nothing has moved.
    pub(super) fn step(
        &mut self,
        loader: &mut Loader<'_>,
        direction: Direction,
        ahead: Ahead<'_>,
    ) -> Result<bool, TreeError> {
        let level = self.node().level();
        for depth in (0..self.below.len()).rev() {
            let frame = self.frame(depth);
            let next = match direction {
                Direction::Forward => Some(frame.index + 1).filter(|next| *next < frame.node.len()),
                Direction::Backward => frame.index.checked_sub(1),
            };
            let Some(index) = next else { continue };
            if ahead.nodes > 1 {
                let node = frame.node.clone();
                match direction {
                    Direction::Forward => {
                        let stop =
                            ahead.stop.map_or(node.len(), |key| node.lower_bound(key).index + 1);
                        let end = stop.min(index + ahead.nodes).max(index + 1);
                        loader.read_ahead(&node, index, index..end)?;
                    }
                    Direction::Backward => {
                        let stop = ahead.stop.map_or(0, |key| node.lower_bound(key).index);
                        let start = stop.max((index + 1).saturating_sub(ahead.nodes)).min(index);
                        loader.read_ahead(&node, index, start..index + 1)?;
                    }
                }
            }
            let frame = self.frame(depth);
            let child = frame.node.child(index);
            // From the neighbouring branch down to the level along its near side.
            let choose = &mut |node: &Node| first_in(node, direction);
            let tail = tail(loader, frame, child, level, choose)?;
            self.replace(depth, index, tail);
            return Ok(true);
        }
        Ok(false)
    }
}

/// Reads a child of a frame and on below it down to a level.
fn tail(
    loader: &mut Loader<'_>,
    parent: &Frame,
    child: Option<Child>,
    level: u8,
    choose: &mut dyn FnMut(&Node) -> (usize, Option<Child>),
) -> Result<Vec<Frame>, TreeError> {
    let (mut at, mut above, mut child) = (parent.at, parent.node.level(), child);
    let mut frames = Vec::with_capacity(usize::from(above.saturating_sub(level)));
    loop {
        let known = child.ok_or_else(|| TreeError::damaged(at.hash, "a child is not there"))?;
        let node = loader.child(above, known)?;
        (at, above) = (known.node, node.level());
        if above <= level {
            frames.push(Frame { at, node, index: 0 });
            return Ok(frames);
        }
        let index;
        (index, child) = choose(&node);
        frames.push(Frame { at, node, index });
    }
}

/// The child that one meets first when coming from a side.
fn first_in(node: &Node, direction: Direction) -> (usize, Option<Child>) {
    match direction {
        Direction::Forward => (0, node.child(0)),
        Direction::Backward => last_child(node),
    }
}

fn last_child(node: &Node) -> (usize, Option<Child>) {
    let last = node.len().saturating_sub(1);
    (last, node.child(last))
}
