//! Values to the texts that PostgreSQL shows.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    IntervalUnit, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use arrow::temporal_conversions::{time64us_to_time, timestamp_us_to_datetime};

use crate::sql::error::{SqlError, SqlResult, SqlState};

/// The texts of values, as a type of texts.
///
/// # Errors
/// `DatetimeFieldOverflow` for a time that no calendar has.
pub(super) fn shown(array: &ArrayRef, to: &DataType) -> SqlResult<ArrayRef> {
    let texts: ArrayRef = Arc::new(texts(array)?);
    Ok(if *to == DataType::Utf8 { texts } else { cast(&texts, to)? })
}

fn texts(array: &ArrayRef) -> SqlResult<StringArray> {
    Ok(match array.data_type() {
        DataType::Float32 => each(array.as_primitive::<Float32Type>(), |value| {
            Some(float(&format!("{value:e}"), f64::from(value), 6))
        })?,
        DataType::Float16 | DataType::Float64 => {
            let floats = cast(array, &DataType::Float64)?;
            each(floats.as_primitive::<Float64Type>(), |value| {
                Some(float(&format!("{value:e}"), value, 15))
            })?
        }
        DataType::Timestamp(_, zone) => {
            let ending = if zone.is_some() { "+00" } else { "" };
            let utc = zone.as_ref().map(|_| "+00:00".into());
            let micros = cast(array, &DataType::Timestamp(TimeUnit::Microsecond, utc))?;
            each(micros.as_primitive::<TimestampMicrosecondType>(), |value| {
                let time = timestamp_us_to_datetime(value)?;
                let fraction = fraction(time.and_utc().timestamp_subsec_micros());
                Some(format!("{}{fraction}{ending}", time.format("%Y-%m-%d %H:%M:%S")))
            })?
        }
        DataType::Time32(_) | DataType::Time64(_) => {
            let micros = cast(array, &DataType::Time64(TimeUnit::Microsecond))?;
            each(micros.as_primitive::<Time64MicrosecondType>(), |value| {
                let time = time64us_to_time(value)?;
                let rest = u32::try_from(value.rem_euclid(1_000_000)).ok()?;
                Some(format!("{}{}", time.format("%H:%M:%S"), fraction(rest)))
            })?
        }
        DataType::Interval(_) | DataType::Duration(_) => {
            let intervals = cast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
            each(intervals.as_primitive::<IntervalMonthDayNanoType>(), |value| {
                Some(interval(value))
            })?
        }
        DataType::List(_) => lists(array)?,
        _ => {
            let bytes = cast(array, &DataType::Binary)?;
            let hex = |bytes: &[u8]| {
                bytes.iter().fold("\\x".to_owned(), |mut text, byte| {
                    let _ = write!(text, "{byte:02x}");
                    text
                })
            };
            bytes.as_binary::<i32>().iter().map(|value| value.map(hex)).collect()
        }
    })
}

fn each<'a, I: IntoIterator<Item = Option<T>> + 'a, T>(
    values: I,
    text: impl Fn(T) -> Option<String>,
) -> SqlResult<StringArray> {
    values
        .into_iter()
        .map(|value| match value {
            None => Ok(None),
            Some(value) => text(value).map(Some).ok_or_else(|| {
                SqlError::new(SqlState::DatetimeFieldOverflow, "timestamp out of range")
            }),
        })
        .collect()
}

/// A number from its shortest form with an exponent (`1.5e-7`).
fn float(scientific: &str, value: f64, digits: i32) -> String {
    let split = scientific.split_once('e');
    let Some((mantissa, Ok(exponent))) = split.map(|(m, e)| (m, e.parse::<i32>())) else {
        return match scientific {
            "inf" => "Infinity".to_owned(),
            "-inf" => "-Infinity".to_owned(),
            other => other.to_owned(),
        };
    };
    if value != 0.0 && (exponent < -4 || exponent >= digits) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let Ok(places) = usize::try_from(exponent) else {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or_default());
        return format!("{sign}0.{zeros}{digits}");
    };
    match digits.split_at_checked(places + 1) {
        Some((whole, "")) => format!("{sign}{whole}"),
        Some((whole, rest)) => format!("{sign}{whole}.{rest}"),
        None => format!("{sign}{digits:0<width$}", width = places + 1),
    }
}

/// A fraction of a second, without zeros at its end.
fn fraction(micros: u32) -> String {
    if micros == 0 {
        return String::new();
    }
    format!(".{micros:06}").trim_end_matches('0').to_owned()
}

fn interval(value: IntervalMonthDayNano) -> String {
    let mut parts = Vec::new();
    let mut negative = false;
    let mut part = |count: i32, one: &str, many: &str| {
        if count != 0 {
            let sign = if negative && count > 0 { "+" } else { "" };
            parts.push(format!("{sign}{count} {}", if count == 1 { one } else { many }));
            negative = count < 0;
        }
    };
    part(value.months / 12, "year", "years");
    part(value.months % 12, "mon", "mons");
    part(value.days, "day", "days");
    let micros = value.nanoseconds / 1000;
    if micros != 0 || parts.is_empty() {
        let sign = match micros {
            ..0 => "-",
            _ if negative => "+",
            _ => "",
        };
        let micros = micros.unsigned_abs();
        let seconds = micros / 1_000_000;
        let rest = u32::try_from(micros % 1_000_000).unwrap_or_default();
        parts.push(format!(
            "{sign}{:02}:{:02}:{:02}{}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            fraction(rest)
        ));
    }
    parts.join(" ")
}

fn lists(array: &ArrayRef) -> SqlResult<StringArray> {
    let lists = array.as_list::<i32>();
    lists
        .iter()
        .map(|list| {
            let Some(list) = list else { return Ok(None) };
            let nested = matches!(list.data_type(), DataType::List(_));
            let items = match list.data_type() {
                DataType::Utf8 => list.as_string::<i32>().clone(),
                kind if super::conversion(kind, &DataType::Utf8).is_some() => texts(&list)?,
                DataType::Boolean => {
                    let letter = |value| if value { "t" } else { "f" };
                    list.as_boolean().iter().map(|value| value.map(letter)).collect()
                }
                _ => cast(&list, &DataType::Utf8)?.as_string::<i32>().clone(),
            };
            let items: Vec<String> = items.iter().map(|item| self::item(item, nested)).collect();
            Ok(Some(format!("{{{}}}", items.join(","))))
        })
        .collect()
}

fn item(item: Option<&str>, nested: bool) -> String {
    let Some(text) = item else { return "NULL".to_owned() };
    let special = |c: char| "{},\"\\".contains(c) || c.is_ascii_whitespace();
    let quoted = text.is_empty() || text.eq_ignore_ascii_case("null") || text.contains(special);
    if quoted && !nested {
        return format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::float;

    #[test]
    fn floats_are_written_as_postgresql_does() {
        for (value, text) in [
            (1.0, "1"),
            (0.0, "0"),
            (-1.5, "-1.5"),
            (0.0001, "0.0001"),
            (0.000_01, "1e-05"),
            (123_456_789.123, "123456789.123"),
            (100_000.0, "100000"),
            (1e15, "1e+15"),
            (1.5e300, "1.5e+300"),
            (f64::NEG_INFINITY, "-Infinity"),
            (f64::NAN, "NaN"),
        ] {
            assert_eq!(float(&format!("{value:e}"), value, 15), text);
        }
    }
}
