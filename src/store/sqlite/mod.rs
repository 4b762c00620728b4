//! The store of a server by itself: one SQLite file, one writer, any number of readers.
//!
//! WAL with `synchronous=FULL`: a commit that returned is on the disk. Knows rows and transactions only.
//! Invariants: at most one process has the file open for writing (`lock`); a failed commit whose outcome is
//! open is settled before anybody reads (`settle`); the driver is named nowhere outside this folder.
//! Start reading at [`SqliteStore::open`]; each family of rows has its file.

mod columns;
mod commits;
mod connection;
mod error;
mod idempotency;
mod lock;
mod packs;
mod pending;
mod ref_log;
mod refs;
mod schema;
mod txn;
mod warehouses;

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;

use self::connection::{Idle, Role};
use self::lock::FileLock;
use self::schema::Schema;
use self::txn::{ReadHandle, SqliteTxn, WriteHandle};
use super::interface::{
    Capabilities, Certainty, MetaStore, ReadTxn, StoreError, StoreResult, WriteTxn,
};
use super::records::Location;
use crate::base::limits;

/// Settings of a [`SqliteStore`].
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    /// How long a write waits for the one before it.
    pub write_wait: Duration,
    /// How long a statement waits for a foreign process that locks the database.
    pub busy_wait: Duration,
    /// Pages of 4 KiB that the database may have; `None` for as many as the disk holds.
    pub pages_max: Option<u32>,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self {
            write_wait: Duration::from_secs(limits::STORE_WRITE_WAIT_SECONDS),
            busy_wait: Duration::from_secs(limits::STORE_BUSY_WAIT_SECONDS),
            pages_max: None,
        }
    }
}

/// What a checkpoint did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Checkpoint {
    /// Pages that lay in the write-ahead log.
    pub pages_logged: u32,
    /// How many of them are in the database file now.
    pub pages_moved: u32,
    /// Whether writers were held back so that the log starts again from its beginning.
    pub restarted: bool,
}

/// A metadata store in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    options: SqliteOptions,
    /// The role of reading connections; also tells whether this store may write.
    readers: Role,
    idle: Idle,
    /// `None` after a failure that made the connection unfit; the next use opens a new one.
    writer: Mutex<Option<Connection>>,
    checkpointer: Mutex<Option<Connection>>,
    /// A commit failed and may come back after a crash.
    in_doubt: AtomicBool,
    /// Last, so that it is dropped after every connection.
    _lock: FileLock,
}

impl SqliteStore {
    /// Opens a store for reading and writing; makes the file if it is not there.
    ///
    /// Takes a lock on `<path>.lock` that keeps a second process away, and brings an older schema up to
    /// date. What was committed before a crash is there.
    ///
    /// # Errors
    /// `Unavailable` if the file is in use or cannot be opened, `Format` if it belongs to another program or
    /// to a newer version, `Corrupt` if it is damaged.
    pub fn open(path: &Path, options: SqliteOptions) -> StoreResult<Self> {
        create(path)?;
        // By whichever name the file is opened, its lock has one name.
        let path = resolve(path)?;
        let lock = FileLock::exclusive(&path)?;
        let store = Self {
            path,
            options,
            readers: Role::Reader,
            idle: Idle::default(),
            writer: Mutex::new(None),
            checkpointer: Mutex::new(None),
            in_doubt: AtomicBool::new(false),
            _lock: lock,
        };
        let connection = store.open_writer().map_err(|error| store.about_the_file(error))?;
        *store.writer.lock() = Some(connection);
        Ok(store)
    }

    /// Opens a store for reading while no server has it open, changing nothing; what a crashed server left
    /// in the write-ahead log is read too.
    ///
    /// # Errors
    /// As [`SqliteStore::open`]; also `Format` for an older schema, which the next server start updates.
    pub fn open_read_only(path: &Path, options: SqliteOptions) -> StoreResult<Self> {
        let path = resolve(path)?;
        let lock = FileLock::shared(&path)?;
        let writable = OpenOptions::new().write(true).open(&path).is_ok();
        let mut wal = path.as_os_str().to_owned();
        wal.push("-wal");
        let wal_is_empty = std::fs::metadata(&wal).map_or(true, |wal| wal.len() == 0);
        let store = Self {
            path,
            options,
            readers: if !writable && wal_is_empty { Role::Immutable } else { Role::Spectator },
            idle: Idle::default(),
            writer: Mutex::new(None),
            checkpointer: Mutex::new(None),
            in_doubt: AtomicBool::new(false),
            _lock: lock,
        };
        let connection = store.reader().map_err(|error| store.about_the_file(error))?;
        match schema::inspect(&connection).map_err(|error| store.about_the_file(error))? {
            Schema::Current => {}
            Schema::Older | Schema::Empty => {
                return Err(store.about_the_file(StoreError::Format(
                    "its schema is older than this program's; start the server once, which \
                     brings it up to date"
                        .to_owned(),
                )));
            }
        }
        store.idle.give(connection);
        Ok(store)
    }

