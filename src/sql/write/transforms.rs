//! Partition values of whole columns.
//!
//! The specification defines each transform to the bit, and every engine relies on it: a value that is
//! off by one makes rows invisible to queries that prune.

use std::sync::Arc;

use apache_iceberg::spec::Transform;
use apache_iceberg::transform::create_transform_function;
use arrow::array::{
    Array as _, ArrayRef, AsArray as _, Date32Array, Int32Array, LargeBinaryArray, StringArray,
    new_null_array,
};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use chrono::{DateTime, Datelike as _};

use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::spec::failure;

const MICROS_PER_HOUR: i64 = 3_600_000_000;
const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;
const SECONDS_PER_DAY: i64 = 86_400;

/// Applies a transform to a column.
pub(super) fn apply(transform: Transform, column: &ArrayRef) -> SqlResult<ArrayRef> {
    match transform {
        Transform::Identity => Ok(Arc::clone(column)),
        Transform::Void => Ok(new_null_array(column.data_type(), column.len())),
        Transform::Year => each_day(column, "year", year),
        Transform::Month => each_day(column, "month", month),
        Transform::Day => days(column).map(|days| Arc::new(days) as ArrayRef),
        Transform::Hour => hours(column),
        Transform::Bucket(count) => bucket(count, column),
        Transform::Truncate(width) => truncate(width, column),
        Transform::Unknown => Err(SqlError::unsupported("writing to this kind of partition")),
    }
}

/// Days since 1970 of dates or timestamps, rounded down.
fn days(column: &ArrayRef) -> SqlResult<Date32Array> {
    match column.data_type() {
        DataType::Date32 => Ok(column.as_primitive::<Date32Type>().clone()),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let micros = column.as_primitive::<TimestampMicrosecondType>();
            micros.try_unary(|value| small(value.div_euclid(MICROS_PER_DAY)))
        }
        other => Err(mismatch("day", other)),
    }
}

fn each_day(column: &ArrayRef, name: &str, of: impl Fn(i32) -> Option<i32>) -> SqlResult<ArrayRef> {
    if !matches!(column.data_type(), DataType::Date32 | DataType::Timestamp(_, _)) {
        return Err(mismatch(name, column.data_type()));
    }
    let values: Int32Array = days(column)?.try_unary(|day| of(day).ok_or_else(out_of_range))?;
    Ok(Arc::new(values))
}

fn year(day: i32) -> Option<i32> {
    let date = DateTime::from_timestamp(i64::from(day) * SECONDS_PER_DAY, 0)?;
    date.year().checked_sub(1970)
}

fn month(day: i32) -> Option<i32> {
    let date = DateTime::from_timestamp(i64::from(day) * SECONDS_PER_DAY, 0)?;
    let months = i32::try_from(date.month0()).ok()?;
    date.year().checked_sub(1970)?.checked_mul(12)?.checked_add(months)
}

fn hours(column: &ArrayRef) -> SqlResult<ArrayRef> {
    if !matches!(column.data_type(), DataType::Timestamp(TimeUnit::Microsecond, _)) {
        return Err(mismatch("hour", column.data_type()));
    }
    let micros = column.as_primitive::<TimestampMicrosecondType>();
    let hours: Int32Array = micros.try_unary(|value| small(value.div_euclid(MICROS_PER_HOUR)))?;
    Ok(Arc::new(hours))
}

fn bucket(count: u32, column: &ArrayRef) -> SqlResult<ArrayRef> {
    if count == 0 || i32::try_from(count).is_err() {
        return Err(wrong_width("bucket", count));
    }
    let function = create_transform_function(&Transform::Bucket(count));
    function
        .and_then(|function| function.transform(Arc::clone(column)))
        .map_err(|error| failure(&error))
}

fn truncate(width: u32, column: &ArrayRef) -> SqlResult<ArrayRef> {
    let (Ok(step), Ok(length)) = (i32::try_from(width), usize::try_from(width)) else {
        return Err(wrong_width("truncate", width));
    };
    if step == 0 {
        return Err(wrong_width("truncate", width));
    }
    Ok(match column.data_type() {
        DataType::Int32 => {
            let values = column.as_primitive::<Int32Type>();
            Arc::new(
                values.unary::<_, Int32Type>(|value| value.wrapping_sub(value.rem_euclid(step))),
            )
        }
        DataType::Int64 => {
            let (values, step) = (column.as_primitive::<Int64Type>(), i64::from(step));
            Arc::new(
                values.unary::<_, Int64Type>(|value| value.wrapping_sub(value.rem_euclid(step))),
            )
        }
        DataType::Decimal128(precision, scale) => {
            let (values, step) = (column.as_primitive::<Decimal128Type>(), i128::from(step));
            let cut = values
                .unary::<_, Decimal128Type>(|value| value.wrapping_sub(value.rem_euclid(step)));
            let cut = cut.with_precision_and_scale(*precision, *scale);
            let cut = cut.map_err(|_| out_of_range())?;
            cut.validate_decimal_precision(*precision).map_err(|_| out_of_range())?;
            Arc::new(cut)
        }
        DataType::Utf8 => {
            let cut = column.as_string::<i32>().iter().map(|text| {
                text.map(|text| match text.char_indices().nth(length) {
                    Some((end, _)) => &text[..end],
                    None => text,
                })
            });
            Arc::new(cut.collect::<StringArray>())
        }
        DataType::LargeBinary => {
            let values = column.as_binary::<i64>().iter();
            let cut = values.map(|bytes| bytes.map(|bytes| bytes.get(..length).unwrap_or(bytes)));
            Arc::new(cut.collect::<LargeBinaryArray>())
        }
        other => return Err(mismatch("truncate", other)),
    })
}

