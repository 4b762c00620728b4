//! A group in the making: requests evaluated one after another on top of each other, in memory.

mod answers;
mod refs;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use self::refs::Movement;
use super::{ChangeContext, ChangeError, CommitRequest, Committed, NewFile, Proposal};
use crate::base::clock::Timestamp;
use crate::base::error::{Entity, Error, ErrorKind, Result};
use crate::base::ids::{CommitId, ObjectHash, WarehouseId};
use crate::base::limits::{CLOCK_AHEAD_SECONDS_MAX, COMMIT_OPERATIONS_MAX, REPLAY_COMMITS_MAX};
use crate::base::name::RefName;
use crate::store::interface::{StoreResult, WriteTxn};
use crate::store::records::{IdempotencyRecord, RefKind, RefLogRecord, RefRecord};
use crate::tree::{self, Edit, NodeRef};
use crate::version::commit::{Commit, check_description};
use crate::version::edits::{check_namespaces, edits};
use crate::version::error::VersionError;
use crate::version::repository::{Overlay, Repository};
use crate::version::snapshot::Snapshot;

/// Characters of a commit message that the ref log repeats.
const REASON_CHARS: usize = 200;

/// A commit that is not stored yet.
#[derive(Debug)]
pub(super) struct DraftCommit {
    pub(super) warehouse: WarehouseId,
    pub(super) id: CommitId,
    pub(super) bytes: Bytes,
    pub(super) commit: Arc<Commit>,
    pub(super) root: NodeRef,
    pub(super) edits: Vec<Edit>,
    /// Whether its tree is stored, not only its operations.
    pub(super) keep_tree: bool,
}

#[derive(Debug)]
struct BranchState {
    head: CommitId,
    commit: Arc<Commit>,
    root: NodeRef,
    /// Commits since the last one whose tree is stored.
    unstored: usize,
    /// Index of the last draft commit, whose tree is stored at the end.
    last_draft: Option<usize>,
}

/// What a group will write.
pub(super) struct Draft<'t> {
    pub(super) repository: &'t Arc<Repository>,
    pub(super) txn: Box<dyn WriteTxn + 't>,
    now: Timestamp,
    pub(super) overlay: Arc<Overlay>,
    branches: BTreeMap<(WarehouseId, RefName), BranchState>,
    /// Refs as the group leaves them; `None` is deleted or absent.
    pub(super) refs: BTreeMap<(WarehouseId, String), Option<RefRecord>>,
    pub(super) moved: BTreeSet<(WarehouseId, String)>,
    last_log: BTreeMap<WarehouseId, Option<RefLogRecord>>,
    pub(super) log: BTreeMap<WarehouseId, Vec<RefLogRecord>>,
    pub(super) commits: Vec<DraftCommit>,
    pub(super) objects: BTreeMap<ObjectHash, Bytes>,
    pub(super) files: Vec<NewFile>,
    answers: BTreeMap<(WarehouseId, String), IdempotencyRecord>,
    pub(super) wrote_warehouses: bool,
    /// The first failure of the transaction: after it, nothing of the group can be published.
    pub(super) broken: Option<Error>,
}

impl<'t> Draft<'t> {
    pub(super) fn new(
        repository: &'t Arc<Repository>,
        txn: Box<dyn WriteTxn + 't>,
        now: Timestamp,
    ) -> Self {
        Self {
            repository,
            txn,
            now,
            overlay: Arc::default(),
            branches: BTreeMap::new(),
            refs: BTreeMap::new(),
            moved: BTreeSet::new(),
            last_log: BTreeMap::new(),
            log: BTreeMap::new(),
            commits: Vec::new(),
            objects: BTreeMap::new(),
            files: Vec::new(),
            answers: BTreeMap::new(),
            wrote_warehouses: false,
            broken: None,
        }
    }

