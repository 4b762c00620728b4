//! Branches, the list of refs, and the ref log.

use std::sync::Arc;

use super::warehouses::Warehouse;
use super::{Catalog, OpContext, Resolved};
use crate::base::clock::Timestamp;
use crate::base::error::{Entity, Error, ErrorKind, Result};
use crate::base::hash::Digest;
use crate::base::ids::CommitId;
use crate::base::limits::PAGE_ITEMS_MAX;
use crate::base::name::{RefExpr, RefName, WarehouseName};
use crate::base::page::{Page, PageRequest};
use crate::store::records::{RefAction, RefKind, RefLogRecord, RefRecord};
use crate::version::committer::{RefChange, RefRequest};
use crate::version::graph;

/// A branch or tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ref {
    /// Its name.
    pub name: RefName,
    /// Branch or tag.
    pub kind: RefKind,
    /// The commit it points at.
    pub head: CommitId,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One movement of one ref.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefMovement {
    /// Number in the warehouse, from 1.
    pub sequence: u64,
    /// The ref.
    pub name: String,
    /// Branch or tag.
    pub kind: RefKind,
    /// What happened.
    pub action: RefAction,
    /// Where it pointed.
    pub from: Option<CommitId>,
    /// Where it points.
    pub to: Option<CommitId>,
    /// Who did it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
    /// Hash of this row and, through it, of all rows before.
    pub hash: Digest,
}

impl Catalog {
    /// Lists refs by name; pages stay right while others write.
    ///
    /// # Errors
    /// `NotFound(Warehouse)`.
    pub async fn ref_list(
        &self,
        _ctx: &OpContext,
        warehouse: &WarehouseName,
        kind: Option<RefKind>,
        prefix: &str,
        page: &PageRequest,
    ) -> Result<Page<Ref>> {
        let warehouse = self.warehouse(warehouse)?;
        let after = match &page.after {
            Some(after) => {
                Some(std::str::from_utf8(after).map_err(|_| Error::invalid("invalid page token"))?)
            }
            None => None,
        };
        page.check_within(prefix.as_bytes())?;
        if let Some(after) = after {
            RefName::parse(after).map_err(|_| Error::invalid("invalid page token"))?;
        }
        let records = self.repository.store().begin_read()?.ref_list(
            warehouse.id,
            kind,
            prefix,
            after,
            page.limit + 1,
        )?;
        let items = records.iter().map(read).collect::<Result<Vec<_>>>()?;
        Ok(super::page_of(items, page.limit, |item| item.name.as_str().as_bytes().to_vec()))
    }

    /// Finds a branch.
    ///
    /// # Errors
    /// `NotFound(Branch)`, also for a tag of that name.
    pub async fn branch_get(
        &self,
        _ctx: &OpContext,
        warehouse: &WarehouseName,
        name: &RefName,
    ) -> Result<Ref> {
        let warehouse = self.warehouse(warehouse)?;
        self.branch(&warehouse, name)
    }

    pub(super) fn branch(&self, warehouse: &Warehouse, name: &RefName) -> Result<Ref> {
        self.ref_of(warehouse, name, RefKind::Branch)
    }

    /// The ref of this name and kind.
    pub(super) fn ref_of(
        &self,
        warehouse: &Warehouse,
        name: &RefName,
        kind: RefKind,
    ) -> Result<Ref> {
        match self.reference(warehouse.id, name)? {
            Some(record) if record.kind == kind => read(&record),
            Some(_) | None => {
                let (word, warehouse) = (kind.word(), &warehouse.name);
                let message = format!("{word} '{name}' does not exist in warehouse '{warehouse}'");
                Err(Error::not_found(kind.entity(), message))
            }
        }
    }

    /// Makes a branch where `from` (by default the default branch) points now.
    ///
    /// # Errors
    /// `AlreadyExists`, `NotFound(Ref)`.
    pub async fn branch_create(
        &self,
        ctx: &OpContext,
        warehouse: &WarehouseName,
        name: &RefName,
        from: Option<&RefExpr>,
    ) -> Result<Ref> {
        self.ref_create(ctx, warehouse, name, from, RefKind::Branch).await
    }

    pub(super) async fn ref_create(
        &self,
        ctx: &OpContext,
        warehouse: &WarehouseName,
        name: &RefName,
        from: Option<&RefExpr>,
        kind: RefKind,
    ) -> Result<Ref> {
        let warehouse = self.warehouse(warehouse)?;
        let default = RefExpr::name(warehouse.default_branch.clone());
        let from = from.unwrap_or(&default);
        let Resolved { commit, .. } = self.resolve(&warehouse, from)?;
        let change = RefChange::Create { kind, to: commit };
        self.change_ref(ctx, &warehouse, name, format!("created from {from}"), change).await
    }

