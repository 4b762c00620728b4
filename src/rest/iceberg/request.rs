//! Requests that change something: their context, idempotency key and body; and what bodies hold.

use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use axum::http::request::Parts;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::auth::context::{IdempotencyKey, OpContext};
use crate::base::error::{Error, Result};
use crate::base::hash::CanonicalHasher;
use crate::base::limits::IDEMPOTENCY_KEY_BYTES_MAX;
use crate::rest::error::Failure;
use crate::rest::extract::{Context, RawBody, parse_json};
use crate::rest::query;
use crate::rest::state::AppState;

/// Header of a key under which a request is carried out once.
const IDEMPOTENCY_HEADER: &str = "idempotency-key";

/// A request that changes something.
#[derive(Debug)]
pub(super) struct Mutation {
    /// Who asks, and the key.
    pub(super) context: OpContext,
    /// What was sent.
    pub(super) body: Bytes,
}

impl Mutation {
    /// Reads the body as JSON.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        parse_json(&self.body)
    }
}

impl FromRequest<AppState> for Mutation {
    type Rejection = Failure;

    async fn from_request(request: Request<Body>, app: &AppState) -> Result<Self, Failure> {
        let (mut parts, body) = request.into_parts();
        let Context(mut context) = Context::from_request_parts(&mut parts, app).await?;
        let key = idempotency_key(&parts)?;
        let kept = parts.clone();
        let RawBody(body) = RawBody::from_request(Request::from_parts(parts, body), app).await?;
        context.idempotency = key.map(|key| {
            let mut hasher = CanonicalHasher::new("nunatak.request.v1");
            hasher.bytes(kept.method.as_str().as_bytes());
            hasher.bytes(kept.uri.to_string().as_bytes()).bytes(&body);
            IdempotencyKey { key, request: hasher.finish() }
        });
        Ok(Self { context, body })
    }
}

fn idempotency_key(parts: &Parts) -> Result<Option<String>> {
    let Some(value) = parts.headers.get(IDEMPOTENCY_HEADER) else { return Ok(None) };
    let good = |text: &&str| {
        (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match value.to_str().ok().filter(good) {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(Error::invalid(format!(
            "the header '{IDEMPOTENCY_HEADER}' has 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII \
             characters"
        ))),
    }
}

/// The value of a parameter. Parameters that are not known are for others.
///
/// # Errors
/// `InvalidInput` if it is given twice.
pub(super) fn parameter(parts_query: Option<&str>, name: &str) -> Result<Option<String>> {
    let pairs = query::pairs(parts_query.unwrap_or_default())?;
    let mut values = pairs.into_iter().filter(|(key, _)| key == name).map(|(_, value)| value);
    let first = values.next();
    if values.next().is_some() {
        return Err(Error::invalid(format!("the parameter '{name}' is given twice")));
    }
    Ok(first)
}

/// A flag in the query, whatever its case; absent is `false`.
pub(super) fn flag(parts_query: Option<&str>, name: &str) -> Result<bool> {
    match parameter(parts_query, name)? {
        None => Ok(false),
        Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
        Some(value) if value.eq_ignore_ascii_case("false") || value.is_empty() => Ok(false),
        Some(value) => Err(Error::invalid(format!(
            "the parameter '{name}' is '{value}', neither 'true' nor 'false'"
        ))),
    }
}

/// A table or view in a body.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Identifier {
    pub(super) namespace: Vec<String>,
    pub(super) name: String,
}

/// A body that renames a table or view.
#[derive(Debug, Deserialize)]
pub(super) struct Rename {
    pub(super) source: Identifier,
    pub(super) destination: Identifier,
}

/// A body that registers a table or view.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Register {
    pub(super) name: String,
    pub(super) metadata_location: String,
    #[serde(default)]
    pub(super) overwrite: Option<bool>,
}
