//! Warehouses: unique names, numbers that are never used again, strict separation.

use bytes::Bytes;

use super::samples::{assert_contract, at, branch, commit, log_rows, warehouse, warehouse_new};
use crate::base::hash::Digest;
use crate::base::ids::WarehouseId;
use crate::store::interface::{MetaStore, StoreResult};
use crate::store::records::{IdempotencyRecord, WarehouseRecord};

/// What was inserted is found under its name, with the number that the store gave.
pub fn an_inserted_warehouse_is_found(store: &dyn MetaStore) -> StoreResult<()> {
    assert_eq!(store.begin_read()?.warehouse_get("lake")?, None);
    let mut txn = store.begin_write()?;
    let record = WarehouseRecord { client_gc: true, ..warehouse("lake") };
    let stored = txn.warehouse_insert(&record)?;
    assert_eq!(stored, WarehouseRecord { id: stored.id, ..record });
    assert!(stored.id.0 > 0);
    assert_eq!(txn.warehouse_get("lake")?.as_ref(), Some(&stored));
    txn.commit()?;
    assert_eq!(store.begin_read()?.warehouse_get("lake")?, Some(stored));
    assert_eq!(store.begin_read()?.warehouse_get("Lake")?, None);
    Ok(())
}

/// A second one with the name is refused.
pub fn a_taken_name_is_refused(store: &dyn MetaStore) -> StoreResult<()> {
    warehouse_new(store, "lake")?;
    assert_contract(store.begin_write()?.warehouse_insert(&warehouse("lake")));
    warehouse_new(store, "Lake")?;
    Ok(())
}

/// The list is ordered by the bytes of the names and can be read in pages.
pub fn the_list_is_ordered_and_paged(store: &dyn MetaStore) -> StoreResult<()> {
    for name in ["b", "é", "a", "B", "a-1", "日"] {
        warehouse_new(store, name)?;
    }
    let mut txn = store.begin_read()?;
    let mut names = |after: Option<&str>, limit| -> StoreResult<Vec<String>> {
        let found = txn.warehouse_list(after, limit)?;
        Ok(found.into_iter().map(|record| record.name).collect())
    };
    assert_eq!(names(None, 10)?, ["B", "a", "a-1", "b", "é", "日"]);
    assert_eq!(names(Some("a"), 2)?, ["a-1", "b"]);
    assert_eq!(names(Some("c"), 2)?, ["é", "日"]);
    assert_eq!(names(Some("日"), 2)?, Vec::<String>::new());
    assert_eq!(names(None, 0)?, Vec::<String>::new());
    Ok(())
}

/// Settings change, name, number and time of creation do not.
pub fn settings_change_and_identity_does_not(store: &dyn MetaStore) -> StoreResult<()> {
    let id = warehouse_new(store, "lake")?;
    let changed = WarehouseRecord {
        id,
        location: "s3://bucket/lake".to_owned(),
        default_branch: "trunk".to_owned(),
        client_gc: true,
        ..warehouse("lake")
    };
    let mut txn = store.begin_write()?;
    txn.warehouse_update(&changed)?;
    txn.commit()?;
    assert_eq!(store.begin_read()?.warehouse_get("lake")?, Some(changed.clone()));
    for refused in [
        WarehouseRecord { name: "other".to_owned(), ..changed.clone() },
        WarehouseRecord { created_at: at(2), ..changed.clone() },
        WarehouseRecord { id: WarehouseId(99), ..changed.clone() },
    ] {
        assert_contract(store.begin_write()?.warehouse_update(&refused));
    }
    assert_eq!(store.begin_read()?.warehouse_get("lake")?, Some(changed));
    Ok(())
}

/// Deleting frees the name but not the number; history stays and can be read by number.
pub fn deleting_frees_the_name_and_not_the_number(store: &dyn MetaStore) -> StoreResult<()> {
    let first = warehouse_new(store, "lake")?;
    let mut txn = store.begin_write()?;
    txn.ref_put(first, &branch("main", "a"))?;
    txn.commits_insert(first, &[commit("a")])?;
    txn.ref_log_append(first, &log_rows(&[("main", 1)]))?;
    txn.commit()?;
    let mut txn = store.begin_write()?;
    txn.warehouse_delete(first)?;
    assert_eq!(txn.warehouse_get("lake")?, None);
    assert!(txn.warehouse_list(None, 10)?.is_empty());
    let again = txn.warehouse_insert(&warehouse("lake"))?;
    assert!(again.id > first, "numbers rise");
    txn.commit()?;
    let mut txn = store.begin_read()?;
    assert_eq!(txn.ref_get(again.id, "main")?, None);
    assert!(txn.ref_log_list(again.id, None, None, 10)?.is_empty());
    assert_eq!(txn.commits_scan(first, None, 10)?, [commit("a")]);
    assert_eq!(txn.ref_log_list(first, None, None, 10)?, log_rows(&[("main", 1)]));
    assert_contract(store.begin_write()?.warehouse_delete(first));
    Ok(())
}

