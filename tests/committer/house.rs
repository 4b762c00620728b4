//! A warehouse with a committer over it, and changes to give it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use nunatak::base::clock::{ManualClock, SharedClock, Timestamp};
use nunatak::base::error::{Error, ErrorKind};
use nunatak::base::hash::Digest;
use nunatak::base::ids::{CommitId, ContentId, WarehouseId};
use nunatak::base::name::{ContentPath, NamespacePath, RefName};
use nunatak::store::interface::MetaStore;
use nunatak::store::memory::MemoryStore;
use nunatak::store::records::{RefAction, RefKind, WarehouseRecord};
use nunatak::version::committer::{
    Change, ChangeContext, ChangeError, CommitFailure, CommitRequest, Committed, Committer,
    FileSafety, FileSink, NewFile, Proposal, RefChange, RefRequest, WarehouseRequest, Write,
};
use nunatak::version::content::Object;
use nunatak::version::repository::Repository;
use nunatak::version::snapshot::Snapshot;

#[derive(Debug, Default)]
struct Files {
    written: AtomicUsize,
}

impl FileSink for Files {
    fn write(&self, files: &[NewFile]) -> Vec<Result<FileSafety, Error>> {
        files
            .iter()
            .map(|file| {
                if file.location.contains("broken") {
                    return Err(Error::new(ErrorKind::Unavailable, "no space left"));
                }
                self.written.fetch_add(1, Ordering::SeqCst);
                Ok(FileSafety::Visible)
            })
            .collect()
    }
}

pub(crate) struct Put {
    pub(crate) path: Vec<String>,
    pub(crate) location: String,
}

impl Change for Put {
    fn evaluate(&mut self, base: &Snapshot, _: &ChangeContext) -> Result<Proposal, ChangeError> {
        let (name, levels) = self.path.split_last().unwrap();
        let namespace = NamespacePath::new(levels.to_vec())?;
        let path = ContentPath::new(namespace, name.clone())?;
        let id = match base.content(&path)? {
            Some(found) => found.entry.id,
            None => ContentId::new(
                Digest::of(self.location.as_bytes()).as_bytes()[..16].try_into().unwrap(),
            ),
        };
        Ok(Proposal {
            writes: vec![Write::Put {
                path: self.path.clone(),
                id,
                object: Object::Table { metadata_location: self.location.clone() },
            }],
            message: format!("put {name}"),
            files: vec![NewFile {
                location: self.location.clone(),
                bytes: Bytes::from_static(b"{}"),
            }],
            answer: Bytes::from(self.location.clone()),
            ..Proposal::default()
        })
    }
}

/// Any function as a change.
pub(crate) struct With<F>(pub(crate) F);

impl<F: FnMut(&Snapshot) -> Result<Proposal, ChangeError> + Send> Change for With<F> {
    fn evaluate(&mut self, base: &Snapshot, _: &ChangeContext) -> Result<Proposal, ChangeError> {
        (self.0)(base)
    }
}

pub(crate) struct House {
    pub(crate) store: Arc<dyn MetaStore>,
    pub(crate) repository: Arc<Repository>,
    pub(crate) committer: Committer,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) warehouse: WarehouseId,
}

pub(crate) async fn house_on(store: Arc<dyn MetaStore>) -> House {
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(1_000_000)));
    let repository = Arc::new(Repository::new(Arc::clone(&store)));
    let shared: SharedClock = Arc::<ManualClock>::clone(&clock);
    let committer =
        Committer::start(Arc::clone(&repository), Arc::new(Files::default()), shared).unwrap();
    let known = store.begin_read().unwrap().warehouse_get("lake").unwrap();
    let warehouse = match known {
        Some(record) => record.id,
        None => {
            let record = WarehouseRecord {
                id: WarehouseId(0),
                name: "lake".to_owned(),
                location: "file:///w".to_owned(),
                default_branch: "main".to_owned(),
                client_gc: false,
                created_at: Timestamp::from_micros(0),
            };
            let request = WarehouseRequest::Create { record, actor: "ann".to_owned() };
            committer.change_warehouse(request).await.unwrap().unwrap().id
        }
    };
    House { store, repository, committer, clock, warehouse }
}

