//! `POST /api/v1/warehouses/{wh}/branches`: makes a branch, without copying anything.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{Problem, Ref};
use super::read;
use crate::base::name::{RefExpr, RefName};
use crate::rest::error::Answer;
use crate::rest::extract;
use crate::rest::extract::{Context, WarehousePath};
use crate::rest::state::AppState;

/// A branch to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BranchCreate)]
pub struct Body {
    /// Its name.
    name: String,
    /// Where it points: any ref expression; by default the default branch.
    from: Option<String>,
}

/// Makes a branch.
///
/// # Errors
/// 404 if `from` is not there, 409 if the name is taken.
#[utoipa::path(
    post,
    path = "/api/v1/warehouses/{wh}/branches",
    operation_id = "branch_create",
    tag = "branches",
    params(("wh" = String, Path, description = "The warehouse")),
    request_body = Body,
    responses(
        (status = 201, description = "The new branch", body = Ref),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Taken, stale or in the way", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    WarehousePath(warehouse): WarehousePath,
    extract::Json(body): extract::Json<Body>,
) -> Answer<Response> {
    let name = RefName::parse(&body.name)?;
    let from = body.from.as_deref().map(RefExpr::parse).transpose()?;
    let made = state.catalog.branch_create(&context, &warehouse, &name, from.as_ref()).await?;
    let location = read::location(&[warehouse.as_str(), "branches", name.as_str()]);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(Ref::from(made))).into_response())
}
