//! One value of a result as JSON. A value that has no form here is an error, never another value.

use std::io::Write as _;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray as _, GenericListArray, OffsetSizeTrait,
};
use arrow::datatypes as types;
use arrow::datatypes::{DataType, TimeUnit};
use arrow::util::display::{ArrayFormatter, DurationFormat, FormatOptions};
use chrono::{DateTime, NaiveDate, NaiveTime};
use serde::Serialize;

use crate::sql::error::{SqlError, SqlResult, SqlState};

/// Days from the first day of the calendar to the epoch.
const EPOCH_DAYS: i32 = 719_163;

/// Appends any value that serde can write.
pub(super) fn put<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> SqlResult<()> {
    serde_json::to_writer(out, value).map_err(|error| {
        SqlError::new(SqlState::InternalError, format!("a value was not written: {error}"))
    })
}

macro_rules! number {
    ($out:expr, $array:expr, $row:expr, $type:ty) => {
        put($out, &at::<$type>($array, $row)?)
    };
}

/// Appends the value of one row.
///
/// # Errors
/// `FeatureNotSupported` for a type without a form, `DataException` for a time beyond the calendar.
pub(super) fn write(out: &mut Vec<u8>, array: &dyn Array, row: usize) -> SqlResult<()> {
    if array.is_null(row) || *array.data_type() == DataType::Null {
        return put(out, &());
    }
    match array.data_type() {
        DataType::Boolean => {
            put(out, &array.as_boolean_opt().ok_or_else(|| mismatch(array))?.value(row))
        }
        DataType::Int8 => number!(out, array, row, types::Int8Type),
        DataType::Int16 => number!(out, array, row, types::Int16Type),
        DataType::Int32 => number!(out, array, row, types::Int32Type),
        DataType::Int64 => number!(out, array, row, types::Int64Type),
        DataType::UInt8 => number!(out, array, row, types::UInt8Type),
        DataType::UInt16 => number!(out, array, row, types::UInt16Type),
        DataType::UInt32 => number!(out, array, row, types::UInt32Type),
        DataType::UInt64 => number!(out, array, row, types::UInt64Type),
        DataType::Float16 => float(out, f32::from(at::<types::Float16Type>(array, row)?)),
        DataType::Float32 => float(out, at::<types::Float32Type>(array, row)?),
        DataType::Float64 => float(out, at::<types::Float64Type>(array, row)?),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => text(out, array, row),
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => bytes(out, array, row),
        DataType::Decimal32(_, scale) => {
            decimal(out, &at::<types::Decimal32Type>(array, row)?.to_string(), *scale)
        }
        DataType::Decimal64(_, scale) => {
            decimal(out, &at::<types::Decimal64Type>(array, row)?.to_string(), *scale)
        }
        DataType::Decimal128(_, scale) => {
            decimal(out, &at::<types::Decimal128Type>(array, row)?.to_string(), *scale)
        }
        DataType::Decimal256(_, scale) => {
            decimal(out, &at::<types::Decimal256Type>(array, row)?.to_string(), *scale)
        }
        DataType::Date32
        | DataType::Date64
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Timestamp(..) => put(out, &time(array, row)?),
        DataType::Duration(_) | DataType::Interval(_) => displayed(out, array, row),
        _ => nested(out, array, row),
    }
}

