//! The lock that keeps a second server away from a database file.
//!
//! It lies on a file of its own beside the database, because SQLite takes and drops locks on the database
//! itself. The operating system drops it when the process ends, however it ends.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::store::interface::{Certainty, StoreError, StoreResult};

/// Holds the lock until it is dropped.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: Option<File>,
}

impl FileLock {
    /// Keeps everybody else away.
    ///
    /// # Errors
    /// `Unavailable` if another process (or another store of this one) has the database open.
    pub(super) fn exclusive(database: &Path) -> StoreResult<Self> {
        Self::take(database, FlockOperation::NonBlockingLockExclusive)
    }

    /// Keeps writers away; several readers may hold it.
    ///
    /// # Errors
    /// `Unavailable` if a writer has the database open.
    pub(super) fn shared(database: &Path) -> StoreResult<Self> {
        Self::take(database, FlockOperation::NonBlockingLockShared)
    }

    fn take(database: &Path, operation: FlockOperation) -> StoreResult<Self> {
        let path = lock_path(database);
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let file = match opened {
            Ok(file) => file,
            // Nobody can write to read-only media, so there is nobody to keep away.
            Err(error) if error.kind() == ErrorKind::ReadOnlyFilesystem && !path.exists() => {
                return Ok(Self { _file: None });
            }
            Err(error) => {
                return Err(refused(format!("cannot open {}: {error}", path.display())));
            }
        };
        match flock(&file, operation) {
            Ok(()) => Ok(Self { _file: Some(file) }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(refused(format!(
                "{} is in use by another nunatak process (it holds {}); stop that one first",
                database.display(),
                path.display(),
            ))),
            Err(error) => Err(refused(format!("cannot lock {}: {error}", path.display()))),
        }
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = OsString::from(database.as_os_str());
    name.push(".lock");
    PathBuf::from(name)
}

fn refused(message: String) -> StoreError {
    StoreError::Unavailable { message, certainty: Certainty::NotDone }
}