    /// Moves pages from the write-ahead log to the database file, from a connection of its own, so that
    /// commits need not. To be called every few seconds while the store is written.
    ///
    /// Writers go on meanwhile, unless the log has grown long: then they wait for its last pages. What a
    /// read transaction still needs stays in the log until that one ends, so reads are to be short.
    ///
    /// # Errors
    /// `Unavailable`. Nothing is lost then; the log only grows.
    pub fn checkpoint(&self) -> StoreResult<Checkpoint> {
        if self.readers != Role::Reader {
            return Ok(Checkpoint::default());
        }
        let mut slot = self.checkpointer.lock();
        let connection = match slot.take() {
            Some(connection) => connection,
            None => connection::open(&self.path, &self.options, Role::Checkpointer)?,
        };
        let mut done = run_checkpoint(&connection, "PASSIVE")?;
        if done.pages_logged >= limits::STORE_WAL_PAGES_RESTART {
            let writer = self.lock_writer()?;
            done = run_checkpoint(&connection, "RESTART")?;
            done.restarted = true;
            drop(writer);
        }
        *slot = Some(connection);
        Ok(done)
    }

    /// What SQLite finds wrong with the file's structure, at most `limit` lines; reads the whole file.
    ///
    /// That the rows agree with each other is for the layers above to verify.
    ///
    /// # Errors
    /// `Unavailable`, or `Corrupt` where the damage stops the search.
    pub fn integrity_problems(&self, limit: u32) -> StoreResult<Vec<String>> {
        self.settle_before_read()?;
        let connection = self.reader()?;
        let mut problems = Vec::new();
        connection.pragma(None, "integrity_check", limit, |row| {
            problems.push(row.get::<_, String>(0)?);
            Ok(())
        })?;
        self.idle.give(connection);
        problems.retain(|line| line != "ok");
        Ok(problems)
    }

    /// The path of the database file, without links.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn open_writer(&self) -> StoreResult<Connection> {
        let connection = connection::open(&self.path, &self.options, Role::Writer)?;
        match schema::inspect(&connection)? {
            Schema::Current => connection::prepare_wal(&connection)?,
            Schema::Older | Schema::Empty => {
                connection::prepare_wal(&connection)?;
                schema::upgrade(&connection)?;
            }
        }
        Ok(connection)
    }

    fn reader(&self) -> StoreResult<Connection> {
        match self.idle.take() {
            Some(connection) => Ok(connection),
            None => connection::open(&self.path, &self.options, self.readers),
        }
    }

    fn lock_writer(&self) -> StoreResult<MutexGuard<'_, Option<Connection>>> {
        self.writer.try_lock_for(self.options.write_wait).ok_or_else(|| {
            unavailable(format!(
                "a write has waited {:?} for the one before it",
                self.options.write_wait
            ))
        })
    }

    /// Makes sure that there is a writing connection and that no commit is in doubt.
    ///
    /// The frames of a commit that failed may lie at the end of the WAL, unseen, until a crash brings
    /// them back. A small transaction of our own writes over them, so that whoever reads from now on
    /// reads what stays true.
    fn settle(&self, writer: &mut Option<Connection>) -> StoreResult<()> {
        if writer.is_none() {
            *writer = Some(self.open_writer()?);
        }
        if self.in_doubt.load(Ordering::Acquire)
            && let Some(connection) = writer.take()
        {
            connection.execute_batch(
                "BEGIN IMMEDIATE; UPDATE fence SET count = count + 1 WHERE id = 1; COMMIT",
            )?;
            self.in_doubt.store(false, Ordering::Release);
            *writer = Some(connection);
        }
        Ok(())
    }

    fn settle_before_read(&self) -> StoreResult<()> {
        if self.in_doubt.load(Ordering::Acquire) {
            self.settle(&mut *self.lock_writer()?)?;
        }
        Ok(())
    }

    fn about_the_file(&self, error: StoreError) -> StoreError {
        let path = self.path.display();
        match error {
            StoreError::Unavailable { message, certainty } => {
                StoreError::Unavailable { message: format!("{path}: {message}"), certainty }
            }
            StoreError::Corrupt(message) => StoreError::Corrupt(format!("{path}: {message}")),
            StoreError::Format(message) => StoreError::Format(format!("{path}: {message}")),
            StoreError::Contract(message) => StoreError::Contract(format!("{path}: {message}")),
        }
    }
}

