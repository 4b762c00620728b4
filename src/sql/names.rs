//! What a name in SQL points at: database, schema and table, in both views of a warehouse.
//!
//! A schema is a path of levels: several parts, or one part with dots in which a level that holds a dot is
//! double-quoted. In the warehouse view the first level is a ref; a one-part schema that is exactly the name of a
//! ref is that ref, dots and all.

use std::collections::BTreeMap;

use super::error::{SqlError, SqlResult, SqlState};
use super::syntax::at::{At, AtKind};
use crate::base::clock::Timestamp;
use crate::base::ids::CommitId;
use crate::base::name::{RefExpr, RefName};
use crate::catalog::address::{ContentAddress, Scope, ViewOf};
use crate::catalog::relations::Relation;
use crate::catalog::{Catalog, OpContext};

/// Commits that refs stood for when they were first asked for: a statement, or a transaction, sees one
/// state of each.
#[derive(Clone, Debug, Default)]
pub(super) struct Pins(BTreeMap<String, CommitId>);

/// A found table or view.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Where it is.
    pub(super) address: ContentAddress,
    /// The commit that it was found in.
    pub(super) commit: CommitId,
    /// What it is.
    pub(super) relation: Relation,
    /// A snapshot of the table other than the current one.
    pub(super) snapshot: Option<i64>,
}

/// The names of one session.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Warehouse and view.
    pub(super) scope: Scope,
    /// Schemas for unqualified names, as written.
    pub(super) search_path: Vec<String>,
}

/// Splits a schema at its dots, except inside double quotes.
#[must_use]
pub(super) fn split_dotted(schema: &str) -> Vec<String> {
    let mut levels = Vec::new();
    let mut level = String::new();
    let mut quoted = false;
    let mut chars = schema.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                level.push('"');
            }
            '"' => quoted = !quoted,
            '.' if !quoted => levels.push(std::mem::take(&mut level)),
            other => level.push(other),
        }
    }
    levels.push(level);
    levels
}

impl Names {
    /// The name of the database, as `current_database()` says it.
    #[must_use]
    pub(super) fn database(&self) -> String {
        match &self.scope.view {
            ViewOf::Warehouse => self.scope.warehouse.name.to_string(),
            ViewOf::Ref(at) => format!("{}@{at}", self.scope.warehouse.name),
        }
    }

    /// The commit that a ref expression stands for, the same throughout these pins.
    ///
    /// # Errors
    /// `UndefinedObject` for a ref that is not there.
    pub(super) fn commit(
        &self,
        catalog: &Catalog,
        pins: &mut Pins,
        at: &RefExpr,
    ) -> SqlResult<CommitId> {
        let key = at.to_string();
        if let Some(known) = pins.0.get(&key) {
            return Ok(*known);
        }
        let commit = catalog.resolve(&self.scope.warehouse, at)?.commit;
        pins.0.insert(key, commit);
        Ok(commit)
    }

