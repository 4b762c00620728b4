//! Reading the delete files that a scan needs: each at most once for a statement, and not at all where
//! what they delete is still in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use apache_iceberg::spec::TableMetadata;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::{ExecutionPlan as _, SendableRecordBatchStream};
use futures::{StreamExt as _, TryStreamExt as _};
use roaring::RoaringTreemap;
use sha2::{Digest as _, Sha256};

use super::index::{Applied, DeleteIndex, Kind};
use super::selection::Selection;
use super::{Budget, corrupt, equality, positions, unreadable, vectors};
use crate::base::limits::{DELETE_FILES_AT_ONCE, DELETION_CACHE_BYTES};
use crate::iceberg::io::Files;
use crate::sql::error::SqlResult;
use crate::sql::scan::adapter::FieldIdAdapterFactory;
use crate::sql::scan::files::LiveFile;
use crate::sql::scan::provider::IcebergTable;

/// What is left of data files that rows were deleted from, in memory: neither the data file nor its delete
/// files ever change.
#[derive(Debug)]
pub(in crate::sql::scan) struct DeletionCache {
    kept: quick_cache::sync::Cache<Key, Option<Arc<Selection>>, Weight>,
}

/// Identifies a data file and all that applies to it.
type Key = [u8; 32];

#[derive(Clone, Debug)]
struct Weight;

impl quick_cache::Weighter<Key, Option<Arc<Selection>>> for Weight {
    fn weight(&self, _: &Key, selection: &Option<Arc<Selection>>) -> u64 {
        const ENTRY_BYTES: u64 = 256;
        ENTRY_BYTES + selection.as_ref().map_or(0, |selection| selection.bytes())
    }
}

impl Default for DeletionCache {
    fn default() -> Self {
        let kept = quick_cache::sync::Cache::with_weighter(1024, DELETION_CACHE_BYTES, Weight);
        Self { kept }
    }
}

/// What one statement has read, by index of the data file.
#[derive(Default, Debug)]
pub(in crate::sql::scan) struct Loaded {
    known: BTreeMap<u32, Option<Arc<Selection>>>,
    budget: Budget,
}

/// A data file whose deleted rows are being looked for.
pub(super) struct Pending {
    pub(super) file: LiveFile,
    pub(super) applied: Applied,
    pub(super) deleted: RoaringTreemap,
    key: Key,
}

/// How files are read for one scan.
pub(super) struct Reading<'a> {
    table: &'a IcebergTable,
    state: &'a dyn Session,
}

impl Reading<'_> {
    pub(super) fn io(&self) -> &Files {
        self.table.reader.io()
    }

    pub(super) fn metadata(&self) -> &TableMetadata {
        self.table.metadata()
    }

    /// Checks that a file lies where files of the table may.
    pub(super) fn check(&self, path: &str) -> SqlResult<()> {
        self.io().check_location(&self.table.policy, path)?;
        Ok(())
    }

    /// How columns of data files are found.
    pub(super) fn adapter(&self) -> FieldIdAdapterFactory {
        self.table.adapter()
    }

    /// The same for delete files, in which none of these columns may be missing.
    pub(super) fn adapter_of_deletes(&self) -> FieldIdAdapterFactory {
        FieldIdAdapterFactory { complete: true, ..self.adapter() }
    }

    /// Reads these columns of all rows of a Parquet file, in order.
    pub(super) fn scan(
        &self,
        path: &str,
        size: u64,
        columns: SchemaRef,
        adapter: FieldIdAdapterFactory,
    ) -> SqlResult<SendableRecordBatchStream> {
        let (store, file) = self.table.locate(self.state, path, size)?;
        let source = self.table.source(self.state, &store, columns);
        let source = Arc::new(source.map_err(|error| unreadable(path, error))?);
        let config = FileScanConfigBuilder::new(store, source)
            .with_file_groups(vec![FileGroup::new(vec![file])])
            .with_expr_adapter(Some(Arc::new(adapter)))
            .build();
        let scan = DataSourceExec::from_data_source(config);
        scan.execute(0, self.state.task_ctx()).map_err(|error| unreadable(path, error))
    }

    /// The rows of each row group of a data file.
    async fn row_groups(&self, file: &LiveFile) -> SqlResult<Vec<u64>> {
        let path = file.file_path();
        let (_, found) = self.table.locate(self.state, path, file.file_size_in_bytes())?;
        let object = self.io().object_at(path)?;
        let reader = DFParquetMetadata::new(&*object.store, &found.object_meta);
        let footer = reader.fetch_metadata().await.map_err(|error| unreadable(path, error))?;
        let rows = footer.row_groups().iter().map(|group| u64::try_from(group.num_rows()));
        rows.collect::<Result<_, _>>().map_err(|_| corrupt(path, "a row group has no size"))
    }

    async fn select(&self, pending: Pending) -> SqlResult<(Pending, Option<Arc<Selection>>)> {
        if pending.deleted.is_empty() {
            return Ok((pending, None));
        }
        let groups = self.row_groups(&pending.file).await?;
        let selection = Selection::new(pending.file.file_path(), &groups, &pending.deleted)?;
        Ok((pending, selection.map(Arc::new)))
    }
}

/// What is left of those files that rows were deleted from.
pub(in crate::sql::scan) async fn selections(
    table: &IcebergTable,
    state: &dyn Session,
    index: &DeleteIndex,
    files: impl Iterator<Item = &LiveFile>,
) -> SqlResult<BTreeMap<u32, Arc<Selection>>> {
    if index.is_empty() {
        return Ok(BTreeMap::new());
    }
    // Held until all is read: scans of one statement do not read the same files.
    let mut loaded = table.deletions.lock().await;
    let cache = &table.reader.deletions.kept;
    let (mut wanted, mut pending) = (Vec::new(), Vec::new());
    for file in files {
        wanted.push(file.index);
        if loaded.known.contains_key(&file.index) {
            continue;
        }
        let applied = index.applied(file)?;
        if applied.is_empty() {
            continue;
        }
        let key = key(file, &applied);
        match cache.get(&key) {
            Some(kept) => drop(loaded.known.insert(file.index, kept)),
            None => pending.push(Pending {
                file: file.clone(),
                applied,
                deleted: RoaringTreemap::new(),
                key,
            }),
        }
    }
    if !pending.is_empty() {
        let reading = Reading { table, state };
        vectors::read(&reading, &mut pending, &loaded.budget).await?;
        positions::read(&reading, &mut pending, &loaded.budget).await?;
        equality::read(&reading, &mut pending, &loaded.budget).await?;
        let reading = &reading;
        let selected = pending.into_iter().map(|pending| reading.select(pending));
        let mut selected = futures::stream::iter(selected).buffered(DELETE_FILES_AT_ONCE);
        while let Some((pending, selection)) = selected.try_next().await? {
            if let Some(selection) = &selection {
                loaded.budget.take(selection.bytes())?;
            }
            cache.insert(pending.key, selection.clone());
            loaded.known.insert(pending.file.index, selection);
        }
    }
    let found = |index: u32| Some((index, loaded.known.get(&index)?.clone()?));
    Ok(wanted.into_iter().filter_map(found).collect())
}

fn key(file: &LiveFile, applied: &Applied) -> Key {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    add(file.file_path());
    for deletes in applied.all() {
        add(deletes.file_path());
        if let Kind::Vector { offset, length } = deletes.kind {
            add(&format!("{offset}+{length}"));
        }
    }
    hash.finalize().into()
}
