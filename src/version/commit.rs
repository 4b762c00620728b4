//! A commit: an immutable state of a whole warehouse and how it came about.
//!
//! Its id is the hash of its canonical bytes (format 1), so it can be recomputed by anybody who has
//! the fields, and a changed field shows.

use std::collections::BTreeMap;

use super::codec::{CodecError, Reader, Writer, pairs};
use crate::base::clock::Timestamp;
use crate::base::error::{Error, Result};
use crate::base::hash::CanonicalHasher;
use crate::base::ids::{CommitId, NodeHash};
use crate::base::limits::{
    COMMIT_MESSAGE_BYTES_MAX, COMMIT_PROPERTIES_MAX, PROPERTY_KEY_BYTES_MAX,
    PROPERTY_VALUE_BYTES_MAX,
};

const COMMIT_FORMAT: u8 = 1;

/// A commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Commit {
    /// Root of the tree.
    pub root: NodeHash,
    /// First parent, then what was merged; empty only for the first commit of a warehouse.
    pub parents: Vec<CommitId>,
    /// One more than the largest generation of the parents.
    pub generation: u64,
    /// Who made the change.
    pub author: String,
    /// Who put it on the branch; differs from the author after a cherry-pick.
    pub committer: String,
    /// When; later than every parent's.
    pub committed_at: Timestamp,
    /// What happened, in words.
    pub message: String,
    /// Properties that the writer gave.
    pub properties: BTreeMap<String, String>,
}

impl Commit {
    /// The canonical bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.byte(COMMIT_FORMAT).raw(self.root.as_bytes()).number(self.parents.len() as u64);
        for parent in &self.parents {
            out.raw(parent.as_bytes());
        }
        out.number(self.generation).text(&self.author).text(&self.committer);
        out.signed(self.committed_at.as_micros()).text(&self.message);
        pairs(&mut out, &self.properties);
        out.finish()
    }

    /// Reads canonical bytes.
    ///
    /// # Errors
    /// [`CodecError`] for anything that [`Commit::encode`] does not write.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes);
        match reader.byte()? {
            COMMIT_FORMAT => {}
            value => return Err(CodecError::Unknown { what: "commit format", value }),
        }
        let root = NodeHash::from_slice(reader.raw(32)?).ok_or(CodecError::Truncated)?;
        let count = reader.number()?;
        let mut parents = Vec::new();
        for _ in 0..count {
            parents.push(CommitId::from_slice(reader.raw(32)?).ok_or(CodecError::Truncated)?);
        }
        let commit = Self {
            root,
            parents,
            generation: reader.number()?,
            author: reader.text()?.to_owned(),
            committer: reader.text()?.to_owned(),
            committed_at: Timestamp::from_micros(reader.signed()?),
            message: reader.text()?.to_owned(),
            properties: reader.pairs()?,
        };
        reader.finish()?;
        Ok(commit)
    }

    /// The id of these canonical bytes.
    #[must_use]
    pub fn id_of(bytes: &[u8]) -> CommitId {
        let mut hasher = CanonicalHasher::new("nunatak.commit.v1");
        hasher.bytes(bytes);
        CommitId::new(hasher.finish())
    }
}

/// Checks the parts of a commit that people write.
///
/// # Errors
/// `InvalidInput` with the part that is too large.
pub fn check_description(message: &str, properties: &BTreeMap<String, String>) -> Result<()> {
    if message.len() > COMMIT_MESSAGE_BYTES_MAX {
        return Err(Error::invalid(format!(
            "the commit message has {} bytes; at most {COMMIT_MESSAGE_BYTES_MAX} are allowed",
            message.len()
        )));
    }
    if properties.len() > COMMIT_PROPERTIES_MAX {
        return Err(Error::invalid(format!(
            "the commit has {} properties; at most {COMMIT_PROPERTIES_MAX} are allowed",
            properties.len()
        )));
    }
    for (key, value) in properties {
        if key.is_empty() || key.len() > PROPERTY_KEY_BYTES_MAX {
            return Err(Error::invalid(format!(
                "a commit property's name has 1 to {PROPERTY_KEY_BYTES_MAX} bytes, not {}",
                key.len()
            )));
        }
        if value.len() > PROPERTY_VALUE_BYTES_MAX {
            return Err(Error::invalid(format!(
                "the commit property '{key}' has {} bytes; at most {PROPERTY_VALUE_BYTES_MAX} are \
                 allowed",
                value.len()
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hash::Digest;

    #[test]
    fn round_trip_and_golden_id() {
        let commit = Commit {
            root: NodeHash::new(Digest::of(b"root")),
            parents: vec![CommitId::new(Digest::of(b"a")), CommitId::new(Digest::of(b"b"))],
            generation: 3,
            author: "ann".to_owned(),
            committer: "bob".to_owned(),
            committed_at: Timestamp::from_micros(1_700_000_000_000_000),
            message: "append 3 rows to sales.orders".to_owned(),
            properties: BTreeMap::from([("run".to_owned(), "7".to_owned())]),
        };
        let bytes = commit.encode();
        assert_eq!(Commit::decode(&bytes), Ok(commit));
        assert_eq!(
            Commit::id_of(&bytes).to_string(),
            "5c13ed7bc768a6c55cca49d7331f6074a4303aa8b94b123c59f3c11e30177643"
        );
        for end in 0..bytes.len() {
            assert!(Commit::decode(&bytes[..end]).is_err());
        }
    }
}
