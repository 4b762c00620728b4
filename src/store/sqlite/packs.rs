//! Packs: immutable rows of blobs, cut into pieces so that no read goes through what lies before it.

use bytes::{BufMut as _, Bytes, BytesMut};
use rusqlite::blob::Blob;
use rusqlite::{Connection, Error, ErrorCode};

use super::columns::signed;
use crate::base::limits::PACK_BYTES_MAX;
use crate::store::interface::{PACK_VERSION, StoreError, StoreResult, pack_offsets};
use crate::store::records::Location;

/// Bytes of one piece. At most 256 pieces make a pack.
const PIECE_BYTES: usize = 1 << PIECE_BITS;
const PIECE_BITS: u32 = 16;

pub(super) fn next(connection: &Connection) -> StoreResult<u64> {
    let last: Option<i64> = connection
        .prepare_cached("SELECT max(number) FROM packs")?
        .query_row([], |row| row.get(0))?;
    let last = u64::try_from(last.unwrap_or(0))
        .map_err(|_| StoreError::Corrupt("a pack has a negative number".to_owned()))?;
    Ok((last >> 8) + 1)
}

pub(super) fn append(connection: &Connection, pack: u64, blobs: &[Bytes]) -> StoreResult<()> {
    let next = next(connection)?;
    if pack != next {
        return Err(StoreError::Contract(format!("pack {pack} was appended, {next} is next")));
    }
    let (_, length) = pack_offsets(blobs.iter().map(Bytes::len));
    if length > PACK_BYTES_MAX {
        return Err(StoreError::Contract(format!(
            "a pack of {length} bytes is over the limit of {PACK_BYTES_MAX}"
        )));
    }
    let mut whole = BytesMut::with_capacity(length);
    whole.put_u8(PACK_VERSION);
    for blob in blobs {
        let length = u32::try_from(blob.len())
            .map_err(|_| StoreError::Contract("a blob is longer than 4 GiB".to_owned()))?;
        whole.put_u32_le(length);
        whole.put_slice(blob);
    }
    let mut statement =
        connection.prepare_cached("INSERT INTO packs (number, bytes) VALUES (?1, ?2)")?;
    for (index, piece) in whole.chunks(PIECE_BYTES).enumerate() {
        statement.execute((piece_number(pack, index)?, piece))?;
    }
    Ok(())
}

/// Reads blobs; the order of reading is the order on disk, that of the answer the order asked.
pub(super) fn read(connection: &Connection, locations: &[Location]) -> StoreResult<Vec<Bytes>> {
    let mut order: Vec<usize> = (0..locations.len()).collect();
    order.sort_unstable_by_key(|index| locations.get(*index));
    let mut found = vec![Bytes::new(); locations.len()];
    let mut reader = PieceReader { connection, open: None };
    for index in order {
        if let (Some(location), Some(slot)) = (locations.get(index), found.get_mut(index)) {
            *slot = reader.blob(*location)?;
        }
    }
    Ok(found)
}

/// Reads from one piece after the other through one handle.
struct PieceReader<'c> {
    connection: &'c Connection,
    open: Option<(i64, Blob<'c>)>,
}

impl PieceReader<'_> {
    fn blob(&mut self, location: Location) -> StoreResult<Bytes> {
        let offset = usize::try_from(location.offset()).unwrap_or(0);
        if location.pack() == 0 || offset == 0 {
            return Err(StoreError::Corrupt(format!("{location:?} names no blob")));
        }
        let mut length = [0_u8; 4];
        self.bytes(location, offset, &mut length)?;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > PACK_BYTES_MAX - offset {
            return Err(StoreError::Corrupt(format!("{location:?} names no blob: too long")));
        }
        let mut blob = vec![0_u8; length];
        self.bytes(location, offset + 4, &mut blob)?;
        Ok(Bytes::from(blob))
    }

    /// Fills `into` from an offset in a pack, over the ends of pieces.
    fn bytes(&mut self, location: Location, offset: usize, into: &mut [u8]) -> StoreResult<()> {
        let mut at = offset;
        let mut rest = into;
        while !rest.is_empty() {
            let inside = at % PIECE_BYTES;
            let take = rest.len().min(PIECE_BYTES - inside);
            let (now, later) = rest.split_at_mut(take);
            let piece = self.piece(location, at / PIECE_BYTES)?;
            if inside + take > piece.len() {
                return Err(StoreError::Corrupt(format!(
                    "{location:?} names no blob: the pack ends before it"
                )));
            }
            piece.read_at_exact(now, inside)?;
            at += take;
            rest = later;
        }
        Ok(())
    }

    fn piece(&mut self, location: Location, index: usize) -> StoreResult<&Blob<'_>> {
        let number = piece_number(location.pack(), index)?;
        let missing = |error| match error {
            // What SQLite says for a row that is not there.
            Error::SqliteFailure(failure, _) if failure.code == ErrorCode::Unknown => {
                StoreError::Corrupt(format!("{location:?} names no blob: no such pack"))
            }
            error => error.into(),
        };
        let open = match self.open.take() {
            Some((there, blob)) if there == number => (there, blob),
            Some((_, mut blob)) => {
                blob.reopen(number).map_err(missing)?;
                (number, blob)
            }
            None => {
                let blob = self
                    .connection
                    .blob_open(rusqlite::MAIN_DB, "packs", "bytes", number, true)
                    .map_err(missing)?;
                (number, blob)
            }
        };
        let (_, blob) = self.open.insert(open);
        Ok(blob)
    }
}

fn piece_number(pack: u64, index: usize) -> StoreResult<i64> {
    let index = u64::try_from(index).unwrap_or(u64::MAX);
    if pack >> 40 != 0 || index > 0xff {
        return Err(StoreError::Corrupt(format!("pack {pack} cannot have a piece {index}")));
    }
    signed((pack << 8) | index)
}
