//! Three-way merge of maps.

use std::cmp::Ordering;
use std::fmt;
use std::iter::Peekable;

use bytes::Bytes;

use super::diff::{Diff, DiffItem, diff};
use super::source::NodeSource;
use super::types::{Change, Edit, NodeRef, TreeError, Value};

/// A key that one or both sides changed, with what it holds in all three maps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JoinItem {
    /// The key.
    pub key: Bytes,
    /// What it holds in the base.
    pub base: Option<Value>,
    /// What it holds on the left.
    pub left: Option<Value>,
    /// What it holds on the right.
    pub right: Option<Value>,
}

/// The keys that one or both of two maps changed since a third, ascending. See [`join`].
pub struct Join<'a> {
    left: Peekable<Diff<'a>>,
    right: Peekable<Diff<'a>>,
    failed: bool,
}

impl Iterator for Join<'_> {
    type Item = Result<JoinItem, TreeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let order = match (self.left.peek(), self.right.peek()) {
            (None, None) => return None,
            (Some(Err(_)), _) | (Some(_), None) => Ordering::Less,
            (_, Some(Err(_))) | (None, Some(_)) => Ordering::Greater,
            (Some(Ok(left)), Some(Ok(right))) => left.key.cmp(&right.key),
        };
        let left = if order.is_le() { self.left.next() } else { None };
        let right = if order.is_ge() { self.right.next() } else { None };
        let item = match (left.transpose(), right.transpose()) {
            (Ok(left), Ok(right)) => joined(left, right).map(Ok),
            (Err(error), _) | (_, Err(error)) => Some(Err(error)),
        };
        self.failed = matches!(item, Some(Err(_)));
        item
    }
}

/// Combines the changes of one key; what a side did not change it holds as the base does.
fn joined(left: Option<DiffItem>, right: Option<DiffItem>) -> Option<JoinItem> {
    match (left, right) {
        (Some(left), Some(right)) => {
            Some(JoinItem { key: left.key, base: left.left, left: left.right, right: right.right })
        }
        (Some(DiffItem { key, left: base, right: left }), None) => {
            Some(JoinItem { key, base: base.clone(), left, right: base })
        }
        (None, Some(DiffItem { key, left: base, right })) => {
            Some(JoinItem { key, base: base.clone(), left: base, right })
        }
        (None, None) => None,
    }
}

impl fmt::Debug for Join<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join").finish_non_exhaustive()
    }
}

/// Lists the keys that `left` or `right` changed since `base`, ascending. Reads as two [`diff`]s do;
/// ends after an error.
#[must_use]
pub fn join(source: &dyn NodeSource, base: NodeRef, left: NodeRef, right: NodeRef) -> Join<'_> {
    let (left, right) = (diff(source, base, left), diff(source, base, right));
    Join { left: left.peekable(), right: right.peekable(), failed: false }
}

/// What becomes of a key that both sides changed differently.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Resolution {
    /// The merged map holds this (or nothing) at the key.
    Take(Option<Value>),
    /// Nobody can say.
    Conflict,
}

/// The outcome of a merge.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Merged {
    /// What turns the left map into the merged one, but for the conflicts; for [`super::apply`].
    pub edits: Vec<Edit>,
    /// Keys without a resolution; they stay as they are on the left.
    pub conflicts: Vec<JoinItem>,
}

/// Merges what `left` and `right` changed since `base`.
///
/// A change made by one side, or by both alike, is taken. `resolve` decides, in the order of the keys,
/// where both sides changed a key differently, and is not called otherwise.
///
/// # Errors
/// What the source answers.
pub fn merge(
    source: &dyn NodeSource,
    base: NodeRef,
    left: NodeRef,
    right: NodeRef,
    resolve: &mut dyn FnMut(&JoinItem) -> Resolution,
) -> Result<Merged, TreeError> {
    let mut merged = Merged::default();
    for item in join(source, base, left, right) {
        let item = item?;
        let taken = if item.left == item.right || item.right == item.base {
            continue;
        } else if item.left == item.base {
            item.right
        } else {
            match resolve(&item) {
                Resolution::Take(value) if value == item.left => continue,
                Resolution::Take(value) => value,
                Resolution::Conflict => {
                    merged.conflicts.push(item);
                    continue;
                }
            }
        };
        let change = taken.map_or(Change::Remove, Change::Put);
        merged.edits.push(Edit { key: item.key, change });
    }
    Ok(merged)
}
