//! A content-addressed ordered map of bytes: a search tree whose nodes end where the content says.
//!
//! The same map is the same tree, whatever edits led to it, so two maps are compared by their root
//! hashes, and what they share is stored and read once. Knows nothing of tables, refs or SQL and does
//! no I/O: nodes come from a [`NodeSource`] and new ones go to a [`NodeSink`].
//!
//! Invariants: the root hash is a function of the content; a node has one encoding, and other byte
//! strings are refused; nothing here fails but for the source, damaged nodes and wrong arguments.
//!
//! Start reading at `split` (where nodes end), `codec` (what they look like), `build` (what the tree
//! of a map is), then `edit` and `diff`.

mod build;
mod check;
mod codec;
mod cursor;
mod diff;
mod edit;
mod get;
mod merge;
mod node;
mod path;
mod source;
mod split;
mod types;
mod walk;

pub use build::build;
pub use check::{Summary, check};
pub use codec::Malformed;
pub use cursor::{Cursor, Range, RangeReverse, range, range_reverse};
pub use diff::{Diff, DiffItem, diff};
pub use edit::apply;
pub use get::{get, get_many, rank};
pub use merge::{Join, JoinItem, Merged, Resolution, join, merge};
pub use node::{ItemRef, Node, Payload, empty_node};
pub use source::{MemoryNodes, NodeSink, NodeSource};
pub use types::{Change, Edit, Item, NodeRef, TreeError, Value};
pub use walk::{Walk, walk};
