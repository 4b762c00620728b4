//! `/v1/{prefix}/namespaces`: namespaces, and refs as the first level of the warehouse view.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::path::{InNamespace, InWarehouse, levels};
use super::request::{Mutation, flag, parameter};
use super::{answer, list};
use crate::base::error::Error;
use crate::rest::error::Answer;
use crate::rest::extract::Context;
use crate::rest::state::AppState;

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Namespaces {
    namespaces: Vec<Vec<String>>,
    next_page_token: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Namespace {
    namespace: Vec<String>,
    #[serde(default)]
    properties: Option<BTreeMap<String, String>>,
}

/// Lists the namespaces directly in `parent`, or of the first level.
pub(super) async fn list(
    State(app): State<AppState>,
    target: InWarehouse,
    RawQuery(query): RawQuery,
    Context(context): Context,
) -> Answer<Response> {
    let parent = levels(&parameter(query.as_deref(), "parent")?.unwrap_or_default());
    let (catalog, context, scope, parent) = (&app.catalog, &context, &target.scope, &parent);
    let (namespaces, next_page_token) = list::read(query.as_deref(), |page| async move {
        catalog.namespace_list(context, scope, parent, &page).await
    })
    .await?;
    answer::json(&Namespaces { namespaces, next_page_token })
}

/// Makes a namespace, or a branch.
pub(super) async fn create(
    State(app): State<AppState>,
    target: InWarehouse,
    mutation: Mutation,
) -> Answer<Response> {
    let Namespace { namespace, properties } = mutation.json()?;
    if namespace.is_empty() {
        return Err(Error::invalid("Cannot create a namespace without a name").into());
    }
    let written = app
        .catalog
        .namespace_create(
            &mutation.context,
            &target.scope,
            &namespace,
            properties.unwrap_or_default(),
        )
        .await?;
    let body = Namespace { namespace, properties: Some(written.value) };
    Ok(answer::with_commit(answer::json(&body)?, written.commit))
}

/// Answers the properties of a namespace.
pub(super) async fn load(
    State(app): State<AppState>,
    target: InNamespace,
    Context(context): Context,
) -> Answer<Response> {
    let properties = app.catalog.namespace_get(&context, &target.scope, &target.levels).await?;
    answer::json(&Namespace { namespace: target.levels, properties: Some(properties) })
}

/// Tells whether there is a namespace.
pub(super) async fn exists(
    State(app): State<AppState>,
    target: InNamespace,
    Context(context): Context,
) -> Answer<Response> {
    app.catalog.namespace_exists(&context, &target.scope, &target.levels).await?;
    Ok(answer::nothing())
}

/// Removes an empty namespace, or a branch; `force=true` removes a branch with work that is not merged.
pub(super) async fn drop(
    State(app): State<AppState>,
    target: InNamespace,
    RawQuery(query): RawQuery,
    mutation: Mutation,
) -> Answer<Response> {
    let force = flag(query.as_deref(), "force")?;
    let written =
        app.catalog.namespace_drop(&mutation.context, &target.scope, &target.levels, force).await?;
    Ok(answer::with_commit(answer::nothing(), written.commit))
}

#[derive(Debug, Deserialize)]
struct PropertyUpdates {
    #[serde(default)]
    removals: Option<Vec<String>>,
    #[serde(default)]
    updates: Option<BTreeMap<String, String>>,
}

/// Sets and removes properties.
pub(super) async fn properties(
    State(app): State<AppState>,
    target: InNamespace,
    mutation: Mutation,
) -> Answer<Response> {
    let PropertyUpdates { removals, updates } = mutation.json()?;
    let (removals, updates) = (removals.unwrap_or_default(), updates.unwrap_or_default());
    let both: Vec<&str> =
        removals.iter().filter(|key| updates.contains_key(*key)).map(String::as_str).collect();
    if !both.is_empty() {
        return Ok(answer::unprocessable(&format!(
            "Invalid namespace update, cannot simultaneously set and remove keys: [{}]",
            both.join(", ")
        )));
    }
    let written = app
        .catalog
        .namespace_properties(&mutation.context, &target.scope, &target.levels, removals, updates)
        .await?;
    Ok(answer::with_commit(answer::json(&written.value)?, written.commit))
}
