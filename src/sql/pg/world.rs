//! What a query on these relations can see: the states of a session, and the schemas, tables and views in
//! them by name.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::SchemaRef;
use parking_lot::Mutex;

use super::layout::{INFORMATION_SCHEMA, PG_CATALOG};
use super::oids::{Named, Oids};
use crate::base::ids::CommitId;
use crate::base::name::{DEFAULT_NAMESPACE, NamespacePath, RefExpr, RefName};
use crate::catalog::address::{NamespaceAddress, ViewOf};
use crate::catalog::relations::Relation;
use crate::catalog::{Catalog, OpContext};
use crate::sql::engine::quoted_schema;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::named::{About, PreparedStatements};
use crate::sql::names::{Names, Pins};
use crate::version::content::ContentKind;

/// The OID of `pg_catalog`.
pub(super) const PG_CATALOG_OID: i64 = 11;
/// The OID of `information_schema`: below those that names get.
pub(super) const INFORMATION_SCHEMA_OID: i64 = 13_000;
/// The OID of the schema of the session's temporary tables.
pub(super) const TEMPORARY_OID: i64 = 13_001;
/// The schema of the session's temporary tables.
pub(super) const TEMPORARY: &str = "pg_temp";

/// How much was read for questions about schemas and tables, since the server started.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// Refs whose namespaces were listed.
    pub(super) refs: AtomicU64,
    /// Namespaces whose tables were listed.
    pub(super) listed: AtomicU64,
    /// Tables and views that were looked up by name.
    pub(super) looked_up: AtomicU64,
    /// Tables and views whose metadata was asked for.
    pub(super) described: AtomicU64,
}

/// What all sessions of a server share of this.
#[derive(Debug, Default)]
pub(in crate::sql) struct Shared {
    pub(super) oids: Oids,
    pub(super) reads: Reads,
}

impl Shared {
    /// How much was read, as `Engine::catalog_reads` says it.
    pub(in crate::sql) fn reads(&self) -> [u64; 4] {
        let Reads { refs, listed, looked_up, described } = &self.reads;
        [refs, listed, looked_up, described].map(|counter| counter.load(Ordering::Relaxed))
    }
}

/// The states that one statement sees.
#[derive(Debug)]
pub(super) struct World {
    pub(super) catalog: Arc<Catalog>,
    pub(super) shared: Arc<Shared>,
    pub(super) ctx: OpContext,
    pub(super) names: Names,
    pub(super) settings: BTreeMap<String, String>,
    pub(super) cursors: BTreeMap<String, Arc<About>>,
    pub(super) prepared: PreparedStatements,
    /// The columns of the session's temporary tables.
    pub(super) temporary: BTreeMap<String, SchemaRef>,
    pub(super) pins: Mutex<Pins>,
    /// All refs, once they were listed.
    pub(super) refs: Mutex<Option<BTreeSet<RefName>>>,
}

/// A schema.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Schema {
    /// As it is written in one part.
    pub(super) name: String,
    /// Where its tables are; `None` for the two of the system and that of temporary tables.
    pub(super) place: Option<(RefExpr, NamespacePath)>,
}

/// A table or view.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) schema: Arc<Schema>,
    pub(super) relation: Relation,
    /// The columns of a temporary table.
    pub(super) temporary: Option<SchemaRef>,
}

impl Item {
    pub(super) fn name(&self) -> &str {
        self.relation.path.last().map_or("", String::as_str)
    }

    pub(super) fn is_view(&self) -> bool {
        self.relation.kind == ContentKind::View
    }
}

impl World {
    /// Whether two sessions see the same names.
    pub(super) fn same(&self, other: &Self) -> bool {
        self.names.database() == other.names.database()
            && self.names.search_path == other.names.search_path
    }

    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn schema_oid(&self, schema: &Schema) -> i64 {
        match (schema.name.as_str(), &schema.place) {
            (PG_CATALOG, None) => PG_CATALOG_OID,
            (TEMPORARY, None) => TEMPORARY_OID,
            (_, None) => INFORMATION_SCHEMA_OID,
            (name, Some(_)) => self.shared.oids.of(self.named(name, None)),
        }
    }

    pub(super) fn oid(&self, item: &Item) -> i64 {
        self.shared.oids.of(self.named(&item.schema.name, Some(item.name())))
    }

