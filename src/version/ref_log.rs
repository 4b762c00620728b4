//! The hash of a row of the ref log.
//!
//! Rows form one chain per warehouse: each holds the hash of the row before it, so that a removed,
//! inserted or altered row shows. This is the only definition of that hash (format 1).

use crate::base::hash::{CanonicalHasher, Digest};
use crate::base::ids::CommitId;
use crate::store::records::{RefAction, RefKind, RefLogRecord};

/// The hash over all fields of a row but `hash` itself.
#[must_use]
pub fn row_hash(row: &RefLogRecord) -> Digest {
    let mut hasher = CanonicalHasher::new("nunatak.ref-log.v1");
    hasher
        .number(row.sequence)
        .bytes(row.name.as_bytes())
        .bytes(&[kind_byte(row.kind)])
        .bytes(&[action_byte(row.action)])
        .bytes(commit_bytes(row.from.as_ref()))
        .bytes(commit_bytes(row.to.as_ref()))
        .bytes(row.actor.as_bytes())
        .bytes(row.reason.as_bytes())
        .bytes(&row.at.as_micros().to_le_bytes())
        .bytes(row.previous.as_bytes());
    hasher.finish()
}

const fn kind_byte(kind: RefKind) -> u8 {
    match kind {
        RefKind::Branch => 1,
        RefKind::Tag => 2,
    }
}

const fn action_byte(action: RefAction) -> u8 {
    match action {
        RefAction::Create => 1,
        RefAction::Commit => 2,
        RefAction::Merge => 3,
        RefAction::Reset => 4,
        RefAction::Delete => 5,
        RefAction::Restore => 6,
    }
}

/// An absent commit is an empty field, which no commit is.
const fn commit_bytes(commit: Option<&CommitId>) -> &[u8] {
    match commit {
        Some(commit) => commit.as_bytes(),
        None => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::Timestamp;

    fn row() -> RefLogRecord {
        RefLogRecord {
            sequence: 7,
            name: "main".to_owned(),
            kind: RefKind::Branch,
            action: RefAction::Commit,
            from: Some(CommitId::new(Digest::of(b"a"))),
            to: Some(CommitId::new(Digest::of(b"b"))),
            actor: "ann".to_owned(),
            reason: "append".to_owned(),
            at: Timestamp::from_micros(1_700_000_000_000_000),
            previous: Digest::of(b"before"),
            hash: Digest::default(),
        }
    }

    #[test]
    fn golden_and_every_field_counts() {
        let golden = row_hash(&row());
        assert_eq!(
            golden.to_string(),
            "08703ecd60a4269063a32d8825012075f1a3f9356e76ff19fba06072ff9557c6"
        );
        let changes: [fn(&mut RefLogRecord); 10] = [
            |row| row.sequence = 8,
            |row| row.name.push('x'),
            |row| row.kind = RefKind::Tag,
            |row| row.action = RefAction::Reset,
            |row| row.from = None,
            |row| row.to = None,
            |row| row.actor.clear(),
            |row| row.reason.clear(),
            |row| row.at = row.at.plus_micros(1),
            |row| row.previous = Digest::default(),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut other = row();
            change(&mut other);
            assert_ne!(row_hash(&other), golden, "change {index}");
        }
        let mut same = row();
        same.hash = golden;
        assert_eq!(row_hash(&same), golden);
    }
}
