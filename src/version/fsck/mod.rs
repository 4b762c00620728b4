//! Verifies a whole metadata store: every commit, node, object, log row and ref, against each other.
//!
//! Reads only, and one consistent state. Everything stored is hashed again; what is shared is read once.
//! Problems are collected, never repaired, and none ends the run; only a store that cannot be reached
//! does.

mod log;
mod trees;

use std::collections::{HashMap, HashSet};

use crate::base::clock::Timestamp;
use crate::base::ids::{CommitId, NodeHash};
use crate::store::interface::{MetaStore, ReadTxn, StoreError, StoreResult};
use crate::store::records::{CommitRecord, WarehouseRecord};
use crate::tree;
use crate::version::commit::Commit;
use crate::version::error::VersionError;
use crate::version::snapshot::Snapshot;

use self::trees::Trees;

/// Rows read at once.
const BATCH: usize = 1000;

/// What the verification asks of others.
pub struct Probes<'a> {
    /// The state that a commit names; where its tree is not stored, rebuilt from an ancestor's by
    /// replaying operations. Called for such commits and for heads.
    pub snapshot: &'a dyn Fn(&WarehouseRecord, CommitId) -> Result<Snapshot, VersionError>,
    /// Whether there is a file at a location.
    pub file_exists: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for Probes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probes").finish_non_exhaustive()
    }
}

/// How far the verification is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// A warehouse begins.
    Warehouse(String),
    /// So many commits of it are read.
    Commits(u64),
    /// So many commits' trees are verified, of so many.
    Trees(u64, u64),
    /// So many rows of the ref log are verified.
    LogRows(u64),
}

/// What was verified, and what is wrong.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// Warehouses.
    pub warehouses: u64,
    /// Commits.
    pub commits: u64,
    /// Tree nodes.
    pub nodes: u64,
    /// Content objects.
    pub objects: u64,
    /// Files that objects name.
    pub files: u64,
    /// Refs.
    pub refs: u64,
    /// Ref-log rows.
    pub log_rows: u64,
    /// What is wrong, in words; empty if nothing.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.problems.is_empty()
    }

    fn problem(&mut self, warehouse: &WarehouseRecord, what: impl std::fmt::Display) {
        self.problems.push(format!("warehouse {}: {what}", warehouse.name));
    }
}

/// What is remembered of a commit.
struct Known {
    commit: Commit,
    stored: bool,
}

/// Verifies everything in a store.
///
/// # Errors
/// `Unavailable` if the store cannot be read. Damage is in the report.
pub fn verify(
    store: &dyn MetaStore,
    probes: &Probes<'_>,
    progress: &mut dyn FnMut(Progress),
) -> StoreResult<Report> {
    let mut read = store.begin_read()?;
    let mut report = Report::default();
    let pending = pending_files(&mut *read)?;
    let mut trees = Trees::new(store, probes, pending);
    let mut after: Option<String> = None;
    loop {
        let warehouses = read.warehouse_list(after.as_deref(), BATCH)?;
        let Some(last) = warehouses.last() else { return Ok(report) };
        after = Some(last.name.clone());
        for warehouse in &warehouses {
            progress(Progress::Warehouse(warehouse.name.clone()));
            report.warehouses += 1;
            let commits = commits(&mut *read, warehouse, &mut trees, &mut report, progress)?;
            check_chain(warehouse, &commits, &mut report);
            check_trees(warehouse, &commits, probes, &mut trees, &mut report, progress)?;
            let heads = log::check(&mut *read, warehouse, &commits, &mut report, progress)?;
            trees.check_heads(warehouse, &heads, &mut report)?;
        }
    }
}

fn pending_files(read: &mut dyn ReadTxn) -> StoreResult<HashSet<String>> {
    let mut found = HashSet::new();
    let mut after = None;
    loop {
        let files = read.pending_files(after, BATCH)?;
        let Some(last) = files.last() else { return Ok(found) };
        after = Some(last.sequence);
        found.extend(files.into_iter().map(|file| file.location));
    }
}

