//! Merges, reverts and cherry-picks: computed outside the committer, checked by it key by key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::warehouses::Warehouse;
use super::{Catalog, OpContext, Resolved};
use crate::base::error::{Error, ErrorKind, Result};
use crate::base::ids::{CommitId, ContentId, WarehouseId};
use crate::base::limits::COMMIT_RETRIES_MAX;
use crate::base::name::{RefExpr, RefName, WarehouseName};
use crate::store::records::RefAction;
use crate::version::committer::{
    Change, ChangeContext, ChangeError, CommitFailure, CommitRequest, Proposal, Write,
};
pub use crate::version::conflict::Strategy;
use crate::version::conflict::{MergeChange, MergeConflict, Resolution};
use crate::version::merge::{
    MergeOptions, MergeOutcome, MergeWrite, NoContentMerge, merge_commits,
};
use crate::version::pick;
use crate::version::reader::HistoryReader;
use crate::version::snapshot::Snapshot;

/// Characters of a commit's message that the message of its revert repeats.
const TITLE_CHARS: usize = 1000;

/// How carefully changes inside one table are combined.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Isolation {
    /// Only changes that touch each other conflict.
    #[default]
    Snapshot,
    /// Also changes of which one may have read what the other wrote.
    Serializable,
}

/// A merge to make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MergeRequest {
    /// What is merged.
    pub source: RefExpr,
    /// The branch that it is merged into.
    pub into: RefName,
    /// Only say what would happen.
    pub dry_run: bool,
    /// Make a commit whose only parent is the target's head.
    pub squash: bool,
    /// The commit message.
    pub message: Option<String>,
    /// Refuse if the target's head is another.
    pub expected_head: Option<CommitId>,
    /// What becomes of conflicts that no resolution names.
    pub strategy: Strategy,
    /// How carefully changes inside one table are combined.
    pub isolation: Isolation,
    /// Sides to take for single paths.
    pub resolutions: Vec<Resolution>,
}

/// What a merge, revert or cherry-pick did or would do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MergeReport {
    /// The commit that was made; `None` for a dry run, for conflicts, or if there was nothing to do.
    pub commit: Option<CommitId>,
    /// The best common ancestor (the first of several).
    pub base: Option<CommitId>,
    /// The head of the target before.
    pub head_before: CommitId,
    /// What happened to each path that the source changed.
    pub changes: Vec<MergeChange>,
    /// What must be decided first; if there is any, nothing moved.
    pub conflicts: Vec<MergeConflict>,
}

/// Turns of those that merge into one branch: each would have to start again when another lands first.
#[derive(Debug, Default)]
pub(super) struct Turns(parking_lot::Mutex<TurnsByBranch>);

type TurnsByBranch = BTreeMap<(WarehouseId, RefName), Arc<tokio::sync::Mutex<()>>>;

impl Turns {
    fn of(&self, warehouse: WarehouseId, branch: &RefName) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock();
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry((warehouse, branch.clone())).or_default())
    }
}

/// What is put onto a branch.
enum Picked {
    Merge { source: CommitId, squash: bool, options: (Strategy, Vec<Resolution>) },
    Revert(CommitId),
    CherryPick(CommitId),
}

struct Landing {
    picked: Picked,
    author: Option<String>,
    message: Option<String>,
    default_message: String,
    expected_head: Option<CommitId>,
    dry_run: bool,
}

impl Catalog {
    /// Merges a ref into a branch.
    ///
    /// The branch moves once, to a commit with both heads as parents (with `squash` only the target's),
    /// or not at all. A source that is merged already changes nothing.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` if `expected_head` is stale; `InvalidInput` if the histories have nothing
    /// in common. Conflicts of content are no error, but a report with conflicts.
    pub async fn merge(
        &self,
        ctx: &OpContext,
        warehouse: &WarehouseName,
        request: &MergeRequest,
    ) -> Result<MergeReport> {
        let warehouse = self.warehouse(warehouse)?;
        let Resolved { commit: source, .. } = self.resolve(&warehouse, &request.source)?;
        let landing = Landing {
            picked: Picked::Merge {
                source,
                squash: request.squash,
                options: (request.strategy, request.resolutions.clone()),
            },
            author: None,
            message: request.message.clone(),
            default_message: format!("merge {} into {}", request.source, request.into),
            expected_head: request.expected_head,
            dry_run: request.dry_run,
        };
        self.land(ctx, &warehouse, &request.into, landing).await
    }

