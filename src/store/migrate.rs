//! Decides which schema migrations a store still needs.
//!
//! Knows no driver: a store tells what it has applied, [`pending`] answers what to run or why to refuse.
//! Invariant: a store is never opened whose history of migrations is not a prefix of ours, byte by byte.

use super::interface::{StoreError, StoreResult};
use crate::base::hash::Digest;

/// One step of the schema, compiled into the program.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// From 1, without gaps.
    pub number: u32,
    /// What the file is called after its number.
    pub name: &'static str,
    /// The statements.
    pub sql: &'static str,
}

impl Migration {
    /// SHA-256 of the statements in hexadecimal digits, as the store keeps it.
    #[must_use]
    pub fn checksum(&self) -> String {
        Digest::of(self.sql.as_bytes()).to_string()
    }
}

/// One step that a store says it has applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    /// Its number.
    pub number: u32,
    /// Its name then.
    pub name: String,
    /// Its checksum then.
    pub checksum: String,
}

/// The steps of `known` that are not among `applied`, in order.
///
/// `applied` is ordered by number.
///
/// # Errors
/// `Format` if the store knows a step that we do not, if a step was applied with another checksum, or
/// if steps are missing in between.
pub fn pending<'a>(known: &'a [Migration], applied: &[Applied]) -> StoreResult<&'a [Migration]> {
    for (index, step) in applied.iter().enumerate() {
        let Some(ours) = known.get(index) else {
            return Err(StoreError::Format(format!(
                "it was written by a newer nunatak (schema step {} {:?}; this program knows {}); \
                 use that version or a newer one",
                step.number,
                step.name,
                known.len(),
            )));
        };
        if ours.number != step.number {
            return Err(StoreError::Format(format!(
                "schema step {} is missing from it (found {} instead); restore it from a backup",
                ours.number, step.number,
            )));
        }
        if ours.checksum() != step.checksum {
            return Err(StoreError::Format(format!(
                "schema step {} ({:?}) was applied with other statements than this program has \
                 (checksum {}, expected {}); use the version of nunatak that wrote it",
                step.number,
                step.name,
                step.checksum,
                ours.checksum(),
            )));
        }
    }
    Ok(known.get(applied.len()..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Migration; 2] = [
        Migration { number: 1, name: "core", sql: "CREATE TABLE a (x)" },
        Migration { number: 2, name: "more", sql: "CREATE TABLE b (x)" },
    ];

    fn applied(migrations: &[Migration]) -> Vec<Applied> {
        migrations
            .iter()
            .map(|step| Applied {
                number: step.number,
                name: step.name.to_owned(),
                checksum: step.checksum(),
            })
            .collect()
    }

    fn numbers(steps: &[Migration]) -> Vec<u32> {
        steps.iter().map(|step| step.number).collect()
    }

    #[test]
    fn what_is_missing_follows_what_is_there() {
        assert_eq!(numbers(pending(&KNOWN, &[]).unwrap()), [1, 2]);
        assert_eq!(numbers(pending(&KNOWN, &applied(&KNOWN[..1])).unwrap()), [2]);
        assert!(pending(&KNOWN, &applied(&KNOWN)).unwrap().is_empty());
    }

    #[test]
    fn unknown_changed_and_missing_steps_are_refused() {
        let newer = pending(&KNOWN[..1], &applied(&KNOWN)).unwrap_err();
        assert!(newer.to_string().contains("newer nunatak"), "{newer}");
        let mut changed = applied(&KNOWN);
        changed[0].checksum = "00".to_owned();
        let changed = pending(&KNOWN, &changed).unwrap_err();
        assert!(changed.to_string().contains("other statements"), "{changed}");
        let gap = pending(&KNOWN, &applied(&KNOWN[1..])).unwrap_err();
        assert!(gap.to_string().contains("is missing"), "{gap}");
    }
}
