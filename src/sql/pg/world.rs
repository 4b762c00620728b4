//! What a query on these relations can see: schemas, tables and views, found for a [`Need`].
//!
//! Nothing is listed that the need does not name. Without names it is (DESIGN section 3): schemas: every ref,
//! the namespaces of the default branch and of the refs in the search path; tables: those of the search path and
//! of the default branch. In a ref view both are what the ref has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::layout::{INFORMATION_SCHEMA, PG_CATALOG};
use super::need::{Need, names};
use super::oids::{Named, Oids};
use super::pattern::Pattern;
use crate::base::ids::CommitId;
use crate::base::limits::PAGE_ITEMS_MAX;
use crate::base::name::{ContentPath, DEFAULT_NAMESPACE, NamespacePath, RefExpr, RefName};
use crate::base::page::PageRequest;
use crate::catalog::address::{NamespaceAddress, ViewOf};
use crate::catalog::relations::Relation;
use crate::catalog::{Catalog, OpContext};
use crate::sql::engine::quoted_schema;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::names::{Names, Pins};
use crate::version::content::ContentKind;

/// The OID of `pg_catalog`.
pub(super) const PG_CATALOG_OID: i64 = 11;
/// The OID of `information_schema`: below those that names get.
pub(super) const INFORMATION_SCHEMA_OID: i64 = 13_000;

/// How much was read for questions about schemas and tables, since the server started.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// Refs whose namespaces were listed.
    refs: AtomicU64,
    /// Namespaces whose tables were listed.
    listed: AtomicU64,
    /// Tables and views that were looked up by name.
    looked_up: AtomicU64,
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
    pub(super) pins: Mutex<Pins>,
}

/// A schema.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Schema {
    /// As it is written in one part.
    pub(super) name: String,
    /// Where its tables are; `None` for the two of the system.
    pub(super) place: Option<(RefExpr, NamespacePath)>,
}

