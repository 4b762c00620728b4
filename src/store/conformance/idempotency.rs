//! Answers kept for idempotency keys, until they expire.

use bytes::Bytes;

use super::samples::{assert_contract, at, warehouse_new};
use crate::base::hash::Digest;
use crate::base::ids::WarehouseId;
use crate::store::interface::{MetaStore, StoreResult};
use crate::store::records::IdempotencyRecord;

fn answer(key: &str, text: &'static str, expires_at: i64) -> IdempotencyRecord {
    IdempotencyRecord {
        key: key.to_owned(),
        request: Digest::of(text.as_bytes()),
        answer: Bytes::from_static(text.as_bytes()),
        expires_at: at(expires_at),
    }
}

fn put(
    store: &dyn MetaStore,
    warehouse: WarehouseId,
    record: &IdempotencyRecord,
    now: i64,
) -> StoreResult<()> {
    let mut txn = store.begin_write()?;
    txn.idempotency_put(warehouse, record, at(now))?;
    txn.commit()
}

/// An answer is kept and read, expired or not.
pub fn an_answer_is_kept(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    assert_eq!(store.begin_read()?.idempotency_get(warehouse, "k")?, None);
    let empty = answer("empty", "", 0);
    put(store, warehouse, &answer("k", "one", 10), 1)?;
    put(store, warehouse, &empty, 1)?;
    let mut txn = store.begin_read()?;
    assert_eq!(txn.idempotency_get(warehouse, "k")?, Some(answer("k", "one", 10)));
    assert_eq!(txn.idempotency_get(warehouse, "empty")?, Some(empty));
    assert_eq!(txn.idempotency_get(warehouse, "K")?, None);
    Ok(())
}

/// A key that is in use is refused; from the moment it expires it is replaced.
pub fn a_key_is_replaced_once_expired(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    put(store, warehouse, &answer("k", "one", 10), 1)?;
    assert_contract(put(store, warehouse, &answer("k", "one", 10), 1));
    assert_contract(put(store, warehouse, &answer("k", "two", 20), 9));
    assert_eq!(store.begin_read()?.idempotency_get(warehouse, "k")?, Some(answer("k", "one", 10)));
    put(store, warehouse, &answer("k", "two", 20), 10)?;
    assert_eq!(store.begin_read()?.idempotency_get(warehouse, "k")?, Some(answer("k", "two", 20)));
    let mut txn = store.begin_write()?;
    txn.idempotency_put(warehouse, &answer("new", "x", 30), at(1))?;
    assert_contract(txn.idempotency_put(warehouse, &answer("new", "x", 30), at(1)));
    Ok(())
}

/// Expiry takes what lies before the time, the oldest first, at most so many, of all warehouses.
pub fn expiry_takes_the_oldest_first(store: &dyn MetaStore) -> StoreResult<()> {
    let left = warehouse_new(store, "left")?;
    let right = warehouse_new(store, "right")?;
    for (warehouse, key, expires_at) in
        [(left, "a", 30), (left, "b", 10), (right, "a", 20), (right, "c", 40)]
    {
        put(store, warehouse, &answer(key, "x", expires_at), 1)?;
    }
    let expire = |before, limit| -> StoreResult<usize> {
        let mut txn = store.begin_write()?;
        let expired = txn.idempotency_expire(at(before), limit)?;
        txn.commit()?;
        Ok(expired)
    };
    let there = || -> StoreResult<Vec<bool>> {
        let mut txn = store.begin_read()?;
        [(left, "a"), (left, "b"), (right, "a"), (right, "c")]
            .into_iter()
            .map(|(warehouse, key)| Ok(txn.idempotency_get(warehouse, key)?.is_some()))
            .collect()
    };
    assert_eq!(expire(10, 100)?, 0);
    assert_eq!(expire(40, 0)?, 0);
    assert_eq!(expire(40, 2)?, 2);
    assert_eq!(there()?, [true, false, false, true]);
    assert_eq!(expire(40, 2)?, 1);
    assert_eq!(there()?, [false, false, false, true]);
    assert_eq!(expire(41, 2)?, 1);
    assert_eq!(expire(i64::MAX, 2)?, 0);
    Ok(())
}