fn nested(out: &mut Vec<u8>, array: &dyn Array, row: usize) -> SqlResult<()> {
    match array.data_type() {
        DataType::List(_) => list::<i32>(out, array.as_list_opt(), row),
        DataType::LargeList(_) => list::<i64>(out, array.as_list_opt(), row),
        DataType::FixedSizeList(..) => {
            let list = array.as_fixed_size_list_opt().ok_or_else(|| mismatch(array))?;
            items(out, &list.value(row))
        }
        DataType::Struct(_) => {
            let parts = array.as_struct_opt().ok_or_else(|| mismatch(array))?;
            out.push(b'{');
            for (index, (field, column)) in parts.fields().iter().zip(parts.columns()).enumerate() {
                comma(out, index);
                put(out, field.name())?;
                out.push(b':');
                write(out, column, row)?;
            }
            out.push(b'}');
            Ok(())
        }
        DataType::Map(..) => {
            let map = array.as_map_opt().ok_or_else(|| mismatch(array))?;
            let entries = map.value(row);
            let [keys, values] = entries.columns() else { return Err(mismatch(array)) };
            out.push(b'[');
            for index in 0..entries.len() {
                comma(out, index);
                out.push(b'[');
                write(out, keys, index)?;
                out.push(b',');
                write(out, values, index)?;
                out.push(b']');
            }
            out.push(b']');
            Ok(())
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary_opt().ok_or_else(|| mismatch(array))?;
            let key = dictionary.normalized_keys().get(row).copied();
            write(out, dictionary.values(), key.ok_or_else(|| mismatch(array))?)
        }
        other => Err(SqlError::unsupported(format_args!("a value of the type {other} in JSON"))
            .with_hint("ask for application/vnd.apache.arrow.stream, or cast it to text")),
    }
}

fn comma(out: &mut Vec<u8>, index: usize) {
    if index > 0 {
        out.push(b',');
    }
}

fn list<O: OffsetSizeTrait>(
    out: &mut Vec<u8>,
    list: Option<&GenericListArray<O>>,
    row: usize,
) -> SqlResult<()> {
    let list = list.ok_or_else(|| {
        SqlError::new(SqlState::InternalError, "a list is not what its type says")
    })?;
    items(out, &list.value(row))
}

fn items(out: &mut Vec<u8>, items: &ArrayRef) -> SqlResult<()> {
    out.push(b'[');
    for index in 0..items.len() {
        comma(out, index);
        write(out, items, index)?;
    }
    out.push(b']');
    Ok(())
}

fn mismatch(array: &dyn Array) -> SqlError {
    SqlError::new(
        SqlState::InternalError,
        format!("a column is not what its type {} says", array.data_type()),
    )
}

fn at<T: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> SqlResult<T::Native> {
    Ok(array.as_primitive_opt::<T>().ok_or_else(|| mismatch(array))?.value(row))
}

fn float<F: Serialize + Into<f64> + Copy>(out: &mut Vec<u8>, value: F) -> SqlResult<()> {
    let wide: f64 = value.into();
    if wide.is_finite() {
        return put(out, &value);
    }
    let name = if wide.is_nan() {
        "NaN"
    } else if wide > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    };
    put(out, name)
}

fn text(out: &mut Vec<u8>, array: &dyn Array, row: usize) -> SqlResult<()> {
    if let Some(array) = array.as_string_view_opt() {
        return put(out, array.value(row));
    }
    if let Some(array) = array.as_string_opt::<i32>() {
        return put(out, array.value(row));
    }
    let array = array.as_string_opt::<i64>().ok_or_else(|| mismatch(array))?;
    put(out, array.value(row))
}

fn bytes(out: &mut Vec<u8>, array: &dyn Array, row: usize) -> SqlResult<()> {
    let bytes = if let Some(array) = array.as_binary_view_opt() {
        array.value(row)
    } else if let Some(array) = array.as_binary_opt::<i32>() {
        array.value(row)
    } else if let Some(array) = array.as_binary_opt::<i64>() {
        array.value(row)
    } else {
        array.as_fixed_size_binary_opt().ok_or_else(|| mismatch(array))?.value(row)
    };
    out.extend_from_slice(b"\"\\\\x");
    for byte in bytes {
        write!(out, "{byte:02x}")
            .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))?;
    }
    out.push(b'"');
    Ok(())
}

/// A decimal from its unscaled digits, as a string with all of them.
fn decimal(out: &mut Vec<u8>, unscaled: &str, scale: i8) -> SqlResult<()> {
    let (sign, digits) = match unscaled.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", unscaled),
    };
    let Ok(places) = usize::try_from(scale) else {
        let zeros = if digits == "0" { 0 } else { usize::from(scale.unsigned_abs()) };
        return put(out, &format!("{sign}{digits}{}", "0".repeat(zeros)));
    };
    if places == 0 {
        return put(out, unscaled);
    }
    let digits = format!("{digits:0>width$}", width = places.saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(places));
    put(out, &format!("{sign}{whole}.{fraction}"))
}