    /// Undoes on a branch what a commit changed against its first parent.
    ///
    /// # Errors
    /// `NotFound`; `InvalidInput` for the first commit of a warehouse.
    pub async fn revert(
        &self,
        ctx: &OpContext,
        warehouse: &WarehouseName,
        commit: &RefExpr,
        onto: &RefName,
        expected_head: Option<CommitId>,
    ) -> Result<MergeReport> {
        let warehouse = self.warehouse(warehouse)?;
        let Resolved { commit: id, .. } = self.resolve(&warehouse, commit)?;
        let stored = self.repository.commit(warehouse.id, id)?;
        let landing = Landing {
            picked: Picked::Revert(id),
            author: None,
            message: None,
            default_message: format!("revert \"{}\" ({id})", title(&stored.commit.message)),
            expected_head,
            dry_run: false,
        };
        self.land(ctx, &warehouse, onto, landing).await
    }

    /// Makes on a branch the change that a commit made to its first parent. The author stays.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` if `expected_head` is stale.
    pub async fn cherry_pick(
        &self,
        ctx: &OpContext,
        warehouse: &WarehouseName,
        commit: &RefExpr,
        onto: &RefName,
        expected_head: Option<CommitId>,
    ) -> Result<MergeReport> {
        let warehouse = self.warehouse(warehouse)?;
        let Resolved { commit: id, .. } = self.resolve(&warehouse, commit)?;
        let stored = self.repository.commit(warehouse.id, id)?;
        let landing = Landing {
            picked: Picked::CherryPick(id),
            author: Some(stored.commit.author.clone()),
            message: None,
            default_message: stored.commit.message.clone(),
            expected_head,
            dry_run: false,
        };
        self.land(ctx, &warehouse, onto, landing).await
    }

    pub(super) fn history(&self, warehouse: WarehouseId) -> HistoryReader {
        HistoryReader::new(Arc::clone(&self.repository), warehouse)
    }

    async fn land(
        &self,
        ctx: &OpContext,
        warehouse: &Warehouse,
        onto: &RefName,
        landing: Landing,
    ) -> Result<MergeReport> {
        let turn = self.turns.of(warehouse.id, onto);
        let _turn = if landing.dry_run { None } else { Some(turn.lock().await) };
        for _ in 0..COMMIT_RETRIES_MAX {
            let head = self.branch(warehouse, onto)?.head;
            if let Some(expected) = landing.expected_head
                && expected != head
            {
                return Err(Error::conflict(format!(
                    "'{onto}' is at {head}, not at the expected {expected}"
                )));
            }
            let outcome = self.outcome(warehouse, head, &landing.picked).await?;
            let report = MergeReport {
                commit: None,
                base: outcome.bases.first().copied(),
                head_before: head,
                changes: outcome.changes,
                conflicts: outcome.conflicts,
            };
            let joins = matches!(landing.picked, Picked::Merge { squash: false, .. });
            let without_effect = outcome.already_merged || (outcome.writes.is_empty() && !joins);
            if !report.conflicts.is_empty() || landing.dry_run || without_effect {
                return Ok(report);
            }
            match self
                .commit_landing(ctx, warehouse, onto, &landing, (head, outcome.writes))
                .await?
            {
                // The report says what the head was before the commit, which may be later than `head`:
                // the committer found every key that matters as it was there.
                Some((commit, before)) => {
                    return Ok(MergeReport { commit: Some(commit), head_before: before, ..report });
                }
                None => tokio::task::yield_now().await,
            }
        }
        Err(Error::conflict(format!(
            "'{onto}' changed the same tables again and again while the merge was made; try again"
        )))
    }

    /// Computes the merge on a thread that may block.
    async fn outcome(
        &self,
        warehouse: &Warehouse,
        head: CommitId,
        picked: &Picked,
    ) -> Result<MergeOutcome> {
        let reader = self.history(warehouse.id);
        let work: Box<dyn FnOnce() -> Result<MergeOutcome> + Send> = match picked {
            Picked::Merge { source, options: (strategy, resolutions), .. } => {
                let (source, strategy, resolutions) = (*source, *strategy, resolutions.clone());
                Box::new(move || {
                    let options = MergeOptions {
                        strategy,
                        resolutions: &resolutions,
                        content: &NoContentMerge,
                    };
                    let outcome = merge_commits(&reader, &reader, head, source, &options)?;
                    if outcome.bases.is_empty() {
                        return Err(Error::invalid(
                            "the two histories have no commit in common and cannot be merged",
                        ));
                    }
                    Ok(outcome)
                })
            }
            Picked::Revert(commit) => {
                let commit = *commit;
                Box::new(move || {
                    pick::revert(&reader, &reader, head, commit, &MergeOptions::default())
                })
            }
            Picked::CherryPick(commit) => {
                let commit = *commit;
                Box::new(move || {
                    pick::cherry_pick(&reader, &reader, head, commit, &MergeOptions::default())
                })
            }
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| Error::internal("the merge failed").with_source(error))?
    }

