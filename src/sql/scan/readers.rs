//! How bytes of Parquet files are fetched, errors with the names of files, and footers without what is not
//! Iceberg's.
//!
//! Writers that use Arrow leave its schema in the footer. Iceberg's types follow from Parquet's own; the
//! other schema could contradict them, and its parser ends the thread if a byte of it is damaged.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::{
    DefaultParquetFileReaderFactory, ParquetFileReaderFactory,
};
use datafusion::error::Result;
use datafusion::parquet::arrow::ARROW_SCHEMA_META_KEY;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::{FileMetaData, ParquetMetaData};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use object_store::ObjectStore;

use crate::sql::error::{SqlError, SqlState};

/// Makes readers for the files of one store.
#[derive(Debug)]
pub(super) struct Readers(DefaultParquetFileReaderFactory);

impl Readers {
    pub(super) fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self(DefaultParquetFileReaderFactory::new(store))
    }
}

impl ParquetFileReaderFactory for Readers {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let path = file.object_meta.location.to_string();
        Ok(Box::new(Reader { inner: self.0.create_reader(partition, file, hint, metrics)?, path }))
    }
}

struct Reader {
    inner: Box<dyn AsyncFileReader + Send>,
    path: String,
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        let Self { inner, path } = self;
        let read = inner.get_bytes(range);
        async move { read.await.map_err(|error| named(path, &error)) }.boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        let Self { inner, path } = self;
        let read = inner.get_byte_ranges(ranges);
        async move { read.await.map_err(|error| named(path, &error)) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let Self { inner, path } = self;
        let found = inner.get_metadata(options);
        async move {
            let found = found.await.map_err(|error| named(path, &error))?;
            Ok(without_arrow_schema(found))
        }
        .boxed()
    }
}

/// An error that says which file it is about. A store that does not answer is no damage.
fn named(path: &str, error: &ParquetError) -> ParquetError {
    let of_the_store = match error {
        ParquetError::External(inner) => inner.downcast_ref::<object_store::Error>(),
        _ => None,
    };
    let state = match of_the_store {
        None | Some(object_store::Error::NotFound { .. }) => SqlState::DataCorrupted,
        // The file is shorter than it says or than the table's metadata says.
        Some(other) if other.to_string().to_lowercase().contains("range") => {
            SqlState::DataCorrupted
        }
        Some(_) => SqlState::CannotConnectNow,
    };
    let message = format!("the data file {path} cannot be read: {error}");
    ParquetError::External(Box::new(SqlError::new(state, message)))
}

fn without_arrow_schema(footer: Arc<ParquetMetaData>) -> Arc<ParquetMetaData> {
    let file = footer.file_metadata();
    let Some(pairs) = file.key_value_metadata() else { return footer };
    if pairs.iter().all(|pair| pair.key != ARROW_SCHEMA_META_KEY) {
        return footer;
    }
    let kept = pairs.iter().filter(|pair| pair.key != ARROW_SCHEMA_META_KEY).cloned().collect();
    let file = FileMetaData::new(
        file.version(),
        file.num_rows(),
        file.created_by().map(ToOwned::to_owned),
        Some(kept),
        file.schema_descr_ptr(),
        file.column_orders().cloned(),
    );
    let mut parts = Arc::unwrap_or_clone(footer).into_builder();
    let mut other = ParquetMetaData::new(file, parts.take_row_groups()).into_builder();
    other = other.set_column_index(parts.take_column_index());
    other = other.set_offset_index(parts.take_offset_index());
    Arc::new(other.build())
}
