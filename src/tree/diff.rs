//! Compares two maps, reading only nodes that one of their trees has and the other has not.
//!
//! Both trees are read in step, level by level. The items of one level of both are joined by key;
//! those with the same key and the same payload are dropped, whatever lies below them. What is left are
//! the nodes to read for the level below, and at the bottom the keys that differ. Since a node that
//! both trees have stands on the same level of both, below nodes that are in one of them only, no
//! shared node is ever read (but for the levels that the higher tree has more).

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;

use super::node::{Child, Node, Reader};
use super::source::{NodeSource, load_children, load_root};
use super::types::{NodeRef, TreeError, Value};

/// Nodes of one side of one level that are read at once.
const BATCH_MAX: usize = 64;
const BATCH_FIRST: usize = 4;

/// A key that holds different values in two maps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiffItem {
    /// The key.
    pub key: Bytes,
    /// What it holds in the left map.
    pub left: Option<Value>,
    /// What it holds in the right map.
    pub right: Option<Value>,
}

/// The keys in which two maps differ, ascending. See [`diff`].
pub struct Diff<'a> {
    source: &'a dyn NodeSource,
    state: State,
}

enum State {
    Waiting(NodeRef, NodeRef),
    /// One layer for each level of the higher tree, leaves first.
    Running(Vec<Layer>),
    Done,
}

/// One side of one level: the nodes that are to be joined with those of the other side.
#[derive(Default)]
struct Side {
    /// Known not to be in the other tree, not read yet.
    waiting: VecDeque<Child>,
    /// Read, not begun.
    loaded: VecDeque<Node>,
    /// Stands at the next item to be joined.
    reader: Option<Reader>,
}

/// One level of both trees.
struct Layer {
    left: Side,
    right: Side,
    /// Nodes that the next read takes from a side at most.
    batch: usize,
    /// Joined to the end.
    ended: bool,
}

/// What a look at the next items of a level found.
enum Step {
    /// An item with its key and payload on both sides.
    Same,
    /// Something that differs: on the left, the right or both.
    Differs(bool, bool),
    /// A side has no item at hand.
    NeedsNodes,
    /// Both sides are read to the end.
    End,
}

impl Side {
    /// Makes the next item available; `false` if that takes nodes from elsewhere.
    fn ready(&mut self) -> bool {
        while self.reader.is_none() {
            let Some(node) = self.loaded.pop_front() else { return false };
            self.reader = Some(Reader::new(node));
            self.advance();
        }
        true
    }

    fn advance(&mut self) {
        if self.reader.as_mut().is_some_and(|reader| !reader.advance()) {
            self.reader = None;
        }
    }

    /// Whether there is neither an item nor a node.
    fn is_drained(&mut self) -> bool {
        !self.ready() && self.waiting.is_empty()
    }
}

impl Layer {
    /// Looks at the next items; `above_done`: no more nodes will come.
    fn look(&mut self, above_done: bool) -> Step {
        let ended = |side: &mut Side| above_done && side.is_drained();
        let (left_ended, right_ended) = (ended(&mut self.left), ended(&mut self.right));
        if left_ended && right_ended {
            return Step::End;
        }
        let (left, right) = (self.left.ready(), self.right.ready());
        if !(left || left_ended) || !(right || right_ended) {
            return Step::NeedsNodes;
        }
        match (&self.left.reader, &self.right.reader) {
            (Some(left), Some(right)) => match left.key().cmp(right.key()) {
                Ordering::Less => Step::Differs(true, false),
                Ordering::Greater => Step::Differs(false, true),
                Ordering::Equal if left.payload() == right.payload() => Step::Same,
                Ordering::Equal => Step::Differs(true, true),
            },
            (left, right) => Step::Differs(left.is_some(), right.is_some()),
        }
    }

    /// The key at hand with its values, on the bottom level.
    fn item(&self, left: bool, right: bool) -> Option<DiffItem> {
        let left = self.left.reader.as_ref().filter(|_| left);
        let right = self.right.reader.as_ref().filter(|_| right);
        let key = Bytes::copy_from_slice(left.or(right)?.key());
        Some(DiffItem {
            key,
            left: left.and_then(Reader::value),
            right: right.and_then(Reader::value),
        })
    }

    fn advance(&mut self, left: bool, right: bool) {
        if left {
            self.left.advance();
        }
        if right {
            self.right.advance();
        }
    }

