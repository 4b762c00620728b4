//! Taking the change of one commit back, or making it again elsewhere: three-way merges on another base.
//!
//! The change of a commit is what it did against its first parent; so a revert or a cherry-pick of a
//! merge is against its first parent, too. An outcome without writes means that there is nothing to do.

use super::diff::TreeSource;
use super::graph::CommitSource;
use super::merge::{MergeInput, MergeOptions, MergeOutcome, merge_trees};
use crate::base::error::{Error, Result};
use crate::base::ids::CommitId;
use crate::tree::{NodeRef, empty_node};

/// What takes the change of `commit` back on top of `head`. In conflicts, `theirs` is `commit`.
///
/// # Errors
/// `InvalidInput` for a commit without a parent, otherwise what reading says.
pub fn revert(
    commits: &dyn CommitSource,
    trees: &dyn TreeSource,
    head: CommitId,
    commit: CommitId,
    options: &MergeOptions<'_>,
) -> Result<MergeOutcome> {
    let Some(parent) = commits.commit(commit)?.parents.first().copied() else {
        return Err(Error::invalid(format!(
            "commit {commit} is the first of its warehouse; there is nothing before it to go back to"
        )));
    };
    let input = MergeInput {
        base: trees.tree(commit)?,
        ours: trees.tree(head)?,
        theirs: trees.tree(parent)?,
        ours_commit: head,
        theirs_commit: commit,
    };
    let outcome = merge_trees(trees, &input, options)?;
    Ok(MergeOutcome { bases: vec![commit], ..outcome })
}

/// What makes the change of `commit` again on top of `head`. The first commit of a warehouse changed an
/// empty state.
///
/// # Errors
/// What reading says.
pub fn cherry_pick(
    commits: &dyn CommitSource,
    trees: &dyn TreeSource,
    head: CommitId,
    commit: CommitId,
    options: &MergeOptions<'_>,
) -> Result<MergeOutcome> {
    let parent = commits.commit(commit)?.parents.first().copied();
    let base = match parent {
        Some(parent) => trees.tree(parent)?,
        None => NodeRef { hash: empty_node().hash(), hint: 0 },
    };
    let input = MergeInput {
        base,
        ours: trees.tree(head)?,
        theirs: trees.tree(commit)?,
        ours_commit: head,
        theirs_commit: commit,
    };
    let outcome = merge_trees(trees, &input, options)?;
    Ok(MergeOutcome { bases: parent.into_iter().collect(), ..outcome })
}
