//! `GET /api/v1/warehouses/{wh}/ref-log`: every movement of every ref, newest first.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::model::{List, Problem, RefMovement};
use crate::base::name::RefName;
use crate::base::page::PageRequest;
use crate::rest::error::Answer;
use crate::rest::extract::{Context, UrlQuery, WarehousePath};
use crate::rest::state::AppState;

/// The query.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only movements of this branch or tag.
    #[serde(rename = "ref", alias = "name")]
    name: Option<String>,
    /// Items at most; 1000 if not given, never more than 10000.
    #[param(minimum = 1)]
    limit: Option<usize>,
    /// What the page before gave as `next_page_token`.
    page_token: Option<String>,
}

/// Lists movements.
///
/// # Errors
/// 404 if there is no such warehouse.
#[utoipa::path(
    get,
    path = "/api/v1/warehouses/{wh}/ref-log",
    operation_id = "ref_log_list",
    tag = "refs",
    params(("wh" = String, Path, description = "The warehouse"), Parameters),
    responses(
        (status = 200, description = "One page, newest first", body = List<RefMovement>),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    WarehousePath(warehouse): WarehousePath,
    UrlQuery(query): UrlQuery<Parameters>,
) -> Answer<Json<List<RefMovement>>> {
    let page = PageRequest::parse(query.limit, query.page_token.as_deref())?;
    let name = query.name.as_deref().map(RefName::parse).transpose()?;
    let name = name.as_ref().map(RefName::as_str);
    let found = state.catalog.ref_log(&context, &warehouse, name, &page).await?;
    Ok(Json(List::of(found, RefMovement::from)))
}
