//! A catalog as one transaction sees it: refs stand still, changes to one branch are kept to itself, and
//! its end publishes them as one commit.
//!
//! [`Catalog::begin`] gives such a catalog; every method works on it as on the shared one, and what would
//! be a commit is carried out on a private state instead. That state has an id like a commit's, which only
//! this catalog knows. Changes of refs are refused, but for making a branch (then the transaction writes
//! to that branch) and deleting one (then it writes nothing).

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::branches::Ref;
use super::warehouses::Warehouse;
use super::writing::{Loads, joined};
use super::{Catalog, OpContext, Resolved};
use crate::base::error::{Entity, Error, ErrorKind, Result};
use crate::base::ids::{CommitId, WarehouseId};
use crate::base::limits::COMMIT_RETRIES_MAX;
use crate::base::name::{RefExpr, RefName};
use crate::store::records::{RefKind, RefRecord};
use crate::version::committer::{Change, ChangeContext, ChangeError, Committed, RefChange};
use crate::version::snapshot::Snapshot;
use crate::version::working::WorkingTree;

/// What a transaction has seen and done so far.
#[derive(Debug, Default)]
pub(super) struct Private(Mutex<State>);

#[derive(Clone, Debug, Default)]
struct State {
    /// What refs stood for when they were first asked for.
    resolved: BTreeMap<(WarehouseId, String), Resolved>,
    intent: Option<Intent>,
}

/// What the end of the transaction does.
#[derive(Clone, Debug)]
enum Intent {
    Write(Box<Open>),
    Delete { warehouse: Warehouse, branch: RefName, change: RefChange },
}

/// The branch that is written to.
#[derive(Clone, Debug)]
struct Open {
    warehouse: Warehouse,
    branch: RefName,
    /// What the private state is called.
    id: CommitId,
    base: CommitId,
    /// Why the branch is made, if this transaction makes it.
    makes: Option<String>,
    tree: WorkingTree,
}

/// A state of a transaction to come back to.
#[derive(Clone, Debug)]
pub struct Savepoint(State);

impl Private {
    fn resolve(
        &self,
        catalog: &Catalog,
        warehouse: &Warehouse,
        expr: &RefExpr,
    ) -> Result<Resolved> {
        let mut state = self.0.lock();
        match (&state.intent, expr.as_name()) {
            (Some(Intent::Write(open)), Some(name))
                if open.warehouse.id == warehouse.id && open.branch == *name =>
            {
                return Ok(Resolved { commit: open.id, branch: Some(name.clone()), tag: false });
            }
            (Some(Intent::Delete { warehouse: its, branch, .. }), Some(name))
                if its.id == warehouse.id && branch == name =>
            {
                return Err(Error::not_found(
                    Entity::Ref,
                    format!("branch '{name}' is deleted by this transaction"),
                ));
            }
            _ => {}
        }
        let key = (warehouse.id, expr.to_string());
        if let Some(known) = state.resolved.get(&key) {
            return Ok(known.clone());
        }
        let found = catalog.resolve_shared(warehouse, expr)?;
        state.resolved.insert(key, found.clone());
        Ok(found)
    }

    fn snapshot(&self, id: CommitId) -> Option<Snapshot> {
        match &self.0.lock().intent {
            Some(Intent::Write(open)) if open.id == id => Some(open.tree.snapshot()),
            _ => None,
        }
    }

    /// What a file holds that only this transaction knows.
    pub(super) fn file(&self, location: &str) -> Option<Bytes> {
        match &self.0.lock().intent {
            Some(Intent::Write(open)) => open.tree.file(location),
            _ => None,
        }
    }

    fn is_dirty(&self, warehouse: &Warehouse, expr: &RefExpr) -> bool {
        matches!(&self.0.lock().intent, Some(Intent::Write(open))
            if open.warehouse.id == warehouse.id && Some(&open.branch) == expr.as_name())
    }
}

impl Catalog {
    /// This catalog for one transaction.
    #[must_use]
    pub fn begin(&self) -> Arc<Self> {
        Arc::new(Self { private: Some(Arc::default()), ..self.clone() })
    }

    /// The transaction as it is now, to come back to. Nothing outside of a transaction.
    #[must_use]
    pub fn savepoint(&self) -> Option<Savepoint> {
        self.private.as_ref().map(|private| Savepoint(private.0.lock().clone()))
    }

