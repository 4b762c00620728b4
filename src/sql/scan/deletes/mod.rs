//! Rows that other engines deleted by delete files, as positions in their data files.
//!
//! Three kinds are read: files of positions, deletion vectors, and files of values whose rows are equal.
//! [`index`] finds which of them apply to a data file by the rules of the specification; the others turn
//! them into the set of positions that are deleted; [`selection`] turns that into what a scan reads.
//! *Invariant*: what is not understood, contradicts itself or takes too much memory is an error, because
//! leaving out a deletion shows rows that are gone.
//!
//! Rules: <https://iceberg.apache.org/spec/#scan-planning>.

mod equality;
pub(super) mod index;
mod load;
mod positions;
pub(super) mod selection;
mod vectors;

use std::sync::atomic::{AtomicU64, Ordering};

pub(super) use load::DeletionCache;
pub(super) use load::{Loaded, selections};

use crate::base::limits::DELETIONS_BYTES_MAX;
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// What the deletions of one statement have taken of memory.
#[derive(Default, Debug)]
struct Budget(AtomicU64);

impl Budget {
    fn take(&self, bytes: u64) -> SqlResult<()> {
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) <= DELETIONS_BYTES_MAX {
            return Ok(());
        }
        Err(SqlError::new(
            SqlState::ProgramLimitExceeded,
            format!(
                "the table's delete files take more than {DELETIONS_BYTES_MAX} bytes of memory"
            ),
        )
        .with_hint("rewrite the table's data files, which removes deleted rows"))
    }
}

/// A delete file, or the data file that one names, that is not as it should be.
fn corrupt(path: &str, what: impl std::fmt::Display) -> SqlError {
    SqlError::new(SqlState::DataCorrupted, format!("{path} cannot be read: {what}"))
}

/// An error while a file was read. What is no lack of means or of ability comes of what the file holds.
fn unreadable(path: &str, error: impl Into<SqlError>) -> SqlError {
    let error = error.into();
    match error.state {
        SqlState::FeatureNotSupported
        | SqlState::ProgramLimitExceeded
        | SqlState::OutOfMemory
        | SqlState::QueryCanceled
        | SqlState::CannotConnectNow => error,
        SqlState::DataCorrupted if error.message.starts_with(path) => error,
        _ => corrupt(path, error.message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_for_deletions_has_an_end() {
        let budget = Budget::default();
        budget.take(DELETIONS_BYTES_MAX - 1).unwrap();
        budget.take(1).unwrap();
        let error = budget.take(1).unwrap_err();
        assert_eq!(error.state, SqlState::ProgramLimitExceeded);
        assert!(error.hint.is_some());
    }
}
