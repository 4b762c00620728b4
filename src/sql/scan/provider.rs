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
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use tokio::sync::OnceCell;

use super::adapter::FieldIdAdapterFactory;
use super::files::{LiveFile, ManifestCache, live_files};
use super::row_ids::{self, Layout, RowIdsExec, WholeFile};
use super::statistics;
use crate::iceberg::io::Files;
use crate::iceberg::location::LocationPolicy;
use crate::sql::error::{SqlError, SqlResult};
use crate::sql::spec::read_schema;

/// What tables of one server share.
#[derive(Debug)]
pub struct TableReader {
    /// Files by location.
    pub files: Arc<crate::catalog::files::TableFiles>,
    /// Manifests in memory.
    pub manifests: ManifestCache,
}

impl TableReader {
    fn io(&self) -> &Files {
        self.files.io()
    }
}

/// A table at one snapshot. Clones share what was read of it.
#[derive(Clone, Debug)]
pub struct IcebergTable {
    reader: Arc<TableReader>,
    policy: LocationPolicy,
    metadata: Arc<spec::TableMetadata>,
    snapshot: Option<i64>,
    /// The table's columns.
    columns: SchemaRef,
    /// The same, and row identities if they are asked for.
    schema: SchemaRef,
    row_ids: bool,
    live: Arc<OnceCell<Vec<LiveFile>>>,
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
    /// As [`live_files`].
    pub async fn live(&self) -> SqlResult<&[LiveFile]> {
        let live = self.live.get_or_try_init(|| async {
            let Some(snapshot) = self.snapshot.and_then(|id| self.metadata.snapshot_by_id(id))
            else {
                return Ok(Vec::new());
            };
            let reader = &self.reader;
            live_files(&reader.manifests, reader.io(), &self.policy, &self.metadata, snapshot).await
        });
        Ok(live.await?.as_slice())
    }

    fn adapter(&self) -> FieldIdAdapterFactory {
        let mapping = self.metadata.properties().get("schema.name-mapping.default");
        let defaulted: BTreeSet<i32> = self
            .metadata
            .current_schema()
            .as_struct()
            .fields()
            .iter()
            .filter(|field| field.initial_default.is_some())
            .map(|field| field.id)
            .collect();
        FieldIdAdapterFactory {
            name_mapping: mapping.and_then(|json| statistics::name_mapping(json)),
            defaulted,
        }
    }

    /// The files that may hold rows that match.
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

    /// A file as DataFusion takes it, and the object store that it lies in.
    fn partitioned(
        &self,
        state: &dyn Session,
        file: &LiveFile,
    ) -> SqlResult<(ObjectStoreUrl, PartitionedFile)> {
        let object = self.reader.io().object_at(file.file_path())?;
        let url = ObjectStoreUrl::parse(&object.store_url)?;
        let mut wanted = PartitionedFile::new(String::new(), file.file_size_in_bytes());
        wanted.object_meta.location = object.path;
        state.runtime_env().register_object_store(url.as_ref(), object.store);
        Ok((url, wanted))
    }

    /// How the table's columns are read from Parquet files.
    fn source(&self, state: &dyn Session) -> ParquetSource {
        let mut options = state.default_table_options().parquet;
        // Spark writes timestamps of 96 bits; as nanoseconds they would overflow outside of 1677–2262.
        options.global.coerce_int96 = Some("us".to_owned());
        ParquetSource::new(Arc::clone(&self.columns)).with_table_parquet_options(options)
    }

    /// Reads whole files and says where each row stands.
    fn scan_with_row_ids(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        files: &[(LiveFile, Arc<Statistics>)],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let layout = Layout::new(&self.schema, projection)?;
        let mut whole = Vec::with_capacity(files.len());
        for (file, _) in files {
            let (store, wanted) = self.partitioned(state, file)?;
            whole.push(WholeFile { index: file.index, store, file: wanted, live: None });
        }
        // The store is set for each file when it is opened.
        let source = Arc::new(self.source(state));
        let template = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
            .with_expr_adapter(Some(Arc::new(self.adapter())))
            .with_projection_indices(Some(layout.data().to_vec()))?
            .build();
        let partitions = state.config().target_partitions();
        Ok(Arc::new(RowIdsExec::new(whole, template, layout, partitions)))
    }

    /// Reads files with DataFusion's own scan, which leaves out what it can.
    fn scan_rows(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        files: Vec<(LiveFile, Arc<Statistics>)>,
        predicate: Option<Arc<dyn PhysicalExpr>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let summary = statistics::summary(&files, &self.schema);
        let mut store: Option<ObjectStoreUrl> = None;
        let mut found = Vec::with_capacity(files.len());
        for (file, known) in files {
            let (url, wanted) = self.partitioned(state, &file)?;
            if store.as_ref().is_some_and(|store| *store != url) {
                return Err(SqlError::unsupported(
                    "reading a table whose data files lie in several object stores",
                )
                .into());
            }
            store = Some(url);
            found.push(wanted.with_statistics(known));
        }
        let Some(store) = store else {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema.project(columns)?),
                None => self.schema(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        };
        let mut source = self.source(state).with_enable_page_index(true);
        if let Some(predicate) = predicate {
            source = source.with_predicate(predicate);
        }
        let groups = FileGroup::new(found).split_files(state.config().target_partitions());
        let config = FileScanConfigBuilder::new(store, Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(summary)
            .with_limit(limit)
            .with_expr_adapter(Some(Arc::new(self.adapter())))
            .with_projection_indices(projection.cloned())?
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
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
        if self.row_ids {
            return self.scan_with_row_ids(state, projection, &files);
        }
        if let Some(limit) = limit.filter(|_| filters.is_empty()) {
            files.truncate(enough(&files, limit));
        }
        self.scan_rows(state, projection, files, predicate, limit)
    }
}

/// How many files hold this many rows, unless they are filtered.
fn enough(files: &[(LiveFile, Arc<Statistics>)], limit: usize) -> usize {
    let mut rows = 0_u64;
    for (at, (file, _)) in files.iter().enumerate() {
        if rows >= limit as u64 {
            return at;
        }
        rows = rows.saturating_add(file.record_count());
    }
    files.len()
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
