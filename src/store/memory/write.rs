//! Writes on a draft of the state, with every rule of the contract checked.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::MutexGuard;

use super::MemoryStore;
use super::read::{MemoryTxn, Snapshot};
use super::state::{State, Warehouse};
use crate::base::clock::Timestamp;
use crate::base::ids::WarehouseId;
use crate::base::limits::PACK_BYTES_MAX;
use crate::store::interface::{StoreError, StoreResult, WriteTxn, pack_offsets};
use crate::store::records::{
    CommitRecord, IdempotencyRecord, Location, PendingFileRecord, RefLogRecord, RefRecord,
    WarehouseRecord,
};

/// The state as it will be, and the right to publish it.
#[derive(Debug)]
pub(super) struct Draft<'s> {
    store: &'s MemoryStore,
    state: State,
    /// Places that commits of this draft name as their roots; they must be there at the end.
    roots: Vec<Location>,
    _writer: MutexGuard<'s, ()>,
}

impl<'s> Draft<'s> {
    pub(super) fn new(store: &'s MemoryStore, writer: MutexGuard<'s, ()>, state: State) -> Self {
        Self { store, state, roots: Vec::new(), _writer: writer }
    }

    /// Refuses a number that no warehouse has.
    fn warehouse_check(&self, warehouse: WarehouseId) -> StoreResult<()> {
        match self.state.warehouses.get(&warehouse) {
            Some(there) if !there.deleted => Ok(()),
            _ => contract(format!("there is no warehouse {}", warehouse.0)),
        }
    }

    fn pack_next(&self) -> u64 {
        self.state.packs.last_key_value().map_or(1, |(last, _)| last + 1)
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        *self.store.writing.lock() = None;
    }
}

impl Snapshot for Draft<'_> {
    fn state(&self) -> &State {
        &self.state
    }
}

impl MemoryTxn<Draft<'_>> {
    /// Runs one call; the first that fails is the last.
    fn run<T>(&mut self, call: impl FnOnce(&mut Self) -> StoreResult<T>) -> StoreResult<T> {
        if self.failed {
            return contract("the transaction failed before".to_owned());
        }
        let result = call(self);
        self.failed = result.is_err();
        result
    }
}

