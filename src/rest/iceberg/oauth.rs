//! `POST /v1/oauth/tokens`: tokens for clients that insist on one.
//!
//! The server has no authentication; a client that is configured with a credential gets a token that
//! means nothing, so that it works all the same.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use super::answer;
use crate::rest::error::Answer;
use crate::rest::extract::RawBody;
use crate::rest::query;

const GRANTS: [&str; 2] = ["client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"];

/// Answers a token.
pub(super) async fn token(RawBody(body): RawBody) -> Answer<Response> {
    let grant = std::str::from_utf8(&body)
        .ok()
        .and_then(|text| query::pairs(text).ok())
        .and_then(|pairs| pairs.into_iter().find(|(name, _)| name == "grant_type"));
    let refused = match &grant {
        None => Some("invalid_request"),
        Some((_, grant)) if !GRANTS.contains(&grant.as_str()) => Some("unsupported_grant_type"),
        Some(_) => None,
    };
    if let Some(error) = refused {
        let mut response = answer::json(&json!({ "error": error }))?;
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return Ok(response);
    }
    answer::json(&json!({
        "access_token": "no-authentication",
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "bearer",
    }))
}
