//! Packs and the places in them.

use bytes::Bytes;

use super::samples::{assert_contract, assert_corrupt, commit, patterned, warehouse_new};
use crate::base::limits::PACK_BYTES_MAX;
use crate::store::interface::{MetaStore, StoreResult, pack_offsets};
use crate::store::records::{CommitRecord, Location};

/// Appends a pack and returns where its blobs are.
fn pack_of(store: &dyn MetaStore, blobs: &[Bytes]) -> StoreResult<Vec<Location>> {
    let mut txn = store.begin_write()?;
    let pack = txn.pack_next()?;
    txn.pack_append(pack, blobs)?;
    txn.commit()?;
    Ok(locations(pack, blobs))
}

fn locations(pack: u64, blobs: &[Bytes]) -> Vec<Location> {
    let (offsets, _) = pack_offsets(blobs.iter().map(Bytes::len));
    offsets.into_iter().map(|offset| Location::new(pack, offset)).collect()
}

/// Several packs, many blobs, any order, repeats, the empty blob.
pub fn blobs_come_back_in_the_order_asked(store: &dyn MetaStore) -> StoreResult<()> {
    let first = [Bytes::from_static(b"one"), Bytes::new(), Bytes::from_static(b"three")];
    let second = [Bytes::from(vec![7; 100_000]), Bytes::from_static(b"five")];
    let first_at = pack_of(store, &first)?;
    let second_at = pack_of(store, &second)?;
    let asked = [second_at[1], first_at[2], first_at[1], second_at[0], first_at[0], second_at[1]];
    let found = store.blobs_get(&asked)?;
    let expected = [&second[1], &first[2], &first[1], &second[0], &first[0], &second[1]];
    assert_eq!(found.iter().collect::<Vec<_>>(), expected);
    assert_eq!(store.blobs_get(&[])?, Vec::<Bytes>::new());
    Ok(())
}

/// Blobs that lie across 64 KiB and other round borders, and one that fills a pack to its limit.
pub fn blobs_of_every_size_survive(store: &dyn MetaStore) -> StoreResult<()> {
    let border = 64 * 1024;
    let lengths = [border - 9, 3, 1, 0, border - 4, border, border + 1, 5, 3 * border, 0, 1];
    let blobs: Vec<Bytes> =
        lengths.into_iter().enumerate().map(|(index, length)| patterned(length, index)).collect();
    let at = pack_of(store, &blobs)?;
    assert_eq!(store.blobs_get(&at)?, blobs);
    let largest = vec![Bytes::from(vec![1; 10]), Bytes::from(vec![2; PACK_BYTES_MAX - 1 - 8 - 10])];
    let at = pack_of(store, &largest)?;
    assert_eq!(store.blobs_get(&at)?, largest);
    Ok(())
}

/// A place that holds no blob is damage, not an empty answer.
pub fn a_place_without_a_blob_is_damage(store: &dyn MetaStore) -> StoreResult<()> {
    let at = pack_of(store, &[Bytes::from_static(b"one")])?;
    let length = u32::try_from(1 + 4 + 3).unwrap_or(0);
    for nowhere in [
        Location::NONE,
        Location::new(1, 0),
        Location::new(1, length),
        Location::new(1, 0xff_ffff),
        Location::new(2, 1),
        Location::new(0, 1),
        Location(u64::MAX),
    ] {
        assert_corrupt(store.blobs_get(&[at[0], nowhere]));
    }
    assert_eq!(store.blobs_get(&at)?, [Bytes::from_static(b"one")]);
    Ok(())
}

/// Packs count from 1 without gaps; a number given to a write that was dropped is given again.
pub fn packs_are_numbered_in_order(store: &dyn MetaStore) -> StoreResult<()> {
    let blobs = [Bytes::from_static(b"x")];
    let mut txn = store.begin_write()?;
    assert_eq!(txn.pack_next()?, 1);
    txn.pack_append(1, &blobs)?;
    assert_eq!(txn.pack_next()?, 2);
    drop(txn);
    let mut txn = store.begin_write()?;
    assert_eq!(txn.pack_next()?, 1);
    txn.pack_append(1, &blobs)?;
    txn.pack_append(2, &blobs)?;
    txn.pack_append(3, &[])?;
    txn.commit()?;
    assert_eq!(store.begin_write()?.pack_next()?, 4);
    for wrong in [0, 3, 5, u64::MAX] {
        assert_contract(store.begin_write()?.pack_append(wrong, &blobs));
    }
    Ok(())
}

/// A pack over the limit is refused, and nothing of it stays.
pub fn a_pack_over_the_limit_is_refused(store: &dyn MetaStore) -> StoreResult<()> {
    let mut txn = store.begin_write()?;
    assert_contract(txn.pack_append(1, &[Bytes::from(vec![0; PACK_BYTES_MAX - 4])]));
    assert_contract(txn.commit());
    assert_eq!(store.begin_write()?.pack_next()?, 1);
    Ok(())
}

/// A pack is seen once its transaction committed, not before.
pub fn a_pack_shows_with_its_commit(store: &dyn MetaStore) -> StoreResult<()> {
    let blobs = [Bytes::from_static(b"late")];
    let mut txn = store.begin_write()?;
    txn.pack_append(1, &blobs)?;
    assert_corrupt(store.blobs_get(&locations(1, &blobs)));
    txn.commit()?;
    assert_eq!(store.blobs_get(&locations(1, &blobs))?, blobs);
    Ok(())
}

/// A commit whose root lies in a pack that nobody appended cannot be published.
pub fn a_root_in_an_unknown_pack_is_refused(store: &dyn MetaStore) -> StoreResult<()> {
    let warehouse = warehouse_new(store, "lake")?;
    let blobs = [Bytes::from_static(b"root")];
    let record = CommitRecord { root: locations(1, &blobs)[0], ..commit("a") };
    let mut txn = store.begin_write()?;
    txn.commits_insert(warehouse, std::slice::from_ref(&record))?;
    assert_contract(txn.commit());
    assert_eq!(store.begin_read()?.commits_get(warehouse, &[record.id])?, [None]);
    // The pack may come after the commit in the same transaction.
    let mut txn = store.begin_write()?;
    txn.commits_insert(warehouse, std::slice::from_ref(&record))?;
    txn.pack_append(1, &blobs)?;
    txn.commit()?;
    assert_eq!(store.begin_read()?.commits_get(warehouse, &[record.id])?, [Some(record)]);
    Ok(())
}