impl MetaStore for SqliteStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { exclusive: true }
    }

    fn begin_read(&self) -> StoreResult<Box<dyn ReadTxn + '_>> {
        self.settle_before_read()?;
        let handle = ReadHandle::begin(&self.idle, self.reader()?)?;
        Ok(Box::new(SqliteTxn::new(handle)))
    }

    fn begin_write(&self) -> StoreResult<Box<dyn WriteTxn + '_>> {
        if self.readers != Role::Reader {
            return Err(unavailable("it was opened for reading only".to_owned()));
        }
        let mut writer = self.lock_writer()?;
        self.settle(&mut writer)?;
        let handle = WriteHandle::begin(writer, &self.in_doubt)?;
        Ok(Box::new(SqliteTxn::new(handle)))
    }

    fn blobs_get(&self, locations: &[Location]) -> StoreResult<Vec<Bytes>> {
        if locations.is_empty() {
            return Ok(Vec::new());
        }
        self.settle_before_read()?;
        let connection = self.reader()?;
        let blobs = packs::read(&connection, locations)?;
        self.idle.give(connection);
        Ok(blobs)
    }
}

fn run_checkpoint(connection: &Connection, mode: &str) -> StoreResult<Checkpoint> {
    let (logged, moved): (i64, i64) =
        connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok((row.get(1)?, row.get(2)?))
        })?;
    let pages = |number: i64| u32::try_from(number).unwrap_or(0);
    Ok(Checkpoint { pages_logged: pages(logged), pages_moved: pages(moved), restarted: false })
}

/// Makes the file for us alone if it is not there, and its name durable.
fn create(path: &Path) -> StoreResult<()> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(about_path(path, &error)),
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|error| about_path(folder, &error))
}

/// The path of a file that is there, without links.
fn resolve(path: &Path) -> StoreResult<PathBuf> {
    let resolved = path.canonicalize().map_err(|error| about_path(path, &error))?;
    if resolved.is_file() {
        Ok(resolved)
    } else {
        Err(unavailable(format!("{} is not a file", path.display())))
    }
}

fn about_path(path: &Path, error: &std::io::Error) -> StoreError {
    unavailable(format!("{}: {error}", path.display()))
}

fn unavailable(message: String) -> StoreError {
    StoreError::Unavailable { message, certainty: Certainty::NotDone }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::samples::warehouse_new;

    fn fences(store: &SqliteStore) -> i64 {
        let connection = store.reader().unwrap();
        connection.query_row("SELECT count FROM fence", [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_commit_in_doubt_is_settled_before_anybody_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("meta.sqlite");
        let options =
            SqliteOptions { busy_wait: Duration::from_millis(1), ..SqliteOptions::default() };
        let store = SqliteStore::open(&path, options).unwrap();
        warehouse_new(&store, "lake").unwrap();
        for fence in 1..4 {
            // What a failed commit leaves: no connection, and doubt.
            *store.writer.lock() = None;
            store.in_doubt.store(true, Ordering::Release);
            // As long as it cannot be settled, nobody reads or writes.
            let foreign = Connection::open(&path).unwrap();
            foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
            assert!(store.begin_read().is_err());
            assert!(store.begin_write().is_err());
            assert!(store.blobs_get(&[Location::new(1, 1)]).is_err());
            drop(foreign);
            match fence {
                1 => drop(store.begin_read().unwrap()),
                2 => drop(store.begin_write().unwrap()),
                _ => assert!(matches!(
                    store.blobs_get(&[Location::new(1, 1)]),
                    Err(StoreError::Corrupt(_))
                )),
            }
            assert!(!store.in_doubt.load(Ordering::Acquire));
            assert_eq!(fences(&store), fence);
        }
        assert!(store.begin_read().unwrap().warehouse_get("lake").unwrap().is_some());
        warehouse_new(&store, "next").unwrap();
    }
}
