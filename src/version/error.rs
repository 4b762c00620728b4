//! What can go wrong below the catalog.

use super::codec::CodecError;
use crate::base::error::{Error, ErrorKind};
use crate::base::ids::CommitId;
use crate::store::interface::{Certainty, StoreError};
use crate::tree::TreeError;

/// Why reading or changing history failed.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// A commit that must be there is not.
    #[error("commit {0} is missing")]
    MissingCommit(CommitId),
    /// The tree could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The metadata store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Stored bytes are not what they should be.
    #[error("{what} cannot be read: {source}")]
    Codec {
        /// What was read.
        what: &'static str,
        /// Why it was refused.
        source: CodecError,
    },
    /// Stored data contradicts itself.
    #[error("{0}")]
    Damaged(String),
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::Unavailable { certainty: Certainty::MayBeDone, .. } => {
                ErrorKind::CommitUnknown
            }
            StoreError::Unavailable { certainty: Certainty::NotDone, .. } => ErrorKind::Unavailable,
            StoreError::Corrupt(_) | StoreError::Format(_) => ErrorKind::Corrupt,
            StoreError::Contract(_) => ErrorKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<VersionError> for Error {
    fn from(error: VersionError) -> Self {
        match error {
            VersionError::Store(error) => error.into(),
            VersionError::Tree(TreeError::Source(source)) => {
                match source.downcast::<VersionError>() {
                    Ok(inner) => (*inner).into(),
                    Err(source) => {
                        Self::new(ErrorKind::Unavailable, format!("reading history: {source}"))
                    }
                }
            }
            error @ (VersionError::MissingCommit(_)
            | VersionError::Tree(_)
            | VersionError::Codec { .. }
            | VersionError::Damaged(_)) => {
                Self::corrupt(format!("the history is damaged: {error}")).with_source(error)
            }
        }
    }
}
