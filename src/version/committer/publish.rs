//! The committer's thread: takes groups from the queue, publishes each in one durable write, answers.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;

use super::draft::{Draft, DraftCommit, Refusal};
use super::queue::Queue;
use super::{Answer, CommitFailure, FileSafety, FileSink, Job, Work};
use crate::base::clock::SharedClock;
use crate::base::error::{Error, ErrorKind, Result};
use crate::base::ids::{NodeHash, ObjectHash, WarehouseId};
use crate::base::limits::{GROUP_BYTES_MAX, GROUP_REQUESTS_MAX, PACK_BYTES_MAX};
use crate::store::interface::{Certainty, StoreError};
use crate::store::records::{CommitRecord, Location, RefLogRecord, RefRecord};
use crate::tree::{Change as TreeChange, Node, NodeRef, NodeSource as _};
use crate::version::content::Entry;
use crate::version::error::VersionError;
use crate::version::operations;
use crate::version::repository::{Layered, Repository, StoredCommit};

/// Publishes groups.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) repository: Arc<Repository>,
    pub(super) files: Arc<dyn FileSink>,
    pub(super) clock: SharedClock,
    pub(super) queue: Arc<Queue>,
}

/// What one request came to, before it is known whether the group is published.
enum Outcome {
    Done(Box<dyn Any + Send>),
    Refused(Refusal),
    NotEvaluated,
}

impl Publisher {
    pub(super) fn run(self) {
        while let Some(mut jobs) = self.queue.take(GROUP_REQUESTS_MAX) {
            // A caller that is gone (a cut connection) before its turn asked for nothing.
            jobs.retain(|job| !job.reply.is_closed());
            if !jobs.is_empty() {
                self.group(jobs);
            }
        }
    }

    fn group(&self, mut jobs: Vec<Job>) {
        // Changes of the list of warehouses are rare, write at once, and may be refused by the store:
        // each is a group by itself, in its place.
        let alone = |job: &Job| matches!(job.work, Work::Warehouse(_));
        if jobs.len() > 1
            && let Some(at) = jobs.iter().position(alone)
        {
            let mut later = jobs.split_off(at);
            let rest = later.split_off(1);
            for part in [jobs, later, rest] {
                if !part.is_empty() {
                    self.group(part);
                }
            }
            return;
        }
        // A bug in one change must not end all writing: the transaction is dropped, heads are read again.
        let mut handed_over = false;
        let published = std::panic::catch_unwind(AssertUnwindSafe(|| {
            self.publish(&mut jobs, &mut handed_over)
        }));
        if jobs.iter().any(alone) {
            // Stored or not or unknown: whoever remembers the list reads it again.
            self.repository.warehouses_changed();
        }
        let published = published.unwrap_or_else(|_| {
            self.repository.heads().forget();
            Err(GroupFailure {
                error: Error::new(
                    ErrorKind::CommitUnknown,
                    "the server failed while it made the change; look whether it is there",
                ),
                // What may be stored already is not made a second time.
                alone: !handed_over,
            })
        });
        let outcomes = match published {
            Ok(outcomes) => outcomes,
            // One request's file made the group fail: each on its own, so that it fails alone.
            Err(failure) if failure.alone && jobs.len() > 1 => {
                for job in jobs {
                    self.group(vec![job]);
                }
                return;
            }
            Err(failure) => {
                tracing::warn!(error = failure.error.chain(), "a group of changes failed");
                for job in jobs {
                    let error = Error::new(failure.error.kind(), failure.error.message());
                    answer(job, Err(CommitFailure::Failed(error)));
                }
                return;
            }
        };
        let mut rest = Vec::new();
        for (job, outcome) in jobs.into_iter().zip(outcomes) {
            match outcome {
                Outcome::Done(done) => answer(job, Ok(done)),
                Outcome::Refused(Refusal::Failed(error)) => {
                    answer(job, Err(CommitFailure::Failed(error)));
                }
                Outcome::Refused(Refusal::NeedsLoad(locations)) => {
                    let Job { work, reply } = job;
                    let failure = match work {
                        Work::Commit(request) => CommitFailure::NeedsLoad(locations, request),
                        Work::Ref(_) | Work::Warehouse(_) | Work::Synced(_) => {
                            CommitFailure::Failed(Error::internal("no files are needed here"))
                        }
                    };
                    drop(reply.send(Err(failure)));
                }
                Outcome::NotEvaluated => rest.push(job),
            }
        }
        if !rest.is_empty() {
            self.queue.put_back(rest);
        }
    }

