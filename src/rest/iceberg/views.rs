//! `…/views`: everything about views.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::Deserialize;

use super::path::{InNamespace, InWarehouse, OfContent};
use super::request::{Mutation, Register};
use super::responses::document_body;
use super::{answer, tables};
use crate::base::error::{Entity, Error, Result};
use crate::catalog::views::ViewRequest;
use crate::iceberg::table::schema::Schema;
use crate::iceberg::view::update::{ViewRequirement, ViewUpdate};
use crate::iceberg::view::version::RequestedVersion;
use crate::rest::error::Answer;
use crate::rest::extract::Context;
use crate::rest::state::AppState;
use crate::version::content::ContentKind;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Create {
    name: String,
    #[serde(default)]
    location: Option<String>,
    schema: Schema,
    view_version: RequestedVersion,
    #[serde(default)]
    properties: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
struct Commit {
    #[serde(default)]
    requirements: Option<Vec<ViewRequirement>>,
    #[serde(default)]
    updates: Option<Vec<ViewUpdate>>,
}

/// The answer that holds a view's metadata.
async fn view(app: &AppState, location: &str) -> Result<Response> {
    let cached = app.catalog.view_metadata(location).await?;
    Ok(answer::raw_json(document_body(Some(location), &cached.json, b",\"config\":{}}")))
}

/// Lists the views directly in a namespace.
pub(super) async fn list(
    State(app): State<AppState>,
    target: InNamespace,
    RawQuery(query): RawQuery,
    Context(context): Context,
) -> Answer<Response> {
    tables::list_of(&app, &target, query.as_deref(), &context, ContentKind::View).await
}

/// Makes a view.
pub(super) async fn create(
    State(app): State<AppState>,
    target: InNamespace,
    mutation: Mutation,
) -> Answer<Response> {
    let body: Create = mutation.json()?;
    let request = ViewRequest {
        name: body.name,
        location: body.location,
        schema: body.schema,
        version: body.view_version,
        properties: body.properties.unwrap_or_default(),
    };
    let InNamespace { scope, levels } = target;
    let made = app.catalog.view_create(&mutation.context, &scope, &levels, request).await;
    match made {
        Ok(written) => Ok(answer::with_commit(view(&app, &written.value).await?, written.commit)),
        Err(error) => answer::refuse_document(error),
    }
}

/// Answers a view's metadata.
pub(super) async fn load(State(app): State<AppState>, target: OfContent) -> Answer<Response> {
    let OfContent { scope, levels, name } = target;
    let location = app.catalog.content_locate(&scope, &levels, &name, ContentKind::View)?;
    Ok(view(&app, &location).await?)
}

/// Tells whether there is a view.
pub(super) async fn exists(State(app): State<AppState>, target: OfContent) -> Answer<Response> {
    let OfContent { scope, levels, name } = target;
    app.catalog.content_locate(&scope, &levels, &name, ContentKind::View)?;
    Ok(answer::nothing())
}

/// Commits to a view, such as another query.
pub(super) async fn commit(
    State(app): State<AppState>,
    target: OfContent,
    mutation: Mutation,
) -> Answer<Response> {
    let Commit { requirements, updates } = mutation.json()?;
    let OfContent { scope, levels, name } = target;
    let address = scope.content_to_read(&levels, &name, Entity::View)?;
    let changed = app
        .catalog
        .view_commit(
            &mutation.context,
            &scope,
            address,
            requirements.unwrap_or_default(),
            updates.unwrap_or_default(),
        )
        .await;
    match changed {
        Ok(written) => Ok(answer::with_commit(view(&app, &written.value).await?, written.commit)),
        Err(error) => answer::refuse_document(error),
    }
}

/// Drops a view.
pub(super) async fn drop(
    State(app): State<AppState>,
    target: OfContent,
    mutation: Mutation,
) -> Answer<Response> {
    let OfContent { scope, levels, name } = target;
    let written = app
        .catalog
        .content_drop(&mutation.context, &scope, &levels, &name, ContentKind::View)
        .await?;
    Ok(answer::with_commit(answer::nothing(), written.commit))
}

/// Adds a view whose metadata file exists.
pub(super) async fn register(
    State(app): State<AppState>,
    target: InNamespace,
    mutation: Mutation,
) -> Answer<Response> {
    let Register { name, metadata_location, overwrite } = mutation.json()?;
    if overwrite.unwrap_or(false) {
        return Err(Error::invalid(
            "a view is registered under a new name: overwrite is for tables",
        )
        .into());
    }
    let InNamespace { scope, levels } = target;
    let written = app
        .catalog
        .view_register(&mutation.context, &scope, &levels, &name, &metadata_location)
        .await?;
    Ok(answer::with_commit(view(&app, &written.value).await?, written.commit))
}

/// Renames a view.
pub(super) async fn rename(
    State(app): State<AppState>,
    target: InWarehouse,
    mutation: Mutation,
) -> Answer<Response> {
    tables::rename_of(&app, &target, &mutation, ContentKind::View).await
}
