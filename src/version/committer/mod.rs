//! The one path by which state changes.
//!
//! Requests wait in a queue for each branch; one thread takes as many as have gathered, evaluates them
//! one after another against the current heads, and publishes all of them in one durable write. So
//! writers to different tables never make each other fail, and a disk's flush is shared.
//!
//! Invariants: a request that fails, fails alone. Nobody is answered before the write is durable.
//! A write whose outcome is unknown is read back; only if that fails too is the answer "unknown".
//! Nothing here does I/O on table files but through [`FileSink`].

mod draft;
mod publish;
mod queue;

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use self::queue::Queue;
use super::content::{Entry, Object};
use super::key::KeyKind;
use super::repository::Repository;
use super::snapshot::Snapshot;
use crate::auth::context::IdempotencyKey;
use crate::base::clock::{SharedClock, Timestamp};
use crate::base::error::{Error, ErrorKind, Result};
use crate::base::ids::{CommitId, ContentId, WarehouseId};
use crate::base::name::RefName;
use crate::store::records::{RefAction, RefKind, RefRecord, WarehouseRecord};

/// A file that a commit needs, such as table metadata.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Its URL; unique, never written before.
    pub location: String,
    /// What it holds.
    pub bytes: Bytes,
}

/// How far a written file is safe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileSafety {
    /// It survives a power loss.
    Durable,
    /// It is visible, but its bytes must ride in the commit's transaction until it is synced.
    Visible,
}

/// Writes the files of commits before the commits are published.
pub trait FileSink: std::fmt::Debug + Send + Sync {
    /// Writes new files; an answer for each, in order. Called on the committer's thread, may block.
    fn write(&self, files: &[NewFile]) -> Vec<Result<FileSafety>>;
}

/// What a change is evaluated at.
#[derive(Clone, Copy, Debug)]
pub struct ChangeContext {
    /// The head of the branch.
    pub head: CommitId,
    /// The time of the commit to be.
    pub now: Timestamp,
}

/// One write of a change.
#[derive(Clone, Debug)]
pub enum Write {
    /// Content in a new state.
    Put {
        /// Namespace levels and name, as written.
        path: Vec<String>,
        /// Who it is.
        id: ContentId,
        /// Its state.
        object: Object,
    },
    /// Content in a state that is stored already, as a merge takes it over.
    Keep {
        /// The entry.
        entry: Entry,
        /// Where its object is stored.
        hint: u64,
    },
    /// Nothing any more.
    Remove {
        /// Namespace levels and name.
        path: Vec<String>,
        /// What kind of key.
        kind: KeyKind,
    },
}

/// What a change would do.
#[derive(Clone, Debug, Default)]
pub struct Proposal {
    /// Writes to distinct names; none means that nothing changes and no commit is made.
    pub writes: Vec<Write>,
    /// The message, unless the writer gave one.
    pub message: String,
    /// Files that the writes refer to.
    pub files: Vec<NewFile>,
    /// Handed back to the writer, and kept for its idempotency key.
    pub answer: Bytes,
    /// Makes a commit even without writes (a merge that only joins histories).
    pub commit_anyway: bool,
    /// A name may take the place of one that differs only in case: the change knows what it replaces.
    pub respells: bool,
}

/// Why a change cannot be evaluated.
#[derive(Debug)]
pub enum ChangeError {
    /// It is refused.
    Failed(Error),
    /// It needs metadata files in memory that are not; whoever asked loads them and asks again.
    NeedsLoad(Vec<String>),
}

impl From<Error> for ChangeError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<super::error::VersionError> for ChangeError {
    fn from(error: super::error::VersionError) -> Self {
        Self::Failed(error.into())
    }
}

/// A change to one branch. Evaluated on the committer's thread against the state that its commit
/// follows, maybe more than once; quick, without I/O, and without effects that matter if the commit
/// does not happen.
pub trait Change: Send {
    /// Says what to write on top of `base`.
    ///
    /// # Errors
    /// `Failed` if the change is not possible there; `NeedsLoad` if it needs files first.
    fn evaluate(
        &mut self,
        base: &Snapshot,
        at: &ChangeContext,
    ) -> std::result::Result<Proposal, ChangeError>;
}

