//! Which types an operator takes, and which it gives: PostgreSQL's table of operators.

use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};

use super::Arithmetic;
use super::decimals;

/// Microseconds since the epoch, without a zone.
pub(super) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);
pub(super) const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
pub(super) const TIME: DataType = DataType::Time64(TimeUnit::Microsecond);

pub(super) fn timestamptz() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
}

/// Types as PostgreSQL tells them apart, each held by one type of Arrow here.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Family {
    Null,
    Integer(DataType),
    Numeric(u8, i8),
    Real,
    Double,
    Date,
    Time,
    Timestamp(DataType),
    Interval,
}

fn family(data_type: &DataType) -> Option<Family> {
    Some(match data_type {
        DataType::Null => Family::Null,
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => Family::Integer(DataType::Int16),
        DataType::Int32 | DataType::UInt16 => Family::Integer(DataType::Int32),
        // No table has unsigned numbers; counts and ranks of the engine are of this type.
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Family::Integer(DataType::Int64),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => Family::Numeric(*precision, *scale),
        DataType::Float16 | DataType::Float32 => Family::Real,
        DataType::Float64 => Family::Double,
        DataType::Date32 | DataType::Date64 => Family::Date,
        DataType::Time32(_) | DataType::Time64(_) => Family::Time,
        DataType::Timestamp(_, None) => Family::Timestamp(TIMESTAMP),
        DataType::Timestamp(_, Some(_)) => Family::Timestamp(timestamptz()),
        DataType::Interval(_) | DataType::Duration(_) => Family::Interval,
        DataType::Dictionary(_, values) => return family(values),
        _ => return None,
    })
}

fn width(integer: &DataType) -> u8 {
    match integer {
        DataType::Int16 => 5,
        DataType::Int32 => 10,
        _ => 19,
    }
}

fn decimal(family: &Family) -> Option<(u8, i8)> {
    match family {
        // A scale below zero stands for zeros before the point: they are digits like any other.
        Family::Numeric(precision, scale) if *scale < 0 => {
            Some((precision.saturating_add(scale.unsigned_abs()).min(decimals::DIGITS), 0))
        }
        Family::Numeric(precision, scale) => Some(((*precision).min(decimals::DIGITS), *scale)),
        Family::Integer(integer) => Some((width(integer), 0)),
        _ => None,
    }
}

/// The types to which the operands are cast; `None` where PostgreSQL has no such operator.
pub(super) fn operands(
    operator: Arithmetic,
    left: &DataType,
    right: &DataType,
) -> Option<(DataType, DataType)> {
    use Arithmetic::{Add, Divide, Multiply, Remainder, Subtract};
    let (left, right) = (family(left)?, family(right)?);
    let (left, right) = match (left, right) {
        (Family::Null, Family::Null) => {
            (Family::Integer(DataType::Int32), Family::Integer(DataType::Int32))
        }
        (Family::Null, Family::Date) if operator == Add => {
            (Family::Integer(DataType::Int32), Family::Date)
        }
        (Family::Date, Family::Null) => (Family::Date, Family::Integer(DataType::Int32)),
        (Family::Null, Family::Timestamp(kind)) if operator == Add => {
            (Family::Interval, Family::Timestamp(kind))
        }
        (Family::Timestamp(kind), Family::Null) if operator == Add => {
            (Family::Timestamp(kind), Family::Interval)
        }
        (Family::Time, Family::Null) if operator == Add => (Family::Time, Family::Interval),
        (Family::Interval, Family::Null) if matches!(operator, Multiply | Divide) => {
            (Family::Interval, Family::Double)
        }
        (Family::Null, other) => (other.clone(), other),
        (other, Family::Null) => (other.clone(), other),
        both => both,
    };
    if let (Family::Integer(left), Family::Integer(right)) = (&left, &right) {
        let common = if width(left) >= width(right) { left } else { right };
        return Some((common.clone(), common.clone()));
    }
    if let (Some((p1, s1)), Some((p2, s2))) = (decimal(&left), decimal(&right)) {
        return Some((DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)));
    }
    let number = |family: &Family| {
        matches!(family, Family::Integer(_) | Family::Numeric(..) | Family::Real | Family::Double)
    };
    if number(&left) && number(&right) {
        let common = if left == Family::Real && right == Family::Real {
            DataType::Float32
        } else {
            DataType::Float64
        };
        // PostgreSQL has no remainder of binary fractions.
        return (operator != Remainder).then(|| (common.clone(), common));
    }
    Some(match (left, operator, right) {
        (Family::Date, Add | Subtract, Family::Integer(_)) => (DataType::Date32, DataType::Int32),
        (Family::Integer(_), Add, Family::Date) => (DataType::Int32, DataType::Date32),
        (Family::Date, Subtract, Family::Date) => (DataType::Date32, DataType::Date32),
        (Family::Date, Add | Subtract, Family::Interval) => (TIMESTAMP, INTERVAL),
        (Family::Interval, Add, Family::Date) => (INTERVAL, TIMESTAMP),
        (Family::Date, Add, Family::Time) => (TIMESTAMP, TIME),
        (Family::Time, Add, Family::Date) => (TIME, TIMESTAMP),
        (Family::Timestamp(kind), Add | Subtract, Family::Interval) => (kind, INTERVAL),
        (Family::Interval, Add, Family::Timestamp(kind)) => (INTERVAL, kind),
        (Family::Timestamp(left), Subtract, Family::Timestamp(right)) => {
            let common = if left == right { left } else { timestamptz() };
            (common.clone(), common)
        }
        (Family::Timestamp(kind), Subtract, Family::Date)
        | (Family::Date, Subtract, Family::Timestamp(kind)) => (kind.clone(), kind),
        (Family::Time, Add | Subtract, Family::Interval) => (TIME, INTERVAL),
        (Family::Interval, Add, Family::Time) => (INTERVAL, TIME),
        (Family::Time, Subtract, Family::Time) => (TIME, TIME),
        (Family::Interval, Add | Subtract, Family::Interval) => (INTERVAL, INTERVAL),
        (Family::Interval, Multiply | Divide, other) if number(&other) => {
            (INTERVAL, DataType::Float64)
        }
        (other, Multiply, Family::Interval) if number(&other) => (DataType::Float64, INTERVAL),
        _ => return None,
    })
}

