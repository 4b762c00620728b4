//! A table at one snapshot as DataFusion sees it.

use std::any::Any;
use std::collections::BTreeSet;
use std::sync::Arc;

use apache_iceberg::spec;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DFSchema, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetAccessPlan;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use tokio::sync::{Mutex, OnceCell};

use super::adapter::FieldIdAdapterFactory;
use super::defaults::Defaults;
use super::deletes::selection::Selection;
use super::deletes::{self, DeletionCache, Loaded};
use super::files::{Live, LiveFile, ManifestCache, live_files};
use super::readers::{FooterCache, Readers};
use super::row_ids::{self, Layout, RowIdsExec, WholeFile};
use super::statistics;
use super::unlimited::Unlimited;
use crate::iceberg::io::Files;
use crate::iceberg::location::LocationPolicy;
use crate::sql::error::{SqlError, SqlResult};
use crate::sql::spec::read_schema;

/// What tables of one server share.
#[derive(Debug)]
pub struct TableReader {
    files: Arc<crate::catalog::files::TableFiles>,
    /// Manifests in memory.
    pub(super) manifests: ManifestCache,
    /// Footers of Parquet files in memory.
    pub(super) footers: FooterCache,
    /// What is left of data files that rows were deleted from, in memory.
    pub(super) deletions: DeletionCache,
}

impl TableReader {
    /// A reader of these files that has read nothing yet.
    #[must_use]
    pub fn new(files: Arc<crate::catalog::files::TableFiles>) -> Self {
        Self {
            files,
            manifests: ManifestCache::default(),
            footers: FooterCache::default(),
            deletions: DeletionCache::default(),
        }
    }

    pub(super) fn io(&self) -> &Files {
        self.files.io()
    }
}

/// A table at one snapshot. Clones share what was read of it.
#[derive(Clone, Debug)]
pub struct IcebergTable {
    pub(super) reader: Arc<TableReader>,
    pub(super) policy: LocationPolicy,
    metadata: Arc<spec::TableMetadata>,
    snapshot: Option<i64>,
    /// The table's columns.
    columns: SchemaRef,
    /// The same, and row identities if they are asked for.
    schema: SchemaRef,
    row_ids: bool,
    live: Arc<OnceCell<Live>>,
    /// What was read of delete files.
    pub(super) deletions: Arc<Mutex<Loaded>>,
    /// The only live files to read.
    only: Option<Arc<BTreeSet<u32>>>,
}

impl IcebergTable {
    /// A table at its current snapshot with its current schema, or at another one with the schema that it
    /// had then.
    ///
    /// # Errors
    /// `UndefinedObject` for a snapshot that the table does not have; `FeatureNotSupported` for types
    /// that cannot be read.
    pub fn new(
        reader: Arc<TableReader>,
        policy: LocationPolicy,
        metadata: Arc<spec::TableMetadata>,
        snapshot: Option<i64>,
    ) -> SqlResult<Self> {
        let schema = match snapshot {
            None => Arc::clone(metadata.current_schema()),
            Some(id) => {
                let found = metadata.snapshot_by_id(id).ok_or_else(|| {
                    SqlError::new(
                        crate::sql::error::SqlState::UndefinedObject,
                        format!("the table has no snapshot {id}"),
                    )
                })?;
                let schema = found.schema(&metadata);
                schema.map_err(|error| crate::sql::spec::failure(&error))?
            }
        };
        let columns = read_schema(&schema)?;
        Ok(Self {
            reader,
            policy,
            schema: Arc::clone(&columns),
            columns,
            row_ids: false,
            snapshot: snapshot.or_else(|| metadata.current_snapshot_id()),
            metadata,
            live: Arc::default(),
            deletions: Arc::default(),
            only: None,
        })
    }

    /// The same table with two more columns at the end, [`ROW_FILE`](super::ROW_FILE) and
    /// [`ROW_POSITION`](super::ROW_POSITION). Filters leave out whole files then, and nothing inside one.
    #[must_use]
    pub fn with_row_ids(mut self) -> Self {
        self.schema = Arc::new(row_ids::with_row_ids(&self.columns));
        self.row_ids = true;
        self
    }

    /// The same table, of which only these live files are read; [`IcebergTable::live`] still has all.
    #[must_use]
    pub fn only(&self, files: BTreeSet<u32>) -> Self {
        Self { only: Some(Arc::new(files)), ..self.clone() }
    }

    /// The table's metadata.
    #[must_use]
    pub const fn metadata(&self) -> &Arc<spec::TableMetadata> {
        &self.metadata
    }

