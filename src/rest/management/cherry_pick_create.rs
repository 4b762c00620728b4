//! `POST /api/v1/warehouses/{wh}/cherry-picks`: repeats one commit on a branch.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::merge_create::answer;
use super::model::{ConflictProblem, MergeReport, Problem};
use super::read;
use crate::base::name::{RefExpr, RefName};
use crate::rest::error::Answer;
use crate::rest::extract;
use crate::rest::extract::{Context, WarehousePath, message_of};
use crate::rest::state::AppState;

/// Which commit, and where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CherryPickCreate)]
pub struct Body {
    /// The commit: any ref expression. Of a merge, what it changed against its first parent.
    commit: String,
    /// The branch that gets the new commit.
    onto: String,
    /// The commit message.
    message: Option<String>,
    /// The head of the branch that is expected; another one is a conflict.
    expected_head: Option<String>,
}

/// Cherry-picks a commit. `commit` is null in the answer if that changes nothing.
///
/// # Errors
/// 404 if commit or branch are not there; 409 for conflicts or an unexpected head.
#[utoipa::path(
    post,
    path = "/api/v1/warehouses/{wh}/cherry-picks",
    operation_id = "cherry_pick_create",
    tag = "history",
    params(("wh" = String, Path, description = "The warehouse")),
    request_body = Body,
    responses(
        (status = 200, description = "What happened", body = MergeReport),
        (status = 400, description = "The request is wrong", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Not there", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Conflicts, or the head is not the expected one; nothing moved", body = ConflictProblem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(mut context): Context,
    WarehousePath(warehouse): WarehousePath,
    extract::Json(body): extract::Json<Body>,
) -> Answer<Json<MergeReport>> {
    let commit = RefExpr::parse(&body.commit)?;
    let onto = RefName::parse(&body.onto)?;
    if let Some(message) = body.message {
        context.message = Some(message_of(message)?);
    }
    let expected = read::expected_head(body.expected_head.as_deref())?;
    answer(state.catalog.cherry_pick(&context, &warehouse, &commit, &onto, expected).await?)
}