pub(crate) async fn house() -> House {
    house_on(Arc::new(MemoryStore::new())).await
}

impl House {
    pub(crate) fn request(&self, branch: &str, change: Box<dyn Change>) -> CommitRequest {
        CommitRequest {
            warehouse: self.warehouse,
            branch: RefName::parse(branch).unwrap(),
            author: "ann".to_owned(),
            committer: "ann".to_owned(),
            message: None,
            properties: BTreeMap::new(),
            expected_head: None,
            worked_out_at: None,
            merge_parent: None,
            action: RefAction::Commit,
            idempotency: None,
            change,
        }
    }

    pub(crate) async fn put(
        &self,
        branch: &str,
        path: &[&str],
        location: &str,
    ) -> Result<Committed, Error> {
        let path = path.iter().map(|&part| part.to_owned()).collect();
        let change = Put { path, location: location.to_owned() };
        failed(self.committer.commit(self.request(branch, Box::new(change))).await)
    }

    pub(crate) async fn namespace(&self, branch: &str, name: &str) -> Result<Committed, Error> {
        let name = name.to_owned();
        let change = With(move |_: &Snapshot| {
            Ok(Proposal {
                writes: vec![Write::Put {
                    path: vec![name.clone()],
                    id: ContentId::new(
                        Digest::of(name.as_bytes()).as_bytes()[..16].try_into().unwrap(),
                    ),
                    object: Object::Namespace { properties: BTreeMap::new() },
                }],
                ..Proposal::default()
            })
        });
        failed(self.committer.commit(self.request(branch, Box::new(change))).await)
    }

    /// Makes a branch.
    pub(crate) async fn branch(&self, name: &str, to: CommitId) {
        let request = RefRequest {
            warehouse: self.warehouse,
            name: RefName::parse(name).unwrap(),
            actor: "ann".to_owned(),
            reason: String::new(),
            change: RefChange::Create { kind: RefKind::Branch, to },
        };
        self.committer.change_ref(request).await.unwrap();
    }

    pub(crate) fn head(&self, branch: &str) -> CommitId {
        self.repository.reference(self.warehouse, branch).unwrap().unwrap().commit
    }

    pub(crate) fn tables(&self, commit: CommitId, namespace: &str) -> Vec<String> {
        let snapshot = self.repository.snapshot(self.warehouse, commit).unwrap();
        let namespace = NamespacePath::new(vec![namespace.to_owned()]).unwrap();
        snapshot
            .contents(&namespace, None, 10_000)
            .unwrap()
            .into_iter()
            .map(|found| {
                let object = snapshot.object(&found).unwrap();
                assert!(object.metadata_location().is_some());
                found.entry.path.last().unwrap().clone()
            })
            .collect()
    }
}

pub(crate) fn failed(result: Result<Committed, CommitFailure>) -> Result<Committed, Error> {
    result.map_err(|failure| match failure {
        CommitFailure::Failed(error) => error,
        CommitFailure::NeedsLoad(..) => panic!("nothing to load here"),
    })
}

/// Keeps the committer's thread busy until the sender is used or dropped.
pub(crate) fn gate(
    house: &Arc<House>,
) -> (std::sync::mpsc::SyncSender<()>, tokio::task::JoinHandle<()>) {
    let (release, wait) = std::sync::mpsc::sync_channel::<()>(1);
    let (begun, busy) = std::sync::mpsc::sync_channel::<()>(1);
    let change = With(move |_: &Snapshot| {
        if begun.send(()).is_ok() {
            wait.recv().unwrap_or_default();
        }
        Ok(Proposal::default())
    });
    let request = house.request("main", Box::new(change));
    let committer = house.committer.clone();
    let task = tokio::spawn(async move {
        failed(committer.commit(request).await).unwrap();
    });
    tokio::task::block_in_place(|| busy.recv().unwrap());
    (release, task)
}