    /// The live data files of the snapshot; a file's index is its place here.
    ///
    /// # Errors
    /// `FeatureNotSupported` for files that are not read, `DataCorrupted` for manifests that cannot be read.
    pub async fn live(&self) -> SqlResult<&[LiveFile]> {
        Ok(&self.all_live().await?.files)
    }

    /// The live files, delete files included.
    async fn all_live(&self) -> SqlResult<&Live> {
        let live = self.live.get_or_try_init(|| async {
            let Some(snapshot) = self.snapshot.and_then(|id| self.metadata.snapshot_by_id(id))
            else {
                return Ok(Live::default());
            };
            let reader = &self.reader;
            live_files(&reader.manifests, reader.io(), &self.policy, &self.metadata, snapshot).await
        });
        live.await
    }

    /// How columns of data files are found.
    pub(super) fn adapter(&self) -> FieldIdAdapterFactory {
        let mapping = self.metadata.properties().get("schema.name-mapping.default");
        FieldIdAdapterFactory {
            name_mapping: mapping.and_then(|json| statistics::name_mapping(json)),
            defaults: Defaults::of(&self.metadata),
            complete: false,
        }
    }

    /// The files that may hold rows that match, before deletions.
    async fn candidates(
        &self,
        predicate: Option<&Arc<dyn PhysicalExpr>>,
    ) -> Result<Vec<(LiveFile, Arc<Statistics>)>> {
        let mut live = self.live().await?.to_vec();
        if let Some(only) = &self.only {
            live.retain(|file| only.contains(&file.index));
        }
        let known: Vec<Arc<Statistics>> =
            live.iter().map(|file| Arc::new(statistics::of_file(file, &self.schema))).collect();
        Ok(statistics::prune(live, known, predicate, &self.schema))
    }

    /// Looks up what is left of files, and leaves out those of which nothing is.
    async fn remaining(
        &self,
        state: &dyn Session,
        files: Vec<(LiveFile, Arc<Statistics>)>,
    ) -> SqlResult<Vec<Remaining>> {
        let index = &self.all_live().await?.deletes;
        let live = files.iter().map(|(file, _)| file);
        let selections = deletes::selections(self, state, index, live).await?;
        let remaining = files.into_iter().map(|(file, known)| {
            let selection = selections.get(&file.index).map(Arc::clone);
            let known = match &selection {
                Some(selection) => Arc::new(statistics::after_deletions(&known, selection.rows())),
                None => known,
            };
            Remaining { file, known, selection }
        });
        let some = |file: &Remaining| file.selection.as_ref().is_none_or(|left| left.rows() > 0);
        Ok(remaining.filter(some).collect())
    }

    /// A file as DataFusion takes it, and the object store that it lies in.
    pub(super) fn locate(
        &self,
        state: &dyn Session,
        path: &str,
        size: u64,
    ) -> SqlResult<(ObjectStoreUrl, PartitionedFile)> {
        let object = self.reader.io().object_at(path)?;
        let url = ObjectStoreUrl::parse(&object.store_url)?;
        let mut wanted = PartitionedFile::new(String::new(), size);
        wanted.object_meta.location = object.path;
        state.runtime_env().register_object_store(url.as_ref(), object.store);
        Ok((url, wanted))
    }

    /// The same for a data file, with the rows to leave out.
    fn partitioned(
        &self,
        state: &dyn Session,
        wanted: &Remaining,
    ) -> SqlResult<(ObjectStoreUrl, PartitionedFile)> {
        let (path, size) = (wanted.file.file_path(), wanted.file.file_size_in_bytes());
        let (url, mut file) = self.locate(state, path, size)?;
        if let Some(selection) = &wanted.selection {
            file.extensions = Some(Arc::<ParquetAccessPlan>::clone(&selection.access));
        }
        Ok((url, file))
    }

