//! Values of Arrow in the text and the binary form of PostgreSQL.
//!
//! An array is brought into one of few forms once for each batch; then values are written one by one.

use std::fmt::Write as _;

use ::pgwire::api::Type;
use arrow::array::{
    Array as _, ArrayRef, AsArray as _, BinaryViewArray, BooleanArray, Date32Array,
    Decimal128Array, Decimal256Array, FixedSizeBinaryArray, Float32Array, Float64Array, Int16Array,
    Int32Array, Int64Array, IntervalMonthDayNanoArray, StringViewArray, UInt64Array,
};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Decimal256Type, Field, FieldRef, Float32Type,
    Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
    UInt64Type,
};
use arrow::json::writer::{EncoderOptions, make_encoder};
use bytes::{BufMut as _, BytesMut};

use super::list::List;
use super::numeric::{self, Decimal};
use super::{PgType, Zone, of, temporal};
use crate::pgwire::error::{WireError, WireResult, code};
use crate::pgwire::request::Format;

/// The values of one column of one batch.
pub(in crate::pgwire) struct Column {
    values: Values,
    nulls: Option<NullBuffer>,
    format: Format,
    zone: Zone,
}

enum Values {
    Bool(BooleanArray),
    Int2(Int16Array),
    Int4(Int32Array),
    Int8(Int64Array),
    Float4(Float32Array),
    Float8(Float64Array),
    Unsigned(UInt64Array),
    Decimal(Decimal128Array, i8),
    LargeDecimal(Decimal256Array, i8),
    Text(StringViewArray),
    Bytes(BinaryViewArray),
    FixedBytes(FixedSizeBinaryArray),
    Uuid(FixedSizeBinaryArray),
    Date(Date32Array),
    /// Milliseconds since 1970.
    LongDate(Int64Array),
    Time(Int64Array, TimeUnit),
    Timestamp(Int64Array, TimeUnit),
    TimestampZoned(Int64Array, TimeUnit),
    Interval(IntervalMonthDayNanoArray),
    Duration(Int64Array, TimeUnit),
    Json(Vec<Vec<u8>>),
    List(List),
    Null,
}

impl Column {
    /// Prepares the values of `array`, which were told to be of type `told`.
    ///
    /// # Errors
    /// XX000 if they are of another type; 0A000 for what cannot be written.
    pub(in crate::pgwire) fn new(
        array: &ArrayRef,
        field: &FieldRef,
        told: &PgType,
        format: Format,
        zone: Zone,
    ) -> WireResult<Self> {
        // The field says what the bytes mean, the array what they are.
        let actual = Field::clone(field).with_data_type(array.data_type().clone());
        if of(&actual)?.oid != told.oid {
            return Err(WireError::new(
                code::INTERNAL,
                format!("the values are of type {}, which was not announced", array.data_type()),
            ));
        }
        let array = match array.data_type() {
            DataType::Dictionary(_, values) => recast(array, values)?,
            DataType::RunEndEncoded(_, values) => recast(array, values.data_type())?,
            _ => ArrayRef::clone(array),
        };
        let values = values(&array, field, told, format, zone)?;
        Ok(Self { values, nulls: array.logical_nulls(), format, zone })
    }

    /// Writes the length and the bytes of a value.
    ///
    /// # Errors
    /// For a value that its type of PostgreSQL cannot carry.
    pub(in crate::pgwire) fn write(&self, row: usize, out: &mut BytesMut) -> WireResult<()> {
        if self.is_null(row) {
            out.put_i32(-1);
            return Ok(());
        }
        let start = out.len();
        out.put_i32(0);
        self.value(row, out)?;
        let length = i32::try_from(out.len() - start - 4)
            .map_err(|_| WireError::new(code::LIMIT, "a value is larger than 2 GiB"))?;
        if let Some(place) = out.get_mut(start..start + 4) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }

