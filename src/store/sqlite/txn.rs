//! Transactions: a connection between `BEGIN` and its end, and the traits on top of it.
//!
//! Decides nothing about rows; each method goes to the family's file. After an error a transaction
//! answers nothing more, and dropping it rolls back.

use std::fmt::{self, Debug};
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::MutexGuard;
use rusqlite::Connection;

use super::connection::Idle;
use super::error::{commit_certainty, translate};
use super::{commits, idempotency, packs, pending, ref_log, refs, warehouses};
use crate::base::clock::Timestamp;
use crate::base::ids::{CommitId, WarehouseId};
use crate::store::interface::{Certainty, ReadTxn, StoreError, StoreResult, WriteTxn};
use crate::store::records::{
    CommitRecord, IdempotencyRecord, PendingFileRecord, RefKind, RefLogRecord, RefRecord,
    WarehouseRecord,
};

/// A connection inside a transaction.
pub(super) trait Handle {
    /// The connection; an error once the transaction is over.
    fn connection(&self) -> StoreResult<&Connection>;
}

/// A read: owns its connection until the end.
pub(super) struct ReadHandle<'s> {
    idle: &'s Idle,
    connection: Option<Connection>,
}

impl<'s> ReadHandle<'s> {
    /// Starts a read on a connection that goes back to `idle` afterwards.
    pub(super) fn begin(idle: &'s Idle, connection: Connection) -> StoreResult<Self> {
        connection.prepare_cached("BEGIN DEFERRED")?.execute([])?;
        Ok(Self { idle, connection: Some(connection) })
    }
}

impl Handle for ReadHandle<'_> {
    fn connection(&self) -> StoreResult<&Connection> {
        self.connection.as_ref().ok_or_else(over)
    }
}

impl Drop for ReadHandle<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && rolled_back(&connection)
        {
            self.idle.give(connection);
        }
    }
}

/// A write: holds the writing connection against others.
pub(super) struct WriteHandle<'s> {
    writer: MutexGuard<'s, Option<Connection>>,
    in_doubt: &'s AtomicBool,
}

impl<'s> WriteHandle<'s> {
    /// Starts a write on the connection that is there.
    pub(super) fn begin(
        writer: MutexGuard<'s, Option<Connection>>,
        in_doubt: &'s AtomicBool,
    ) -> StoreResult<Self> {
        let handle = Self { writer, in_doubt };
        handle.connection()?.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(handle)
    }

    /// Ends the write. A connection whose commit failed is never used again.
    fn commit(mut self) -> StoreResult<()> {
        let connection = self.writer.take().ok_or_else(over)?;
        let result = connection.prepare_cached("COMMIT").and_then(|mut end| end.execute([]));
        match result {
            Ok(_) => {
                *self.writer = Some(connection);
                Ok(())
            }
            Err(error) => {
                let certainty = commit_certainty(&error);
                if certainty == Certainty::MayBeDone {
                    self.in_doubt.store(true, Ordering::Release);
                }
                Err(translate_commit(&error, certainty))
            }
        }
    }
}

/// A commit that may be done is never reported as anything but that.
fn translate_commit(error: &rusqlite::Error, certainty: Certainty) -> StoreError {
    match certainty {
        Certainty::NotDone => translate(error, certainty),
        Certainty::MayBeDone => {
            StoreError::Unavailable { message: format!("commit failed: {error}"), certainty }
        }
    }
}

impl Handle for WriteHandle<'_> {
    fn connection(&self) -> StoreResult<&Connection> {
        self.writer.as_ref().ok_or_else(over)
    }
}

impl Drop for WriteHandle<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.writer.take()
            && rolled_back(&connection)
        {
            *self.writer = Some(connection);
        }
    }
}

/// Ends a transaction without keeping it; whether the connection is fit for another one.
fn rolled_back(connection: &Connection) -> bool {
    if !connection.is_autocommit() {
        let _undone = connection.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([]));
    }
    connection.is_autocommit()
}

fn over() -> StoreError {
    StoreError::Contract("the transaction is over".to_owned())
}

/// A transaction of either sort.
pub(super) struct SqliteTxn<H> {
    handle: H,
    failed: bool,
    /// The highest pack that a commit of this transaction names as its root's place.
    root_pack: u64,
}

impl<H> Debug for SqliteTxn<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteTxn").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl<H: Handle> SqliteTxn<H> {
    pub(super) fn new(handle: H) -> Self {
        Self { handle, failed: false, root_pack: 0 }
    }

    /// Runs one call; the first that fails is the last.
    fn run<T>(&mut self, call: impl FnOnce(&Connection) -> StoreResult<T>) -> StoreResult<T> {
        if self.failed {
            return Err(StoreError::Contract("the transaction failed before".to_owned()));
        }
        let result = self.handle.connection().and_then(call);
        self.failed = result.is_err();
        result
    }
}

impl<H: Handle> ReadTxn for SqliteTxn<H> {
    fn warehouse_get(&mut self, name: &str) -> StoreResult<Option<WarehouseRecord>> {
        self.run(|connection| warehouses::get(connection, name))
    }

