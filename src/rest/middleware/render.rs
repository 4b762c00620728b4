//! Writes the body of a failed answer in the form of the door it leaves by, and logs it once.

use axum::body::{Body, to_bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};

use super::request_id::RequestId;
use crate::base::error::{Error, ErrorKind};
use crate::rest::error::{Failure, iceberg_type_of, problem_title_of, problem_type_of};

/// The media type of problem details (RFC 9457).
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// Bytes of a plain text answer that are kept as the message of a failure.
const TEXT_BYTES_MAX: usize = 4096;

/// Which form errors have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Door {
    /// Iceberg's error model.
    Iceberg,
    /// Problem details.
    Management,
}

impl Door {
    /// The door that a path belongs to.
    #[must_use]
    pub fn of(path: &str) -> Self {
        match path.strip_prefix("/iceberg") {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => Self::Iceberg,
            _ => Self::Management,
        }
    }
}

/// Gives a failed answer its body. Other answers pass through.
pub async fn finish(response: Response, door: Door, id: &RequestId) -> Response {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let failure = match parts.extensions.remove::<Failure>() {
        Some(failure) => failure,
        None if is_json(parts.headers.get(CONTENT_TYPE)) => {
            return Response::from_parts(parts, body);
        }
        None => plain(status, body).await,
    };
    log(&failure, id);
    let body = match door {
        Door::Iceberg => iceberg_body(&failure),
        Door::Management => problem_body(&failure, id),
    };
    let media = match door {
        Door::Iceberg => "application/json",
        Door::Management => PROBLEM_MEDIA_TYPE,
    };
    let mut answer = (status, body.to_string()).into_response();
    for (name, value) in &parts.headers {
        if name != CONTENT_TYPE && name != CONTENT_LENGTH {
            answer.headers_mut().insert(name.clone(), value.clone());
        }
    }
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    answer
}

fn is_json(kind: Option<&HeaderValue>) -> bool {
    kind.and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/") && kind.contains("json"))
}

/// A failure made by the HTTP library, such as a rejected extractor: the text is its message.
async fn plain(status: StatusCode, body: Body) -> Failure {
    let text = to_bytes(body, TEXT_BYTES_MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let kind = match status.as_u16() {
        401 => ErrorKind::Unauthenticated,
        403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound(crate::base::error::Entity::Resource),
        405 | 406 | 501 => ErrorKind::Unsupported,
        409 => ErrorKind::Conflict,
        413 | 429 => ErrorKind::LimitExceeded,
        503 => ErrorKind::Unavailable,
        400..=499 => ErrorKind::InvalidInput,
        _ => ErrorKind::Internal,
    };
    let message = match text.trim() {
        "" => status.canonical_reason().unwrap_or("the request failed").to_owned(),
        text => text.to_owned(),
    };
    Failure::new(Error::new(kind, message)).with_status(status)
}

fn problem_body(failure: &Failure, id: &RequestId) -> Value {
    let kind = failure.error().kind();
    let mut body = Map::new();
    body.insert("type".to_owned(), json!(problem_type_of(kind)));
    body.insert("title".to_owned(), json!(problem_title_of(kind)));
    body.insert("status".to_owned(), json!(failure.status().as_u16()));
    body.insert("detail".to_owned(), json!(failure.error().message()));
    body.insert("instance".to_owned(), json!(id.as_str()));
    for (key, value) in failure.details().into_iter().flatten() {
        body.insert(key.clone(), value.clone());
    }
    Value::Object(body)
}

fn iceberg_body(failure: &Failure) -> Value {
    json!({ "error": {
        "message": failure.error().message(),
        "type": iceberg_type_of(failure.error().kind()),
        "code": failure.status().as_u16(),
        "stack": [],
    }})
}

fn log(failure: &Failure, id: &RequestId) {
    let (error, id, status) = (failure.error(), id.as_str(), failure.status().as_u16());
    match error.kind() {
        ErrorKind::Corrupt | ErrorKind::Internal | ErrorKind::CommitUnknown => {
            tracing::error!(request_id = id, status, "{}", error.chain());
        }
        ErrorKind::Unavailable => {
            tracing::warn!(request_id = id, status, "{}", error.chain());
        }
        ErrorKind::InvalidInput
        | ErrorKind::Unauthenticated
        | ErrorKind::Forbidden
        | ErrorKind::NotFound(_)
        | ErrorKind::AlreadyExists(_)
        | ErrorKind::NotEmpty(_)
        | ErrorKind::Conflict
        | ErrorKind::Unsupported
        | ErrorKind::LimitExceeded
        | ErrorKind::KeyReused => {
            tracing::debug!(request_id = id, status, "{}", error.chain());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doors() {
        for (path, door) in [
            ("/iceberg", Door::Iceberg),
            ("/iceberg/v1/config", Door::Iceberg),
            ("/icebergs", Door::Management),
            ("/api/v1/warehouses", Door::Management),
            ("/", Door::Management),
        ] {
            assert_eq!(Door::of(path), door, "{path}");
        }
    }
}
