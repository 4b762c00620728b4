//! `POST …/tables` and `POST …/register`: new tables.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::answer;
use super::path::InNamespace;
use super::request::{Mutation, Register};
use super::responses::{Responses, Version, table_body};
use crate::catalog::tables::TableRequest;
use crate::iceberg::table::partition::PartitionSpec;
use crate::iceberg::table::schema::Schema;
use crate::iceberg::table::sort::SortOrder;
use crate::iceberg::wire::SnapshotMode;
use crate::rest::error::Answer;
use crate::rest::state::AppState;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Create {
    name: String,
    #[serde(default)]
    location: Option<String>,
    schema: Schema,
    #[serde(default)]
    partition_spec: Option<PartitionSpec>,
    #[serde(default)]
    write_order: Option<SortOrder>,
    #[serde(default)]
    stage_create: Option<bool>,
    #[serde(default)]
    properties: Option<BTreeMap<String, String>>,
}

/// Makes a table, or prepares one that a commit makes later.
pub(super) async fn create(
    State(app): State<AppState>,
    Extension(responses): Extension<Arc<Responses>>,
    target: InNamespace,
    mutation: Mutation,
) -> Answer<Response> {
    let body: Create = mutation.json()?;
    let request = TableRequest {
        name: body.name,
        location: body.location,
        schema: body.schema,
        spec: body.partition_spec,
        sort_order: body.write_order,
        properties: body.properties.unwrap_or_default(),
    };
    let InNamespace { scope, levels } = target;
    let context = &mutation.context;
    if body.stage_create.unwrap_or(false) {
        let staged = app.catalog.table_stage(context, &scope, &levels, request).await?;
        let forbid_gc = !scope.warehouse.client_gc;
        let body = table_body(None, &staged, SnapshotMode::All, forbid_gc);
        return Ok(answer::raw_json(body));
    }
    let written = app.catalog.table_create(context, &scope, &levels, request).await?;
    let version = Version::of(&written.value, SnapshotMode::All, &scope.warehouse);
    let response = responses.table(&app.catalog, &written.value, version).await?;
    Ok(answer::with_commit(response, written.commit))
}

/// Adds a table whose metadata file exists.
pub(super) async fn register(
    State(app): State<AppState>,
    Extension(responses): Extension<Arc<Responses>>,
    target: InNamespace,
    mutation: Mutation,
) -> Answer<Response> {
    let Register { name, metadata_location, overwrite } = mutation.json()?;
    let InNamespace { scope, levels } = target;
    let written = app
        .catalog
        .table_register(
            &mutation.context,
            &scope,
            &levels,
            &name,
            &metadata_location,
            overwrite.unwrap_or(false),
        )
        .await?;
    let version = Version::of(&written.value, SnapshotMode::All, &scope.warehouse);
    let response = responses.table(&app.catalog, &written.value, version).await?;
    Ok(answer::with_commit(response, written.commit))
}
