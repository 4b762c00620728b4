//! The service error: a few kinds, chosen by what the caller does next.
//!
//! Lower layers have their own `thiserror` enums; the catalog turns each into an [`Error`], the
//! front doors turn its [`ErrorKind`] into an HTTP status, an Iceberg type, a SQLSTATE or an exit code.

use std::fmt;

/// What a name in an error message names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Entity {
    /// A warehouse.
    Warehouse,
    /// A branch, tag or commit, where it is not known which.
    Ref,
    /// A branch.
    Branch,
    /// A tag.
    Tag,
    /// A commit.
    Commit,
    /// A namespace.
    Namespace,
    /// A table.
    Table,
    /// A view.
    View,
    /// A file in an object store.
    File,
    /// A route or anything else addressed by a path.
    Resource,
}

/// What kind of failure it was. A new kind only where a caller would act differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ErrorKind {
    /// The request is wrong and stays wrong.
    InvalidInput,
    /// Nobody is logged in.
    Unauthenticated,
    /// Who is logged in may not.
    Forbidden,
    /// The named thing is not there.
    NotFound(Entity),
    /// The name is taken.
    AlreadyExists(Entity),
    /// The namespace (or branch) still holds something.
    NotEmpty(Entity),
    /// Somebody else changed the same thing first; refresh, retry or resolve.
    Conflict,
    /// It is not known whether the write happened.
    CommitUnknown,
    /// Understood, but not carried out here.
    Unsupported,
    /// A limit of `base::limits` was passed.
    LimitExceeded,
    /// Idempotency key used before with another request.
    KeyReused,
    /// Try again later.
    Unavailable,
    /// Stored data contradicts itself.
    Corrupt,
    /// A bug or an unforeseen failure.
    Internal,
}

/// An error that is safe to show to whoever asked.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Result with the service error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Makes an error of a kind with a message for people.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Shorthand for [`ErrorKind::InvalidInput`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// Shorthand for [`ErrorKind::Conflict`].
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// Shorthand for [`ErrorKind::NotFound`].
    pub fn not_found(entity: Entity, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound(entity), message)
    }

    /// Shorthand for [`ErrorKind::Internal`].
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Shorthand for [`ErrorKind::Corrupt`].
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupt, message)
    }

    /// Keeps what caused it, for the log.
    #[must_use]
    pub fn with_source(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The message followed by every cause, for a log line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut out = self.message.clone();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            out.push_str(": ");
            out.push_str(&cause.to_string());
            source = cause.source();
        }
        out
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| {
            let source: &(dyn std::error::Error + 'static) = source;
            source
        })
    }
}
