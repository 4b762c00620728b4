//! What manifests tell of the rows of a file, and leaving out files that a filter cannot match.
//!
//! Row and null counts are exact by the specification. Bounds only enclose the values (strings are cut,
//! floats leave out NaN), so they are passed on as inexact: good for skipping, never for answering.

use std::collections::BTreeMap;
use std::sync::Arc;

use apache_iceberg::spec::{Datum, PrimitiveLiteral, PrimitiveType};
use arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::common::pruning::PrunableStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, ScalarValue, Statistics};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicate;

use super::adapter::field_id;
use super::files::LiveFile;

/// What is known of a file, column by column.
pub(super) fn of_file(file: &LiveFile, schema: &SchemaRef) -> Statistics {
    let data = file.data_file();
    let rows = usize::try_from(file.record_count()).unwrap_or(usize::MAX);
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            let Some(id) = field_id(field) else { return ColumnStatistics::new_unknown() };
            let bound = |bounds: &std::collections::HashMap<i32, Datum>| {
                bounds
                    .get(&id)
                    .and_then(|bound| scalar(bound, field.data_type()))
                    .map_or(Precision::Absent, Precision::Inexact)
            };
            let nulls = data.null_value_counts().get(&id).copied();
            ColumnStatistics {
                null_count: nulls
                    .and_then(|count| usize::try_from(count).ok())
                    .map_or(Precision::Absent, Precision::Exact),
                min_value: bound(data.lower_bounds()),
                max_value: bound(data.upper_bounds()),
                ..ColumnStatistics::new_unknown()
            }
        })
        .collect();
    Statistics {
        num_rows: Precision::Exact(rows),
        total_byte_size: Precision::Inexact(
            usize::try_from(file.file_size_in_bytes()).unwrap_or(usize::MAX),
        ),
        column_statistics: columns,
    }
}

/// A bound as a value of the column's type today: the file may be older than a widening.
fn scalar(bound: &Datum, data_type: &DataType) -> Option<ScalarValue> {
    let value = match (bound.literal(), bound.data_type()) {
        (PrimitiveLiteral::Boolean(value), _) => ScalarValue::Boolean(Some(*value)),
        (PrimitiveLiteral::Int(value), PrimitiveType::Date) => ScalarValue::Date32(Some(*value)),
        (PrimitiveLiteral::Int(value), _) => ScalarValue::Int32(Some(*value)),
        (PrimitiveLiteral::Long(value), PrimitiveType::Timestamp | PrimitiveType::Timestamptz) => {
            ScalarValue::TimestampMicrosecond(Some(*value), None)
        }
        (
            PrimitiveLiteral::Long(value),
            PrimitiveType::TimestampNs | PrimitiveType::TimestamptzNs,
        ) => ScalarValue::TimestampNanosecond(Some(*value), None),
        (PrimitiveLiteral::Long(value), PrimitiveType::Time) => {
            ScalarValue::Time64Microsecond(Some(*value))
        }
        (PrimitiveLiteral::Long(value), _) => ScalarValue::Int64(Some(*value)),
        (PrimitiveLiteral::String(value), _) => ScalarValue::Utf8View(Some(value.clone())),
        (PrimitiveLiteral::Int128(value), PrimitiveType::Decimal { precision, scale }) => {
            ScalarValue::Decimal128(
                Some(*value),
                u8::try_from(*precision).ok()?,
                i8::try_from(*scale).ok()?,
            )
        }
        // Floats: a NaN lies outside of the bounds and sorts above all values here.
        _ => return None,
    };
    match (&value, data_type) {
        (
            ScalarValue::TimestampMicrosecond(value, None),
            DataType::Timestamp(TimeUnit::Microsecond, zone),
        ) => Some(ScalarValue::TimestampMicrosecond(*value, zone.clone())),
        (
            ScalarValue::TimestampNanosecond(value, None),
            DataType::Timestamp(TimeUnit::Nanosecond, zone),
        ) => Some(ScalarValue::TimestampNanosecond(*value, zone.clone())),
        _ if value.data_type() == *data_type => Some(value),
        (ScalarValue::Int32(_), DataType::Int64)
        | (ScalarValue::Decimal128(..), DataType::Decimal128(..)) => value.cast_to(data_type).ok(),
        _ => None,
    }
}

