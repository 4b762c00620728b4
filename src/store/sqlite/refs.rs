//! Refs as they stand.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, Row, ToSql};

use super::columns::{commit_id, damaged, limit, signed, timestamp};
use super::warehouses;
use crate::base::ids::WarehouseId;
use crate::store::interface::{StoreError, StoreResult};
use crate::store::records::{RefKind, RefRecord};

pub(super) fn get(
    connection: &Connection,
    warehouse: WarehouseId,
    name: &str,
) -> StoreResult<Option<RefRecord>> {
    let mut statement = connection.prepare_cached(
        "SELECT name, kind, head, created_at FROM refs WHERE warehouse = ?1 AND name = ?2",
    )?;
    let mut rows = statement.query((signed(warehouse.0)?, name))?;
    rows.next()?.map(record).transpose()
}

pub(super) fn list(
    connection: &Connection,
    warehouse: WarehouseId,
    kind: Option<RefKind>,
    prefix: &str,
    after: Option<&str>,
    count: usize,
) -> StoreResult<Vec<RefRecord>> {
    // One inclusive lower bound, so that SQLite has one place to seek to. What follows a name
    // directly is the name with a zero byte.
    let lower = match after {
        Some(after) if after >= prefix => format!("{after}\0"),
        _ => prefix.to_owned(),
    };
    let upper = Upper(prefix_end(prefix));
    let warehouse = signed(warehouse.0)?;
    let mut found = Vec::new();
    let mut collect = |mut rows: rusqlite::Rows<'_>| -> StoreResult<()> {
        while let Some(row) = rows.next()? {
            found.push(record(row)?);
        }
        Ok(())
    };
    match kind {
        Some(kind) => {
            let mut statement = connection.prepare_cached(
                "SELECT name, kind, head, created_at FROM refs INDEXED BY refs_kind
                 WHERE warehouse = ?1 AND kind = ?5 AND name >= ?2 AND name < ?3
                 ORDER BY name LIMIT ?4",
            )?;
            collect(statement.query((warehouse, lower, upper, limit(count), kind_code(kind)))?)?;
        }
        None => {
            let mut statement = connection.prepare_cached(
                "SELECT name, kind, head, created_at FROM refs
                 WHERE warehouse = ?1 AND name >= ?2 AND name < ?3
                 ORDER BY name LIMIT ?4",
            )?;
            collect(statement.query((warehouse, lower, upper, limit(count)))?)?;
        }
    }
    Ok(found)
}

/// Only one transaction writes at a time, so reading is enough to hold them.
pub(super) fn lock(
    connection: &Connection,
    warehouse: WarehouseId,
    names: &[&str],
) -> StoreResult<Vec<Option<RefRecord>>> {
    if !names.is_sorted_by(|left, right| left < right) {
        return Err(StoreError::Contract("refs are locked in rising order of names".to_owned()));
    }
    names.iter().map(|name| get(connection, warehouse, name)).collect()
}

pub(super) fn put(
    connection: &Connection,
    warehouse: WarehouseId,
    record: &RefRecord,
) -> StoreResult<()> {
    warehouses::exists(connection, warehouse)?;
    let Some(there) = get(connection, warehouse, &record.name)? else {
        connection
            .prepare_cached(
                "INSERT INTO refs (warehouse, name, kind, head, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((
                signed(warehouse.0)?,
                &record.name,
                kind_code(record.kind),
                record.commit.as_bytes(),
                record.created_at.as_micros(),
            ))?;
        return Ok(());
    };
    there.check_move(record)?;
    connection
        .prepare_cached(
            "UPDATE refs SET head = ?3, created_at = ?4 WHERE warehouse = ?1 AND name = ?2",
        )?
        .execute((
            signed(warehouse.0)?,
            &record.name,
            record.commit.as_bytes(),
            record.created_at.as_micros(),
        ))?;
    Ok(())
}

pub(super) fn delete(
    connection: &Connection,
    warehouse: WarehouseId,
    name: &str,
) -> StoreResult<()> {
    warehouses::exists(connection, warehouse)?;
    let deleted = connection
        .prepare_cached("DELETE FROM refs WHERE warehouse = ?1 AND name = ?2")?
        .execute((signed(warehouse.0)?, name))?;
    if deleted == 1 {
        Ok(())
    } else {
        Err(StoreError::Contract(format!("there is no ref {name:?} to delete")))
    }
}

fn record(row: &Row<'_>) -> StoreResult<RefRecord> {
    Ok(RefRecord {
        name: row.get(0)?,
        kind: kind(row, 1)?,
        commit: commit_id(row, 2)?,
        created_at: timestamp(row, 3)?,
    })
}

/// How a kind is stored.
pub(super) const fn kind_code(kind: RefKind) -> i64 {
    match kind {
        RefKind::Branch => 1,
        RefKind::Tag => 2,
    }
}

/// The kind in a column.
pub(super) fn kind(row: &Row<'_>, column: usize) -> StoreResult<RefKind> {
    match row.get::<_, i64>(column)? {
        1 => Ok(RefKind::Branch),
        2 => Ok(RefKind::Tag),
        _ => Err(damaged(column, "an unknown kind of ref")),
    }
}

/// The first text after all that start with a prefix; `None` if there is no such text.
///
/// UTF-8 sorts as its code points do, so the last character that has a successor is replaced by it.
fn prefix_end(prefix: &str) -> Option<String> {
    let mut end: Vec<char> = prefix.chars().collect();
    while let Some(last) = end.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return Some(end.into_iter().collect());
        }
    }
    None
}

/// An upper bound; without one it is an empty blob, which SQLite sorts after every text.
struct Upper(Option<String>);

impl ToSql for Upper {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match &self.0 {
            Some(text) => ValueRef::Text(text.as_bytes()),
            None => ValueRef::Blob(&[]),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_next_text() {
        for (prefix, end) in [
            ("a", Some("b")),
            ("az", Some("a{")),
            ("\u{7f}", Some("\u{80}")),
            ("\u{d7ff}", Some("\u{e000}")),
            ("a\u{10ffff}", Some("b")),
            ("a\u{10ffff}\u{10ffff}", Some("b")),
            ("\u{10ffff}", None),
            ("", None),
        ] {
            assert_eq!(prefix_end(prefix).as_deref(), end, "{prefix:?}");
        }
    }
}
