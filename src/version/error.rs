//! What can go wrong below the catalog when commits and trees are read.

use super::codec::CodecError;
use crate::base::ids::CommitId;
use crate::store::interface::StoreError;
use crate::tree::TreeError;

/// Why a question about commits or trees has no answer.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// A commit that is named somewhere is not stored.
    #[error("commit {0} is missing")]
    MissingCommit(CommitId),
    /// A tree cannot be read.
    #[error("a tree cannot be read")]
    Tree(#[from] TreeError),
    /// The metadata store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Stored bytes are not canonical.
    #[error("{what} cannot be read")]
    Codec {
        /// What the bytes should have been.
        what: &'static str,
        /// Why they were refused.
        #[source]
        source: CodecError,
    },
    /// Stored data contradicts itself.
    #[error("stored data is damaged: {0}")]
    Damaged(String),
}