    /// How these columns are read from Parquet files in a store.
    pub(super) fn source(
        &self,
        state: &dyn Session,
        store: &ObjectStoreUrl,
        columns: SchemaRef,
    ) -> Result<ParquetSource> {
        let mut options = state.default_table_options().parquet;
        // Spark writes timestamps of 96 bits; as nanoseconds they would overflow outside of 1677–2262.
        options.global.coerce_int96 = Some("us".to_owned());
        let files = state.runtime_env().object_store(store)?;
        let readers = Readers::new(store.clone(), files, Arc::clone(&self.reader));
        Ok(ParquetSource::new(columns)
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(readers)))
    }

    /// All files as DataFusion takes them, and the one store that they lie in; `None` without files.
    fn located(
        &self,
        state: &dyn Session,
        files: &[Remaining],
    ) -> SqlResult<Option<(ObjectStoreUrl, Vec<PartitionedFile>)>> {
        let mut found: Option<(ObjectStoreUrl, Vec<PartitionedFile>)> = None;
        for wanted in files {
            let (url, file) = self.partitioned(state, wanted)?;
            match &mut found {
                None => found = Some((url, vec![file])),
                Some((store, files)) if *store == url => files.push(file),
                Some(_) => {
                    return Err(SqlError::unsupported(
                        "reading a table whose data files lie in several object stores",
                    ));
                }
            }
        }
        Ok(found)
    }

    /// Reads whole files and says where each row stands.
    fn scan_with_row_ids(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        files: &[Remaining],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let layout = Layout::new(&self.schema, projection)?;
        let Some((store, located)) = self.located(state, files)? else {
            return Ok(Arc::new(EmptyExec::new(Arc::clone(layout.schema()))));
        };
        let whole = files.iter().zip(located).map(|(wanted, file)| WholeFile {
            index: wanted.file.index,
            file,
            live: wanted.selection.as_ref().map(|selection| Arc::clone(&selection.live)),
        });
        let source = Arc::new(self.source(state, &store, Arc::clone(&self.columns))?);
        let template = FileScanConfigBuilder::new(store, source)
            .with_expr_adapter(Some(Arc::new(self.adapter())))
            .with_projection_indices(Some(layout.data().to_vec()))?
            .build();
        let partitions = state.config().target_partitions();
        Ok(Arc::new(RowIdsExec::new(whole.collect(), template, layout, partitions)))
    }

    /// Reads files with DataFusion's own scan, which leaves out what it can.
    fn scan_rows(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        files: &[Remaining],
        predicate: Option<Arc<dyn PhysicalExpr>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some((store, located)) = self.located(state, files)? else {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema.project(columns)?),
                None => self.schema(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        };
        let found = located
            .into_iter()
            .zip(files)
            .map(|(file, wanted)| file.with_statistics(Arc::clone(&wanted.known)));
        let known: Vec<&Statistics> = files.iter().map(|file| file.known.as_ref()).collect();
        let source = self.source(state, &store, Arc::clone(&self.columns))?;
        let mut source = source.with_enable_page_index(true);
        if let Some(predicate) = predicate {
            source = source.with_predicate(predicate);
        }
        let groups =
            FileGroup::new(found.collect()).split_files(state.config().target_partitions());
        let config = FileScanConfigBuilder::new(store, Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics::summary(&known, &self.schema))
            .with_limit(limit.filter(|_| files.iter().all(|file| file.selection.is_none())))
            .with_expr_adapter(Some(Arc::new(self.adapter())))
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(DataSourceExec::from_data_source(Unlimited::new(config)))
    }
}

/// A data file, and the rows that are left of it if some were deleted.
struct Remaining {
    file: LiveFile,
    known: Arc<Statistics>,
    selection: Option<Arc<Selection>>,
}

#[async_trait]
impl TableProvider for IcebergTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // They leave out files, row groups and pages; the rows that are left are filtered above.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let predicate = predicate(state, filters, &self.schema)?;
        let mut files = self.candidates(predicate.as_ref()).await?;
        if let Some(limit) = limit.filter(|_| filters.is_empty() && !self.row_ids) {
            files.truncate(self.enough(&files, limit).await?);
        }
        let files = self.remaining(state, files).await?;
        if self.row_ids {
            return self.scan_with_row_ids(state, projection, &files);
        }
        self.scan_rows(state, projection, &files, predicate, limit)
    }
}

impl IcebergTable {
    /// How many files surely hold this many rows, unless they are filtered. Rows of files that deletions
    /// may apply to do not count.
    async fn enough(
        &self,
        files: &[(LiveFile, Arc<Statistics>)],
        limit: usize,
    ) -> SqlResult<usize> {
        let index = &self.all_live().await?.deletes;
        let mut rows = 0_u64;
        for (at, (file, _)) in files.iter().enumerate() {
            if rows >= limit as u64 {
                return Ok(at);
            }
            if index.applied(file)?.is_empty() {
                rows = rows.saturating_add(file.record_count());
            }
        }
        Ok(files.len())
    }
}

fn predicate(
    state: &dyn Session,
    filters: &[Expr],
    schema: &SchemaRef,
) -> Result<Option<Arc<dyn PhysicalExpr>>> {
    let Some(filter) = conjunction(filters.to_vec()) else { return Ok(None) };
    let columns = DFSchema::try_from(Arc::clone(schema))?;
    state.create_physical_expr(filter, &columns).map(Some)
}
