//! Which rows of a batch belong to which partition, and what a partition is called.

use std::collections::BTreeMap;
use std::sync::Arc;

use apache_iceberg::spec::{
    Literal, NestedFieldRef, PartitionSpec, PrimitiveType, Schema, Struct, StructType, Transform,
};
use arrow::array::{Array as _, ArrayRef, AsArray as _, UInt32Array, make_array};
use arrow::buffer::NullBuffer;
use arrow::compute::take_record_batch;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, FieldRef, Fields, Float32Type, Float64Type, Int32Type,
    Int64Type, SchemaRef, Time64MicrosecondType, TimestampMicrosecondType,
};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};

use super::columns::field_id;
use super::paths::partition_path;
use super::transforms::apply;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::spec::failure;

/// The values of a partition as bytes that are equal for equal values.
pub(super) type PartitionKey = Box<[u8]>;

/// Rows of one partition.
pub(super) struct Part {
    /// Tells partitions apart.
    pub(super) key: PartitionKey,
    /// The partition's values.
    pub(super) values: Struct,
    /// The rows.
    pub(super) rows: RecordBatch,
}

/// Splits batches by the table's partition spec.
pub(super) struct Splitter {
    fields: Vec<PartField>,
    converter: RowConverter,
}

struct PartField {
    name: String,
    transform: Transform,
    /// Where the source column is, from the outermost struct inwards.
    source: Vec<usize>,
    result: PrimitiveType,
}

impl Splitter {
    /// Prepares for a spec; an unpartitioned table has one partition without values.
    pub(super) fn new(
        spec: &PartitionSpec,
        schema: &Schema,
        columns: &SchemaRef,
    ) -> SqlResult<Self> {
        let partition_type = spec.partition_type(schema).map_err(|error| failure(&error))?;
        check_writable(&partition_type)?;
        let mut fields = Vec::new();
        let mut sorts = Vec::new();
        for (field, result) in spec.fields().iter().zip(partition_type.fields()) {
            let mut source = Vec::new();
            let Some(found) = find(columns.fields(), field.source_id, &mut source) else {
                return Err(SqlError::unsupported(format_args!(
                    "writing to the partition {}, whose column is not in the table",
                    field.name
                )));
            };
            let result = primitive(result)?;
            sorts.push(SortField::new(output_type(field.transform, found.data_type())));
            fields.push(PartField {
                name: field.name.clone(),
                transform: field.transform,
                source,
                result,
            });
        }
        let converter = RowConverter::new(sorts).map_err(|error| broken(&error))?;
        Ok(Self { fields, converter })
    }

    /// Splits a batch; every row is in exactly one part, in its order.
    pub(super) fn split(&self, batch: &RecordBatch) -> SqlResult<Vec<Part>> {
        if batch.num_rows() == 0 {
            return Ok(Vec::new());
        }
        if self.fields.is_empty() {
            let key = Box::default();
            return Ok(vec![Part { key, values: Struct::empty(), rows: batch.clone() }]);
        }
        let columns = self
            .fields
            .iter()
            .map(|field| apply(field.transform, &source_column(batch, &field.source)?))
            .collect::<SqlResult<Vec<_>>>()?;
        let rows = self.converter.convert_columns(&columns).map_err(|error| broken(&error))?;
        let mut groups: BTreeMap<PartitionKey, Vec<u32>> = BTreeMap::new();
        for (at, row) in (0_u32..).zip(rows.iter()) {
            match groups.get_mut(row.as_ref()) {
                Some(group) => group.push(at),
                None => {
                    groups.insert(Box::from(row.as_ref()), vec![at]);
                }
            }
        }
        let whole = groups.len() == 1;
        groups
            .into_iter()
            .map(|(key, members)| {
                let first = members.first().copied().unwrap_or(0) as usize;
                let values = self
                    .fields
                    .iter()
                    .zip(&columns)
                    .map(|(field, column)| literal(column, first, &field.result))
                    .collect::<SqlResult<Vec<_>>>()?;
                let rows = if whole {
                    batch.clone()
                } else {
                    take_record_batch(batch, &UInt32Array::from(members))
                        .map_err(|error| broken(&error))?
                };
                Ok(Part { key, values: values.into_iter().collect(), rows })
            })
            .collect()
    }

    /// The directories of a partition, without slashes around; empty for an unpartitioned table.
    pub(super) fn path(&self, values: &Struct) -> String {
        let parts = self
            .fields
            .iter()
            .zip(values.iter())
            .map(|(field, value)| (field.name.as_str(), field.transform, &field.result, value));
        partition_path(parts)
    }
}

/// Refuses partition values that the Iceberg library writes in a form that others cannot read.
pub(super) fn check_writable(partition_type: &StructType) -> SqlResult<()> {
    for field in partition_type.fields() {
        if matches!(primitive(field)?, PrimitiveType::Uuid) {
            return Err(SqlError::unsupported(format_args!(
                "writing to a table partitioned by the values of a uuid ({})",
                field.name
            )));
        }
    }
    Ok(())
}