    pub(super) async fn change_ref(
        &self,
        ctx: &OpContext,
        warehouse: &Warehouse,
        name: &RefName,
        reason: String,
        change: RefChange,
    ) -> Result<Ref> {
        if let Some(private) = &self.private {
            let made = self.change_ref_private(private, warehouse, name, &reason, change)?;
            return made.ok_or_else(|| Error::internal("a changed ref was not returned"));
        }
        let request = RefRequest {
            warehouse: warehouse.id,
            name: name.clone(),
            actor: ctx.actor.clone(),
            reason: ctx.message.clone().unwrap_or(reason),
            change,
        };
        let record = self.committer.change_ref(request).await?;
        record
            .ok_or_else(|| Error::internal("a changed ref was not returned"))
            .and_then(|record| read(&record))
    }

    /// Removes a branch. Its commits stay; it can be restored.
    ///
    /// # Errors
    /// `NotFound(Branch)`; `Conflict` if `expected_head` is stale, or if it holds commits that no other
    /// branch or tag holds and `force` is not set; `InvalidInput` for the default branch.
    pub async fn branch_delete(
        &self,
        ctx: &OpContext,
        warehouse: &WarehouseName,
        name: &RefName,
        force: bool,
        expected_head: Option<CommitId>,
    ) -> Result<()> {
        let warehouse = self.warehouse(warehouse)?;
        if *name == warehouse.default_branch {
            return Err(Error::invalid(format!(
                "'{name}' is the default branch of warehouse '{}' and cannot be deleted",
                warehouse.name
            )));
        }
        let branch = self.branch(&warehouse, name)?;
        if let Some(expected) = expected_head
            && expected != branch.head
        {
            return Err(Error::conflict(format!(
                "'{name}' is at {}, not at the expected {expected}",
                branch.head
            )));
        }
        if !force && self.holds_unmerged(&warehouse, &branch).await? {
            return Err(Error::new(
                ErrorKind::NotEmpty(Entity::Branch),
                format!(
                    "branch '{name}' holds commits that no other branch or tag holds: merge it, or \
                     force the deletion"
                ),
            ));
        }
        // What was checked is what goes: a commit that came meanwhile makes the head differ.
        let change = RefChange::Delete { kind: RefKind::Branch, expected: Some(branch.head) };
        self.delete_ref(ctx, &warehouse, name, change).await
    }

    pub(super) async fn delete_ref(
        &self,
        ctx: &OpContext,
        warehouse: &Warehouse,
        name: &RefName,
        change: RefChange,
    ) -> Result<()> {
        if let Some(private) = &self.private {
            return self.change_ref_private(private, warehouse, name, "deleted", change).map(drop);
        }
        let request = RefRequest {
            warehouse: warehouse.id,
            name: name.clone(),
            actor: ctx.actor.clone(),
            reason: ctx.message.clone().unwrap_or_else(|| "deleted".to_owned()),
            change,
        };
        self.committer.change_ref(request).await.map(|_| ())
    }

