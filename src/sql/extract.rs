//! `extract` and `date_part`: parts of dates and times, seconds with their fractions.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, Decimal128Array};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Field as ArrowField, FieldRef, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::temporal_conversions::{date32_to_datetime, timestamp_us_to_datetime};
use chrono::{Datelike as _, NaiveDateTime, Timelike as _};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::error::{SqlError, SqlState};
use super::operators::{type_name, undefined_function};

/// What parts are computed in: millionths.
const UNIT: i128 = 1_000_000;
const PRECISION: u8 = 24;

/// `extract`, whose parts are exact numbers.
pub(super) fn extract() -> Arc<ScalarUDF> {
    part("extract", true, Vec::new())
}

/// `date_part`, whose parts are binary fractions.
pub(super) fn date_part() -> Arc<ScalarUDF> {
    // The alias too: functions are registered again by their own names, whatever name found them.
    part("date_part", false, vec!["datepart".to_owned()])
}

fn part(name: &'static str, exact: bool, aliases: Vec<String>) -> Arc<ScalarUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::from(Part { name, exact, aliases, signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Part {
    name: &'static str,
    exact: bool,
    aliases: Vec<String>,
    signature: Signature,
}

/// Which part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Microseconds,
    Milliseconds,
    Second,
    Minute,
    Hour,
    Day,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    Week,
    Month,
    Quarter,
    Year,
    IsoYear,
    Decade,
    Century,
    Millennium,
    Epoch,
}

fn field(name: &str) -> Option<Field> {
    let name = name.trim_matches('\'').to_lowercase();
    Some(match name.as_str() {
        "microsecond" | "microseconds" => Field::Microseconds,
        "millisecond" | "milliseconds" => Field::Milliseconds,
        "second" | "seconds" => Field::Second,
        "minute" | "minutes" => Field::Minute,
        "hour" | "hours" => Field::Hour,
        "day" | "days" => Field::Day,
        "dow" | "dayofweek" => Field::DayOfWeek,
        "isodow" => Field::IsoDayOfWeek,
        "doy" | "dayofyear" => Field::DayOfYear,
        "week" | "weeks" => Field::Week,
        "month" | "months" => Field::Month,
        "quarter" | "quarters" => Field::Quarter,
        "year" | "years" => Field::Year,
        "isoyear" => Field::IsoYear,
        "decade" | "decades" => Field::Decade,
        "century" | "centuries" => Field::Century,
        "millennium" | "millennia" => Field::Millennium,
        "epoch" => Field::Epoch,
        _ => return None,
    })
}

/// The digits after the point that a part has.
fn scale(field: Field, of: &DataType) -> i8 {
    match field {
        Field::Second => 6,
        Field::Epoch if *of != DataType::Date32 => 6,
        Field::Milliseconds => 3,
        _ => 0,
    }
}

fn years(year: i32, each: i32) -> i32 {
    if year > 0 { (year + each - 1) / each } else { -((each - year) / each) }
}

/// A part of a point in time, in millionths.
fn of_time(field: Field, time: NaiveDateTime) -> i128 {
    let micros = i128::from(time.and_utc().timestamp_subsec_micros());
    let second = i128::from(time.second()) * UNIT + micros;
    let whole = match field {
        Field::Microseconds => return second * UNIT,
        Field::Milliseconds => return second * 1000,
        Field::Second => return second,
        Field::Epoch => return i128::from(time.and_utc().timestamp_micros()),
        Field::Minute => i64::from(time.minute()),
        Field::Hour => time.hour().into(),
        Field::Day => time.day().into(),
        Field::DayOfWeek => time.weekday().num_days_from_sunday().into(),
        Field::IsoDayOfWeek => time.weekday().number_from_monday().into(),
        Field::DayOfYear => time.ordinal().into(),
        Field::Week => time.iso_week().week().into(),
        Field::Month => time.month().into(),
        Field::Quarter => ((time.month() - 1) / 3 + 1).into(),
        Field::Year => time.year().into(),
        Field::IsoYear => time.iso_week().year().into(),
        Field::Decade => time.year().div_euclid(10).into(),
        Field::Century => years(time.year(), 100).into(),
        Field::Millennium => years(time.year(), 1000).into(),
    };
    i128::from(whole) * UNIT
}

/// A part of an interval, in millionths; `None` where it has no such part.
fn of_interval(field: Field, value: IntervalMonthDayNano) -> Option<i128> {
    let micros = i128::from(value.nanoseconds / 1000);
    let second = micros % (60 * UNIT);
    let (months, days) = (i128::from(value.months), i128::from(value.days));
    let whole = match field {
        Field::Microseconds => return Some(second * UNIT),
        Field::Milliseconds => return Some(second * 1000),
        Field::Second => return Some(second),
        // A year is 365.25 days, a month 30.
        Field::Epoch => {
            let days = (months / 12) * 1461 * 6 + (months % 12) * 720 + days * 24;
            return Some(days * 3600 * UNIT + micros);
        }
        Field::Minute => micros / (60 * UNIT) % 60,
        Field::Hour => micros / (3600 * UNIT),
        Field::Day => days,
        Field::Month => months % 12,
        Field::Quarter => months % 12 / 3 + 1,
        Field::Year => months / 12,
        Field::Decade => months / 120,
        Field::Century => months / 1200,
        Field::Millennium => months / 12_000,
        Field::DayOfWeek
        | Field::IsoDayOfWeek
        | Field::DayOfYear
        | Field::Week
        | Field::IsoYear => return None,
    };
    Some(whole * UNIT)
}

