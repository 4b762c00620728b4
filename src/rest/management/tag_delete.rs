//! `DELETE /api/v1/warehouses/{wh}/tags/{name}`: removes a tag.

use axum::extract::State;
use axum::http::StatusCode;

use super::model::Problem;
use crate::rest::error::Answer;
use crate::rest::extract::{Context, RefPath};
use crate::rest::state::AppState;

/// Removes a tag.
///
/// # Errors
/// 404.
#[utoipa::path(
    delete,
    path = "/api/v1/warehouses/{wh}/tags/{name}",
    operation_id = "tag_delete",
    tag = "tags",
    params(("wh" = String, Path, description = "The warehouse"), ("name" = String, Path, description = "The ref, percent-encoded")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    RefPath(warehouse, name): RefPath,
) -> Answer<StatusCode> {
    state.catalog.tag_delete(&context, &warehouse, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
