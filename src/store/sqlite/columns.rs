//! Values of the contract to and from columns, checked: a value out of shape is damage, never a panic.

use bytes::Bytes;
use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::base::clock::Timestamp;
use crate::base::hash::Digest;
use crate::base::ids::CommitId;
use crate::store::interface::{StoreError, StoreResult};

/// A number as SQLite's signed integer.
pub(super) fn signed(number: u64) -> StoreResult<i64> {
    i64::try_from(number)
        .map_err(|_| StoreError::Contract(format!("{number} is more than the store can count")))
}

/// A limit for `LIMIT`, which is unlimited below zero.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A number that cannot be negative.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> StoreResult<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| damaged(column, "a negative number"))
}

/// A point in time.
pub(super) fn timestamp(row: &Row<'_>, column: usize) -> StoreResult<Timestamp> {
    Ok(Timestamp::from_micros(row.get(column)?))
}

/// Bytes, copied once.
pub(super) fn bytes(row: &Row<'_>, column: usize) -> StoreResult<Bytes> {
    match row.get_ref(column)? {
        ValueRef::Blob(bytes) => Ok(Bytes::copy_from_slice(bytes)),
        _ => Err(damaged(column, "something else than bytes")),
    }
}

/// A hash.
pub(super) fn digest(row: &Row<'_>, column: usize) -> StoreResult<Digest> {
    match row.get_ref(column)? {
        ValueRef::Blob(bytes) => {
            Digest::from_slice(bytes).ok_or_else(|| damaged(column, "a hash that is not 32 bytes"))
        }
        _ => Err(damaged(column, "something else than a hash")),
    }
}

/// A commit's id.
pub(super) fn commit_id(row: &Row<'_>, column: usize) -> StoreResult<CommitId> {
    digest(row, column).map(CommitId::new)
}

/// A commit's id or nothing.
pub(super) fn commit_id_or_none(row: &Row<'_>, column: usize) -> StoreResult<Option<CommitId>> {
    match row.get_ref(column)? {
        ValueRef::Null => Ok(None),
        _ => commit_id(row, column).map(Some),
    }
}

/// The error for a column that holds what it must not.
pub(super) fn damaged(column: usize, what: &str) -> StoreError {
    StoreError::Corrupt(format!("column {column} of a row holds {what}"))
}
