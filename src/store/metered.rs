//! A store that counts and times every call.
//!
//! Decides nothing and keeps nothing but numbers; where they go is the caller's [`StoreMetrics`], so that
//! this module knows no metrics library. The clock is a parameter.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::interface::{Capabilities, MetaStore, ReadTxn, StoreResult, WriteTxn};
use super::records::{
    CommitRecord, IdempotencyRecord, Location, PendingFileRecord, RefKind, RefLogRecord, RefRecord,
    WarehouseRecord,
};
use crate::base::clock::{SharedClock, Timestamp};
use crate::base::ids::{CommitId, WarehouseId};

/// Takes what is measured.
pub trait StoreMetrics: Debug + Send + Sync {
    /// One call of a method of the store has ended after this many microseconds.
    fn observe(&self, method: &'static str, micros: u64, ok: bool);
}

/// Sums of one method.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Total {
    /// Calls, failed ones included.
    pub calls: u64,
    /// Calls that failed.
    pub failures: u64,
    /// Time in all of them.
    pub micros: u64,
}

/// Sums per method, in memory: for tests of cost and for whoever wants to look.
#[derive(Debug, Default)]
pub struct Totals {
    methods: Mutex<BTreeMap<&'static str, Total>>,
}

impl Totals {
    /// The sums so far, by method.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<&'static str, Total> {
        self.methods.lock().clone()
    }
}

impl StoreMetrics for Totals {
    fn observe(&self, method: &'static str, micros: u64, ok: bool) {
        let mut methods = self.methods.lock();
        let total = methods.entry(method).or_default();
        total.calls += 1;
        total.failures += u64::from(!ok);
        total.micros = total.micros.saturating_add(micros);
    }
}

/// Where to and by which clock.
#[derive(Debug)]
struct Meter {
    metrics: Arc<dyn StoreMetrics>,
    clock: SharedClock,
}

impl Meter {
    fn time<T>(
        &self,
        method: &'static str,
        call: impl FnOnce() -> StoreResult<T>,
    ) -> StoreResult<T> {
        let start = self.clock.monotonic();
        let result = call();
        let took = self.clock.monotonic().saturating_sub(start);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.metrics.observe(method, micros, result.is_ok());
        result
    }
}

/// A store whose calls are measured.
#[derive(Debug)]
pub struct MeteredStore<S> {
    inner: S,
    meter: Meter,
}

impl<S> MeteredStore<S> {
    /// Wraps a store.
    #[must_use]
    pub fn new(inner: S, metrics: Arc<dyn StoreMetrics>, clock: SharedClock) -> Self {
        Self { inner, meter: Meter { metrics, clock } }
    }

    /// The store inside.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl<S: MetaStore> MetaStore for MeteredStore<S> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn begin_read(&self) -> StoreResult<Box<dyn ReadTxn + '_>> {
        let inner = self.meter.time("begin_read", || self.inner.begin_read())?;
        Ok(Box::new(MeteredTxn { meter: &self.meter, inner }))
    }

    fn begin_write(&self) -> StoreResult<Box<dyn WriteTxn + '_>> {
        let inner = self.meter.time("begin_write", || self.inner.begin_write())?;
        Ok(Box::new(MeteredTxn { meter: &self.meter, inner }))
    }

    fn blobs_get(&self, locations: &[Location]) -> StoreResult<Vec<Bytes>> {
        self.meter.time("blobs_get", || self.inner.blobs_get(locations))
    }
}

/// A transaction of either sort.
struct MeteredTxn<'s, T: ?Sized> {
    meter: &'s Meter,
    inner: Box<T>,
}

impl<T: ?Sized> Debug for MeteredTxn<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeteredTxn").finish_non_exhaustive()
    }
}

impl<T: ?Sized> MeteredTxn<'_, T> {
    fn run<R>(
        &mut self,
        method: &'static str,
        call: impl FnOnce(&mut T) -> StoreResult<R>,
    ) -> StoreResult<R> {
        self.meter.time(method, || call(&mut self.inner))
    }
}

impl<T: ReadTxn + ?Sized> ReadTxn for MeteredTxn<'_, T> {
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

impl<'s> WriteTxn for MeteredTxn<'s, dyn WriteTxn + 's> {
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
        let Self { meter, inner } = *self;
        meter.time("commit", || inner.commit())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::base::clock::ManualClock;
    use crate::store::conformance::samples::{branch, warehouse_new};
    use crate::store::memory::MemoryStore;

    #[test]
    fn calls_failures_and_time_are_summed() {
        let totals = Arc::new(Totals::default());
        let clock = Arc::new(ManualClock::default());
        let (metrics, shared) = (Arc::clone(&totals), Arc::clone(&clock));
        let store = MeteredStore::new(MemoryStore::new(), metrics, shared);
        let warehouse = warehouse_new(&store, "lake").unwrap();
        let mut txn = store.begin_write().unwrap();
        assert!(txn.ref_get(warehouse, "main").unwrap().is_none());
        txn.ref_put(warehouse, &branch("main", "a")).unwrap();
        assert!(txn.ref_delete(warehouse, "other").is_err());
        drop(txn);
        clock.advance(Duration::from_micros(7));
        let failed = store.meter.time("slow", || {
            clock.advance(Duration::from_micros(5));
            store.blobs_get(&[Location::NONE])
        });
        assert!(failed.is_err());
        let total = |calls, failures, micros| Total { calls, failures, micros };
        let found: Vec<_> = totals.snapshot().into_iter().collect();
        let expected = [
            ("begin_write", total(2, 0, 0)),
            ("blobs_get", total(1, 1, 0)),
            ("commit", total(1, 0, 0)),
            ("ref_delete", total(1, 1, 0)),
            ("ref_get", total(1, 0, 0)),
            ("ref_put", total(1, 0, 0)),
            ("slow", total(1, 1, 5)),
            ("warehouse_insert", total(1, 0, 0)),
        ];
        assert_eq!(found, expected);
    }
}