fn small(value: i64) -> SqlResult<i32> {
    i32::try_from(value).map_err(|_| out_of_range())
}

fn out_of_range() -> SqlError {
    SqlError::new(SqlState::DataException, "a value is out of the range of its partition transform")
}

fn mismatch(transform: &str, source: &DataType) -> SqlError {
    SqlError::unsupported(format_args!("the partition transform {transform} of {source}"))
}

fn wrong_width(transform: &str, width: u32) -> SqlError {
    SqlError::new(
        SqlState::DataCorrupted,
        format!("the partition transform {transform}[{width}] means nothing"),
    )
}

#[cfg(test)]
mod tests {
    use arrow::array::{Decimal128Array, Int64Array, TimestampMicrosecondArray};

    use super::*;

    fn ints(transform: Transform, column: &ArrayRef) -> Vec<Option<i32>> {
        let values = apply(transform, column).unwrap();
        match values.data_type() {
            DataType::Date32 => values.as_primitive::<Date32Type>().iter().collect(),
            _ => values.as_primitive::<Int32Type>().iter().collect(),
        }
    }

    #[test]
    fn time_rounds_down_on_both_sides_of_1970() {
        let day = MICROS_PER_DAY;
        let values =
            [Some(0), Some(-1), Some(-day), Some(-day - 1), Some(-day - 500_000), Some(day), None];
        let column = || Arc::new(TimestampMicrosecondArray::from(values.to_vec())) as ArrayRef;
        let expected = [Some(0), Some(-1), Some(-1), Some(-2), Some(-2), Some(1), None];
        assert_eq!(ints(Transform::Day, &column()), expected);
        let expected = [Some(0), Some(-1), Some(-24), Some(-25), Some(-25), Some(24), None];
        assert_eq!(ints(Transform::Hour, &column()), expected);
        let expected = [Some(0), Some(-1), Some(-1), Some(-1), Some(-1), Some(0), None];
        assert_eq!(ints(Transform::Month, &column()), expected);
        assert_eq!(ints(Transform::Year, &column()), expected);
        let dates = Arc::new(Date32Array::from(vec![17_486, -1, -366])) as ArrayRef;
        assert_eq!(ints(Transform::Year, &dates), [Some(47), Some(-1), Some(-2)]);
        assert_eq!(ints(Transform::Month, &dates), [Some(574), Some(-1), Some(-13)]);
        let huge = Arc::new(TimestampMicrosecondArray::from(vec![i64::MAX])) as ArrayRef;
        assert!(apply(Transform::Year, &huge).is_err());
    }

    #[test]
    fn truncation_rounds_down() {
        let column = Arc::new(Int32Array::from(vec![1, -1, 10, -10, -11, i32::MIN])) as ArrayRef;
        let cut = ints(Transform::Truncate(10), &column);
        assert_eq!(cut[..5], [Some(0), Some(-10), Some(10), Some(-10), Some(-20)]);
        let column = Arc::new(Int64Array::from(vec![1, -1])) as ArrayRef;
        let cut = apply(Transform::Truncate(10), &column).unwrap();
        assert_eq!(cut.as_primitive::<Int64Type>().values()[..], [0, -10]);
        let column = Decimal128Array::from(vec![1065, -5]).with_precision_and_scale(9, 2).unwrap();
        let cut = apply(Transform::Truncate(50), &(Arc::new(column) as ArrayRef)).unwrap();
        assert_eq!(cut.as_primitive::<Decimal128Type>().values()[..], [1050, -50]);
        let column = Arc::new(StringArray::from(vec!["ünïcode", "ab"])) as ArrayRef;
        let cut = apply(Transform::Truncate(3), &column).unwrap();
        assert_eq!(cut.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["ünï", "ab"]);
        let column = Arc::new(LargeBinaryArray::from_vec(vec![b"abcd", b"a"])) as ArrayRef;
        let cut = apply(Transform::Truncate(3), &column).unwrap();
        assert_eq!(cut.as_binary::<i64>().value(0), b"abc");
        assert!(apply(Transform::Truncate(0), &column).is_err());
    }

    #[test]
    fn buckets_are_those_of_the_specification() {
        // Appendix B: the hash of 34 is 2017239379, of "iceberg" 1210000089.
        let column = Arc::new(Int32Array::from(vec![34])) as ArrayRef;
        let bucket = (2_017_239_379_u32 % 1000).cast_signed();
        assert_eq!(ints(Transform::Bucket(1000), &column), [Some(bucket)]);
        let column = Arc::new(StringArray::from(vec!["iceberg"])) as ArrayRef;
        assert_eq!(ints(Transform::Bucket(1000), &column), [Some(89)]);
        let column = Arc::new(Decimal128Array::from(vec![1420])) as ArrayRef;
        let hash = (-500_754_589_i32 & i32::MAX) % 1000;
        assert_eq!(ints(Transform::Bucket(1000), &column), [Some(hash)]);
        let column = Arc::new(Int32Array::from(vec![34])) as ArrayRef;
        assert!(apply(Transform::Bucket(0), &column).is_err());
    }
}
