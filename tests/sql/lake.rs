//! A warehouse in a temporary directory, and what tests of writing ask of one table in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apache_iceberg::spec::{
    FormatVersion, Manifest, ManifestContentType, ManifestEntry, ManifestFile, ManifestList,
};
use arrow::record_batch::RecordBatch;
use futures::StreamExt as _;
use nunatak::base::clock::{ManualClock, SharedClock, Timestamp};
use nunatak::base::entropy::{SeededEntropy, SharedEntropy};
use nunatak::base::name::{RefExpr, WarehouseName};
use nunatak::catalog::address::{Scope, ViewOf};
use nunatak::catalog::files::TableFiles;
use nunatak::catalog::table_change::TableChange;
use nunatak::catalog::tables::TableRequest;
use nunatak::catalog::warehouses::NewWarehouse;
use nunatak::catalog::{Catalog, CatalogOptions, OpContext};
use nunatak::iceberg::cache::MetadataCache;
use nunatak::iceberg::io::Files;
use nunatak::iceberg::table::metadata::TableMetadata;
use nunatak::iceberg::table::partition::PartitionSpec;
use nunatak::iceberg::table::schema::Schema;
use nunatak::iceberg::table::update::TableUpdate;
use nunatak::sql::error::SqlResult;
use nunatak::sql::write::{DataFile, SnapshotWrite, TableUpdates};
use nunatak::store::memory::MemoryStore;
use serde_json::Value;

pub(crate) struct Lake {
    catalog: Arc<Catalog>,
    context: OpContext,
    scope: Scope,
    files: Files,
    entropy: SharedEntropy,
    clock: Arc<ManualClock>,
    _directory: tempfile::TempDir,
}

impl Lake {
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let start = Timestamp::parse("2026-11-21T08:00:00Z").unwrap();
        let manual = Arc::new(ManualClock::new(start));
        let clock: SharedClock = Arc::<ManualClock>::clone(&manual);
        let entropy: SharedEntropy = Arc::new(SeededEntropy::new(7));
        let files = TableFiles::new(
            Files::new(BTreeMap::new()),
            MetadataCache::default(),
            tokio::runtime::Handle::current(),
        );
        let name = WarehouseName::parse("lake").unwrap();
        let options = CatalogOptions {
            allowed_locations: Vec::new(),
            warehouse_root: format!("file://{}", directory.path().display()),
            default_warehouse: name.clone(),
        };
        let store = Arc::new(MemoryStore::new());
        let catalog =
            Catalog::open(store, Arc::new(files), clock, Arc::clone(&entropy), options).unwrap();
        let context = OpContext::for_actor("ann");
        let new = NewWarehouse { name: name.clone(), location: None, client_gc: false };
        catalog.warehouse_create(&context, new).await.unwrap();
        let warehouse = catalog.warehouse(&name).unwrap();
        let scope = Scope { warehouse, view: ViewOf::Ref(RefExpr::parse("main").unwrap()) };
        let files = Files::new(BTreeMap::new());
        Self { catalog, context, scope, files, entropy, clock: manual, _directory: directory }
    }

    /// What tests that speak SQL work with.
    pub(crate) const fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Makes the table `default.t`.
    pub(crate) async fn table(
        &self,
        fields: &Value,
        partitions: &Value,
        properties: &[(&str, &str)],
    ) {
        let schema = serde_json::json!({ "type": "struct", "schema-id": 0, "fields": fields });
        let spec = serde_json::json!({ "spec-id": 0, "fields": partitions });
        let request = TableRequest {
            name: "t".to_owned(),
            location: None,
            schema: Schema::parse(&schema.to_string()).unwrap(),
            spec: Some(PartitionSpec::parse(&spec.to_string()).unwrap()),
            sort_order: None,
            properties: properties.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
        };
        let levels = ["default".to_owned()];
        self.catalog.table_create(&self.context, &self.scope, &levels, request).await.unwrap();
    }

    pub(crate) async fn load(&self) -> Table<'_> {
        let levels = ["default".to_owned()];
        let loaded = self.catalog.table_load(&self.context, &self.scope, &levels, "t").await;
        let (_, loaded) = loaded.unwrap();
        Table { lake: self, metadata: loaded.metadata }
    }

    /// Commits changes to the table.
    pub(crate) async fn commit(&self, updates: TableUpdates) {
        self.clock.advance(std::time::Duration::from_secs(60));
        let change = TableChange {
            address: self.scope.content(&["default".to_owned()], "t").unwrap(),
            requirements: updates.requirements,
            updates: updates.updates,
        };
        self.catalog.table_commit(&self.context, &self.scope, vec![change]).await.unwrap();
    }

    pub(crate) async fn update(&self, updates: Vec<TableUpdate>) {
        self.commit(TableUpdates { updates, ..TableUpdates::default() }).await;
    }

    pub(crate) async fn append(&self, batch: RecordBatch) -> Vec<DataFile> {
        let table = self.load().await;
        let write = table.write().unwrap();
        let files = write.write_data(rows(vec![batch])).await.unwrap();
        let updates = write.append(files.clone()).await.unwrap();
        self.commit(updates).await;
        files
    }

    pub(crate) async fn overwrite(&self, batch: RecordBatch, removed: &[&str]) {
        let table = self.load().await;
        let write = table.write().unwrap();
        let files = write.write_data(rows(vec![batch])).await.unwrap();
        let removed: BTreeSet<String> = removed.iter().map(|path| (*path).to_owned()).collect();
        let updates = write.overwrite(files, &removed).await.unwrap();
        self.commit(updates).await;
    }
}

