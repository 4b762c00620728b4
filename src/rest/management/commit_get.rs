//! `GET /api/v1/warehouses/{wh}/commits/{id}`: one commit.

use axum::Json;
use axum::extract::State;

use super::model::{Commit, Problem};
use crate::rest::error::Answer;
use crate::rest::extract::{CommitPath, Context};
use crate::rest::state::AppState;

/// Shows a commit.
///
/// # Errors
/// 404.
#[utoipa::path(
    get,
    path = "/api/v1/warehouses/{wh}/commits/{id}",
    operation_id = "commit_get",
    tag = "history",
    params(("wh" = String, Path, description = "The warehouse"), ("id" = String, Path, description = "A commit id or any other ref expression, percent-encoded")),
    responses(
        (status = 200, description = "The commit", body = Commit),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    CommitPath(warehouse, commit): CommitPath,
) -> Answer<Json<Commit>> {
    Ok(Json(state.catalog.commit_get(&context, &warehouse, &commit).await?.into()))
}