    /// Publishes a group; `handed_over` turns true before anything of it can be stored.
    fn publish(
        &self,
        jobs: &mut [Job],
        handed_over: &mut bool,
    ) -> std::result::Result<Vec<Outcome>, GroupFailure> {
        let store = Arc::clone(self.repository.store());
        let txn = store.begin_write().map_err(|error| GroupFailure::all(error.into()))?;
        let mut draft = Draft::new(&self.repository, txn, self.clock.now());
        draft.lock(&touched(jobs)).map_err(GroupFailure::some)?;
        let outcomes = evaluate(&mut draft, jobs);
        if let Some(error) = draft.broken.take() {
            return Err(GroupFailure::all(error));
        }
        if draft.is_empty() {
            return Ok(outcomes);
        }
        draft.keep_heads();
        let unsynced = self.write_files(&draft)?;
        let packed = self.write(&mut draft, &unsynced).map_err(GroupFailure::some)?;
        let Draft { txn, refs, moved, log, commits, overlay, .. } = draft;
        *handed_over = true;
        if let Err(error) = txn.commit() {
            self.resolve(error, &log)?;
        }
        for node in packed.nodes {
            self.repository.remember_node(node);
        }
        for (hash, object) in overlay.objects.lock().drain() {
            self.repository.remember_object(hash, object);
        }
        let count = commits.len() as u64;
        for (commit, record) in commits.into_iter().zip(packed.records) {
            self.repository.remember_commit(
                commit.warehouse,
                StoredCommit {
                    id: commit.id,
                    commit: commit.commit,
                    root: record.root,
                    operations: record.operations,
                },
            );
        }
        self.repository.heads().moved(
            moved.iter().map(|key| (key.0, key.1.as_str(), refs.get(key).cloned().flatten())),
        );
        self.queue.published(count, log.values().map(|rows| rows.len() as u64).sum());
        Ok(outcomes)
    }

    /// Writes the group's files; returns those whose bytes must ride in the transaction.
    fn write_files(
        &self,
        draft: &Draft<'_>,
    ) -> std::result::Result<Vec<(String, Bytes)>, GroupFailure> {
        if draft.files.is_empty() {
            return Ok(Vec::new());
        }
        let written = self.files.write(&draft.files);
        let mut unsynced = Vec::new();
        for (file, result) in draft.files.iter().zip(written) {
            match result {
                Ok(FileSafety::Durable) => {}
                Ok(FileSafety::Visible) => {
                    unsynced.push((file.location.clone(), file.bytes.clone()));
                }
                Err(error) => return Err(GroupFailure { error, alone: true }),
            }
        }
        Ok(unsynced)
    }

    /// Puts everything into the transaction.
    fn write(&self, draft: &mut Draft<'_>, unsynced: &[(String, Bytes)]) -> Result<Packed> {
        let next = draft.txn.pack_next()?;
        let mut packer = Packer::new(next);
        for (hash, bytes) in &draft.objects {
            let location = packer.add(bytes.clone());
            packer.objects.insert(*hash, location);
        }
        let overlay = Arc::clone(&draft.overlay);
        let source = Layered { overlay: Some(&overlay.nodes), below: &*self.repository };
        let mut records: BTreeMap<WarehouseId, Vec<CommitRecord>> = BTreeMap::new();
        let mut in_order = Vec::with_capacity(draft.commits.len());
        for commit in &draft.commits {
            let record = packer.commit(commit, &source)?;
            in_order.push(record.clone());
            records.entry(commit.warehouse).or_default().push(record);
        }
        for (number, blobs) in packer.packs(next) {
            draft.txn.pack_append(number, &blobs)?;
        }
        for (warehouse, records) in &records {
            draft.txn.commits_insert(*warehouse, records)?;
        }
        write_refs(draft)?;
        let answers: Vec<_> =
            draft.idempotency().map(|(warehouse, record)| (warehouse, record.clone())).collect();
        let now = draft.now();
        for (warehouse, record) in &answers {
            draft.txn.idempotency_put(*warehouse, record, now)?;
        }
        if !unsynced.is_empty() {
            draft.txn.pending_files_add(unsynced)?;
        }
        Ok(Packed { nodes: packer.nodes, records: in_order })
    }

