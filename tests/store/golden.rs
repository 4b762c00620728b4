//! A store that each released schema wrote opens and reads for ever.
//!
//! Each run writes the same rows into a fresh store below the target folder's `tmp`. A new schema gets its
//! golden file by copying that one to `tests/golden/v<schema>/meta.sqlite` at its release; a golden file
//! never changes afterwards.

use std::fs;
use std::path::Path;

use bytes::Bytes;
use nunatak::base::hash::Digest;
use nunatak::store::conformance::samples::{
    at, branch, commit, log_rows, patterned, tag, warehouse,
};
use nunatak::store::interface::MetaStore;
use nunatak::store::records::{CommitRecord, IdempotencyRecord, Location, WarehouseRecord};
use nunatak::store::sqlite::{SqliteOptions, SqliteStore};

const GOLDEN: [&str; 1] = ["tests/golden/v1/meta.sqlite"];

fn answer() -> IdempotencyRecord {
    IdempotencyRecord {
        key: "0190d3c6-2f1c-7c8e-9d5b-0a4b6f1e2d3c".to_owned(),
        request: Digest::of(b"request"),
        answer: Bytes::from_static(b"answer"),
        expires_at: at(1_000),
    }
}

fn write(store: &dyn MetaStore) {
    let mut txn = store.begin_write().unwrap();
    let lake = txn.warehouse_insert(&warehouse("lake")).unwrap().id;
    let other = txn.warehouse_insert(&warehouse("gone")).unwrap().id;
    txn.warehouse_delete(other).unwrap();
    let pack = txn.pack_next().unwrap();
    txn.pack_append(pack, &[Bytes::from_static(b"root"), patterned(70_000, 0), Bytes::new()])
        .unwrap();
    let rooted = CommitRecord { root: Location::new(pack, 1), ..commit("b") };
    txn.commits_insert(lake, &[commit("a"), rooted]).unwrap();
    txn.ref_put(lake, &branch("main", "b")).unwrap();
    txn.ref_put(lake, &tag("v1.0", "a")).unwrap();
    txn.ref_log_append(lake, &log_rows(&[("main", 1), ("v1.0", 2), ("main", 2)])).unwrap();
    txn.idempotency_put(lake, &answer(), at(1)).unwrap();
    txn.pending_files_add(&[("file:///data/x.json".to_owned(), Bytes::from_static(b"{}"))])
        .unwrap();
    txn.commit().unwrap();
}

fn check(store: &dyn MetaStore) {
    let mut txn = store.begin_read().unwrap();
    let warehouses = txn.warehouse_list(None, 10).unwrap();
    assert_eq!(warehouses, [WarehouseRecord { id: warehouses[0].id, ..warehouse("lake") }]);
    let lake = warehouses[0].id;
    let refs = txn.ref_list(lake, None, "", None, 10).unwrap();
    assert_eq!(refs, [branch("main", "b"), tag("v1.0", "a")]);
    let mut log = txn.ref_log_list(lake, None, None, 10).unwrap();
    log.reverse();
    assert_eq!(log, log_rows(&[("main", 1), ("v1.0", 2), ("main", 2)]));
    let rooted = CommitRecord { root: Location::new(1, 1), ..commit("b") };
    let found = txn.commits_get(lake, &[rooted.id, commit("a").id]).unwrap();
    assert_eq!(found, [Some(rooted), Some(commit("a"))]);
    assert_eq!(txn.idempotency_get(lake, &answer().key).unwrap(), Some(answer()));
    let files = txn.pending_files(None, 10).unwrap();
    assert_eq!((files.len(), files[0].sequence), (1, 1));
    assert_eq!(
        (files[0].location.as_str(), files[0].bytes.as_ref()),
        ("file:///data/x.json", &b"{}"[..])
    );
    let places = [1, 9, 9 + 4 + 70_000].map(|offset| Location::new(1, offset));
    let blobs = store.blobs_get(&places).unwrap();
    assert_eq!(blobs, [Bytes::from_static(b"root"), patterned(70_000, 0), Bytes::new()]);
}

#[test]
fn stores_of_every_release_open_and_read() {
    for golden in GOLDEN {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join(golden);
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("meta.sqlite");
        fs::copy(&golden, &copy).unwrap();
        check(&SqliteStore::open_read_only(&copy, SqliteOptions::default()).unwrap());
        let store = SqliteStore::open(&copy, SqliteOptions::default()).unwrap();
        check(&store);
        let lake = store.begin_read().unwrap().warehouse_get("lake").unwrap().unwrap().id;
        let mut txn = store.begin_write().unwrap();
        txn.ref_put(lake, &branch("after", "a")).unwrap();
        assert_eq!(txn.pack_next().unwrap(), 2);
        assert_eq!(txn.warehouse_insert(&warehouse("gone")).unwrap().id.0, 3);
        txn.commit().unwrap();
    }
}

#[test]
fn a_fresh_store_holds_the_golden_rows() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("golden");
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("meta.sqlite");
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    write(&store);
    drop(store);
    check(&SqliteStore::open_read_only(&path, SqliteOptions::default()).unwrap());
}
