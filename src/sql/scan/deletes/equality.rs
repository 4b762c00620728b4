//! Equality delete files: rows with these values in these columns are deleted from older files.
//!
//! Values are compared as keys of bytes: null equals null, every NaN is the same, and zero differs from
//! negative zero, as in the reference implementation. A column is read with the type that it has today, in
//! delete files and data files alike, also if it was dropped since.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use apache_iceberg::spec;
use arrow::array::{ArrayRef, AsArray as _};
use arrow::datatypes::{DataType, Float32Type, Float64Type, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, Rows, SortField};
use futures::{StreamExt as _, TryStreamExt as _};
use roaring::RoaringTreemap;

use super::index::{DeleteFile, Kind, Scope};
use super::load::{Pending, Reading};
use super::{Budget, unreadable};
use crate::base::limits::DELETE_FILES_AT_ONCE;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::scan::files::LiveFile;
use crate::sql::spec::{failure, read_schema};

/// Memory that a key takes besides its bytes, about.
const KEY_BYTES: u64 = 64;
/// Memory that a position takes, about.
const POSITION_BYTES: u64 = 4;

/// Delete files of the same columns that apply in the same place.
#[derive(Default)]
struct Group {
    deletes: BTreeMap<String, Arc<DeleteFile>>,
    /// The data files, by their places among those pending.
    data: Vec<usize>,
}

/// Reads the equality delete files of all files that have some, each once, and finds the rows.
pub(super) async fn read(
    reading: &Reading<'_>,
    pending: &mut [Pending],
    budget: &Budget,
) -> SqlResult<()> {
    let mut groups: BTreeMap<(Scope, Vec<i32>), Group> = BTreeMap::new();
    for (at, file) in pending.iter().enumerate() {
        for deletes in &file.applied.equality {
            let Kind::Equality(ids) = &deletes.kind else { continue };
            let group = groups.entry((deletes.scope.clone(), ids.clone())).or_default();
            group.deletes.insert(deletes.file_path().to_owned(), Arc::clone(deletes));
            if group.data.last() != Some(&at) {
                group.data.push(at);
            }
        }
    }
    for ((_, ids), group) in groups {
        let columns = Columns::new(reading.metadata(), &ids)?;
        let keys = Keys::read(reading, &columns, group.deletes.into_values(), budget).await?;
        let files: Vec<(usize, LiveFile)> = group
            .data
            .into_iter()
            .filter_map(|at| Some((at, pending.get(at)?.file.clone())))
            .collect();
        let (columns, keys) = (&columns, &keys);
        let matches = files.into_iter().map(|(at, file)| async move {
            let found = keys.matches(reading, columns, &file, budget).await?;
            Ok::<_, SqlError>((at, found))
        });
        let mut matches = futures::stream::iter(matches).buffered(DELETE_FILES_AT_ONCE);
        while let Some((at, found)) = matches.try_next().await? {
            if let Some(file) = pending.get_mut(at) {
                file.deleted |= found;
            }
        }
    }
    Ok(())
}

/// The columns that rows are compared by.
struct Columns {
    schema: SchemaRef,
    converter: RowConverter,
}

impl Columns {
    fn new(table: &spec::TableMetadata, ids: &[i32]) -> SqlResult<Self> {
        let fields = ids.iter().map(|id| column(table, *id)).collect::<SqlResult<Vec<_>>>()?;
        let schema = spec::Schema::builder().with_fields(fields).build();
        let schema = read_schema(&schema.map_err(|error| failure(&error))?)?;
        let sorts = schema.fields().iter().map(|field| SortField::new(field.data_type().clone()));
        let converter = RowConverter::new(sorts.collect()).map_err(|error| {
            SqlError::unsupported(format_args!("reading equality deletes ({error})"))
        })?;
        Ok(Self { schema, converter })
    }

    fn keys(&self, batch: &RecordBatch) -> SqlResult<Rows> {
        let columns: Vec<ArrayRef> = batch.columns().iter().map(one_nan).collect();
        self.converter
            .convert_columns(&columns)
            .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))
    }
}

