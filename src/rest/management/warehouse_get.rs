//! `GET /api/v1/warehouses/{wh}`: one warehouse.

use axum::Json;
use axum::extract::State;

use super::model::{Problem, Warehouse};
use crate::rest::error::Answer;
use crate::rest::extract::{Context, WarehousePath};
use crate::rest::state::AppState;

/// Shows a warehouse.
///
/// # Errors
/// 404.
#[utoipa::path(
    get,
    path = "/api/v1/warehouses/{wh}",
    operation_id = "warehouse_get",
    tag = "warehouses",
    params(("wh" = String, Path, description = "The warehouse")),
    responses(
        (status = 200, description = "The warehouse", body = Warehouse),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    WarehousePath(warehouse): WarehousePath,
) -> Answer<Json<Warehouse>> {
    Ok(Json(state.catalog.warehouse_get(&context, &warehouse).await?.into()))
}
