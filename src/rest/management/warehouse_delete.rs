//! `DELETE /api/v1/warehouses/{wh}`: removes an empty warehouse.

use axum::extract::State;
use axum::http::StatusCode;

use super::model::Problem;
use crate::rest::error::Answer;
use crate::rest::extract::{Context, WarehousePath};
use crate::rest::state::AppState;

/// Removes a warehouse.
///
/// # Errors
/// 404; 409 if any of its refs holds something.
#[utoipa::path(
    delete,
    path = "/api/v1/warehouses/{wh}",
    operation_id = "warehouse_delete",
    tag = "warehouses",
    params(("wh" = String, Path, description = "The warehouse")),
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
    WarehousePath(warehouse): WarehousePath,
) -> Answer<StatusCode> {
    state.catalog.warehouse_delete(&context, &warehouse).await?;
    Ok(StatusCode::NO_CONTENT)
}
