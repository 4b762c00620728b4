//! What a ref holds, and what differs between two.

use std::collections::BTreeMap;

use super::{Catalog, OpContext};
use crate::base::error::{Entity, Error, Result};
use crate::base::ids::ContentId;
use crate::base::name::{ContentPath, NamespacePath, RefExpr, WarehouseName};
use crate::base::page::{Page, PageRequest};
use crate::iceberg::table::metadata::TableMetadata;
use crate::version::content::{ContentKind, Object};
use crate::version::diff::{
    Difference, DifferenceKind, Renames, Stored, TreeSource as _, differences,
};
use crate::version::key;
use crate::version::snapshot::{Found, Snapshot, is_default};

/// One thing that a ref holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ContentInfo {
    /// Namespace levels and name.
    pub path: Vec<String>,
    /// What it is.
    pub kind: ContentKind,
    /// Who it is, through renames.
    pub content_id: ContentId,
    /// The metadata file of a table or view, the file of an artifact.
    pub metadata_location: Option<String>,
    /// Properties of a namespace or artifact.
    pub properties: BTreeMap<String, String>,
}

/// How much a diff tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DiffDepth {
    /// Which names differ.
    Keys,
    /// Also what the tables are on each side.
    Tables,
}

/// What happened to a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DiffChange {
    /// It is only on the `to` side.
    Added,
    /// It is only on the `from` side.
    Removed,
    /// It is on both, in another state.
    Changed,
    /// The same content has another name, and maybe another state.
    Renamed {
        /// Its name on the `from` side.
        from: Vec<String>,
    },
}

/// One difference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DiffItem {
    /// The name, on the `to` side unless it was removed.
    pub path: Vec<String>,
    /// What it is.
    pub kind: ContentKind,
    /// What happened.
    pub change: DiffChange,
    /// Who it is.
    pub content_id: ContentId,
    /// The `from` side.
    pub from: Option<SideInfo>,
    /// The `to` side.
    pub to: Option<SideInfo>,
}

/// One side of a difference.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SideInfo {
    /// The metadata file of a table or view.
    pub metadata_location: Option<String>,
    /// What the table is, with [`DiffDepth::Tables`].
    pub table: Option<TableSummary>,
}

/// A table in one state, in short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableSummary {
    /// The current schema.
    pub schema_id: i32,
    /// Its columns: field id, name, type as Iceberg writes it.
    pub columns: Vec<(i32, String, String)>,
    /// The current snapshot.
    pub snapshot_id: Option<i64>,
    /// How many snapshots the metadata lists.
    pub snapshots: usize,
    /// Rows, as the current snapshot's summary counts them.
    pub total_records: Option<i64>,
    /// Data files.
    pub total_files: Option<i64>,
    /// Bytes of data files.
    pub total_bytes: Option<i64>,
}

impl Catalog {
    /// Lists what a namespace of a ref holds: namespaces, tables, views, artifacts; with `recursive`
    /// also what the namespaces below hold. A path that names content itself gives just that.
    ///
    /// # Errors
    /// `NotFound` if there is no such ref or nothing of that name.
    pub async fn contents_list(
        &self,
        _ctx: &OpContext,
        warehouse: &WarehouseName,
        at: &RefExpr,
        path: &[String],
        recursive: bool,
        page: &PageRequest,
    ) -> Result<Page<ContentInfo>> {
        let warehouse = self.warehouse(warehouse)?;
        let commit = self.resolve(&warehouse, at)?.commit;
        let snapshot = self.snapshot_at(&warehouse, commit)?;
        let namespace = NamespacePath::new(path.to_vec())?;
        if let Some((parent, name)) = namespace.split_last() {
            let content = ContentPath::new(parent, name.to_owned())?;
            if let Some(found) = snapshot.content(&content)? {
                return Ok(Page { items: vec![info(&snapshot, found)?], next: None });
            }
            if !is_default(&namespace) && snapshot.namespace(&namespace)?.is_none() {
                return Err(Error::not_found(
                    Entity::Resource,
                    format!("'{at}' holds nothing named '{namespace}'"),
                ));
            }
        }
        let prefix =
            if recursive { key::subtree(&namespace) } else { key::children_any(&namespace) };
        page.check_within(&prefix)?;
        let found = snapshot.scan(&prefix, page.after.as_deref(), page.limit + 1)?;
        let found = super::page_of(found, page.limit, |found| found.key.to_vec());
        let next = found.next;
        let items = found
            .items
            .into_iter()
            .map(|found| info(&snapshot, found))
            .collect::<Result<Vec<_>>>()?;
        Ok(Page { items, next })
    }

