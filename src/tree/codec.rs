//! The canonical bytes of a node: the only place that knows them.
//!
//! ```text
//! magic "NTK", format version, level, number of items      6 bytes
//! item*        shared, rest length (varints), rest of key,
//!              in a leaf:       value length (varint), value
//!              in inner nodes:  items below (varint), hash of the child (32 bytes)
//! restart*     offset of items 16, 32, ... from the first item (u32, little-endian)
//! ```
//!
//! `shared` is the number of leading bytes that a key has in common with the key before it; it is 0
//! for every 16th item (a restart), where a search may begin, and maximal for all others. An item of an
//! inner node has the last key below its child as its key. Varints are LEB128 of least length.
//!
//! Invariant: one node has one encoding. [`validate`] refuses every byte string that [`Writer`] would
//! not have written, and no byte string makes anything here panic.

use bytes::Bytes;

use super::node::Payload;
use super::split::{ITEMS_MAX, ends_node};
use crate::base::hash::Digest;
use crate::base::ids::NodeHash;
use crate::base::limits::{TREE_KEY_BYTES_MAX, TREE_VALUE_BYTES_MAX};

const MAGIC: [u8; 4] = [b'N', b'T', b'K', 1];
const LEVEL_AT: usize = 4;
const COUNT_AT: usize = 5;
/// Where the first item starts.
pub(super) const ITEMS_AT: usize = 6;
/// A search may begin at every item whose number is a multiple of this.
pub(super) const RESTART_EVERY: usize = 16;
/// Nodes but the last of a level have at least four items, so 2^64 items need no more levels.
pub(super) const LEVEL_MAX: u8 = 40;
/// Three varints, a hash, a whole key, a value.
const ITEM_BYTES_MAX: usize = 16 + Digest::LEN + TREE_KEY_BYTES_MAX + TREE_VALUE_BYTES_MAX;
const NODE_BYTES_MAX: usize = ITEMS_AT + ITEMS_MAX * (ITEM_BYTES_MAX + 4);

/// Bytes that are not the canonical encoding of any node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a tree node: {0}")]
pub struct Malformed(pub(super) &'static str);

/// What the payload of an item is, by position.
#[derive(Clone, Copy, Debug)]
pub(super) enum RawPayload {
    /// A value between two offsets.
    Value(usize, usize),
    /// A child's items and where its hash starts.
    Child(u64, usize),
}

/// Where the parts of an item lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawItem {
    pub(super) shared: usize,
    pub(super) rest: (usize, usize),
    pub(super) payload: RawPayload,
    /// Where the next item starts.
    pub(super) next: usize,
}

impl RawItem {
    /// The part of the key that is written out.
    pub(super) fn rest<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.rest.0..self.rest.1).unwrap_or_default()
    }

    /// The payload, read in place.
    pub(super) fn payload<'a>(&self, bytes: &'a [u8]) -> Payload<'a> {
        match self.payload {
            RawPayload::Value(from, to) => Payload::Value(bytes.get(from..to).unwrap_or_default()),
            RawPayload::Child(count, at) => {
                Payload::Child { hash: hash_at(bytes, at).unwrap_or(ZERO), count }
            }
        }
    }
}

/// Stands for a hash that is not there; [`validate`] makes sure that this is never needed.
const ZERO: NodeHash = NodeHash::new(Digest::from_bytes([0; 32]));

fn hash_at(bytes: &[u8], at: usize) -> Option<NodeHash> {
    bytes.get(at..at.checked_add(Digest::LEN)?).and_then(NodeHash::from_slice)
}

/// The level that the header names.
pub(super) fn level_of(bytes: &[u8]) -> u8 {
    bytes.get(LEVEL_AT).copied().unwrap_or_default()
}

/// The number of items that the header names.
pub(super) fn count_of(bytes: &[u8]) -> usize {
    bytes.get(COUNT_AT).copied().map_or(0, usize::from)
}

/// Where the items of a block of [`RESTART_EVERY`] start.
pub(super) fn block_at(bytes: &[u8], block: usize) -> Option<usize> {
    if block == 0 {
        return Some(ITEMS_AT);
    }
    let restarts = restart_count(count_of(bytes));
    let at = bytes.len().checked_sub(4 * restarts.checked_sub(block - 1)?)?;
    let offset = u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?);
    ITEMS_AT.checked_add(usize::try_from(offset).ok()?)
}

