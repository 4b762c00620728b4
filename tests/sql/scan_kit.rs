//! Tables made by hand: Parquet files with chosen row groups and field ids, snapshots with chosen entries.

use std::collections::HashMap;
use std::sync::Arc;

use apache_iceberg::io::FileIO;
use apache_iceberg::spec::{
    DataContentType, DataFile, DataFileBuilder, DataFileFormat, FormatVersion, ManifestListWriter,
    ManifestWriterBuilder, Struct,
};
use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::{Field, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::prelude::{SessionConfig, SessionContext};
use nunatak::base::name::WarehouseName;
use nunatak::iceberg::table::snapshot::{Snapshot, SnapshotRef};
use nunatak::iceberg::table::update::TableUpdate;
use nunatak::sql::error::{SqlError, SqlResult};
use nunatak::sql::scan::provider::{IcebergTable, TableReader};
use parquet::arrow::{ArrowWriter, PARQUET_FIELD_ID_META_KEY};
use parquet::file::properties::WriterProperties;
use serde_json::json;

use crate::lake::Lake;

/// Columns with field ids.
pub(crate) fn batch(columns: &[(&str, i32, ArrayRef)]) -> RecordBatch {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, id, values)| {
            let id = [(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())];
            Field::new(*name, values.data_type().clone(), true).with_metadata(HashMap::from(id))
        })
        .collect();
    let values = columns.iter().map(|(_, _, values)| Arc::clone(values)).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), values).unwrap()
}

/// The bytes of a Parquet file with this many rows in a row group.
pub(crate) fn parquet(batch: &RecordBatch, group: usize) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group))
        .set_data_page_row_count_limit(3)
        .set_write_batch_size(1)
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

/// A file of a snapshot: its data sequence number, and what the manifest says of it.
pub(crate) type Entry = (i64, DataFile);

impl Lake {
    /// Puts a file into the warehouse; answers where.
    pub(crate) async fn put(&self, name: &str, bytes: Vec<u8>) -> String {
        let place = self.place(&format!("by-hand/{name}"));
        self.catalog().files().io().create(&place, bytes.into()).await.unwrap();
        place
    }

    /// Writes a data file and describes it.
    pub(crate) async fn data_file(&self, name: &str, rows: &RecordBatch, group: usize) -> DataFile {
        let bytes = parquet(rows, group);
        let size = bytes.len() as u64;
        let path = self.put(name, bytes).await;
        described(DataContentType::Data, path, rows.num_rows() as u64, size).build().unwrap()
    }

    /// Makes a snapshot of the table `t` of exactly these files.
    pub(crate) async fn snapshot(&self, entries: &[Entry]) {
        let table = self.load().await;
        let library = nunatak::sql::spec::table(&table.metadata).unwrap();
        let sequence = table.metadata.last_sequence_number() + 1;
        let id = 1000 + sequence;
        let version = library.format_version();
        let io = FileIO::new_with_fs();
        let at = |name: &str| format!("{}/metadata/{id}-{name}", table.metadata.location());
        let mut manifests = Vec::new();
        for spec in library.partition_specs_iter() {
            for deletes in [false, true] {
                let of_manifest = entries.iter().filter(|(_, file)| {
                    (file.content_type() != DataContentType::Data) == deletes
                        && spec_of(file) == spec.spec_id()
                });
                let of_manifest: Vec<&Entry> = of_manifest.collect();
                if of_manifest.is_empty() {
                    continue;
                }
                let name = at(&format!("{}-{deletes}.avro", spec.spec_id()));
                let builder = ManifestWriterBuilder::new(
                    io.new_output(name).unwrap(),
                    Some(id),
                    Arc::clone(library.current_schema()),
                    spec.as_ref().clone(),
                );
                let mut writer = match (version, deletes) {
                    (FormatVersion::V1, _) => builder.build_v1(),
                    (FormatVersion::V2, false) => builder.build_v2_data(),
                    (FormatVersion::V2, true) => builder.build_v2_deletes(),
                    (FormatVersion::V3, false) => builder.build_v3_data(),
                    (FormatVersion::V3, true) => builder.build_v3_deletes(),
                };
                for (sequence, file) in of_manifest {
                    let (file, number) = (file.clone(), *sequence);
                    writer.add_existing_file(file, id, number, Some(number)).unwrap();
                }
                manifests.push(writer.write_manifest_file().await.unwrap());
            }
        }
        let list = io.new_output(at("list.avro")).unwrap().writer().await.unwrap();
        let mut list = match version {
            FormatVersion::V1 => ManifestListWriter::v1(list, id, None),
            FormatVersion::V2 => ManifestListWriter::v2(list, id, None, sequence),
            FormatVersion::V3 => ManifestListWriter::v3(list, id, None, sequence, Some(0)),
        };
        list.add_manifests(manifests.into_iter()).unwrap();
        list.close().await.unwrap();
        let mut snapshot = json!({
            "snapshot-id": id, "sequence-number": sequence,
            "timestamp-ms": table.metadata.last_updated_ms() + 1,
            "summary": {"operation": "overwrite"},
            "manifest-list": at("list.avro"), "schema-id": table.metadata.current_schema_id(),
        });
        if let Some(parent) = table.metadata.current_snapshot_id() {
            snapshot["parent-snapshot-id"] = json!(parent);
        }
        if version == FormatVersion::V3 {
            snapshot["first-row-id"] = json!(library.next_row_id());
            snapshot["added-rows"] = json!(1000);
        }
        if version == FormatVersion::V1 {
            snapshot.as_object_mut().unwrap().remove("sequence-number");
        }
        drop(table);
        self.update(vec![
            TableUpdate::AddSnapshot(Arc::new(Snapshot::parse(&snapshot.to_string()).unwrap())),
            TableUpdate::SetSnapshotRef("main".to_owned(), SnapshotRef::branch(id)),
        ])
        .await;
    }

