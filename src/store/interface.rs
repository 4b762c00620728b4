//! The metadata store's traits. This page is the contract; `store::conformance` is its executable form.
//!
//! - Synchronous: a call may block for a disk or a network round trip. Callers on an async runtime
//!   decide where that is allowed.
//! - The store never reads a clock and makes no ids: times and ids are parameters.
//! - Immutable things (packs, commits, ref-log rows) are only ever added. Mutable things are the refs,
//!   the warehouses, the pending files and the expiry of idempotency answers.
//! - A read transaction sees one consistent state from its first call on. A write transaction sees its
//!   own writes, and nobody else sees any of them until [`WriteTxn::commit`] returned `Ok`; then they
//!   are durable: they survive a crash of the process and of the machine.
//! - Lists have a stable order and an explicit limit.

use std::fmt::Debug;
use std::sync::Arc;

use bytes::Bytes;

use super::records::{
    CommitRecord, IdempotencyRecord, Location, PendingFileRecord, RefKind, RefLogRecord, RefRecord,
    WarehouseRecord,
};
use crate::base::clock::Timestamp;
use crate::base::ids::{CommitId, WarehouseId};

/// Whether a failed write may have happened all the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Certainty {
    /// Nothing of it is stored, now or later.
    NotDone,
    /// It may be stored in full; read back to know. Never in part.
    MayBeDone,
}

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached or refuses work for now (disk full, busy, read-only).
    #[error("the metadata store is unavailable: {message}")]
    Unavailable {
        /// What it said.
        message: String,
        /// Whether the write may have happened.
        certainty: Certainty,
    },
    /// Stored data contradicts itself or the contract.
    #[error("the metadata store is damaged: {0}")]
    Corrupt(String),
    /// A version of the schema or format that this program does not know.
    #[error("the metadata store has another format: {0}")]
    Format(String),
    /// The caller broke the contract (unknown pack, duplicate key, oversize value, missing ref).
    #[error("the metadata store was used wrongly: {0}")]
    Contract(String),
}

impl StoreError {
    /// Whether the write may have happened.
    #[must_use]
    pub const fn certainty(&self) -> Certainty {
        match self {
            Self::Unavailable { certainty, .. } => *certainty,
            Self::Corrupt(_) | Self::Format(_) | Self::Contract(_) => Certainty::NotDone,
        }
    }
}

/// Result of a store call.
pub type StoreResult<T> = Result<T, StoreError>;

/// What differs between stores, as values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// No other process writes to this store while it is open here, so heads may be kept in memory.
    pub exclusive: bool,
}

/// A metadata store.
pub trait MetaStore: Debug + Send + Sync {
    /// What this store is like.
    fn capabilities(&self) -> Capabilities;

    /// Starts a read of one consistent state. Several may be open at once, beside a writer.
    ///
    /// # Errors
    /// `Unavailable`.
    fn begin_read(&self) -> StoreResult<Box<dyn ReadTxn + '_>>;

    /// Starts a write; waits for the write that is open, if the store allows one at a time.
    ///
    /// # Errors
    /// `Unavailable` with `NotDone`.
    fn begin_write(&self) -> StoreResult<Box<dyn WriteTxn + '_>>;

    /// Reads blobs from packs, in the order of the locations. Blobs are immutable, so no transaction is
    /// needed; a pack is visible once the transaction that added it committed.
    ///
    /// # Errors
    /// `Corrupt` if a location names no blob.
    fn blobs_get(&self, locations: &[Location]) -> StoreResult<Vec<Bytes>>;
}

/// A shared store is a store, so that decorators can wrap one that others hold too.
impl<S: MetaStore + ?Sized> MetaStore for Arc<S> {
    fn capabilities(&self) -> Capabilities {
        S::capabilities(self)
    }

    fn begin_read(&self) -> StoreResult<Box<dyn ReadTxn + '_>> {
        S::begin_read(self)
    }

    fn begin_write(&self) -> StoreResult<Box<dyn WriteTxn + '_>> {
        S::begin_write(self)
    }

    fn blobs_get(&self, locations: &[Location]) -> StoreResult<Vec<Bytes>> {
        S::blobs_get(self, locations)
    }
}

