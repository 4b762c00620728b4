//! Commits: rows in the order they came, found by id.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::columns::{bytes, commit_id, limit, signed, unsigned};
use super::warehouses;
use crate::base::ids::{CommitId, WarehouseId};
use crate::store::interface::{StoreError, StoreResult};
use crate::store::range::CommitRange;
use crate::store::records::{CommitRecord, Location};

pub(super) fn get(
    connection: &Connection,
    warehouse: WarehouseId,
    ids: &[CommitId],
) -> StoreResult<Vec<Option<CommitRecord>>> {
    let warehouse = signed(warehouse.0)?;
    let mut statement = connection.prepare_cached(
        "SELECT id, bytes, root, operations FROM commits WHERE warehouse = ?1 AND id = ?2",
    )?;
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let mut rows = statement.query((warehouse, id.as_bytes()))?;
        found.push(rows.next()?.map(record).transpose()?);
    }
    Ok(found)
}

pub(super) fn by_prefix(
    connection: &Connection,
    warehouse: WarehouseId,
    prefix: &[u8],
    half: Option<u8>,
    count: usize,
) -> StoreResult<Vec<CommitId>> {
    let Some(range) = CommitRange::of_prefix(prefix, half)? else { return Ok(Vec::new()) };
    let mut statement = connection.prepare_cached(
        "SELECT id FROM commits WHERE warehouse = ?1 AND id BETWEEN ?2 AND ?3
         ORDER BY id LIMIT ?4",
    )?;
    let mut rows = statement.query((
        signed(warehouse.0)?,
        range.first.as_bytes(),
        range.last.as_bytes(),
        limit(count),
    ))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(commit_id(row, 0)?);
    }
    Ok(found)
}

pub(super) fn scan(
    connection: &Connection,
    warehouse: WarehouseId,
    after: Option<CommitId>,
    count: usize,
) -> StoreResult<Vec<CommitRecord>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, bytes, root, operations FROM commits WHERE warehouse = ?1 AND id > ?2
         ORDER BY id LIMIT ?3",
    )?;
    // Every id is longer than the empty one, so it sorts after it.
    let after: &[u8] = after.as_ref().map_or(&[], |after| after.as_bytes());
    let mut rows = statement.query((signed(warehouse.0)?, after, limit(count)))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(record(row)?);
    }
    Ok(found)
}

pub(super) fn insert(
    connection: &Connection,
    warehouse: WarehouseId,
    records: &[CommitRecord],
) -> StoreResult<()> {
    warehouses::exists(connection, warehouse)?;
    let warehouse = signed(warehouse.0)?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO commits (warehouse, id, root, bytes, operations) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (warehouse, id) DO NOTHING",
    )?;
    for record in records {
        let inserted = insert.execute((
            warehouse,
            record.id.as_bytes(),
            signed(record.root.0)?,
            record.bytes.as_ref(),
            record.operations.as_ref(),
        ))?;
        if inserted == 0 && !is_there(connection, warehouse, record)? {
            return Err(StoreError::Contract(format!(
                "commit {} is there already with other bytes",
                record.id
            )));
        }
    }
    Ok(())
}

/// Whether a commit is stored with the same canonical bytes.
fn is_there(connection: &Connection, warehouse: i64, record: &CommitRecord) -> StoreResult<bool> {
    let same: Option<bool> = connection
        .prepare_cached("SELECT bytes = ?3 FROM commits WHERE warehouse = ?1 AND id = ?2")?
        .query_row((warehouse, record.id.as_bytes(), record.bytes.as_ref()), |row| row.get(0))
        .optional()?;
    Ok(same == Some(true))
}

fn record(row: &Row<'_>) -> StoreResult<CommitRecord> {
    Ok(CommitRecord {
        id: commit_id(row, 0)?,
        bytes: bytes(row, 1)?,
        root: Location(unsigned(row, 2)?),
        operations: bytes(row, 3)?,
    })
}
