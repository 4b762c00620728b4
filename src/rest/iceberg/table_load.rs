//! `GET …/tables/{table}`: the request that clients make most.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::path::OfContent;
use super::request::parameter;
use super::responses::{Responses, Version};
use crate::base::error::{Error, Result};
use crate::iceberg::wire::SnapshotMode;
use crate::rest::error::Answer;
use crate::rest::state::AppState;
use crate::version::content::ContentKind;

/// Answers a table's metadata, or 304 to a client that has it.
pub(super) async fn load(
    State(app): State<AppState>,
    Extension(responses): Extension<Arc<Responses>>,
    target: OfContent,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer<Response> {
    let mode = snapshots(query.as_deref())?;
    let OfContent { scope, levels, name } = target;
    let location = app.catalog.content_locate(&scope, &levels, &name, ContentKind::Table)?;
    let version = Version::of(&location, mode, &scope.warehouse);
    if version.is_known(&headers) {
        return Ok(version.not_modified());
    }
    app.catalog.metadata_file_check(&location)?;
    Ok(responses.table(&app.catalog, &location, version).await?)
}

fn snapshots(query: Option<&str>) -> Result<SnapshotMode> {
    match parameter(query, "snapshots")?.as_deref() {
        None | Some("all") => Ok(SnapshotMode::All),
        Some("refs") => Ok(SnapshotMode::Refs),
        Some(other) => Err(Error::invalid(format!(
            "the parameter 'snapshots' is '{other}', neither 'all' nor 'refs'"
        ))),
    }
}
