//! A node as a handle on its bytes: read in place, cheap to clone.
//!
//! Invariant: every [`Node`] was either written by this module's codec or accepted by it, so its bytes
//! are canonical. Whether they are the bytes that a hash names is for whoever loads them to check.
//!
//! The stored form is `1, width of a hint in bytes (0 to 8), length of the canonical bytes (u32,
//! little-endian), canonical bytes, hints`. The width is the least that holds the largest hint; width 0
//! means that no hint is known.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use bytes::{BufMut as _, Bytes, BytesMut};

use super::codec::{self, Malformed, RESTART_EVERY, RawItem, RawPayload, Writer, Written};
use super::types::{NodeRef, TreeError, Value};
use crate::base::hash::Digest;
use crate::base::ids::NodeHash;

const STORED_VERSION: u8 = 1;
const STORED_HEADER: usize = 6;

/// What an item holds besides its key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payload<'a> {
    /// In a leaf: the value's bytes.
    Value(&'a [u8]),
    /// In an inner node: a child, whose last key is the item's key.
    Child {
        /// The child node.
        hash: NodeHash,
        /// Items of the map below it.
        count: u64,
    },
}

/// An item as it stands in a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ItemRef<'a> {
    /// The key; in an inner node the last key below the child.
    pub key: Cow<'a, [u8]>,
    /// What it holds.
    pub payload: Payload<'a>,
    /// Where the child node or the value's object is stored; 0 = unknown.
    pub hint: u64,
}

impl ItemRef<'_> {
    /// The value's bytes, in a leaf.
    #[must_use]
    pub const fn value(&self) -> Option<&[u8]> {
        match self.payload {
            Payload::Value(value) => Some(value),
            Payload::Child { .. } => None,
        }
    }

    /// The child, in an inner node.
    #[must_use]
    pub const fn child(&self) -> Option<NodeRef> {
        match self.payload {
            Payload::Value(_) => None,
            Payload::Child { hash, .. } => Some(NodeRef { hash, hint: self.hint }),
        }
    }

    /// Items of the map that this item stands for: 1 in a leaf.
    #[must_use]
    pub const fn count(&self) -> u64 {
        match self.payload {
            Payload::Value(_) => 1,
            Payload::Child { count, .. } => count,
        }
    }
}

/// A child as its parent describes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Child {
    pub(super) node: NodeRef,
    pub(super) count: u64,
}

/// A node of a tree. Clones share the bytes.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

struct Inner {
    canonical: Bytes,
    hints: Bytes,
    hint_width: u8,
    below: u64,
    hash: OnceLock<NodeHash>,
}

impl Node {
    /// Reads a node without hints from its canonical bytes.
    ///
    /// # Errors
    /// Any byte string that is not the canonical encoding of a node.
    pub fn decode(canonical: Bytes) -> Result<Self, Malformed> {
        let below = codec::validate(&canonical)?;
        Ok(Self::assemble(canonical, Bytes::new(), 0, below))
    }

    /// Reads a node with hints from its stored form. The hash is calculated when it is first asked for.
    ///
    /// # Errors
    /// Any byte string that [`Node::to_stored`] would not have made.
    #[expect(clippy::needless_pass_by_value, reason = "the node keeps slices of these bytes")]
    pub fn from_stored(stored: Bytes) -> Result<Self, Malformed> {
        let &[STORED_VERSION, width, a, b, c, d] =
            stored.first_chunk::<STORED_HEADER>().ok_or(Malformed("stored form cut short"))?
        else {
            return Err(Malformed("unknown version of the stored form"));
        };
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        let end = length.checked_add(STORED_HEADER).filter(|end| *end <= stored.len());
        let end = end.ok_or(Malformed("stored form cut short"))?;
        let canonical = stored.slice(STORED_HEADER..end);
        let below = codec::validate(&canonical)?;
        let hints = stored.slice(end..);
        if width > 8 || hints.len() != usize::from(width) * codec::count_of(&canonical) {
            return Err(Malformed("wrong number of hints"));
        }
        let node = Self::assemble(canonical, hints, width, below);
        if width != hint_width((0..node.len()).map(|index| node.hint(index))) {
            return Err(Malformed("hints wider than they need be"));
        }
        Ok(node)
    }

