//! The log.

use std::sync::Arc;

use super::{Catalog, OpContext, Resolved};
use crate::base::clock::Timestamp;
use crate::base::error::{Error, Result};
use crate::base::ids::CommitId;
use crate::base::name::{RefExpr, WarehouseName};
use crate::base::page::{Page, PageRequest};
use crate::version::commit::Commit;
use crate::version::history::{self, LogFilter};

/// A commit with its id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommitInfo {
    /// Its id.
    pub id: CommitId,
    /// What it says.
    pub commit: Arc<Commit>,
}

/// Which commits a log shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogQuery {
    /// Where it starts.
    pub from: RefExpr,
    /// Only by this author.
    pub author: Option<String>,
    /// Only at or after this time.
    pub since: Option<Timestamp>,
    /// Only at or before this time.
    pub until: Option<Timestamp>,
    /// Only commits that changed this path or something below it.
    pub path: Option<Vec<String>>,
    /// Only commits with these properties, and these values where given.
    pub property: Vec<(String, Option<String>)>,
    /// Only the chain of first parents.
    pub first_parent: bool,
}

impl Catalog {
    /// Lists the history of a ref, newest first. A page may be short, even empty, although more
    /// follows, where few commits match.
    ///
    /// # Errors
    /// `NotFound(Ref)`; `InvalidInput` for a page token of another list.
    pub async fn commit_log(
        &self,
        _ctx: &OpContext,
        warehouse: &WarehouseName,
        query: &LogQuery,
        page: &PageRequest,
    ) -> Result<Page<CommitInfo>> {
        let warehouse = self.warehouse(warehouse)?;
        let Resolved { commit, .. } = self.resolve(&warehouse, &query.from)?;
        let filter = LogFilter {
            author: query.author.clone(),
            since: query.since,
            until: query.until,
            path: query.path.clone(),
            properties: query.property.clone(),
            first_parent: query.first_parent,
        };
        let reader = self.history(warehouse.id);
        let (after, limit) = (page.after.clone(), page.limit);
        // A filter that few commits match reads many: not on an async thread.
        let found = tokio::task::spawn_blocking(move || {
            history::log(&reader, &reader, commit, &filter, after.as_deref(), limit)
        });
        let found =
            found.await.map_err(|error| Error::internal("the log failed").with_source(error))??;
        let items = found.items.into_iter().map(|(id, commit)| CommitInfo { id, commit }).collect();
        Ok(Page { items, next: found.next })
    }

    /// Finds one commit.
    ///
    /// # Errors
    /// `NotFound(Ref)`.
    pub async fn commit_get(
        &self,
        _ctx: &OpContext,
        warehouse: &WarehouseName,
        expr: &RefExpr,
    ) -> Result<CommitInfo> {
        let warehouse = self.warehouse(warehouse)?;
        let Resolved { commit: id, .. } = self.resolve(&warehouse, expr)?;
        let stored = self.repository.commit(warehouse.id, id)?;
        Ok(CommitInfo { id, commit: Arc::clone(&stored.commit) })
    }
}