    pub(in crate::pgwire) fn is_null(&self, row: usize) -> bool {
        matches!(self.values, Values::Null)
            || self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Writes the bytes of a value that is not null.
    pub(in crate::pgwire) fn value(&self, row: usize, out: &mut BytesMut) -> WireResult<()> {
        match self.format {
            Format::Text => self.text(row, out),
            Format::Binary => self.binary(row, out),
        }
    }

    fn text(&self, row: usize, out: &mut BytesMut) -> WireResult<()> {
        match &self.values {
            Values::Bool(array) => out.put_u8(if array.value(row) { b't' } else { b'f' }),
            Values::Int2(array) => print(out, array.value(row))?,
            Values::Int4(array) => print(out, array.value(row))?,
            Values::Int8(array) => print(out, array.value(row))?,
            Values::Float4(array) => numeric::float(&format!("{:e}", array.value(row)), 6, out),
            Values::Float8(array) => numeric::float(&format!("{:e}", array.value(row)), 15, out),
            Values::Unsigned(array) => print(out, array.value(row))?,
            Values::Decimal(array, scale) => {
                Decimal::new(&array.value(row).to_string(), *scale).text(out);
            }
            Values::LargeDecimal(array, scale) => {
                Decimal::new(&array.value(row).to_string(), *scale).text(out);
            }
            Values::Text(array) => put_text(array.value(row), out)?,
            Values::Bytes(array) => put_hex(array.value(row), out),
            Values::FixedBytes(array) => put_hex(array.value(row), out),
            Values::Uuid(array) => print(out, uuid_of(array.value(row))?.hyphenated())?,
            Values::Date(array) => temporal::date_text(array.value(row), out)?,
            Values::LongDate(array) => temporal::date_text(day_of(array.value(row))?, out)?,
            Values::Time(array, unit) => {
                temporal::time_text(micros(array.value(row), *unit)?, out)?;
            }
            Values::Timestamp(array, unit) => {
                temporal::timestamp_text(micros(array.value(row), *unit)?, None, out)?;
            }
            Values::TimestampZoned(array, unit) => {
                temporal::timestamp_text(micros(array.value(row), *unit)?, Some(self.zone), out)?;
            }
            Values::Interval(array) => temporal::interval_text(array.value(row), out)?,
            Values::Duration(array, unit) => {
                let micros = micros(array.value(row), *unit)?;
                temporal::interval_text(temporal::read_interval(micros, 0, 0)?, out)?;
            }
            Values::Json(texts) => out.put_slice(texts.get(row).map_or(b"null", Vec::as_slice)),
            Values::List(list) => list.text(row, out)?,
            Values::Null => {}
        }
        Ok(())
    }

    fn binary(&self, row: usize, out: &mut BytesMut) -> WireResult<()> {
        match &self.values {
            Values::Bool(array) => out.put_u8(u8::from(array.value(row))),
            Values::Int2(array) => out.put_i16(array.value(row)),
            Values::Int4(array) => out.put_i32(array.value(row)),
            Values::Int8(array) => out.put_i64(array.value(row)),
            Values::Float4(array) => out.put_f32(array.value(row)),
            Values::Float8(array) => out.put_f64(array.value(row)),
            Values::Unsigned(array) => {
                Decimal::new(&array.value(row).to_string(), 0).binary(out)?;
            }
            Values::Decimal(array, scale) => {
                Decimal::new(&array.value(row).to_string(), *scale).binary(out)?;
            }
            Values::LargeDecimal(array, scale) => {
                Decimal::new(&array.value(row).to_string(), *scale).binary(out)?;
            }
            Values::Text(array) => put_text(array.value(row), out)?,
            Values::Bytes(array) => out.put_slice(array.value(row)),
            Values::FixedBytes(array) | Values::Uuid(array) => out.put_slice(array.value(row)),
            Values::Date(array) => temporal::date_binary(array.value(row), out)?,
            Values::LongDate(array) => temporal::date_binary(day_of(array.value(row))?, out)?,
            Values::Time(array, unit) => {
                temporal::time_binary(micros(array.value(row), *unit)?, out)?;
            }
            Values::Timestamp(array, unit) | Values::TimestampZoned(array, unit) => {
                temporal::timestamp_binary(micros(array.value(row), *unit)?, out)?;
            }
            Values::Interval(array) => temporal::interval_binary(array.value(row), out),
            Values::Duration(array, unit) => {
                let micros = micros(array.value(row), *unit)?;
                temporal::interval_binary(temporal::read_interval(micros, 0, 0)?, out);
            }
            Values::Json(texts) => out.put_slice(texts.get(row).map_or(b"null", Vec::as_slice)),
            Values::List(list) => list.binary(row, out)?,
            Values::Null => {}
        }
        Ok(())
    }
}

fn values(
    array: &ArrayRef,
    field: &FieldRef,
    told: &PgType,
    format: Format,
    zone: Zone,
) -> WireResult<Values> {
    Ok(match array.data_type() {
        DataType::Null => Values::Null,
        DataType::Boolean => Values::Bool(array.as_boolean().clone()),
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => {
            Values::Int2(recast(array, &DataType::Int16)?.as_primitive::<Int16Type>().clone())
        }
        DataType::UInt16 | DataType::Int32 => {
            Values::Int4(recast(array, &DataType::Int32)?.as_primitive::<Int32Type>().clone())
        }
        DataType::UInt32 | DataType::Int64 => Values::Int8(long(array)?),
        DataType::UInt64 => Values::Unsigned(array.as_primitive::<UInt64Type>().clone()),
        DataType::Float16 | DataType::Float32 => {
            Values::Float4(recast(array, &DataType::Float32)?.as_primitive::<Float32Type>().clone())
        }
        DataType::Float64 => Values::Float8(array.as_primitive::<Float64Type>().clone()),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => {
            let array = recast(array, &DataType::Decimal128(*precision, *scale))?;
            Values::Decimal(array.as_primitive::<Decimal128Type>().clone(), *scale)
        }
        DataType::Decimal256(_, scale) => {
            Values::LargeDecimal(array.as_primitive::<Decimal256Type>().clone(), *scale)
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            Values::Text(recast(array, &DataType::Utf8View)?.as_string_view().clone())
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
            Values::Bytes(recast(array, &DataType::BinaryView)?.as_binary_view().clone())
        }
        DataType::FixedSizeBinary(_) => {
            let bytes = array.as_fixed_size_binary().clone();
            if told.is(&Type::UUID) { Values::Uuid(bytes) } else { Values::FixedBytes(bytes) }
        }
        DataType::Date32 => Values::Date(array.as_primitive::<Date32Type>().clone()),
        DataType::Date64 => Values::LongDate(long(array)?),
        DataType::Time32(unit) => Values::Time(long(&recast(array, &DataType::Int32)?)?, *unit),
        DataType::Time64(unit) => Values::Time(long(array)?, *unit),
        DataType::Timestamp(unit, None) => Values::Timestamp(long(array)?, *unit),
        DataType::Timestamp(unit, Some(_)) => Values::TimestampZoned(long(array)?, *unit),
        DataType::Interval(_) => {
            let array = recast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
            Values::Interval(array.as_primitive::<IntervalMonthDayNanoType>().clone())
        }
        DataType::Duration(unit) => Values::Duration(long(array)?, *unit),
        _ if told.is(&Type::JSON) => Values::Json(json(array, field)?),
        DataType::List(item) => {
            let list = array.as_list::<i32>();
            let ends = list.offsets().iter().map(|end| index(i64::from(*end))).collect();
            Values::List(List::new(list.values(), item, ends, format, zone)?)
        }
        DataType::LargeList(item) => {
            let list = array.as_list::<i64>();
            let ends = list.offsets().iter().map(|end| index(*end)).collect();
            Values::List(List::new(list.values(), item, ends, format, zone)?)
        }
        DataType::FixedSizeList(item, length) => {
            let list = array.as_fixed_size_list();
            let ends = (0..=list.len()).map(|row| row * index(i64::from(*length))).collect();
            Values::List(List::new(list.values(), item, ends, format, zone)?)
        }
        other => return Err(WireError::unsupported(format!("a column of type {other}"))),
    })
}

/// Offsets of Arrow are never negative.
fn index(offset: i64) -> usize {
    usize::try_from(offset).unwrap_or(0)
}

fn long(array: &ArrayRef) -> WireResult<Int64Array> {
    Ok(recast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
}

/// Into a type that holds every value of the other.
fn recast(array: &ArrayRef, kind: &DataType) -> WireResult<ArrayRef> {
    if array.data_type() == kind {
        return Ok(ArrayRef::clone(array));
    }
    cast(array, kind).map_err(|error| {
        WireError::unsupported(format!("a column of type {}: {error}", array.data_type()))
    })
}

fn json(array: &ArrayRef, field: &FieldRef) -> WireResult<Vec<Vec<u8>>> {
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let mut encoder = make_encoder(field, array, &options).map_err(|error| {
        WireError::unsupported(format!("a column of type {}: {error}", array.data_type()))
    })?;
    let text = |row| {
        let mut text = Vec::new();
        if array.is_null(row) {
            return text;
        }
        encoder.encode(row, &mut text);
        text
    };
    Ok((0..array.len()).map(text).collect())
}

fn print(out: &mut BytesMut, value: impl std::fmt::Display) -> WireResult<()> {
    write!(out, "{value}").map_err(|_| WireError::new(code::INTERNAL, "a value cannot be written"))
}

/// A zero byte ends texts in clients written in C, so that PostgreSQL has none; nor have we.
fn put_text(text: &str, out: &mut BytesMut) -> WireResult<()> {
    if text.as_bytes().contains(&0) {
        return Err(WireError::new(
            code::CHARACTER_NOT_IN_REPERTOIRE,
            "a text with a zero byte cannot be sent",
        ));
    }
    out.put_slice(text.as_bytes());
    Ok(())
}

fn put_hex(bytes: &[u8], out: &mut BytesMut) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.put_slice(b"\\x");
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            out.put_u8(DIGITS.get(usize::from(digit)).copied().unwrap_or(b'?'));
        }
    }
}

fn uuid_of(bytes: &[u8]) -> WireResult<uuid::Uuid> {
    uuid::Uuid::from_slice(bytes).map_err(|_| WireError::new(code::INTERNAL, "not a UUID"))
}

fn day_of(millis: i64) -> WireResult<i32> {
    i32::try_from(millis.div_euclid(temporal::MICROS_OF_DAY / 1000))
        .map_err(|_| WireError::new(code::DATETIME_OVERFLOW, "date out of range"))
}

/// Fractions of a microsecond are cut off.
fn micros(value: i64, unit: TimeUnit) -> WireResult<i64> {
    match unit {
        TimeUnit::Second => value.checked_mul(1_000_000),
        TimeUnit::Millisecond => value.checked_mul(1000),
        TimeUnit::Microsecond => Some(value),
        TimeUnit::Nanosecond => Some(value.div_euclid(1000)),
    }
    .ok_or_else(|| WireError::new(code::DATETIME_OVERFLOW, "time out of range"))
}

#[cfg(test)]
mod tests;