/// A request for one commit.
pub struct CommitRequest {
    /// The warehouse.
    pub warehouse: WarehouseId,
    /// The branch that moves.
    pub branch: RefName,
    /// Who made the change.
    pub author: String,
    /// Who puts it on the branch.
    pub committer: String,
    /// The message, if the writer gave one.
    pub message: Option<String>,
    /// Properties that the writer gave.
    pub properties: BTreeMap<String, String>,
    /// Refuse if the head is another.
    pub expected_head: Option<CommitId>,
    /// The head that the change was worked out at, if it was before the request: refused as `Conflict`
    /// if the branch left it other than by plain commits, because its history says something else then.
    pub worked_out_at: Option<CommitId>,
    /// The second parent of a merge.
    pub merge_parent: Option<CommitId>,
    /// What the ref log says.
    pub action: RefAction,
    /// The client's key for this request.
    pub idempotency: Option<IdempotencyKey>,
    /// What changes.
    pub change: Box<dyn Change>,
}

impl std::fmt::Debug for CommitRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommitRequest").field("branch", &self.branch).finish_non_exhaustive()
    }
}

/// What became of a commit request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The head of the branch afterwards.
    pub head: CommitId,
    /// The commit that was made; `None` if nothing changed.
    pub commit: Option<CommitId>,
    /// The proposal's answer.
    pub answer: Bytes,
    /// Whether this is the stored answer to an earlier request with the same key.
    pub replayed: bool,
}

/// Why no commit was made.
#[derive(Debug)]
pub enum CommitFailure {
    /// Refused.
    Failed(Error),
    /// Load these files and submit the request again.
    NeedsLoad(Vec<String>, Box<CommitRequest>),
}

impl From<Error> for CommitFailure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// What happens to a ref.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RefChange {
    /// Make it; refused if the name is taken.
    Create {
        /// Branch or tag.
        kind: RefKind,
        /// The commit it points at.
        to: CommitId,
    },
    /// Point a branch elsewhere.
    Reset {
        /// The commit it points at.
        to: CommitId,
        /// Refuse if the head is another.
        expected: Option<CommitId>,
    },
    /// Remove it.
    Delete {
        /// Branch or tag.
        kind: RefKind,
        /// Refuse if it points at another commit.
        expected: Option<CommitId>,
    },
    /// Bring a deleted branch back; refused if the name is taken.
    Restore {
        /// The commit it points at.
        to: CommitId,
    },
}

/// A request to change a ref. The commit it shall point at exists.
#[derive(Clone, Debug)]
pub struct RefRequest {
    /// The warehouse.
    pub warehouse: WarehouseId,
    /// The ref.
    pub name: RefName,
    /// Who asks.
    pub actor: String,
    /// Why, in words, for the ref log.
    pub reason: String,
    /// What happens.
    pub change: RefChange,
}

/// A request to change the list of warehouses.
#[derive(Clone, Debug)]
pub enum WarehouseRequest {
    /// Make one, with its default branch and a first commit; refused if its location overlaps that of
    /// another.
    Create {
        /// The row; its number is given by the store.
        record: WarehouseRecord,
        /// Who asks.
        actor: String,
    },
    /// Change the settings.
    Update(WarehouseRecord),
    /// Remove it.
    Delete(WarehouseRecord),
}

type Answer = std::result::Result<Box<dyn Any + Send>, CommitFailure>;

#[derive(Debug)]
enum Work {
    Commit(Box<CommitRequest>),
    Ref(RefRequest),
    Warehouse(WarehouseRequest),
    Synced(Vec<u64>),
}

#[derive(Debug)]
struct Job {
    work: Work,
    reply: oneshot::Sender<Answer>,
}