impl Part {
    fn kind(&self, name: Option<&ScalarValue>, of: &DataType) -> Result<DataType> {
        if !self.exact {
            return Ok(DataType::Float64);
        }
        let Some(ScalarValue::Utf8(Some(name))) = name else {
            return Err(SqlError::unsupported("a part of a time that is computed").into());
        };
        let field = field(name).ok_or_else(|| Self::unknown(name, of))?;
        Ok(DataType::Decimal128(PRECISION, scale(field, of)))
    }

    fn unknown(name: &str, of: &DataType) -> SqlError {
        SqlError::new(
            SqlState::InvalidParameterValue,
            format!("unit {name:?} not recognized for type {}", type_name(of)),
        )
    }

    fn parts(name: &str, array: &ArrayRef) -> Result<Decimal128Array> {
        let of = array.data_type();
        let field = field(name).ok_or_else(|| Self::unknown(name, of))?;
        let unknown = || Self::unknown(name, of);
        let beyond = || exec_datafusion_err!("timestamp out of range");
        let clock = matches!(
            field,
            Field::Microseconds | Field::Milliseconds | Field::Second | Field::Minute | Field::Hour
        );
        let parts: Decimal128Array = match of {
            DataType::Date32 if clock => return Err(unknown().into()),
            DataType::Date32 => {
                let days = array.as_primitive::<Date32Type>().iter();
                days.map(|day| {
                    day.map(|day| date32_to_datetime(day).ok_or_else(beyond))
                        .transpose()
                        .map(|day| day.map(|day| of_time(field, day)))
                })
                .collect::<Result<_>>()?
            }
            DataType::Timestamp(..) => {
                let times = array.as_primitive::<TimestampMicrosecondType>().iter();
                times
                    .map(|time| {
                        time.map(|time| timestamp_us_to_datetime(time).ok_or_else(beyond))
                            .transpose()
                            .map(|time| time.map(|time| of_time(field, time)))
                    })
                    .collect::<Result<_>>()?
            }
            DataType::Time64(_) if !clock && field != Field::Epoch => return Err(unknown().into()),
            DataType::Time64(_) => {
                let times = array.as_primitive::<Time64MicrosecondType>().iter();
                times
                    .map(|time| {
                        time.and_then(timestamp_us_to_datetime).map(|time| of_time(field, time))
                    })
                    .collect()
            }
            _ => {
                let intervals = array.as_primitive::<IntervalMonthDayNanoType>().iter();
                intervals
                    .map(|interval| {
                        interval
                            .map(|interval| of_interval(field, interval).ok_or_else(unknown))
                            .transpose()
                    })
                    .collect::<std::result::Result<_, SqlError>>()?
            }
        };
        let scale = scale(field, of);
        let divisor = 10_i128.pow(6 - u32::from(scale.unsigned_abs()));
        let parts: Decimal128Array = parts.unary(|part| part.div_euclid(divisor));
        Ok(parts.with_precision_and_scale(PRECISION, scale)?)
    }
}

impl ScalarUDFImpl for Part {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let undefined = || undefined_function(self.name, arg_types);
        let [_, of] = arg_types else { return Err(undefined().into()) };
        let of = match of {
            DataType::Date32 | DataType::Date64 => DataType::Date32,
            DataType::Timestamp(_, zone) => {
                let utc = zone.as_ref().map(|_| "+00:00".into());
                DataType::Timestamp(TimeUnit::Microsecond, utc)
            }
            DataType::Null => DataType::Timestamp(TimeUnit::Microsecond, None),
            DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
            DataType::Interval(_) | DataType::Duration(_) => {
                DataType::Interval(IntervalUnit::MonthDayNano)
            }
            _ => return Err(undefined().into()),
        };
        Ok(vec![DataType::Utf8, of])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let name = args.scalar_arguments.first().copied().flatten();
        let of = args.arg_fields.get(1).map_or(&DataType::Null, |field| field.data_type());
        Ok(Arc::new(ArrowField::new(self.name, self.kind(name, of)?, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [ColumnarValue::Scalar(ScalarValue::Utf8(Some(name))), value] = args.args.as_slice()
        else {
            return Err(SqlError::unsupported("a part of a time that is computed").into());
        };
        let constant = matches!(value, ColumnarValue::Scalar(_));
        let array = match value {
            ColumnarValue::Array(array) => Arc::clone(array),
            ColumnarValue::Scalar(scalar) => scalar.to_array()?,
        };
        let parts: ArrayRef = Arc::new(Self::parts(name, &array)?);
        let parts = if self.exact { parts } else { cast(&parts, &DataType::Float64)? };
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&parts, 0)?));
        }
        Ok(ColumnarValue::Array(parts))
    }
}