pub(crate) fn rows(
    batches: Vec<RecordBatch>,
) -> futures::stream::BoxStream<'static, SqlResult<RecordBatch>> {
    futures::stream::iter(batches.into_iter().map(Ok)).boxed()
}

/// One state of the table.
pub(crate) struct Table<'a> {
    lake: &'a Lake,
    pub(crate) metadata: Arc<TableMetadata>,
}

impl Table<'_> {
    pub(crate) fn write(&self) -> SqlResult<SnapshotWrite<'_>> {
        use nunatak::base::clock::Clock as _;
        let lake = self.lake;
        SnapshotWrite::new(&lake.files, &self.metadata, &lake.entropy, lake.clock.now())
    }

    /// The summary of the current snapshot in one line.
    pub(crate) fn summary(&self) -> String {
        let summary = self.metadata.current_snapshot().unwrap().summary();
        let shown: Vec<String> = summary
            .iter()
            .filter(|(key, _)| !key.ends_with("-size"))
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        shown.join(" ")
    }

    pub(crate) async fn list(&self) -> Vec<ManifestFile> {
        let snapshot = self.metadata.current_snapshot().unwrap();
        let path = snapshot.manifest_list.clone().unwrap();
        let bytes = self.lake.files.read(&path).await.unwrap();
        let version = match self.metadata.format_version() {
            1 => FormatVersion::V1,
            _ => FormatVersion::V2,
        };
        ManifestList::parse_with_version(&bytes, version).unwrap().entries().to_vec()
    }

    /// All entries of the current snapshot, as they stand in the manifests.
    pub(crate) async fn entries(&self) -> Vec<Arc<ManifestEntry>> {
        let mut entries = Vec::new();
        for manifest in self.list().await {
            assert_eq!(manifest.content, ManifestContentType::Data);
            let bytes = self.lake.files.read(&manifest.manifest_path).await.unwrap();
            assert_eq!(i64::try_from(bytes.len()).unwrap(), manifest.manifest_length);
            entries.extend(Manifest::parse_avro(&bytes).unwrap().into_parts().0);
        }
        entries
    }

    /// Statuses and numbers of the entries of each manifest.
    pub(crate) async fn describe(&self) -> String {
        let mut lines = Vec::new();
        for manifest in self.list().await {
            let bytes = self.lake.files.read(&manifest.manifest_path).await.unwrap();
            let (entries, _) = Manifest::parse_avro(&bytes).unwrap().into_parts();
            let known: Vec<i64> =
                self.metadata.snapshots().iter().map(|snapshot| snapshot.id).collect();
            let at = |id: i64| known.iter().position(|known| *known == id).unwrap() + 1;
            let shown: Vec<String> = entries
                .iter()
                .map(|entry| {
                    format!(
                        "{:?}@{} rows={} sequence={:?}/{:?}",
                        entry.status,
                        at(entry.snapshot_id.unwrap()),
                        entry.record_count(),
                        entry.sequence_number,
                        entry.file_sequence_number,
                    )
                })
                .collect();
            lines.push(format!(
                "manifest @{} sequence={} min={} files +{} ={} -{}: {}",
                at(manifest.added_snapshot_id),
                manifest.sequence_number,
                manifest.min_sequence_number,
                manifest.added_files_count.unwrap(),
                manifest.existing_files_count.unwrap(),
                manifest.deleted_files_count.unwrap(),
                shown.join(", ")
            ));
        }
        lines.join("\n")
    }

    /// The live files, read as Parquet.
    pub(crate) async fn read(&self) -> Vec<RecordBatch> {
        let mut batches = Vec::new();
        for entry in self.entries().await.iter().filter(|entry| entry.is_alive()) {
            batches.extend(self.lake.read_file(entry.file_path()).await);
        }
        batches
    }
}

impl Lake {
    pub(crate) async fn read_file(&self, path: &str) -> Vec<RecordBatch> {
        use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
        let bytes = self.files.read(path).await.unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
        reader.map(Result::unwrap).collect()
    }

    pub(crate) async fn bytes(&self, path: &str) -> bytes::Bytes {
        self.files.read(path).await.unwrap()
    }
}
