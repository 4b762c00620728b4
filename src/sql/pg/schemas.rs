//! Which schemas a query asks for.
//!
//! Nothing is listed that the [`Need`] does not name. Without names it is (DESIGN section 3): schemas: every
//! ref, the namespaces of the default branch and of the refs in the search path; tables: those of the search path
//! and of the default branch. In a ref view both are what the ref has.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::layout::{INFORMATION_SCHEMA, PG_CATALOG};
use super::need::{Need, names};
use super::oids::Named;
use super::pattern::Pattern;
use super::world::{
    INFORMATION_SCHEMA_OID, PG_CATALOG_OID, Schema, TEMPORARY, TEMPORARY_OID, World, by_name,
    is_missing, system, written,
};
use crate::base::limits::PAGE_ITEMS_MAX;
use crate::base::name::{DEFAULT_NAMESPACE, NamespacePath, RefExpr, RefName};
use crate::base::page::PageRequest;
use crate::catalog::address::ViewOf;
use crate::sql::engine::quoted_schema;
use crate::sql::error::SqlResult;

impl World {
    /// The schemas that are asked for, and those that `named` names where nothing else is asked.
    pub(super) async fn schemas(&self, need: &Need, named: &[Need]) -> SqlResult<Vec<Arc<Schema>>> {
        let mut found = match self.named_schemas(need).await? {
            Some(found) => found,
            None if need.visible => by_name(self.search_path()?),
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
    pub(super) async fn schemas_of_tables(
        &self,
        need: &Need,
        named: &[Need],
    ) -> SqlResult<Vec<Arc<Schema>>> {
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
        found.retain(|name, schema| {
            (schema.place.is_some() || name == TEMPORARY) && need.wants_schema(name)
        });
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
                    TEMPORARY_OID => self.temporary(),
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
    pub(super) fn written(&self, name: &str) -> SqlResult<Option<Arc<Schema>>> {
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
        if let Some(schema) = self.temporary().filter(|schema| pattern.matches(&schema.name)) {
            found.insert(schema.name.clone(), schema);
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
                let common = name.len().min(prefix.len());
                let same = match (name.get(..common), prefix.get(..common)) {
                    (Some(name), Some(prefix)) => name.eq_ignore_ascii_case(prefix),
                    _ => false,
                };
                // A name that starts otherwise can match only in quotes.
                if !same && !prefix.starts_with('"') {
                    return false;
                }
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
        if prefix.is_empty()
            && let Some(known) = self.refs.lock().clone()
        {
            return Ok(known);
        }
        let warehouse = &self.names.scope.warehouse.name;
        let mut page = PageRequest { limit: PAGE_ITEMS_MAX, after: None };
        let mut refs = BTreeSet::new();
        loop {
            let found = self.catalog.ref_list(&self.ctx, warehouse, None, prefix, &page).await?;
            refs.extend(found.items.into_iter().map(|reference| reference.name));
            match found.next {
                Some(next) => page.after = Some(next),
                None => break,
            }
        }
        if prefix.is_empty() {
            *self.refs.lock() = Some(refs.clone());
        }
        Ok(refs)
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
        World::count(&self.shared.reads.refs);
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
        found.extend(by_name(self.temporary()));
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
}
