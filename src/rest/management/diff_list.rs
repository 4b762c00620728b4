//! `GET /api/v1/warehouses/{wh}/diff`: what differs between two refs.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::model::{ContentKind, List, Problem};
use crate::base::name::RefExpr;
use crate::base::page::PageRequest;
use crate::catalog::diffs;
use crate::rest::error::Answer;
use crate::rest::extract::{Context, UrlQuery, WarehousePath};
use crate::rest::state::AppState;

/// How much a diff tells.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiffDepth {
    /// Which names differ.
    #[default]
    Keys,
    /// Also what the tables are on each side.
    Tables,
}

/// The query.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Parameters {
    /// One side: any ref expression.
    from: String,
    /// The other side: any ref expression.
    to: String,
    /// How much is told; `keys` by default.
    #[serde(default)]
    #[param(inline)]
    depth: DiffDepth,
    /// Items at most; 1000 if not given, never more than 10000.
    #[param(minimum = 1)]
    limit: Option<usize>,
    /// What the page before gave as `next_page_token`.
    page_token: Option<String>,
}

/// What happened to a name on the way from one side to the other.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DiffChange {
    /// It is only on the `to` side.
    Added,
    /// It is only on the `from` side.
    Removed,
    /// It is on both, in another state.
    Changed,
    /// The same content has another name, and maybe another state.
    Renamed,
}

/// One difference.
#[derive(Debug, Serialize, ToSchema)]
pub struct DiffItem {
    /// Namespace levels and name; on the `to` side unless it was removed.
    path: Vec<String>,
    /// What it is.
    kind: ContentKind,
    /// What happened.
    change: DiffChange,
    /// Who it is, through renames.
    content_id: String,
    /// Its path on the `from` side, if it was renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    renamed_from: Option<Vec<String>>,
    /// The `from` side.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<DiffSide>,
    /// The `to` side.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<DiffSide>,
}

/// One side of a difference.
#[derive(Debug, Serialize, ToSchema)]
pub struct DiffSide {
    /// The metadata file of a table or view.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_location: Option<String>,
    /// What the table is; with depth `tables` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<TableSummary>,
}

/// A table in one state, in short. Counts are those of its current snapshot's summary.
#[derive(Debug, Serialize, ToSchema)]
pub struct TableSummary {
    /// The current schema.
    schema_id: i32,
    /// Its columns.
    columns: Vec<Column>,
    /// The current snapshot.
    #[schema(required)]
    snapshot_id: Option<i64>,
    /// How many snapshots the metadata lists.
    snapshots: usize,
    /// Rows.
    #[schema(required)]
    total_records: Option<i64>,
    /// Data files.
    #[schema(required)]
    total_files: Option<i64>,
    /// Bytes of data files.
    #[schema(required)]
    total_bytes: Option<i64>,
}

/// A column.
#[derive(Debug, Serialize, ToSchema)]
pub struct Column {
    /// The field id.
    id: i32,
    /// The name.
    name: String,
    /// The type as Iceberg writes it.
    #[serde(rename = "type")]
    kind: String,
}

/// Lists differences. Cost grows with what differs, not with what is there.
///
/// # Errors
/// 404 if warehouse or a side are not there.
#[utoipa::path(
    get,
    path = "/api/v1/warehouses/{wh}/diff",
    operation_id = "diff_list",
    tag = "history",
    params(("wh" = String, Path, description = "The warehouse"), Parameters),
    responses(
        (status = 200, description = "One page", body = List<DiffItem>),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    WarehousePath(warehouse): WarehousePath,
    UrlQuery(query): UrlQuery<Parameters>,
) -> Answer<Json<List<DiffItem>>> {
    let page = PageRequest::parse(query.limit, query.page_token.as_deref())?;
    let (from, to) = (RefExpr::parse(&query.from)?, RefExpr::parse(&query.to)?);
    let depth = match query.depth {
        DiffDepth::Keys => diffs::DiffDepth::Keys,
        DiffDepth::Tables => diffs::DiffDepth::Tables,
    };
    let found = state.catalog.diff(&context, &warehouse, &from, &to, depth, &page).await?;
    Ok(Json(List::of(found, DiffItem::from)))
}

impl From<diffs::DiffItem> for DiffItem {
    fn from(item: diffs::DiffItem) -> Self {
        let (change, renamed_from) = match item.change {
            diffs::DiffChange::Added => (DiffChange::Added, None),
            diffs::DiffChange::Removed => (DiffChange::Removed, None),
            diffs::DiffChange::Changed => (DiffChange::Changed, None),
            diffs::DiffChange::Renamed { from } => (DiffChange::Renamed, Some(from)),
        };
        Self {
            path: item.path,
            kind: item.kind.into(),
            change,
            content_id: item.content_id.to_string(),
            renamed_from,
            from: item.from.map(DiffSide::from),
            to: item.to.map(DiffSide::from),
        }
    }
}

impl From<diffs::SideInfo> for DiffSide {
    fn from(side: diffs::SideInfo) -> Self {
        Self {
            metadata_location: side.metadata_location,
            table: side.table.map(TableSummary::from),
        }
    }
}

impl From<diffs::TableSummary> for TableSummary {
    fn from(table: diffs::TableSummary) -> Self {
        let column = |(id, name, kind)| Column { id, name, kind };
        Self {
            schema_id: table.schema_id,
            columns: table.columns.into_iter().map(column).collect(),
            snapshot_id: table.snapshot_id,
            snapshots: table.snapshots,
            total_records: table.total_records,
            total_files: table.total_files,
            total_bytes: table.total_bytes,
        }
    }
}
