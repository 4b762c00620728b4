//! How connections are opened, and the few that wait for the next read.

use std::path::Path;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::SqliteOptions;
use crate::base::limits;
use crate::store::interface::{Certainty, StoreError, StoreResult};

/// Distinct statements of this module, with some room.
const STATEMENTS: usize = 64;

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Changes rows.
    Writer,
    /// Reads rows.
    Reader,
    /// Moves pages from the WAL to the file.
    Checkpointer,
    /// Reads rows of a store that must stay as it is, WAL included.
    Spectator,
    /// As a spectator, of a file that nothing can change (read-only media).
    Immutable,
}

/// Opens a connection to a file that exists.
pub(super) fn open(path: &Path, options: &SqliteOptions, role: Role) -> StoreResult<Connection> {
    let connection = if role == Role::Immutable {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(immutable_uri(path), flags)?
    } else {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(path, flags)?
    };
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(match role {
        Role::Checkpointer => Duration::from_millis(limits::STORE_CHECKPOINT_WAIT_MILLIS),
        Role::Writer | Role::Reader | Role::Spectator | Role::Immutable => options.busy_wait,
    })?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, false)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    match role {
        Role::Writer => {
            connection.pragma_update(None, "cache_size", -limits::STORE_WRITER_CACHE_KIB)?;
            if let Some(pages) = options.pages_max {
                connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
            }
        }
        Role::Reader | Role::Checkpointer => {
            connection.pragma_update(None, "cache_size", -limits::STORE_READER_CACHE_KIB)?;
            connection.pragma_update(None, "query_only", true)?;
        }
        Role::Spectator | Role::Immutable => {
            connection.pragma_update(None, "query_only", true)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        }
    }
    Ok(connection)
}

/// Settings that need the file to be ours; only the writer makes them.
pub(super) fn prepare_wal(connection: &Connection) -> StoreResult<()> {
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Unavailable {
            message: format!(
                "no write-ahead log can be kept here (SQLite says {mode:?}); the file must lie on \
                 a local disk, not on a network file system"
            ),
            certainty: Certainty::NotDone,
        });
    }
    connection.pragma_update_and_check(
        None,
        "wal_autocheckpoint",
        limits::STORE_WAL_PAGES_MAX,
        |_| Ok(()),
    )?;
    connection.pragma_update_and_check(
        None,
        "journal_size_limit",
        limits::STORE_WAL_FILE_BYTES,
        |_| Ok(()),
    )?;
    Ok(())
}

fn immutable_uri(path: &Path) -> String {
    let path = path.as_os_str().as_encoded_bytes();
    let path = percent_encoding::percent_encode(path, percent_encoding::NON_ALPHANUMERIC);
    format!("file:{path}?immutable=1")
}

/// Connections that wait for the next read.
#[derive(Debug, Default)]
pub(super) struct Idle {
    connections: Mutex<Vec<Connection>>,
}

impl Idle {
    /// Takes one, if one waits.
    pub(super) fn take(&self) -> Option<Connection> {
        self.connections.lock().pop()
    }

    /// Gives one back; it must be outside any transaction. More than a few are closed.
    pub(super) fn give(&self, connection: Connection) {
        let mut connections = self.connections.lock();
        if connections.len() < limits::STORE_READERS_IDLE_MAX {
            connections.push(connection);
        } else {
            // Closing may take a while: not under the lock.
            drop(connections);
            drop(connection);
        }
    }
}
