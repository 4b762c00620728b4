//! Rows with their identity: which live file a row stands in, and at which position.
//!
//! Statements that change rows read with this. A position counts the rows of the file as it is stored, so
//! nothing inside a file may be left out unseen: this plan is a leaf that the optimizer cannot look into,
//! it takes no filter, limit or sort order, and reads each file whole, in order, by a scan of its own.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties,
    SendableRecordBatchStream,
};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::sql::error::{SqlError, SqlState};

/// The column of a row's file: its place in [`live`](super::provider::IcebergTable::live), `UInt32`.
pub const ROW_FILE: &str = "\u{1f}file";
/// The column of a row's position in its file, deleted rows counted, from 0, `UInt64`.
pub const ROW_POSITION: &str = "\u{1f}position";

/// A table's columns, and those of row identities after them.
pub(super) fn with_row_ids(columns: &Schema) -> Schema {
    let mut fields = columns.fields().to_vec();
    fields.push(Arc::new(Field::new(ROW_FILE, DataType::UInt32, false)));
    fields.push(Arc::new(Field::new(ROW_POSITION, DataType::UInt64, false)));
    Schema::new_with_metadata(fields, columns.metadata().clone())
}

/// A file to read.
#[derive(Clone, Debug)]
pub(super) struct WholeFile {
    /// Its place among the live files.
    pub(super) index: u32,
    /// With the rows to leave out, if there are any.
    pub(super) file: PartitionedFile,
    /// The positions that are left then, in order; `None` if nothing was deleted.
    pub(super) live: Option<Arc<[Range<u64>]>>,
}

/// Where a column of the result comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    /// A column of what is read of the file.
    Data(usize),
    File,
    Position,
}

/// Which columns of the file to read, and how the result is made of them.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    origins: Arc<[Origin]>,
    schema: SchemaRef,
    data: Vec<usize>,
}

impl Layout {
    /// For a projection of the schema that [`with_row_ids`] makes.
    pub(super) fn new(schema: &SchemaRef, projection: Option<&Vec<usize>>) -> Result<Self> {
        let data_columns = schema.fields().len().saturating_sub(2);
        let wanted: Vec<usize> = match projection {
            Some(columns) => columns.clone(),
            None => (0..schema.fields().len()).collect(),
        };
        let mut data = Vec::new();
        let mut origins = Vec::with_capacity(wanted.len());
        for column in &wanted {
            origins.push(if *column < data_columns {
                data.push(*column);
                Origin::Data(data.len() - 1)
            } else if *column == data_columns {
                Origin::File
            } else {
                Origin::Position
            });
        }
        Ok(Self { origins: origins.into(), schema: Arc::new(schema.project(&wanted)?), data })
    }

    /// The columns of the table to read, in this order.
    pub(super) fn data(&self) -> &[usize] {
        &self.data
    }

