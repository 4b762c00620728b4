//! Finding tables and views for SQL: at a commit that the caller has settled, by names that need not be
//! spelled as they were written.

use super::warehouses::Warehouse;
use super::{Catalog, OpContext};
use crate::base::error::Result;
use crate::base::ids::CommitId;
use crate::base::limits::PAGE_ITEMS_DEFAULT;
use crate::base::name::{ContentPath, DEFAULT_NAMESPACE, NamespacePath};
use crate::version::content::ContentKind;

use super::table_change::metadata_location;

/// A table or view in one state of a warehouse.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relation {
    /// Namespace and name as they are stored.
    pub path: Vec<String>,
    /// Table or view.
    pub kind: ContentKind,
    /// Where its metadata is.
    pub metadata_location: String,
}

impl Catalog {
    /// A table or view of a commit, by a name in any case: names that differ only in case cannot exist
    /// side by side. `None` if there is none, or something that is neither.
    ///
    /// # Errors
    /// `Corrupt` if the state cannot be read.
    pub fn relation_find(
        &self,
        _ctx: &OpContext,
        warehouse: &Warehouse,
        commit: CommitId,
        path: &ContentPath,
    ) -> Result<Option<Relation>> {
        let state = self.snapshot_at(warehouse, commit)?;
        let Some(found) = state.content_folded(path)? else { return Ok(None) };
        if !matches!(found.entry.kind, ContentKind::Table | ContentKind::View) {
            return Ok(None);
        }
        let metadata_location = metadata_location(&*state.object(&found)?)?;
        Ok(Some(Relation { path: found.entry.path, kind: found.entry.kind, metadata_location }))
    }

    /// The stored spelling of a namespace of a commit, by a name in any case; `default` is always there.
    ///
    /// # Errors
    /// `Corrupt` if the state cannot be read.
    pub fn namespace_find(
        &self,
        _ctx: &OpContext,
        warehouse: &Warehouse,
        commit: CommitId,
        path: &NamespacePath,
    ) -> Result<Option<Vec<String>>> {
        let state = self.snapshot_at(warehouse, commit)?;
        if state.namespace_exists(path)? {
            return Ok(Some(path.levels().to_vec()));
        }
        Ok(state.namespace_folded(path)?.map(|found| found.entry.path))
    }

    /// The tables and views directly in a namespace of a commit whose names are wanted, in key order.
    /// A namespace that is not there holds none.
    ///
    /// # Errors
    /// `Corrupt` if the state cannot be read.
    pub fn relation_list(
        &self,
        _ctx: &OpContext,
        warehouse: &Warehouse,
        commit: CommitId,
        namespace: &NamespacePath,
        wanted: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Vec<Relation>> {
        let state = self.snapshot_at(warehouse, commit)?;
        let mut relations = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = state.contents(namespace, after.as_deref(), PAGE_ITEMS_DEFAULT)?;
            let more = page.len() == PAGE_ITEMS_DEFAULT;
            after = page.last().map(|found| found.key.to_vec());
            for found in page {
                let kind = found.entry.kind;
                let named = found.entry.path.last().is_some_and(|name| wanted(name));
                if named && matches!(kind, ContentKind::Table | ContentKind::View) {
                    let metadata_location = metadata_location(&*state.object(&found)?)?;
                    relations.push(Relation { path: found.entry.path, kind, metadata_location });
                }
            }
            if !more {
                return Ok(relations);
            }
        }
    }

    /// Every namespace of a commit, with all its levels; `default` only if it holds something or was
    /// made. Reads no tables.
    ///
    /// # Errors
    /// `Corrupt` if the state cannot be read.
    pub fn namespaces_of(
        &self,
        _ctx: &OpContext,
        warehouse: &Warehouse,
        commit: CommitId,
    ) -> Result<Vec<Vec<String>>> {
        let state = self.snapshot_at(warehouse, commit)?;
        let mut namespaces = Vec::new();
        let mut parents = vec![NamespacePath::root()];
        while let Some(parent) = parents.pop() {
            let mut after: Option<Vec<u8>> = None;
            loop {
                let page = state.namespaces(&parent, after.as_deref(), PAGE_ITEMS_DEFAULT)?;
                let more = page.len() == PAGE_ITEMS_DEFAULT;
                after = page.last().map(|found| found.key.to_vec());
                for found in page {
                    parents.push(NamespacePath::new(found.entry.path.clone())?);
                    namespaces.push(found.entry.path);
                }
                if !more {
                    break;
                }
            }
        }
        let default = vec![DEFAULT_NAMESPACE.to_owned()];
        let default_path = NamespacePath::new(default.clone())?;
        if !namespaces.contains(&default) && !state.is_empty(&default_path)? {
            namespaces.push(default);
        }
        namespaces.sort();
        Ok(namespaces)
    }
}
