//! What one request does: names, namespaces, idempotency keys, refs, changes without effect.

use nunatak::auth::context::IdempotencyKey;
use nunatak::base::error::{Entity, ErrorKind};
use nunatak::base::hash::Digest;
use nunatak::base::name::RefName;
use nunatak::store::records::{RefAction, RefKind};
use nunatak::version::committer::{Committed, Proposal, RefChange, RefRequest, Write};
use nunatak::version::key::KeyKind;
use nunatak::version::snapshot::Snapshot;

use crate::house::{Put, With, failed, house};

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
async fn writing_what_is_there_makes_no_commit() {
    let house = house().await;
    house.namespace("main", "sales").await.unwrap();
    let first = house.put("main", &["sales", "a"], "file:///w/1").await.unwrap();
    let again = house.put("main", &["sales", "a"], "file:///w/1").await.unwrap();
    assert_eq!((again.commit, again.head), (None, first.head));
}
