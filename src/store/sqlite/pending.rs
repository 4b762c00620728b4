//! Files whose bytes wait here until they are durable at their location.

use bytes::Bytes;
use rusqlite::Connection;

use super::columns::{bytes, limit, signed, unsigned};
use crate::store::interface::{StoreError, StoreResult};
use crate::store::records::PendingFileRecord;

pub(super) fn list(
    connection: &Connection,
    after: Option<u64>,
    count: usize,
) -> StoreResult<Vec<PendingFileRecord>> {
    let mut statement = connection.prepare_cached(
        "SELECT sequence, location, bytes FROM pending_files WHERE sequence > ?1
         ORDER BY sequence LIMIT ?2",
    )?;
    let after = i64::try_from(after.unwrap_or(0)).unwrap_or(i64::MAX);
    let mut rows = statement.query((after, limit(count)))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(PendingFileRecord {
            sequence: unsigned(row, 0)?,
            location: row.get(1)?,
            bytes: bytes(row, 2)?,
        });
    }
    Ok(found)
}

pub(super) fn add(connection: &Connection, files: &[(String, Bytes)]) -> StoreResult<Vec<u64>> {
    let mut statement =
        connection.prepare_cached("INSERT INTO pending_files (location, bytes) VALUES (?1, ?2)")?;
    let mut numbers = Vec::with_capacity(files.len());
    for (location, bytes) in files {
        let number = statement.insert((location, bytes.as_ref()))?;
        numbers.push(
            u64::try_from(number).map_err(|_| {
                StoreError::Corrupt("a pending file got a negative number".to_owned())
            })?,
        );
    }
    Ok(numbers)
}

pub(super) fn remove(connection: &Connection, sequences: &[u64]) -> StoreResult<()> {
    let mut statement =
        connection.prepare_cached("DELETE FROM pending_files WHERE sequence = ?1")?;
    for sequence in sequences {
        statement.execute([signed(*sequence)?])?;
    }
    Ok(())
}
