//! What several endpoints answer with: the wire forms of warehouses, refs, commits, contents, merges.
//!
//! Field names are the API; they follow DESIGN section 7 and the golden OpenAPI document.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::base::page::Page;
use crate::catalog::{branches, commits, diffs, merges, warehouses};
use crate::store::records::RefAction as StoredRefAction;
use crate::store::records::RefKind as StoredRefKind;
use crate::version::{conflict, content};

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// Send it as `page_token` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

impl<T> List<T> {
    /// A page with each item in its wire form.
    pub fn of<S>(page: Page<S>, wire: impl FnMut(S) -> T) -> Self {
        let next_page_token = page.next_token();
        Self { items: page.items.into_iter().map(wire).collect(), next_page_token }
    }
}

/// Whether clients may expire snapshots and delete files.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientGc {
    /// They may not: history lives in commits. The default.
    Deny,
    /// They may, and give up history.
    Allow,
}

impl ClientGc {
    /// Whether it allows.
    #[must_use]
    pub const fn allows(self) -> bool {
        matches!(self, Self::Allow)
    }
}

/// A warehouse.
#[derive(Debug, Serialize, ToSchema)]
pub struct Warehouse {
    /// Its name.
    pub name: String,
    /// URL below which its tables lie.
    pub location: String,
    /// The branch that is meant where none is named.
    pub default_branch: String,
    /// Whether clients may expire snapshots and delete files.
    pub client_gc: ClientGc,
    /// When it was made (RFC 3339).
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl From<warehouses::Warehouse> for Warehouse {
    fn from(warehouse: warehouses::Warehouse) -> Self {
        Self {
            name: warehouse.name.to_string(),
            location: warehouse.location,
            default_branch: warehouse.default_branch.to_string(),
            client_gc: if warehouse.client_gc { ClientGc::Allow } else { ClientGc::Deny },
            created_at: warehouse.created_at.to_rfc3339(),
        }
    }
}

/// Branch or tag.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefKind {
    /// Moves.
    Branch,
    /// Never moves.
    Tag,
}

impl From<StoredRefKind> for RefKind {
    fn from(kind: StoredRefKind) -> Self {
        match kind {
            StoredRefKind::Branch => Self::Branch,
            StoredRefKind::Tag => Self::Tag,
        }
    }
}

/// A branch or tag.
#[derive(Debug, Serialize, ToSchema)]
pub struct Ref {
    /// Its name.
    pub name: String,
    /// Branch or tag.
    pub kind: RefKind,
    /// The id of the commit it points at.
    pub head: String,
    /// When the name was made (RFC 3339).
    #[schema(format = DateTime)]
    pub created_at: String,
}

impl From<branches::Ref> for Ref {
    fn from(found: branches::Ref) -> Self {
        Self {
            name: found.name.to_string(),
            kind: found.kind.into(),
            head: found.head.to_string(),
            created_at: found.created_at.to_rfc3339(),
        }
    }
}

/// What happened to a ref.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefAction {
    /// It was made.
    Create,
    /// A commit was added.
    Commit,
    /// A merge was added.
    Merge,
    /// It was pointed elsewhere.
    Reset,
    /// It was removed.
    Delete,
    /// It came back.
    Restore,
}

impl From<StoredRefAction> for RefAction {
    fn from(action: StoredRefAction) -> Self {
        match action {
            StoredRefAction::Create => Self::Create,
            StoredRefAction::Commit => Self::Commit,
            StoredRefAction::Merge => Self::Merge,
            StoredRefAction::Reset => Self::Reset,
            StoredRefAction::Delete => Self::Delete,
            StoredRefAction::Restore => Self::Restore,
        }
    }
}

/// One movement of one ref.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefMovement {
    /// Number in the warehouse, from 1, without gaps.
    pub sequence: u64,
    /// The ref.
    pub name: String,
    /// Branch or tag.
    pub kind: RefKind,
    /// What happened.
    pub action: RefAction,
    /// Where it pointed; null if it was not there.
    #[schema(required)]
    pub from: Option<String>,
    /// Where it points; null if it is gone.
    #[schema(required)]
    pub to: Option<String>,
    /// Who did it.
    pub actor: String,
    /// Why, in words.
    pub reason: String,
    /// When (RFC 3339).
    #[schema(format = DateTime)]
    pub at: String,
    /// Hash over this movement and, through it, all before.
    pub hash: String,
}

impl From<branches::RefMovement> for RefMovement {
    fn from(movement: branches::RefMovement) -> Self {
        Self {
            sequence: movement.sequence,
            name: movement.name,
            kind: movement.kind.into(),
            action: movement.action.into(),
            from: movement.from.map(|id| id.to_string()),
            to: movement.to.map(|id| id.to_string()),
            actor: movement.actor,
            reason: movement.reason,
            at: movement.at.to_rfc3339(),
            hash: movement.hash.to_string(),
        }
    }
}

/// A commit: an immutable state of the whole warehouse.
#[derive(Debug, Serialize, ToSchema)]
pub struct Commit {
    /// Its id: the hash of everything below.
    pub id: String,
    /// First parent, then what was merged.
    pub parents: Vec<String>,
    /// Who made the change.
    pub author: String,
    /// Who put it on the branch.
    pub committer: String,
    /// When (RFC 3339).
    #[schema(format = DateTime)]
    pub committed_at: String,
    /// What happened, in words.
    pub message: String,
    /// Properties that the writer gave.
    pub properties: BTreeMap<String, String>,
    /// One more than the largest generation of the parents.
    pub generation: u64,
    /// The hash of the tree of contents.
    pub root: String,
}

