//! Types of columns between Arrow and Iceberg.

use std::collections::BTreeSet;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use serde_json::{Value, json};

use super::error::{SqlError, SqlResult};
use super::headings;

/// Columns that all may be null, as those of a table or view that is made from a query.
pub(super) fn nullable(columns: &Schema) -> Schema {
    let fields = columns.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Schema::new(fields.collect::<Vec<_>>())
}

/// An Iceberg schema document for columns, with ids from 1.
///
/// # Errors
/// `FeatureNotSupported` for a type that Iceberg does not have.
pub(super) fn iceberg_schema(columns: &Schema) -> SqlResult<String> {
    let mut next = 0;
    let fields = columns
        .fields()
        .iter()
        .map(|field| {
            next += 1;
            (next, field)
        })
        .collect::<Vec<_>>();
    let fields = fields
        .into_iter()
        .map(|(id, field)| iceberg_field(id, field, !field.is_nullable(), &mut next))
        .collect::<SqlResult<Vec<Value>>>()?;
    Ok(json!({ "type": "struct", "schema-id": 0, "fields": fields }).to_string())
}

fn iceberg_field(id: i32, field: &Field, required: bool, next: &mut i32) -> SqlResult<Value> {
    let field_type = iceberg_type(field.name(), field.data_type(), next)?;
    Ok(json!({ "id": id, "name": field.name(), "required": required, "type": field_type }))
}

fn iceberg_type(column: &str, data_type: &DataType, next: &mut i32) -> SqlResult<Value> {
    let name = match data_type {
        DataType::Boolean => "boolean",
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => {
            "int"
        }
        DataType::Int64 | DataType::UInt32 => "long",
        DataType::Float16 | DataType::Float32 => "float",
        DataType::Float64 => "double",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => "string",
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "binary",
        DataType::Date32 => "date",
        DataType::Time32(_) | DataType::Time64(_) => "time",
        DataType::Timestamp(_, None) => "timestamp",
        DataType::Timestamp(_, Some(_)) => "timestamptz",
        DataType::FixedSizeBinary(length) => {
            return Ok(Value::String(format!("fixed[{length}]")));
        }
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
            if *scale >= 0 =>
        {
            return Ok(Value::String(format!("decimal({precision}, {scale})")));
        }
        DataType::Dictionary(_, values) => return iceberg_type(column, values, next),
        DataType::List(item) | DataType::LargeList(item) | DataType::ListView(item) => {
            *next += 1;
            let id = *next;
            return Ok(json!({
                "type": "list",
                "element-id": id,
                "element-required": false,
                "element": iceberg_type(column, item.data_type(), next)?,
            }));
        }
        DataType::Struct(fields) => {
            let numbered: Vec<(i32, &Field)> = fields
                .iter()
                .map(|field| {
                    *next += 1;
                    (*next, field.as_ref())
                })
                .collect();
            let fields = numbered
                .into_iter()
                .map(|(id, field)| iceberg_field(id, field, false, next))
                .collect::<SqlResult<Vec<Value>>>()?;
            return Ok(json!({ "type": "struct", "fields": fields }));
        }
        other => {
            return Err(SqlError::unsupported(format_args!(
                "a column ({column:?}) of the type {other}"
            )));
        }
    };
    Ok(Value::String(name.to_owned()))
}

/// The type that a column has once it is kept in an Iceberg table.
pub(super) fn kept(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Timestamp(_, zone) => {
            DataType::Timestamp(TimeUnit::Microsecond, zone.as_ref().map(|_| "+00:00".into()))
        }
        DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
        DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::Float16 => DataType::Float32,
        DataType::Null | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView | DataType::Binary => DataType::LargeBinary,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Dictionary(_, values) => kept(values),
        other => other.clone(),
    }
}

/// A plan whose rows have types that an Iceberg table keeps. Columns must have different names.
///
/// # Errors
/// `SyntaxError` for two columns of one name.
pub(super) fn storable(plan: LogicalPlan) -> SqlResult<LogicalPlan> {
    let mut seen = BTreeSet::new();
    let mut exprs = Vec::new();
    for (qualifier, field) in plan.schema().iter() {
        let name = headings::shown(field.name());
        if !seen.insert(name.to_lowercase()) {
            return Err(SqlError::syntax(format!("column {name:?} specified more than once")));
        }
        let column = Expr::Column(Column::from((qualifier, field)));
        let wanted = kept(field.data_type());
        let expr = if wanted == *field.data_type() { column } else { cast(column, wanted) };
        exprs.push(expr.alias(name));
    }
    Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
}
