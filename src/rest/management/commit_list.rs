//! `GET /api/v1/warehouses/{wh}/commits`: the log of a ref, newest first.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::model::{Commit, List, Problem};
use super::read;
use crate::base::error::{Error, Result};
use crate::base::name::RefExpr;
use crate::base::page::PageRequest;
use crate::catalog::commits::LogQuery;
use crate::rest::error::Answer;
use crate::rest::extract::{Context, UrlQuery, WarehousePath};
use crate::rest::state::AppState;

/// The query.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// Where the log starts: any ref expression; by default the default branch.
    #[serde(rename = "ref")]
    from: Option<String>,
    /// Only commits by this author.
    author: Option<String>,
    /// Only commits at or after this time (RFC 3339).
    since: Option<String>,
    /// Only commits at or before this time (RFC 3339).
    until: Option<String>,
    /// Only commits that changed this or something below it: levels separated by U+001F, or by dots.
    path: Option<String>,
    /// Only commits with this property (`name`) or this value of it (`name=value`); may be repeated.
    #[serde(default)]
    property: Vec<String>,
    /// Only first parents: what the branch itself went through.
    #[serde(default)]
    first_parent: bool,
    /// Items at most; 1000 if not given, never more than 10000.
    #[param(minimum = 1)]
    limit: Option<usize>,
    /// What the page before gave as `next_page_token`.
    page_token: Option<String>,
}

/// Lists commits.
///
/// # Errors
/// 404 if warehouse or ref are not there.
#[utoipa::path(
    get,
    path = "/api/v1/warehouses/{wh}/commits",
    operation_id = "commit_list",
    tag = "history",
    params(("wh" = String, Path, description = "The warehouse"), Parameters),
    responses(
        (status = 200, description = "One page, newest first", body = List<Commit>),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    WarehousePath(warehouse): WarehousePath,
    UrlQuery(query): UrlQuery<Parameters>,
) -> Answer<Json<List<Commit>>> {
    let page = PageRequest::parse(query.limit, query.page_token.as_deref())?;
    let from = match &query.from {
        Some(text) => RefExpr::parse(text)?,
        None => {
            let warehouse = state.catalog.warehouse_get(&context, &warehouse).await?;
            RefExpr::name(warehouse.default_branch)
        }
    };
    let log = query.log(from)?;
    let found = state.catalog.commit_log(&context, &warehouse, &log, &page).await?;
    Ok(Json(List::of(found, Commit::from)))
}

impl Parameters {
    fn log(self, from: RefExpr) -> Result<LogQuery> {
        Ok(LogQuery {
            from,
            author: self.author,
            since: self.since.map(|text| read::time("since", &text)).transpose()?,
            until: self.until.map(|text| read::time("until", &text)).transpose()?,
            path: self.path.map(|text| read::path(&text)).transpose()?,
            property: self.property.into_iter().map(property).collect::<Result<_>>()?,
            first_parent: self.first_parent,
        })
    }
}

/// `name` or `name=value`; the name ends at the first `=`.
fn property(text: String) -> Result<(String, Option<String>)> {
    let (name, value) = match text.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (text, None),
    };
    if name.is_empty() {
        return Err(Error::invalid(
            "the parameter 'property' needs a name: use name or name=value",
        ));
    }
    Ok((name, value))
}