    /// Makes the commit; `None` if the target changed something that the merge looked at.
    async fn commit_landing(
        &self,
        ctx: &OpContext,
        warehouse: &Warehouse,
        onto: &RefName,
        landing: &Landing,
        (head, writes): (CommitId, Vec<MergeWrite>),
    ) -> Result<Option<(CommitId, CommitId)>> {
        let (merge_parent, action) = match &landing.picked {
            Picked::Merge { source, squash: false, .. } => (Some(*source), RefAction::Merge),
            Picked::Merge { squash: true, .. } => (None, RefAction::Merge),
            Picked::Revert(_) | Picked::CherryPick(_) => (None, RefAction::Commit),
        };
        let change = LandWrites {
            head,
            seen: self.snapshot_at(warehouse, head)?,
            writes,
            message: landing.default_message.clone(),
            joins: merge_parent.is_some(),
            stale: Arc::default(),
        };
        let stale = Arc::clone(&change.stale);
        let request = CommitRequest {
            warehouse: warehouse.id,
            branch: onto.clone(),
            author: landing.author.clone().unwrap_or_else(|| ctx.actor.clone()),
            committer: ctx.actor.clone(),
            message: landing.message.clone().or_else(|| ctx.message.clone()),
            properties: ctx.properties.clone(),
            expected_head: landing.expected_head,
            worked_out_at: Some(head),
            merge_parent,
            action,
            idempotency: None,
            change: Box::new(change),
        };
        match self.committer.commit(request).await {
            Ok(committed) => {
                let Some(commit) = committed.commit else { return Ok(None) };
                let stored = self.repository.commit(warehouse.id, commit)?;
                let before = stored.commit.parents.first().copied().unwrap_or(commit);
                Ok(Some((commit, before)))
            }
            Err(_) if stale.load(std::sync::atomic::Ordering::SeqCst) => Ok(None),
            Err(CommitFailure::Failed(error)) => {
                let by_state = matches!(
                    error.kind(),
                    ErrorKind::Conflict
                        | ErrorKind::NotFound(_)
                        | ErrorKind::NotEmpty(_)
                        | ErrorKind::AlreadyExists(_)
                );
                if by_state && self.branch(warehouse, onto)?.head != head {
                    return Ok(None);
                }
                Err(error)
            }
            Err(CommitFailure::NeedsLoad(..)) => {
                Err(Error::internal("a merge asked for table metadata"))
            }
        }
    }
}

/// The first line of a message, short enough to stand in another.
fn title(message: &str) -> String {
    message.lines().next().unwrap_or_default().chars().take(TITLE_CHARS).collect()
}

/// The writes of a merge, put on the head if it still holds what the merge expects.
struct LandWrites {
    /// The head that they were computed at, and its state.
    head: CommitId,
    seen: Snapshot,
    writes: Vec<MergeWrite>,
    message: String,
    joins: bool,
    stale: Arc<std::sync::atomic::AtomicBool>,
}

impl Change for LandWrites {
    fn evaluate(
        &mut self,
        base: &Snapshot,
        at: &ChangeContext,
    ) -> std::result::Result<Proposal, ChangeError> {
        let mut stale = at.head != self.head && self.contents_moved(base);
        let mut writes = Vec::with_capacity(self.writes.len());
        // Only the last evaluation says why there is no commit.
        self.stale.store(false, std::sync::atomic::Ordering::SeqCst);
        for write in &self.writes {
            let found = base.at_key(write.key.clone())?;
            stale |= found.as_ref().map(|found| &found.entry) != write.expected.as_ref();
            writes.extend(landed(write));
        }
        if stale {
            self.stale.store(true, std::sync::atomic::Ordering::SeqCst);
            return Err(ChangeError::Failed(Error::conflict("the target moved")));
        }
        Ok(Proposal {
            writes,
            message: self.message.clone(),
            commit_anyway: self.joins,
            respells: true,
            ..Proposal::default()
        })
    }
}

impl LandWrites {
    /// Whether the target meanwhile did anything to the contents that are written, under whatever name:
    /// then one might come to stand at two names. If that cannot be told, it may have.
    fn contents_moved(&self, base: &Snapshot) -> bool {
        let written: BTreeSet<ContentId> = self
            .writes
            .iter()
            .flat_map(|write| {
                let result = write.result.as_ref().map(|merged| merged.entry.id);
                [write.expected.as_ref().map(|entry| entry.id), result]
            })
            .flatten()
            .collect();
        base.changed_contents(&self.seen).map_or(true, |changed| !changed.is_disjoint(&written))
    }
}

fn landed(write: &MergeWrite) -> Option<Write> {
    match (&write.result, &write.expected) {
        (Some(merged), _) => Some(match &merged.object {
            Some(object) => Write::Put {
                path: merged.entry.path.clone(),
                id: merged.entry.id,
                object: (**object).clone(),
            },
            None => Write::Keep { entry: merged.entry.clone(), hint: merged.hint },
        }),
        (None, Some(expected)) => {
            Some(Write::Remove { path: expected.path.clone(), kind: expected.kind.key_kind() })
        }
        (None, None) => None,
    }
}
