//! `to_char`, `to_date` and `to_timestamp` with templates as PostgreSQL has them: `YYYY-MM-DD HH24:MI:SS`.
//!
//! The planner's functions of these names take templates of another kind and would show PostgreSQL's as they
//! stand. Patterns that are not known here are refused, and so are templates for numbers and intervals.

mod pattern;
mod read;
mod show;

use std::any::Any;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray as _, Date32Array, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimeUnit, TimestampMicrosecondType};
use arrow::temporal_conversions::timestamp_us_to_datetime;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use self::pattern::Template;
use super::error::{SqlError, SqlResult, SqlState};
use super::operators::{type_name, undefined_function};

/// What a function makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Char,
    Date,
    Timestamp,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Templated {
    kind: Kind,
    signature: Signature,
}

/// The functions.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    [Kind::Char, Kind::Date, Kind::Timestamp]
        .into_iter()
        .map(|kind| {
            let signature = Signature::user_defined(Volatility::Immutable);
            Arc::new(ScalarUDF::from(Templated { kind, signature }))
        })
        .collect()
}

fn point() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
}

fn beyond() -> SqlError {
    SqlError::new(SqlState::DatetimeFieldOverflow, "timestamp out of range")
}

impl Templated {
    fn undefined(&self, arg_types: &[DataType]) -> SqlError {
        undefined_function(self.name(), arg_types)
    }

    fn evaluate(&self, args: &[ArrayRef]) -> SqlResult<ArrayRef> {
        let [values, templates] = args else {
            return match args {
                [seconds] if self.kind == Kind::Timestamp => from_seconds(seconds),
                _ => Err(self.undefined(&[])),
            };
        };
        let templates = templates.as_string::<i32>();
        let mut last: Option<(String, Template)> = None;
        let mut template = |row: usize| -> SqlResult<Option<Template>> {
            if templates.is_null(row) || values.is_null(row) {
                return Ok(None);
            }
            let text = templates.value(row);
            if let Some((known, parsed)) = &last
                && known == text
            {
                return Ok(Some(parsed.clone()));
            }
            let parsed = Template::parse(text)?;
            last = Some((text.to_owned(), parsed.clone()));
            Ok(Some(parsed))
        };
        let rows = 0..values.len();
        match self.kind {
            Kind::Char => {
                let aware = matches!(values.data_type(), DataType::Timestamp(_, Some(_)));
                let times = values.as_primitive::<TimestampMicrosecondType>();
                let shown: StringArray = rows
                    .map(|row| {
                        let Some(template) = template(row)? else { return Ok(None) };
                        let time = timestamp_us_to_datetime(times.value(row)).ok_or_else(beyond)?;
                        Ok(Some(show::show(&template, time, aware)))
                    })
                    .collect::<SqlResult<_>>()?;
                Ok(Arc::new(shown))
            }
            Kind::Date | Kind::Timestamp => {
                let texts = values.as_string::<i32>();
                let mut read = |row: usize| -> SqlResult<Option<i64>> {
                    let Some(template) = template(row)? else { return Ok(None) };
                    let time = read::read(&template, texts.value(row))?;
                    Ok(Some(time.and_utc().timestamp_micros()))
                };
                if self.kind == Kind::Timestamp {
                    let times: TimestampMicrosecondArray =
                        rows.map(read).collect::<SqlResult<_>>()?;
                    return Ok(Arc::new(times.with_timezone("+00:00")));
                }
                let days: Date32Array = rows
                    .map(|row| {
                        let day = read(row)?.map(|time| time.div_euclid(86_400_000_000));
                        day.map(|day| i32::try_from(day).map_err(|_| beyond())).transpose()
                    })
                    .collect::<SqlResult<_>>()?;
                Ok(Arc::new(days))
            }
        }
    }
}

/// Points in time by seconds since 1970.
fn from_seconds(seconds: &ArrayRef) -> SqlResult<ArrayRef> {
    let times: TimestampMicrosecondArray = seconds
        .as_primitive::<Float64Type>()
        .iter()
        .map(|seconds| {
            let Some(seconds) = seconds else { return Ok(None) };
            let micros = (seconds * 1e6).round_ties_even();
            // Everything below is held by 64 bits.
            if micros.is_nan() || micros.abs() >= 9.2e18 {
                return Err(beyond());
            }
            #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
            let micros = micros as i64;
            timestamp_us_to_datetime(micros).ok_or_else(beyond)?;
            Ok(Some(micros))
        })
        .collect::<SqlResult<_>>()?;
    Ok(Arc::new(times.with_timezone("+00:00")))
}

impl ScalarUDFImpl for Templated {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        match self.kind {
            Kind::Char => "to_char",
            Kind::Date => "to_date",
            Kind::Timestamp => "to_timestamp",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let text = |kind: &DataType| kind.is_string() || kind.is_null();
        let value = match arg_types {
            [number]
                if self.kind == Kind::Timestamp && (number.is_numeric() || number.is_null()) =>
            {
                return Ok(vec![DataType::Float64]);
            }
            [value, template] if text(template) => value,
            _ => return Err(self.undefined(arg_types).into()),
        };
        let value = match (self.kind, value) {
            (Kind::Char, DataType::Timestamp(_, None)) => {
                DataType::Timestamp(TimeUnit::Microsecond, None)
            }
            (
                Kind::Char,
                DataType::Null | DataType::Date32 | DataType::Date64 | DataType::Timestamp(..),
            ) => point(),
            (Kind::Char, other)
                if !other.is_string() && !other.is_nested() && !other.is_binary() =>
            {
                let what = format_args!("to_char({}, …)", type_name(other)).to_string();
                return Err(SqlError::unsupported(what).into());
            }
            (Kind::Date | Kind::Timestamp, kind) if text(kind) => DataType::Utf8,
            _ => return Err(self.undefined(arg_types).into()),
        };
        Ok(vec![value, DataType::Utf8])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(match self.kind {
            Kind::Char => DataType::Utf8,
            Kind::Date => DataType::Date32,
            Kind::Timestamp => point(),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let arrays = args
            .args
            .into_iter()
            .map(|arg| {
                let array = arg.into_array(rows)?;
                let text = array.data_type().is_string() && array.data_type() != &DataType::Utf8;
                Ok(if text { cast(&array, &DataType::Utf8)? } else { array })
            })
            .collect::<Result<Vec<_>>>()?;
        let result = self.evaluate(&arrays)?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}
