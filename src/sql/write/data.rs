//! Rows into data files: checked, split by partition, rolled when a file is long enough.

use std::collections::BTreeMap;
use std::sync::Arc;

use apache_iceberg::spec::Struct;
use futures::StreamExt as _;

use super::columns::{conform, table_arrow_schema};
use super::parquet_file::{FileForm, OpenFile};
use super::partitions::{Part, PartitionKey, Splitter};
use super::{DataFile, SnapshotWrite};
use crate::base::entropy::uuid_v4;
use crate::base::limits::{
    WRITE_BYTES_IN_MEMORY_MAX, WRITE_PARTITIONS_OPEN_MAX, WRITE_SLICE_ROWS_MAX,
};
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
        size_max: size_max(properties)?,
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

/// The length at which a file is ended.
fn size_max(properties: &BTreeMap<String, String>) -> SqlResult<usize> {
    let Some(text) = properties.get(TARGET_SIZE) else { return Ok(TARGET_SIZE_DEFAULT) };
    text.parse::<usize>().ok().filter(|size| *size > 0).ok_or_else(|| {
        SqlError::new(
            SqlState::InvalidParameterValue,
            format!("the table property {TARGET_SIZE} has the value {text:?}, which is no size"),
        )
    })
}

/// Data files of one write: some open, at most one for each partition, others done.
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
    file: OpenFile,
}

impl DataFiles<'_> {
    async fn add(&mut self, batch: &arrow::record_batch::RecordBatch) -> SqlResult<()> {
        for Part { key, values, rows } in self.splitter.split(batch)? {
            if !self.open.contains_key(&key) {
                while self.open.len() >= WRITE_PARTITIONS_OPEN_MAX {
                    self.finish_largest().await?;
                }
            }
            let open = match self.open.entry(key.clone()) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(Open { values, file: OpenFile::new(&self.form)? })
                }
            };
            open.file.write(&rows)?;
            if open.file.size() >= self.size_max {
                self.finish(&key).await?;
            }
            while self.memory() > WRITE_BYTES_IN_MEMORY_MAX {
                self.finish_largest().await?;
            }
        }
        Ok(())
    }

    fn memory(&self) -> usize {
        self.open.values().map(|open| open.file.memory()).sum()
    }

    async fn finish_largest(&mut self) -> SqlResult<()> {
        // Nothing borrowed is held while the file is put away: open files are not for two threads.
        let largest = {
            let largest = self.open.iter().max_by_key(|(_, open)| open.file.memory());
            largest.map(|(key, _)| key.clone())
        };
        match largest {
            Some(key) => self.finish(&key).await,
            None => Ok(()),
        }
    }

    /// Ends the file of a partition and puts it away.
    async fn finish(&mut self, key: &PartitionKey) -> SqlResult<()> {
        let Some(Open { values, file }) = self.open.remove(key) else { return Ok(()) };
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
        self.done.push(DataFile(file));
        Ok(())
    }

    async fn finish_all(mut self) -> SqlResult<Vec<DataFile>> {
        let keys: Vec<PartitionKey> = self.open.keys().cloned().collect();
        for key in keys {
            self.finish(&key).await?;
        }
        Ok(self.done)
    }
}
