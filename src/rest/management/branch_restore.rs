//! `POST /api/v1/warehouses/{wh}/branches/{name}/restore`: brings a deleted branch back.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{Problem, Ref};
use super::read;
use crate::base::name::RefExpr;
use crate::rest::error::Answer;
use crate::rest::extract::{Context, RawBody, RefPath, parse_json};
use crate::rest::state::AppState;

/// Where to; the body may be left out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BranchRestore)]
pub struct Body {
    /// Any ref expression; by default where the branch pointed when it was deleted.
    to: Option<String>,
}

/// Restores a branch from the ref log.
///
/// # Errors
/// 404 if there never was such a branch, 409 if it is there.
#[utoipa::path(
    post,
    path = "/api/v1/warehouses/{wh}/branches/{name}/restore",
    operation_id = "branch_restore",
    tag = "branches",
    params(("wh" = String, Path, description = "The warehouse"), ("name" = String, Path, description = "The ref, percent-encoded")),
    request_body = Option<Body>,
    responses(
        (status = 201, description = "The branch, back again", body = Ref),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Taken, stale or in the way", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    RefPath(warehouse, name): RefPath,
    RawBody(bytes): RawBody,
) -> Answer<Response> {
    let body: Body = if bytes.is_empty() { Body::default() } else { parse_json(&bytes)? };
    let to = body.to.as_deref().map(RefExpr::parse).transpose()?;
    let back = state.catalog.branch_restore(&context, &warehouse, &name, to.as_ref()).await?;
    let location = read::location(&[warehouse.as_str(), "branches", name.as_str()]);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(Ref::from(back))).into_response())
}
