//! `…/tables`: listing, probing, dropping and renaming; reports and credentials.

use axum::extract::{RawQuery, State};
use axum::response::Response;
use serde_json::json;

use super::list::{Identified, Identifiers};
use super::path::{InNamespace, InWarehouse, OfContent};
use super::request::{Mutation, Rename, flag};
use super::{answer, list as pages};
use crate::rest::error::Answer;
use crate::rest::extract::{Context, RawBody};
use crate::rest::state::AppState;
use crate::version::content::ContentKind;

/// Lists the tables directly in a namespace.
pub(super) async fn list(
    State(app): State<AppState>,
    target: InNamespace,
    RawQuery(query): RawQuery,
    Context(context): Context,
) -> Answer<Response> {
    list_of(&app, &target, query.as_deref(), &context, ContentKind::Table).await
}

/// Lists content of one kind.
pub(super) async fn list_of(
    app: &AppState,
    target: &InNamespace,
    query: Option<&str>,
    context: &crate::auth::context::OpContext,
    kind: ContentKind,
) -> Answer<Response> {
    let (names, next_page_token) = pages::read(query, |page| async move {
        app.catalog.content_list(context, &target.scope, &target.levels, kind, &page).await
    })
    .await?;
    let identifiers =
        names.into_iter().map(|name| Identified { namespace: &target.levels, name }).collect();
    answer::json(&Identifiers { identifiers, next_page_token })
}

/// Tells whether there is a table.
pub(super) async fn exists(State(app): State<AppState>, target: OfContent) -> Answer<Response> {
    let OfContent { scope, levels, name } = target;
    app.catalog.content_locate(&scope, &levels, &name, ContentKind::Table)?;
    Ok(answer::nothing())
}

/// Drops a table. Files are deleted later by garbage collection, once no commit needs them; a purge
/// is taken as a wish for that.
pub(super) async fn drop(
    State(app): State<AppState>,
    target: OfContent,
    RawQuery(query): RawQuery,
    mutation: Mutation,
) -> Answer<Response> {
    flag(query.as_deref(), "purgeRequested")?;
    let OfContent { scope, levels, name } = target;
    let written = app
        .catalog
        .content_drop(&mutation.context, &scope, &levels, &name, ContentKind::Table)
        .await?;
    Ok(answer::with_commit(answer::nothing(), written.commit))
}

/// Renames a table.
pub(super) async fn rename(
    State(app): State<AppState>,
    target: InWarehouse,
    mutation: Mutation,
) -> Answer<Response> {
    rename_of(&app, &target, &mutation, ContentKind::Table).await
}

/// Renames content of one kind.
pub(super) async fn rename_of(
    app: &AppState,
    target: &InWarehouse,
    mutation: &Mutation,
    kind: ContentKind,
) -> Answer<Response> {
    let Rename { source, destination } = mutation.json()?;
    let written = app
        .catalog
        .content_rename(
            &mutation.context,
            &target.scope,
            (&source.namespace, &source.name),
            (&destination.namespace, &destination.name),
            kind,
        )
        .await?;
    Ok(answer::with_commit(answer::nothing(), written.commit))
}

/// Takes a report. It may come before the table exists, so nothing is looked up.
pub(super) async fn metrics(RawBody(_report): RawBody) -> Answer<Response> {
    Ok(answer::nothing())
}

/// Answers that there are no credentials: clients bring their own.
pub(super) async fn credentials(
    State(app): State<AppState>,
    target: OfContent,
) -> Answer<Response> {
    let OfContent { scope, levels, name } = target;
    app.catalog.content_locate(&scope, &levels, &name, ContentKind::Table)?;
    answer::json(&json!({ "storage-credentials": [] }))
}
