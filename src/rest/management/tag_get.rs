//! `GET /api/v1/warehouses/{wh}/tags/{name}`: one tag, with its head as entity tag.

use axum::Json;
use axum::extract::State;
use axum::http::header::ETAG;
use axum::response::{IntoResponse as _, Response};

use super::model::{Problem, Ref};
use super::read;
use crate::rest::error::Answer;
use crate::rest::extract::{Context, RefPath};
use crate::rest::state::AppState;

/// Shows a tag.
///
/// # Errors
/// 404.
#[utoipa::path(
    get,
    path = "/api/v1/warehouses/{wh}/tags/{name}",
    operation_id = "tag_get",
    tag = "tags",
    params(("wh" = String, Path, description = "The warehouse"), ("name" = String, Path, description = "The ref, percent-encoded")),
    responses(
        (status = 200, description = "The tag", body = Ref),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    RefPath(warehouse, name): RefPath,
) -> Answer<Response> {
    let found = Ref::from(state.catalog.tag_get(&context, &warehouse, &name).await?);
    Ok(([(ETAG, read::entity_tag(&found.head))], Json(found)).into_response())
}