    /// What the tables of a server share.
    pub(crate) fn reader(&self) -> Arc<TableReader> {
        Arc::new(TableReader::new(Arc::clone(self.catalog().files())))
    }

    /// The table `t` as queries read it.
    pub(crate) async fn provider(&self) -> SqlResult<IcebergTable> {
        self.provider_with(&self.reader()).await
    }

    /// The same on a server that has read before.
    pub(crate) async fn provider_with(&self, reader: &Arc<TableReader>) -> SqlResult<IcebergTable> {
        let warehouse = self.catalog().warehouse(&WarehouseName::parse("lake").unwrap()).unwrap();
        let policy = self.catalog().files().policy(&warehouse, self.catalog().options()).unwrap();
        let table = self.load().await;
        let metadata = nunatak::sql::spec::table(&table.metadata)?;
        IcebergTable::new(Arc::clone(reader), policy, metadata, None)
    }
}

fn spec_of(file: &DataFile) -> i32 {
    // The library keeps the id to itself; tests name it by the sort order.
    file.sort_order_id().unwrap_or_default()
}

/// What a manifest says of a file.
pub(crate) fn described(
    content: DataContentType,
    path: String,
    rows: u64,
    size: u64,
) -> DataFileBuilder {
    let mut builder = DataFileBuilder::default();
    builder
        .content(content)
        .file_format(DataFileFormat::Parquet)
        .file_path(path)
        .partition(Struct::empty())
        .record_count(rows)
        .file_size_in_bytes(size);
    builder
}

pub(crate) fn context(partitions: usize) -> SessionContext {
    let mut config = SessionConfig::new().with_target_partitions(partitions).with_batch_size(4);
    config.options_mut().execution.parquet.pushdown_filters = true;
    config.options_mut().execution.parquet.reorder_filters = true;
    // Small files are shared out among partitions, too.
    config.options_mut().optimizer.repartition_file_min_size = 1;
    SessionContext::new_with_config(config)
}

/// What a query of a table `t` answers: a line for each row, sorted.
pub(crate) async fn ask(table: IcebergTable, text: &str) -> SqlResult<Vec<String>> {
    let context = context(3);
    context.register_table("t", Arc::new(table)).unwrap();
    let batches = context.sql(text).await.map_err(SqlError::from)?.collect().await;
    let mut lines = Vec::new();
    for batch in batches.map_err(SqlError::from)? {
        let options = FormatOptions::default().with_null("-");
        let columns: Vec<ArrayFormatter<'_>> = batch
            .columns()
            .iter()
            .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
            .collect();
        for row in 0..batch.num_rows() {
            let cells: Vec<String> =
                columns.iter().map(|column| column.value(row).to_string()).collect();
            lines.push(cells.join(" "));
        }
    }
    lines.sort_unstable();
    Ok(lines)
}

/// The plan of a query of a table `t`.
pub(crate) async fn explain(table: IcebergTable, text: &str) -> String {
    let context = context(3);
    context.register_table("t", Arc::new(table)).unwrap();
    let batches = context.sql(&format!("EXPLAIN {text}")).await.unwrap().collect().await.unwrap();
    let plan = batches[0].column(1).as_string::<i32>();
    plan.value(plan.len() - 1).to_owned()
}
