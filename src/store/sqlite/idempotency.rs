//! Answers that are kept for their idempotency keys.

use rusqlite::{Connection, Row};

use super::columns::{bytes, digest, limit, signed, timestamp};
use super::warehouses;
use crate::base::clock::Timestamp;
use crate::base::ids::WarehouseId;
use crate::store::interface::{StoreError, StoreResult};
use crate::store::records::IdempotencyRecord;

pub(super) fn get(
    connection: &Connection,
    warehouse: WarehouseId,
    key: &str,
) -> StoreResult<Option<IdempotencyRecord>> {
    let mut statement = connection.prepare_cached(
        "SELECT key, request, answer, expires_at FROM idempotency
         WHERE warehouse = ?1 AND key = ?2",
    )?;
    let mut rows = statement.query((signed(warehouse.0)?, key))?;
    rows.next()?.map(record).transpose()
}

pub(super) fn put(
    connection: &Connection,
    warehouse: WarehouseId,
    record: &IdempotencyRecord,
    now: Timestamp,
) -> StoreResult<()> {
    warehouses::exists(connection, warehouse)?;
    // The row is written only where none is there or the one there has expired.
    let written = connection
        .prepare_cached(
            "INSERT INTO idempotency (warehouse, key, request, answer, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (warehouse, key) DO UPDATE SET
                 request = excluded.request, answer = excluded.answer,
                 expires_at = excluded.expires_at
             WHERE idempotency.expires_at <= ?6",
        )?
        .execute((
            signed(warehouse.0)?,
            &record.key,
            record.request.as_bytes(),
            record.answer.as_ref(),
            record.expires_at.as_micros(),
            now.as_micros(),
        ))?;
    if written == 1 {
        Ok(())
    } else {
        Err(StoreError::Contract(format!("idempotency key {:?} is there already", record.key)))
    }
}

pub(super) fn expire(
    connection: &Connection,
    before: Timestamp,
    count: usize,
) -> StoreResult<usize> {
    Ok(connection
        .prepare_cached(
            "DELETE FROM idempotency WHERE number IN (
                 SELECT number FROM idempotency WHERE expires_at < ?1
                 ORDER BY expires_at LIMIT ?2)",
        )?
        .execute((before.as_micros(), limit(count)))?)
}

fn record(row: &Row<'_>) -> StoreResult<IdempotencyRecord> {
    Ok(IdempotencyRecord {
        key: row.get(0)?,
        request: digest(row, 1)?,
        answer: bytes(row, 2)?,
        expires_at: timestamp(row, 3)?,
    })
}
