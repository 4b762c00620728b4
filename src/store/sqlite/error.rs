//! What SQLite's errors mean in the terms of the store's contract.
//!
//! Errors of single statements are always `NotDone`: their transaction is rolled back. Only `COMMIT`
//! can leave the outcome open; [`commit_certainty`] decides that.

use rusqlite::{Error, ErrorCode};

use crate::store::interface::{Certainty, StoreError};

impl From<Error> for StoreError {
    fn from(error: Error) -> Self {
        translate(&error, Certainty::NotDone)
    }
}

/// The store error for an error of the driver.
pub(super) fn translate(error: &Error, certainty: Certainty) -> StoreError {
    let message = error.to_string();
    let Error::SqliteFailure(failure, _) = error else {
        // The driver could not read a value as the type that the schema promises.
        return StoreError::Corrupt(message);
    };
    match failure.code {
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::TypeMismatch => {
            StoreError::Corrupt(message)
        }
        ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::ParameterOutOfRange => {
            StoreError::Contract(message)
        }
        ErrorCode::PermissionDenied
        | ErrorCode::OperationAborted
        | ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::OutOfMemory
        | ErrorCode::ReadOnly
        | ErrorCode::OperationInterrupted
        | ErrorCode::SystemIoFailure
        | ErrorCode::DiskFull
        | ErrorCode::CannotOpen
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::SchemaChanged
        | ErrorCode::NoLargeFileSupport
        | ErrorCode::AuthorizationForStatementDenied => {
            StoreError::Unavailable { message, certainty }
        }
        // SQLITE_ERROR is what a statement answers whose table or column is not there.
        _ => StoreError::Corrupt(message),
    }
}

/// Whether a transaction whose `COMMIT` failed like this may come back.
///
/// A full disk or a lock stops SQLite before it has written the frame that ends the transaction. After
/// any other failure that frame may lie in the WAL, where recovery after a crash would find it.
pub(super) fn commit_certainty(error: &Error) -> Certainty {
    match error {
        Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::ReadOnly
            | ErrorCode::ConstraintViolation => Certainty::NotDone,
            _ => Certainty::MayBeDone,
        },
        _ => Certainty::MayBeDone,
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn each_code_has_its_meaning() {
        let failure = |code| Error::SqliteFailure(ffi::Error::new(code), None);
        for (code, full) in [
            (ffi::SQLITE_FULL, Certainty::NotDone),
            (ffi::SQLITE_BUSY, Certainty::NotDone),
            (ffi::SQLITE_READONLY, Certainty::NotDone),
            (ffi::SQLITE_IOERR, Certainty::MayBeDone),
            (ffi::SQLITE_IOERR_FSYNC, Certainty::MayBeDone),
            (ffi::SQLITE_NOMEM, Certainty::MayBeDone),
        ] {
            let error = failure(code);
            assert_eq!(commit_certainty(&error), full, "{code}");
            assert!(matches!(
                StoreError::from(error),
                StoreError::Unavailable { certainty: Certainty::NotDone, .. }
            ));
        }
        for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB, ffi::SQLITE_ERROR] {
            assert!(matches!(StoreError::from(failure(code)), StoreError::Corrupt(_)), "{code}");
        }
    }
}
