//! Reads requests strictly: what is unknown, doubled or of the wrong type is refused with 400.
//!
//! Every extractor fails with a [`Failure`], so handlers hold no error code of their own.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::error::Failure;
use super::middleware::request_id::RequestId;
use super::query;
use crate::auth::context::{ANONYMOUS, OpContext};
use crate::base::error::{Error, ErrorKind};
use crate::base::limits::{BODY_BYTES_MAX, COMMIT_MESSAGE_BYTES_MAX};
use crate::base::name::{RefExpr, RefName, WarehouseName};

/// Header with the commit message.
pub const MESSAGE_HEADER: &str = "x-nunatak-message";
/// Start of the names of headers with commit properties; the rest is the property's name, which is
/// lower case because HTTP header names have no case.
pub const PROPERTY_HEADER_PREFIX: &str = "x-nunatak-property-";

/// The context of the request: who asks, its id, and what the headers say about the commit.
#[derive(Debug)]
pub struct Context(pub OpContext);

impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        let request_id = parts
            .extensions
            .get::<RequestId>()
            .map(|id| id.as_str().to_owned())
            .unwrap_or_default();
        let (message, properties) = description(&parts.headers)?;
        Ok(Self(OpContext {
            actor: ANONYMOUS.to_owned(),
            request_id,
            message,
            properties,
            idempotency: None,
        }))
    }
}

fn description(headers: &HeaderMap) -> Result<(Option<String>, BTreeMap<String, String>), Failure> {
    let message = match headers.get(MESSAGE_HEADER) {
        Some(value) => Some(message_of(text(MESSAGE_HEADER, value.as_bytes())?)?),
        None => None,
    };
    let mut properties = BTreeMap::new();
    for (name, value) in headers {
        if let Some(key) = name.as_str().strip_prefix(PROPERTY_HEADER_PREFIX) {
            let value = text(name.as_str(), value.as_bytes())?;
            if properties.insert(key.to_owned(), value).is_some() {
                return Err(Error::invalid(format!("the header '{name}' is given twice")).into());
            }
        }
    }
    Ok((message, properties))
}

/// Checks a message's length: not only commits keep it, the ref log does too.
///
/// # Errors
/// `InvalidInput` if it is too long.
pub fn message_of(text: String) -> Result<String, Failure> {
    if text.len() > COMMIT_MESSAGE_BYTES_MAX {
        return Err(Error::invalid(format!(
            "the message has {} bytes; at most {COMMIT_MESSAGE_BYTES_MAX} are allowed",
            text.len()
        ))
        .into());
    }
    Ok(text)
}

fn text(name: &str, value: &[u8]) -> Result<String, Failure> {
    std::str::from_utf8(value)
        .map(str::to_owned)
        .map_err(|_| Error::invalid(format!("the header '{name}' is not UTF-8 text")).into())
}

/// The whole body, at most [`BODY_BYTES_MAX`] bytes; more is 413, a compressed one 415.
#[derive(Debug)]
pub struct RawBody(pub Bytes);

impl<S: Sync> FromRequest<S> for RawBody {
    type Rejection = Failure;

    async fn from_request(request: Request<Body>, _state: &S) -> Result<Self, Failure> {
        let announced = request
            .headers()
            .get(CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
        if let Some(encoding) = request.headers().get(CONTENT_ENCODING)
            && !encoding.as_bytes().eq_ignore_ascii_case(b"identity")
        {
            return Err(Failure::new(Error::invalid(
                "the request body is compressed; send it as it is, without content-encoding",
            ))
            .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        if announced.is_some_and(|length| length > BODY_BYTES_MAX) {
            return Err(body_too_large());
        }
        match axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(error) if is_length_limit(&error) => Err(body_too_large()),
            Err(error) => Err(Error::invalid("the request body ended early or is malformed")
                .with_source(error)
                .into()),
        }
    }
}

fn is_length_limit(error: &axum::Error) -> bool {
    std::error::Error::source(error)
        .is_some_and(|cause| cause.to_string().contains("length limit exceeded"))
}

fn body_too_large() -> Failure {
    Failure::new(Error::new(
        ErrorKind::LimitExceeded,
        format!("the request body is larger than {BODY_BYTES_MAX} bytes"),
    ))
    .with_status(StatusCode::PAYLOAD_TOO_LARGE)
}

/// A JSON body, read strictly by the type's own `deny_unknown_fields`.
#[derive(Debug)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Json<T> {
    type Rejection = Failure;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Failure> {
        if let Some(kind) = request.headers().get(CONTENT_TYPE) {
            let kind = kind.to_str().unwrap_or_default();
            let essence = kind.split(';').next().unwrap_or_default().trim();
            if !essence.eq_ignore_ascii_case("application/json") {
                return Err(Failure::new(Error::invalid(format!(
                    "the request body is '{kind}'; send application/json"
                )))
                .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
            }
        }
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        parse_json(&bytes).map(Self)
    }
}

/// Reads a JSON object; the message of the failure names line, column and field.
///
/// An array is refused although a type could be read from one: its values would be taken for fields by
/// their order. Text is UTF-8 also where nobody reads it.
///
/// # Errors
/// `InvalidInput`.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Error::invalid("invalid request body: it is not UTF-8 text"))?;
    if text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('[') {
        return Err(Error::invalid("invalid request body: it is an array, not an object").into());
    }
    serde_json::from_str(text)
        .map_err(|error| Error::invalid(format!("invalid request body: {error}")).into())
}

/// The query, read strictly: unknown and doubled parameters are refused, unless the type takes a list.
#[derive(Debug)]
pub struct UrlQuery<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for UrlQuery<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Failure> {
        Ok(Self(query::parse(parts.uri.query().unwrap_or_default())?))
    }
}

/// The warehouse in the path (`{wh}`).
#[derive(Debug)]
pub struct WarehousePath(pub WarehouseName);

impl<S: Send + Sync> FromRequestParts<S> for WarehousePath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let value = segment(parts, state, "wh").await?;
        Ok(Self(WarehouseName::parse(&value)?))
    }
}

/// The warehouse and the ref name in the path (`{wh}`, `{name}`).
#[derive(Debug)]
pub struct RefPath(pub WarehouseName, pub RefName);

impl<S: Send + Sync> FromRequestParts<S> for RefPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let warehouse = segment(parts, state, "wh").await?;
        let name = segment(parts, state, "name").await?;
        Ok(Self(WarehouseName::parse(&warehouse)?, RefName::parse(&name)?))
    }
}

/// The warehouse and a commit in the path (`{wh}`, `{id}`); any ref expression names one.
#[derive(Debug)]
pub struct CommitPath(pub WarehouseName, pub RefExpr);

impl<S: Send + Sync> FromRequestParts<S> for CommitPath {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let warehouse = segment(parts, state, "wh").await?;
        let commit = segment(parts, state, "id").await?;
        Ok(Self(WarehouseName::parse(&warehouse)?, RefExpr::parse(&commit)?))
    }
}

/// One segment of the path, percent-decoded once (by the router).
///
/// # Errors
/// `InvalidInput` if it is not UTF-8; `Internal` if the route has no such segment.
pub async fn segment<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    name: &'static str,
) -> Result<String, Failure> {
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|_| Error::invalid("the path holds bytes that are not UTF-8"))?;
    for (key, value) in &params {
        if key == name {
            return Ok(value.to_owned());
        }
    }
    Err(Error::internal(format!("the route has no segment '{name}'")).into())
}