/// A column as it is today or as it was last. It gets a name of its own: another may have taken its name.
fn column(table: &spec::TableMetadata, id: i32) -> SqlResult<spec::NestedFieldRef> {
    let mut schemas: Vec<&spec::SchemaRef> = table.schemas_iter().collect();
    schemas.sort_by_key(|schema| std::cmp::Reverse(schema.schema_id()));
    schemas.insert(0, table.current_schema());
    let find = |schema: &&spec::SchemaRef| {
        schema.as_struct().fields().iter().find(|field| field.id == id).cloned()
    };
    let Some(found) = schemas.iter().find_map(find) else {
        return Err(SqlError::unsupported(format_args!(
            "reading equality deletes by the column {id}, which is no column of the table itself,"
        )));
    };
    if !found.field_type.is_primitive() {
        return Err(SqlError::unsupported(format_args!(
            "reading equality deletes by the column {:?} of the type {}",
            found.name, found.field_type
        )));
    }
    let mut own = spec::NestedField::clone(&found);
    own.name = format!("c{id}");
    own.required = false;
    Ok(Arc::new(own))
}

/// The same values with one NaN for all.
fn one_nan(values: &ArrayRef) -> ArrayRef {
    match values.data_type() {
        DataType::Float32 => Arc::new(
            values
                .as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|value| if value.is_nan() { f32::NAN } else { value }),
        ),
        DataType::Float64 => Arc::new(
            values
                .as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(|value| if value.is_nan() { f64::NAN } else { value }),
        ),
        _ => Arc::clone(values),
    }
}

/// Deleted keys, each with the sequence number of the youngest file that deletes it.
struct Keys {
    youngest: HashMap<Box<[u8]>, i64>,
}

impl Keys {
    async fn read(
        reading: &Reading<'_>,
        columns: &Columns,
        deletes: impl Iterator<Item = Arc<DeleteFile>>,
        budget: &Budget,
    ) -> SqlResult<Self> {
        let reads = deletes.map(|file| async move {
            let path = file.file_path();
            reading.check(path)?;
            let adapter = reading.adapter_of_deletes();
            let schema = Arc::clone(&columns.schema);
            let mut rows = reading.scan(path, file.file_size_in_bytes(), schema, adapter)?;
            let mut found = Vec::new();
            while let Some(batch) = rows.next().await {
                let keys = columns.keys(&batch.map_err(|error| unreadable(path, error))?)?;
                budget.take(keys.size() as u64)?;
                found.push(keys);
            }
            Ok::<_, SqlError>((file.sequence, found))
        });
        let mut reads = futures::stream::iter(reads).buffered(DELETE_FILES_AT_ONCE);
        let mut youngest: HashMap<Box<[u8]>, i64> = HashMap::new();
        while let Some((sequence, found)) = reads.try_next().await? {
            for key in found.iter().flatten() {
                let key = key.as_ref();
                match youngest.get_mut(key) {
                    Some(known) => *known = (*known).max(sequence),
                    None => {
                        budget.take(key.len() as u64 + KEY_BYTES)?;
                        youngest.insert(key.into(), sequence);
                    }
                }
            }
        }
        Ok(Self { youngest })
    }

    /// The positions of a file's rows that are deleted.
    async fn matches(
        &self,
        reading: &Reading<'_>,
        columns: &Columns,
        file: &LiveFile,
        budget: &Budget,
    ) -> SqlResult<RoaringTreemap> {
        let mut found = RoaringTreemap::new();
        let age = file.sequence.unwrap_or_default();
        if !self.youngest.values().any(|youngest| *youngest > age) {
            return Ok(found);
        }
        let (path, size) = (file.file_path(), file.file_size_in_bytes());
        let adapter = reading.adapter();
        let mut rows = reading.scan(path, size, Arc::clone(&columns.schema), adapter)?;
        let mut position = 0_u64;
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(|error| unreadable(path, error))?;
            let before = found.len();
            for key in &columns.keys(&batch)? {
                if self.youngest.get(key.as_ref()).is_some_and(|youngest| *youngest > age) {
                    found.insert(position);
                }
                position += 1;
            }
            budget.take((found.len() - before) * POSITION_BYTES)?;
        }
        Ok(found)
    }
}