/// Reads every commit; the nodes, objects and operations that it has are verified on the way.
fn commits(
    read: &mut dyn ReadTxn,
    warehouse: &WarehouseRecord,
    trees: &mut Trees<'_>,
    report: &mut Report,
    progress: &mut dyn FnMut(Progress),
) -> StoreResult<HashMap<CommitId, Known>> {
    let mut found = HashMap::new();
    let mut after = None;
    loop {
        let records = read.commits_scan(warehouse.id, after, BATCH)?;
        let Some(last) = records.last() else { return Ok(found) };
        after = Some(last.id);
        for record in records {
            report.commits += 1;
            let Some(commit) = read_commit(warehouse, &record, report) else { continue };
            trees.check_operations(warehouse, &record, report)?;
            if record.root.is_some() {
                trees.check_stored(warehouse, record.id, commit.root, record.root, report)?;
            }
            found.insert(record.id, Known { commit, stored: record.root.is_some() });
        }
        progress(Progress::Commits(found.len() as u64));
    }
}

fn read_commit(
    warehouse: &WarehouseRecord,
    record: &CommitRecord,
    report: &mut Report,
) -> Option<Commit> {
    let id = record.id;
    if Commit::id_of(&record.bytes) != id {
        report.problem(warehouse, format_args!("the bytes of commit {id} have another hash"));
        return None;
    }
    match Commit::decode(&record.bytes) {
        Ok(commit) => Some(commit),
        Err(error) => {
            report.problem(warehouse, format_args!("commit {id} cannot be read: {error}"));
            None
        }
    }
}

/// Parents are there, generations and times fit.
fn check_chain(
    warehouse: &WarehouseRecord,
    commits: &HashMap<CommitId, Known>,
    report: &mut Report,
) {
    let mut ids: Vec<&CommitId> = commits.keys().collect();
    ids.sort_unstable();
    for id in ids {
        let Some(Known { commit, .. }) = commits.get(id) else { continue };
        let mut generation = 0;
        for (index, parent) in commit.parents.iter().enumerate() {
            let Some(known) = commits.get(parent) else {
                report.problem(
                    warehouse,
                    format_args!("parent {parent} of commit {id} is missing or damaged"),
                );
                continue;
            };
            generation = generation.max(known.commit.generation);
            let parent_at: Timestamp = known.commit.committed_at;
            if index == 0 && parent_at >= commit.committed_at {
                report.problem(
                    warehouse,
                    format_args!("commit {id} is not later than its first parent {parent}"),
                );
            }
        }
        let complete = commit.parents.iter().all(|parent| commits.contains_key(parent));
        if complete && commit.generation != generation.saturating_add(1) {
            report.problem(
                warehouse,
                format_args!(
                    "commit {id} has the generation {} in place of {}",
                    commit.generation,
                    generation.saturating_add(1)
                ),
            );
        }
    }
}

/// Trees that are not stored come back by replay.
fn check_trees(
    warehouse: &WarehouseRecord,
    commits: &HashMap<CommitId, Known>,
    probes: &Probes<'_>,
    trees: &mut Trees<'_>,
    report: &mut Report,
    progress: &mut dyn FnMut(Progress),
) -> StoreResult<()> {
    trees.check_objects(warehouse, report)?;
    let empty = tree::empty_node().hash();
    // In the order of history, so that whoever replays can go on from the last one.
    let mut rebuilt: Vec<(u64, CommitId, NodeHash)> = commits
        .iter()
        .filter(|(_, known)| !known.stored && known.commit.root != empty)
        .map(|(id, known)| (known.commit.generation, *id, known.commit.root))
        .collect();
    rebuilt.sort_unstable();
    let total = rebuilt.len() as u64;
    for (done, (_, id, root)) in (1_u64..).zip(rebuilt) {
        match (probes.snapshot)(warehouse, id).map(|snapshot| snapshot.root().hash) {
            Ok(hash) if hash == root => {}
            Ok(hash) => report.problem(
                warehouse,
                format_args!("replaying commit {id} gives the tree {hash} in place of {root}"),
            ),
            Err(VersionError::Store(error @ StoreError::Unavailable { .. })) => return Err(error),
            Err(error) => report.problem(
                warehouse,
                format_args!("the tree of commit {id} cannot be rebuilt: {error}"),
            ),
        }
        if done % 1000 == 0 || done == total {
            progress(Progress::Trees(done, total));
        }
    }
    Ok(())
}