/// The number of the newest warehouse is not used again either.
pub fn the_newest_number_is_not_used_again(store: &dyn MetaStore) -> StoreResult<()> {
    warehouse_new(store, "a")?;
    let newest = warehouse_new(store, "b")?;
    let mut txn = store.begin_write()?;
    txn.warehouse_delete(newest)?;
    txn.commit()?;
    assert!(warehouse_new(store, "c")? > newest);
    Ok(())
}

/// Writes to a warehouse that never was or is deleted are refused.
pub fn writes_need_a_warehouse(store: &dyn MetaStore) -> StoreResult<()> {
    let deleted = warehouse_new(store, "gone")?;
    let mut txn = store.begin_write()?;
    txn.ref_put(deleted, &branch("main", "a"))?;
    txn.warehouse_delete(deleted)?;
    txn.commit()?;
    let answer = IdempotencyRecord {
        key: "key".to_owned(),
        request: Digest::default(),
        answer: Bytes::new(),
        expires_at: at(10),
    };
    for warehouse in [deleted, WarehouseId(0), WarehouseId(77), WarehouseId(u64::MAX)] {
        assert_contract(store.begin_write()?.ref_put(warehouse, &branch("b", "a")));
        assert_contract(store.begin_write()?.ref_delete(warehouse, "main"));
        assert_contract(store.begin_write()?.ref_log_append(warehouse, &log_rows(&[("b", 1)])));
        assert_contract(store.begin_write()?.commits_insert(warehouse, &[commit("a")]));
        assert_contract(store.begin_write()?.idempotency_put(warehouse, &answer, at(1)));
        assert_contract(store.begin_write()?.warehouse_delete(warehouse));
    }
    Ok(())
}

/// Rows with equal keys in two warehouses are two rows.
pub fn two_warehouses_never_mix(store: &dyn MetaStore) -> StoreResult<()> {
    let left = warehouse_new(store, "left")?;
    let right = warehouse_new(store, "right")?;
    let answer = |text: &'static str| IdempotencyRecord {
        key: "key".to_owned(),
        request: Digest::of(text.as_bytes()),
        answer: Bytes::from_static(text.as_bytes()),
        expires_at: at(10),
    };
    let mut txn = store.begin_write()?;
    txn.ref_put(left, &branch("main", "l"))?;
    txn.ref_put(right, &branch("main", "r"))?;
    txn.ref_put(right, &branch("only-right", "r"))?;
    txn.commits_insert(left, &[commit("l")])?;
    txn.commits_insert(right, &[commit("r")])?;
    txn.ref_log_append(left, &log_rows(&[("main", 1)]))?;
    txn.ref_log_append(right, &log_rows(&[("main", 5), ("only-right", 6)]))?;
    txn.idempotency_put(left, &answer("l"), at(1))?;
    txn.idempotency_put(right, &answer("r"), at(1))?;
    txn.commit()?;
    let mut txn = store.begin_read()?;
    assert_eq!(txn.ref_get(left, "main")?, Some(branch("main", "l")));
    assert_eq!(txn.ref_get(right, "main")?, Some(branch("main", "r")));
    assert_eq!(txn.ref_list(left, None, "", None, 10)?, [branch("main", "l")]);
    assert_eq!(txn.ref_list(right, None, "", None, 10)?.len(), 2);
    let (l, r) = (commit("l"), commit("r"));
    assert_eq!(txn.commits_get(left, &[l.id, r.id])?, [Some(l.clone()), None]);
    assert_eq!(txn.commits_scan(right, None, 10)?, std::slice::from_ref(&r));
    assert_eq!(txn.commits_by_prefix(left, &[], None, 10)?, [l.id]);
    assert_eq!(txn.ref_log_list(left, None, None, 10)?, log_rows(&[("main", 1)]));
    assert_eq!(txn.ref_log_at(left, "main", at(9))?.map(|row| row.at), Some(at(1)));
    assert_eq!(txn.ref_log_at(right, "main", at(9))?.map(|row| row.at), Some(at(5)));
    assert_eq!(txn.idempotency_get(left, "key")?, Some(answer("l")));
    assert_eq!(txn.idempotency_get(right, "key")?, Some(answer("r")));
    drop(txn);
    let mut txn = store.begin_write()?;
    txn.ref_delete(left, "main")?;
    assert_eq!(txn.ref_log_last(right)?.map(|row| row.sequence), Some(2));
    txn.commit()?;
    assert_eq!(store.begin_read()?.ref_get(right, "main")?, Some(branch("main", "r")));
    Ok(())
}
