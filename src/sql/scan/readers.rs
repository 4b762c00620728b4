//! How bytes of Parquet files are fetched, and footers: kept in memory, without what is not Iceberg's.
//!
//! A data file never changes, so its footer with the indexes of its pages is read and parsed once.
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
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::parquet::arrow::ARROW_SCHEMA_META_KEY;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::metadata::{FileMetaData, PageIndexPolicy, ParquetMetaData};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use object_store::ObjectStore;

use super::provider::TableReader;
use crate::base::limits::FOOTER_CACHE_BYTES;

/// Footers of Parquet files by store, path and size of the file.
#[derive(Debug)]
pub(super) struct FooterCache {
    footers: quick_cache::sync::Cache<String, Arc<ParquetMetaData>, Weight>,
}

#[derive(Clone, Debug)]
struct Weight;

impl quick_cache::Weighter<String, Arc<ParquetMetaData>> for Weight {
    fn weight(&self, key: &String, footer: &Arc<ParquetMetaData>) -> u64 {
        (key.len() + footer.memory_size()) as u64
    }
}

impl Default for FooterCache {
    fn default() -> Self {
        let footers = quick_cache::sync::Cache::with_weighter(1024, FOOTER_CACHE_BYTES, Weight);
        Self { footers }
    }
}

/// Makes readers for the files of one store.
#[derive(Debug)]
pub(super) struct Readers {
    url: ObjectStoreUrl,
    files: DefaultParquetFileReaderFactory,
    shared: Arc<TableReader>,
}

impl Readers {
    /// Readers for the store that has this URL.
    pub(super) fn new(
        url: ObjectStoreUrl,
        store: Arc<dyn ObjectStore>,
        shared: Arc<TableReader>,
    ) -> Self {
        Self { url, files: DefaultParquetFileReaderFactory::new(store), shared }
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
        let object = &file.object_meta;
        let key = format!("{} {} {}", object.size, self.url, object.location);
        let bytes = self.files.create_reader(partition, file, hint, metrics)?;
        Ok(Box::new(Reader { key, bytes, shared: Arc::clone(&self.shared) }))
    }
}

struct Reader {
    key: String,
    bytes: Box<dyn AsyncFileReader + Send>,
    shared: Arc<TableReader>,
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.bytes.get_bytes(range)
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        self.bytes.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let footers = &self.shared.footers.footers;
        if let Some(known) = footers.get(&self.key) {
            return std::future::ready(Ok(known)).boxed();
        }
        let (key, bytes) = (&self.key, &mut self.bytes);
        async move {
            let all = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
            let footer = without_arrow_schema(bytes.get_metadata(Some(&all)).await?);
            footers.insert(key.clone(), Arc::clone(&footer));
            Ok(footer)
        }
        .boxed()
    }
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
