//! The values that go in and out of a tree, and its error.

use bytes::Bytes;

use super::codec::Malformed;
use crate::base::ids::NodeHash;

/// Names a node, with a hint about where it is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodeRef {
    /// What it is.
    pub hash: NodeHash,
    /// Where it is stored, in the words of whoever stored it; 0 = unknown. Not part of any hash.
    pub hint: u64,
}

/// What a key holds.
///
/// Two values are equal if their bytes are; the hint does not count.
#[derive(Clone, Debug)]
pub struct Value {
    /// The bytes, at most `TREE_VALUE_BYTES_MAX`.
    pub bytes: Bytes,
    /// Where the object that the bytes speak of is stored; 0 = unknown. Not part of any hash.
    pub hint: u64,
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Value {}

/// A key with its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The key, at most `TREE_KEY_BYTES_MAX` bytes; ordered as unsigned bytes.
    pub key: Bytes,
    /// What it holds.
    pub value: Value,
}

/// What becomes of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// It holds this from now on.
    Put(Value),
    /// It is gone from now on.
    Remove,
}

/// A change of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// The key.
    pub key: Bytes,
    /// What becomes of it.
    pub change: Change,
}

/// Why a tree could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The source has no such node.
    #[error("tree node {hash} is missing")]
    MissingNode {
        /// The node.
        hash: NodeHash,
    },
    /// A node is not what its place in the tree says.
    #[error("tree node {hash} is damaged: {why}")]
    Damaged {
        /// The node.
        hash: NodeHash,
        /// What is wrong with it.
        why: String,
    },
    /// Keys given to the tree were not in strictly ascending order.
    #[error("keys are not sorted and distinct")]
    Unsorted,
    /// A key, a value or a tree was beyond the format's limits.
    #[error("{what} of {size} is beyond the limit of {max}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// How large it may be.
        max: usize,
    },
    /// The source failed.
    #[error("tree nodes could not be read: {0}")]
    Source(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl TreeError {
    /// A node that does not keep the format.
    pub(super) fn damaged(hash: NodeHash, why: impl Into<String>) -> Self {
        Self::Damaged { hash, why: why.into() }
    }

    /// Bytes that are no node.
    pub(super) fn malformed(hash: NodeHash, malformed: Malformed) -> Self {
        Self::damaged(hash, malformed.0)
    }
}
