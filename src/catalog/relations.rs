//! Finding tables and views for SQL: at a commit that the caller has settled, by names that need not be
//! spelled as they were written.

use super::warehouses::Warehouse;
use super::{Catalog, OpContext};
use crate::base::error::Result;
use crate::base::ids::CommitId;
use crate::base::name::{ContentPath, NamespacePath};
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
}
