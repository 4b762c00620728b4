//! The changes of one commit against its first parent, as they are stored beside it (format 1).

use bytes::Bytes;

use super::codec::{CodecError, Reader, Writer};
use crate::tree::{Change, Edit, Value};

const OPERATIONS_FORMAT: u8 = 1;

/// Writes edits, hints included.
#[must_use]
pub fn encode(edits: &[Edit]) -> Vec<u8> {
    let mut out = Writer::new();
    out.byte(OPERATIONS_FORMAT).number(edits.len() as u64);
    for edit in edits {
        out.bytes(&edit.key);
        match &edit.change {
            Change::Remove => out.byte(0),
            Change::Put(value) => out.byte(1).bytes(&value.bytes).number(value.hint),
        };
    }
    out.finish()
}

/// Reads edits.
///
/// # Errors
/// [`CodecError`] for anything that [`encode`] does not write.
pub fn decode(bytes: &[u8]) -> Result<Vec<Edit>, CodecError> {
    let mut reader = Reader::new(bytes);
    match reader.byte()? {
        OPERATIONS_FORMAT => {}
        value => return Err(CodecError::Unknown { what: "operations format", value }),
    }
    let count = reader.number()?;
    let mut edits = Vec::new();
    for _ in 0..count {
        let key = reader.bytes()?.to_vec();
        let change = match reader.byte()? {
            0 => Change::Remove,
            1 => {
                let bytes = Bytes::copy_from_slice(reader.bytes()?);
                Change::Put(Value { bytes, hint: reader.number()? })
            }
            value => return Err(CodecError::Unknown { what: "operation", value }),
        };
        edits.push(Edit { key: key.into(), change });
    }
    reader.finish()?;
    Ok(edits)
}