    /// Whether each side has an item or a node at hand, and enough nodes wait to be worth a read.
    fn is_supplied(&mut self) -> bool {
        let waiting = self.left.waiting.len().max(self.right.waiting.len());
        waiting >= self.batch && !self.left.is_drained() && !self.right.is_drained()
    }

    /// Reads the next nodes of both sides.
    fn load(&mut self, source: &dyn NodeSource, level: u8) -> Result<(), TreeError> {
        let take = |side: &mut Side| -> Vec<Child> {
            // A side far ahead of the other waits.
            let count = if side.ready() { 0 } else { self.batch.min(side.waiting.len()) };
            side.waiting.drain(..count).collect()
        };
        let mut children = take(&mut self.left);
        let from_left = children.len();
        children.extend(take(&mut self.right));
        self.batch = (self.batch * 2).min(BATCH_MAX);
        let mut nodes = load_children(source, level, &children)?.into_iter();
        self.left.loaded.extend(nodes.by_ref().take(from_left));
        self.right.loaded.extend(nodes);
        Ok(())
    }
}

/// The layers of two trees, with their roots read.
fn start(source: &dyn NodeSource, left: NodeRef, right: NodeRef) -> Result<Vec<Layer>, TreeError> {
    let (left, right) = (load_root(source, left)?, load_root(source, right)?);
    let height = usize::from(left.level().max(right.level())) + 1;
    let mut layers = Vec::with_capacity(height);
    layers.resize_with(height, || Layer {
        left: Side::default(),
        right: Side::default(),
        batch: BATCH_FIRST,
        ended: false,
    });
    if let Some(layer) = layers.get_mut(usize::from(left.level())) {
        layer.left.loaded.push_back(left);
    }
    if let Some(layer) = layers.get_mut(usize::from(right.level())) {
        layer.right.loaded.push_back(right);
    }
    Ok(layers)
}

/// Joins on to the next key that differs.
fn advance(source: &dyn NodeSource, layers: &mut [Layer]) -> Result<Option<DiffItem>, TreeError> {
    let mut level = 0;
    loop {
        let above_done = layers.get(level + 1).is_none_or(|above| above.ended);
        let (below, rest) = layers.split_at_mut(level);
        let Some(layer) = rest.first_mut() else { return Ok(None) };
        match layer.look(above_done) {
            Step::Same => layer.advance(true, true),
            Step::Differs(left, right) => {
                let Some(below) = below.last_mut() else {
                    let item = layer.item(left, right);
                    layer.advance(left, right);
                    return Ok(item);
                };
                let child = |side: &Side| side.reader.as_ref().and_then(Reader::child);
                below.left.waiting.extend(child(&layer.left).filter(|_| left));
                below.right.waiting.extend(child(&layer.right).filter(|_| right));
                layer.advance(left, right);
                if below.is_supplied() {
                    level -= 1;
                }
            }
            Step::NeedsNodes if above_done || layer.is_supplied() => {
                layer.load(source, u8::try_from(level).unwrap_or(u8::MAX))?;
            }
            Step::NeedsNodes => level += 1,
            Step::End => {
                layer.ended = true;
                match level.checked_sub(1) {
                    Some(below) => level = below,
                    None => return Ok(None),
                }
            }
        }
    }
}

impl Iterator for Diff<'_> {
    type Item = Result<DiffItem, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let State::Waiting(left, right) = self.state {
            if left.hash == right.hash {
                self.state = State::Done;
                return None;
            }
            match start(self.source, left, right) {
                Ok(layers) => self.state = State::Running(layers),
                Err(error) => {
                    self.state = State::Done;
                    return Some(Err(error));
                }
            }
        }
        let State::Running(layers) = &mut self.state else { return None };
        let item = advance(self.source, layers);
        if !matches!(item, Ok(Some(_))) {
            self.state = State::Done;
        }
        item.transpose()
    }
}

impl fmt::Debug for Diff<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Diff").finish_non_exhaustive()
    }
}

/// Compares two maps: the keys that hold different values, ascending. Reads as it goes, only nodes that
/// one tree has and the other has not (nothing at all for equal roots); ends after an error.
#[must_use]
pub fn diff(source: &dyn NodeSource, left: NodeRef, right: NodeRef) -> Diff<'_> {
    Diff { source, state: State::Waiting(left, right) }
}