/// A table or view.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) schema: Arc<Schema>,
    pub(super) relation: Relation,
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

    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn schema_oid(&self, schema: &Schema) -> i64 {
        match (schema.name.as_str(), &schema.place) {
            (PG_CATALOG, None) => PG_CATALOG_OID,
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

    fn commit(&self, at: &RefExpr) -> SqlResult<CommitId> {
        self.names.commit(&self.catalog, &mut self.pins.lock(), at)
    }

    /// A schema by its levels; `None` if there is none.
    pub(super) fn schema(&self, levels: &[String]) -> SqlResult<Option<Arc<Schema>>> {
        if let [one] = levels
            && [PG_CATALOG, INFORMATION_SCHEMA].contains(&one.as_str())
        {
            return Ok(Some(system(one)));
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
    fn whole_ref(name: &RefName) -> SqlResult<Arc<Schema>> {
        let namespace = NamespacePath::new(vec![DEFAULT_NAMESPACE.to_owned()])?;
        let place = Some((RefExpr::name(name.clone()), namespace));
        Ok(Arc::new(Schema { name: name.to_string(), place }))
    }

    /// The name of a namespace of a ref in the warehouse view.
    fn dotted(&self, reference: &str, levels: &[String]) -> String {
        let name = format!("{}.{}", quoted_schema(reference), written(levels));
        // A whole schema that is the name of a ref is that ref.
        match self.names.levels(&self.catalog, std::slice::from_ref(&name)).as_slice() {
            [_] => format!("\"{reference}\".{}", written(levels)),
            _ => name,
        }
    }

    /// The schemas of the search path, in its order; those that are not there left out.
    pub(super) fn search_path(&self) -> SqlResult<Vec<Arc<Schema>>> {
        let levels = self.names.search(&self.catalog);
        let found = levels.iter().map(|levels| self.schema(levels));
        found.filter_map(Result::transpose).collect()
    }

    /// The schemas that are asked for, and those that `named` names where nothing else is asked.
    pub(super) async fn schemas(&self, need: &Need, named: &[Need]) -> SqlResult<Vec<Arc<Schema>>> {
        let mut found = match self.named_schemas(need).await? {
            Some(found) => found,
            None => {
                let mut found = self.every_schema().await?;
                found.extend(self.mentioned(named).await?);
                if need.any_oid {
                    for known in self.shared.oids.known(&self.names.database()) {
                        if !found.contains_key(&known.schema) {
                            found.extend(by_name(self.written(&known.schema)?));
                        }
                    }
                }
                found
            }
        };
        found.retain(|_, schema| need.wants_schema(&schema.name));
        Ok(found.into_values().collect())
    }

    /// The schemas whose tables are asked for.
    async fn schemas_of_tables(&self, need: &Need, named: &[Need]) -> SqlResult<Vec<Arc<Schema>>> {
        let mut found = match self.named_schemas(need).await? {
            Some(found) => found,
            None if need.visible => by_name(self.search_path()?),
            None => {
                let mut found = by_name(self.search_path()?);
                found.extend(self.of_ref(&self.home())?);
                found.extend(self.mentioned(named).await?);
                found
            }
        };
        if need.visible {
            let visible = by_name(self.search_path()?);
            found.retain(|name, _| visible.contains_key(name));
        }
        found.retain(|_, schema| schema.place.is_some() && need.wants_schema(&schema.name));
        Ok(found.into_values().collect())
    }

    async fn mentioned(&self, named: &[Need]) -> SqlResult<BTreeMap<String, Arc<Schema>>> {
        let mut found = BTreeMap::new();
        for need in named {
            found.extend(self.named_schemas(need).await?.unwrap_or_default());
            for choice in &need.mentioned {
                for pattern in choice {
                    found.extend(self.matching(pattern).await?);
                }
            }
        }
        Ok(found)
    }

    /// The schemas that a need names; `None` if it names none.
    async fn named_schemas(&self, need: &Need) -> SqlResult<Option<BTreeMap<String, Arc<Schema>>>> {
        if let Some(oids) = need.schemas_by_oid() {
            let mut found = BTreeMap::new();
            for oid in oids {
                let schema = match oid {
                    PG_CATALOG_OID => Some(system(PG_CATALOG)),
                    INFORMATION_SCHEMA_OID => Some(system(INFORMATION_SCHEMA)),
                    oid => match self.by_oid(oid)? {
                        Some(Named { schema, relation: None, .. }) => self.written(&schema)?,
                        _ => None,
                    },
                };
                found.extend(schema.map(|schema| (schema.name.clone(), schema)));
            }
            return Ok(Some(found));
        }
        if let Some(oids) = need.tables_of_schemas() {
            let mut found = BTreeMap::new();
            for oid in oids {
                if let Some(named) = self.by_oid(oid)? {
                    found.extend(by_name(self.written(&named.schema)?));
                }
            }
            return Ok(Some(found));
        }
        let Some(choice) = need.schemas.iter().find(|choice| names(choice)) else {
            return Ok(None);
        };
        let mut found = BTreeMap::new();
        for pattern in choice {
            found.extend(self.matching(pattern).await?);
        }
        Ok(Some(found))
    }

    /// A schema by its name in one part.
    fn written(&self, name: &str) -> SqlResult<Option<Arc<Schema>>> {
        let found = self.schema(&self.names.levels(&self.catalog, &[name.to_owned()]))?;
        Ok(found.filter(|schema| schema.name == name))
    }

    /// The schemas whose names match, of all refs that the pattern names.
    async fn matching(&self, pattern: &Pattern) -> SqlResult<BTreeMap<String, Arc<Schema>>> {
        let mut found = BTreeMap::new();
        for name in [PG_CATALOG, INFORMATION_SCHEMA] {
            if pattern.matches(name) {
                found.insert(name.to_owned(), system(name));
            }
        }
        if let Some(text) = pattern.text()
            && let Some(schema) = self.written(&text)?
        {
            found.insert(schema.name.clone(), schema);
        }
        if pattern.text().is_some() && !pattern.folds() {
            return Ok(found);
        }
        let ViewOf::Warehouse = self.names.scope.view else {
            let of_ref = self.of_ref(&self.home())?;
            found.extend(of_ref.into_iter().filter(|(name, _)| pattern.matches(name)));
            return Ok(found);
        };
        for reference in self.refs_of(pattern).await? {
            let name = reference.as_str();
            let inside =
                [quoted_schema(name), format!("\"{name}\"")].map(|start| format!("{start}."));
            if inside.iter().any(|start| pattern.may_start(start)) {
                let of_ref = self.of_ref(&RefExpr::name(reference))?;
                found.extend(of_ref.into_iter().filter(|(name, _)| pattern.matches(name)));
            } else if pattern.matches(name) {
                found.insert(name.to_owned(), Self::whole_ref(&reference)?);
            }
        }
        Ok(found)
    }

    /// The refs that a pattern for schemas can mean.
    async fn refs_of(&self, pattern: &Pattern) -> SqlResult<BTreeSet<RefName>> {
        let prefix = pattern.prefix();
        if pattern.folds() {
            let mut refs = self.refs("").await?;
            refs.retain(|name| {
                let name = name.as_str();
                let starts = [name.to_owned(), quoted_schema(name), format!("\"{name}\"")];
                starts.iter().any(|start| pattern.may_start(start))
            });
            return Ok(refs);
        }
        let mut refs = self.refs(prefix.trim_start_matches('"')).await?;
        // A pattern may go on behind the name of a ref.
        let ends = prefix.match_indices('.').map(|(at, _)| at).chain([prefix.len()]);
        for end in ends {
            let start = prefix.get(..end).unwrap_or_default().trim_matches('"');
            if let Ok(name) = RefName::parse(start)
                && self.exists(&RefExpr::name(name.clone()))?
            {
                refs.insert(name);
            }
        }
        Ok(refs)
    }

    fn exists(&self, at: &RefExpr) -> SqlResult<bool> {
        match self.commit(at) {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn refs(&self, prefix: &str) -> SqlResult<BTreeSet<RefName>> {
        let warehouse = &self.names.scope.warehouse.name;
        let mut page = PageRequest { limit: PAGE_ITEMS_MAX, after: None };
        let mut refs = BTreeSet::new();
        loop {
            let found = self.catalog.ref_list(&self.ctx, warehouse, None, prefix, &page).await?;
            refs.extend(found.items.into_iter().map(|reference| reference.name));
            match found.next {
                Some(next) => page.after = Some(next),
                None => return Ok(refs),
            }
        }
    }

    /// The ref whose tables are seen without being named.
    fn home(&self) -> RefExpr {
        match &self.names.scope.view {
            ViewOf::Ref(at) => at.clone(),
            ViewOf::Warehouse => RefExpr::name(self.names.scope.warehouse.default_branch.clone()),
        }
    }

    /// A ref as a schema, in the warehouse view, and its namespaces.
    fn of_ref(&self, at: &RefExpr) -> SqlResult<BTreeMap<String, Arc<Schema>>> {
        let commit = self.commit(at)?;
        Self::count(&self.shared.reads.refs);
        let warehouse = &self.names.scope.warehouse;
        let mut found = BTreeMap::new();
        let in_warehouse = matches!(self.names.scope.view, ViewOf::Warehouse);
        if in_warehouse {
            found.extend(self.schema(&[at.to_string()])?.map(|one| (one.name.clone(), one)));
        }
        for levels in self.catalog.namespaces_of(&self.ctx, warehouse, commit)? {
            let namespace = NamespacePath::new(levels.clone())?;
            if in_warehouse && levels == [DEFAULT_NAMESPACE] {
                continue;
            }
            let name =
                if in_warehouse { self.dotted(&at.to_string(), &levels) } else { written(&levels) };
            let place = Some((at.clone(), namespace));
            found.insert(name.clone(), Arc::new(Schema { name, place }));
        }
        Ok(found)
    }

    /// The schemas of a list that nothing restricts.
    async fn every_schema(&self) -> SqlResult<BTreeMap<String, Arc<Schema>>> {
        let mut found = by_name([PG_CATALOG, INFORMATION_SCHEMA].map(system));
        found.extend(self.of_ref(&self.home())?);
        if matches!(self.names.scope.view, ViewOf::Warehouse) {
            for reference in self.refs("").await? {
                found.insert(reference.to_string(), Self::whole_ref(&reference)?);
            }
            for levels in self.names.search(&self.catalog) {
                let Some(first) = levels.first() else { continue };
                let Ok(at) = RefExpr::parse(first) else { continue };
                if at != self.home() && self.exists(&at)? {
                    found.extend(self.of_ref(&at)?);
                }
            }
        }
        Ok(found)
    }

    /// The tables and views that are asked for, and those of the schemas that `named` names where no
    /// schema is asked for.
    pub(super) async fn items(&self, need: &Need, named: &[Need]) -> SqlResult<Vec<Item>> {
        let mut items = match need.relations_by_oid() {
            Some(oids) => self.by_oids(&oids)?,
            None => self.listed(need, named).await?,
        };
        if need.any_oid && need.relation_oids.is_empty() {
            let known: BTreeSet<(String, String)> = items
                .iter()
                .map(|item| (item.schema.name.clone(), item.name().to_owned()))
                .collect();
            for named in self.shared.oids.known(&self.names.database()) {
                if let Some(relation) = &named.relation
                    && need.wants_schema(&named.schema)
                    && need.wants_relation(relation)
                    && !known.contains(&(named.schema.clone(), relation.clone()))
                {
                    items.extend(self.item(&named)?);
                }
            }
        }
        let visible = if need.visible { Some(by_name(self.search_path()?)) } else { None };
        items.retain(|item| {
            need.wants_schema(&item.schema.name)
                && need.wants_relation(item.name())
                && visible.as_ref().is_none_or(|visible| visible.contains_key(&item.schema.name))
        });
        Ok(items)
    }

    fn by_oids(&self, oids: &BTreeSet<i64>) -> SqlResult<Vec<Item>> {
        let mut items = Vec::new();
        for oid in oids {
            if let Some(named) = self.by_oid(*oid)? {
                items.extend(self.item(&named)?);
            }
        }
        Ok(items)
    }

    /// The table or view of a name that was handed out, if it is still there.
    pub(super) fn item(&self, named: &Named) -> SqlResult<Option<Item>> {
        let Some(relation) = &named.relation else { return Ok(None) };
        let Some(schema) = self.written(&named.schema)? else { return Ok(None) };
        let found = self.find(&schema, relation)?;
        Ok(found.filter(|item| item.name() == relation))
    }

    /// A table or view of a schema by a name in any case.
    pub(super) fn find(&self, schema: &Arc<Schema>, name: &str) -> SqlResult<Option<Item>> {
        let Some((at, namespace)) = &schema.place else { return Ok(None) };
        let commit = self.commit(at)?;
        Self::count(&self.shared.reads.looked_up);
        let Ok(path) = ContentPath::new(namespace.clone(), name.to_owned()) else {
            return Ok(None);
        };
        let warehouse = &self.names.scope.warehouse;
        let found = self.catalog.relation_find(&self.ctx, warehouse, commit, &path)?;
        Ok(found.map(|relation| Item { schema: Arc::clone(schema), relation }))
    }

    async fn listed(&self, need: &Need, named: &[Need]) -> SqlResult<Vec<Item>> {
        let warehouse = &self.names.scope.warehouse;
        let mut items = Vec::new();
        for schema in self.schemas_of_tables(need, named).await? {
            let Some((at, namespace)) = &schema.place else { continue };
            if let Some(names) = need.relation_names() {
                let names: BTreeSet<String> = names.into_iter().collect();
                let mut seen = BTreeSet::new();
                for name in &names {
                    let found = self.find(&schema, name)?;
                    items.extend(found.filter(|item| seen.insert(item.name().to_owned())));
                }
                continue;
            }
            Self::count(&self.shared.reads.listed);
            let wanted = |name: &str| need.wants_relation(name);
            let commit = self.commit(at)?;
            let found =
                self.catalog.relation_list(&self.ctx, warehouse, commit, namespace, &wanted)?;
            let with = |relation| Item { schema: Arc::clone(&schema), relation };
            items.extend(found.into_iter().map(with));
        }
        Ok(items)
    }
}

fn system(name: &str) -> Arc<Schema> {
    Arc::new(Schema { name: name.to_owned(), place: None })
}

fn by_name(schemas: impl IntoIterator<Item = Arc<Schema>>) -> BTreeMap<String, Arc<Schema>> {
    schemas.into_iter().map(|schema| (schema.name.clone(), schema)).collect()
}

/// Levels as one part of a name.
fn written(levels: &[String]) -> String {
    let quoted: Vec<String> = levels.iter().map(|level| quoted_schema(level)).collect();
    quoted.join(".")
}

fn is_missing(error: &SqlError) -> bool {
    matches!(error.state, SqlState::UndefinedObject | SqlState::InvalidParameterValue)
}
