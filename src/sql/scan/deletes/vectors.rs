//! Deletion vectors: blobs `deletion-vector-v1` of Puffin files.
//!
//! A blob is the length of what follows but the checksum (4 bytes, big endian), the bytes `D1 D3 39 64`, a
//! bitmap of 64 bits in Roaring's portable format, and a CRC-32 of magic and bitmap (big endian). The
//! manifest says where the blob is, so the rest of the file is not read.

use futures::{StreamExt as _, TryStreamExt as _};
use object_store::ObjectStoreExt as _;
use roaring::RoaringTreemap;

use super::index::{DeleteFile, Kind};
use super::load::{Pending, Reading};
use super::{Budget, corrupt};
use crate::base::limits::{DELETE_FILES_AT_ONCE, DELETION_VECTOR_BYTES_MAX};
use crate::sql::error::{SqlError, SqlResult, SqlState};

const MAGIC: [u8; 4] = [0xd1, 0xd3, 0x39, 0x64];

/// Reads the deletion vectors of all files that have one.
pub(super) async fn read(
    reading: &Reading<'_>,
    pending: &mut [Pending],
    budget: &Budget,
) -> SqlResult<()> {
    let mut wanted = Vec::new();
    for (at, file) in pending.iter().enumerate() {
        let Some(vector) = &file.applied.vector else { continue };
        if let Kind::Vector { length, .. } = vector.kind {
            budget.take(length)?;
            let vector = std::sync::Arc::clone(vector);
            wanted.push(async move { Ok::<_, SqlError>((at, read_one(reading, &vector).await?)) });
        }
    }
    let read: Vec<(usize, RoaringTreemap)> =
        futures::stream::iter(wanted).buffered(DELETE_FILES_AT_ONCE).try_collect().await?;
    for (at, positions) in read {
        if let Some(file) = pending.get_mut(at) {
            file.deleted |= positions;
        }
    }
    Ok(())
}

async fn read_one(reading: &Reading<'_>, vector: &DeleteFile) -> SqlResult<RoaringTreemap> {
    let path = vector.file_path();
    let Kind::Vector { offset, length } = vector.kind else {
        return Err(corrupt(path, "it holds no deletion vector"));
    };
    if length > DELETION_VECTOR_BYTES_MAX {
        return Err(SqlError::new(
            SqlState::ProgramLimitExceeded,
            format!("a deletion vector in {path} has {length} bytes, more than may be read"),
        ));
    }
    let end = offset
        .checked_add(length)
        .filter(|end| *end <= vector.file_size_in_bytes())
        .ok_or_else(|| corrupt(path, "its deletion vector lies outside of it"))?;
    reading.check(path)?;
    let object = reading.io().object_at(path)?;
    let bytes = object.store.get_range(&object.path, offset..end).await.map_err(|error| {
        let local = object.store_url.starts_with("file:");
        match error {
            object_store::Error::NotFound { .. } => corrupt(path, "it is missing"),
            error if local => corrupt(path, error),
            error => {
                SqlError::new(SqlState::CannotConnectNow, format!("{path} cannot be read: {error}"))
            }
        }
    })?;
    let positions = parse(&bytes).map_err(|what| corrupt(path, what))?;
    let wanted = vector.record_count();
    if positions.len() != wanted {
        let what = format!("it deletes {} rows, its manifest says {wanted}", positions.len());
        return Err(corrupt(path, what));
    }
    Ok(positions)
}

/// The positions in a blob.
fn parse(bytes: &[u8]) -> Result<RoaringTreemap, &'static str> {
    let damaged = "its deletion vector is damaged";
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or(damaged)?;
    let (checked, checksum) = rest.split_last_chunk::<4>().ok_or(damaged)?;
    if usize::try_from(u32::from_be_bytes(*length)) != Ok(checked.len()) {
        return Err("its deletion vector has another length than it says");
    }
    let mut bitmap = checked.strip_prefix(&MAGIC).ok_or("it holds no deletion vector there")?;
    let mut sum = flate2::Crc::new();
    sum.update(checked);
    if sum.sum() != u32::from_be_bytes(*checksum) {
        return Err("the checksum of its deletion vector is wrong");
    }
    let positions = RoaringTreemap::deserialize_from(&mut bitmap).map_err(|_| damaged)?;
    if !bitmap.is_empty() {
        return Err(damaged);
    }
    // Other writers put empty bitmaps between full ones; here none is kept.
    let full = positions.bitmaps().filter(|(_, part)| !part.is_empty());
    Ok(RoaringTreemap::from_bitmaps(full.map(|(key, part)| (key, part.clone()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(bitmap: &[u8]) -> Vec<u8> {
        let mut checked = MAGIC.to_vec();
        checked.extend(bitmap);
        let mut sum = flate2::Crc::new();
        sum.update(&checked);
        let length = u32::try_from(checked.len()).unwrap().to_be_bytes();
        [length.as_slice(), &checked, &sum.sum().to_be_bytes()].concat()
    }

    fn written(positions: &RoaringTreemap) -> Vec<u8> {
        let mut bytes = Vec::new();
        positions.serialize_into(&mut bytes).unwrap();
        blob(&bytes)
    }

    #[test]
    fn blobs_are_read_and_checked() {
        let mut positions: RoaringTreemap = [0, 5, 1 << 33, (1 << 40) + 7].into_iter().collect();
        positions.insert_range(100_000..300_000);
        assert_eq!(parse(&written(&positions)).unwrap(), positions);
        assert_eq!(parse(&written(&RoaringTreemap::new())).unwrap(), RoaringTreemap::new());
        // Every damaged bit is noticed, and no cut is taken for the whole.
        let small: RoaringTreemap = [1, 3, 70_000, 1 << 35].into_iter().collect();
        let bytes = written(&small);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut other = bytes.clone();
                other[at] ^= 1 << bit;
                assert!(parse(&other).is_err(), "{at}.{bit}");
            }
            assert!(parse(&bytes[..at]).is_err());
        }
    }

    #[test]
    fn a_right_checksum_does_not_make_a_bitmap() {
        let small: RoaringTreemap = [1, 3, 70_000, 1 << 35].into_iter().collect();
        let mut bitmap = Vec::new();
        small.serialize_into(&mut bitmap).unwrap();
        for at in 0..bitmap.len() {
            for bit in 0..8 {
                let mut other = bitmap.clone();
                other[at] ^= 1 << bit;
                drop(parse(&blob(&other)));
            }
            assert!(parse(&blob(&bitmap[..at])).is_err());
        }
        bitmap.push(0);
        assert!(parse(&blob(&bitmap)).is_err());
        // A writer that keeps empty bitmaps.
        let cookie = 12_346_u32.to_le_bytes();
        let empty = [&2_u64.to_le_bytes()[..], &[0; 4], &cookie, &[0; 4]].concat();
        let again = [&1_u32.to_le_bytes()[..], &cookie, &[0; 4]].concat();
        let parsed = parse(&blob(&[empty, again].concat())).unwrap();
        assert_eq!(parsed, RoaringTreemap::new());
    }
}