    /// Finds out whether a transaction with an unknown outcome is stored.
    fn resolve(
        &self,
        error: StoreError,
        log: &BTreeMap<WarehouseId, Vec<RefLogRecord>>,
    ) -> std::result::Result<(), GroupFailure> {
        if error.certainty() == Certainty::NotDone {
            return Err(GroupFailure::all(error.into()));
        }
        let stored = log.iter().find_map(|(warehouse, rows)| {
            let last = rows.last()?;
            Some(self.is_stored(*warehouse, last))
        });
        match stored {
            Some(Ok(true)) => Ok(()),
            Some(Ok(false)) => Err(GroupFailure::all(Error::new(
                ErrorKind::Unavailable,
                format!("the change was not stored: {error}"),
            ))),
            Some(Err(_)) | None => {
                self.repository.heads().forget();
                Err(GroupFailure::all(Error::new(
                    ErrorKind::CommitUnknown,
                    format!("it is not known whether the change was stored: {error}"),
                )))
            }
        }
    }

    fn is_stored(
        &self,
        warehouse: WarehouseId,
        row: &RefLogRecord,
    ) -> std::result::Result<bool, StoreError> {
        let mut read = self.repository.store().begin_read()?;
        let found = read.ref_log_list(warehouse, None, Some(row.sequence + 1), 1)?;
        Ok(found.first().is_some_and(|found| found.hash == row.hash))
    }
}

struct GroupFailure {
    error: Error,
    /// Whether a single request is to blame.
    alone: bool,
}

impl GroupFailure {
    const fn all(error: Error) -> Self {
        Self { error, alone: false }
    }

    /// For a failure before the commit: unless the store itself is in trouble, what one request asks for
    /// is to blame, such as a warehouse that was deleted meanwhile.
    fn some(error: Error) -> Self {
        let alone = !matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::CommitUnknown);
        Self { error, alone }
    }
}

struct Packed {
    nodes: Vec<Node>,
    records: Vec<CommitRecord>,
}

fn answer(job: Job, answer: Answer) {
    // Nobody waits any more if the connection was cut; the change stays all the same.
    drop(job.reply.send(answer));
}

fn touched(jobs: &[Job]) -> BTreeSet<(WarehouseId, String)> {
    jobs.iter()
        .filter_map(|job| match &job.work {
            Work::Commit(request) => Some((request.warehouse, request.branch.as_str().to_owned())),
            Work::Ref(request) => Some((request.warehouse, request.name.as_str().to_owned())),
            Work::Warehouse(_) | Work::Synced(_) => None,
        })
        .collect()
}

fn evaluate(draft: &mut Draft<'_>, jobs: &mut [Job]) -> Vec<Outcome> {
    let mut bytes = 0_usize;
    let mut outcomes = Vec::with_capacity(jobs.len());
    for job in jobs {
        if bytes > GROUP_BYTES_MAX {
            outcomes.push(Outcome::NotEvaluated);
            continue;
        }
        let files_before = draft.files.len();
        let outcome = match &mut job.work {
            Work::Commit(request) => match draft.commit(request) {
                Ok(committed) => Outcome::Done(Box::new(committed)),
                Err(refusal) => Outcome::Refused(refusal),
            },
            Work::Ref(request) => done(draft.change_ref(request)),
            Work::Warehouse(request) => done(draft.change_warehouse(request)),
            Work::Synced(sequences) => {
                draft.wrote_warehouses = true;
                done(draft.ask(|txn| txn.pending_files_remove(sequences)))
            }
        };
        bytes += draft.files[files_before..].iter().map(|file| file.bytes.len()).sum::<usize>();
        outcomes.push(outcome);
    }
    outcomes
}

fn done<T: Any + Send>(result: Result<T>) -> Outcome {
    match result {
        Ok(value) => Outcome::Done(Box::new(value)),
        Err(error) => Outcome::Refused(Refusal::Failed(error)),
    }
}

