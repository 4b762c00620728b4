//! The use cases: what the front doors may ask for, and the only way to change state.
//!
//! Every public method takes an [`OpContext`] first. Nothing here knows HTTP, SQL or a database.
//! Reads come from the version layer's caches; every change goes through the committer, so a method
//! that returned `Ok` has changed durable state, and one that failed has changed nothing (unless its
//! error's kind is `CommitUnknown`).

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::base::clock::SharedClock;
use crate::base::entropy::SharedEntropy;
use crate::base::error::{Entity, Error, Result};
use crate::base::ids::{CommitId, WarehouseId};
use crate::base::name::{RefBase, RefExpr, RefName, RefStep, WarehouseName};
use crate::base::page::Page;
use crate::store::interface::MetaStore;
use crate::store::records::{RefKind, RefRecord};
use crate::version::committer::{Committer, FileSink};
use crate::version::repository::Repository;
use crate::version::snapshot::Snapshot;

pub mod address;
pub mod branches;
pub mod commits;
pub mod diffs;
pub mod files;
mod loaded;
pub mod merges;
pub mod namespaces;
pub mod relations;
pub mod table_change;
pub mod tables;
pub mod tags;
pub mod transaction;
pub mod views;
pub mod warehouses;
pub mod writing;

use self::files::TableFiles;
use self::warehouses::Warehouse;

pub use crate::auth::context::OpContext;

/// What an operator sets.
#[derive(Clone, Debug)]
pub struct CatalogOptions {
    /// URLs below which tables may lie besides their warehouse's location.
    pub allowed_locations: Vec<String>,
    /// URL below which a new warehouse gets its location; no trailing slash.
    pub warehouse_root: String,
    /// The warehouse of requests that name none.
    pub default_warehouse: WarehouseName,
}

/// The catalog. A clone is another handle to it.
#[derive(Clone, Debug)]
pub struct Catalog {
    repository: Arc<Repository>,
    committer: Arc<Committer>,
    files: Arc<TableFiles>,
    clock: SharedClock,
    entropy: SharedEntropy,
    options: Arc<CatalogOptions>,
    /// Warehouses by name, while no other process can change them, with the version of the list that
    /// they were read from.
    warehouses: Arc<RwLock<BTreeMap<WarehouseName, (u64, Warehouse)>>>,
    /// Merges into each branch, one after another.
    turns: Arc<merges::Turns>,
    /// What is done and not yet published, in the catalog of a transaction.
    private: Option<Arc<transaction::Private>>,
}

/// What a ref expression means right now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Resolved {
    /// The commit.
    pub commit: CommitId,
    /// The branch, if the expression is just the name of one: then it can be written to.
    pub branch: Option<RefName>,
    /// Whether the expression starts from a tag.
    pub tag: bool,
}

impl Catalog {
    /// Opens a catalog on a metadata store and starts its committer.
    ///
    /// # Errors
    /// `Unavailable` if the committer's thread cannot start.
    pub fn open(
        store: Arc<dyn MetaStore>,
        files: Arc<TableFiles>,
        clock: SharedClock,
        entropy: SharedEntropy,
        options: CatalogOptions,
    ) -> Result<Arc<Self>> {
        let repository = Arc::new(Repository::new(store));
        let sink: Arc<dyn FileSink> = Arc::<TableFiles>::clone(&files);
        let committer = Committer::start(Arc::clone(&repository), sink, Arc::clone(&clock))?;
        Ok(Arc::new(Self {
            repository,
            committer: Arc::new(committer),
            files,
            clock,
            entropy,
            options: Arc::new(options),
            warehouses: Arc::default(),
            turns: Arc::default(),
            private: None,
        }))
    }

    /// What the operator set.
    #[must_use]
    pub fn options(&self) -> &CatalogOptions {
        &self.options
    }

    /// Table files: reading, checking locations, caching.
    #[must_use]
    pub const fn files(&self) -> &Arc<TableFiles> {
        &self.files
    }

    /// The path of all changes.
    #[must_use]
    pub fn committer(&self) -> &Committer {
        &self.committer
    }

    /// What is read from.
    #[must_use]
    pub const fn repository(&self) -> &Arc<Repository> {
        &self.repository
    }

    /// The time.
    #[must_use]
    pub const fn clock(&self) -> &SharedClock {
        &self.clock
    }

    /// Randomness for new names.
    #[must_use]
    pub const fn entropy(&self) -> &SharedEntropy {
        &self.entropy
    }

    /// Answers what was accepted, takes nothing new, and ends the committer's thread.
    pub fn close(&self) {
        self.committer.close();
    }

