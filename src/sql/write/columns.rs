//! Batches brought into the form in which a table's columns are written.
//!
//! A value is never changed: only other encodings of the same values (string views, dictionaries, wider
//! offsets, another name for UTC) are taken over. Whatever else does not fit is an error, and so is a null
//! where the table allows none.

use std::collections::BTreeMap;
use std::sync::Arc;

use apache_iceberg::arrow::schema_to_arrow_schema;
use apache_iceberg::spec;
use arrow::array::{
    Array, ArrayRef, AsArray as _, ListArray, MapArray, StructArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Decimal128Type, Field, FieldRef, Fields, SchemaRef, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::record_batch::RecordBatch;

use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::spec::failure;

/// The columns of a table as they are written: with field ids in the metadata of every field, nested ones
/// included.
///
/// # Errors
/// `FeatureNotSupported` for a type without a counterpart.
pub fn table_arrow_schema(schema: &spec::Schema) -> SqlResult<SchemaRef> {
    schema_to_arrow_schema(schema).map(Arc::new).map_err(|error| failure(&error))
}

/// Brings a batch into the form of the table's columns, which stand in the same order.
pub(super) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> SqlResult<RecordBatch> {
    if batch.num_columns() != schema.fields().len() {
        return Err(SqlError::new(
            SqlState::DatatypeMismatch,
            format!(
                "rows have {} columns and the table has {}",
                batch.num_columns(),
                schema.fields().len()
            ),
        ));
    }
    let columns = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, array)| conform_field(array, field, field.name(), None))
        .collect::<SqlResult<Vec<_>>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns).map_err(|error| broken(&error))
}

/// Brings one field into form; `outer` tells in which rows the value around it is there.
fn conform_field(
    array: &ArrayRef,
    field: &Field,
    path: &str,
    outer: Option<&NullBuffer>,
) -> SqlResult<ArrayRef> {
    let array = conform_type(array, field.data_type(), path)?;
    if !field.is_nullable() && has_nulls(&array, outer) {
        return Err(SqlError::new(
            SqlState::NotNullViolation,
            format!("null value in column \"{path}\" violates not-null constraint"),
        ));
    }
    Ok(array)
}

/// Whether a value is null where the value around it is not.
fn has_nulls(array: &ArrayRef, outer: Option<&NullBuffer>) -> bool {
    let Some(nulls) = array.nulls().filter(|nulls| nulls.null_count() > 0) else { return false };
    match outer {
        None => true,
        Some(outer) => nulls.iter().zip(outer.iter()).any(|(valid, outside)| outside && !valid),
    }
}

fn conform_type(array: &ArrayRef, target: &DataType, path: &str) -> SqlResult<ArrayRef> {
    match (array.data_type(), target) {
        (DataType::Null, _) => Ok(new_null_array(target, array.len())),
        (DataType::Dictionary(_, _), _) => {
            let values = match array.data_type() {
                DataType::Dictionary(_, values) => values.as_ref().clone(),
                other => other.clone(),
            };
            conform_type(&recode(array, &values)?, target, path)
        }
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, DataType::Utf8)
        | (
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView,
            DataType::LargeBinary,
        ) => recode(array, target),
        (
            DataType::Timestamp(TimeUnit::Microsecond, Some(_)),
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone)),
        ) => {
            // The zone is how an instant is shown; the instant stays.
            let values = array.as_primitive::<TimestampMicrosecondType>();
            let named: TimestampMicrosecondArray = values.clone().with_timezone(Arc::clone(zone));
            Ok(Arc::new(named))
        }
        (DataType::Decimal128(_, _), DataType::Decimal128(precision, _))
            if array.data_type() == target =>
        {
            let values = array.as_primitive::<Decimal128Type>();
            values.validate_decimal_precision(*precision).map_err(|_| {
                SqlError::new(
                    SqlState::DataException,
                    format!("a value of column \"{path}\" has more than {precision} digits"),
                )
            })?;
            Ok(Arc::clone(array))
        }
        (DataType::Struct(from), DataType::Struct(to)) => conform_struct(array, from, to, path),
        (DataType::List(_), DataType::List(element)) => conform_list(array, element, path),
        (DataType::LargeList(_) | DataType::ListView(_), DataType::List(element)) => {
            let inner = match array.data_type() {
                DataType::LargeList(inner) | DataType::ListView(inner) => Arc::clone(inner),
                _ => Arc::clone(element),
            };
            conform_list(&recode(array, &DataType::List(inner))?, element, path)
        }
        (DataType::Map(_, _), DataType::Map(entries, _)) => conform_map(array, entries, path),
        (from, to) if from == to => Ok(Arc::clone(array)),
        (from, to) => Err(SqlError::new(
            SqlState::DatatypeMismatch,
            format!("column \"{path}\" is of type {to} but the rows have {from}"),
        )),
    }
}

/// Another encoding of the same values; a failure is an error, never a null.
fn recode(array: &ArrayRef, target: &DataType) -> SqlResult<ArrayRef> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, target, &options).map_err(|error| broken(&error))
}