    /// Takes the database off a name that has one.
    ///
    /// # Errors
    /// `FeatureNotSupported` for the name of another warehouse, as in PostgreSQL.
    pub(super) fn without_database<'a>(
        &self,
        catalog: &Catalog,
        parts: &'a [String],
    ) -> SqlResult<&'a [String]> {
        let [first, rest @ ..] = parts else { return Ok(parts) };
        if rest.len() < 2 {
            return Ok(parts);
        }
        if *first == self.database() || *first == *self.scope.warehouse.name.as_str() {
            return Ok(rest);
        }
        let other = crate::catalog::address::parse_warehouse(first)
            .is_ok_and(|(name, _)| catalog.warehouse(&name).is_ok());
        if other && !self.is_ref(catalog, first) {
            return Err(SqlError::unsupported(format_args!(
                "reading the database {first:?} from {:?}",
                self.database()
            ))
            .with_hint("connect to that database"));
        }
        Ok(parts)
    }

    fn is_ref(&self, catalog: &Catalog, name: &str) -> bool {
        matches!(self.scope.view, ViewOf::Warehouse)
            && RefName::parse(name).is_ok_and(|name| {
                catalog.resolve(&self.scope.warehouse, &RefExpr::name(name)).is_ok()
            })
    }

    /// The levels of a schema that is written as these parts.
    #[must_use]
    pub(super) fn levels(&self, catalog: &Catalog, parts: &[String]) -> Vec<String> {
        match parts {
            [one] if self.is_ref(catalog, one) => vec![one.clone()],
            parts => parts.iter().flat_map(|part| split_dotted(part)).collect(),
        }
    }

    /// The levels of each schema that an unqualified name is looked for in.
    #[must_use]
    pub(super) fn search(&self, catalog: &Catalog) -> Vec<Vec<String>> {
        self.search_path
            .iter()
            .map(|schema| self.levels(catalog, std::slice::from_ref(schema)))
            .collect()
    }

    /// The schemas that a table of this name can be in, and its own name.
    ///
    /// # Errors
    /// As [`Names::without_database`].
    pub(super) fn candidates<'a>(
        &self,
        catalog: &Catalog,
        parts: &'a [String],
    ) -> SqlResult<(Vec<Vec<String>>, &'a str)> {
        let parts = self.without_database(catalog, parts)?;
        match parts {
            [] => Err(SqlError::syntax("a name without parts")),
            [name] => Ok((self.search(catalog), name)),
            [schema @ .., name] => Ok((vec![self.levels(catalog, schema)], name)),
        }
    }

    /// Finds a table or view.
    ///
    /// # Errors
    /// `UndefinedTable`; `UndefinedObject` or `InvalidParameterValue` for a version that is not there.
    pub(super) fn find(
        &self,
        catalog: &Catalog,
        ctx: &OpContext,
        pins: &mut Pins,
        parts: &[String],
        at: Option<&At>,
    ) -> SqlResult<Target> {
        let (schemas, name) = self.candidates(catalog, parts)?;
        let missing = || {
            SqlError::new(
                SqlState::UndefinedTable,
                format!("relation \"{}\" does not exist", parts.join(".")),
            )
        };
        for levels in schemas {
            let Ok(mut address) = self.scope.content(&levels, name) else { continue };
            let snapshot = match at {
                Some(at) => self.versioned(&mut address, at)?,
                None => None,
            };
            if let Some(at) = at {
                self.check_kind(catalog, &address.at, at)?;
            }
            let commit = match self.commit(catalog, pins, &address.at) {
                Ok(commit) => commit,
                // Without a version an unknown ref is an unknown schema.
                Err(_) if at.is_none() => continue,
                Err(error) => return Err(error),
            };
            let found = catalog.relation_find(ctx, &self.scope.warehouse, commit, &address.path)?;
            if let Some(relation) = found {
                return Ok(Target { address, commit, relation, snapshot });
            }
        }
        Err(missing())
    }

    /// Moves an address to another version; returns the snapshot of the table if that is what was asked.
    fn versioned(&self, address: &mut ContentAddress, at: &At) -> SqlResult<Option<i64>> {
        let named = |kind: &str| {
            RefName::parse(&at.value).map(RefExpr::name).map_err(|error| {
                SqlError::new(
                    SqlState::InvalidParameterValue,
                    format!("{:?} is not the name of a {kind}: {}", at.value, error.message()),
                )
            })
        };
        match at.kind {
            AtKind::Branch => address.at = named("branch")?,
            AtKind::Tag => address.at = named("tag")?,
            AtKind::Commit => {
                let expr = RefExpr::parse(&at.value)?;
                if expr.as_name().is_some() {
                    return Err(SqlError::new(
                        SqlState::InvalidParameterValue,
                        format!("{:?} is not a commit id", at.value),
                    )
                    .with_hint("a branch or tag is read by AT BRANCH, AT TAG or AT REF"));
                }
                address.at = expr;
            }
            AtKind::Ref => address.at = RefExpr::parse(&at.value)?,
            AtKind::Timestamp => {
                let time = timestamp(&at.value)?;
                let Some(name) = address.at.as_name() else {
                    return Err(SqlError::new(
                        SqlState::InvalidParameterValue,
                        format!("AT TIMESTAMP needs a branch, and {} is none", address.at),
                    ));
                };
                address.at = RefExpr::parse(&format!("{name}@{{{}}}", time.to_rfc3339()))?;
            }
            AtKind::Snapshot => {
                let id = at.value.parse().map_err(|_| {
                    SqlError::new(
                        SqlState::InvalidParameterValue,
                        format!("{:?} is not a snapshot id", at.value),
                    )
                })?;
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Checks that what is called a branch is one, and so for tags.
    fn check_kind(&self, catalog: &Catalog, expr: &RefExpr, at: &At) -> SqlResult<()> {
        let right = match at.kind {
            AtKind::Branch => catalog.resolve(&self.scope.warehouse, expr)?.branch.is_some(),
            AtKind::Tag => catalog.resolve(&self.scope.warehouse, expr)?.tag,
            AtKind::Commit | AtKind::Ref | AtKind::Timestamp | AtKind::Snapshot => true,
        };
        if right {
            return Ok(());
        }
        Err(SqlError::new(
            SqlState::WrongObjectType,
            format!("{:?} is not a {}", at.value, at.kind.word()),
        ))
    }

    /// The address of a table that is written to.
    ///
    /// # Errors
    /// `InvalidSchemaName` if no schema of that name can be written to.
    pub(super) fn to_write(
        &self,
        catalog: &Catalog,
        parts: &[String],
    ) -> SqlResult<(Vec<String>, String)> {
        let (schemas, name) = self.candidates(catalog, parts)?;
        let levels = schemas.into_iter().next().ok_or_else(|| {
            SqlError::new(SqlState::InvalidSchemaName, "no schema has been selected to create in")
        })?;
        Ok((levels, name.to_owned()))
    }
}

/// Reads a time: RFC 3339, or PostgreSQL's form with a space and with or without a zone (then UTC).
///
/// # Errors
/// `InvalidParameterValue`.
pub(super) fn timestamp(text: &str) -> SqlResult<Timestamp> {
    let wrong = || {
        SqlError::new(
            SqlState::InvalidParameterValue,
            format!("{text:?} is not a time such as '2026-11-21 14:30:00+00'"),
        )
    };
    let nanos = arrow::compute::kernels::cast_utils::string_to_timestamp_nanos(text)
        .map_err(|_| wrong())?;
    Ok(Timestamp::from_micros(nanos.div_euclid(1000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_split_outside_of_quotes() {
        assert_eq!(split_dotted("ingest.sales"), ["ingest", "sales"]);
        assert_eq!(split_dotted("\"v1.0\".sales"), ["v1.0", "sales"]);
        assert_eq!(split_dotted("a\"b\"\"c.d\""), ["ab\"c.d"]);
    }
}
