//! `POST …/tables/{table}` and `POST /v1/{prefix}/transactions/commit`: commits to one table or many.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;

use super::answer;
use super::path::{InWarehouse, OfContent};
use super::request::{Identifier, Mutation};
use super::responses::{Responses, Version};
use crate::base::error::{Entity, Error, ErrorKind};
use crate::base::limits::TRANSACTION_TABLES_MAX;
use crate::catalog::table_change::TableChange;
use crate::iceberg::table::requirement::TableRequirement;
use crate::iceberg::table::update::TableUpdate;
use crate::iceberg::wire::SnapshotMode;
use crate::rest::error::Answer;
use crate::rest::state::AppState;

#[derive(Debug, Deserialize)]
struct Commit {
    #[serde(default)]
    requirements: Option<Vec<TableRequirement>>,
    #[serde(default)]
    updates: Option<Vec<TableUpdate>>,
}

/// Commits to one table; without updates the answer is the table as it is.
pub(super) async fn commit(
    State(app): State<AppState>,
    Extension(responses): Extension<Arc<Responses>>,
    target: OfContent,
    mutation: Mutation,
) -> Answer<Response> {
    let Commit { requirements, updates } = mutation.json()?;
    let OfContent { scope, levels, name } = target;
    let requirements = requirements.unwrap_or_default();
    let address = if requirements.contains(&TableRequirement::Create) {
        scope.content(&levels, &name)?
    } else {
        scope.content_to_read(&levels, &name, Entity::Table)?
    };
    let change = TableChange { address, requirements, updates: updates.unwrap_or_default() };
    let written = app.catalog.table_commit(&mutation.context, &scope, vec![change]).await?;
    let version = Version::of(&written.value, SnapshotMode::All, &scope.warehouse);
    let response = responses.table(&app.catalog, &written.value, version).await;
    let response = response.map_err(|error| match written.commit {
        // It is there. A client that reads "failed" would delete the files of its snapshot.
        Some(commit) => Error::new(
            ErrorKind::CommitUnknown,
            format!("the commit {commit} was made, but its answer was not: {}", error.message()),
        )
        .with_source(error),
        None => error,
    })?;
    Ok(answer::with_commit(response, written.commit))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Transaction {
    table_changes: Vec<IdentifiedCommit>,
}

#[derive(Debug, Deserialize)]
struct IdentifiedCommit {
    identifier: Identifier,
    #[serde(default)]
    requirements: Option<Vec<TableRequirement>>,
    #[serde(default)]
    updates: Option<Vec<TableUpdate>>,
}

/// Commits to many tables of one branch, all or none.
pub(super) async fn transaction(
    State(app): State<AppState>,
    target: InWarehouse,
    mutation: Mutation,
) -> Answer<Response> {
    let Transaction { table_changes } = mutation.json()?;
    if table_changes.len() > TRANSACTION_TABLES_MAX {
        return Err(Error::invalid(format!(
            "one transaction changes at most {TRANSACTION_TABLES_MAX} tables, not {}",
            table_changes.len()
        ))
        .into());
    }
    let changes = table_changes
        .into_iter()
        .map(|change| {
            let Identifier { namespace, name } = &change.identifier;
            let requirements = change.requirements.unwrap_or_default();
            let address = if requirements.contains(&TableRequirement::Create) {
                target.scope.content(namespace, name)?
            } else {
                target.scope.content_to_read(namespace, name, Entity::Table)?
            };
            let updates = change.updates.unwrap_or_default();
            Ok(TableChange { address, requirements, updates })
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let written = app.catalog.table_commit(&mutation.context, &target.scope, changes).await?;
    Ok(answer::with_commit(answer::nothing(), written.commit))
}