impl From<commits::CommitInfo> for Commit {
    fn from(info: commits::CommitInfo) -> Self {
        let commit = &info.commit;
        Self {
            id: info.id.to_string(),
            parents: commit.parents.iter().map(ToString::to_string).collect(),
            author: commit.author.clone(),
            committer: commit.committer.clone(),
            committed_at: commit.committed_at.to_rfc3339(),
            message: commit.message.clone(),
            properties: commit.properties.clone(),
            generation: commit.generation,
            root: commit.root.to_string(),
        }
    }
}

/// What something is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContentKind {
    /// A namespace with properties.
    Namespace,
    /// An Iceberg table.
    Table,
    /// An Iceberg view.
    View,
    /// Any other file.
    Artifact,
}

impl From<content::ContentKind> for ContentKind {
    fn from(kind: content::ContentKind) -> Self {
        match kind {
            content::ContentKind::Namespace => Self::Namespace,
            content::ContentKind::Table => Self::Table,
            content::ContentKind::View => Self::View,
            content::ContentKind::Artifact => Self::Artifact,
        }
    }
}

/// One thing that a ref holds.
#[derive(Debug, Serialize, ToSchema)]
pub struct Content {
    /// Namespace levels and name.
    pub path: Vec<String>,
    /// What it is.
    pub kind: ContentKind,
    /// Who it is, through renames.
    pub content_id: String,
    /// The metadata file of a table or view, the file of an artifact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_location: Option<String>,
    /// Properties of a namespace or artifact.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, String>,
}

impl From<diffs::ContentInfo> for Content {
    fn from(info: diffs::ContentInfo) -> Self {
        Self {
            path: info.path,
            kind: info.kind.into(),
            content_id: info.content_id.to_string(),
            metadata_location: info.metadata_location,
            properties: info.properties,
        }
    }
}

/// What a merge, revert or cherry-pick did, or would do.
#[derive(Debug, Serialize, ToSchema)]
pub struct MergeReport {
    /// The commit it made; null if there was nothing to do, for a dry run and for conflicts.
    #[schema(required)]
    pub commit: Option<String>,
    /// The common ancestor that both sides were compared with.
    #[schema(required)]
    pub base: Option<String>,
    /// The head of the target before.
    pub head_before: String,
    /// Every name that differs and what happens to it.
    pub changes: Vec<MergeChange>,
}

/// What happens to one name.
#[derive(Debug, Serialize, ToSchema)]
pub struct MergeChange {
    /// Namespace levels and name.
    pub path: Vec<String>,
    /// What it is.
    pub kind: ContentKind,
    /// What happens to it on the target.
    pub action: MergeAction,
    /// Its path before, if it is renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renamed_from: Option<Vec<String>>,
    /// Why, in words.
    pub reason: String,
}

impl MergeChange {
    fn of(change: &conflict::MergeChange) -> Self {
        let (action, renamed_from) = match &change.action {
            conflict::MergeAction::Added => (MergeAction::Added, None),
            conflict::MergeAction::Removed => (MergeAction::Removed, None),
            conflict::MergeAction::Changed => (MergeAction::Changed, None),
            conflict::MergeAction::Replaced => (MergeAction::Replaced, None),
            conflict::MergeAction::Renamed { from } => (MergeAction::Renamed, Some(from.clone())),
            conflict::MergeAction::Merged => (MergeAction::Merged, None),
            conflict::MergeAction::Kept => (MergeAction::Kept, None),
        };
        Self {
            path: change.path.clone(),
            kind: change.kind.into(),
            action,
            renamed_from,
            reason: change.reason.clone(),
        }
    }
}

/// What a merge does at one name of the target.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeAction {
    /// New on the target.
    Added,
    /// Gone from the target.
    Removed,
    /// Another state of the same content, as it is on the source.
    Changed,
    /// Another content of the same name.
    Replaced,
    /// The same content under another name.
    Renamed,
    /// A state made of changes of both sides.
    Merged,
    /// The target's state stayed, although the source changed it too.
    Kept,
}

/// Why one name could not be merged.
#[derive(Debug, Serialize, ToSchema)]
pub struct MergeConflict {
    /// Namespace levels and name.
    pub path: Vec<String>,
    /// Why, in words.
    pub reason: String,
    /// The commit of the target.
    pub ours: String,
    /// The commit of the source.
    pub theirs: String,
}

impl From<conflict::MergeConflict> for MergeConflict {
    fn from(conflict: conflict::MergeConflict) -> Self {
        Self {
            path: conflict.path,
            reason: conflict.reason.to_string(),
            ours: conflict.ours.to_string(),
            theirs: conflict.theirs.to_string(),
        }
    }
}

impl MergeReport {
    /// The wire form of a report without its conflicts.
    #[must_use]
    pub fn of(report: &merges::MergeReport) -> Self {
        Self {
            commit: report.commit.map(|id| id.to_string()),
            base: report.base.map(|id| id.to_string()),
            head_before: report.head_before.to_string(),
            changes: report.changes.iter().map(MergeChange::of).collect(),
        }
    }
}

/// Problem details (RFC 9457), the body of every failure.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time, and what to do.
    pub detail: String,
    /// The id of the request.
    pub instance: String,
}

/// Problem details of a merge with conflicts: nothing moved.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConflictProblem {
    /// The usual members.
    #[serde(flatten)]
    pub problem: Problem,
    /// The common ancestor.
    #[schema(required)]
    pub base: Option<String>,
    /// The head of the target, which did not move.
    pub head_before: String,
    /// What would happen to names without conflict.
    pub changes: Vec<MergeChange>,
    /// What could not be merged; at most 1000 are listed.
    pub conflicts: Vec<MergeConflict>,
}
