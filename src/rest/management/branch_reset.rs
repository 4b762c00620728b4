//! `POST /api/v1/warehouses/{wh}/branches/{name}/reset`: points a branch at another commit.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{Problem, Ref};
use super::read;
use crate::base::name::RefExpr;
use crate::rest::error::Answer;
use crate::rest::extract;
use crate::rest::extract::{Context, RefPath};
use crate::rest::state::AppState;

/// Where to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BranchReset)]
pub struct Body {
    /// Any ref expression.
    to: String,
    /// The head that is expected; another one is a conflict.
    expected_head: Option<String>,
}

/// Resets a branch. What it held stays reachable through the ref log.
///
/// # Errors
/// 404 if branch or target are not there, 409 if the head is not the expected one.
#[utoipa::path(
    post,
    path = "/api/v1/warehouses/{wh}/branches/{name}/reset",
    operation_id = "branch_reset",
    tag = "branches",
    params(("wh" = String, Path, description = "The warehouse"), ("name" = String, Path, description = "The ref, percent-encoded")),
    request_body = Body,
    responses(
        (status = 200, description = "The branch as it is now", body = Ref),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Taken, stale or in the way", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    RefPath(warehouse, name): RefPath,
    extract::Json(body): extract::Json<Body>,
) -> Answer<Json<Ref>> {
    let to = RefExpr::parse(&body.to)?;
    let expected = read::expected_head(body.expected_head.as_deref())?;
    let moved = state.catalog.branch_reset(&context, &warehouse, &name, &to, expected).await?;
    Ok(Json(moved.into()))
}