impl Job {
    fn queue_key(&self) -> (u64, String) {
        match &self.work {
            Work::Commit(request) => (request.warehouse.0, request.branch.as_str().to_owned()),
            Work::Ref(request) => (request.warehouse.0, request.name.as_str().to_owned()),
            Work::Warehouse(_) | Work::Synced(_) => (0, String::new()),
        }
    }
}

/// Numbers of the committer, for metrics.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct CommitterStats {
    /// Groups published.
    pub groups: u64,
    /// Commits published.
    pub commits: u64,
    /// Ref movements published.
    pub movements: u64,
    /// Requests waiting.
    pub waiting: u64,
}

/// Hands requests to the committer's thread. Cheap to clone; the thread ends after the last handle
/// is closed and every waiting request is answered.
#[derive(Clone, Debug)]
pub struct Committer {
    queue: Arc<Queue>,
    thread: Arc<parking_lot::Mutex<Option<std::thread::JoinHandle<()>>>>,
}

impl Committer {
    /// Starts the thread that publishes to the repository's store.
    ///
    /// # Errors
    /// `Unavailable` if the system gives no thread.
    pub fn start(
        repository: Arc<Repository>,
        files: Arc<dyn FileSink>,
        clock: SharedClock,
    ) -> Result<Self> {
        let queue = Arc::new(Queue::default());
        let publisher = publish::Publisher { repository, files, clock, queue: Arc::clone(&queue) };
        let thread = std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || publisher.run())
            .map_err(|error| {
                Error::new(ErrorKind::Unavailable, format!("no thread for commits: {error}"))
            })?;
        Ok(Self { queue, thread: Arc::new(parking_lot::Mutex::new(Some(thread))) })
    }

    /// Makes one commit.
    ///
    /// # Errors
    /// `Failed` with the reason; `NeedsLoad` if files must be loaded first.
    pub async fn commit(
        &self,
        request: CommitRequest,
    ) -> std::result::Result<Committed, CommitFailure> {
        self.submit(Work::Commit(Box::new(request))).await
    }

    /// Changes one ref; returns it as it stands afterwards (`None` after a deletion).
    ///
    /// # Errors
    /// `NotFound`, `AlreadyExists` or `Conflict` as the change says.
    pub async fn change_ref(&self, request: RefRequest) -> Result<Option<RefRecord>> {
        self.submit(Work::Ref(request)).await.map_err(only_failed)
    }

    /// Changes the list of warehouses; returns the row (`None` after a deletion).
    ///
    /// # Errors
    /// `AlreadyExists` if the name is taken.
    pub async fn change_warehouse(
        &self,
        request: WarehouseRequest,
    ) -> Result<Option<WarehouseRecord>> {
        self.submit(Work::Warehouse(request)).await.map_err(only_failed)
    }

    /// Tells that pending files are durable at their locations.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn files_synced(&self, sequences: Vec<u64>) -> Result<()> {
        self.submit(Work::Synced(sequences)).await.map_err(only_failed)
    }

    /// Numbers for metrics.
    #[must_use]
    pub fn stats(&self) -> CommitterStats {
        self.queue.stats()
    }

    /// Takes no new requests, answers those that wait, and waits for the thread to end.
    pub fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the committer's thread panicked");
        }
    }

    async fn submit<T: 'static>(&self, work: Work) -> std::result::Result<T, CommitFailure> {
        let (reply, answer) = oneshot::channel();
        self.queue.push(Job { work, reply })?;
        let answer = answer.await.map_err(|_| {
            Error::new(
                ErrorKind::CommitUnknown,
                "the server stopped before it knew whether the change is durable",
            )
        })??;
        let answer = answer
            .downcast::<T>()
            .map_err(|_| Error::internal("the committer answered another request"))?;
        Ok(*answer)
    }
}

fn only_failed(failure: CommitFailure) -> Error {
    match failure {
        CommitFailure::Failed(error) => error,
        CommitFailure::NeedsLoad(..) => Error::internal("a change of refs asked for files"),
    }
}
