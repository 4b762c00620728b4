//! A store that fails where a test says so: at the k-th call, before or after it took effect.
//!
//! For fault enumeration: run an operation once and count its calls, then once for each call and each
//! [`FaultKind`]; afterwards nothing acknowledged may be missing and a retry must succeed. Decides nothing
//! itself; without a plan it is the store inside.

use std::fmt::{self, Debug};

use bytes::Bytes;
use parking_lot::Mutex;

use super::interface::{
    Capabilities, Certainty, MetaStore, ReadTxn, StoreError, StoreResult, WriteTxn,
};
use super::records::{
    CommitRecord, IdempotencyRecord, Location, PendingFileRecord, RefKind, RefLogRecord, RefRecord,
    WarehouseRecord,
};
use crate::base::clock::Timestamp;
use crate::base::ids::{CommitId, WarehouseId};

/// How a call fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// The call is not made. A commit answers `NotDone`.
    Before,
    /// The call is made and its answer lost. A commit is done and answers `MayBeDone`.
    After,
    /// The call is not made and nobody can tell. A commit is not done and answers `MayBeDone`.
    Lost,
}

/// Which call fails, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fault {
    /// The call, counted from 1.
    pub call: usize,
    /// How.
    pub kind: FaultKind,
    /// Whether all calls after it fail too, as `Before`.
    pub lasting: bool,
}

/// Calls so far and the one that is to fail.
#[derive(Debug, Default)]
struct Plan {
    fault: Option<Fault>,
    calls: Vec<&'static str>,
}

/// A store with a plan of failure.
#[derive(Debug)]
pub struct FaultStore<S> {
    inner: S,
    plan: Mutex<Plan>,
}

impl<S> FaultStore<S> {
    /// Wraps a store; nothing fails yet.
    #[must_use]
    pub fn new(inner: S) -> Self {
        Self { inner, plan: Mutex::default() }
    }

    /// Starts counting again, with a fault or without.
    pub fn plan(&self, fault: Option<Fault>) {
        *self.plan.lock() = Plan { fault, calls: Vec::new() };
    }

    /// The methods called since the last [`FaultStore::plan`], in order, failed ones included.
    #[must_use]
    pub fn calls(&self) -> Vec<&'static str> {
        self.plan.lock().calls.clone()
    }

    /// The store inside, past all faults.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

/// Counts a call; says whether it fails.
fn enter(plan: &Mutex<Plan>, method: &'static str) -> Option<FaultKind> {
    let mut plan = plan.lock();
    plan.calls.push(method);
    let call = plan.calls.len();
    let fault = plan.fault?;
    if call == fault.call {
        Some(fault.kind)
    } else if call > fault.call && fault.lasting {
        Some(FaultKind::Before)
    } else {
        None
    }
}

/// Makes a call that is no commit.
fn around<T>(
    plan: &Mutex<Plan>,
    method: &'static str,
    call: impl FnOnce() -> StoreResult<T>,
) -> StoreResult<T> {
    match enter(plan, method) {
        None => call(),
        Some(FaultKind::Before | FaultKind::Lost) => Err(injected(method, Certainty::NotDone)),
        Some(FaultKind::After) => {
            call()?;
            Err(injected(method, Certainty::NotDone))
        }
    }
}

fn injected(method: &str, certainty: Certainty) -> StoreError {
    StoreError::Unavailable { message: format!("injected fault in {method}"), certainty }
}

impl<S: MetaStore> MetaStore for FaultStore<S> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn begin_read(&self) -> StoreResult<Box<dyn ReadTxn + '_>> {
        let inner = around(&self.plan, "begin_read", || self.inner.begin_read())?;
        Ok(Box::new(FaultTxn { plan: &self.plan, inner, failed: false }))
    }

    fn begin_write(&self) -> StoreResult<Box<dyn WriteTxn + '_>> {
        let inner = around(&self.plan, "begin_write", || self.inner.begin_write())?;
        Ok(Box::new(FaultTxn { plan: &self.plan, inner, failed: false }))
    }

    fn blobs_get(&self, locations: &[Location]) -> StoreResult<Vec<Bytes>> {
        around(&self.plan, "blobs_get", || self.inner.blobs_get(locations))
    }
}

