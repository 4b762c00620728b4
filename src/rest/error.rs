//! How failures look over HTTP: one mapping of kinds, one value that every handler fails with.
//!
//! A handler returns [`Failure`]; it knows nothing of the door it stands behind. The body (problem
//! details or Iceberg's error model) is written by `middleware::render`, which knows the door by the
//! path. So every failure of a door, unknown routes and panics included, has that door's form.

use std::sync::Arc;

use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::base::error::{Entity, Error, ErrorKind};

/// The HTTP status of a kind.
#[must_use]
pub const fn status_of(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::InvalidInput => StatusCode::BAD_REQUEST,
        ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::NotFound(_) => StatusCode::NOT_FOUND,
        ErrorKind::AlreadyExists(_) | ErrorKind::NotEmpty(_) | ErrorKind::Conflict => {
            StatusCode::CONFLICT
        }
        ErrorKind::Unsupported => StatusCode::NOT_ACCEPTABLE,
        ErrorKind::LimitExceeded => StatusCode::TOO_MANY_REQUESTS,
        ErrorKind::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorKind::CommitUnknown | ErrorKind::Corrupt | ErrorKind::Internal => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

/// The `type` of Iceberg's error model for a kind, as the reference implementation names it.
#[must_use]
pub const fn iceberg_type_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidInput => "BadRequestException",
        ErrorKind::Unauthenticated => "NotAuthorizedException",
        ErrorKind::Forbidden => "ForbiddenException",
        ErrorKind::NotFound(entity) => match entity {
            Entity::Warehouse => "NoSuchWarehouseException",
            // A ref is a namespace to Iceberg clients.
            Entity::Ref | Entity::Branch | Entity::Tag | Entity::Commit | Entity::Namespace => {
                "NoSuchNamespaceException"
            }
            Entity::Table => "NoSuchTableException",
            Entity::View => "NoSuchViewException",
            Entity::File | Entity::Resource => "NotFoundException",
        },
        ErrorKind::AlreadyExists(_) => "AlreadyExistsException",
        ErrorKind::NotEmpty(_) => "NamespaceNotEmptyException",
        ErrorKind::Conflict => "CommitFailedException",
        ErrorKind::CommitUnknown => "CommitStateUnknownException",
        ErrorKind::Unsupported => "UnsupportedOperationException",
        ErrorKind::LimitExceeded => "TooManyRequestsException",
        ErrorKind::KeyReused => "UnprocessableEntityException",
        ErrorKind::Unavailable => "ServiceUnavailableException",
        ErrorKind::Corrupt | ErrorKind::Internal => "InternalServerError",
    }
}

/// The short title of a kind in problem details; the same for every occurrence.
#[must_use]
pub const fn problem_title_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidInput => "Invalid request",
        ErrorKind::Unauthenticated => "Not logged in",
        ErrorKind::Forbidden => "Not allowed",
        ErrorKind::NotFound(_) => "Not found",
        ErrorKind::AlreadyExists(_) => "Already exists",
        ErrorKind::NotEmpty(_) => "Not empty",
        ErrorKind::Conflict => "Conflict",
        ErrorKind::CommitUnknown => "Outcome unknown",
        ErrorKind::Unsupported => "Not supported",
        ErrorKind::LimitExceeded => "Limit exceeded",
        ErrorKind::KeyReused => "Idempotency key reused",
        ErrorKind::Unavailable => "Unavailable",
        ErrorKind::Corrupt => "Damaged data",
        ErrorKind::Internal => "Internal error",
    }
}

