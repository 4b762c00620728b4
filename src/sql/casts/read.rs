//! Texts to numbers, bytes, dates and times.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray as _, BinaryArray, Date32Array, Float32Array, Float64Array, Int64Array,
    Time64MicrosecondArray, TimestampMicrosecondArray,
};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::DataType;

use crate::sql::datetime;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::operators::type_name;
use crate::sql::settings::TimeZone;

/// Texts as values of a type.
///
/// # Errors
/// `InvalidTextRepresentation`, `NumericValueOutOfRange`, `InvalidDatetimeFormat`, `DatetimeFieldOverflow`.
pub(super) fn read(array: &ArrayRef, to: &DataType) -> SqlResult<ArrayRef> {
    let texts = cast(array, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let invalid = |text: &str| {
        let message = format!("invalid input syntax for type {}: {text:?}", type_name(to));
        SqlError::new(SqlState::InvalidTextRepresentation, message)
    };
    let beyond = |text: &str| {
        let message = format!("value {text:?} is out of range for type {}", type_name(to));
        SqlError::new(SqlState::NumericValueOutOfRange, message)
    };
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let values: ArrayRef = match to {
        DataType::Float32 => {
            let read = |text: &str| {
                let value: f32 = text.trim().parse().map_err(|_| invalid(text))?;
                let lost = value.is_infinite() && text.contains(|c: char| c.is_ascii_digit());
                // Zero has no sign here.
                if lost { Err(beyond(text)) } else { Ok(value + 0.0) }
            };
            let values = texts.iter().map(|text| text.map(read).transpose());
            Arc::new(values.collect::<SqlResult<Float32Array>>()?)
        }
        DataType::Float16 | DataType::Float64 => {
            let read = |text: &str| {
                let value: f64 = text.trim().parse().map_err(|_| invalid(text))?;
                let lost = value.is_infinite() && text.contains(|c: char| c.is_ascii_digit());
                // Zero has no sign here.
                if lost { Err(beyond(text)) } else { Ok(value + 0.0) }
            };
            let values = texts.iter().map(|text| text.map(read).transpose());
            Arc::new(values.collect::<SqlResult<Float64Array>>()?)
        }
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
            let read = |text: &str| bytes(text).ok_or_else(|| invalid(text));
            let values: Vec<Option<Vec<u8>>> =
                texts.iter().map(|text| text.map(read).transpose()).collect::<SqlResult<_>>()?;
            Arc::new(values.iter().map(Option::as_deref).collect::<BinaryArray>())
        }
        DataType::Date32 => {
            let values = texts.iter().map(|text| text.map(datetime::date).transpose());
            Arc::new(values.collect::<SqlResult<Date32Array>>()?)
        }
        DataType::Time64(_) => {
            let values = texts.iter().map(|text| text.map(datetime::time).transpose());
            Arc::new(values.collect::<SqlResult<Time64MicrosecondArray>>()?)
        }
        DataType::Timestamp(_, None) => {
            let values = texts.iter().map(|text| text.map(datetime::timestamp).transpose());
            Arc::new(values.collect::<SqlResult<TimestampMicrosecondArray>>()?)
        }
        DataType::Timestamp(_, Some(zone)) => {
            // Sessions are in UTC.
            let read = |text: &str| datetime::timestamp_zoned(text, TimeZone::default());
            let values = texts.iter().map(|text| text.map(read).transpose());
            let values = values.collect::<SqlResult<TimestampMicrosecondArray>>()?;
            Arc::new(values.with_timezone(Arc::clone(zone)))
        }
        _ => {
            let read = |text: &str| {
                let digits = text.trim();
                digits.parse::<i64>().map_err(|error| match error.kind() {
                    std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => {
                        beyond(digits)
                    }
                    _ => invalid(text),
                })
            };
            let values = texts.iter().map(|text| text.map(read).transpose());
            let values = values.collect::<SqlResult<Int64Array>>()?;
            return cast_with_options(&values, to, &options).map_err(|error| {
                SqlError::new(
                    SqlState::NumericValueOutOfRange,
                    format!("value is out of range for type {}: {error}", type_name(to)),
                )
            });
        }
    };
    Ok(cast_with_options(&values, to, &options)?)
}

/// Bytes from `\x6162`, or from a text with `\\` and `\377` in it.
fn bytes(text: &str) -> Option<Vec<u8>> {
    if let Some(digits) = text.strip_prefix("\\x") {
        let digits: Vec<u8> = digits
            .chars()
            .filter(|c| !c.is_ascii_whitespace())
            .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
            .collect::<Option<_>>()?;
        let pairs = digits.chunks(2).map(|pair| match pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        });
        return pairs.collect();
    }
    let mut rest = text.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    loop {
        rest = match rest {
            [] => return Some(bytes),
            [b'\\', b'\\', rest @ ..] => {
                bytes.push(b'\\');
                rest
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', rest @ ..] => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest
            }
            [b'\\', ..] => return None,
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn bytes_are_read_in_both_forms() {
        assert_eq!(bytes("\\x61 62").unwrap(), b"ab");
        assert_eq!(bytes("a\\\\b\\001").unwrap(), b"a\\b\x01");
        assert_eq!(bytes("\\x6"), None);
        assert_eq!(bytes("\\y"), None);
    }
}
