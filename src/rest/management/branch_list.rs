//! `GET /api/v1/warehouses/{wh}/branches`: the branches, by name.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::model::{List, Problem, Ref};
use crate::base::page::PageRequest;
use crate::rest::error::Answer;
use crate::rest::extract::{Context, UrlQuery, WarehousePath};
use crate::rest::state::AppState;
use crate::store::records::RefKind;

/// The query.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Only names that start like this.
    prefix: Option<String>,
    /// Items at most; 1000 if not given, never more than 10000.
    #[param(minimum = 1)]
    limit: Option<usize>,
    /// What the page before gave as `next_page_token`.
    page_token: Option<String>,
}

/// Lists branches.
///
/// # Errors
/// 404 if there is no such warehouse.
#[utoipa::path(
    get,
    path = "/api/v1/warehouses/{wh}/branches",
    operation_id = "branch_list",
    tag = "branches",
    params(("wh" = String, Path, description = "The warehouse"), Parameters),
    responses(
        (status = 200, description = "One page, ordered by name", body = List<Ref>),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    WarehousePath(warehouse): WarehousePath,
    UrlQuery(query): UrlQuery<Parameters>,
) -> Answer<Json<List<Ref>>> {
    let page = PageRequest::parse(query.limit, query.page_token.as_deref())?;
    let prefix = query.prefix.unwrap_or_default();
    let found =
        state.catalog.ref_list(&context, &warehouse, Some(RefKind::Branch), &prefix, &page).await?;
    Ok(Json(List::of(found, Ref::from)))
}