    fn named(&self, schema: &str, relation: Option<&str>) -> Named {
        Named {
            database: self.names.database(),
            schema: schema.to_owned(),
            relation: relation.map(str::to_owned),
        }
    }

    /// What an OID of this database stands for.
    ///
    /// # Errors
    /// `UndefinedObject` for one that may have been forgotten.
    pub(super) fn by_oid(&self, oid: i64) -> SqlResult<Option<Named>> {
        let named = self.shared.oids.name(oid)?;
        Ok(named.filter(|named| named.database == self.names.database()))
    }

    pub(super) fn commit(&self, at: &RefExpr) -> SqlResult<CommitId> {
        self.names.commit(&self.catalog, &mut self.pins.lock(), at)
    }

    /// A schema by its levels; `None` if there is none.
    pub(super) fn schema(&self, levels: &[String]) -> SqlResult<Option<Arc<Schema>>> {
        if let [one] = levels
            && [PG_CATALOG, INFORMATION_SCHEMA].contains(&one.as_str())
        {
            return Ok(Some(system(one)));
        }
        if let [TEMPORARY] = levels.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            return Ok(self.temporary());
        }
        let Ok(place) = self.names.scope.container(levels) else { return Ok(None) };
        let commit = match self.commit(&place.at) {
            Ok(commit) => commit,
            Err(error) if is_missing(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let warehouse = &self.names.scope.warehouse;
        let found = self.catalog.namespace_find(&self.ctx, warehouse, commit, &place.namespace)?;
        let Some(found) = found else { return Ok(None) };
        let whole_ref = matches!(self.names.scope.namespace(levels), Ok(NamespaceAddress::Ref(_)));
        let name = match (&self.names.scope.view, levels) {
            (ViewOf::Warehouse, [first]) if whole_ref => first.clone(),
            (ViewOf::Warehouse, [first, ..]) => self.dotted(first, &found),
            _ => written(&found),
        };
        let place = Some((place.at, NamespacePath::new(found)?));
        Ok(Some(Arc::new(Schema { name, place })))
    }

    /// A ref, which is there, as a schema of the warehouse view.
    pub(super) fn whole_ref(name: &RefName) -> SqlResult<Arc<Schema>> {
        let namespace = NamespacePath::new(vec![DEFAULT_NAMESPACE.to_owned()])?;
        let place = Some((RefExpr::name(name.clone()), namespace));
        Ok(Arc::new(Schema { name: name.to_string(), place }))
    }

    /// The name of a namespace of a ref in the warehouse view.
    pub(super) fn dotted(&self, reference: &str, levels: &[String]) -> String {
        let name = format!("{}.{}", quoted_schema(reference), written(levels));
        // A whole schema that is the name of a ref is that ref.
        match self.names.levels(&self.catalog, std::slice::from_ref(&name)).as_slice() {
            [_] => format!("\"{reference}\".{}", written(levels)),
            _ => name,
        }
    }

    /// The schema of temporary tables, if the session has any.
    pub(super) fn temporary(&self) -> Option<Arc<Schema>> {
        (!self.temporary.is_empty()).then(|| system(TEMPORARY))
    }

    /// The schemas of the search path, in its order; those that are not there left out. Temporary tables
    /// come first.
    pub(super) fn search_path(&self) -> SqlResult<Vec<Arc<Schema>>> {
        let levels = self.names.search(&self.catalog);
        let found = levels.iter().map(|levels| self.schema(levels));
        self.temporary().map(Ok).into_iter().chain(found.filter_map(Result::transpose)).collect()
    }
}

pub(super) fn system(name: &str) -> Arc<Schema> {
    Arc::new(Schema { name: name.to_owned(), place: None })
}

pub(super) fn by_name(
    schemas: impl IntoIterator<Item = Arc<Schema>>,
) -> BTreeMap<String, Arc<Schema>> {
    schemas.into_iter().map(|schema| (schema.name.clone(), schema)).collect()
}

/// Levels as one part of a name.
pub(super) fn written(levels: &[String]) -> String {
    let quoted: Vec<String> = levels.iter().map(|level| quoted_schema(level)).collect();
    quoted.join(".")
}

pub(super) fn is_missing(error: &SqlError) -> bool {
    matches!(error.state, SqlState::UndefinedObject | SqlState::InvalidParameterValue)
}