fn write_refs(draft: &mut Draft<'_>) -> Result<()> {
    let moved: Vec<(WarehouseId, String, Option<RefRecord>)> = draft
        .moved
        .iter()
        .map(|key| (key.0, key.1.clone(), draft.refs.get(key).cloned().flatten()))
        .collect();
    for (warehouse, name, record) in moved {
        let stored = draft.txn.ref_get(warehouse, &name)?;
        match record {
            Some(record) => {
                // A name that was freed and taken again in one group may do what a ref alone may not.
                if stored.is_some_and(|stored| stored.check_move(&record).is_err()) {
                    draft.txn.ref_delete(warehouse, &name)?;
                }
                draft.txn.ref_put(warehouse, &record)?;
            }
            None if stored.is_some() => draft.txn.ref_delete(warehouse, &name)?,
            None => {}
        }
    }
    let log: Vec<_> =
        draft.log.iter().map(|(warehouse, rows)| (*warehouse, rows.clone())).collect();
    for (warehouse, rows) in log {
        draft.txn.ref_log_append(warehouse, &rows)?;
    }
    Ok(())
}

/// Lays blobs out in packs, children before parents, so that every location is known when it is written.
struct Packer {
    number: u64,
    used: usize,
    blobs: Vec<Vec<Bytes>>,
    objects: HashMap<ObjectHash, Location>,
    placed: HashMap<NodeHash, Location>,
    nodes: Vec<Node>,
}

impl Packer {
    fn new(number: u64) -> Self {
        Self {
            number,
            used: 1,
            blobs: vec![Vec::new()],
            objects: HashMap::new(),
            placed: HashMap::new(),
            nodes: Vec::new(),
        }
    }

    fn add(&mut self, blob: Bytes) -> Location {
        if self.used + 4 + blob.len() > PACK_BYTES_MAX {
            self.number += 1;
            self.used = 1;
            self.blobs.push(Vec::new());
        }
        let location = Location::new(self.number, u32::try_from(self.used).unwrap_or(u32::MAX));
        self.used += 4 + blob.len();
        if let Some(pack) = self.blobs.last_mut() {
            pack.push(blob);
        }
        location
    }

    fn packs(&mut self, first: u64) -> Vec<(u64, Vec<Bytes>)> {
        let blobs = std::mem::take(&mut self.blobs);
        (first..).zip(blobs).filter(|(_, blobs)| !blobs.is_empty()).collect()
    }

    /// The row of a commit, its tree stored if it shall be.
    fn commit(&mut self, commit: &DraftCommit, source: &Layered<'_>) -> Result<CommitRecord> {
        let root = if commit.keep_tree { self.tree(commit.root, source)? } else { Location::NONE };
        let mut edits = Vec::new();
        if commit.edits.len() <= crate::base::limits::COMMIT_OPERATIONS_MAX {
            edits.clone_from(&commit.edits);
            for edit in &mut edits {
                if let TreeChange::Put(value) = &mut edit.change {
                    value.hint = self.object_location(&value.bytes, value.hint);
                }
            }
        }
        let operations =
            if edits.is_empty() { Bytes::new() } else { operations::encode(&edits).into() };
        Ok(CommitRecord { id: commit.id, bytes: commit.bytes.clone(), root, operations })
    }

    fn object_location(&self, value: &[u8], hint: u64) -> u64 {
        let known = Entry::object_of(value).and_then(|hash| self.objects.get(&hash));
        known.map_or(hint, |location| location.0)
    }

    /// Places a node and everything below it that has no place yet.
    fn tree(&mut self, root: NodeRef, source: &Layered<'_>) -> Result<Location> {
        if root.hint != 0 {
            return Ok(Location(root.hint));
        }
        if let Some(location) = self.placed.get(&root.hash) {
            return Ok(*location);
        }
        let node = source
            .load(&[root])
            .map_err(|error| Error::from(VersionError::Tree(error)))?
            .pop()
            .ok_or_else(|| Error::internal("a node of the group is gone"))?;
        let mut hints = Vec::with_capacity(node.len());
        for item in node.items() {
            hints.push(match (item.value(), item.child()) {
                (Some(value), _) => self.object_location(value, item.hint),
                (None, Some(child)) => self.tree(child, source)?.0,
                (None, None) => item.hint,
            });
        }
        let mut hints = hints.into_iter();
        let node = node.with_hints(|_| hints.next().unwrap_or(0));
        let location = self.add(node.to_stored());
        self.placed.insert(root.hash, location);
        self.nodes.push(node);
        Ok(location)
    }
}
