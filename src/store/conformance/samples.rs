//! Rows with boring values for the cases.

use bytes::Bytes;

use crate::base::clock::Timestamp;
use crate::base::hash::Digest;
use crate::base::ids::{CommitId, WarehouseId};
use crate::store::interface::{MetaStore, StoreError, StoreResult};
use crate::store::records::{
    CommitRecord, Location, RefAction, RefKind, RefLogRecord, RefRecord, WarehouseRecord,
};

/// A time.
#[must_use]
pub const fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// A commit id that depends on a text.
#[must_use]
pub fn commit_id(seed: &str) -> CommitId {
    CommitId::new(Digest::of(seed.as_bytes()))
}

/// A commit without a stored tree.
#[must_use]
pub fn commit(seed: &str) -> CommitRecord {
    CommitRecord {
        id: commit_id(seed),
        bytes: Bytes::from(format!("commit {seed}")),
        root: Location::NONE,
        operations: Bytes::from(format!("operations {seed}")),
    }
}

/// A warehouse that is not stored yet.
#[must_use]
pub fn warehouse(name: &str) -> WarehouseRecord {
    WarehouseRecord {
        id: WarehouseId(0),
        name: name.to_owned(),
        location: format!("file:///data/{name}"),
        default_branch: "main".to_owned(),
        client_gc: false,
        created_at: at(1),
    }
}

/// Stores a warehouse and returns its number.
///
/// # Errors
/// As the store.
pub fn warehouse_new(store: &dyn MetaStore, name: &str) -> StoreResult<WarehouseId> {
    let mut txn = store.begin_write()?;
    let stored = txn.warehouse_insert(&warehouse(name))?;
    txn.commit()?;
    Ok(stored.id)
}

/// A branch at the commit of a seed.
#[must_use]
pub fn branch(name: &str, seed: &str) -> RefRecord {
    RefRecord {
        name: name.to_owned(),
        kind: RefKind::Branch,
        commit: commit_id(seed),
        created_at: at(1),
    }
}

/// A tag at the commit of a seed.
#[must_use]
pub fn tag(name: &str, seed: &str) -> RefRecord {
    RefRecord { kind: RefKind::Tag, ..branch(name, seed) }
}

/// A log row that follows `last`, for a branch.
#[must_use]
pub fn log_row(last: Option<&RefLogRecord>, name: &str, time: i64) -> RefLogRecord {
    let sequence = last.map_or(1, |last| last.sequence + 1);
    RefLogRecord {
        sequence,
        name: name.to_owned(),
        kind: RefKind::Branch,
        action: if last.is_none() { RefAction::Create } else { RefAction::Commit },
        from: last.and_then(|last| last.to),
        to: Some(commit_id(&sequence.to_string())),
        actor: "alice".to_owned(),
        reason: "because".to_owned(),
        at: at(time),
        previous: last.map_or_else(Digest::default, |last| last.hash),
        hash: Digest::of(format!("row {sequence} {name} {time}").as_bytes()),
    }
}

/// A chain of log rows from names and times.
#[must_use]
pub fn log_rows(moves: &[(&str, i64)]) -> Vec<RefLogRecord> {
    let mut rows: Vec<RefLogRecord> = Vec::with_capacity(moves.len());
    for (name, time) in moves {
        rows.push(log_row(rows.last(), name, *time));
    }
    rows
}

/// Bytes whose pattern shows when some are missing or moved.
#[must_use]
pub fn patterned(length: usize, seed: usize) -> Bytes {
    (0..=250_u8).cycle().skip(seed).take(length).collect()
}

/// Asserts that a call was refused as wrong use.
#[track_caller]
pub fn assert_contract<T>(result: StoreResult<T>) {
    let error = result.err();
    assert!(matches!(error, Some(StoreError::Contract(_))), "expected Contract, got {error:?}");
}

/// Asserts that a call found damage.
#[track_caller]
pub fn assert_corrupt<T>(result: StoreResult<T>) {
    let error = result.err();
    assert!(matches!(error, Some(StoreError::Corrupt(_))), "expected Corrupt, got {error:?}");
}
