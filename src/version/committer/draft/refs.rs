//! Movements of refs and changes of the list of warehouses, as part of a group.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::{Draft, DraftCommit, check_head, first_line};
use crate::base::error::{Entity, Error, ErrorKind, Result};
use crate::base::hash::Digest;
use crate::base::ids::{CommitId, WarehouseId};
use crate::base::limits::PAGE_ITEMS_MAX;
use crate::base::name::RefName;
use crate::store::records::{RefAction, RefKind, RefLogRecord, RefRecord, WarehouseRecord};
use crate::tree::{self, NodeRef};
use crate::version::commit::Commit;
use crate::version::committer::{RefChange, RefRequest, WarehouseRequest};
use crate::version::ref_log::row_hash;

/// Rows of the ref log that are read at once.
const LOG_ROWS_READ: usize = 100;

/// What the ref log says of a movement.
pub(super) struct Movement<'a> {
    pub(super) action: RefAction,
    pub(super) actor: &'a str,
    pub(super) reason: String,
}

impl Draft<'_> {
    pub(super) fn move_ref(
        &mut self,
        warehouse: WarehouseId,
        name: &str,
        kind: RefKind,
        from: Option<CommitId>,
        record: Option<RefRecord>,
        movement: Movement<'_>,
    ) -> Result<()> {
        if !self.last_log.contains_key(&warehouse) {
            let last = self.ask(|txn| txn.ref_log_last(warehouse))?;
            self.last_log.insert(warehouse, last);
        }
        let last = self.last_log.entry(warehouse).or_default();
        let mut row = RefLogRecord {
            sequence: last.as_ref().map_or(1, |last| last.sequence + 1),
            name: name.to_owned(),
            kind,
            action: movement.action,
            from,
            to: record.as_ref().map(|record| record.commit),
            actor: movement.actor.to_owned(),
            reason: movement.reason,
            at: last.as_ref().map_or(self.now, |last| last.at.max(self.now)),
            previous: last.as_ref().map_or(Digest::default(), |last| last.hash),
            hash: Digest::default(),
        };
        row.hash = row_hash(&row);
        *last = Some(row.clone());
        self.log.entry(warehouse).or_default().push(row);
        self.moved.insert((warehouse, name.to_owned()));
        self.refs.insert((warehouse, name.to_owned()), record);
        Ok(())
    }

    /// Checks that a branch left `seen` by plain commits only, not by a merge, a reset or a new start.
    pub(super) fn check_grown(
        &mut self,
        warehouse: WarehouseId,
        name: &RefName,
        seen: CommitId,
    ) -> Result<()> {
        let grown = |rows: &mut dyn Iterator<Item = &RefLogRecord>| {
            for row in rows {
                if row.to == Some(seen) {
                    return Some(true);
                }
                if row.action != RefAction::Commit {
                    return Some(false);
                }
            }
            None
        };
        let drafted = self.log.get(&warehouse).into_iter().flatten().rev();
        let mut known = grown(&mut drafted.filter(|row| row.name == name.as_str()));
        let mut before = None;
        while known.is_none() {
            let rows = self.ask(|txn| {
                txn.ref_log_list(warehouse, Some(name.as_str()), before, LOG_ROWS_READ)
            })?;
            let Some(last) = rows.last() else { break };
            before = Some(last.sequence);
            known = grown(&mut rows.iter());
        }
        if known == Some(true) {
            return Ok(());
        }
        Err(Error::conflict(format!("'{name}' was merged into or pointed elsewhere meanwhile")))
    }

    /// Evaluates a change of a ref.
    pub(in crate::version::committer) fn change_ref(
        &mut self,
        request: &RefRequest,
    ) -> Result<Option<RefRecord>> {
        let name = &request.name;
        let current = self.current(request.warehouse, name).cloned();
        let (action, kind, record) = match (&request.change, &current) {
            (RefChange::Create { .. } | RefChange::Restore { .. }, Some(taken)) => {
                return Err(Error::new(
                    ErrorKind::AlreadyExists(taken.kind.entity()),
                    format!("the {} '{name}' exists already", taken.kind.word()),
                ));
            }
            (RefChange::Create { kind, to }, None) => {
                self.check_has_refs(request.warehouse)?;
                (RefAction::Create, *kind, Some((*to, self.now)))
            }
            (RefChange::Restore { to }, None) => {
                self.check_has_refs(request.warehouse)?;
                (RefAction::Restore, RefKind::Branch, Some((*to, self.now)))
            }
            (RefChange::Reset { to, expected }, Some(record)) if record.kind == RefKind::Branch => {
                check_head(name, record.commit, *expected)?;
                if record.commit == *to {
                    return Ok(current);
                }
                (RefAction::Reset, RefKind::Branch, Some((*to, record.created_at)))
            }
            (RefChange::Delete { kind, expected }, Some(record)) if record.kind == *kind => {
                check_head(name, record.commit, *expected)?;
                (RefAction::Delete, *kind, None)
            }
            (RefChange::Reset { .. } | RefChange::Delete { .. }, _) => {
                let kind = match &request.change {
                    RefChange::Delete { kind, .. } => *kind,
                    RefChange::Reset { .. }
                    | RefChange::Create { .. }
                    | RefChange::Restore { .. } => RefKind::Branch,
                };
                let message = format!("{} '{name}' does not exist", kind.word());
                return Err(Error::not_found(kind.entity(), message));
            }
        };
        let record = record.map(|(commit, created_at)| RefRecord {
            name: name.as_str().to_owned(),
            kind,
            commit,
            created_at,
        });
        self.branches.remove(&(request.warehouse, name.clone()));
        self.move_ref(
            request.warehouse,
            name.as_str(),
            kind,
            current.map(|record| record.commit),
            record.clone(),
            Movement { action, actor: &request.actor, reason: first_line(&request.reason) },
        )?;
        Ok(record)
    }

    /// Evaluates a change of the list of warehouses.
    pub(in crate::version::committer) fn change_warehouse(
        &mut self,
        request: &WarehouseRequest,
    ) -> Result<Option<WarehouseRecord>> {
        match request {
            WarehouseRequest::Create { record, actor } => {
                if self.ask(|txn| txn.warehouse_get(&record.name))?.is_some() {
                    return Err(Error::new(
                        ErrorKind::AlreadyExists(Entity::Warehouse),
                        format!("the warehouse '{}' exists already", record.name),
                    ));
                }
                self.check_no_overlap(&record.location)?;
                let record = self.ask(|txn| txn.warehouse_insert(record))?;
                self.first_commit(&record, actor)?;
                self.wrote_warehouses = true;
                Ok(Some(record))
            }
            WarehouseRequest::Update(record) => {
                self.check_there(record)?;
                self.ask(|txn| txn.warehouse_update(record))?;
                self.wrote_warehouses = true;
                Ok(Some(record.clone()))
            }
            WarehouseRequest::Delete(record) => {
                self.check_there(record)?;
                self.check_empty(record.id)?;
                self.remove_refs(record.id)?;
                self.ask(|txn| txn.warehouse_delete(record.id))?;
                self.wrote_warehouses = true;
                Ok(None)
            }
        }
    }

    /// Checks that a warehouse has refs: its default branch stays as long as the warehouse does.
    pub(super) fn check_has_refs(&mut self, warehouse: WarehouseId) -> Result<()> {
        if self.ask(|txn| txn.ref_list(warehouse, None, "", None, 1))?.is_empty() {
            let message = "the warehouse was deleted meanwhile";
            return Err(Error::not_found(Entity::Warehouse, message));
        }
        Ok(())
    }

    /// Checks that a warehouse was not removed since it was read.
    fn check_there(&mut self, record: &WarehouseRecord) -> Result<()> {
        match self.ask(|txn| txn.warehouse_get(&record.name))? {
            Some(found) if found.id == record.id => Ok(()),
            Some(_) | None => Err(Error::not_found(
                Entity::Warehouse,
                format!("warehouse '{}' does not exist", record.name),
            )),
        }
    }

    /// Checks that no warehouse lies at, in or around a location.
    fn check_no_overlap(&mut self, location: &str) -> Result<()> {
        let inside = |outer: &str, inner: &str| {
            inner == outer || inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('/'))
        };
        let mut after: Option<String> = None;
        loop {
            let found = self.ask(|txn| txn.warehouse_list(after.as_deref(), PAGE_ITEMS_MAX))?;
            let Some(last) = found.last() else { return Ok(()) };
            after = Some(last.name.clone());
            let other = found.iter().find(|other| {
                inside(&other.location, location) || inside(location, &other.location)
            });
            if let Some(other) = other {
                return Err(Error::invalid(format!(
                    "the location {location} overlaps that of warehouse '{}', {}",
                    other.name, other.location
                )));
            }
        }
    }

    /// Checks that no ref of a warehouse holds anything, in the transaction that deletes it.
    fn check_empty(&mut self, warehouse: WarehouseId) -> Result<()> {
        let mut after: Option<String> = None;
        loop {
            let refs = self
                .ask(|txn| txn.ref_list(warehouse, None, "", after.as_deref(), PAGE_ITEMS_MAX))?;
            let Some(last) = refs.last() else { return Ok(()) };
            after = Some(last.name.clone());
            for record in refs {
                let snapshot = self.repository.snapshot(warehouse, record.commit)?;
                if !snapshot.scan(&[], None, 1)?.is_empty() {
                    return Err(Error::new(
                        ErrorKind::NotEmpty(Entity::Warehouse),
                        format!("the warehouse is not empty: '{}' holds something", record.name),
                    ));
                }
            }
        }
    }

    /// Takes the refs of a warehouse that goes away, so that writers who know it by its number find nothing
    /// to write to. Its commits and its ref log stay.
    fn remove_refs(&mut self, warehouse: WarehouseId) -> Result<()> {
        loop {
            let refs = self.ask(|txn| txn.ref_list(warehouse, None, "", None, PAGE_ITEMS_MAX))?;
            if refs.is_empty() {
                return Ok(());
            }
            for record in refs {
                self.ask(|txn| txn.ref_delete(warehouse, &record.name))?;
            }
        }
    }

    fn first_commit(&mut self, warehouse: &WarehouseRecord, actor: &str) -> Result<()> {
        let empty = tree::empty_node();
        let root = NodeRef { hash: empty.hash(), hint: 0 };
        let commit = Commit {
            root: root.hash,
            parents: Vec::new(),
            generation: 1,
            author: actor.to_owned(),
            committer: actor.to_owned(),
            committed_at: self.now,
            message: format!("create warehouse {}", warehouse.name),
            properties: BTreeMap::new(),
        };
        self.overlay.nodes.insert(empty);
        let bytes = Bytes::from(commit.encode());
        let id = Commit::id_of(&bytes);
        self.commits.push(DraftCommit {
            warehouse: warehouse.id,
            id,
            bytes,
            commit: Arc::new(commit),
            root,
            edits: Vec::new(),
            keep_tree: true,
        });
        let record = RefRecord {
            name: warehouse.default_branch.clone(),
            kind: RefKind::Branch,
            commit: id,
            created_at: self.now,
        };
        self.move_ref(
            warehouse.id,
            &warehouse.default_branch,
            RefKind::Branch,
            None,
            Some(record),
            Movement {
                action: RefAction::Create,
                actor,
                reason: "the warehouse was created".to_owned(),
            },
        )
    }
}
