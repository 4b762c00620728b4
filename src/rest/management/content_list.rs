//! `GET /api/v1/warehouses/{wh}/contents`: what a ref holds.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::model::{Content, List, Problem};
use super::read;
use crate::base::name::RefExpr;
use crate::base::page::PageRequest;
use crate::rest::error::Answer;
use crate::rest::extract::{Context, UrlQuery, WarehousePath};
use crate::rest::state::AppState;

/// The query.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Any ref expression; by default the default branch.
    #[serde(rename = "ref")]
    at: Option<String>,
    /// A namespace, or one content: levels separated by U+001F, or by dots. By default the root.
    path: Option<String>,
    /// Also what the namespaces below hold.
    #[serde(default)]
    recursive: bool,
    /// Items at most; 1000 if not given, never more than 10000.
    #[param(minimum = 1)]
    limit: Option<usize>,
    /// What the page before gave as `next_page_token`.
    page_token: Option<String>,
}

/// Lists contents.
///
/// # Errors
/// 404 if warehouse, ref or path are not there.
#[utoipa::path(
    get,
    path = "/api/v1/warehouses/{wh}/contents",
    operation_id = "content_list",
    tag = "contents",
    params(("wh" = String, Path, description = "The warehouse"), Parameters),
    responses(
        (status = 200, description = "One page", body = List<Content>),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    WarehousePath(warehouse): WarehousePath,
    UrlQuery(query): UrlQuery<Parameters>,
) -> Answer<Json<List<Content>>> {
    let page = PageRequest::parse(query.limit, query.page_token.as_deref())?;
    let path = read::path(query.path.as_deref().unwrap_or_default())?;
    let at = match &query.at {
        Some(text) => RefExpr::parse(text)?,
        None => {
            let warehouse = state.catalog.warehouse_get(&context, &warehouse).await?;
            RefExpr::name(warehouse.default_branch)
        }
    };
    let found = state
        .catalog
        .contents_list(&context, &warehouse, &at, &path, query.recursive, &page)
        .await?;
    Ok(Json(List::of(found, Content::from)))
}
