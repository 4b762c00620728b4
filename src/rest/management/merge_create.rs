//! `POST /api/v1/warehouses/{wh}/merges`: merges a ref into a branch.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::model::{ConflictProblem, MergeConflict, MergeReport, Problem};
use super::read;
use crate::base::error::{Error, Result};
use crate::base::limits::CONFLICTS_LISTED_MAX;
use crate::base::name::{RefExpr, RefName};
use crate::catalog::merges;
use crate::rest::error::{Answer, Failure};
use crate::rest::extract;
use crate::rest::extract::{Context, WarehousePath, message_of};
use crate::rest::state::AppState;
use crate::version::conflict;

/// What to do with conflicts that no resolution names.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeStrategy {
    /// Nothing moves, the answer lists them.
    #[default]
    Fail,
    /// The target's side is kept.
    Ours,
    /// The source's side is taken.
    Theirs,
}

/// When changes to one table conflict.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeIsolation {
    /// When they touch the same rows.
    #[default]
    Snapshot,
    /// Also when one side changed rows of a partition that the other added to.
    Serializable,
}

/// A side of a merge.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeSide {
    /// The target.
    Ours,
    /// The source.
    Theirs,
}

/// What to do with one name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MergeResolution {
    /// Namespace levels and name.
    path: Vec<String>,
    /// Which side is taken.
    take: MergeSide,
}

/// A merge.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MergeCreate)]
pub struct Body {
    /// What is merged: any ref expression.
    source: String,
    /// The branch that it is merged into.
    into: String,
    /// Answer what the merge would, and move nothing.
    #[serde(default)]
    dry_run: bool,
    /// One parent only: the commit does not name the source.
    #[serde(default)]
    squash: bool,
    /// The commit message.
    message: Option<String>,
    /// The head of the target that is expected; another one is a conflict.
    expected_head: Option<String>,
    /// What to do with conflicts that no resolution names.
    #[serde(default)]
    strategy: MergeStrategy,
    /// When changes to one table conflict.
    #[serde(default)]
    isolation: MergeIsolation,
    /// What to do with single names.
    #[serde(default)]
    resolutions: Vec<MergeResolution>,
}

/// Merges. The target moves once, or not at all.
///
/// # Errors
/// 404 if a ref is not there; 409 for conflicts or an unexpected head.
#[utoipa::path(
    post,
    path = "/api/v1/warehouses/{wh}/merges",
    operation_id = "merge_create",
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
    Context(context): Context,
    WarehousePath(warehouse): WarehousePath,
    extract::Json(body): extract::Json<Body>,
) -> Answer<Json<MergeReport>> {
    let request = body.request()?;
    answer(state.catalog.merge(&context, &warehouse, &request).await?)
}

impl Body {
    fn request(self) -> Answer<merges::MergeRequest> {
        Ok(merges::MergeRequest {
            source: RefExpr::parse(&self.source)?,
            into: RefName::parse(&self.into)?,
            dry_run: self.dry_run,
            squash: self.squash,
            message: self.message.map(message_of).transpose()?,
            expected_head: read::expected_head(self.expected_head.as_deref())?,
            strategy: match self.strategy {
                MergeStrategy::Fail => conflict::Strategy::Fail,
                MergeStrategy::Ours => conflict::Strategy::Ours,
                MergeStrategy::Theirs => conflict::Strategy::Theirs,
            },
            isolation: match self.isolation {
                MergeIsolation::Snapshot => merges::Isolation::Snapshot,
                MergeIsolation::Serializable => merges::Isolation::Serializable,
            },
            resolutions: self
                .resolutions
                .into_iter()
                .map(MergeResolution::read)
                .collect::<Result<_>>()?,
        })
    }
}

impl MergeResolution {
    fn read(self) -> Result<conflict::Resolution> {
        if self.path.is_empty() {
            return Err(Error::invalid("a resolution has an empty path"));
        }
        read::check_path(&self.path)?;
        let take = match self.take {
            MergeSide::Ours => conflict::Side::Ours,
            MergeSide::Theirs => conflict::Side::Theirs,
        };
        Ok(conflict::Resolution { path: self.path, take })
    }
}

/// The answer to a merge, revert or cherry-pick: 200 with the report, or 409 if there are conflicts.
pub(super) fn answer(report: merges::MergeReport) -> Answer<Json<MergeReport>> {
    let wire = MergeReport::of(&report);
    if report.conflicts.is_empty() {
        return Ok(Json(wire));
    }
    let count = report.conflicts.len();
    let conflicts: Vec<MergeConflict> =
        report.conflicts.into_iter().take(CONFLICTS_LISTED_MAX).map(MergeConflict::from).collect();
    let detail = match conflicts.as_slice() {
        [only] => format!("1 conflict, nothing moved: {}: {}", only.path.join("."), only.reason),
        _ => format!("{count} conflicts, nothing moved"),
    };
    let unwritten = |error| Error::internal("a merge report was not written").with_source(error);
    let mut details = serde_json::Map::new();
    details.insert("commit".to_owned(), serde_json::Value::Null);
    details.insert("base".to_owned(), wire.base.into());
    details.insert("head_before".to_owned(), wire.head_before.into());
    details.insert("changes".to_owned(), serde_json::to_value(wire.changes).map_err(unwritten)?);
    details.insert("conflicts".to_owned(), serde_json::to_value(conflicts).map_err(unwritten)?);
    Err(Failure::new(Error::conflict(detail)).with_details(details))
}