    /// Forgets what the transaction did after a savepoint; what it saw stays.
    pub fn rollback_to(&self, savepoint: &Savepoint) {
        if let Some(private) = &self.private {
            private.0.lock().intent.clone_from(&savepoint.0.intent);
        }
    }

    /// Ends the transaction: everything that it did becomes one commit. Answers that commit, or none if
    /// nothing changed.
    ///
    /// # Errors
    /// `Conflict` if another commit changed a table, view or namespace that this one changed; then, and
    /// on every other error but `CommitUnknown`, nothing happened.
    pub async fn publish(&self, ctx: &OpContext) -> Result<Option<CommitId>> {
        let Some(private) = &self.private else {
            return Err(Error::internal("there is no transaction to publish"));
        };
        let intent = private.0.lock().intent.take();
        let shared = Self { private: None, ..self.clone() };
        match intent {
            None => Ok(None),
            Some(Intent::Delete { warehouse, branch, change }) => {
                shared.delete_ref(ctx, &warehouse, &branch, change).await?;
                Ok(None)
            }
            Some(Intent::Write(open)) => shared.publish_open(ctx, *open).await,
        }
    }

    async fn publish_open(&self, ctx: &OpContext, open: Open) -> Result<Option<CommitId>> {
        let Open { warehouse, branch, base, makes, tree, .. } = open;
        let publication =
            tree.publication(joined(tree.messages(), |count| format!("{count} changes")))?;
        let made = makes.is_some();
        if let Some(reason) = makes {
            let change = RefChange::Create { kind: RefKind::Branch, to: base };
            self.change_ref(ctx, &warehouse, &branch, reason, change).await?;
        }
        if publication.is_empty() {
            return Ok(None);
        }
        let change = Box::new(publication);
        let committed =
            self.submit_shared(ctx, &warehouse, branch.clone(), Loads::Nothing, change).await;
        match committed {
            Ok(committed) => Ok(committed.commit),
            Err(error) => {
                if made && error.kind() != ErrorKind::CommitUnknown {
                    // Somebody may write to the branch already: then it stays.
                    let change = RefChange::Delete { kind: RefKind::Branch, expected: Some(base) };
                    if let Err(stays) = self.delete_ref(ctx, &warehouse, &branch, change).await {
                        tracing::warn!(%branch, error = stays.chain(), "a new branch stays");
                    }
                }
                // A namespace that went meanwhile is a conflict, too.
                Err(match error.kind() {
                    ErrorKind::NotFound(_) | ErrorKind::NotEmpty(_) => {
                        Error::conflict(error.message()).with_source(error)
                    }
                    _ => error,
                })
            }
        }
    }

    /// Whether a ref has changes that only this transaction sees: then it stands for no commit.
    #[must_use]
    pub fn is_dirty(&self, warehouse: &Warehouse, expr: &RefExpr) -> bool {
        self.private.as_ref().is_some_and(|private| private.is_dirty(warehouse, expr))
    }

    pub(super) fn resolve_private(
        &self,
        warehouse: &Warehouse,
        expr: &RefExpr,
    ) -> Option<Result<Resolved>> {
        self.private.as_ref().map(|private| private.resolve(self, warehouse, expr))
    }

    pub(super) fn snapshot_private(&self, id: CommitId) -> Option<Snapshot> {
        self.private.as_ref().and_then(|private| private.snapshot(id))
    }

    /// What a file holds that only this transaction knows.
    pub(super) fn file_private(&self, location: &str) -> Option<Bytes> {
        self.private.as_ref().and_then(|private| private.file(location))
    }

    /// Carries a change out on the transaction's private state.
    pub(super) async fn submit_private(
        &self,
        private: &Private,
        warehouse: &Warehouse,
        branch: &RefName,
        loads: &Loads,
        mut change: Box<dyn Change>,
    ) -> Result<Committed> {
        self.open_branch(private, warehouse, branch)?;
        for _ in 0..=COMMIT_RETRIES_MAX {
            let (head, before) = match &private.0.lock().intent {
                Some(Intent::Write(open)) => (open.base, open.tree.snapshot()),
                _ => return Err(ended()),
            };
            let parent = self.repository.commit(warehouse.id, head)?;
            let after = parent.commit.committed_at.plus_micros(1);
            let at = ChangeContext { head, now: self.clock.now().max(after) };
            // Not under the lock: the change asks this transaction for its files.
            let proposal = match change.evaluate(&before, &at) {
                Ok(proposal) => proposal,
                Err(ChangeError::Failed(error)) => return Err(error),
                Err(ChangeError::NeedsLoad(missing)) => {
                    loads.load(&missing).await?;
                    continue;
                }
            };
            let mut state = private.0.lock();
            let Some(Intent::Write(open)) = &mut state.intent else { return Err(ended()) };
            if open.tree.snapshot().root() != before.root() {
                return Err(Error::internal("two changes of one transaction at the same time"));
            }
            let answer = open.tree.apply(proposal)?;
            return Ok(Committed { head, commit: None, answer, replayed: false });
        }
        Err(Error::internal("a change asked for the same files again and again"))
    }

