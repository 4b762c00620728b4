//! Three-way merge of catalog states, by content id.
//!
//! What differs between the base and either side is sorted by content: where each content is (its
//! path) and what state it has (its object) are merged apart, so a rename on one side and a change on
//! the other both stay. Then the contents are put under their keys: two at one name collide, and so do
//! a dropped namespace and something put into it. Cost grows with what both sides changed.
//!
//! Pure: reads trees and objects, moves nothing. The outcome is a list of writes on the target with
//! what each expects there, so a committer can check them against a head that moved meanwhile.
//!
//! Invariants: a content id stands at most once in the result; `merge(b, b, x) = x`, `merge(b, x, b) = x`,
//! `merge(b, x, x) = x`; the two sides are treated alike but for labels, and for the id of a namespace
//! that both added (the target's stays).

mod content;
mod outcome;
mod plan;
mod touched;
mod virtual_base;

use std::sync::Arc;

use bytes::Bytes;

use self::content::Objects;
use self::plan::Plan;
use self::touched::Changes;
use self::virtual_base::{Bases, Overlay};
use super::conflict::{MergeChange, MergeConflict, Resolution, Strategy};
use super::content::{Entry, Object};
use super::diff::TreeSource;
use super::error::VersionError;
use super::graph::{CommitSource, merge_bases};
use crate::base::ids::CommitId;
use crate::tree::NodeRef;

/// Merges two states of one content, neither of which is the base's.
pub trait ContentMerge {
    /// The merged state, of the same kind; `None` if it takes somebody to decide. Not asked for
    /// namespaces, which are merged property by property, nor inside virtual bases.
    fn merge(&self, base: Option<&Object>, ours: &Object, theirs: &Object) -> Option<Object>;
}

/// Contents changed on both sides are always in conflict.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoContentMerge;

impl ContentMerge for NoContentMerge {
    fn merge(&self, _: Option<&Object>, _: &Object, _: &Object) -> Option<Object> {
        None
    }
}

/// How to decide what the rules leave open.
#[derive(Clone, Copy)]
pub struct MergeOptions<'a> {
    /// For every conflict that no resolution names.
    pub strategy: Strategy,
    /// For single paths, in conflict or not.
    pub resolutions: &'a [Resolution],
    /// For contents changed on both sides.
    pub content: &'a dyn ContentMerge,
}

impl Default for MergeOptions<'_> {
    fn default() -> Self {
        Self { strategy: Strategy::Fail, resolutions: &[], content: &NoContentMerge }
    }
}

impl std::fmt::Debug for MergeOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MergeOptions")
            .field("strategy", &self.strategy)
            .field("resolutions", &self.resolutions)
            .finish_non_exhaustive()
    }
}

/// Three trees, and the commits that conflicts name.
#[derive(Clone, Copy, Debug)]
pub struct MergeInput {
    /// The state both sides come from.
    pub base: NodeRef,
    /// The target's tree.
    pub ours: NodeRef,
    /// The source's tree.
    pub theirs: NodeRef,
    /// The target's commit.
    pub ours_commit: CommitId,
    /// The source's commit.
    pub theirs_commit: CommitId,
}

/// A write on the target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MergeWrite {
    /// The key.
    pub key: Bytes,
    /// What the target holds there; a target that moved on and holds something else must be merged anew.
    pub expected: Option<Entry>,
    /// What it holds from now on; `None` to remove it.
    pub result: Option<MergedEntry>,
}

/// What a key holds after the merge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MergedEntry {
    /// The entry.
    pub entry: Entry,
    /// The hint to where its object is stored; 0 = unknown.
    pub hint: u64,
    /// The object, if the merge made it; otherwise it is stored already.
    pub object: Option<Arc<Object>>,
}

/// What a merge would do.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MergeOutcome {
    /// The best common ancestors; several in a criss-cross history.
    pub bases: Vec<CommitId>,
    /// The source is an ancestor of the target: there is nothing to merge, and no merge commit to make.
    pub already_merged: bool,
    /// The writes on the target by key; none if there are conflicts.
    pub writes: Vec<MergeWrite>,
    /// What happened to each path that the source changed, by key; also with conflicts, for the rest.
    pub changes: Vec<MergeChange>,
    /// What must be decided first, by key.
    pub conflicts: Vec<MergeConflict>,
}

/// Merges the state of a commit into another's.
///
/// # Errors
/// What reading commits, trees and objects says; conflicts are no error.
pub fn merge_commits(
    commits: &dyn CommitSource,
    trees: &dyn TreeSource,
    ours: CommitId,
    theirs: CommitId,
    options: &MergeOptions<'_>,
) -> Result<MergeOutcome, VersionError> {
    let bases = merge_bases(commits, ours, theirs)?;
    if bases == [theirs] {
        return Ok(MergeOutcome { bases, already_merged: true, ..MergeOutcome::default() });
    }
    let overlay = Overlay::new(trees.nodes());
    let objects = Objects::new(trees);
    let base = Bases::new(commits, trees, &overlay, &objects).tree(&bases, 0)?;
    let input = MergeInput {
        base,
        ours: trees.tree(ours)?,
        theirs: trees.tree(theirs)?,
        ours_commit: ours,
        theirs_commit: theirs,
    };
    let outcome = merge_on(&overlay, &objects, &input, options)?;
    Ok(MergeOutcome { bases, ..outcome })
}

/// Merges two trees that come from a third. The outcome names no bases.
///
/// # Errors
/// As [`merge_commits`].
pub fn merge_trees(
    trees: &dyn TreeSource,
    input: &MergeInput,
    options: &MergeOptions<'_>,
) -> Result<MergeOutcome, VersionError> {
    merge_on(&Overlay::new(trees.nodes()), &Objects::new(trees), input, options)
}

fn merge_on(
    overlay: &Overlay<'_>,
    objects: &Objects<'_>,
    input: &MergeInput,
    options: &MergeOptions<'_>,
) -> Result<MergeOutcome, VersionError> {
    let changes = Changes::collect(overlay, input.base, input.ours, input.theirs)?;
    let MergeOptions { strategy, resolutions, content } = *options;
    let plan = Plan::make(&changes, objects, content, strategy, resolutions)?;
    Ok(outcome::report(&plan, objects, input))
}