/// A date, time or timestamp.
fn time(array: &dyn Array, row: usize) -> SqlResult<String> {
    let shown = match array.data_type() {
        DataType::Date32 => date(i64::from(at::<types::Date32Type>(array, row)?)),
        DataType::Date64 => date(at::<types::Date64Type>(array, row)?.div_euclid(86_400_000)),
        DataType::Time32(TimeUnit::Second) => {
            clock(i64::from(at::<types::Time32SecondType>(array, row)?), TimeUnit::Second)
        }
        DataType::Time32(_) => {
            let value = at::<types::Time32MillisecondType>(array, row)?;
            clock(i64::from(value), TimeUnit::Millisecond)
        }
        DataType::Time64(TimeUnit::Nanosecond) => {
            clock(at::<types::Time64NanosecondType>(array, row)?, TimeUnit::Nanosecond)
        }
        DataType::Time64(_) => {
            clock(at::<types::Time64MicrosecondType>(array, row)?, TimeUnit::Microsecond)
        }
        DataType::Timestamp(unit, zone) => {
            let value = match unit {
                TimeUnit::Second => at::<types::TimestampSecondType>(array, row)?,
                TimeUnit::Millisecond => at::<types::TimestampMillisecondType>(array, row)?,
                TimeUnit::Microsecond => at::<types::TimestampMicrosecondType>(array, row)?,
                TimeUnit::Nanosecond => at::<types::TimestampNanosecondType>(array, row)?,
            };
            let (seconds, nanos) = split(value, *unit);
            let form =
                if zone.is_some() { "%Y-%m-%dT%H:%M:%S%.fZ" } else { "%Y-%m-%dT%H:%M:%S%.f" };
            DateTime::from_timestamp(seconds, nanos).map(|time| time.format(form).to_string())
        }
        _ => return Err(mismatch(array)),
    };
    shown.ok_or_else(|| {
        SqlError::new(
            SqlState::DataException,
            format!("a value of the type {} lies beyond the calendar", array.data_type()),
        )
    })
}

fn date(days: i64) -> Option<String> {
    let days = i32::try_from(days).ok()?.checked_add(EPOCH_DAYS)?;
    NaiveDate::from_num_days_from_ce_opt(days).map(|date| date.to_string())
}

fn clock(value: i64, unit: TimeUnit) -> Option<String> {
    let (seconds, nanos) = split(value, unit);
    let time = NaiveTime::from_num_seconds_from_midnight_opt(u32::try_from(seconds).ok()?, nanos)?;
    Some(time.format("%H:%M:%S%.f").to_string())
}

/// Seconds, and nanoseconds of the next one.
fn split(value: i64, unit: TimeUnit) -> (i64, u32) {
    let (parts, nanos) = match unit {
        TimeUnit::Second => (1, 1_000_000_000),
        TimeUnit::Millisecond => (1_000, 1_000_000),
        TimeUnit::Microsecond => (1_000_000, 1_000),
        TimeUnit::Nanosecond => (1_000_000_000, 1),
    };
    let rest = value.rem_euclid(parts).saturating_mul(nanos);
    (value.div_euclid(parts), u32::try_from(rest).unwrap_or_default())
}

fn displayed(out: &mut Vec<u8>, array: &dyn Array, row: usize) -> SqlResult<()> {
    let options = FormatOptions::new().with_duration_format(DurationFormat::ISO8601);
    let internal =
        |error: arrow::error::ArrowError| SqlError::new(SqlState::DataException, error.to_string());
    let formatter = ArrayFormatter::try_new(array, &options).map_err(internal)?;
    let shown = formatter.value(row).try_to_string().map_err(internal)?;
    put(out, &shown)
}