    /// Starts writing to a branch, if the transaction does not yet.
    fn open_branch(
        &self,
        private: &Private,
        warehouse: &Warehouse,
        branch: &RefName,
    ) -> Result<()> {
        let expr = RefExpr::name(branch.clone());
        let found = private.resolve(self, warehouse, &expr)?;
        // Before the lock: reading a state asks this transaction, too.
        let base = self.snapshot_at(warehouse, found.commit)?;
        let mut state = private.0.lock();
        match &state.intent {
            Some(Intent::Write(open))
                if open.warehouse.id == warehouse.id && open.branch == *branch =>
            {
                Ok(())
            }
            Some(Intent::Write(open)) => Err(one_branch(&open.branch, branch)),
            Some(Intent::Delete { .. }) => Err(only_delete()),
            None => {
                let tree = WorkingTree::new(&self.repository, base);
                state.intent = Some(Intent::Write(Box::new(Open {
                    warehouse: warehouse.clone(),
                    branch: branch.clone(),
                    id: self.private_id(),
                    base: found.commit,
                    makes: None,
                    tree,
                })));
                Ok(())
            }
        }
    }

    fn private_id(&self) -> CommitId {
        let mut bytes = [0_u8; 32];
        self.entropy.fill(&mut bytes);
        CommitId::new(crate::base::hash::Digest::from_bytes(bytes))
    }

    /// Makes or deletes a branch at the end of the transaction.
    pub(super) fn change_ref_private(
        &self,
        private: &Private,
        warehouse: &Warehouse,
        name: &RefName,
        reason: &str,
        change: RefChange,
    ) -> Result<Option<Ref>> {
        let found = private.resolve(self, warehouse, &RefExpr::name(name.clone()));
        match change {
            RefChange::Create { kind: RefKind::Branch, to } => {
                if found.is_ok() {
                    return Err(Error::new(
                        ErrorKind::AlreadyExists(Entity::Branch),
                        format!("'{name}' exists"),
                    ));
                }
                let tree = WorkingTree::new(&self.repository, self.snapshot_at(warehouse, to)?);
                let mut state = private.0.lock();
                match &state.intent {
                    Some(Intent::Write(open)) => return Err(one_branch(&open.branch, name)),
                    Some(Intent::Delete { .. }) => return Err(only_delete()),
                    None => {}
                }
                state.intent = Some(Intent::Write(Box::new(Open {
                    warehouse: warehouse.clone(),
                    branch: name.clone(),
                    id: self.private_id(),
                    base: to,
                    makes: Some(reason.to_owned()),
                    tree,
                })));
                super::branches::read(&RefRecord {
                    name: name.as_str().to_owned(),
                    kind: RefKind::Branch,
                    commit: to,
                    created_at: self.clock.now(),
                })
                .map(Some)
            }
            RefChange::Delete { kind: RefKind::Branch, .. } => {
                found?;
                let mut state = private.0.lock();
                if state.intent.is_some() {
                    return Err(only_delete());
                }
                state.intent = Some(Intent::Delete {
                    warehouse: warehouse.clone(),
                    branch: name.clone(),
                    change,
                });
                Ok(None)
            }
            _ => Err(Error::new(
                ErrorKind::Unsupported,
                "branches and tags are not changed inside a transaction",
            )),
        }
    }
}

fn ended() -> Error {
    Error::internal("the transaction ended meanwhile")
}

fn one_branch(first: &RefName, second: &RefName) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "a transaction writes to one branch: this one writes to '{first}', not to '{second}'"
        ),
    )
}

fn only_delete() -> Error {
    Error::new(
        ErrorKind::Unsupported,
        "a transaction that deletes a branch does nothing else: end it first",
    )
}
