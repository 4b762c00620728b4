//! `GET /api/v1/warehouses`: the warehouses, by name.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::model::{List, Problem, Warehouse};
use crate::base::page::PageRequest;
use crate::rest::error::Answer;
use crate::rest::extract::{Context, UrlQuery};
use crate::rest::state::AppState;

/// The query.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Items at most; 1000 if not given, never more than 10000.
    #[param(minimum = 1)]
    limit: Option<usize>,
    /// What the page before gave as `next_page_token`.
    page_token: Option<String>,
}

/// Lists warehouses.
///
/// # Errors
/// 400 for a wrong page.
#[utoipa::path(
    get,
    path = "/api/v1/warehouses",
    operation_id = "warehouse_list",
    tag = "warehouses",
    params(Parameters),
    responses(
        (status = 200, description = "One page, ordered by name", body = List<Warehouse>),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    UrlQuery(query): UrlQuery<Parameters>,
) -> Answer<Json<List<Warehouse>>> {
    let page = PageRequest::parse(query.limit, query.page_token.as_deref())?;
    let found = state.catalog.warehouse_list(&context, &page).await?;
    Ok(Json(List::of(found, Warehouse::from)))
}
