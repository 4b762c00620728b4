//! OIDs of schemas and of tables and views.
//!
//! A client lists names with their OIDs and asks for details by OID, perhaps on another connection. So one
//! register serves all sessions of a server: an OID comes from a hash of the name that it stands for
//! (database, schema, table), which makes it the same after a restart too, and what was handed out is kept, so
//! that the way back needs no listing. Where two names have one hash, the later takes the next free number. What
//! is kept is bounded; the oldest is forgotten first, and an OID that may have been forgotten is an error
//! where one that never was is nothing.

use std::collections::{HashMap, VecDeque};

use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use crate::base::limits::SQL_OIDS_MAX;
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// The first OID that PostgreSQL leaves to users.
const FIRST: i64 = 16_384;
/// OIDs are used up to this one, so that they fit where clients take them for signed numbers.
const END: i64 = 1 << 31;

/// What an OID stands for.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Named {
    pub(super) database: String,
    pub(super) schema: String,
    /// The table or view; `None` for the schema itself.
    pub(super) relation: Option<String>,
}

#[derive(Debug, Default)]
struct Kept {
    names: HashMap<i64, Named>,
    oids: HashMap<Named, i64>,
    order: VecDeque<i64>,
    forgotten: bool,
}

/// Where the search for a free OID starts.
fn start(named: &Named) -> i64 {
    let relation = named.relation.as_deref();
    let kind = if relation.is_some() { "relation" } else { "schema" };
    let text = [kind, &named.database, &named.schema, relation.unwrap_or_default()].join("\0");
    let room = (END - FIRST).unsigned_abs();
    i64::try_from(xxh3_64(text.as_bytes()) % room).map_or(FIRST, |offset| FIRST + offset)
}

/// The register.
#[derive(Debug, Default)]
pub(in crate::sql) struct Oids(Mutex<Kept>);

impl Oids {
    /// The OID of a name.
    pub(super) fn of(&self, named: Named) -> i64 {
        let mut kept = self.0.lock();
        if let Some(oid) = kept.oids.get(&named) {
            return *oid;
        }
        let mut oid = start(&named);
        while kept.names.contains_key(&oid) {
            oid = if oid + 1 == END { FIRST } else { oid + 1 };
        }
        if kept.order.len() >= SQL_OIDS_MAX
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.forgotten = true;
            if let Some(named) = kept.names.remove(&oldest) {
                kept.oids.remove(&named);
            }
        }
        kept.order.push_back(oid);
        kept.names.insert(oid, named.clone());
        kept.oids.insert(named, oid);
        oid
    }

    /// What an OID stands for.
    ///
    /// # Errors
    /// `UndefinedObject` for one that may have been forgotten.
    pub(super) fn name(&self, oid: i64) -> SqlResult<Option<Named>> {
        let kept = self.0.lock();
        match kept.names.get(&oid) {
            Some(named) => Ok(Some(named.clone())),
            None if kept.forgotten && (FIRST..END).contains(&oid) => Err(SqlError::new(
                SqlState::UndefinedObject,
                format!("what the OID {oid} stands for is no longer known"),
            )
            .with_hint("list the schema again")),
            None => Ok(None),
        }
    }

    /// Everything of a database that was handed out and is kept.
    pub(super) fn known(&self, database: &str) -> Vec<Named> {
        let kept = self.0.lock();
        kept.names.values().filter(|named| named.database == database).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(number: usize) -> Named {
        Named {
            database: "lake".to_owned(),
            schema: "main".to_owned(),
            relation: Some(format!("t{number}")),
        }
    }

    #[test]
    fn an_oid_leads_back_to_its_name() {
        let oids = Oids::default();
        let first = oids.of(table(1));
        assert!((FIRST..END).contains(&first));
        assert_eq!(oids.of(table(1)), first);
        assert_eq!(Oids::default().of(table(1)), first);
        assert_eq!(oids.name(first), Ok(Some(table(1))));
        assert_eq!(oids.name(7), Ok(None));
        assert_eq!(oids.name(first ^ 1), Ok(None));
        let schema = Named { relation: None, ..table(1) };
        assert_ne!(oids.of(schema), first);
    }

    #[test]
    fn two_names_never_share_an_oid() {
        let oids = Oids::default();
        let taken = start(&table(1));
        let other = table(2);
        oids.0.lock().names.insert(taken, other);
        assert_eq!(oids.of(table(1)), taken + 1);
    }

    #[test]
    fn what_was_forgotten_is_an_error() {
        let oids = Oids::default();
        let first = oids.of(table(0));
        for number in 1..=SQL_OIDS_MAX {
            oids.of(table(number));
        }
        let error = oids.name(first).map_err(|error| error.state);
        assert_eq!(error, Err(SqlState::UndefinedObject));
    }
}
