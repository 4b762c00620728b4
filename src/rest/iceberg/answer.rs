//! Answers: JSON bodies, and headers that many of them share.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::Serialize;
use serde_json::json as object;

use crate::base::error::{Error, ErrorKind};
use crate::base::ids::CommitId;
use crate::rest::error::Answer;

/// Header that names the commit a request made.
pub(super) const COMMIT_HEADER: &str = "x-nunatak-commit";

/// A JSON answer.
pub(super) fn json(value: &impl Serialize) -> Answer<Response> {
    let bytes = serde_json::to_vec(value)
        .map_err(|error| Error::internal("an answer cannot be written").with_source(error))?;
    Ok(raw_json(bytes.into()))
}

/// An answer that is JSON already.
pub(super) fn raw_json(body: Bytes) -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
}

/// An answer without a body.
pub(super) fn nothing() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Names the commit that was made.
pub(super) fn with_commit(mut response: Response, commit: Option<CommitId>) -> Response {
    if let Some(commit) = commit
        && let Ok(value) = HeaderValue::from_str(&commit.to_string())
    {
        response.headers_mut().insert(COMMIT_HEADER, value);
    }
    response
}

/// A refusal of a body that is well formed and contradicts itself.
pub(super) fn unprocessable(message: &str) -> Response {
    refusal(message, "UnprocessableEntityException", StatusCode::UNPROCESSABLE_ENTITY)
}

/// A refusal of a document that is well formed and cannot be: Java clients raise another exception for
/// it than for a malformed request.
pub(super) fn refuse_document(error: Error) -> Answer<Response> {
    if error.kind() == ErrorKind::InvalidInput {
        let kind = "IllegalArgumentException";
        return Ok(refusal(error.message(), kind, StatusCode::BAD_REQUEST));
    }
    Err(error.into())
}

fn refusal(message: &str, kind: &str, status: StatusCode) -> Response {
    let code = status.as_u16();
    let body = object!({ "error": { "message": message, "type": kind, "code": code } });
    let mut response = raw_json(body.to_string().into());
    *response.status_mut() = status;
    response
}
