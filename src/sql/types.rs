//! Types of columns between Arrow and Iceberg.

use std::collections::BTreeSet;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType as SqlType, ExactNumberInfo, TimezoneInfo,
};
use serde_json::{Value, json};

use super::error::{SqlError, SqlResult, SqlState};
use super::headings;

/// The key of a field's metadata that holds the comment of a column.
pub(super) const DOC: &str = "doc";

/// Digits that Iceberg's decimals hold.
const DECIMAL_DIGITS: u64 = 38;

/// The type that a column has which is declared so. What the table could not keep as it was written (a
/// length, digits without end, fewer digits of a second) is refused, because nothing would enforce it.
///
/// # Errors
/// `FeatureNotSupported` for a type that Iceberg does not have.
pub(super) fn declared(column: &str, written: &SqlType) -> SqlResult<DataType> {
    Ok(match written {
        SqlType::Boolean | SqlType::Bool => DataType::Boolean,
        // Iceberg has no smaller integer; every smallint fits.
        SqlType::SmallInt(None)
        | SqlType::Int2(None)
        | SqlType::Int(None)
        | SqlType::Integer(None)
        | SqlType::Int4(None) => DataType::Int32,
        SqlType::BigInt(None) | SqlType::Int8(None) => DataType::Int64,
        SqlType::Real | SqlType::Float4 => DataType::Float32,
        SqlType::DoublePrecision | SqlType::Float8 | SqlType::Double(ExactNumberInfo::None) => {
            DataType::Float64
        }
        SqlType::Float(info) => float(written, info)?,
        SqlType::Numeric(info) | SqlType::Decimal(info) | SqlType::Dec(info) => {
            decimal(column, info)?
        }
        SqlType::Text
        | SqlType::String(None)
        | SqlType::Varchar(None)
        | SqlType::CharVarying(None)
        | SqlType::CharacterVarying(None) => DataType::Utf8,
        SqlType::Varchar(Some(_))
        | SqlType::CharVarying(Some(_))
        | SqlType::CharacterVarying(Some(_))
        | SqlType::Char(_)
        | SqlType::Character(_) => {
            return Err(SqlError::unsupported(format_args!(
                "{written} (column {column:?}): Iceberg does not keep the length, which"
            ))
            .with_hint("use text"));
        }
        SqlType::Bytea => DataType::LargeBinary,
        SqlType::Date => DataType::Date32,
        SqlType::Time(None | Some(6), TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            DataType::Time64(TimeUnit::Microsecond)
        }
        SqlType::Timestamp(None | Some(6), zone) => {
            let zoned = matches!(zone, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz);
            DataType::Timestamp(TimeUnit::Microsecond, zoned.then(|| "+00:00".into()))
        }
        SqlType::Array(ArrayElemTypeDef::SquareBracket(item, None))
            if !matches!(**item, SqlType::Array(_)) =>
        {
            DataType::List(Field::new_list_field(declared(column, item)?, true).into())
        }
        SqlType::JSON | SqlType::JSONB | SqlType::Uuid => {
            return Err(unknown(column, written).with_hint("use text"));
        }
        SqlType::Timestamp(..) | SqlType::Time(..) => {
            return Err(unknown(column, written)
                .with_hint("timestamp, timestamptz and time keep microseconds; time has no zone"));
        }
        other => return Err(unknown(column, other)),
    })
}

fn unknown(column: &str, written: &SqlType) -> SqlError {
    SqlError::unsupported(format_args!("a column ({column:?}) of the type {written}"))
}

fn float(written: &SqlType, info: &ExactNumberInfo) -> SqlResult<DataType> {
    match info {
        ExactNumberInfo::None => Ok(DataType::Float64),
        ExactNumberInfo::Precision(1..=24) => Ok(DataType::Float32),
        ExactNumberInfo::Precision(25..=53) => Ok(DataType::Float64),
        _ => Err(SqlError::new(
            SqlState::InvalidParameterValue,
            format!("the precision of {written} is not between 1 and 53 bits"),
        )),
    }
}

fn decimal(column: &str, info: &ExactNumberInfo) -> SqlResult<DataType> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => {
            return Err(SqlError::unsupported(format_args!(
                "numeric without precision (column {column:?})"
            ))
            .with_hint("write numeric(precision, scale); Iceberg keeps up to 38 digits"));
        }
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    let digits = u8::try_from(precision).ok().filter(|_| precision <= DECIMAL_DIGITS);
    let fits = u64::try_from(scale).is_ok_and(|scale| scale <= precision);
    match (digits, i8::try_from(scale)) {
        (Some(digits @ 1..), Ok(scale)) if fits => Ok(DataType::Decimal128(digits, scale)),
        _ => Err(SqlError::new(
            SqlState::InvalidParameterValue,
            format!(
                "numeric({precision}, {scale}) (column {column:?}) is not between                  numeric(1, 0) and numeric({DECIMAL_DIGITS}, {DECIMAL_DIGITS})"
            ),
        )),
    }
}

/// Columns that all may be null and have no comments, as those of a table or view that is made from a query.
pub(super) fn nullable(columns: &Schema) -> Schema {
    let plain = |field: &Field| Field::new(field.name(), field.data_type().clone(), true);
    Schema::new(columns.fields().iter().map(|field| plain(field)).collect::<Vec<_>>())
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
    let mut written =
        json!({ "id": id, "name": field.name(), "required": required, "type": field_type });
    if let (Some(doc), Some(map)) = (field.metadata().get(DOC), written.as_object_mut()) {
        map.insert("doc".to_owned(), Value::String(doc.clone()));
    }
    Ok(written)
}

/// The type in Iceberg's words; parts of it get the ids behind `next`.
///
/// # Errors
/// `FeatureNotSupported` for a type that Iceberg does not have.
pub(super) fn iceberg_type(column: &str, data_type: &DataType, next: &mut i32) -> SqlResult<Value> {
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