/// Offsets at the end of a node with this many items.
const fn restart_count(count: usize) -> usize {
    count.saturating_sub(1) / RESTART_EVERY
}

/// Reads where the parts of the item at an offset lie. `None` if the bytes end before the item does or a
/// varint is not minimal.
pub(super) fn item_at(bytes: &[u8], at: usize, is_leaf: bool) -> Option<RawItem> {
    let (shared, at) = size_at(bytes, at)?;
    let (rest, at) = size_at(bytes, at)?;
    let rest = (at, at.checked_add(rest)?);
    if is_leaf {
        let (length, from) = size_at(bytes, rest.1)?;
        let next = from.checked_add(length)?;
        (next <= bytes.len()).then_some(())?;
        Some(RawItem { shared, rest, payload: RawPayload::Value(from, next), next })
    } else {
        let (count, from) = varint_at(bytes, rest.1)?;
        let next = from.checked_add(Digest::LEN)?;
        (next <= bytes.len()).then_some(())?;
        Some(RawItem { shared, rest, payload: RawPayload::Child(count, from), next })
    }
}

fn size_at(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = *bytes.get(at)?;
    if first < 0x80 {
        return Some((usize::from(first), at + 1));
    }
    let (value, at) = varint_at(bytes, at)?;
    Some((usize::try_from(value).ok()?, at))
}

fn varint_at(bytes: &[u8], mut at: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.get(at)?;
        at += 1;
        let part = u64::from(byte & 0x7f);
        // The tenth byte holds one bit.
        (shift < 63 || part <= 1).then_some(())?;
        value |= part << shift;
        if byte < 0x80 {
            // A last byte of zero adds nothing: the number has a shorter form.
            return (byte != 0 || shift == 0).then_some((value, at));
        }
    }
    None
}

fn varint_push(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

/// How many leading bytes two strings share.
pub(super) fn common_prefix(left: &[u8], right: &[u8]) -> usize {
    let words = left.chunks_exact(8).zip(right.chunks_exact(8)).take_while(|(a, b)| a == b).count();
    let from = words * 8;
    let tail = left.iter().zip(right).skip(from).take_while(|(a, b)| a == b).count();
    from + tail
}

/// Accepts exactly the canonical bytes of nodes; returns the number of items in the subtree.
pub(super) fn validate(bytes: &[u8]) -> Result<u64, Malformed> {
    if bytes.len() > NODE_BYTES_MAX {
        return Err(Malformed("too many bytes"));
    }
    if !bytes.starts_with(&MAGIC) {
        return Err(Malformed("unknown magic or format version"));
    }
    if bytes.len() < ITEMS_AT {
        return Err(Malformed("cut short"));
    }
    let (level, count) = (level_of(bytes), count_of(bytes));
    if level > LEVEL_MAX || count > ITEMS_MAX || (count == 0 && level > 0) {
        return Err(Malformed("impossible level or number of items"));
    }
    let (mut at, mut below, mut key) = (ITEMS_AT, 0_u64, Vec::new());
    for index in 0..count {
        let restart = index % RESTART_EVERY == 0;
        if restart && block_at(bytes, index / RESTART_EVERY) != Some(at) {
            return Err(Malformed("wrong restart offset"));
        }
        let item = item_at(bytes, at, level == 0).ok_or(Malformed("broken item"))?;
        let rest = item.rest(bytes);
        if item.shared.saturating_add(rest.len()) > TREE_KEY_BYTES_MAX {
            return Err(Malformed("key too long"));
        }
        if restart {
            if item.shared != 0 {
                return Err(Malformed("a restart shares bytes"));
            }
            if index > 0 && rest <= key.as_slice() {
                return Err(Malformed("keys out of order"));
            }
        } else {
            check_after(&key, item.shared, rest)?;
        }
        key.truncate(item.shared);
        key.extend_from_slice(rest);
        let items = match item.payload {
            RawPayload::Value(from, to) if to - from > TREE_VALUE_BYTES_MAX => {
                return Err(Malformed("value too long"));
            }
            RawPayload::Value(..) => 1,
            RawPayload::Child(0, _) => return Err(Malformed("child without items")),
            RawPayload::Child(items, _) => items,
        };
        below = below.checked_add(items).ok_or(Malformed("too many items below"))?;
        if index + 1 < count && ends_node(level, &key, index + 1) {
            return Err(Malformed("goes on after its end"));
        }
        at = item.next;
    }
    if at.checked_add(4 * restart_count(count)) != Some(bytes.len()) {
        return Err(Malformed("wrong length"));
    }
    Ok(below)
}

/// A key must be greater than the one before it and share all that it can.
fn check_after(before: &[u8], shared: usize, rest: &[u8]) -> Result<(), Malformed> {
    match (before.get(shared), rest.first()) {
        (None, Some(_)) if shared == before.len() => Ok(()),
        (Some(old), Some(new)) if old < new => Ok(()),
        (Some(old), Some(new)) if old == new => Err(Malformed("shares less than it could")),
        _ => Err(Malformed("keys out of order")),
    }
}

/// A finished node's bytes and what is known of them.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) canonical: Bytes,
    /// One for each item.
    pub(super) hints: Vec<u64>,
    pub(super) below: u64,
    /// The last key.
    pub(super) key: Bytes,
}

