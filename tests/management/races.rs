//! Requests that meet: what one saw is not there any more when its turn comes.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use nunatak::auth::context::OpContext;
use nunatak::base::name::{RefName, WarehouseName};
use nunatak::store::records::{RefAction, RefKind};
use nunatak::version::committer::{
    Change, ChangeContext, ChangeError, CommitRequest, Proposal, RefChange, RefRequest,
};
use nunatak::version::snapshot::Snapshot;
use serde_json::json;

use crate::app::TestApp;

/// A change of nothing that waits until its sender is used or dropped.
struct Gate(SyncSender<()>, Receiver<()>);

impl Change for Gate {
    fn evaluate(&mut self, _: &Snapshot, _: &ChangeContext) -> Result<Proposal, ChangeError> {
        if self.0.send(()).is_ok() {
            self.1.recv().unwrap_or_default();
        }
        Ok(Proposal::default())
    }
}

/// A change that keeps the committer's thread busy until it is released.
struct Busy {
    release: SyncSender<()>,
    begun: Receiver<()>,
}

impl Busy {
    fn submit(app: &TestApp) -> Self {
        let (release, released) = sync_channel(1);
        let (begins, begun) = sync_channel(1);
        let catalog = std::sync::Arc::clone(app.catalog());
        let lake = catalog.warehouse(&WarehouseName::parse("lake").unwrap()).unwrap();
        let request = CommitRequest {
            warehouse: lake.id,
            branch: RefName::parse("main").unwrap(),
            author: "ann".to_owned(),
            committer: "ann".to_owned(),
            message: None,
            properties: BTreeMap::new(),
            expected_head: None,
            worked_out_at: None,
            merge_parent: None,
            action: RefAction::Commit,
            idempotency: None,
            change: Box::new(Gate(begins, released)),
        };
        tokio::spawn(async move {
            catalog.committer().commit(request).await.map(drop).unwrap();
        });
        Self { release, begun }
    }

    fn begun(&self) {
        tokio::task::block_in_place(|| self.begun.recv().unwrap());
    }
}

async fn waiting(app: &TestApp, count: u64) {
    while app.catalog().committer().stats().waiting < count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_brings_nothing_back_that_was_merged_and_dropped_meanwhile() {
    let app = TestApp::new().await;
    app.post("/lake/branches", &json!({ "name": "work" })).await.with(201);
    app.namespace("work", "x", &json!({})).await;
    let source = app.head("work").await;
    let busy = Busy::submit(&app);
    busy.begun();
    let catalog = std::sync::Arc::clone(app.catalog());
    let name = |text: &str| WarehouseName::parse(text).unwrap();
    let lake = catalog.warehouse(&name("lake")).unwrap();
    let work = RefName::parse("work").unwrap();
    let head = catalog.branch_get(&OpContext::default(), &lake.name, &work).await.unwrap().head;
    // In the order of the queue: main is pointed at the source, x is dropped, the merge lands.
    let reset = RefRequest {
        warehouse: lake.id,
        name: lake.default_branch.clone(),
        actor: "ann".to_owned(),
        reason: String::new(),
        change: RefChange::Reset { to: head, expected: None },
    };
    let (reset, dropped, merged, ()) = tokio::join!(
        catalog.committer().change_ref(reset),
        async {
            waiting(&app, 1).await;
            app.call("DELETE", "/iceberg/v1/lake/namespaces/main%1Fx", "").await
        },
        async {
            waiting(&app, 2).await;
            app.post("/lake/merges", &json!({ "source": "work", "into": "main" })).await
        },
        async {
            waiting(&app, 3).await;
            busy.release.send(()).unwrap();
        },
    );
    assert_eq!(reset.unwrap().unwrap().kind, RefKind::Branch);
    assert_eq!(dropped.status, 204, "{}", dropped.body);
    let merged = merged.with(200);
    assert_eq!(merged["commit"], json!(null), "{merged}");
    assert_eq!(merged["base"], source.as_str());
    assert_eq!(app.get("/lake/contents").await.with(200)["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_into_a_namespace_that_goes_meanwhile_is_a_conflict() {
    let app = TestApp::new().await;
    app.namespace("main", "outer", &json!({})).await;
    app.post("/lake/branches", &json!({ "name": "work" })).await.with(201);
    let body = json!({ "namespace": ["work", "outer", "inner"] }).to_string();
    let made = app.call("POST", "/iceberg/v1/lake/namespaces", &body).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let busy = Busy::submit(&app);
    busy.begun();
    let (dropped, merged, ()) = tokio::join!(
        app.call("DELETE", "/iceberg/v1/lake/namespaces/main%1Fouter", ""),
        async {
            waiting(&app, 1).await;
            app.post("/lake/merges", &json!({ "source": "work", "into": "main" })).await
        },
        async {
            waiting(&app, 2).await;
            busy.release.send(()).unwrap();
        },
    );
    assert_eq!(dropped.status, 204, "{}", dropped.body);
    let merged = merged.with(409);
    assert_eq!(merged["conflicts"][0]["path"], json!(["outer", "inner"]), "{merged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_merges_into_one_branch_all_land() {
    let app = TestApp::new().await;
    for index in 0..40 {
        let branch = format!("b{index}");
        app.post("/lake/branches", &json!({ "name": branch })).await.with(201);
        app.namespace(&branch, &format!("n{index}"), &json!({})).await;
    }
    let merges = (0..40).map(|index| {
        let body = json!({ "source": format!("b{index}"), "into": "main" });
        let app = &app;
        async move { app.post("/lake/merges", &body).await.with(200) }
    });
    for merged in futures::future::join_all(merges).await {
        assert!(merged["commit"].is_string(), "{merged}");
    }
    let held = app.get("/lake/contents").await.with(200);
    assert_eq!(held["items"].as_array().unwrap().len(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_shows_although_whoever_set_it_is_gone() {
    let app = TestApp::new().await;
    assert_eq!(app.get("/lake").await.with(200)["client_gc"], "deny");
    let first = Busy::submit(&app);
    first.begun();
    let second = Busy::submit(&app);
    waiting(&app, 1).await;
    let change = app.call("PATCH", "/lake", r#"{"client_gc":"allow"}"#);
    let cut = tokio::time::timeout(Duration::from_millis(300), async {
        tokio::join!(change, async {
            waiting(&app, 2).await;
            // Both are taken together; the change is made after the caller is gone.
            first.release.send(()).unwrap();
            second.begun();
        })
    });
    assert!(cut.await.is_err());
    second.release.send(()).unwrap();
    app.namespace("main", "after", &json!({})).await;
    assert_eq!(app.get("/lake").await.with(200)["client_gc"], "allow");
}