    /// The columns of the result.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn batch(&self, read: &RecordBatch, file: u32, positions: Vec<u64>) -> Result<RecordBatch> {
        let rows = read.num_rows();
        let mut positions = Some(Arc::new(UInt64Array::from(positions)) as ArrayRef);
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.origins.len());
        for origin in self.origins.iter() {
            let column = match origin {
                Origin::Data(at) => read.columns().get(*at).map(Arc::clone),
                Origin::File => Some(Arc::new(UInt32Array::from(vec![file; rows])) as ArrayRef),
                Origin::Position => positions.take(),
            };
            columns.push(column.ok_or_else(|| internal("a file was read without a column"))?);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

fn internal(message: &str) -> SqlError {
    SqlError::new(SqlState::InternalError, message)
}

/// The positions of the rows that a scan of one file yields, in order.
struct Positions {
    next: Range<u64>,
    live: Option<Arc<[Range<u64>]>>,
    taken: usize,
}

impl Positions {
    fn new(live: Option<Arc<[Range<u64>]>>) -> Self {
        let next = if live.is_some() { 0..0 } else { 0..u64::MAX };
        Self { next, live, taken: 0 }
    }

    fn take(&mut self, rows: usize) -> Result<Vec<u64>> {
        let mut positions = Vec::with_capacity(rows);
        while positions.len() < rows {
            if self.next.is_empty() {
                let more = self.live.as_ref().and_then(|live| live.get(self.taken));
                self.next = more
                    .cloned()
                    .ok_or_else(|| internal("a data file holds more rows than its footer says"))?;
                self.taken += 1;
            }
            let missing = (rows - positions.len()) as u64;
            let until = self.next.end.min(self.next.start.saturating_add(missing));
            positions.extend(self.next.start..until);
            self.next.start = until;
        }
        Ok(positions)
    }

    /// Checks that there was a row for every position.
    fn finish(&self) -> Result<()> {
        let Some(live) = &self.live else { return Ok(()) };
        let rest = live.get(self.taken..).unwrap_or_default();
        if self.next.is_empty() && rest.iter().all(Range::is_empty) {
            return Ok(());
        }
        Err(internal("a data file holds fewer rows than its footer says").into())
    }
}

/// Reads whole files and adds where each row stands.
pub(super) struct RowIdsExec {
    partitions: Vec<Vec<WholeFile>>,
    /// How to read a file; its list of files is empty.
    template: Arc<FileScanConfig>,
    layout: Layout,
    properties: Arc<PlanProperties>,
}

impl RowIdsExec {
    /// A plan over files that are shared out among this many partitions at most.
    pub(super) fn new(
        files: Vec<WholeFile>,
        template: FileScanConfig,
        layout: Layout,
        partitions: usize,
    ) -> Self {
        let partitions = share_out(files, partitions);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&layout.schema)),
            Partitioning::UnknownPartitioning(partitions.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let properties = Arc::new(properties);
        Self { partitions, template: Arc::new(template), layout, properties }
    }
}

/// Gives each partition about as many bytes; there is always one, and none is empty but that.
fn share_out(mut files: Vec<WholeFile>, partitions: usize) -> Vec<Vec<WholeFile>> {
    let count = partitions.min(files.len()).max(1);
    let mut shares: Vec<(u64, Vec<WholeFile>)> = vec![(0, Vec::new()); count];
    files.sort_by_key(|file| std::cmp::Reverse(file.file.object_meta.size));
    for file in files {
        if let Some((bytes, share)) = shares.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            *bytes = bytes.saturating_add(file.file.object_meta.size.max(1));
            share.push(file);
        }
    }
    shares.into_iter().map(|(_, share)| share).collect()
}

/// Reads one file.
fn open(
    template: &FileScanConfig,
    layout: &Layout,
    file: WholeFile,
    context: &Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let mut config = template.clone();
    config.file_groups = vec![FileGroup::new(vec![file.file])];
    let read = DataSourceExec::from_data_source(config).execute(0, Arc::clone(context))?;
    let (index, schema, layout) = (file.index, Arc::clone(&layout.schema), layout.clone());
    let rows = futures::stream::try_unfold(
        (read, Positions::new(file.live)),
        move |(mut read, mut positions)| {
            let layout = layout.clone();
            async move {
                let Some(batch) = read.next().await.transpose()? else {
                    positions.finish()?;
                    return Ok(None);
                };
                let taken = positions.take(batch.num_rows())?;
                Ok(Some((layout.batch(&batch, index, taken)?, (read, positions))))
            }
        },
    );
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
}

impl fmt::Debug for RowIdsExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowIdsExec").field("partitions", &self.partitions).finish_non_exhaustive()
    }
}

impl DisplayAs for RowIdsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files: usize = self.partitions.iter().map(Vec::len).sum();
        let columns: Vec<&str> =
            self.layout.schema.fields().iter().map(|field| shown(field.name())).collect();
        write!(f, "RowIdsExec: files={files}, projection=[{}]", columns.join(", "))
    }
}

/// A name as a plan shows it.
fn shown(name: &str) -> &str {
    name.trim_start_matches('\u{1f}')
}

impl ExecutionPlan for RowIdsExec {
    fn name(&self) -> &'static str {
        "RowIdsExec"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let Some(files) = self.partitions.get(partition).cloned() else {
            return Err(internal("a plan was asked for a partition that it does not have").into());
        };
        let (template, layout) = (Arc::clone(&self.template), self.layout.clone());
        let rows = futures::stream::iter(files)
            .map(move |file| open(&template, &layout, file, &context))
            .try_flatten();
        let schema = Arc::clone(&self.layout.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
    }
}
