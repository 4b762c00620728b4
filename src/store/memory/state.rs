//! What the store holds, as maps in the order of their lists.
//!
//! Each family is shared until a writer touches it, so that a snapshot costs nothing.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::base::clock::Timestamp;
use crate::base::hash::Digest;
use crate::base::ids::{CommitId, WarehouseId};
use crate::store::interface::{StoreError, StoreResult};
use crate::store::range::CommitRange;
use crate::store::records::{
    CommitRecord, IdempotencyRecord, Location, PendingFileRecord, RefKind, RefLogRecord, RefRecord,
    WarehouseRecord,
};

/// A warehouse with whether it is still listed.
#[derive(Clone, Debug)]
pub(super) struct Warehouse {
    pub(super) record: WarehouseRecord,
    pub(super) deleted: bool,
}

/// The blobs of a pack by their offset.
pub(super) type Pack = Arc<BTreeMap<u64, Bytes>>;

/// Everything.
#[derive(Clone, Default, Debug)]
pub(super) struct State {
    pub(super) warehouses: Arc<BTreeMap<WarehouseId, Warehouse>>,
    pub(super) refs: Arc<BTreeMap<(WarehouseId, String), RefRecord>>,
    pub(super) ref_log: Arc<BTreeMap<(WarehouseId, u64), RefLogRecord>>,
    pub(super) commits: Arc<BTreeMap<(WarehouseId, CommitId), CommitRecord>>,
    pub(super) packs: Arc<BTreeMap<u64, Pack>>,
    pub(super) idempotency: Arc<BTreeMap<(WarehouseId, String), IdempotencyRecord>>,
    pub(super) pending: Arc<BTreeMap<u64, PendingFileRecord>>,
    /// The last number given to a pending file.
    pub(super) pending_last: u64,
}

impl State {
    pub(super) fn warehouse(&self, name: &str) -> Option<&WarehouseRecord> {
        self.listed().find(|record| record.name == name)
    }

    pub(super) fn warehouse_list(&self, after: Option<&str>, limit: usize) -> Vec<WarehouseRecord> {
        let mut found: Vec<_> = self
            .listed()
            .filter(|record| after.is_none_or(|after| record.name.as_str() > after))
            .cloned()
            .collect();
        found.sort_unstable_by(|left, right| left.name.cmp(&right.name));
        found.truncate(limit);
        found
    }

    fn listed(&self) -> impl Iterator<Item = &WarehouseRecord> {
        self.warehouses.values().filter(|each| !each.deleted).map(|each| &each.record)
    }

    pub(super) fn reference(&self, warehouse: WarehouseId, name: &str) -> Option<RefRecord> {
        self.refs.get(&(warehouse, name.to_owned())).cloned()
    }

    pub(super) fn ref_list(
        &self,
        warehouse: WarehouseId,
        kind: Option<RefKind>,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<RefRecord> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded((warehouse, after.to_owned())),
            _ => Bound::Included((warehouse, prefix.to_owned())),
        };
        self.refs
            .range((start, Bound::Unbounded))
            .take_while(|((owner, name), _)| *owner == warehouse && name.starts_with(prefix))
            .map(|(_, record)| record)
            .filter(|record| kind.is_none_or(|kind| record.kind == kind))
            .take(limit)
            .cloned()
            .collect()
    }

    pub(super) fn ref_log_list(
        &self,
        warehouse: WarehouseId,
        name: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> Vec<RefLogRecord> {
        let end = match before {
            Some(before) => Bound::Excluded((warehouse, before)),
            None => Bound::Included((warehouse, u64::MAX)),
        };
        self.log_backwards(warehouse, end)
            .filter(|record| name.is_none_or(|name| record.name == name))
            .take(limit)
            .cloned()
            .collect()
    }

    pub(super) fn ref_log_at(
        &self,
        warehouse: WarehouseId,
        name: &str,
        at: Timestamp,
    ) -> Option<RefLogRecord> {
        self.log_backwards(warehouse, Bound::Included((warehouse, u64::MAX)))
            .find(|record| record.name == name && record.at <= at)
            .cloned()
    }

    fn log_backwards(
        &self,
        warehouse: WarehouseId,
        end: Bound<(WarehouseId, u64)>,
    ) -> impl Iterator<Item = &RefLogRecord> {
        self.ref_log.range((Bound::Included((warehouse, 0)), end)).rev().map(|(_, record)| record)
    }

    pub(super) fn commit(&self, warehouse: WarehouseId, id: CommitId) -> Option<CommitRecord> {
        self.commits.get(&(warehouse, id)).cloned()
    }

    pub(super) fn commits_by_prefix(
        &self,
        warehouse: WarehouseId,
        prefix: &[u8],
        half: Option<u8>,
        limit: usize,
    ) -> StoreResult<Vec<CommitId>> {
        let Some(range) = CommitRange::of_prefix(prefix, half)? else { return Ok(Vec::new()) };
        Ok(self
            .commits
            .range((warehouse, range.first)..=(warehouse, range.last))
            .take(limit)
            .map(|((_, id), _)| *id)
            .collect())
    }

    pub(super) fn commits_scan(
        &self,
        warehouse: WarehouseId,
        after: Option<CommitId>,
        limit: usize,
    ) -> Vec<CommitRecord> {
        self.commits
            .range((warehouse, CommitId::new(Digest::default()))..)
            .take_while(|((owner, _), _)| *owner == warehouse)
            .filter(|((_, id), _)| after.is_none_or(|after| *id > after))
            .take(limit)
            .map(|(_, record)| record.clone())
            .collect()
    }

    pub(super) fn pending_files(&self, after: Option<u64>, limit: usize) -> Vec<PendingFileRecord> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let files = self.pending.range((start, Bound::Unbounded));
        files.take(limit).map(|(_, record)| record.clone()).collect()
    }

    pub(super) fn blob(&self, location: Location) -> StoreResult<Bytes> {
        self.packs
            .get(&location.pack())
            .and_then(|pack| pack.get(&location.offset()))
            .cloned()
            .ok_or_else(|| StoreError::Corrupt(format!("{location:?} names no blob")))
    }
}