    /// A ref as it stands.
    pub(crate) fn reference(
        &self,
        warehouse: WarehouseId,
        name: &RefName,
    ) -> Result<Option<RefRecord>> {
        Ok(self.repository.reference(warehouse, name.as_str())?)
    }

    /// Finds what a ref expression means now.
    ///
    /// # Errors
    /// `NotFound` for a ref, commit or time that is not there; `InvalidInput` for a prefix of several
    /// commits.
    pub fn resolve(&self, warehouse: &Warehouse, expr: &RefExpr) -> Result<Resolved> {
        self.resolve_private(warehouse, expr)
            .unwrap_or_else(|| self.resolve_shared(warehouse, expr))
    }

    fn resolve_shared(&self, warehouse: &Warehouse, expr: &RefExpr) -> Result<Resolved> {
        let (mut commit, tag) = match &expr.base {
            RefBase::CommitPrefix(prefix) => (self.commit_by_prefix(warehouse.id, prefix)?, false),
            RefBase::Name(name) => self.resolve_name(warehouse, name, expr)?,
        };
        for step in &expr.steps {
            if let RefStep::FirstParent(count) = step {
                commit = self.first_parent(warehouse.id, commit, *count, expr)?;
            }
        }
        let branch = if tag { None } else { expr.as_name().cloned() };
        Ok(Resolved { commit, branch, tag })
    }

    fn resolve_name(
        &self,
        warehouse: &Warehouse,
        name: &RefName,
        expr: &RefExpr,
    ) -> Result<(CommitId, bool)> {
        if let Some(RefStep::At(time)) = expr.steps.first() {
            let row = self.repository.store().begin_read()?.ref_log_at(
                warehouse.id,
                name.as_str(),
                *time,
            )?;
            return match row.and_then(|row| row.to.map(|to| (to, row.kind == RefKind::Tag))) {
                Some(found) => Ok(found),
                None => Err(Error::not_found(
                    Entity::Ref,
                    format!("'{name}' pointed at nothing at {}", time.to_rfc3339()),
                )),
            };
        }
        match self.reference(warehouse.id, name)? {
            Some(record) => Ok((record.commit, record.kind == RefKind::Tag)),
            None => Err(Error::not_found(
                Entity::Ref,
                format!("no branch or tag '{name}' in warehouse '{}'", warehouse.name),
            )),
        }
    }

    fn commit_by_prefix(&self, warehouse: WarehouseId, prefix: &str) -> Result<CommitId> {
        let missing = || Error::not_found(Entity::Ref, format!("no commit starts with '{prefix}'"));
        if let Some(id) = CommitId::from_hex(prefix) {
            let found = self.repository.store().begin_read()?.commits_get(warehouse, &[id])?;
            return match found.into_iter().next().flatten() {
                Some(_) => Ok(id),
                None => Err(missing()),
            };
        }
        let digits: Vec<u8> = prefix
            .chars()
            .filter_map(|c| c.to_digit(16))
            .filter_map(|d| d.try_into().ok())
            .collect();
        let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| (pair[0] << 4) | pair[1]).collect();
        let half = digits.chunks_exact(2).remainder().first().copied();
        let found =
            self.repository.store().begin_read()?.commits_by_prefix(warehouse, &bytes, half, 2)?;
        match found.as_slice() {
            [] => Err(missing()),
            [one] => Ok(*one),
            _ => Err(Error::invalid(format!(
                "several commits start with '{prefix}': write more digits"
            ))),
        }
    }

    fn first_parent(
        &self,
        warehouse: WarehouseId,
        mut commit: CommitId,
        count: u32,
        expr: &RefExpr,
    ) -> Result<CommitId> {
        for _ in 0..count {
            let stored = self.repository.commit(warehouse, commit)?;
            commit = *stored.commit.parents.first().ok_or_else(|| {
                Error::not_found(Entity::Ref, format!("'{expr}' goes back before the first commit"))
            })?;
        }
        Ok(commit)
    }

    /// The state of a commit.
    ///
    /// # Errors
    /// `Corrupt` if it cannot be read.
    pub fn snapshot_at(&self, warehouse: &Warehouse, commit: CommitId) -> Result<Snapshot> {
        if let Some(private) = self.snapshot_private(commit) {
            return Ok(private);
        }
        Ok(self.repository.snapshot(warehouse.id, commit)?)
    }
}

/// Cuts a list that was read one item too far into a page.
pub(crate) fn page_of<T>(mut items: Vec<T>, limit: usize, key: impl Fn(&T) -> Vec<u8>) -> Page<T> {
    let more = items.len() > limit;
    items.truncate(limit);
    let next = if more { items.last().map(key) } else { None };
    Page { items, next }
}