/// Reads of one consistent state.
///
/// `Option` is `None` where there is no such row.
pub trait ReadTxn {
    /// A warehouse by name.
    ///
    /// # Errors
    /// As all methods here: `Unavailable` or `Corrupt`.
    fn warehouse_get(&mut self, name: &str) -> StoreResult<Option<WarehouseRecord>>;

    /// Warehouses ordered by name (bytes), after a name.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt`.
    fn warehouse_list(
        &mut self,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<WarehouseRecord>>;

    /// A ref by name.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt`.
    fn ref_get(&mut self, warehouse: WarehouseId, name: &str) -> StoreResult<Option<RefRecord>>;

    /// Refs ordered by name (bytes), of one kind or of both, whose names start with `prefix`, after a name.
    /// Cost grows with `limit`, not with the number of refs.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt`.
    fn ref_list(
        &mut self,
        warehouse: WarehouseId,
        kind: Option<RefKind>,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Vec<RefRecord>>;

    /// Movements with `sequence` below `before` (all if `None`), newest first, of one ref or of all.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt`.
    fn ref_log_list(
        &mut self,
        warehouse: WarehouseId,
        name: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> StoreResult<Vec<RefLogRecord>>;

    /// The last movement of a ref at or before a time.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt`.
    fn ref_log_at(
        &mut self,
        warehouse: WarehouseId,
        name: &str,
        at: Timestamp,
    ) -> StoreResult<Option<RefLogRecord>>;

    /// Commits by id, in the order asked.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt`.
    fn commits_get(
        &mut self,
        warehouse: WarehouseId,
        ids: &[CommitId],
    ) -> StoreResult<Vec<Option<CommitRecord>>>;

    /// Ids that start with these bytes (and, if `half` is given, whose next byte has these upper four
    /// bits), ordered, at most `limit`.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt`.
    fn commits_by_prefix(
        &mut self,
        warehouse: WarehouseId,
        prefix: &[u8],
        half: Option<u8>,
        limit: usize,
    ) -> StoreResult<Vec<CommitId>>;

    /// Commits ordered by id after an id: for verification.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt`.
    fn commits_scan(
        &mut self,
        warehouse: WarehouseId,
        after: Option<CommitId>,
        limit: usize,
    ) -> StoreResult<Vec<CommitRecord>>;

    /// The stored answer to a key, expired or not.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt`.
    fn idempotency_get(
        &mut self,
        warehouse: WarehouseId,
        key: &str,
    ) -> StoreResult<Option<IdempotencyRecord>>;

    /// Pending files in the order of their numbers, after a number.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt`.
    fn pending_files(
        &mut self,
        after: Option<u64>,
        limit: usize,
    ) -> StoreResult<Vec<PendingFileRecord>>;
}

/// A write in the making. Dropping it undoes everything.
///
/// Every method's error leaves the transaction unusable but for dropping it; a commit after an error is
/// refused. A write to a warehouse that is not there or was deleted is `Contract`.
pub trait WriteTxn: ReadTxn {
    /// Reads refs and holds them against other writers until the end, in the order of the names given
    /// (sorted and distinct, so that two writers never wait for each other).
    ///
    /// # Errors
    /// `Unavailable`; `Contract` if the names are not sorted and distinct.
    fn refs_lock(
        &mut self,
        warehouse: WarehouseId,
        names: &[&str],
    ) -> StoreResult<Vec<Option<RefRecord>>>;

    /// Adds a warehouse and returns it with its new number (`record.id` is ignored).
    ///
    /// # Errors
    /// `Contract` if the name is taken.
    fn warehouse_insert(&mut self, record: &WarehouseRecord) -> StoreResult<WarehouseRecord>;

    /// Changes a warehouse's settings; number, name and time of creation stay.
    ///
    /// # Errors
    /// `Contract` if there is none with this number, or if the record changes one of these.
    fn warehouse_update(&mut self, record: &WarehouseRecord) -> StoreResult<()>;

    /// Removes a warehouse from the list and frees its name. Its refs, commits and log rows stay, but
    /// nothing can be written to it any more.
    ///
    /// # Errors
    /// `Contract` if there is none with this number.
    fn warehouse_delete(&mut self, warehouse: WarehouseId) -> StoreResult<()>;

    /// Creates or moves a ref. The kind of an existing ref never changes and a tag never moves; what was
    /// deleted and made again in one transaction is deleted first.
    ///
    /// # Errors
    /// `Contract` for either of these.
    fn ref_put(&mut self, warehouse: WarehouseId, record: &RefRecord) -> StoreResult<()>;

    /// Removes a ref.
    ///
    /// # Errors
    /// `Contract` if it is not there.
    fn ref_delete(&mut self, warehouse: WarehouseId, name: &str) -> StoreResult<()>;

    /// The newest log row of a warehouse.
    ///
    /// # Errors
    /// `Unavailable` or `Corrupt`.
    fn ref_log_last(&mut self, warehouse: WarehouseId) -> StoreResult<Option<RefLogRecord>>;

    /// Appends log rows; the first must follow the last stored one, `previous` hash included.
    ///
    /// # Errors
    /// `Contract` for a gap, a wrong `previous` or a time that goes back.
    fn ref_log_append(
        &mut self,
        warehouse: WarehouseId,
        records: &[RefLogRecord],
    ) -> StoreResult<()>;

    /// The number that the next pack of this transaction will have. Blobs may refer to each other
    /// before they are stored, because their locations are known from it.
    ///
    /// # Errors
    /// `Unavailable`.
    fn pack_next(&mut self) -> StoreResult<u64>;

    /// Adds a pack under the number of [`WriteTxn::pack_next`]. Blobs are laid out by [`pack_offsets`].
    ///
    /// # Errors
    /// `Contract` for another number or more than `PACK_BYTES_MAX` bytes.
    fn pack_append(&mut self, pack: u64, blobs: &[Bytes]) -> StoreResult<()>;

    /// Adds commits. One that is there already with the same bytes is left as it is. The pack of a
    /// commit's root must be there when the transaction commits.
    ///
    /// # Errors
    /// `Contract` if an id is there with other bytes.
    fn commits_insert(
        &mut self,
        warehouse: WarehouseId,
        records: &[CommitRecord],
    ) -> StoreResult<()>;

    /// Keeps an answer; one with the same key that expired (at or before `now`) is replaced.
    ///
    /// # Errors
    /// `Contract` if the key is there and has not expired at `now`.
    fn idempotency_put(
        &mut self,
        warehouse: WarehouseId,
        record: &IdempotencyRecord,
        now: Timestamp,
    ) -> StoreResult<()>;

    /// Forgets answers that expired before a time, at most `limit`; returns how many.
    ///
    /// # Errors
    /// `Unavailable`.
    fn idempotency_expire(&mut self, before: Timestamp, limit: usize) -> StoreResult<usize>;

    /// Keeps files until they are durable at their location. Numbers are given by the store, rising;
    /// returned in the order of the files.
    ///
    /// # Errors
    /// `Unavailable`.
    fn pending_files_add(&mut self, files: &[(String, Bytes)]) -> StoreResult<Vec<u64>>;

    /// Forgets these files; numbers that are not there are no error. A number is never given again.
    ///
    /// # Errors
    /// `Unavailable`.
    fn pending_files_remove(&mut self, sequences: &[u64]) -> StoreResult<()>;

    /// Ends the transaction; on `Ok` everything is durable.
    ///
    /// # Errors
    /// With [`Certainty::NotDone`] or [`Certainty::MayBeDone`]. After the latter, what the next
    /// transaction reads stays true: a write that it does not see never appears later. `Contract` if a
    /// commit's root lies in a pack that is not there.
    fn commit(self: Box<Self>) -> StoreResult<()>;
}

/// The first byte of every pack.
pub const PACK_VERSION: u8 = 1;

/// Where each blob of a pack starts, and the pack's length: every blob is preceded by its length as a
/// little-endian u32, and an offset points at that length. Offset 0 is never used: a pack starts with
/// one version byte.
#[must_use]
pub fn pack_offsets(lengths: impl IntoIterator<Item = usize>) -> (Vec<u32>, usize) {
    let mut at = 1_usize;
    let mut offsets = Vec::new();
    for length in lengths {
        offsets.push(u32::try_from(at).unwrap_or(u32::MAX));
        at += 4 + length;
    }
    (offsets, at)
}
