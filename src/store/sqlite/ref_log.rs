//! Movements of refs: a chain per warehouse, only ever appended to.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::columns::{commit_id_or_none, damaged, digest, limit, signed, timestamp, unsigned};
use super::{refs, warehouses};
use crate::base::clock::Timestamp;
use crate::base::ids::{CommitId, WarehouseId};
use crate::store::interface::StoreResult;
use crate::store::records::{RefAction, RefLogRecord};

const COLUMNS: &str =
    "sequence, name, kind, action, head_from, head_to, actor, reason, at, previous, hash";

pub(super) fn list(
    connection: &Connection,
    warehouse: WarehouseId,
    name: Option<&str>,
    before: Option<u64>,
    count: usize,
) -> StoreResult<Vec<RefLogRecord>> {
    let warehouse = signed(warehouse.0)?;
    let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    match name {
        None => records(
            connection,
            &format!(
                "SELECT {COLUMNS} FROM ref_log WHERE warehouse = ?1 AND sequence < ?2
                 ORDER BY sequence DESC LIMIT ?3"
            ),
            (warehouse, before, limit(count)),
        ),
        Some(name) => records(
            connection,
            &format!(
                "SELECT {COLUMNS} FROM ref_log INDEXED BY ref_log_name
                 WHERE warehouse = ?1 AND name = ?4 AND sequence < ?2
                 ORDER BY sequence DESC LIMIT ?3"
            ),
            (warehouse, before, limit(count), name),
        ),
    }
}

pub(super) fn at(
    connection: &Connection,
    warehouse: WarehouseId,
    name: &str,
    at: Timestamp,
) -> StoreResult<Option<RefLogRecord>> {
    // Times never decrease with the sequence: first the last movement of any ref by then, and from
    // there back to the last one of this ref.
    let last: Option<i64> = connection
        .prepare_cached(
            "SELECT sequence FROM ref_log INDEXED BY ref_log_at
             WHERE warehouse = ?1 AND at <= ?2 ORDER BY at DESC, sequence DESC LIMIT 1",
        )?
        .query_row((signed(warehouse.0)?, at.as_micros()), |row| row.get(0))
        .optional()?;
    let Some(last) = last.and_then(|last| u64::try_from(last).ok()) else { return Ok(None) };
    Ok(list(connection, warehouse, Some(name), Some(last.saturating_add(1)), 1)?.pop())
}

pub(super) fn last(
    connection: &Connection,
    warehouse: WarehouseId,
) -> StoreResult<Option<RefLogRecord>> {
    Ok(list(connection, warehouse, None, None, 1)?.pop())
}

pub(super) fn append(
    connection: &Connection,
    warehouse: WarehouseId,
    records: &[RefLogRecord],
) -> StoreResult<()> {
    warehouses::exists(connection, warehouse)?;
    let last = last(connection, warehouse)?;
    RefLogRecord::check_chain(last.as_ref(), records)?;
    let mut statement = connection.prepare_cached(
        "INSERT INTO ref_log (warehouse, sequence, name, kind, action, head_from, head_to,
                              actor, reason, at, previous, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for record in records {
        statement.execute((
            signed(warehouse.0)?,
            signed(record.sequence)?,
            &record.name,
            refs::kind_code(record.kind),
            action_code(record.action),
            head(record.from),
            head(record.to),
            &record.actor,
            &record.reason,
            record.at.as_micros(),
            record.previous.as_bytes(),
            record.hash.as_bytes(),
        ))?;
    }
    Ok(())
}

fn records(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> StoreResult<Vec<RefLogRecord>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(record(row)?);
    }
    Ok(found)
}

fn record(row: &Row<'_>) -> StoreResult<RefLogRecord> {
    Ok(RefLogRecord {
        sequence: unsigned(row, 0)?,
        name: row.get(1)?,
        kind: refs::kind(row, 2)?,
        action: action(row, 3)?,
        from: commit_id_or_none(row, 4)?,
        to: commit_id_or_none(row, 5)?,
        actor: row.get(6)?,
        reason: row.get(7)?,
        at: timestamp(row, 8)?,
        previous: digest(row, 9)?,
        hash: digest(row, 10)?,
    })
}

fn head(commit: Option<CommitId>) -> Value {
    commit.map_or(Value::Null, |commit| Value::Blob(commit.as_bytes().to_vec()))
}

const fn action_code(action: RefAction) -> i64 {
    match action {
        RefAction::Create => 1,
        RefAction::Commit => 2,
        RefAction::Merge => 3,
        RefAction::Reset => 4,
        RefAction::Delete => 5,
        RefAction::Restore => 6,
    }
}

fn action(row: &Row<'_>, column: usize) -> StoreResult<RefAction> {
    match row.get::<_, i64>(column)? {
        1 => Ok(RefAction::Create),
        2 => Ok(RefAction::Commit),
        3 => Ok(RefAction::Merge),
        4 => Ok(RefAction::Reset),
        5 => Ok(RefAction::Delete),
        6 => Ok(RefAction::Restore),
        _ => Err(damaged(column, "an unknown action")),
    }
}
