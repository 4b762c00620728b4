//! Answers kept for idempotency keys (format 1), written in the transaction of what they answer.

use bytes::Bytes;

use super::Draft;
use crate::base::error::{Error, ErrorKind, Result};
use crate::base::ids::CommitId;
use crate::base::limits::{IDEMPOTENCY_KEY_BYTES_MAX, IDEMPOTENCY_LIFETIME_SECONDS};
use crate::store::records::IdempotencyRecord;
use crate::version::codec::{Reader, Writer};
use crate::version::committer::{CommitRequest, Committed};

impl Draft<'_> {
    pub(super) fn replay(&mut self, request: &CommitRequest) -> Result<Option<Committed>> {
        let Some(wanted) = &request.idempotency else {
            return Ok(None);
        };
        if wanted.key.is_empty() || wanted.key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
            return Err(Error::invalid(format!(
                "an idempotency key has 1 to {IDEMPOTENCY_KEY_BYTES_MAX} bytes"
            )));
        }
        let stored = match self.answers.get(&(request.warehouse, wanted.key.clone())) {
            Some(drafted) => Some(drafted.clone()),
            None => self.ask(|txn| txn.idempotency_get(request.warehouse, &wanted.key))?,
        };
        let Some(stored) = stored.filter(|stored| stored.expires_at > self.now) else {
            return Ok(None);
        };
        if stored.request != wanted.request {
            return Err(Error::new(
                ErrorKind::KeyReused,
                format!("the idempotency key '{}' came with another request before", wanted.key),
            ));
        }
        decode_answer(&stored.answer).map(Some)
    }

    pub(super) fn keep_answer(
        &mut self,
        request: &CommitRequest,
        committed: &Committed,
    ) -> Result<()> {
        let Some(key) = &request.idempotency else {
            return Ok(());
        };
        let lifetime = i64::try_from(IDEMPOTENCY_LIFETIME_SECONDS * 1_000_000)
            .map_err(|_| Error::internal("the lifetime of idempotency keys is too long"))?;
        let record = IdempotencyRecord {
            key: key.key.clone(),
            request: key.request,
            answer: encode_answer(committed).into(),
            expires_at: self.now.plus_micros(lifetime),
        };
        self.answers.insert((request.warehouse, key.key.clone()), record);
        Ok(())
    }
}

const ANSWER_FORMAT: u8 = 1;

fn encode_answer(committed: &Committed) -> Vec<u8> {
    let mut out = Writer::new();
    out.byte(ANSWER_FORMAT).raw(committed.head.as_bytes());
    match &committed.commit {
        Some(id) => out.byte(1).raw(id.as_bytes()),
        None => out.byte(0),
    };
    out.bytes(&committed.answer);
    out.finish()
}

fn decode_answer(bytes: &[u8]) -> Result<Committed> {
    let damaged = || Error::corrupt("the stored answer to an idempotency key cannot be read");
    let mut reader = Reader::new(bytes);
    if reader.byte().map_err(|_| damaged())? != ANSWER_FORMAT {
        return Err(damaged());
    }
    let id = |reader: &mut Reader<'_>| {
        reader.raw(32).ok().and_then(CommitId::from_slice).ok_or_else(damaged)
    };
    let head = id(&mut reader)?;
    let commit = match reader.byte().map_err(|_| damaged())? {
        0 => None,
        1 => Some(id(&mut reader)?),
        _ => return Err(damaged()),
    };
    let answer = Bytes::copy_from_slice(reader.bytes().map_err(|_| damaged())?);
    reader.finish().map_err(|_| damaged())?;
    Ok(Committed { head, commit, answer, replayed: true })
}
