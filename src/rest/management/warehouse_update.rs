//! `PATCH /api/v1/warehouses/{wh}`: changes the settings of a warehouse.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{ClientGc, Problem, Warehouse};
use crate::rest::error::Answer;
use crate::rest::extract;
use crate::rest::extract::{Context, WarehousePath};
use crate::rest::state::AppState;

/// What to change; what is not given stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WarehouseUpdate)]
pub struct Body {
    /// Whether clients may expire snapshots and delete files.
    client_gc: Option<ClientGc>,
}

/// Changes a warehouse.
///
/// # Errors
/// 404.
#[utoipa::path(
    patch,
    path = "/api/v1/warehouses/{wh}",
    operation_id = "warehouse_update",
    tag = "warehouses",
    params(("wh" = String, Path, description = "The warehouse")),
    request_body = Body,
    responses(
        (status = 200, description = "The warehouse as it is now", body = Warehouse),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    WarehousePath(warehouse): WarehousePath,
    extract::Json(body): extract::Json<Body>,
) -> Answer<Json<Warehouse>> {
    let client_gc = body.client_gc.map(ClientGc::allows);
    Ok(Json(state.catalog.warehouse_update(&context, &warehouse, client_gc).await?.into()))
}
