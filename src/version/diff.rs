//! What differs between two states, in words of the catalog: added, removed, changed, renamed.
//!
//! Reads only what differs. Knows content objects by their hash: what changed inside a table is for
//! layers above.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::content::{ContentKind, Entry, Object};
use super::error::VersionError;
use super::key;
use crate::base::ids::{CommitId, ContentId};
use crate::base::limits::DIFF_RENAMES_MAX;
use crate::tree::{self, NodeRef, NodeSource, Value};

/// Where the trees of commits, their nodes and the objects beside them come from.
pub trait TreeSource {
    /// The tree of a commit. All its nodes can be read through [`TreeSource::nodes`] from now on.
    ///
    /// # Errors
    /// `MissingCommit`, or what the store says.
    fn tree(&self, commit: CommitId) -> Result<NodeRef, VersionError>;

    /// The nodes of all these trees.
    fn nodes(&self) -> &dyn NodeSource;

    /// The object that an entry names; `hint` is that of the tree's value.
    ///
    /// # Errors
    /// `Damaged` if it is not there or has another hash, or what the store says.
    fn object(&self, entry: &Entry, hint: u64) -> Result<Arc<Object>, VersionError>;

    /// The keys that a commit changed against its first parent, if that is known without reading the
    /// trees; never wrong, but `None` where it is not known.
    ///
    /// # Errors
    /// What the store says.
    fn changed_keys(&self, commit: CommitId) -> Result<Option<Vec<Bytes>>, VersionError>;
}

/// Reads the entry behind a key.
///
/// # Errors
/// `Damaged` for a key of another scheme, `Codec` for a value that is no entry of this key.
pub fn decode(key: &[u8], value: &Value) -> Result<Entry, VersionError> {
    let parsed = key::parse(key).ok_or_else(|| {
        VersionError::Damaged(format!("'{}' is no key of a tree", key.escape_ascii()))
    })?;
    Entry::decode(parsed, &value.bytes)
        .map_err(|source| VersionError::Codec { what: "an entry of a tree", source })
}

/// An entry with the hint to where its object is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stored {
    /// The entry.
    pub entry: Entry,
    /// The hint of the tree's value; 0 = unknown.
    pub hint: u64,
}

/// How a content differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DifferenceKind {
    /// Only the right state has it.
    Added,
    /// Only the left state has it.
    Removed,
    /// Both have it at this path in different states. Also a content that was dropped and created
    /// again under the same name: the ids of the two sides differ then.
    Changed,
    /// Both have it, under different names; it may have changed, too.
    Renamed {
        /// Its path on the left.
        from: Vec<String>,
    },
}

/// One content that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The key it stands at on the right (on the left, if it was removed). Differences are ordered by it.
    pub key: Bytes,
    /// What happened.
    pub kind: DifferenceKind,
    /// The left state's entry.
    pub left: Option<Stored>,
    /// The right state's entry.
    pub right: Option<Stored>,
}

impl Difference {
    /// The entry that names it: the right one, or the left if it was removed.
    #[must_use]
    pub fn entry(&self) -> Option<&Entry> {
        self.right.as_ref().or(self.left.as_ref()).map(|stored| &stored.entry)
    }

    /// What it is.
    #[must_use]
    pub fn content_kind(&self) -> Option<ContentKind> {
        self.entry().map(|entry| entry.kind)
    }
}

/// Contents that stand under different keys in two states.
///
/// Telling a rename from a removal and an addition takes the whole set of changes, so it is found once
/// per pair of states and given to every page. It keeps the removed contents only, at most
/// [`DIFF_RENAMES_MAX`]; if more were removed, renames show as removed and added.
#[derive(Debug, Default)]
pub struct Renames {
    /// Left states of renamed contents.
    from: HashMap<ContentId, Stored>,
    complete: bool,
}

