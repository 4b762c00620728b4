//! Whose file it is, and which schema it has.

use rusqlite::Connection;

use crate::store::interface::{StoreError, StoreResult};
use crate::store::migrate::{self, Applied, Migration};

/// "Nuna", in the header of every file of ours.
const APPLICATION_ID: i64 = 0x4e75_6e61;

/// Every step, in order. See `sql/README.md` before touching one.
const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "core",
    sql: include_str!("../../../sql/sqlite/0001_core.sql"),
}];

const STEPS_TABLE: &str = "CREATE TABLE IF NOT EXISTS migrations (
    number   INTEGER PRIMARY KEY,
    name     TEXT NOT NULL,
    checksum TEXT NOT NULL
) STRICT";

/// What a file turned out to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Schema {
    /// A file without anything in it.
    Empty,
    /// Ours, as this program writes it.
    Current,
    /// Ours, by an older program.
    Older,
}

/// Looks whether a file is ours and how old; writes nothing.
///
/// # Errors
/// `Format` for a file of another program, of a newer version, or with other steps than ours.
pub(super) fn inspect(connection: &Connection) -> StoreResult<Schema> {
    let application: i64 = pragma(connection, "application_id")?;
    let version: i64 = pragma(connection, "user_version")?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application == 0 && version == 0 && tables == 0 {
        return Ok(Schema::Empty);
    }
    if application != APPLICATION_ID {
        return Err(StoreError::Format(
            "the file is a SQLite database of another program; choose another data directory"
                .to_owned(),
        ));
    }
    let newest = MIGRATIONS.last().map_or(0, |step| i64::from(step.number));
    if version > newest {
        return Err(StoreError::Format(format!(
            "it was written by a newer nunatak (schema {version}; this program knows {newest}); \
             use that version or a newer one",
        )));
    }
    let applied = applied(connection)?;
    let missing = migrate::pending(MIGRATIONS, &applied)?;
    if i64::try_from(applied.len()).ok() != Some(version) {
        return Err(StoreError::Format(format!(
            "its header says schema {version}, but it lists {} steps; restore it from a backup",
            applied.len(),
        )));
    }
    Ok(if missing.is_empty() { Schema::Current } else { Schema::Older })
}

/// Brings a file that [`inspect`] accepted to our schema, in one transaction.
///
/// # Errors
/// As [`inspect`], and `Unavailable`.
pub(super) fn upgrade(connection: &Connection) -> StoreResult<()> {
    connection.execute_batch("BEGIN IMMEDIATE")?;
    let result = upgrade_inside(connection);
    connection.execute_batch(if result.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    result
}

fn upgrade_inside(connection: &Connection) -> StoreResult<()> {
    connection.execute_batch(STEPS_TABLE)?;
    for step in migrate::pending(MIGRATIONS, &applied(connection)?)? {
        connection.execute_batch(step.sql)?;
        connection.execute(
            "INSERT INTO migrations (number, name, checksum) VALUES (?1, ?2, ?3)",
            (step.number, step.name, step.checksum()),
        )?;
        connection.pragma_update(None, "user_version", step.number)?;
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(())
}

fn applied(connection: &Connection) -> StoreResult<Vec<Applied>> {
    let mut statement =
        connection.prepare("SELECT number, name, checksum FROM migrations ORDER BY number")?;
    let rows = statement.query_map([], |row| {
        Ok(Applied { number: row.get(0)?, name: row.get(1)?, checksum: row.get(2)? })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn pragma(connection: &Connection, name: &str) -> StoreResult<i64> {
    Ok(connection.pragma_query_value(None, name, |row| row.get(0))?)
}
