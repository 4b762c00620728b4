//! `POST /api/v1/warehouses`: makes a warehouse with the branch `main`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{ClientGc, Problem, Warehouse};
use super::read;
use crate::base::name::WarehouseName;
use crate::catalog::warehouses::NewWarehouse;
use crate::rest::error::Answer;
use crate::rest::extract;
use crate::rest::extract::Context;
use crate::rest::state::AppState;

/// A warehouse to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WarehouseCreate)]
pub struct Body {
    /// Its name: letters, digits, `_`, `.` and `-`, at most 63 bytes.
    name: String,
    /// URL below which its tables will lie; by default a folder of its name below the server's root.
    location: Option<String>,
    /// Whether clients may expire snapshots and delete files; `deny` by default.
    client_gc: Option<ClientGc>,
}

/// Makes a warehouse.
///
/// # Errors
/// 400 for a wrong name or location, 409 if the name is taken.
#[utoipa::path(
    post,
    path = "/api/v1/warehouses",
    operation_id = "warehouse_create",
    tag = "warehouses",
    request_body = Body,
    responses(
        (status = 201, description = "The new warehouse", body = Warehouse),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Taken, stale or in the way", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    extract::Json(body): extract::Json<Body>,
) -> Answer<Response> {
    let new = NewWarehouse {
        name: WarehouseName::parse(&body.name)?,
        location: body.location,
        client_gc: body.client_gc.is_some_and(ClientGc::allows),
    };
    let made = Warehouse::from(state.catalog.warehouse_create(&context, new).await?);
    let location = read::location(&[&made.name]);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(made)).into_response())
}
