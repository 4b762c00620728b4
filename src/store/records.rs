//! The rows of the metadata store as plain values.
//!
//! They mirror what is stored and decide nothing but the rules that every store keeps alike. Bytes that the version layer encodes (commits,
//! nodes, content objects) are opaque here.

use bytes::Bytes;

use super::interface::{StoreError, StoreResult};
use crate::base::clock::Timestamp;
use crate::base::error::Entity;
use crate::base::hash::Digest;
use crate::base::ids::{CommitId, WarehouseId};

/// Where a blob lies in the packs: the pack's number in the upper 40 bits, the byte offset in the lower 24.
///
/// [`Location::NONE`] (0) means "not stored"; packs are numbered from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Location(pub u64);

impl Location {
    /// Not stored anywhere.
    pub const NONE: Self = Self(0);

    /// Combines a pack and an offset below 2^24.
    #[must_use]
    pub const fn new(pack: u64, offset: u32) -> Self {
        Self((pack << 24) | (offset as u64 & 0xff_ffff))
    }

    /// The pack's number.
    #[must_use]
    pub const fn pack(self) -> u64 {
        self.0 >> 24
    }

    /// The offset in the pack.
    #[must_use]
    pub const fn offset(self) -> u64 {
        self.0 & 0xff_ffff
    }

    /// Whether this names a blob.
    #[must_use]
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }
}

/// A warehouse.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WarehouseRecord {
    /// Number inside this store; never reused.
    pub id: WarehouseId,
    /// Name, unique among warehouses that are not deleted.
    pub name: String,
    /// Root of table locations, a URL without a trailing slash.
    pub location: String,
    /// Name of the default branch.
    pub default_branch: String,
    /// Whether clients may expire snapshots and delete files (`client_gc: allow`).
    pub client_gc: bool,
    /// When it was created.
    pub created_at: Timestamp,
}

/// Branch or tag.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RefKind {
    /// Moves.
    Branch,
    /// Never moves.
    Tag,
}

impl RefKind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Branch => "branch",
            Self::Tag => "tag",
        }
    }

    /// What errors about such a ref are about.
    #[must_use]
    pub const fn entity(self) -> Entity {
        match self {
            Self::Branch => Entity::Branch,
            Self::Tag => Entity::Tag,
        }
    }
}

/// A ref as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefRecord {
    /// The name.
    pub name: String,
    /// Branch or tag.
    pub kind: RefKind,
    /// The commit it points at.
    pub commit: CommitId,
    /// When this name was created (not when it last moved).
    pub created_at: Timestamp,
}

impl RefRecord {
    /// Checks that this stored ref may become `next`: its kind stays, and a tag stays where it is.
    ///
    /// # Errors
    /// `Contract` with the rule that is broken.
    pub fn check_move(&self, next: &Self) -> StoreResult<()> {
        let broken = if self.kind != next.kind {
            "changed its kind"
        } else if self.kind == RefKind::Tag && self.commit != next.commit {
            "moved, and it is a tag"
        } else {
            return Ok(());
        };
        Err(StoreError::Contract(format!("ref {:?} {broken}", self.name)))
    }
}

/// Why a ref moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum RefAction {
    /// A ref was made.
    Create,
    /// A commit was added.
    Commit,
    /// A merge commit was added.
    Merge,
    /// A branch was pointed elsewhere.
    Reset,
    /// A ref was removed.
    Delete,
    /// A deleted branch came back.
    Restore,
}

/// One movement of one ref. Rows are never changed; each holds the hash of the row before it in its
/// warehouse, so that a removed or altered row shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefLogRecord {
    /// Number in the warehouse, from 1, without gaps.
    pub sequence: u64,
    /// The ref.
    pub name: String,
    /// Branch or tag.
    pub kind: RefKind,
    /// What happened.
    pub action: RefAction,
    /// Where it pointed; `None` when it was created.
    pub from: Option<CommitId>,
    /// Where it points; `None` when it was deleted.
    pub to: Option<CommitId>,
    /// Who did it.
    pub actor: String,
    /// Why, in words.
    pub reason: String,
    /// When. Never decreases with `sequence`.
    pub at: Timestamp,
    /// Hash of the row with `sequence - 1`; zero for the first.
    pub previous: Digest,
    /// Hash over all fields above.
    pub hash: Digest,
}

impl RefLogRecord {
    /// Checks that `records` continue the log after `last`.
    ///
    /// # Errors
    /// `Contract` for a gap, a wrong `previous` or a time that goes back.
    pub fn check_chain(last: Option<&Self>, records: &[Self]) -> StoreResult<()> {
        let mut last = last;
        for record in records {
            let (sequence, previous) =
                last.map_or((0, Digest::default()), |last| (last.sequence, last.hash));
            let broken = if record.sequence != sequence.saturating_add(1) {
                format!("its number does not follow {sequence}")
            } else if record.previous != previous {
                format!("its previous hash is not {previous}")
            } else if last.is_some_and(|last| record.at < last.at) {
                "its time lies before the row before it".to_owned()
            } else {
                last = Some(record);
                continue;
            };
            return Err(StoreError::Contract(format!("ref-log row {}: {broken}", record.sequence)));
        }
        Ok(())
    }
}

/// A commit with where its tree is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommitRecord {
    /// Its id.
    pub id: CommitId,
    /// Canonical bytes; the id is their hash.
    pub bytes: Bytes,
    /// Where the root node lies, or [`Location::NONE`] if the tree must be rebuilt from the first
    /// parent's by `operations`.
    pub root: Location,
    /// The encoded changes against the first parent; empty if there were too many to keep.
    pub operations: Bytes,
}

/// The answer to a request that carried an idempotency key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencyRecord {
    /// The client's key.
    pub key: String,
    /// Hash of the request it came with.
    pub request: Digest,
    /// The encoded answer.
    pub answer: Bytes,
    /// When it may be forgotten.
    pub expires_at: Timestamp,
}

/// A file whose bytes are durable in the store and not yet known to be durable at its location.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PendingFileRecord {
    /// Number in the store, rising.
    pub sequence: u64,
    /// Where the file belongs, a URL.
    pub location: String,
    /// What it holds.
    pub bytes: Bytes,
}