    fn warehouse_list(
        &mut self,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<WarehouseRecord>> {
        self.run(|connection| warehouses::list(connection, after, limit))
    }

    fn ref_get(&mut self, warehouse: WarehouseId, name: &str) -> StoreResult<Option<RefRecord>> {
        self.run(|connection| refs::get(connection, warehouse, name))
    }

    fn ref_list(
        &mut self,
        warehouse: WarehouseId,
        kind: Option<RefKind>,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<RefRecord>> {
        self.run(|connection| refs::list(connection, warehouse, kind, prefix, after, limit))
    }

    fn ref_log_list(
        &mut self,
        warehouse: WarehouseId,
        name: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> StoreResult<Vec<RefLogRecord>> {
        self.run(|connection| ref_log::list(connection, warehouse, name, before, limit))
    }

    fn ref_log_at(
        &mut self,
        warehouse: WarehouseId,
        name: &str,
        at: Timestamp,
    ) -> StoreResult<Option<RefLogRecord>> {
        self.run(|connection| ref_log::at(connection, warehouse, name, at))
    }

    fn commits_get(
        &mut self,
        warehouse: WarehouseId,
        ids: &[CommitId],
    ) -> StoreResult<Vec<Option<CommitRecord>>> {
        self.run(|connection| commits::get(connection, warehouse, ids))
    }

    fn commits_by_prefix(
        &mut self,
        warehouse: WarehouseId,
        prefix: &[u8],
        half: Option<u8>,
        limit: usize,
    ) -> StoreResult<Vec<CommitId>> {
        self.run(|connection| commits::by_prefix(connection, warehouse, prefix, half, limit))
    }

    fn commits_scan(
        &mut self,
        warehouse: WarehouseId,
        after: Option<CommitId>,
        limit: usize,
    ) -> StoreResult<Vec<CommitRecord>> {
        self.run(|connection| commits::scan(connection, warehouse, after, limit))
    }

    fn idempotency_get(
        &mut self,
        warehouse: WarehouseId,
        key: &str,
    ) -> StoreResult<Option<IdempotencyRecord>> {
        self.run(|connection| idempotency::get(connection, warehouse, key))
    }

    fn pending_files(
        &mut self,
        after: Option<u64>,
        limit: usize,
    ) -> StoreResult<Vec<PendingFileRecord>> {
        self.run(|connection| pending::list(connection, after, limit))
    }
}

impl WriteTxn for SqliteTxn<WriteHandle<'_>> {
    fn refs_lock(
        &mut self,
        warehouse: WarehouseId,
        names: &[&str],
    ) -> StoreResult<Vec<Option<RefRecord>>> {
        self.run(|connection| refs::lock(connection, warehouse, names))
    }

    fn warehouse_insert(&mut self, record: &WarehouseRecord) -> StoreResult<WarehouseRecord> {
        self.run(|connection| warehouses::insert(connection, record))
    }

    fn warehouse_update(&mut self, record: &WarehouseRecord) -> StoreResult<()> {
        self.run(|connection| warehouses::update(connection, record))
    }

    fn warehouse_delete(&mut self, warehouse: WarehouseId) -> StoreResult<()> {
        self.run(|connection| warehouses::delete(connection, warehouse))
    }

    fn ref_put(&mut self, warehouse: WarehouseId, record: &RefRecord) -> StoreResult<()> {
        self.run(|connection| refs::put(connection, warehouse, record))
    }

    fn ref_delete(&mut self, warehouse: WarehouseId, name: &str) -> StoreResult<()> {
        self.run(|connection| refs::delete(connection, warehouse, name))
    }

    fn ref_log_last(&mut self, warehouse: WarehouseId) -> StoreResult<Option<RefLogRecord>> {
        self.run(|connection| ref_log::last(connection, warehouse))
    }

    fn ref_log_append(
        &mut self,
        warehouse: WarehouseId,
        records: &[RefLogRecord],
    ) -> StoreResult<()> {
        self.run(|connection| ref_log::append(connection, warehouse, records))
    }

    fn pack_next(&mut self) -> StoreResult<u64> {
        self.run(packs::next)
    }

    fn pack_append(&mut self, pack: u64, blobs: &[Bytes]) -> StoreResult<()> {
        self.run(|connection| packs::append(connection, pack, blobs))
    }

    fn commits_insert(
        &mut self,
        warehouse: WarehouseId,
        records: &[CommitRecord],
    ) -> StoreResult<()> {
        let highest = records.iter().map(|record| record.root.pack()).max().unwrap_or(0);
        self.root_pack = self.root_pack.max(highest);
        self.run(|connection| commits::insert(connection, warehouse, records))
    }

    fn idempotency_put(
        &mut self,
        warehouse: WarehouseId,
        record: &IdempotencyRecord,
        now: Timestamp,
    ) -> StoreResult<()> {
        self.run(|connection| idempotency::put(connection, warehouse, record, now))
    }

    fn idempotency_expire(&mut self, before: Timestamp, limit: usize) -> StoreResult<usize> {
        self.run(|connection| idempotency::expire(connection, before, limit))
    }

    fn pending_files_add(&mut self, files: &[(String, Bytes)]) -> StoreResult<Vec<u64>> {
        self.run(|connection| pending::add(connection, files))
    }

    fn pending_files_remove(&mut self, sequences: &[u64]) -> StoreResult<()> {
        self.run(|connection| pending::remove(connection, sequences))
    }

    fn commit(mut self: Box<Self>) -> StoreResult<()> {
        let root_pack = self.root_pack;
        self.run(|connection| {
            if root_pack != 0 && root_pack >= packs::next(connection)? {
                return Err(StoreError::Contract(format!(
                    "a commit's root lies in pack {root_pack}, which is not there"
                )));
            }
            Ok(())
        })?;
        let Self { handle, .. } = *self;
        handle.commit()
    }
}
