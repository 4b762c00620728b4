//! The context of one operation.

use std::collections::BTreeMap;

/// The principal of requests to a server without authentication.
pub const ANONYMOUS: &str = "anonymous";

/// Who asks, and what they said about the commit that comes of it.
#[derive(Clone, Debug, Default)]
pub struct OpContext {
    /// The principal; author of commits and actor of ref movements.
    pub actor: String,
    /// Identifies the request in logs and answers.
    pub request_id: String,
    /// The commit message, if the writer gave one.
    pub message: Option<String>,
    /// Commit properties that the writer gave.
    pub properties: BTreeMap<String, String>,
    /// The client's idempotency key.
    pub idempotency: Option<IdempotencyKey>,
}

/// A key under which the answer to a request is kept, and the hash of that request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// What the client sent.
    pub key: String,
    /// Hash of method, path and body.
    pub request: crate::base::hash::Digest,
}

impl OpContext {
    /// A context for somebody, without anything said about the commit.
    #[must_use]
    pub fn for_actor(actor: &str) -> Self {
        Self { actor: actor.to_owned(), ..Self::default() }
    }
}
