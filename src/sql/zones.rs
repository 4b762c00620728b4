//! `AT TIME ZONE`: a time in a zone as a point in time, and a point in time as the time in a zone.

use std::any::Any;
use std::sync::Arc;

use arrow::array::timezone::Tz;
use arrow::array::{ArrayRef, AsArray as _, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use arrow::temporal_conversions::timestamp_us_to_datetime;
use chrono::{Duration, NaiveDateTime, Offset as _, TimeZone as _};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::error::{SqlError, SqlResult, SqlState};
use super::operators::undefined_function;

/// The function that `x AT TIME ZONE y` stands for, `timezone(y, x)`.
pub(super) fn timezone() -> Arc<ScalarUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::from(Zone { signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Zone {
    signature: Signature,
}

fn utc() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
}

const LOCAL: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

fn zone(name: &str) -> SqlResult<Tz> {
    let plain = name.trim();
    let plain = match plain.to_uppercase().as_str() {
        "UTC" | "GMT" | "Z" | "ZULU" => "UTC",
        _ => plain,
    };
    // In PostgreSQL such an offset counts westwards, which is seldom meant.
    if plain.starts_with(['+', '-']) || plain.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(SqlError::unsupported(format_args!("the time zone {name:?}"))
            .with_hint("name a zone, such as Europe/Berlin"));
    }
    plain.parse().map_err(|_| {
        let message = format!("time zone {name:?} not recognized");
        SqlError::new(SqlState::InvalidParameterValue, message)
    })
}

/// The point in time that clocks in a zone show as this.
fn point(zone: Tz, local: NaiveDateTime) -> Option<i64> {
    let point = match zone.from_local_datetime(&local) {
        chrono::LocalResult::Single(time) => time.naive_utc(),
        // Clocks show it twice: the second time, by the standard offset.
        chrono::LocalResult::Ambiguous(_, later) => later.naive_utc(),
        // Clocks skip it: as if they had not been put forward yet.
        chrono::LocalResult::None => {
            let before = local.checked_sub_signed(Duration::hours(24))?;
            let offset = zone.from_local_datetime(&before).earliest()?.offset().fix();
            local.checked_sub_signed(Duration::seconds(offset.local_minus_utc().into()))?
        }
    };
    Some(point.and_utc().timestamp_micros())
}

/// What clocks in a zone show then.
fn local(zone: Tz, point: NaiveDateTime) -> i64 {
    zone.from_utc_datetime(&point).naive_local().and_utc().timestamp_micros()
}

fn moved(name: &str, array: &ArrayRef) -> SqlResult<ArrayRef> {
    let zone = zone(name)?;
    let beyond = || SqlError::new(SqlState::DatetimeFieldOverflow, "timestamp out of range");
    let aware = matches!(array.data_type(), DataType::Timestamp(_, Some(_)));
    let times = array.as_primitive::<TimestampMicrosecondType>();
    let times: TimestampMicrosecondArray = times
        .iter()
        .map(|time| {
            let Some(time) = time else { return Ok(None) };
            let time = timestamp_us_to_datetime(time).ok_or_else(beyond)?;
            if aware {
                return Ok(Some(local(zone, time)));
            }
            point(zone, time).map(Some).ok_or_else(beyond)
        })
        .collect::<SqlResult<_>>()?;
    Ok(if aware { Arc::new(times) } else { Arc::new(times.with_timezone("+00:00")) })
}

impl ScalarUDFImpl for Zone {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        "timezone"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let of = match arg_types {
            [_, DataType::Timestamp(_, Some(_)) | DataType::Date32 | DataType::Null] => utc(),
            [_, DataType::Timestamp(_, None)] => LOCAL,
            _ => return Err(undefined_function(self.name(), arg_types).into()),
        };
        Ok(vec![DataType::Utf8, of])
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let aware = matches!(arg_types, [_, DataType::Timestamp(_, Some(_))]);
        Ok(if aware { LOCAL } else { utc() })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [ColumnarValue::Scalar(name), value] = args.args.as_slice() else {
            return Err(SqlError::unsupported("a time zone that is computed").into());
        };
        let ScalarValue::Utf8(Some(name)) = name else {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from(args.return_type())?));
        };
        Ok(match value {
            ColumnarValue::Array(array) => ColumnarValue::Array(moved(name, array)?),
            ColumnarValue::Scalar(scalar) => {
                let array = moved(name, &scalar.to_array()?)?;
                ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
            }
        })
    }
}
