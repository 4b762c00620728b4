//! Files that wait in the store until they are durable at their location.

use bytes::Bytes;

use super::samples::patterned;
use crate::store::interface::{MetaStore, StoreResult};

fn add(store: &dyn MetaStore, locations: &[&str]) -> StoreResult<Vec<u64>> {
    let files: Vec<(String, Bytes)> = locations
        .iter()
        .map(|location| ((*location).to_owned(), Bytes::from(format!("bytes of {location}"))))
        .collect();
    let mut txn = store.begin_write()?;
    let numbers = txn.pending_files_add(&files)?;
    txn.commit()?;
    Ok(numbers)
}

fn list(store: &dyn MetaStore, after: Option<u64>, limit: usize) -> StoreResult<Vec<u64>> {
    let found = store.begin_read()?.pending_files(after, limit)?;
    Ok(found.into_iter().map(|file| file.sequence).collect())
}

/// Numbers rise in the order of the files; the list follows them, in pages.
pub fn files_are_listed_in_order(store: &dyn MetaStore) -> StoreResult<()> {
    assert!(list(store, None, 10)?.is_empty());
    let mut numbers = add(store, &["z", "a"])?;
    numbers.extend(add(store, &["a"])?);
    assert!(numbers.is_sorted_by(|left, right| left < right) && numbers[0] > 0, "{numbers:?}");
    assert!(add(store, &[])?.is_empty());
    assert_eq!(list(store, None, 10)?, numbers);
    assert_eq!(list(store, None, 2)?, numbers[..2]);
    assert_eq!(list(store, Some(numbers[0]), 10)?, numbers[1..]);
    assert!(list(store, Some(numbers[2]), 10)?.is_empty());
    assert!(list(store, Some(u64::MAX), 10)?.is_empty());
    assert!(list(store, None, 0)?.is_empty());
    let files = store.begin_read()?.pending_files(None, 10)?;
    assert_eq!(files[0].location, "z");
    assert_eq!(files[0].bytes, "bytes of z");
    Ok(())
}

/// Removed files are gone, others stay; a number is never given again.
pub fn removed_numbers_stay_unused(store: &dyn MetaStore) -> StoreResult<()> {
    let numbers = add(store, &["a", "b", "c"])?;
    let mut txn = store.begin_write()?;
    txn.pending_files_remove(&[numbers[2], numbers[0], 12345])?;
    txn.commit()?;
    assert_eq!(list(store, None, 10)?, [numbers[1]]);
    let mut txn = store.begin_write()?;
    txn.pending_files_remove(&[numbers[1], numbers[1]])?;
    txn.commit()?;
    assert!(list(store, None, 10)?.is_empty());
    let next = add(store, &["d"])?;
    assert!(next[0] > numbers[2], "{next:?} after {numbers:?}");
    Ok(())
}

/// A file of some megabytes and one without a byte come back as they were.
pub fn files_of_every_size_survive(store: &dyn MetaStore) -> StoreResult<()> {
    let large = patterned(3_000_000, 0);
    let mut txn = store.begin_write()?;
    txn.pending_files_add(&[
        ("large".to_owned(), large.clone()),
        ("none".to_owned(), Bytes::new()),
    ])?;
    txn.commit()?;
    let files = store.begin_read()?.pending_files(None, 10)?;
    assert_eq!(files[0].bytes, large);
    assert_eq!(files[1].bytes, Bytes::new());
    Ok(())
}
