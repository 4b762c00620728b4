//! Warehouses.

use rusqlite::{Connection, OptionalExtension as _, Row};

use super::columns::{limit, signed, timestamp, unsigned};
use crate::base::ids::WarehouseId;
use crate::store::interface::{StoreError, StoreResult};
use crate::store::records::WarehouseRecord;

pub(super) fn get(connection: &Connection, name: &str) -> StoreResult<Option<WarehouseRecord>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, location, default_branch, client_gc, created_at
         FROM warehouses WHERE name = ?1 AND deleted = 0",
    )?;
    let mut rows = statement.query([name])?;
    rows.next()?.map(record).transpose()
}

pub(super) fn list(
    connection: &Connection,
    after: Option<&str>,
    count: usize,
) -> StoreResult<Vec<WarehouseRecord>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, location, default_branch, client_gc, created_at
         FROM warehouses WHERE deleted = 0 AND (?1 IS NULL OR name > ?1)
         ORDER BY name LIMIT ?2",
    )?;
    let mut rows = statement.query((after, limit(count)))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(record(row)?);
    }
    Ok(found)
}

pub(super) fn insert(
    connection: &Connection,
    record: &WarehouseRecord,
) -> StoreResult<WarehouseRecord> {
    if get(connection, &record.name)?.is_some() {
        return Err(StoreError::Contract(format!("warehouse {:?} is there already", record.name)));
    }
    connection
        .prepare_cached(
            "INSERT INTO warehouses (name, location, default_branch, client_gc, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute((
            &record.name,
            &record.location,
            &record.default_branch,
            record.client_gc,
            record.created_at.as_micros(),
        ))?;
    let id = u64::try_from(connection.last_insert_rowid())
        .map_err(|_| StoreError::Corrupt("a warehouse got a negative number".to_owned()))?;
    Ok(WarehouseRecord { id: WarehouseId(id), ..record.clone() })
}

pub(super) fn update(connection: &Connection, record: &WarehouseRecord) -> StoreResult<()> {
    let changed = connection
        .prepare_cached(
            "UPDATE warehouses SET location = ?2, default_branch = ?3, client_gc = ?4
             WHERE id = ?1 AND deleted = 0 AND name = ?5 AND created_at = ?6",
        )?
        .execute((
            signed(record.id.0)?,
            &record.location,
            &record.default_branch,
            record.client_gc,
            &record.name,
            record.created_at.as_micros(),
        ))?;
    if changed == 1 {
        return Ok(());
    }
    exists(connection, record.id)?;
    Err(StoreError::Contract("a warehouse's name and time of creation never change".to_owned()))
}

pub(super) fn delete(connection: &Connection, warehouse: WarehouseId) -> StoreResult<()> {
    exists(connection, warehouse)?;
    connection
        .prepare_cached("UPDATE warehouses SET deleted = 1 WHERE id = ?1")?
        .execute([signed(warehouse.0)?])?;
    Ok(())
}

/// Refuses a number that no warehouse has; every write to a warehouse asks.
pub(super) fn exists(connection: &Connection, warehouse: WarehouseId) -> StoreResult<()> {
    let found: Option<i64> = connection
        .prepare_cached("SELECT id FROM warehouses WHERE id = ?1 AND deleted = 0")?
        .query_row([signed(warehouse.0)?], |row| row.get(0))
        .optional()?;
    match found {
        Some(_) => Ok(()),
        None => Err(StoreError::Contract(format!("there is no warehouse {}", warehouse.0))),
    }
}

fn record(row: &Row<'_>) -> StoreResult<WarehouseRecord> {
    Ok(WarehouseRecord {
        id: WarehouseId(unsigned(row, 0)?),
        name: row.get(1)?,
        location: row.get(2)?,
        default_branch: row.get(3)?,
        client_gc: row.get(4)?,
        created_at: timestamp(row, 5)?,
    })
}
