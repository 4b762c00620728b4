//! The log.

use std::sync::Arc;

use super::warehouses::Warehouse;
use super::{Catalog, OpContext, Resolved};
use crate::base::clock::Timestamp;
use crate::base::error::Result;
use crate::base::ids::{CommitId, WarehouseId};
use crate::base::name::{RefExpr, WarehouseName};
use crate::base::page::{Page, PageRequest};
use crate::version::commit::Commit;
use crate::version::content::{Entry, Object};
use crate::version::error::VersionError;
use crate::version::graph::CommitSource;
use crate::version::history;
use crate::version::merge::TreeSource;
use crate::version::repository::Repository;
use crate::version::snapshot::Snapshot;

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