    /// Reads a node from its stored form and checks that it is the one expected.
    ///
    /// # Errors
    /// `Damaged` if the bytes are no node or another one.
    pub fn from_stored_checked(stored: Bytes, expected: NodeHash) -> Result<Self, TreeError> {
        let node =
            Self::from_stored(stored).map_err(|error| TreeError::malformed(expected, error))?;
        if node.hash() != expected {
            return Err(TreeError::damaged(expected, "its bytes have another hash"));
        }
        Ok(node)
    }

    /// The stored form: canonical bytes and hints.
    #[must_use]
    pub fn to_stored(&self) -> Bytes {
        let (canonical, hints) = (&self.0.canonical, &self.0.hints);
        let mut out = BytesMut::with_capacity(STORED_HEADER + canonical.len() + hints.len());
        out.put_u8(STORED_VERSION);
        out.put_u8(self.0.hint_width);
        out.put_u32_le(u32::try_from(canonical.len()).unwrap_or(u32::MAX));
        out.put_slice(canonical);
        out.put_slice(hints);
        out.freeze()
    }

    /// The same node with other hints: what the function answers for each item.
    #[must_use]
    pub fn with_hints(&self, mut hint: impl FnMut(ItemRef<'_>) -> u64) -> Self {
        let mut hints = Vec::with_capacity(self.len());
        let mut reader = Reader::new(self.clone());
        while reader.advance() {
            let (key, payload) = (Cow::Borrowed(reader.key()), reader.payload());
            hints.push(hint(ItemRef { key, payload, hint: reader.hint() }));
        }
        let (hints, width) = pack_hints(&hints);
        let node = Self::assemble(self.0.canonical.clone(), hints, width, self.0.below);
        if let Some(hash) = self.0.hash.get() {
            node.0.hash.get_or_init(|| *hash);
        }
        node
    }

    fn assemble(canonical: Bytes, hints: Bytes, hint_width: u8, below: u64) -> Self {
        Self(Arc::new(Inner { canonical, hints, hint_width, below, hash: OnceLock::new() }))
    }

    /// A node that the codec wrote.
    fn written(written: &Written) -> Self {
        let (hints, width) = pack_hints(&written.hints);
        Self::assemble(written.canonical.clone(), hints, width, written.below)
    }

    /// Its name: the SHA-256 of its canonical bytes, calculated once.
    #[must_use]
    pub fn hash(&self) -> NodeHash {
        *self.0.hash.get_or_init(|| NodeHash::new(Digest::of(&self.0.canonical)))
    }

    /// The bytes that the hash covers.
    #[must_use]
    pub fn canonical(&self) -> &[u8] {
        &self.0.canonical
    }

    /// 0 for a leaf; one more than its children's for an inner node.
    #[must_use]
    pub fn level(&self) -> u8 {
        codec::level_of(&self.0.canonical)
    }

    /// Items in this node.
    #[must_use]
    pub fn len(&self) -> usize {
        codec::count_of(&self.0.canonical)
    }

    /// Whether this is the empty leaf, the tree of the empty map.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether its items are items of the map.
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        self.level() == 0
    }

    /// Items of the map in the tree below this node.
    #[must_use]
    pub fn subtree_count(&self) -> u64 {
        self.0.below
    }

    /// Bytes that it takes in memory.
    #[must_use]
    pub fn weight(&self) -> usize {
        size_of::<Inner>() + self.0.canonical.len() + self.0.hints.len()
    }

