//! Which tables and views a query asks for.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::need::Need;
use super::oids::Named;
use super::world::{Item, Schema, TEMPORARY, World, by_name};
use crate::base::name::ContentPath;
use crate::catalog::relations::Relation;
use crate::sql::error::SqlResult;
use crate::version::content::ContentKind;

impl World {
    /// A temporary table of the session.
    fn of_session(&self, name: &str) -> Item {
        let relation = Relation {
            path: vec![TEMPORARY.to_owned(), name.to_owned()],
            kind: ContentKind::Table,
            metadata_location: String::new(),
        };
        let schema = Arc::new(Schema { name: TEMPORARY.to_owned(), place: None });
        Item { schema, relation, temporary: self.temporary.get(name).cloned() }
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
        let Some((at, namespace)) = &schema.place else {
            let same = |known: &&String| known.as_str() == name;
            let alike = |known: &&String| known.eq_ignore_ascii_case(name);
            let found = self.temporary.keys().find(same);
            let found = found.or_else(|| self.temporary.keys().find(alike));
            return Ok(found
                .filter(|_| schema.name == TEMPORARY)
                .map(|name| self.of_session(name)));
        };
        let commit = self.commit(at)?;
        Self::count(&self.shared.reads.looked_up);
        let Ok(path) = ContentPath::new(namespace.clone(), name.to_owned()) else {
            return Ok(None);
        };
        let warehouse = &self.names.scope.warehouse;
        let found = self.catalog.relation_find(&self.ctx, warehouse, commit, &path)?;
        let temporary = None;
        Ok(found.map(|relation| Item { schema: Arc::clone(schema), relation, temporary }))
    }

    async fn listed(&self, need: &Need, named: &[Need]) -> SqlResult<Vec<Item>> {
        let warehouse = &self.names.scope.warehouse;
        let mut items = Vec::new();
        for schema in self.schemas_of_tables(need, named).await? {
            if let Some(names) = need.relation_names() {
                let names: BTreeSet<String> = names.into_iter().collect();
                let mut seen = BTreeSet::new();
                for name in &names {
                    let found = self.find(&schema, name)?;
                    items.extend(found.filter(|item| seen.insert(item.name().to_owned())));
                }
                continue;
            }
            let Some((at, namespace)) = &schema.place else {
                let names = self.temporary.keys().filter(|name| need.wants_relation(name));
                items.extend(names.map(|name| self.of_session(name)));
                continue;
            };
            Self::count(&self.shared.reads.listed);
            let wanted = |name: &str| need.wants_relation(name);
            let commit = self.commit(at)?;
            let found =
                self.catalog.relation_list(&self.ctx, warehouse, commit, namespace, &wanted)?;
            let with = |relation| Item { schema: Arc::clone(&schema), relation, temporary: None };
            items.extend(found.into_iter().map(with));
        }
        Ok(items)
    }
}