    /// Lists what differs between two refs. Cost grows with what differs.
    ///
    /// # Errors
    /// `NotFound` if a ref is not there; with [`DiffDepth::Tables`] also `NotFound(File)` if a table's
    /// metadata file cannot be read.
    pub async fn diff(
        &self,
        _ctx: &OpContext,
        warehouse: &WarehouseName,
        from: &RefExpr,
        to: &RefExpr,
        depth: DiffDepth,
        page: &PageRequest,
    ) -> Result<Page<DiffItem>> {
        let warehouse = self.warehouse(warehouse)?;
        let from = self.resolve(&warehouse, from)?.commit;
        let to = self.resolve(&warehouse, to)?.commit;
        if page.after.as_deref().is_some_and(|after| key::parse(after).is_none()) {
            return Err(Error::invalid("the page token belongs to another list"));
        }
        let reader = self.history(warehouse.id);
        let (after, limit) = (page.after.clone(), page.limit);
        // Finding renames takes the whole set of changes, so this may read much: not on an async thread.
        let found = tokio::task::spawn_blocking(move || -> Result<Vec<Difference>> {
            let (left, right) = (reader.tree(from)?, reader.tree(to)?);
            let renames = Renames::find(&reader, left, right)?;
            Ok(differences(&reader, left, right, &renames, after.as_deref(), limit)?)
        });
        let found = found
            .await
            .map_err(|error| Error::internal("the diff failed").with_source(error))??;
        let next =
            if found.len() >= limit { found.last().map(|last| last.key.to_vec()) } else { None };
        let mut items = Vec::with_capacity(found.len());
        for difference in found {
            items.extend(self.diff_item(difference, depth).await?);
        }
        Ok(Page { items, next })
    }

    async fn diff_item(
        &self,
        difference: Difference,
        depth: DiffDepth,
    ) -> Result<Option<DiffItem>> {
        let Some(entry) = difference.entry().cloned() else { return Ok(None) };
        let change = match difference.kind {
            DifferenceKind::Added => DiffChange::Added,
            DifferenceKind::Removed => DiffChange::Removed,
            DifferenceKind::Changed => DiffChange::Changed,
            DifferenceKind::Renamed { from } => DiffChange::Renamed { from },
        };
        Ok(Some(DiffItem {
            path: entry.path,
            kind: entry.kind,
            change,
            content_id: entry.id,
            from: self.side(difference.left, depth).await?,
            to: self.side(difference.right, depth).await?,
        }))
    }

    async fn side(&self, stored: Option<Stored>, depth: DiffDepth) -> Result<Option<SideInfo>> {
        let Some(Stored { entry, hint }) = stored else { return Ok(None) };
        let object = self.repository.object(entry.object, hint)?;
        let metadata_location = object.metadata_location().map(str::to_owned);
        let table = match (&*object, depth) {
            (Object::Table { metadata_location }, DiffDepth::Tables) => {
                let cached = self.files.cache().table(self.files.io(), metadata_location).await?;
                Some(summary(&cached.metadata))
            }
            _ => None,
        };
        Ok(Some(SideInfo { metadata_location, table }))
    }
}

fn info(snapshot: &Snapshot, found: Found) -> Result<ContentInfo> {
    let object = snapshot.object(&found)?;
    let (metadata_location, properties) = match &*object {
        Object::Namespace { properties } => (None, properties.clone()),
        Object::Table { metadata_location } | Object::View { metadata_location } => {
            (Some(metadata_location.clone()), BTreeMap::new())
        }
        Object::Artifact { location, properties, .. } => {
            (Some(location.clone()), properties.clone())
        }
    };
    Ok(ContentInfo {
        path: found.entry.path,
        kind: found.entry.kind,
        content_id: found.entry.id,
        metadata_location,
        properties,
    })
}

fn summary(metadata: &TableMetadata) -> TableSummary {
    let schema = metadata.current_schema();
    let fields = schema.map(|schema| schema.fields()).unwrap_or_default();
    let columns = fields
        .iter()
        .map(|field| (field.id, field.name.clone(), field.field_type.to_string()))
        .collect();
    let snapshot = metadata.current_snapshot();
    let totals = snapshot.map(|snapshot| snapshot.summary()).unwrap_or_default();
    let total = |key: &str| totals.get(key).and_then(|value| value.parse().ok());
    TableSummary {
        schema_id: metadata.current_schema_id(),
        columns,
        snapshot_id: snapshot.map(|snapshot| snapshot.id),
        snapshots: metadata.snapshots().len(),
        total_records: total("total-records"),
        total_files: total("total-data-files"),
        total_bytes: total("total-files-size"),
    }
}
