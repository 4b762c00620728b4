//! One state of a warehouse: what a commit, or a group of commits in the making, holds.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::content::{Entry, Object};
use super::error::VersionError;
use super::key::{self, KeyKind};
use super::repository::{Layered, Overlay, Repository};
use crate::base::ids::ContentId;
use crate::base::name::{ContentPath, DEFAULT_NAMESPACE, NamespacePath, fold};
use crate::tree::{self, NodeRef, Value};

/// A state that can be read. Cheap to clone; never changes.
#[derive(Clone, Debug)]
pub struct Snapshot {
    repository: Arc<Repository>,
    overlay: Option<Arc<Overlay>>,
    root: NodeRef,
}

/// An entry with its key and the place of its object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The tree's key.
    pub key: Bytes,
    /// The entry.
    pub entry: Entry,
    /// Where its object is stored.
    pub hint: u64,
}

impl Snapshot {
    pub(super) const fn new(
        repository: Arc<Repository>,
        overlay: Option<Arc<Overlay>>,
        root: NodeRef,
    ) -> Self {
        Self { repository, overlay, root }
    }

    pub(super) const fn overlay(&self) -> Option<&Arc<Overlay>> {
        self.overlay.as_ref()
    }

    /// The root of its tree.
    #[must_use]
    pub const fn root(&self) -> NodeRef {
        self.root
    }

    /// What its nodes are read from.
    #[must_use]
    pub fn nodes(&self) -> Layered<'_> {
        Layered {
            overlay: self.overlay.as_deref().map(|overlay| &overlay.nodes),
            below: &*self.repository,
        }
    }

    /// What stands behind a key.
    ///
    /// # Errors
    /// `Tree`, `Store` or `Codec`.
    pub fn at_key(&self, key: Bytes) -> Result<Option<Found>, VersionError> {
        let value = tree::get(&self.nodes(), self.root, &key)?;
        value.map(|value| read_entry(key, &value)).transpose()
    }

    /// A table, view or artifact whose name is spelled exactly so.
    ///
    /// # Errors
    /// `Tree`, `Store` or `Codec`.
    pub fn content(&self, path: &ContentPath) -> Result<Option<Found>, VersionError> {
        Ok(self.content_folded(path)?.filter(|found| same_path(found, path)))
    }

    /// A table, view or artifact whose name is equal up to case.
    ///
    /// # Errors
    /// As [`Snapshot::content`].
    pub fn content_folded(&self, path: &ContentPath) -> Result<Option<Found>, VersionError> {
        self.at_key(key::content(path).into())
    }

    /// A namespace that is stored and spelled exactly so. `default` exists without being stored.
    ///
    /// # Errors
    /// As [`Snapshot::content`].
    pub fn namespace(&self, path: &NamespacePath) -> Result<Option<Found>, VersionError> {
        let found = self.namespace_folded(path)?;
        Ok(found.filter(|found| found.entry.path == path.levels()))
    }

    /// A namespace that is stored and equal up to case.
    ///
    /// # Errors
    /// As [`Snapshot::content`].
    pub fn namespace_folded(&self, path: &NamespacePath) -> Result<Option<Found>, VersionError> {
        key::namespace(path).map_or(Ok(None), |key| self.at_key(key.into()))
    }

    /// Whether content may be put into this namespace: it is stored, or it is `default`.
    ///
    /// # Errors
    /// As [`Snapshot::content`].
    pub fn namespace_exists(&self, path: &NamespacePath) -> Result<bool, VersionError> {
        Ok(is_default(path) || self.namespace(path)?.is_some())
    }

    /// The object of something found here.
    ///
    /// # Errors
    /// `Damaged` if it cannot be read.
    pub fn object(&self, found: &Found) -> Result<Arc<Object>, VersionError> {
        if let Some(overlay) = &self.overlay
            && let Some(known) = overlay.objects.lock().get(&found.entry.object)
        {
            return Ok(Arc::clone(known));
        }
        self.repository.object(found.entry.object, found.hint)
    }

    /// Tables, views and artifacts directly in a namespace, in key order, after a key.
    ///
    /// # Errors
    /// As [`Snapshot::content`].
    pub fn contents(
        &self,
        namespace: &NamespacePath,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Found>, VersionError> {
        self.scan(&key::children(namespace, KeyKind::Content), after, limit)
    }

    /// Namespaces directly in a namespace, in key order, after a key.
    ///
    /// # Errors
    /// As [`Snapshot::content`].
    pub fn namespaces(
        &self,
        parent: &NamespacePath,
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Found>, VersionError> {
        self.scan(&key::children(parent, KeyKind::Namespace), after, limit)
    }

    /// Entries whose keys start with `prefix` (every entry for an empty one), after a key.
    ///
    /// # Errors
    /// As [`Snapshot::content`].
    pub fn scan(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Found>, VersionError> {
        let end = key::prefix_end(prefix);
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            Some(_) | None => Bound::Included(prefix),
        };
        let end = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        if let (Bound::Excluded(start), Bound::Excluded(end)) = (start, end)
            && start >= end
        {
            return Ok(Vec::new());
        }
        let nodes = self.nodes();
        tree::range(&nodes, self.root, start, end)
            .take(limit)
            .map(|item| {
                let item = item?;
                read_entry(item.key, &item.value)
            })
            .collect()
    }

    /// The contents that stand at names where another state of the same warehouse differs, on either
    /// side. Cost grows with what differs.
    ///
    /// # Errors
    /// As [`Snapshot::content`].
    pub fn changed_contents(&self, other: &Self) -> Result<BTreeSet<ContentId>, VersionError> {
        let below = other.nodes();
        let overlay = self.overlay.as_deref().map(|overlay| &overlay.nodes);
        let nodes = Layered { overlay, below: &below };
        let mut changed = BTreeSet::new();
        for item in tree::diff(&nodes, other.root, self.root) {
            let item = item?;
            for value in [&item.left, &item.right].into_iter().flatten() {
                changed.insert(read_entry(item.key.clone(), value)?.entry.id);
            }
        }
        Ok(changed)
    }

    /// Whether a namespace holds nothing.
    ///
    /// # Errors
    /// As [`Snapshot::content`].
    pub fn is_empty(&self, namespace: &NamespacePath) -> Result<bool, VersionError> {
        Ok(self.scan(&key::children_any(namespace), None, 1)?.is_empty())
    }
}

/// Whether this is the namespace that exists without being created.
#[must_use]
pub fn is_default(path: &NamespacePath) -> bool {
    matches!(path.levels(), [only] if only == DEFAULT_NAMESPACE)
}

fn same_path(found: &Found, path: &ContentPath) -> bool {
    let Some((name, levels)) = found.entry.path.split_last() else { return false };
    *name == path.name && levels == path.namespace.levels()
}

/// Reads what stands behind a key.
///
/// # Errors
/// `Codec` or `Damaged`.
pub fn read_entry(key: Bytes, value: &Value) -> Result<Found, VersionError> {
    let parsed = key::parse(&key)
        .ok_or_else(|| VersionError::Damaged(format!("the tree has the key {key:?}")))?;
    let entry = Entry::decode(parsed, &value.bytes)
        .map_err(|source| VersionError::Codec { what: "an entry of the tree", source })?;
    Ok(Found { key, entry, hint: value.hint })
}

/// Whether two spellings of a path are the same name.
#[must_use]
pub fn same_folded(left: &[String], right: &[String]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(a, b)| fold(a) == fold(b))
}