impl Renames {
    /// Finds the renamed contents; reads the differences twice, or once if nothing was removed.
    ///
    /// # Errors
    /// What reading the trees says.
    pub fn find(
        nodes: &dyn NodeSource,
        left: NodeRef,
        right: NodeRef,
    ) -> Result<Self, VersionError> {
        let mut removed: HashMap<ContentId, Stored> = HashMap::new();
        for item in tree::diff(nodes, left, right) {
            let item = item?;
            let (before, after) = pair(&item)?;
            let Some(before) = before else { continue };
            if after.is_some_and(|after| after.entry.id == before.entry.id) {
                continue;
            }
            if removed.len() >= DIFF_RENAMES_MAX {
                return Ok(Self { from: HashMap::new(), complete: false });
            }
            removed.insert(before.entry.id, before);
        }
        let mut from = HashMap::new();
        if removed.is_empty() {
            return Ok(Self { from, complete: true });
        }
        for item in tree::diff(nodes, left, right) {
            let (before, after) = pair(&item?)?;
            let Some(after) = after else { continue };
            if before.is_some_and(|before| before.entry.id == after.entry.id) {
                continue;
            }
            if let Some(stored) = removed.remove(&after.entry.id) {
                from.insert(after.entry.id, stored);
            }
        }
        Ok(Self { from, complete: true })
    }

    /// Whether every rename was found.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }
}

fn pair(item: &tree::DiffItem) -> Result<(Option<Stored>, Option<Stored>), VersionError> {
    let read = |value: &Option<Value>| -> Result<Option<Stored>, VersionError> {
        let Some(value) = value else { return Ok(None) };
        Ok(Some(Stored { entry: decode(&item.key, value)?, hint: value.hint }))
    };
    Ok((read(&item.left)?, read(&item.right)?))
}

/// Lists differences in the order of their keys, those behind `after` only.
///
/// At least `limit` if there are that many: one more if the last key has two (a content was removed and
/// a renamed one took its name), so that the last item's key is always where the next page starts.
///
/// # Errors
/// What reading the trees says.
pub fn differences(
    nodes: &dyn NodeSource,
    left: NodeRef,
    right: NodeRef,
    renames: &Renames,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Difference>, VersionError> {
    let mut found = Vec::new();
    for item in tree::diff(nodes, left, right) {
        let item = item?;
        if after.is_some_and(|after| item.key.as_ref() <= after) {
            continue;
        }
        let (before, after) = pair(&item)?;
        describe(item.key, before, after, renames, &mut found);
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

/// The one or two differences of a key.
fn describe(
    key: Bytes,
    left: Option<Stored>,
    right: Option<Stored>,
    renames: &Renames,
    found: &mut Vec<Difference>,
) {
    if let (Some(before), Some(after)) = (&left, &right)
        && before.entry.id == after.entry.id
    {
        let kind = if before.entry.path == after.entry.path {
            DifferenceKind::Changed
        } else {
            DifferenceKind::Renamed { from: before.entry.path.clone() }
        };
        found.push(Difference { key, kind, left, right });
        return;
    }
    let removed = left.filter(|left| !renames.from.contains_key(&left.entry.id));
    let came_from = right.as_ref().and_then(|right| renames.from.get(&right.entry.id)).cloned();
    match (removed, right, came_from) {
        (Some(before), Some(after), None) if before.entry.kind == after.entry.kind => {
            let kind = DifferenceKind::Changed;
            found.push(Difference { key, kind, left: Some(before), right: Some(after) });
        }
        (removed, right, came_from) => {
            if let Some(before) = removed {
                let key = key.clone();
                let kind = DifferenceKind::Removed;
                found.push(Difference { key, kind, left: Some(before), right: None });
            }
            if let Some(after) = right {
                let kind = match &came_from {
                    Some(before) => DifferenceKind::Renamed { from: before.entry.path.clone() },
                    None => DifferenceKind::Added,
                };
                found.push(Difference { key, kind, left: came_from, right: Some(after) });
            }
        }
    }
}