fn conform_struct(array: &ArrayRef, from: &Fields, to: &Fields, path: &str) -> SqlResult<ArrayRef> {
    let array = array.as_struct();
    let same =
        from.len() == to.len() && from.iter().zip(to).all(|(from, to)| from.name() == to.name());
    if !same {
        return Err(SqlError::new(
            SqlState::DatatypeMismatch,
            format!("column \"{path}\" has other fields than the rows"),
        ));
    }
    let columns = to
        .iter()
        .zip(array.columns())
        .map(|(field, column)| {
            let path = format!("{path}.{}", field.name());
            conform_field(column, field, &path, array.nulls())
        })
        .collect::<SqlResult<Vec<_>>>()?;
    if to.is_empty() {
        return Ok(Arc::new(StructArray::new_empty_fields(array.len(), array.nulls().cloned())));
    }
    StructArray::try_new(to.clone(), columns, array.nulls().cloned())
        .map(|array| Arc::new(array) as ArrayRef)
        .map_err(|error| broken(&error))
}

/// Which elements belong to a list that is there, from the bounds of each list.
fn covered(offsets: &[i32], nulls: Option<&NullBuffer>, elements: usize) -> Option<NullBuffer> {
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0)?;
    let mut inside = vec![false; elements];
    for (bounds, valid) in offsets.windows(2).zip(nulls.iter()) {
        let range = usize::try_from(bounds[0]).ok()?..usize::try_from(bounds[1]).ok()?;
        if valid && let Some(part) = inside.get_mut(range) {
            part.fill(true);
        }
    }
    Some(NullBuffer::from(inside))
}

/// Cuts away what lies outside of all lists, so that only real elements are looked at.
fn used(offsets: &[i32], elements: &ArrayRef) -> (ArrayRef, Vec<i32>) {
    let first = offsets.first().copied().unwrap_or(0);
    let last = offsets.last().copied().unwrap_or(0);
    let start = usize::try_from(first).unwrap_or(0);
    let length = usize::try_from(last - first).unwrap_or(0);
    let moved = offsets.iter().map(|offset| offset - first).collect();
    (elements.slice(start, length), moved)
}

fn conform_list(array: &ArrayRef, element: &FieldRef, path: &str) -> SqlResult<ArrayRef> {
    let list = array.as_list::<i32>();
    let (elements, offsets) = used(list.value_offsets(), list.values());
    let inside = covered(&offsets, list.nulls(), elements.len());
    let path = format!("{path}.{}", element.name());
    let elements = conform_field(&elements, element, &path, inside.as_ref())?;
    let offsets = arrow::buffer::OffsetBuffer::new(offsets.into());
    ListArray::try_new(Arc::clone(element), offsets, elements, list.nulls().cloned())
        .map(|array| Arc::new(array) as ArrayRef)
        .map_err(|error| broken(&error))
}

fn conform_map(array: &ArrayRef, entries: &FieldRef, path: &str) -> SqlResult<ArrayRef> {
    let map = array.as_map();
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(SqlError::new(SqlState::InternalError, "a map without keys and values"));
    };
    let (keys, offsets) = used(map.value_offsets(), map.keys());
    let (values, _) = used(map.value_offsets(), map.values());
    let inside = covered(&offsets, map.nulls(), keys.len());
    let columns = fields
        .iter()
        .zip([keys, values])
        .map(|(field, column)| {
            conform_field(&column, field, &format!("{path}.{}", field.name()), inside.as_ref())
        })
        .collect::<SqlResult<Vec<_>>>()?;
    let structs =
        StructArray::try_new(fields.clone(), columns, None).map_err(|error| broken(&error))?;
    let offsets = arrow::buffer::OffsetBuffer::new(offsets.into());
    MapArray::try_new(Arc::clone(entries), offsets, structs, map.nulls().cloned(), false)
        .map(|array| Arc::new(array) as ArrayRef)
        .map_err(|error| broken(&error))
}

/// Adds how many values of each `float` and `double` column are not a number; inside lists and maps they
/// are not counted, because nothing is kept of those but sizes.
pub(super) fn count_nans(batch: &RecordBatch, counts: &mut BTreeMap<i32, u64>) {
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        count_nans_in(field, array, None, counts);
    }
}

fn count_nans_in(
    field: &Field,
    array: &ArrayRef,
    outer: Option<&NullBuffer>,
    counts: &mut BTreeMap<i32, u64>,
) {
    use arrow::datatypes::{Float32Type, Float64Type};
    let nulls = NullBuffer::union(outer, array.nulls());
    let is_there = |row: usize| nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
    let count = match field.data_type() {
        DataType::Float32 => {
            let values = array.as_primitive::<Float32Type>().values().iter().enumerate();
            values.filter(|(row, value)| value.is_nan() && is_there(*row)).count()
        }
        DataType::Float64 => {
            let values = array.as_primitive::<Float64Type>().values().iter().enumerate();
            values.filter(|(row, value)| value.is_nan() && is_there(*row)).count()
        }
        DataType::Struct(fields) => {
            for (field, column) in fields.iter().zip(array.as_struct().columns()) {
                count_nans_in(field, column, nulls.as_ref(), counts);
            }
            return;
        }
        _ => return,
    };
    if let Some(id) = field_id(field) {
        *counts.entry(id).or_default() += count as u64;
    }
}

/// The field id that stands in a field's metadata.
pub(super) fn field_id(field: &Field) -> Option<i32> {
    field.metadata().get(parquet::arrow::PARQUET_FIELD_ID_META_KEY)?.parse().ok()
}

fn broken(error: &arrow::error::ArrowError) -> SqlError {
    SqlError::new(SqlState::InternalError, format!("rows cannot be written: {error}"))
}
