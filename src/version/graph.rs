//! Questions about the commit graph: who descends from whom, and where two commits met last.
//!
//! Walks go from large generations to small ones (a parent's generation is always smaller), so a
//! commit is looked at only after everything between it and the starting points, and a walk ends as
//! soon as nothing undecided is left: its cost grows with what happened since the answer, not with
//! the whole history. Knows no trees.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::commit::Commit;
use super::error::VersionError;
use crate::base::ids::CommitId;

/// Where commits come from.
pub trait CommitSource {
    /// Commits by id, in the order asked. Called with as many ids at once as the walk knows.
    ///
    /// # Errors
    /// `MissingCommit` if one is not there, otherwise whatever the store says.
    fn commits(&self, ids: &[CommitId]) -> Result<Vec<Arc<Commit>>, VersionError>;

    /// One commit.
    ///
    /// # Errors
    /// As [`CommitSource::commits`].
    fn commit(&self, id: CommitId) -> Result<Arc<Commit>, VersionError> {
        self.commits(&[id])?.pop().ok_or(VersionError::MissingCommit(id))
    }
}

/// Commits still to be visited, largest generation first, each taken once.
struct Frontier<'a> {
    source: &'a dyn CommitSource,
    open: BTreeSet<(u64, CommitId)>,
    known: HashMap<CommitId, Arc<Commit>>,
}

impl<'a> Frontier<'a> {
    fn new(source: &'a dyn CommitSource) -> Self {
        Self { source, open: BTreeSet::new(), known: HashMap::new() }
    }

    /// Opens these commits, if they are new, in one read.
    fn open(&mut self, ids: impl IntoIterator<Item = CommitId>) -> Result<(), VersionError> {
        let mut wanted: Vec<CommitId> =
            ids.into_iter().filter(|id| !self.known.contains_key(id)).collect();
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return Ok(());
        }
        let commits = self.source.commits(&wanted)?;
        if commits.len() != wanted.len() {
            return Err(VersionError::Damaged("a commit source lost a commit".to_owned()));
        }
        for (id, commit) in wanted.into_iter().zip(commits) {
            self.open.insert((commit.generation, id));
            self.known.insert(id, commit);
        }
        Ok(())
    }

    /// Takes every open commit of the largest generation.
    fn take_level(&mut self) -> Vec<(CommitId, Arc<Commit>)> {
        let Some(&(generation, _)) = self.open.last() else {
            return Vec::new();
        };
        let level = self.open.split_off(&(generation, CommitId::new(Default::default())));
        level
            .into_iter()
            .filter_map(|(_, id)| self.known.get(&id).map(|commit| (id, Arc::clone(commit))))
            .collect()
    }

    /// Refuses a parent whose generation is not below its child's: walks would go wrong in silence.
    fn check_parents(&self, id: CommitId, commit: &Commit) -> Result<(), VersionError> {
        for parent in &commit.parents {
            if self.known.get(parent).is_some_and(|known| known.generation >= commit.generation) {
                return Err(VersionError::Damaged(format!(
                    "commit {id} has generation {} but its parent {parent} is not below it",
                    commit.generation
                )));
            }
        }
        Ok(())
    }
}

/// Whether `ancestor` is `descendant` itself or can be reached from it by parents.
///
/// # Errors
/// `MissingCommit`, `Damaged`, or what the source says.
pub fn is_ancestor(
    source: &dyn CommitSource,
    ancestor: CommitId,
    descendant: CommitId,
) -> Result<bool, VersionError> {
    reachable(source, ancestor, &[descendant])
}

/// Whether a branch holds work that none of the other heads holds: deleting it would lose something.
///
/// # Errors
/// As [`is_ancestor`].
pub fn unmerged(
    source: &dyn CommitSource,
    branch_head: CommitId,
    into: &[CommitId],
) -> Result<bool, VersionError> {
    reachable(source, branch_head, into).map(|found| !found)
}

fn reachable(
    source: &dyn CommitSource,
    wanted: CommitId,
    from: &[CommitId],
) -> Result<bool, VersionError> {
    if from.contains(&wanted) {
        return Ok(true);
    }
    let lowest = source.commit(wanted)?.generation;
    let mut frontier = Frontier::new(source);
    frontier.open(from.iter().copied())?;
    loop {
        let level = frontier.take_level();
        // Whatever has no larger generation than the wanted commit does not descend from it.
        if level.first().is_none_or(|(_, commit)| commit.generation <= lowest) {
            return Ok(false);
        }
        if level.iter().any(|(_, commit)| commit.parents.contains(&wanted)) {
            return Ok(true);
        }
        frontier.open(level.iter().flat_map(|(_, commit)| commit.parents.iter().copied()))?;
        for (id, commit) in &level {
            frontier.check_parents(*id, commit)?;
        }
    }
}

/// All best common ancestors of two commits: those that no other common ancestor descends from.
/// Several in a criss-cross history, none for unrelated ones; the oldest (generation, id) first.
///
/// # Errors
/// `MissingCommit`, `Damaged`, or what the source says.
pub fn merge_bases(
    source: &dyn CommitSource,
    left: CommitId,
    right: CommitId,
) -> Result<Vec<CommitId>, VersionError> {
    merge_bases_of(source, &[left], &[right])
}

const LEFT: u8 = 1;
const RIGHT: u8 = 2;
const BOTH: u8 = LEFT | RIGHT;
/// Reachable from a common ancestor that was found already.
const STALE: u8 = 4;

/// As [`merge_bases`], between what all of `left` and what all of `right` reach together.
///
/// # Errors
/// As [`merge_bases`].
pub fn merge_bases_of(
    source: &dyn CommitSource,
    left: &[CommitId],
    right: &[CommitId],
) -> Result<Vec<CommitId>, VersionError> {
    let mut frontier = Frontier::new(source);
    let mut paint: HashMap<CommitId, u8> = HashMap::new();
    // How many open commits are not stale: when none is, nothing new can be found.
    let mut undecided = 0_usize;
    let mut bases = Vec::new();
    for (ids, colour) in [(left, LEFT), (right, RIGHT)] {
        for &id in ids {
            let painted = paint.entry(id).or_insert_with(|| {
                undecided += 1;
                0
            });
            *painted |= colour;
        }
    }
    frontier.open(left.iter().chain(right).copied())?;
    while undecided > 0 {
        let level = frontier.take_level();
        if level.is_empty() {
            break;
        }
        let mut spread = Vec::with_capacity(level.len());
        for (id, commit) in level {
            let mut colours = paint.get(&id).copied().unwrap_or(0);
            if colours & STALE == 0 {
                undecided -= 1;
            }
            if colours & BOTH == BOTH {
                if colours & STALE == 0 {
                    bases.push((commit.generation, id));
                }
                colours |= STALE;
            }
            spread.push((id, commit, colours));
        }
        frontier.open(spread.iter().flat_map(|(_, commit, _)| commit.parents.iter().copied()))?;
        for (id, commit, colours) in spread {
            frontier.check_parents(id, &commit)?;
            for parent in &commit.parents {
                let before = paint.get(parent).copied();
                let after = before.unwrap_or(0) | colours;
                paint.insert(*parent, after);
                let was_undecided = before.is_some_and(|before| before & STALE == 0);
                let is_undecided = after & STALE == 0;
                if is_undecided && !was_undecided {
                    undecided += 1;
                } else if was_undecided && !is_undecided {
                    undecided -= 1;
                }
            }
        }
    }
    bases.sort_unstable();
    Ok(bases.into_iter().map(|(_, id)| id).collect())
}
