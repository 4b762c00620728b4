//! The committer over real stores: groups, failures that stay alone, trees that are rebuilt, answers
//! that were lost.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use nunatak::auth::context::IdempotencyKey;
use nunatak::base::clock::{ManualClock, SharedClock, Timestamp};
use nunatak::base::error::{Entity, Error, ErrorKind};
use nunatak::base::hash::Digest;
use nunatak::base::ids::{CommitId, ContentId, WarehouseId};
use nunatak::base::name::{ContentPath, NamespacePath, RefName};
use nunatak::store::interface::MetaStore;
use nunatak::store::memory::MemoryStore;
use nunatak::store::metered::{MeteredStore, StoreMetrics};
use nunatak::store::records::{RefAction, RefKind, WarehouseRecord};
use nunatak::version::committer::{
    Change, ChangeContext, ChangeError, CommitFailure, CommitRequest, Committed, Committer,
    FileSafety, FileSink, NewFile, Proposal, RefChange, RefRequest, WarehouseRequest, Write,
};
use nunatak::version::content::Object;
use nunatak::version::key::KeyKind;
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

struct Put {
    path: Vec<String>,
    location: String,
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
struct With<F>(F);

impl<F: FnMut(&Snapshot) -> Result<Proposal, ChangeError> + Send> Change for With<F> {
    fn evaluate(&mut self, base: &Snapshot, _: &ChangeContext) -> Result<Proposal, ChangeError> {
        (self.0)(base)
    }
}

struct House {
    store: Arc<dyn MetaStore>,
    repository: Arc<Repository>,
    committer: Committer,
    clock: Arc<ManualClock>,
    warehouse: WarehouseId,
}

async fn house_on(store: Arc<dyn MetaStore>) -> House {
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

async fn house() -> House {
    house_on(Arc::new(MemoryStore::new())).await
}

impl House {
    fn request(&self, branch: &str, change: Box<dyn Change>) -> CommitRequest {
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

    async fn put(&self, branch: &str, path: &[&str], location: &str) -> Result<Committed, Error> {
        let path = path.iter().map(|&part| part.to_owned()).collect();
        let change = Put { path, location: location.to_owned() };
        failed(self.committer.commit(self.request(branch, Box::new(change))).await)
    }

    async fn namespace(&self, branch: &str, name: &str) -> Result<Committed, Error> {
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

    fn head(&self, branch: &str) -> CommitId {
        self.repository.reference(self.warehouse, branch).unwrap().unwrap().commit
    }

    fn tables(&self, commit: CommitId, namespace: &str) -> Vec<String> {
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

fn failed(result: Result<Committed, CommitFailure>) -> Result<Committed, Error> {
    result.map_err(|failure| match failure {
        CommitFailure::Failed(error) => error,
        CommitFailure::NeedsLoad(..) => panic!("nothing to load here"),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_of_one_branch_all_succeed() {
    let house = Arc::new(house().await);
    house.namespace("main", "sales").await.unwrap();
    let first = house.head("main");
    let mut tasks = Vec::new();
    for writer in 0..200 {
        let house = Arc::clone(&house);
        tasks.push(tokio::spawn(async move {
            let name = format!("t{writer}");
            house.put("main", &["sales", &name], &format!("file:///w/{name}")).await.unwrap()
        }));
    }
    let mut made = Vec::new();
    for task in tasks {
        made.push(task.await.unwrap().commit.unwrap());
    }
    assert_eq!(house.tables(house.head("main"), "sales").len(), 200);
    // Every commit is on the chain of first parents, once, each with one table more than its parent,
    // and readable although most trees are not stored. A fresh repository has no cached nodes.
    let fresh = Arc::new(Repository::new(Arc::clone(&house.store)));
    let mut at = house.head("main");
    let mut seen = Vec::new();
    let mut rebuilt = 0;
    for count in (1..=200).rev() {
        let stored = fresh.commit(house.warehouse, at).unwrap();
        rebuilt += usize::from(!stored.root.is_some());
        let snapshot = fresh.snapshot(house.warehouse, at).unwrap();
        let sales = NamespacePath::new(vec!["sales".to_owned()]).unwrap();
        assert_eq!(snapshot.contents(&sales, None, 1000).unwrap().len(), count);
        seen.push(at);
        at = stored.commit.parents[0];
    }
    assert_eq!(at, first);
    assert!(rebuilt > 0, "no group had more than one commit");
    seen.sort_unstable();
    made.sort_unstable();
    assert_eq!(seen, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_from_unstored_trees_stay_readable() {
    let house = Arc::new(house().await);
    house.namespace("main", "sales").await.unwrap();
    let mut branch = "main".to_owned();
    for generation in 0..4 {
        let mut tasks = Vec::new();
        for writer in 0..150 {
            let (house, branch) = (Arc::clone(&house), branch.clone());
            tasks.push(tokio::spawn(async move {
                let name = format!("t{generation}_{writer}");
                house.put(&branch, &["sales", &name], &format!("file:///w/{name}")).await.unwrap()
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        // Every commit is readable without what this process remembers, and the next branch starts
        // from the one whose tree is farthest from a stored one.
        let fresh = Arc::new(Repository::new(Arc::clone(&house.store)));
        let mut chain = Vec::new();
        let mut at = Some(house.head(&branch));
        while let Some(id) = at {
            let stored = fresh.commit(house.warehouse, id).unwrap();
            fresh.snapshot(house.warehouse, id).unwrap();
            at = stored.commit.parents.first().copied();
            chain.push((id, stored.root.is_some()));
        }
        let (mut depth, mut deepest) = (0, (0, house.head(&branch)));
        for (id, stored) in chain.iter().rev() {
            depth = if *stored { 0 } else { depth + 1 };
            deepest = deepest.max((depth, *id));
        }
        branch = format!("b{generation}");
        let create = RefRequest {
            warehouse: house.warehouse,
            name: RefName::parse(&branch).unwrap(),
            actor: "ann".to_owned(),
            reason: String::new(),
            change: RefChange::Create { kind: RefKind::Branch, to: deepest.1 },
        };
        house.committer.change_ref(create).await.unwrap();
    }
}

#[tokio::test]
async fn one_bad_request_fails_alone() {
    let house = Arc::new(house().await);
    house.namespace("main", "sales").await.unwrap();
    let (good, missing, broken, other) = tokio::join!(
        house.put("main", &["sales", "a"], "file:///w/a"),
        house.put("main", &["nowhere", "b"], "file:///w/b"),
        house.put("main", &["sales", "c"], "file:///w/broken"),
        house.put("main", &["sales", "d"], "file:///w/d"),
    );
    assert!(good.is_ok() && other.is_ok());
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound(Entity::Namespace));
    assert_eq!(broken.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(house.tables(house.head("main"), "sales"), ["a", "d"]);
}

#[tokio::test]
async fn names_that_differ_in_case_are_refused() {
    let house = house().await;
    house.namespace("main", "Sales").await.unwrap();
    house.put("main", &["Sales", "Orders"], "file:///w/1").await.unwrap();
    let error = house.put("main", &["Sales", "orders"], "file:///w/2").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists(Entity::Resource));
    let error = house.put("main", &["sales", "x"], "file:///w/3").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound(Entity::Namespace));
    assert_eq!(house.tables(house.head("main"), "Sales"), ["Orders"]);
}

#[tokio::test]
async fn a_namespace_that_holds_something_stays() {
    let house = house().await;
    house.namespace("main", "sales").await.unwrap();
    house.put("main", &["sales", "a"], "file:///w/1").await.unwrap();
    let drop = |name: &'static str, kind: KeyKind| {
        With(move |_: &Snapshot| {
            Ok(Proposal {
                writes: vec![Write::Remove {
                    path: name.split('.').map(str::to_owned).collect(),
                    kind,
                }],
                ..Proposal::default()
            })
        })
    };
    let request = house.request("main", Box::new(drop("sales", KeyKind::Namespace)));
    let error = failed(house.committer.commit(request).await).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotEmpty(Entity::Namespace));
    for (name, kind) in [("sales.a", KeyKind::Content), ("sales", KeyKind::Namespace)] {
        let request = house.request("main", Box::new(drop(name, kind)));
        failed(house.committer.commit(request).await).unwrap();
    }
    let snapshot = house.repository.snapshot(house.warehouse, house.head("main")).unwrap();
    assert!(snapshot.scan(&[], None, 1).unwrap().is_empty());
}

#[tokio::test]
async fn the_same_idempotency_key_answers_once() {
    let house = house().await;
    house.namespace("main", "sales").await.unwrap();
    let request = |table: &str, hash: &str| {
        let change = Put {
            path: vec!["sales".to_owned(), table.to_owned()],
            location: format!("file:///w/{table}"),
        };
        let mut request = house.request("main", Box::new(change));
        request.idempotency =
            Some(IdempotencyKey { key: "k1".to_owned(), request: Digest::of(hash.as_bytes()) });
        request
    };
    let first = failed(house.committer.commit(request("a", "1")).await).unwrap();
    let head = house.head("main");
    let again = failed(house.committer.commit(request("a", "1")).await).unwrap();
    assert_eq!(again, Committed { replayed: true, ..first });
    let error = failed(house.committer.commit(request("a", "2")).await).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyReused);
    assert_eq!(house.head("main"), head);
    // After its lifetime the key is free.
    house.clock.advance(std::time::Duration::from_secs(25 * 60 * 60));
    let later = failed(house.committer.commit(request("b", "3")).await).unwrap();
    assert!(!later.replayed);
}

#[tokio::test]
async fn refs_are_made_moved_and_removed() {
    let house = house().await;
    house.namespace("main", "sales").await.unwrap();
    let head = house.head("main");
    let change = |name: &str, change: RefChange| RefRequest {
        warehouse: house.warehouse,
        name: RefName::parse(name).unwrap(),
        actor: "ann".to_owned(),
        reason: "why".to_owned(),
        change,
    };
    let create = |kind| RefChange::Create { kind, to: head };
    house.committer.change_ref(change("b", create(RefKind::Branch))).await.unwrap();
    house.committer.change_ref(change("t", create(RefKind::Tag))).await.unwrap();
    let taken = house.committer.change_ref(change("t", create(RefKind::Branch))).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::AlreadyExists(Entity::Tag));
    house.put("b", &["sales", "x"], "file:///w/x").await.unwrap();
    assert!(house.put("t", &["sales", "x"], "file:///w/y").await.is_err());
    assert_eq!(house.head("main"), head);
    let stale = RefChange::Delete { kind: RefKind::Branch, expected: Some(head) };
    let error = house.committer.change_ref(change("b", stale)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let delete = RefChange::Delete { kind: RefKind::Branch, expected: None };
    house.committer.change_ref(change("b", delete)).await.unwrap();
    let error = house.put("b", &["sales", "x"], "file:///w/z").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound(Entity::Branch));
    let log = house
        .store
        .begin_read()
        .unwrap()
        .ref_log_list(house.warehouse, Some("b"), None, 10)
        .unwrap();
    let actions: Vec<RefAction> = log.iter().rev().map(|row| row.action).collect();
    assert_eq!(actions, [RefAction::Create, RefAction::Commit, RefAction::Delete]);
}

#[tokio::test]
async fn a_change_without_effect_makes_no_commit() {
    let house = house().await;
    let head = house.head("main");
    let nothing = With(|_: &Snapshot| Ok(Proposal::default()));
    let request = house.request("main", Box::new(nothing));
    let committed = failed(house.committer.commit(request).await).unwrap();
    assert_eq!((committed.head, committed.commit), (head, None));
    assert_eq!(house.head("main"), head);
}

#[tokio::test]
async fn a_closed_committer_refuses_and_has_answered_all() {
    let house = house().await;
    house.namespace("main", "sales").await.unwrap();
    let committer = house.committer.clone();
    tokio::task::spawn_blocking(move || committer.close()).await.unwrap();
    let error = house.put("main", &["sales", "x"], "file:///w/x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

/// Panics at the end of the n-th commit of the store from now on.
#[derive(Debug, Default)]
struct Panics {
    commits_until: AtomicUsize,
}

impl StoreMetrics for Panics {
    fn observe(&self, method: &'static str, _: u64, _: bool) {
        if method != "commit" || self.commits_until.load(Ordering::SeqCst) == 0 {
            return;
        }
        assert!(self.commits_until.fetch_sub(1, Ordering::SeqCst) != 1, "injected after a commit");
    }
}

#[tokio::test]
async fn a_panic_after_the_write_makes_no_change_twice() {
    let panics = Arc::new(Panics::default());
    let clock: SharedClock = Arc::new(ManualClock::new(Timestamp::from_micros(0)));
    let metrics: Arc<dyn StoreMetrics> = Arc::<Panics>::clone(&panics);
    let store = Arc::new(MeteredStore::new(MemoryStore::new(), metrics, clock));
    let house = house_on(Arc::<MeteredStore<MemoryStore>>::clone(&store)).await;
    house.namespace("main", "s").await.unwrap();
    panics.commits_until.store(2, Ordering::SeqCst);

    // Held up by a write that is open here, the committer takes the first request alone, then the others.
    let write = store.inner().begin_write().unwrap();
    let mut first = std::pin::pin!(house.put("main", &["s", "first"], "file:///w/first"));
    assert!(futures::poll!(&mut first).is_pending());
    while house.committer.stats().waiting > 0 {
        std::thread::yield_now();
    }
    let evaluated = Arc::new(AtomicUsize::new(0));
    let requests = ["a", "b"].map(|name| {
        let evaluated = Arc::clone(&evaluated);
        let mut put = Put {
            path: vec!["s".to_owned(), name.to_owned()],
            location: format!("file:///w/{name}"),
        };
        let change = With(move |base: &Snapshot| {
            evaluated.fetch_add(1, Ordering::SeqCst);
            let at = ChangeContext {
                head: CommitId::from_hex(&"0".repeat(64)).unwrap(),
                now: Timestamp::from_micros(0),
            };
            put.evaluate(base, &at)
        });
        house.committer.commit(house.request("main", Box::new(change)))
    });
    let mut both = std::pin::pin!(futures::future::join_all(requests));
    assert!(futures::poll!(&mut both).is_pending());
    drop(write);
    first.await.unwrap();
    for answer in both.await {
        assert_eq!(failed(answer).unwrap_err().kind(), ErrorKind::CommitUnknown);
    }
    assert_eq!(evaluated.load(Ordering::SeqCst), 2);
    assert_eq!(house.tables(house.head("main"), "s"), ["a", "b", "first"]);
    house.put("main", &["s", "next"], "file:///w/next").await.unwrap();
}

/// Keeps the committer's thread busy until the sender is used or dropped.
fn gate(house: &Arc<House>) -> (std::sync::mpsc::SyncSender<()>, tokio::task::JoinHandle<()>) {
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

/// Puts so many tables in one group; the commits in order.
async fn one_group(house: &Arc<House>, branch: &'static str, count: usize) -> Vec<CommitId> {
    let (release, busy) = gate(house);
    let tasks: Vec<_> = (0..count)
        .map(|index| {
            let house = Arc::clone(house);
            tokio::spawn(async move {
                let name = format!("{branch}{index}");
                house.put(branch, &["sales", &name], &format!("file:///w/{name}")).await.unwrap()
            })
        })
        .collect();
    while house.committer.stats().waiting < count as u64 {
        tokio::task::yield_now().await;
    }
    release.send(()).unwrap();
    busy.await.unwrap();
    for task in tasks {
        task.await.unwrap();
    }
    let mut chain = vec![house.head(branch)];
    for _ in 1..count {
        let last = house.repository.commit(house.warehouse, chain[chain.len() - 1]).unwrap();
        chain.push(last.commit.parents[0]);
    }
    chain.reverse();
    chain
}

#[tokio::test(flavor = "multi_thread")]
async fn trees_are_rebuilt_however_branches_start_from_commits_inside_groups() {
    let house = Arc::new(house().await);
    house.namespace("main", "sales").await.unwrap();
    let mut all = Vec::new();
    for (branch, next) in [("main", "b"), ("b", "c"), ("c", "d"), ("d", "e")] {
        let made = one_group(&house, branch, 100).await;
        let inside = made[62];
        all.extend(made);
        let request = RefRequest {
            warehouse: house.warehouse,
            name: RefName::parse(next).unwrap(),
            actor: "ann".to_owned(),
            reason: String::new(),
            change: RefChange::Create { kind: RefKind::Branch, to: inside },
        };
        house.committer.change_ref(request).await.unwrap();
    }
    let fresh = Arc::new(Repository::new(Arc::clone(&house.store)));
    for id in all {
        fresh.snapshot(house.warehouse, id).unwrap().scan(&[], None, 1).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_to_a_deleted_warehouse_fail_alone() {
    let house = Arc::new(house().await);
    house.namespace("main", "sales").await.unwrap();
    let record = WarehouseRecord {
        id: WarehouseId(0),
        name: "gone".to_owned(),
        location: "file:///gone".to_owned(),
        default_branch: "main".to_owned(),
        client_gc: false,
        created_at: Timestamp::from_micros(0),
    };
    let create = WarehouseRequest::Create { record, actor: "ann".to_owned() };
    let record = house.committer.change_warehouse(create).await.unwrap().unwrap();
    let gone = record.id;
    house.committer.change_warehouse(WarehouseRequest::Delete(record)).await.unwrap();
    let (release, busy) = gate(&house);
    let late = {
        let house = Arc::clone(&house);
        tokio::spawn(async move {
            let change = With(|_: &Snapshot| {
                Ok(Proposal {
                    writes: vec![Write::Put {
                        path: vec!["late".to_owned()],
                        id: ContentId::new([1; 16]),
                        object: Object::Namespace { properties: BTreeMap::new() },
                    }],
                    ..Proposal::default()
                })
            });
            let mut request = house.request("main", Box::new(change));
            request.warehouse = gone;
            failed(house.committer.commit(request).await)
        })
    };
    let good = {
        let house = Arc::clone(&house);
        tokio::spawn(async move { house.put("main", &["sales", "a"], "file:///w/a").await })
    };
    while house.committer.stats().waiting < 2 {
        tokio::task::yield_now().await;
    }
    release.send(()).unwrap();
    busy.await.unwrap();
    assert_eq!(late.await.unwrap().unwrap_err().kind(), ErrorKind::NotFound(Entity::Warehouse));
    good.await.unwrap().unwrap();
    assert_eq!(house.tables(house.head("main"), "sales"), ["a"]);
}

#[tokio::test]
async fn a_name_that_grows_when_folded_can_be_dropped() {
    let house = house().await;
    let name = "\u{130}".repeat(100);
    house.namespace("main", &name).await.unwrap();
    let path = vec![name];
    let drop = With(move |_: &Snapshot| {
        let write = Write::Remove { path: path.clone(), kind: KeyKind::Namespace };
        Ok(Proposal { writes: vec![write], ..Proposal::default() })
    });
    failed(house.committer.commit(house.request("main", Box::new(drop))).await).unwrap();
    let snapshot = house.repository.snapshot(house.warehouse, house.head("main")).unwrap();
    assert!(snapshot.scan(&[], None, 1).unwrap().is_empty());
}

#[tokio::test]
async fn writing_what_is_there_makes_no_commit() {
    let house = house().await;
    house.namespace("main", "sales").await.unwrap();
    let first = house.put("main", &["sales", "a"], "file:///w/1").await.unwrap();
    let again = house.put("main", &["sales", "a"], "file:///w/1").await.unwrap();
    assert_eq!((again.commit, again.head), (None, first.head));
}

#[tokio::test]
async fn a_change_that_panics_fails_alone_and_the_committer_goes_on() {
    let house = house().await;
    house.namespace("main", "sales").await.unwrap();
    let bad = With(|_: &Snapshot| panic!("a bug"));
    let bad = house.request("main", Box::new(bad));
    let (bad, good) = tokio::join!(
        house.committer.commit(bad),
        house.put("main", &["sales", "a"], "file:///w/a")
    );
    assert_eq!(failed(bad).unwrap_err().kind(), ErrorKind::CommitUnknown);
    good.unwrap();
    house.put("main", &["sales", "b"], "file:///w/b").await.unwrap();
    assert_eq!(house.tables(house.head("main"), "sales"), ["a", "b"]);
}