impl WriteTxn for MemoryTxn<Draft<'_>> {
    fn refs_lock(
        &mut self,
        warehouse: WarehouseId,
        names: &[&str],
    ) -> StoreResult<Vec<Option<RefRecord>>> {
        self.run(|txn| {
            if !names.is_sorted_by(|left, right| left < right) {
                return contract("refs are locked in rising order of names".to_owned());
            }
            let state = &txn.snapshot.state;
            Ok(names.iter().map(|name| state.reference(warehouse, name)).collect())
        })
    }

    fn warehouse_insert(&mut self, record: &WarehouseRecord) -> StoreResult<WarehouseRecord> {
        self.run(|txn| {
            let state = &mut txn.snapshot.state;
            if state.warehouse(&record.name).is_some() {
                return contract(format!("warehouse {:?} is there already", record.name));
            }
            let last = state.warehouses.last_key_value().map_or(0, |(last, _)| last.0);
            let record = WarehouseRecord { id: WarehouseId(last + 1), ..record.clone() };
            let row = Warehouse { record: record.clone(), deleted: false };
            Arc::make_mut(&mut state.warehouses).insert(record.id, row);
            Ok(record)
        })
    }

    fn warehouse_update(&mut self, record: &WarehouseRecord) -> StoreResult<()> {
        self.run(|txn| {
            txn.snapshot.warehouse_check(record.id)?;
            let warehouses = Arc::make_mut(&mut txn.snapshot.state.warehouses);
            let Some(there) = warehouses.get_mut(&record.id) else { return Ok(()) };
            if there.record.name != record.name || there.record.created_at != record.created_at {
                return contract("a warehouse's name and time of creation never change".to_owned());
            }
            there.record = record.clone();
            Ok(())
        })
    }

    fn warehouse_delete(&mut self, warehouse: WarehouseId) -> StoreResult<()> {
        self.run(|txn| {
            txn.snapshot.warehouse_check(warehouse)?;
            let warehouses = Arc::make_mut(&mut txn.snapshot.state.warehouses);
            if let Some(there) = warehouses.get_mut(&warehouse) {
                there.deleted = true;
            }
            Ok(())
        })
    }

    fn ref_put(&mut self, warehouse: WarehouseId, record: &RefRecord) -> StoreResult<()> {
        self.run(|txn| {
            txn.snapshot.warehouse_check(warehouse)?;
            let refs = Arc::make_mut(&mut txn.snapshot.state.refs);
            let key = (warehouse, record.name.clone());
            if let Some(there) = refs.get(&key) {
                there.check_move(record)?;
            }
            refs.insert(key, record.clone());
            Ok(())
        })
    }

    fn ref_delete(&mut self, warehouse: WarehouseId, name: &str) -> StoreResult<()> {
        self.run(|txn| {
            txn.snapshot.warehouse_check(warehouse)?;
            let refs = Arc::make_mut(&mut txn.snapshot.state.refs);
            match refs.remove(&(warehouse, name.to_owned())) {
                Some(_) => Ok(()),
                None => contract(format!("there is no ref {name:?} to delete")),
            }
        })
    }

    fn ref_log_last(&mut self, warehouse: WarehouseId) -> StoreResult<Option<RefLogRecord>> {
        self.run(|txn| Ok(txn.snapshot.state.ref_log_list(warehouse, None, None, 1).pop()))
    }

    fn ref_log_append(
        &mut self,
        warehouse: WarehouseId,
        records: &[RefLogRecord],
    ) -> StoreResult<()> {
        self.run(|txn| {
            txn.snapshot.warehouse_check(warehouse)?;
            let state = &mut txn.snapshot.state;
            let last = state.ref_log_list(warehouse, None, None, 1).pop();
            RefLogRecord::check_chain(last.as_ref(), records)?;
            let log = Arc::make_mut(&mut state.ref_log);
            for record in records {
                log.insert((warehouse, record.sequence), record.clone());
            }
            Ok(())
        })
    }

    fn pack_next(&mut self) -> StoreResult<u64> {
        self.run(|txn| Ok(txn.snapshot.pack_next()))
    }

    fn pack_append(&mut self, pack: u64, blobs: &[Bytes]) -> StoreResult<()> {
        self.run(|txn| {
            let next = txn.snapshot.pack_next();
            if pack != next {
                return contract(format!("pack {pack} was appended, {next} is next"));
            }
            let (offsets, length) = pack_offsets(blobs.iter().map(Bytes::len));
            if length > PACK_BYTES_MAX {
                return contract(format!(
                    "a pack of {length} bytes is over the limit of {PACK_BYTES_MAX}"
                ));
            }
            let blobs: BTreeMap<u64, Bytes> =
                offsets.into_iter().map(u64::from).zip(blobs.iter().cloned()).collect();
            Arc::make_mut(&mut txn.snapshot.state.packs).insert(pack, Arc::new(blobs));
            Ok(())
        })
    }

    fn commits_insert(
        &mut self,
        warehouse: WarehouseId,
        records: &[CommitRecord],
    ) -> StoreResult<()> {
        self.run(|txn| {
            txn.snapshot.warehouse_check(warehouse)?;
            let commits = Arc::make_mut(&mut txn.snapshot.state.commits);
            for record in records {
                let there = commits.entry((warehouse, record.id)).or_insert_with(|| record.clone());
                if there.bytes != record.bytes {
                    return contract(format!(
                        "commit {} is there already with other bytes",
                        record.id
                    ));
                }
                if record.root.is_some() {
                    txn.snapshot.roots.push(record.root);
                }
            }
            Ok(())
        })
    }

    fn idempotency_put(
        &mut self,
        warehouse: WarehouseId,
        record: &IdempotencyRecord,
        now: Timestamp,
    ) -> StoreResult<()> {
        self.run(|txn| {
            txn.snapshot.warehouse_check(warehouse)?;
            let answers = Arc::make_mut(&mut txn.snapshot.state.idempotency);
            let key = (warehouse, record.key.clone());
            if answers.get(&key).is_some_and(|there| there.expires_at > now) {
                return contract(format!("idempotency key {:?} is there already", record.key));
            }
            answers.insert(key, record.clone());
            Ok(())
        })
    }

    fn idempotency_expire(&mut self, before: Timestamp, limit: usize) -> StoreResult<usize> {
        self.run(|txn| {
            let answers = Arc::make_mut(&mut txn.snapshot.state.idempotency);
            let mut expired: Vec<_> = answers
                .iter()
                .filter(|(_, record)| record.expires_at < before)
                .map(|(key, record)| (record.expires_at, key.clone()))
                .collect();
            expired.sort_unstable();
            expired.truncate(limit);
            for (_, key) in &expired {
                answers.remove(key);
            }
            Ok(expired.len())
        })
    }

    fn pending_files_add(&mut self, files: &[(String, Bytes)]) -> StoreResult<Vec<u64>> {
        self.run(|txn| {
            let state = &mut txn.snapshot.state;
            let pending = Arc::make_mut(&mut state.pending);
            let mut numbers = Vec::with_capacity(files.len());
            for (location, bytes) in files {
                state.pending_last += 1;
                let sequence = state.pending_last;
                numbers.push(sequence);
                let (location, bytes) = (location.clone(), bytes.clone());
                pending.insert(sequence, PendingFileRecord { sequence, location, bytes });
            }
            Ok(numbers)
        })
    }

    fn pending_files_remove(&mut self, sequences: &[u64]) -> StoreResult<()> {
        self.run(|txn| {
            let pending = Arc::make_mut(&mut txn.snapshot.state.pending);
            for sequence in sequences {
                pending.remove(sequence);
            }
            Ok(())
        })
    }

    fn commit(mut self: Box<Self>) -> StoreResult<()> {
        self.run(|txn| {
            let Draft { state, roots, .. } = &txn.snapshot;
            for root in roots {
                if state.blob(*root).is_err() {
                    return contract(format!("a commit's root lies at {root:?}, where no blob is"));
                }
            }
            Ok(())
        })?;
        let state = std::mem::take(&mut self.snapshot.state);
        *self.snapshot.store.published.write() = Arc::new(state);
        Ok(())
    }
}

fn contract<T>(message: String) -> StoreResult<T> {
    Err(StoreError::Contract(message))
}