    /// Whether a branch holds commits that no other ref holds. The default branch is asked first.
    async fn holds_unmerged(&self, warehouse: &Warehouse, branch: &Ref) -> Result<bool> {
        let source = self.history(warehouse.id);
        let repository = Arc::clone(&self.repository);
        let default = self.branch(warehouse, &warehouse.default_branch)?.head;
        let (warehouse, branch) = (warehouse.id, branch.clone());
        // Reads every ref and maybe much history: not on an async thread.
        let work = move || -> Result<bool> {
            if !graph::unmerged(&source, branch.head, &[default])? {
                return Ok(false);
            }
            let mut after: Option<String> = None;
            loop {
                let refs = repository.store().begin_read()?.ref_list(
                    warehouse,
                    None,
                    "",
                    after.as_deref(),
                    PAGE_ITEMS_MAX,
                )?;
                let Some(last) = refs.last() else { return Ok(true) };
                after = Some(last.name.clone());
                let mut heads: Vec<CommitId> = refs
                    .iter()
                    .filter(|record| record.name != branch.name.as_str())
                    .map(|record| record.commit)
                    .collect();
                heads.sort_unstable();
                heads.dedup();
                // One walk for all of them.
                if !heads.is_empty() && !graph::unmerged(&source, branch.head, &heads)? {
                    return Ok(false);
                }
            }
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            Error::internal("looking for unmerged work failed").with_source(error)
        })?
    }

    /// Points a branch at another commit. What it held stays reachable through the ref log.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` if `expected_head` is stale.
    pub async fn branch_reset(
        &self,
        ctx: &OpContext,
        warehouse: &WarehouseName,
        name: &RefName,
        to: &RefExpr,
        expected_head: Option<CommitId>,
    ) -> Result<Ref> {
        let warehouse = self.warehouse(warehouse)?;
        self.branch(&warehouse, name)?;
        let Resolved { commit, .. } = self.resolve(&warehouse, to)?;
        let change = RefChange::Reset { to: commit, expected: expected_head };
        self.change_ref(ctx, &warehouse, name, format!("reset to {to}"), change).await
    }

    /// Brings a deleted branch back: where it pointed when it was deleted, or at `to`.
    ///
    /// # Errors
    /// `AlreadyExists` if it is there; `NotFound(Branch)` if there never was such a branch.
    pub async fn branch_restore(
        &self,
        ctx: &OpContext,
        warehouse: &WarehouseName,
        name: &RefName,
        to: Option<&RefExpr>,
    ) -> Result<Ref> {
        let warehouse = self.warehouse(warehouse)?;
        if self.reference(warehouse.id, name)?.is_some() {
            return Err(Error::new(
                ErrorKind::AlreadyExists(Entity::Branch),
                format!("'{name}' exists: reset it instead"),
            ));
        }
        let commit = self.last_position(&warehouse, name)?.ok_or_else(|| {
            Error::not_found(
                Entity::Branch,
                format!("the ref log knows no deleted branch '{name}'"),
            )
        })?;
        let commit = match to {
            Some(to) => self.resolve(&warehouse, to)?.commit,
            None => commit,
        };
        let change = RefChange::Restore { to: commit };
        self.change_ref(ctx, &warehouse, name, "restored".to_owned(), change).await
    }

    fn last_position(&self, warehouse: &Warehouse, name: &RefName) -> Result<Option<CommitId>> {
        let mut before = None;
        loop {
            let rows = self.repository.store().begin_read()?.ref_log_list(
                warehouse.id,
                Some(name.as_str()),
                before,
                100,
            )?;
            let Some(last) = rows.last() else { return Ok(None) };
            before = Some(last.sequence);
            let deleted = rows.iter().find(|row| {
                row.kind == RefKind::Branch && row.action == RefAction::Delete && row.from.is_some()
            });
            if let Some(row) = deleted {
                return Ok(row.from);
            }
        }
    }

    /// Movements of one ref or of all, newest first.
    ///
    /// # Errors
    /// `NotFound(Warehouse)`.
    pub async fn ref_log(
        &self,
        _ctx: &OpContext,
        warehouse: &WarehouseName,
        name: Option<&str>,
        page: &PageRequest,
    ) -> Result<Page<RefMovement>> {
        let warehouse = self.warehouse(warehouse)?;
        let before = match page.after.as_deref() {
            Some(after) => Some(u64::from_be_bytes(
                after.try_into().map_err(|_| Error::invalid("invalid page token"))?,
            )),
            None => None,
        };
        let rows = self.repository.store().begin_read()?.ref_log_list(
            warehouse.id,
            name,
            before,
            page.limit + 1,
        )?;
        let items = rows.into_iter().map(movement).collect();
        Ok(super::page_of(items, page.limit, |item: &RefMovement| {
            item.sequence.to_be_bytes().to_vec()
        }))
    }

    /// What a ref expression means right now.
    ///
    /// # Errors
    /// As [`Catalog::resolve`].
    pub async fn ref_resolve(
        &self,
        _ctx: &OpContext,
        warehouse: &WarehouseName,
        expr: &RefExpr,
    ) -> Result<Resolved> {
        let warehouse = self.warehouse(warehouse)?;
        self.resolve(&warehouse, expr)
    }
}

fn movement(row: RefLogRecord) -> RefMovement {
    RefMovement {
        sequence: row.sequence,
        name: row.name,
        kind: row.kind,
        action: row.action,
        from: row.from,
        to: row.to,
        actor: row.actor,
        reason: row.reason,
        at: row.at,
        hash: row.hash,
    }
}

pub(super) fn read(record: &RefRecord) -> Result<Ref> {
    Ok(Ref {
        name: RefName::parse(&record.name)?,
        kind: record.kind,
        head: record.commit,
        created_at: record.created_at,
    })
}
