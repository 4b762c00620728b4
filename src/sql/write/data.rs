//! Rows into data files: checked, split by partition, rolled when a file is long enough.

use std::collections::BTreeMap;
use std::sync::Arc;

use apache_iceberg::spec::Struct;
use arrow::array::Array as _;
use arrow::record_batch::RecordBatch;
use futures::StreamExt as _;

use super::columns::{conform, table_arrow_schema};
use super::parquet_file::{FileForm, OpenFile, size};
use super::partitions::{Part, PartitionKey, Splitter};
use super::{DataFile, SnapshotWrite};
use crate::base::entropy::uuid_v4;
use crate::base::limits::{WRITE_BYTES_IN_MEMORY_MAX, WRITE_FILES_OPEN_MAX, WRITE_SLICE_ROWS_MAX};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::RowStream;

const TARGET_SIZE: &str = "write.target-file-size-bytes";
const TARGET_SIZE_DEFAULT: usize = 512 * 1024 * 1024;
const DATA_PATH: &str = "write.data.path";

/// Writes all rows of a stream.
pub(super) async fn write(
    write: &SnapshotWrite<'_>,
    mut rows: RowStream,
) -> SqlResult<Vec<DataFile>> {
    let schema = write.table.current_schema();
    let columns = table_arrow_schema(schema)?;
    let properties = write.metadata.properties();
    let spec = write.table.default_partition_spec();
    let mut files = DataFiles {
        write,
        form: FileForm::new(Arc::clone(schema), Arc::clone(&columns), properties)?,
        splitter: Splitter::new(spec, schema, &columns)?,
        spec_id: spec.spec_id(),
        directory: directory(write),
        size_max: size(properties, TARGET_SIZE)?.unwrap_or(TARGET_SIZE_DEFAULT),
        open: BTreeMap::new(),
        done: Vec::new(),
    };
    while let Some(batch) = rows.next().await {
        let batch = conform(&batch?, &columns)?;
        let mut start = 0;
        while start < batch.num_rows() {
            let length = WRITE_SLICE_ROWS_MAX.min(batch.num_rows() - start);
            files.add(&batch.slice(start, length)).await?;
            start += length;
        }
    }
    files.finish_all().await
}

/// Where data files go.
fn directory(write: &SnapshotWrite<'_>) -> String {
    match write.metadata.properties().get(DATA_PATH) {
        Some(path) => path.trim_end_matches('/').to_owned(),
        None => format!("{}/data", write.metadata.location().trim_end_matches('/')),
    }
}

/// Data files of one write, by partition.
///
/// A file in the making takes memory beyond its bytes, for each column. So only a few are open at once;
/// rows of other partitions wait as they came until there are enough of them, or too many in all.
struct DataFiles<'a> {
    write: &'a SnapshotWrite<'a>,
    form: FileForm,
    splitter: Splitter,
    spec_id: i32,
    directory: String,
    size_max: usize,
    open: BTreeMap<PartitionKey, Open>,
    done: Vec<DataFile>,
}

struct Open {
    values: Struct,
    file: Option<OpenFile>,
    /// Rows that are not yet in the file.
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
}

impl Open {
    fn memory(&self) -> usize {
        self.waiting_bytes + self.file.as_ref().map_or(0, OpenFile::memory)
    }
}

impl DataFiles<'_> {
    async fn add(&mut self, batch: &RecordBatch) -> SqlResult<()> {
        for Part { key, values, rows } in self.splitter.split(batch)? {
            let open = self.open.entry(key.clone()).or_insert_with(|| Open {
                values,
                file: None,
                waiting: Vec::new(),
                waiting_rows: 0,
                waiting_bytes: 0,
            });
            open.waiting_rows += rows.num_rows();
            open.waiting_bytes += length_of(&rows)?;
            open.waiting.push(rows);
            let enough = open.waiting_rows >= WRITE_SLICE_ROWS_MAX;
            if enough && self.may_open(&key) {
                self.encode(&key).await?;
            }
        }
        while self.memory() > WRITE_BYTES_IN_MEMORY_MAX {
            let Some((key, waits)) = self.largest() else { break };
            // Encoded, rows take less room; if that was not it, the file goes.
            if waits && self.may_open(&key) {
                self.encode(&key).await?;
            } else {
                self.finish(&key).await?;
            }
        }
        Ok(())
    }

    /// The partition that takes most memory, and whether rows of it wait.
    fn largest(&self) -> Option<(PartitionKey, bool)> {
        let (key, open) = self.open.iter().max_by_key(|(_, open)| open.memory())?;
        Some((key.clone(), !open.waiting.is_empty()))
    }

    fn memory(&self) -> usize {
        self.open.values().map(Open::memory).sum()
    }

    /// Whether a partition has an open file or may have one more.
    fn may_open(&self, key: &PartitionKey) -> bool {
        self.open.get(key).is_some_and(|open| open.file.is_some())
            || self.open.values().filter(|open| open.file.is_some()).count() < WRITE_FILES_OPEN_MAX
    }

    /// Moves rows that wait into the partition's file, and ends the file where it is long enough.
    async fn encode(&mut self, key: &PartitionKey) -> SqlResult<()> {
        let Some(open) = self.open.get_mut(key) else { return Ok(()) };
        (open.waiting_rows, open.waiting_bytes) = (0, 0);
        let values = open.values.clone();
        for rows in std::mem::take(&mut open.waiting) {
            let Some(open) = self.open.get_mut(key) else { return Ok(()) };
            let mut file = match open.file.take() {
                Some(file) => file,
                None => OpenFile::new(&self.form)?,
            };
            file.write(&rows)?;
            if file.size() >= self.size_max {
                self.put(file, values.clone()).await?;
            } else {
                open.file = Some(file);
            }
        }
        Ok(())
    }

    /// Ends a partition's file.
    async fn finish(&mut self, key: &PartitionKey) -> SqlResult<()> {
        self.encode(key).await?;
        if let Some(Open { values, file: Some(file), .. }) = self.open.remove(key) {
            self.put(file, values).await?;
        }
        Ok(())
    }

    async fn finish_all(mut self) -> SqlResult<Vec<DataFile>> {
        let keys: Vec<PartitionKey> = self.open.keys().cloned().collect();
        for key in keys {
            self.finish(&key).await?;
        }
        Ok(self.done)
    }

    /// Puts a file away under a name of its own.
    async fn put(&mut self, file: OpenFile, values: Struct) -> SqlResult<()> {
        let (bytes, mut builder) = file.finish()?;
        let partition = self.splitter.path(&values);
        let separator = if partition.is_empty() { "" } else { "/" };
        let name = uuid_v4(&**self.write.entropy);
        let path = format!("{}/{partition}{separator}{name}.parquet", self.directory);
        self.write.files.create(&path, bytes).await?;
        let file = builder
            .file_path(path)
            .partition(values)
            .partition_spec_id(self.spec_id)
            .build()
            .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))?;
        self.done.push(DataFile { file, form: self.write.form() });
        Ok(())
    }
}

/// How many bytes rows have in memory, without what their buffers hold besides.
fn length_of(rows: &RecordBatch) -> SqlResult<usize> {
    let mut sum = 0;
    for column in rows.columns() {
        let length = column.to_data().get_slice_memory_size();
        sum += length.map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))?;
    }
    Ok(sum)
}
