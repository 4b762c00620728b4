//! Reads, the same for both sorts of transaction.

use std::sync::Arc;

use super::state::State;
use crate::base::clock::Timestamp;
use crate::base::ids::{CommitId, WarehouseId};
use crate::store::interface::{ReadTxn, StoreError, StoreResult};
use crate::store::records::{
    CommitRecord, IdempotencyRecord, PendingFileRecord, RefKind, RefLogRecord, RefRecord,
    WarehouseRecord,
};

/// Where a transaction finds its state.
pub(super) trait Snapshot {
    /// The state that it reads.
    fn state(&self) -> &State;
}

impl Snapshot for Arc<State> {
    fn state(&self) -> &State {
        self
    }
}

/// A transaction of either sort.
#[derive(Debug)]
pub(super) struct MemoryTxn<S> {
    pub(super) snapshot: S,
    /// A call failed; nothing more is answered.
    pub(super) failed: bool,
}

impl<S: Snapshot> MemoryTxn<S> {
    pub(super) fn new(snapshot: S) -> Self {
        Self { snapshot, failed: false }
    }

    fn state(&self) -> StoreResult<&State> {
        if self.failed {
            return Err(StoreError::Contract("the transaction failed before".to_owned()));
        }
        Ok(self.snapshot.state())
    }
}

impl<S: Snapshot> ReadTxn for MemoryTxn<S> {
    fn warehouse_get(&mut self, name: &str) -> StoreResult<Option<WarehouseRecord>> {
        Ok(self.state()?.warehouse(name).cloned())
    }

    fn warehouse_list(
        &mut self,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<WarehouseRecord>> {
        Ok(self.state()?.warehouse_list(after, limit))
    }

    fn ref_get(&mut self, warehouse: WarehouseId, name: &str) -> StoreResult<Option<RefRecord>> {
        Ok(self.state()?.reference(warehouse, name))
    }

    fn ref_list(
        &mut self,
        warehouse: WarehouseId,
        kind: Option<RefKind>,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<RefRecord>> {
        Ok(self.state()?.ref_list(warehouse, kind, prefix, after, limit))
    }

    fn ref_log_list(
        &mut self,
        warehouse: WarehouseId,
        name: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> StoreResult<Vec<RefLogRecord>> {
        Ok(self.state()?.ref_log_list(warehouse, name, before, limit))
    }

    fn ref_log_at(
        &mut self,
        warehouse: WarehouseId,
        name: &str,
        at: Timestamp,
    ) -> StoreResult<Option<RefLogRecord>> {
        Ok(self.state()?.ref_log_at(warehouse, name, at))
    }

    fn commits_get(
        &mut self,
        warehouse: WarehouseId,
        ids: &[CommitId],
    ) -> StoreResult<Vec<Option<CommitRecord>>> {
        let state = self.state()?;
        Ok(ids.iter().map(|id| state.commit(warehouse, *id)).collect())
    }

    fn commits_by_prefix(
        &mut self,
        warehouse: WarehouseId,
        prefix: &[u8],
        half: Option<u8>,
        limit: usize,
    ) -> StoreResult<Vec<CommitId>> {
        let found = self.state()?.commits_by_prefix(warehouse, prefix, half, limit);
        self.failed = found.is_err();
        found
    }

    fn commits_scan(
        &mut self,
        warehouse: WarehouseId,
        after: Option<CommitId>,
        limit: usize,
    ) -> StoreResult<Vec<CommitRecord>> {
        Ok(self.state()?.commits_scan(warehouse, after, limit))
    }

    fn idempotency_get(
        &mut self,
        warehouse: WarehouseId,
        key: &str,
    ) -> StoreResult<Option<IdempotencyRecord>> {
        Ok(self.state()?.idempotency.get(&(warehouse, key.to_owned())).cloned())
    }

    fn pending_files(
        &mut self,
        after: Option<u64>,
        limit: usize,
    ) -> StoreResult<Vec<PendingFileRecord>> {
        Ok(self.state()?.pending_files(after, limit))
    }
}