/// Writes the items of one node after the other. The caller ends nodes where the boundary rule says.
#[derive(Debug)]
pub(super) struct Writer {
    level: u8,
    bytes: Vec<u8>,
    restarts: Vec<u32>,
    hints: Vec<u64>,
    key: Vec<u8>,
    below: u64,
}

impl Writer {
    /// Starts a node of a level.
    pub(super) fn new(level: u8) -> Self {
        let (bytes, restarts, hints, key) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { level, bytes, restarts, hints, key, below: 0 }
    }

    /// Items since the node began.
    pub(super) const fn count(&self) -> usize {
        self.hints.len()
    }

    /// Adds an item. Its key is greater than the one before and, like its value, within the limits.
    pub(super) fn push(&mut self, key: &[u8], payload: Payload<'_>, hint: u64) {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(&MAGIC);
            self.bytes.extend_from_slice(&[self.level, 0]);
        }
        let shared = if self.count().is_multiple_of(RESTART_EVERY) {
            if self.count() > 0 {
                let offset = self.bytes.len() - ITEMS_AT;
                self.restarts.push(u32::try_from(offset).unwrap_or(u32::MAX));
            }
            0
        } else {
            common_prefix(&self.key, key)
        };
        let rest = key.get(shared..).unwrap_or_default();
        varint_push(&mut self.bytes, shared as u64);
        varint_push(&mut self.bytes, rest.len() as u64);
        self.bytes.extend_from_slice(rest);
        match payload {
            Payload::Value(value) => {
                varint_push(&mut self.bytes, value.len() as u64);
                self.bytes.extend_from_slice(value);
                self.below = self.below.saturating_add(1);
            }
            Payload::Child { hash, count } => {
                varint_push(&mut self.bytes, count);
                self.bytes.extend_from_slice(hash.as_bytes());
                self.below = self.below.saturating_add(count);
            }
        }
        self.key.truncate(shared);
        self.key.extend_from_slice(rest);
        self.hints.push(hint);
    }

    /// Ends the node and starts the next. Without items this is the empty leaf's encoding.
    pub(super) fn finish(&mut self) -> Written {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(&MAGIC);
            self.bytes.extend_from_slice(&[self.level, 0]);
        }
        for restart in self.restarts.drain(..) {
            self.bytes.extend_from_slice(&restart.to_le_bytes());
        }
        let count = u8::try_from(self.hints.len()).unwrap_or(u8::MAX);
        if let Some(at) = self.bytes.get_mut(COUNT_AT) {
            *at = count;
        }
        let written = Written {
            canonical: Bytes::copy_from_slice(&self.bytes),
            hints: self.hints.clone(),
            below: self.below,
            key: Bytes::copy_from_slice(&self.key),
        };
        self.bytes.clear();
        self.hints.clear();
        self.key.clear();
        self.below = 0;
        written
    }
}
