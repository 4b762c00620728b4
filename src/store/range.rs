//! Ranges of commit ids, for abbreviated ids. Shared by all stores; knows no driver.

use super::interface::{StoreError, StoreResult};
use crate::base::hash::Digest;
use crate::base::ids::CommitId;

/// All commit ids from `first` to `last`, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CommitRange {
    /// The lowest.
    pub(crate) first: CommitId,
    /// The highest.
    pub(crate) last: CommitId,
}

impl CommitRange {
    /// The ids that start with these bytes and whose next byte, if `half` is given, has these upper
    /// four bits; `None` if the prefix is longer than an id.
    ///
    /// # Errors
    /// `Contract` if `half` has lower bits set.
    pub(crate) fn of_prefix(prefix: &[u8], half: Option<u8>) -> StoreResult<Option<Self>> {
        let mut first = [0x00_u8; Digest::LEN];
        let mut last = [0xff_u8; Digest::LEN];
        let longest = Digest::LEN - usize::from(half.is_some());
        if prefix.len() > longest {
            return Ok(None);
        }
        for ((low, high), byte) in first.iter_mut().zip(&mut last).zip(prefix) {
            *low = *byte;
            *high = *byte;
        }
        if let Some(half) = half {
            if half & 0x0f != 0 {
                return Err(StoreError::Contract(
                    "half a byte of a prefix is given in the upper four bits".to_owned(),
                ));
            }
            if let (Some(low), Some(high)) =
                (first.get_mut(prefix.len()), last.get_mut(prefix.len()))
            {
                *low = half;
                *high = half | 0x0f;
            }
        }
        let id = |bytes| CommitId::new(Digest::from_bytes(bytes));
        Ok(Some(Self { first: id(first), last: id(last) }))
    }
}