    /// Asks the transaction; a failure is the whole group's, whichever request met it.
    pub(super) fn ask<T>(
        &mut self,
        call: impl FnOnce(&mut (dyn WriteTxn + 't)) -> StoreResult<T>,
    ) -> Result<T> {
        call(&mut *self.txn).map_err(|error| {
            let error = Error::from(error);
            self.broken.get_or_insert_with(|| Error::new(error.kind(), error.message()));
            error
        })
    }

    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) fn idempotency(&self) -> impl Iterator<Item = (WarehouseId, &IdempotencyRecord)> {
        self.answers.iter().map(|((warehouse, _), record)| (*warehouse, record))
    }

    /// Whether there is anything to write.
    pub(super) fn is_empty(&self) -> bool {
        self.log.is_empty()
            && self.answers.is_empty()
            && self.commits.is_empty()
            && !self.wrote_warehouses
    }

    /// Locks and reads the refs that the group touches.
    pub(super) fn lock(&mut self, names: &BTreeSet<(WarehouseId, String)>) -> Result<()> {
        let mut by_warehouse: BTreeMap<WarehouseId, Vec<&str>> = BTreeMap::new();
        for (warehouse, name) in names {
            by_warehouse.entry(*warehouse).or_default().push(name);
        }
        for (warehouse, names) in by_warehouse {
            let records = self.ask(|txn| txn.refs_lock(warehouse, &names))?;
            for (name, record) in names.into_iter().zip(records) {
                self.refs.insert((warehouse, name.to_owned()), record);
            }
        }
        Ok(())
    }

    fn current(&self, warehouse: WarehouseId, name: &RefName) -> Option<&RefRecord> {
        self.refs.get(&(warehouse, name.as_str().to_owned()))?.as_ref()
    }

    /// Evaluates a commit request.
    pub(super) fn commit(&mut self, request: &mut CommitRequest) -> Evaluated {
        if let Some(replay) = self.replay(request)? {
            return Ok(replay);
        }
        let branch = self.branch(request.warehouse, &request.branch)?;
        let (head, parent, root) = (branch.head, Arc::clone(&branch.commit), branch.root);
        check_head(&request.branch, head, request.expected_head)?;
        if let Some(seen) = request.worked_out_at {
            self.check_grown(request.warehouse, &request.branch, seen)?;
        }
        let merged = match request.merge_parent {
            Some(id) => Some((id, self.read_commit(request.warehouse, id)?)),
            None => None,
        };
        let mut at = self.commit_time(&parent)?;
        if let Some((_, merged)) = &merged {
            at = at.max(self.commit_time(merged)?);
        }
        let base = self.view(root);
        let context = ChangeContext { head, now: at };
        let proposal = request.change.evaluate(&base, &context).map_err(|error| match error {
            ChangeError::Failed(error) => Refusal::Failed(error),
            ChangeError::NeedsLoad(locations) => Refusal::NeedsLoad(locations),
        })?;
        let Proposal { writes, message, files, answer, commit_anyway, respells } = proposal;
        let edits = edits(&base, &self.overlay, writes, respells, &mut self.objects)?;
        let mut committed = Committed { head, commit: None, answer, replayed: false };
        if !edits.is_empty() || commit_anyway {
            let message = request.message.clone().unwrap_or(message);
            check_description(&message, &request.properties)?;
            let new_root = self.apply(root, &edits)?;
            check_namespaces(&self.view(new_root), &edits)?;
            let mut parents = vec![head];
            let mut generation = parent.generation;
            if let Some((id, merged)) = &merged {
                generation = generation.max(merged.generation);
                parents.push(*id);
            }
            let commit = Commit {
                root: new_root.hash,
                parents,
                generation: generation + 1,
                author: request.author.clone(),
                committer: request.committer.clone(),
                committed_at: at,
                message,
                properties: request.properties.clone(),
            };
            let id = self.add_commit(request, commit, new_root, edits)?;
            committed.head = id;
            committed.commit = Some(id);
            self.files.extend(files);
        }
        self.keep_answer(request, &committed)?;
        Ok(committed)
    }

    /// A tree of this group. The overlay is shared by all branches; a rebuilt tree below one of them
    /// is copied into it once, when the branch is first read.
    fn view(&self, root: NodeRef) -> Snapshot {
        Snapshot::new(Arc::clone(self.repository), Some(Arc::clone(&self.overlay)), root)
    }

    fn branch(&mut self, warehouse: WarehouseId, name: &RefName) -> Result<&mut BranchState> {
        let key = (warehouse, name.clone());
        if !self.branches.contains_key(&key) {
            let record = self.current(warehouse, name).cloned();
            let head = match record {
                Some(RefRecord { kind: RefKind::Branch, commit, .. }) => commit,
                Some(RefRecord { kind: RefKind::Tag, .. }) => {
                    return Err(Error::invalid(format!("'{name}' is a tag: tags never move")));
                }
                None => {
                    self.check_has_refs(warehouse)?;
                    return Err(Error::not_found(
                        Entity::Branch,
                        format!("branch '{name}' does not exist"),
                    ));
                }
            };
            let state = self.branch_state(warehouse, head)?;
            self.branches.insert(key.clone(), state);
        }
        self.branches.get_mut(&key).ok_or_else(|| Error::internal("a branch state was lost"))
    }

    fn branch_state(&self, warehouse: WarehouseId, head: CommitId) -> Result<BranchState> {
        if let Some((index, draft)) = self
            .commits
            .iter()
            .enumerate()
            .rev()
            .find(|(_, draft)| draft.warehouse == warehouse && draft.id == head)
        {
            return Ok(BranchState {
                head,
                commit: Arc::clone(&draft.commit),
                root: draft.root,
                unstored: if draft.keep_tree { 0 } else { REPLAY_COMMITS_MAX },
                last_draft: Some(index),
            });
        }
        let snapshot = self.repository.snapshot(warehouse, head)?;
        let mut unstored = 0;
        if let Some(rebuilt) = snapshot.overlay() {
            self.overlay.nodes.copy_from(&rebuilt.nodes);
            // How long the way to a stored tree is was not counted: the next commit's is stored, so that
            // it never grows beyond what is replayed.
            unstored = REPLAY_COMMITS_MAX - 1;
        }
        Ok(BranchState {
            head,
            commit: Arc::clone(&self.repository.commit(warehouse, head)?.commit),
            root: snapshot.root(),
            unstored,
            last_draft: None,
        })
    }

    fn read_commit(&self, warehouse: WarehouseId, id: CommitId) -> Result<Arc<Commit>> {
        let drafted = self.commits.iter().find(|c| c.warehouse == warehouse && c.id == id);
        match drafted {
            Some(draft) => Ok(Arc::clone(&draft.commit)),
            None => Ok(Arc::clone(&self.repository.commit(warehouse, id)?.commit)),
        }
    }

    fn commit_time(&self, parent: &Commit) -> Result<Timestamp> {
        let after = parent.committed_at.plus_micros(1);
        let ahead = after.as_micros() - self.now.as_micros();
        if ahead > CLOCK_AHEAD_SECONDS_MAX * 1_000_000 {
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "the head was committed at {}, the clock says {}: set the clock right before \
                     writing",
                    parent.committed_at.to_rfc3339(),
                    self.now.to_rfc3339()
                ),
            ));
        }
        Ok(self.now.max(after))
    }

    fn apply(&self, root: NodeRef, edits: &[Edit]) -> Result<NodeRef> {
        let view = self.view(root);
        tree::apply(&view.nodes(), root, edits, &mut &self.overlay.nodes).map_err(tree_error)
    }

    fn add_commit(
        &mut self,
        request: &CommitRequest,
        commit: Commit,
        root: NodeRef,
        edits: Vec<Edit>,
    ) -> Result<CommitId> {
        let bytes = Bytes::from(commit.encode());
        let id = Commit::id_of(&bytes);
        let reason = first_line(&commit.message);
        let commit = Arc::new(commit);
        let replayable = !edits.is_empty() && edits.len() <= COMMIT_OPERATIONS_MAX;
        let index = self.commits.len();
        let branch = self.branch(request.warehouse, &request.branch)?;
        branch.last_draft = Some(index);
        branch.unstored += 1;
        let keep_tree = !replayable || branch.unstored >= REPLAY_COMMITS_MAX;
        if keep_tree {
            branch.unstored = 0;
        }
        let from = std::mem::replace(&mut branch.head, id);
        branch.commit = Arc::clone(&commit);
        branch.root = root;
        self.commits.push(DraftCommit {
            warehouse: request.warehouse,
            id,
            bytes,
            commit,
            root,
            edits,
            keep_tree,
        });
        let created_at = self
            .current(request.warehouse, &request.branch)
            .map_or(self.now, |record| record.created_at);
        let record = RefRecord {
            name: request.branch.as_str().to_owned(),
            kind: RefKind::Branch,
            commit: id,
            created_at,
        };
        self.move_ref(
            request.warehouse,
            request.branch.as_str(),
            RefKind::Branch,
            Some(from),
            Some(record),
            Movement { action: request.action, actor: &request.committer, reason },
        )?;
        Ok(id)
    }

    /// Marks the tree of each branch's last commit as one to store.
    pub(super) fn keep_heads(&mut self) {
        for branch in self.branches.values() {
            if let Some(draft) = branch.last_draft.and_then(|index| self.commits.get_mut(index)) {
                draft.keep_tree = true;
            }
        }
    }
}

/// Why a commit request was refused during evaluation.
#[derive(Debug)]
pub(super) enum Refusal {
    Failed(Error),
    NeedsLoad(Vec<String>),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

pub(super) type Evaluated = std::result::Result<Committed, Refusal>;

fn tree_error(error: tree::TreeError) -> Error {
    VersionError::Tree(error).into()
}

fn check_head(name: &RefName, head: CommitId, expected: Option<CommitId>) -> Result<()> {
    match expected {
        Some(expected) if expected != head => {
            Err(Error::conflict(format!("'{name}' is at {head}, not at the expected {expected}")))
        }
        Some(_) | None => Ok(()),
    }
}

fn first_line(message: &str) -> String {
    message.lines().next().unwrap_or_default().chars().take(REASON_CHARS).collect()
}