/// The `type` of problem details: a URN that names the kind.
#[must_use]
pub const fn problem_type_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidInput => "urn:nunatak:problem:invalid-input",
        ErrorKind::Unauthenticated => "urn:nunatak:problem:unauthenticated",
        ErrorKind::Forbidden => "urn:nunatak:problem:forbidden",
        ErrorKind::NotFound(_) => "urn:nunatak:problem:not-found",
        ErrorKind::AlreadyExists(_) => "urn:nunatak:problem:already-exists",
        ErrorKind::NotEmpty(_) => "urn:nunatak:problem:not-empty",
        ErrorKind::Conflict => "urn:nunatak:problem:conflict",
        ErrorKind::CommitUnknown => "urn:nunatak:problem:outcome-unknown",
        ErrorKind::Unsupported => "urn:nunatak:problem:unsupported",
        ErrorKind::LimitExceeded => "urn:nunatak:problem:limit-exceeded",
        ErrorKind::KeyReused => "urn:nunatak:problem:key-reused",
        ErrorKind::Unavailable => "urn:nunatak:problem:unavailable",
        ErrorKind::Corrupt => "urn:nunatak:problem:corrupt",
        ErrorKind::Internal => "urn:nunatak:problem:internal",
    }
}

/// Seconds after which a client may try again, where waiting helps.
const RETRY_AFTER_SECONDS: &str = "1";

/// A failed request, before its body is written.
#[derive(Clone, Debug)]
pub struct Failure {
    error: Arc<Error>,
    status: StatusCode,
    details: Option<Arc<serde_json::Map<String, serde_json::Value>>>,
}

impl Failure {
    /// A failure with the status of the error's kind.
    #[must_use]
    pub fn new(error: Error) -> Self {
        Self { status: status_of(error.kind()), error: Arc::new(error), details: None }
    }

    /// Another status than the kind's, where HTTP has a more exact one (405, 413, 415).
    #[must_use]
    pub const fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Members beside the standard ones of problem details, such as `conflicts`.
    #[must_use]
    pub fn with_details(mut self, details: serde_json::Map<String, serde_json::Value>) -> Self {
        self.details = Some(Arc::new(details));
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Members beside the standard ones.
    #[must_use]
    pub fn details(&self) -> Option<&serde_json::Map<String, serde_json::Value>> {
        self.details.as_deref()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(error)
    }
}

impl IntoResponse for Failure {
    /// A response without a body that carries the failure for `middleware::render`.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            response
                .headers_mut()
                .insert("retry-after", HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Result of a handler.
pub type Answer<T> = Result<T, Failure>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_place() {
        use ErrorKind as K;
        let kinds = [
            K::InvalidInput,
            K::Unauthenticated,
            K::Forbidden,
            K::NotFound(Entity::Warehouse),
            K::NotFound(Entity::Branch),
            K::NotFound(Entity::Namespace),
            K::NotFound(Entity::Table),
            K::NotFound(Entity::View),
            K::NotFound(Entity::File),
            K::AlreadyExists(Entity::Table),
            K::NotEmpty(Entity::Namespace),
            K::Conflict,
            K::CommitUnknown,
            K::Unsupported,
            K::LimitExceeded,
            K::KeyReused,
            K::Unavailable,
            K::Corrupt,
            K::Internal,
        ];
        let table: String = kinds
            .iter()
            .map(|kind| {
                format!(
                    "{} {} | {}\n",
                    status_of(*kind).as_u16(),
                    iceberg_type_of(*kind),
                    problem_title_of(*kind)
                )
            })
            .collect();
        insta::assert_snapshot!(table, @r"
        400 BadRequestException | Invalid request
        401 NotAuthorizedException | Not logged in
        403 ForbiddenException | Not allowed
        404 NoSuchWarehouseException | Not found
        404 NoSuchNamespaceException | Not found
        404 NoSuchNamespaceException | Not found
        404 NoSuchTableException | Not found
        404 NoSuchViewException | Not found
        404 NotFoundException | Not found
        409 AlreadyExistsException | Already exists
        409 NamespaceNotEmptyException | Not empty
        409 CommitFailedException | Conflict
        500 CommitStateUnknownException | Outcome unknown
        406 UnsupportedOperationException | Not supported
        429 TooManyRequestsException | Limit exceeded
        422 UnprocessableEntityException | Idempotency key reused
        503 ServiceUnavailableException | Unavailable
        500 InternalServerError | Damaged data
        500 InternalServerError | Internal error
        ");
    }
}