    /// The items in order.
    pub fn items(&self) -> impl Iterator<Item = ItemRef<'_>> {
        let bytes = self.canonical();
        let mut reader = Reader::new(self.clone());
        std::iter::from_fn(move || {
            reader.advance().then(|| {
                let raw = reader.raw();
                let key = match raw.shared {
                    0 => Cow::Borrowed(raw.rest(bytes)),
                    _ => Cow::Owned(reader.key().to_vec()),
                };
                ItemRef { key, payload: raw.payload(bytes), hint: reader.hint() }
            })
        })
    }

    /// The children in order; empty for leaves. Cheaper than [`Node::items`].
    pub fn child_refs(&self) -> impl Iterator<Item = NodeRef> + '_ {
        self.children().map(|child| child.node)
    }

    /// The hint of an item.
    pub(super) fn hint(&self, index: usize) -> u64 {
        let width = usize::from(self.0.hint_width);
        let bytes = self.0.hints.get(index * width..(index + 1) * width).unwrap_or_default();
        bytes.iter().rev().fold(0, |hint, byte| (hint << 8) | u64::from(*byte))
    }

    /// An item by number, with the length of the shared part of its key unresolved.
    pub(super) fn raw_item(&self, index: usize) -> Option<RawItem> {
        if index >= self.len() {
            return None;
        }
        let (bytes, is_leaf) = (self.canonical(), self.is_leaf());
        let mut at = codec::block_at(bytes, index / RESTART_EVERY)?;
        for _ in 0..index % RESTART_EVERY {
            at = codec::item_at(bytes, at, is_leaf)?.next;
        }
        codec::item_at(bytes, at, is_leaf)
    }

    /// The child at a position; `None` for leaves and positions beyond the end.
    pub(super) fn child(&self, index: usize) -> Option<Child> {
        let raw = self.raw_item(index)?;
        self.child_in(&raw, index)
    }

    /// The child that an item read before holds.
    pub(super) fn child_in(&self, raw: &RawItem, index: usize) -> Option<Child> {
        match raw.payload(self.canonical()) {
            Payload::Value(_) => None,
            Payload::Child { hash, count } => {
                Some(Child { node: NodeRef { hash, hint: self.hint(index) }, count })
            }
        }
    }

    /// All children in order; empty for leaves.
    pub(super) fn children(&self) -> impl Iterator<Item = Child> + '_ {
        let (bytes, inner) = (self.canonical(), !self.is_leaf());
        let mut at = codec::ITEMS_AT;
        (0..self.len()).map_while(move |index| {
            let raw = inner.then(|| codec::item_at(bytes, at, false)).flatten()?;
            at = raw.next;
            self.child_in(&raw, index)
        })
    }

    /// The value in an item read before.
    pub(super) fn value_in(&self, raw: &RawItem, index: usize) -> Option<Value> {
        match raw.payload {
            RawPayload::Value(from, to) => {
                Some(Value { bytes: self.0.canonical.slice(from..to), hint: self.hint(index) })
            }
            RawPayload::Child(..) => None,
        }
    }

    /// The key of an item; empty if there is none.
    pub(super) fn key(&self, index: usize) -> Vec<u8> {
        let mut reader = Reader::at_block(self.clone(), index / RESTART_EVERY);
        for _ in 0..=index % RESTART_EVERY {
            reader.advance();
        }
        reader.key
    }

    /// Finds the first item whose key is not below the one given.
    pub(super) fn lower_bound(&self, key: &[u8]) -> Found {
        let (bytes, is_leaf, count) = (self.canonical(), self.is_leaf(), self.len());
        let first_above = |block: usize| {
            codec::block_at(bytes, block)
                .and_then(|at| codec::item_at(bytes, at, is_leaf))
                .is_none_or(|item| item.rest(bytes) > key)
        };
        let (mut low, mut high) = (0, count.div_ceil(RESTART_EVERY));
        while low < high {
            let middle = low.midpoint(high);
            if first_above(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let block = low.saturating_sub(1);
        let mut index = block * RESTART_EVERY;
        let mut at = codec::block_at(bytes, block);
        // Bytes that the item before, which is below the key, has in common with the key. An item that
        // shares more with its predecessor is below the key too; one that shares less is above.
        let mut matched = 0;
        while index < count {
            let Some(item) = at.and_then(|at| codec::item_at(bytes, at, is_leaf)) else { break };
            let order = match item.shared.cmp(&matched) {
                Ordering::Greater => Ordering::Less,
                Ordering::Less => Ordering::Greater,
                Ordering::Equal => {
                    let (rest, wanted) = (item.rest(bytes), key.get(matched..).unwrap_or_default());
                    let common = codec::common_prefix(rest, wanted);
                    matched += common;
                    rest.get(common).cmp(&wanted.get(common))
                }
            };
            if order != Ordering::Less {
                return Found { index, item: Some(item), exact: order == Ordering::Equal };
            }
            index += 1;
            at = Some(item.next);
            if index.is_multiple_of(RESTART_EVERY) {
                // The search by blocks says that the next block starts above the key.
                matched = 0;
            }
        }
        Found { index: count, item: None, exact: false }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("hash", &self.hash())
            .field("level", &self.level())
            .field("len", &self.len())
            .field("subtree_count", &self.subtree_count())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Node {
    /// By content; hints do not count.
    fn eq(&self, other: &Self) -> bool {
        self.0.canonical == other.0.canonical
    }
}

impl Eq for Node {}

/// The node of the empty map.
#[must_use]
pub fn empty_node() -> Node {
    static EMPTY: LazyLock<Node> = LazyLock::new(|| Node::written(&Writer::new(0).finish()));
    EMPTY.clone()
}

/// Where a search ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    /// Number of the first item not below the key; the number of items if there is none.
    pub(super) index: usize,
    /// That item.
    pub(super) item: Option<RawItem>,
    /// Whether it has the key itself.
    pub(super) exact: bool,
}

/// Ends a node: its handle and its last key.
pub(super) fn finish(writer: &mut Writer) -> (Node, Bytes) {
    let written = writer.finish();
    (Node::written(&written), written.key)
}

fn hint_width(hints: impl Iterator<Item = u64>) -> u8 {
    let largest = hints.max().unwrap_or(0);
    let bits = u64::BITS - largest.leading_zeros();
    u8::try_from(bits.div_ceil(8)).unwrap_or(8)
}

fn pack_hints(hints: &[u64]) -> (Bytes, u8) {
    let width = hint_width(hints.iter().copied());
    let mut out = Vec::with_capacity(hints.len() * usize::from(width));
    for hint in hints {
        out.extend(hint.to_le_bytes().iter().take(usize::from(width)));
    }
    (Bytes::from(out), width)
}

/// Reads the items of a node one after the other with one buffer for the key.
#[derive(Debug)]
pub(super) struct Reader {
    node: Node,
    is_leaf: bool,
    /// Number of the item after the current one.
    next: usize,
    raw: RawItem,
    key: Vec<u8>,
}

impl Reader {
    /// Stands before the first item.
    pub(super) fn new(node: Node) -> Self {
        Self::at_block(node, 0)
    }

    /// Stands before the first item of a block of [`RESTART_EVERY`].
    pub(super) fn at_block(node: Node, block: usize) -> Self {
        let at = codec::block_at(node.canonical(), block).unwrap_or(usize::MAX);
        let raw =
            RawItem { shared: 0, rest: (at, at), payload: RawPayload::Value(at, at), next: at };
        let is_leaf = node.is_leaf();
        Self { node, is_leaf, next: block * RESTART_EVERY, raw, key: Vec::new() }
    }

    /// Moves to the next item; `false` if there is none, and then the last item stays.
    pub(super) fn advance(&mut self) -> bool {
        if self.next >= self.node.len() {
            return false;
        }
        let bytes = self.node.canonical();
        let Some(raw) = codec::item_at(bytes, self.raw.next, self.is_leaf) else { return false };
        self.key.truncate(raw.shared);
        self.key.extend_from_slice(raw.rest(bytes));
        self.raw = raw;
        self.next += 1;
        true
    }

    /// The node read.
    pub(super) const fn node(&self) -> &Node {
        &self.node
    }

    /// The current item's key.
    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    /// The current item's place.
    pub(super) const fn raw(&self) -> RawItem {
        self.raw
    }

    /// What the current item holds.
    pub(super) fn payload(&self) -> Payload<'_> {
        self.raw.payload(self.node.canonical())
    }

    /// The current item's hint.
    pub(super) fn hint(&self) -> u64 {
        self.node.hint(self.next.saturating_sub(1))
    }

    /// The current item's child, in an inner node.
    pub(super) fn child(&self) -> Option<Child> {
        self.node.child_in(&self.raw, self.next.saturating_sub(1))
    }

    /// The current item's value, in a leaf.
    pub(super) fn value(&self) -> Option<Value> {
        self.node.value_in(&self.raw, self.next.saturating_sub(1))
    }
}
