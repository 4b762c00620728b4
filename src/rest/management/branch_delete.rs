//! `DELETE /api/v1/warehouses/{wh}/branches/{name}`: removes a branch; it can be restored.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::IntoParams;

use super::model::Problem;
use super::read;
use crate::rest::error::Answer;
use crate::rest::extract::{Context, RefPath, UrlQuery};
use crate::rest::state::AppState;

/// The query.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Remove it even if it holds commits that no other ref holds.
    #[serde(default)]
    force: bool,
}

/// Removes a branch.
///
/// # Errors
/// 400 for the default branch; 404; 409 if it holds unmerged commits or its head is not the expected one.
#[utoipa::path(
    delete,
    path = "/api/v1/warehouses/{wh}/branches/{name}",
    operation_id = "branch_delete",
    tag = "branches",
    params(("wh" = String, Path, description = "The warehouse"), ("name" = String, Path, description = "The ref, percent-encoded"), Parameters, ("If-Match" = Option<String>, Header, description = "The head that is expected, in double quotes")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Taken, stale or in the way", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    RefPath(warehouse, name): RefPath,
    UrlQuery(query): UrlQuery<Parameters>,
    headers: HeaderMap,
) -> Answer<StatusCode> {
    let expected = read::if_match(&headers)?;
    state.catalog.branch_delete(&context, &warehouse, &name, query.force, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}