/// The type of the result, for operands of the types that [`operands`] gave.
pub(super) fn result(operator: Arithmetic, left: &DataType, right: &DataType) -> Option<DataType> {
    Some(match (left, right) {
        (DataType::Decimal128(p1, s1), DataType::Decimal128(p2, s2)) => {
            decimals::result(operator, (*p1, *s1), (*p2, *s2))
        }
        (DataType::Date32, DataType::Date32) => DataType::Int32,
        (DataType::Date32, DataType::Int32) | (DataType::Int32, DataType::Date32) => {
            DataType::Date32
        }
        (DataType::Timestamp(..), DataType::Timestamp(..))
        | (DataType::Time64(_), DataType::Time64(_))
        | (DataType::Interval(_), DataType::Float64 | DataType::Interval(_))
        | (DataType::Float64, DataType::Interval(_)) => INTERVAL,
        (DataType::Timestamp(..) | DataType::Time64(_), DataType::Interval(_))
        | (DataType::Timestamp(..), DataType::Time64(_)) => left.clone(),
        (DataType::Interval(_), DataType::Timestamp(..) | DataType::Time64(_))
        | (DataType::Time64(_), DataType::Timestamp(..)) => right.clone(),
        (left, right) if left == right && left.is_numeric() => left.clone(),
        _ => return None,
    })
}

/// A type as PostgreSQL calls it, for messages.
pub(super) fn name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "unknown".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => "smallint".to_owned(),
        DataType::Int32 | DataType::UInt16 => "integer".to_owned(),
        DataType::Int64 | DataType::UInt32 | DataType::UInt64 => "bigint".to_owned(),
        DataType::Float16 | DataType::Float32 => "real".to_owned(),
        DataType::Float64 => "double precision".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "bytea".to_owned(),
        DataType::Date32 | DataType::Date64 => "date".to_owned(),
        DataType::Time32(_) | DataType::Time64(_) => "time without time zone".to_owned(),
        DataType::Timestamp(_, None) => "timestamp without time zone".to_owned(),
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".to_owned(),
        DataType::Interval(_) | DataType::Duration(_) => "interval".to_owned(),
        other if other.is_decimal() => "numeric".to_owned(),
        DataType::List(item) | DataType::LargeList(item) => format!("{}[]", name(item.data_type())),
        other => other.to_string(),
    }
}