/// Leaves out files whose rows cannot match. A filter that says nothing about bounds keeps all.
pub(super) fn prune(
    files: Vec<LiveFile>,
    statistics: Vec<Arc<Statistics>>,
    predicate: Option<&Arc<dyn PhysicalExpr>>,
    schema: &SchemaRef,
) -> Vec<(LiveFile, Arc<Statistics>)> {
    let keep = predicate
        .and_then(|predicate| {
            PruningPredicate::try_new(Arc::clone(predicate), Arc::clone(schema)).ok()
        })
        .filter(|pruning| !pruning.always_true())
        .and_then(|pruning| {
            let known = PrunableStatistics::new(statistics.clone(), Arc::clone(schema));
            pruning.prune(&known).ok()
        });
    let all = files.into_iter().zip(statistics);
    match keep {
        Some(keep) => all.zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect(),
        None => all.collect(),
    }
}

/// What is known of a file once rows were deleted from it: nothing for sure, so that no question about the
/// rows is answered from it.
pub(super) fn after_deletions(known: &Statistics, rows: u64) -> Statistics {
    let mut known = known.clone().to_inexact();
    known.num_rows = Precision::Inexact(usize::try_from(rows).unwrap_or(usize::MAX));
    // Beside fewer rows than it was counted among, it could look like all of them.
    for column in &mut known.column_statistics {
        column.null_count = Precision::Absent;
    }
    known
}

/// What is known of all files together.
pub(super) fn summary(files: &[&Statistics], schema: &SchemaRef) -> Statistics {
    let bytes = files
        .iter()
        .filter_map(|known| known.total_byte_size.get_value())
        .fold(0_usize, |sum, bytes| sum.saturating_add(*bytes));
    Statistics {
        num_rows: total(files.iter().map(|known| &known.num_rows)),
        total_byte_size: Precision::Inexact(bytes),
        column_statistics: (0..schema.fields().len())
            .map(|column| of_column(files, column))
            .collect(),
    }
}

/// A sum, exact if all of it is.
fn total<'a>(mut counts: impl Iterator<Item = &'a Precision<usize>>) -> Precision<usize> {
    counts
        .try_fold(Precision::Exact(0_usize), |sum, count| {
            let total = sum.get_value()?.checked_add(*count.get_value()?)?;
            let exact = sum.is_exact()? && count.is_exact()?;
            Some(if exact { Precision::Exact(total) } else { Precision::Inexact(total) })
        })
        .unwrap_or(Precision::Absent)
}

fn of_column(files: &[&Statistics], column: usize) -> ColumnStatistics {
    let columns: Vec<&ColumnStatistics> =
        files.iter().filter_map(|known| known.column_statistics.get(column)).collect();
    let bound = |of: fn(&ColumnStatistics) -> &Precision<ScalarValue>, greatest: bool| {
        let mut found: Option<ScalarValue> = None;
        for column in &columns {
            let value = of(column).get_value()?;
            let better = match &found {
                None => true,
                Some(best) => {
                    let order = value.partial_cmp(best)?;
                    if greatest { order.is_gt() } else { order.is_lt() }
                }
            };
            if better {
                found = Some(value.clone());
            }
        }
        found
    };
    ColumnStatistics {
        // Joins subtract nulls from the rows that they expect, which may be none.
        null_count: Precision::Absent,
        min_value: bound(|column| &column.min_value, false)
            .map_or(Precision::Absent, Precision::Inexact),
        max_value: bound(|column| &column.max_value, true)
            .map_or(Precision::Absent, Precision::Inexact),
        ..ColumnStatistics::new_unknown()
    }
}

/// Names of columns to their ids, from the table property `schema.name-mapping.default`; top level only.
pub(super) fn name_mapping(json: &str) -> Option<BTreeMap<String, i32>> {
    let parsed: serde_json::Value = serde_json::from_str(json).ok()?;
    let mut mapping = BTreeMap::new();
    for field in parsed.as_array()? {
        let Some(id) = field.get("field-id").and_then(serde_json::Value::as_i64) else { continue };
        for name in field.get("names")?.as_array()? {
            mapping.insert(name.as_str()?.to_owned(), i32::try_from(id).ok()?);
        }
    }
    Some(mapping)
}
