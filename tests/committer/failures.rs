//! What goes wrong stays with its own request; an answer that was lost is not made up.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nunatak::base::clock::{ManualClock, SharedClock, Timestamp};
use nunatak::base::error::{Entity, ErrorKind};
use nunatak::base::ids::{CommitId, ContentId, WarehouseId};
use nunatak::store::interface::MetaStore as _;
use nunatak::store::memory::MemoryStore;
use nunatak::store::metered::{MeteredStore, StoreMetrics};
use nunatak::store::records::WarehouseRecord;
use nunatak::version::committer::{Change as _, ChangeContext, Proposal, WarehouseRequest, Write};
use nunatak::version::content::Object;
use nunatak::version::snapshot::Snapshot;

use crate::house::{Put, With, failed, gate, house, house_on};

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
async fn a_closed_committer_refuses_and_has_answered_all() {
    let house = house().await;
    house.namespace("main", "sales").await.unwrap();
    let committer = house.committer.clone();
    tokio::task::spawn_blocking(move || committer.close()).await.unwrap();
    let error = house.put("main", &["sales", "x"], "file:///w/x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
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