/// Finds a field by id; elements of lists and maps cannot be sources.
fn find<'a>(fields: &'a Fields, id: i32, path: &mut Vec<usize>) -> Option<&'a FieldRef> {
    for (at, field) in fields.iter().enumerate() {
        path.push(at);
        if field_id(field) == Some(id) {
            return Some(field);
        }
        if let DataType::Struct(inner) = field.data_type()
            && let Some(found) = find(inner, id, path)
        {
            return Some(found);
        }
        path.pop();
    }
    None
}

/// A column anywhere in the structs of a batch; null where a struct around it is.
fn source_column(batch: &RecordBatch, path: &[usize]) -> SqlResult<ArrayRef> {
    let missing = || SqlError::new(SqlState::InternalError, "a partition's column is missing");
    let (first, inner) = path.split_first().ok_or_else(missing)?;
    let mut column = batch.columns().get(*first).map(Arc::clone).ok_or_else(missing)?;
    for step in inner {
        let outer = column.nulls().cloned();
        let field = column.as_struct().columns().get(*step).ok_or_else(missing)?;
        let nulls = NullBuffer::union(outer.as_ref(), field.nulls());
        let data = field.to_data().into_builder().nulls(nulls).build();
        column = make_array(data.map_err(|error| broken(&error))?);
    }
    Ok(column)
}

fn output_type(transform: Transform, source: &DataType) -> DataType {
    match transform {
        Transform::Year | Transform::Month | Transform::Hour | Transform::Bucket(_) => {
            DataType::Int32
        }
        Transform::Day => DataType::Date32,
        Transform::Identity | Transform::Truncate(_) | Transform::Void | Transform::Unknown => {
            source.clone()
        }
    }
}

fn primitive(field: &NestedFieldRef) -> SqlResult<PrimitiveType> {
    field.field_type.as_primitive_type().cloned().ok_or_else(|| {
        SqlError::unsupported(format_args!("partitioning by the nested column {}", field.name))
    })
}

/// One partition value.
fn literal(column: &ArrayRef, row: usize, kind: &PrimitiveType) -> SqlResult<Option<Literal>> {
    if column.is_null(row) {
        return Ok(None);
    }
    let long = || match column.data_type() {
        DataType::Int64 => Some(column.as_primitive::<Int64Type>().value(row)),
        DataType::Time64(_) => Some(column.as_primitive::<Time64MicrosecondType>().value(row)),
        DataType::Timestamp(_, _) => {
            Some(column.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        _ => None,
    };
    let fixed = || column.as_fixed_size_binary_opt().map(|values| values.value(row).to_vec());
    let found = match kind {
        PrimitiveType::Boolean => {
            column.as_boolean_opt().map(|values| Literal::bool(values.value(row)))
        }
        PrimitiveType::Int => {
            column.as_primitive_opt::<Int32Type>().map(|values| Literal::int(values.value(row)))
        }
        PrimitiveType::Date => {
            column.as_primitive_opt::<Date32Type>().map(|values| Literal::date(values.value(row)))
        }
        PrimitiveType::Long => long().map(Literal::long),
        PrimitiveType::Time => long().map(Literal::time),
        PrimitiveType::Timestamp => long().map(Literal::timestamp),
        PrimitiveType::Timestamptz => long().map(Literal::timestamptz),
        PrimitiveType::Float => {
            column.as_primitive_opt::<Float32Type>().map(|values| Literal::float(values.value(row)))
        }
        PrimitiveType::Double => column
            .as_primitive_opt::<Float64Type>()
            .map(|values| Literal::double(values.value(row))),
        PrimitiveType::Decimal { .. } => column
            .as_primitive_opt::<Decimal128Type>()
            .map(|values| Literal::decimal(values.value(row))),
        PrimitiveType::String => {
            column.as_string_opt::<i32>().map(|values| Literal::string(values.value(row)))
        }
        PrimitiveType::Uuid => {
            fixed().and_then(|bytes| uuid::Uuid::from_slice(&bytes).ok()).map(Literal::uuid)
        }
        PrimitiveType::Fixed(_) => fixed().map(Literal::fixed),
        PrimitiveType::Binary => {
            column.as_binary_opt::<i64>().map(|values| Literal::binary(values.value(row).to_vec()))
        }
        PrimitiveType::TimestampNs | PrimitiveType::TimestamptzNs => None,
    };
    found.map(Some).ok_or_else(|| {
        SqlError::unsupported(format_args!(
            "a partition value of the type {kind} from {}",
            column.data_type()
        ))
    })
}

fn broken(error: &arrow::error::ArrowError) -> SqlError {
    SqlError::new(SqlState::InternalError, format!("rows cannot be partitioned: {error}"))
}
