//! Values of Arrow as the texts that PostgreSQL shows, written apart from the door's own.

use arrow::array::{Array, ArrayRef, AsArray as _};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, DurationMicrosecondType, Float32Type, Float64Type,
    Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType, UInt64Type,
};
use arrow::record_batch::RecordBatch;

/// The rows of a batch.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<Vec<String>> {
    (0..batch.num_rows())
        .map(|row| batch.columns().iter().map(|column| shown(column, row)).collect())
        .collect()
}

fn shown(column: &ArrayRef, row: usize) -> String {
    match value(column, row) {
        None => "NULL".to_owned(),
        Some(text) if text.is_empty() => "(empty)".to_owned(),
        Some(text) => text,
    }
}

fn value(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) || *column.data_type() == DataType::Null {
        return None;
    }
    Some(match column.data_type() {
        DataType::Boolean => if column.as_boolean().value(row) { "t" } else { "f" }.to_owned(),
        DataType::Int16 => column.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Float32 => {
            float(&format!("{:e}", column.as_primitive::<Float32Type>().value(row)), 6)
        }
        DataType::Float64 => {
            float(&format!("{:e}", column.as_primitive::<Float64Type>().value(row)), 15)
        }
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row).to_owned(),
        DataType::Utf8View => column.as_string_view().value(row).to_owned(),
        DataType::Binary => bytes(column.as_binary::<i32>().value(row)),
        DataType::LargeBinary => bytes(column.as_binary::<i64>().value(row)),
        DataType::BinaryView => bytes(column.as_binary_view().value(row)),
        DataType::Date32 => {
            column.as_primitive::<Date32Type>().value_as_date(row).unwrap().to_string()
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            let time = column.as_primitive::<Time64MicrosecondType>().value_as_time(row).unwrap();
            fraction(&time.format("%H:%M:%S%.6f").to_string())
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let column = column.as_primitive::<TimestampMicrosecondType>();
            let time = column.value_as_datetime(row).unwrap();
            let text = fraction(&time.format("%Y-%m-%d %H:%M:%S%.6f").to_string());
            if zone.is_some() { format!("{text}+00") } else { text }
        }
        DataType::Interval(_) => {
            let value = column.as_primitive::<IntervalMonthDayNanoType>().value(row);
            interval(value.months, value.days, value.nanoseconds / 1000)
        }
        DataType::Duration(TimeUnit::Microsecond) => {
            let micros = column.as_primitive::<DurationMicrosecondType>().value(row);
            let day = 86_400_000_000;
            interval(0, i32::try_from(micros / day).unwrap(), micros % day)
        }
        DataType::List(_) => list(&column.as_list::<i32>().value(row)),
        // In units of other lengths, which no table has.
        DataType::Time32(_) | DataType::Time64(_) => {
            return value(&cast(column, &DataType::Time64(TimeUnit::Microsecond)).unwrap(), row);
        }
        DataType::Timestamp(_, zone) => {
            let micros = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
            return value(&cast(column, &micros).unwrap(), row);
        }
        DataType::Duration(_) => {
            let micros = DataType::Duration(TimeUnit::Microsecond);
            return value(&cast(column, &micros).unwrap(), row);
        }
        other => panic!("no text for {other}"),
    })
}

/// A number from its shortest form with an exponent (`1.5e-7`), as PostgreSQL writes it.
fn float(scientific: &str, digits_max: i32) -> String {
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return match scientific {
            "inf" => "Infinity".to_owned(),
            "-inf" => "-Infinity".to_owned(),
            other => other.to_owned(),
        };
    };
    let exponent: i32 = exponent.parse().unwrap();
    if exponent < -4 || exponent >= digits_max {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let number: f64 = scientific.parse().unwrap();
    let places = mantissa.split_once('.').map_or(0, |(_, places)| places.len());
    let places = i32::try_from(places).unwrap() - exponent;
    format!("{number:.*}", usize::try_from(places.max(0)).unwrap())
}

/// Without the zeros at the end of a fraction of a second.
fn fraction(text: &str) -> String {
    let (whole, places) = text.split_once('.').unwrap();
    match places.trim_end_matches('0') {
        "" => whole.to_owned(),
        places => format!("{whole}.{places}"),
    }
}

fn bytes(value: &[u8]) -> String {
    value.iter().fold("\\x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

fn interval(months: i32, days: i32, micros: i64) -> String {
    let mut parts = Vec::new();
    let mut part = |count: i32, one: &str, many: &str| {
        if count != 0 {
            parts.push(format!("{count} {}", if count == 1 { one } else { many }));
        }
    };
    part(months / 12, "year", "years");
    part(months % 12, "mon", "mons");
    part(days, "day", "days");
    if micros != 0 || parts.is_empty() {
        let sign = if micros < 0 { "-" } else { "" };
        let (seconds, rest) = (micros.abs() / 1_000_000, micros.abs() % 1_000_000);
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let text = format!("{sign}{hours:02}:{minutes:02}:{seconds:02}");
        let rest = if rest == 0 { String::new() } else { format!(".{rest:06}") };
        parts.push(format!("{text}{}", rest.trim_end_matches('0')));
    }
    parts.join(" ")
}

fn list(items: &ArrayRef) -> String {
    let items: Vec<String> = (0..items.len())
        .map(|at| match value(items, at) {
            None => "NULL".to_owned(),
            Some(text) if matches!(items.data_type(), DataType::List(_)) => text,
            Some(text) => {
                let special = |c: char| "{},\"\\ \t\n".contains(c);
                if text.is_empty() || text.eq_ignore_ascii_case("null") || text.contains(special) {
                    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
                } else {
                    text
                }
            }
        })
        .collect();
    format!("{{{}}}", items.join(","))
}