/// A transaction of either sort.
struct FaultTxn<'s, T: ?Sized> {
    plan: &'s Mutex<Plan>,
    inner: Box<T>,
    failed: bool,
}

impl<T: ?Sized> Debug for FaultTxn<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultTxn").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl<T: ?Sized> FaultTxn<'_, T> {
    /// Makes a call; after one that failed there is no other, as the contract has it.
    fn run<R>(
        &mut self,
        method: &'static str,
        call: impl FnOnce(&mut T) -> StoreResult<R>,
    ) -> StoreResult<R> {
        self.usable()?;
        let result = around(self.plan, method, || call(&mut self.inner));
        self.failed = result.is_err();
        result
    }

    fn usable(&self) -> StoreResult<()> {
        if self.failed {
            return Err(StoreError::Contract("the transaction failed before".to_owned()));
        }
        Ok(())
    }
}

impl<T: ReadTxn + ?Sized> ReadTxn for FaultTxn<'_, T> {
    fn warehouse_get(&mut self, name: &str) -> StoreResult<Option<WarehouseRecord>> {
        self.run("warehouse_get", |inner| inner.warehouse_get(name))
    }

    fn warehouse_list(
        &mut self,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<WarehouseRecord>> {
        self.run("warehouse_list", |inner| inner.warehouse_list(after, limit))
    }

    fn ref_get(&mut self, warehouse: WarehouseId, name: &str) -> StoreResult<Option<RefRecord>> {
        self.run("ref_get", |inner| inner.ref_get(warehouse, name))
    }

    fn ref_list(
        &mut self,
        warehouse: WarehouseId,
        kind: Option<RefKind>,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<RefRecord>> {
        self.run("ref_list", |inner| inner.ref_list(warehouse, kind, prefix, after, limit))
    }

    fn ref_log_list(
        &mut self,
        warehouse: WarehouseId,
        name: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> StoreResult<Vec<RefLogRecord>> {
        self.run("ref_log_list", |inner| inner.ref_log_list(warehouse, name, before, limit))
    }

    fn ref_log_at(
        &mut self,
        warehouse: WarehouseId,
        name: &str,
        at: Timestamp,
    ) -> StoreResult<Option<RefLogRecord>> {
        self.run("ref_log_at", |inner| inner.ref_log_at(warehouse, name, at))
    }

    fn commits_get(
        &mut self,
        warehouse: WarehouseId,
        ids: &[CommitId],
    ) -> StoreResult<Vec<Option<CommitRecord>>> {
        self.run("commits_get", |inner| inner.commits_get(warehouse, ids))
    }

    fn commits_by_prefix(
        &mut self,
        warehouse: WarehouseId,
        prefix: &[u8],
        half: Option<u8>,
        limit: usize,
    ) -> StoreResult<Vec<CommitId>> {
        self.run("commits_by_prefix", |inner| {
            inner.commits_by_prefix(warehouse, prefix, half, limit)
        })
    }

    fn commits_scan(
        &mut self,
        warehouse: WarehouseId,
        after: Option<CommitId>,
        limit: usize,
    ) -> StoreResult<Vec<CommitRecord>> {
        self.run("commits_scan", |inner| inner.commits_scan(warehouse, after, limit))
    }

    fn idempotency_get(
        &mut self,
        warehouse: WarehouseId,
        key: &str,
    ) -> StoreResult<Option<IdempotencyRecord>> {
        self.run("idempotency_get", |inner| inner.idempotency_get(warehouse, key))
    }

    fn pending_files(
        &mut self,
        after: Option<u64>,
        limit: usize,
    ) -> StoreResult<Vec<PendingFileRecord>> {
        self.run("pending_files", |inner| inner.pending_files(after, limit))
    }
}

impl<'s> WriteTxn for FaultTxn<'s, dyn WriteTxn + 's> {
    fn refs_lock(
        &mut self,
        warehouse: WarehouseId,
        names: &[&str],
    ) -> StoreResult<Vec<Option<RefRecord>>> {
        self.run("refs_lock", |inner| inner.refs_lock(warehouse, names))
    }

    fn warehouse_insert(&mut self, record: &WarehouseRecord) -> StoreResult<WarehouseRecord> {
        self.run("warehouse_insert", |inner| inner.warehouse_insert(record))
    }

    fn warehouse_update(&mut self, record: &WarehouseRecord) -> StoreResult<()> {
        self.run("warehouse_update", |inner| inner.warehouse_update(record))
    }

    fn warehouse_delete(&mut self, warehouse: WarehouseId) -> StoreResult<()> {
        self.run("warehouse_delete", |inner| inner.warehouse_delete(warehouse))
    }

    fn ref_put(&mut self, warehouse: WarehouseId, record: &RefRecord) -> StoreResult<()> {
        self.run("ref_put", |inner| inner.ref_put(warehouse, record))
    }

    fn ref_delete(&mut self, warehouse: WarehouseId, name: &str) -> StoreResult<()> {
        self.run("ref_delete", |inner| inner.ref_delete(warehouse, name))
    }

    fn ref_log_last(&mut self, warehouse: WarehouseId) -> StoreResult<Option<RefLogRecord>> {
        self.run("ref_log_last", |inner| inner.ref_log_last(warehouse))
    }

    fn ref_log_append(
        &mut self,
        warehouse: WarehouseId,
        records: &[RefLogRecord],
    ) -> StoreResult<()> {
        self.run("ref_log_append", |inner| inner.ref_log_append(warehouse, records))
    }

    fn pack_next(&mut self) -> StoreResult<u64> {
        self.run("pack_next", |inner| inner.pack_next())
    }

    fn pack_append(&mut self, pack: u64, blobs: &[Bytes]) -> StoreResult<()> {
        self.run("pack_append", |inner| inner.pack_append(pack, blobs))
    }

    fn commits_insert(
        &mut self,
        warehouse: WarehouseId,
        records: &[CommitRecord],
    ) -> StoreResult<()> {
        self.run("commits_insert", |inner| inner.commits_insert(warehouse, records))
    }

    fn idempotency_put(
        &mut self,
        warehouse: WarehouseId,
        record: &IdempotencyRecord,
        now: Timestamp,
    ) -> StoreResult<()> {
        self.run("idempotency_put", |inner| inner.idempotency_put(warehouse, record, now))
    }

    fn idempotency_expire(&mut self, before: Timestamp, limit: usize) -> StoreResult<usize> {
        self.run("idempotency_expire", |inner| inner.idempotency_expire(before, limit))
    }

    fn pending_files_add(&mut self, files: &[(String, Bytes)]) -> StoreResult<Vec<u64>> {
        self.run("pending_files_add", |inner| inner.pending_files_add(files))
    }

    fn pending_files_remove(&mut self, sequences: &[u64]) -> StoreResult<()> {
        self.run("pending_files_remove", |inner| inner.pending_files_remove(sequences))
    }

    fn commit(self: Box<Self>) -> StoreResult<()> {
        self.usable()?;
        match enter(self.plan, "commit") {
            None => self.inner.commit(),
            Some(FaultKind::Before) => Err(injected("commit", Certainty::NotDone)),
            Some(FaultKind::Lost) => Err(injected("commit", Certainty::MayBeDone)),
            Some(FaultKind::After) => {
                self.inner.commit()?;
                Err(injected("commit", Certainty::MayBeDone))
            }
        }
    }
}
