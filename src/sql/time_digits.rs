//! `timestamp(p)` and `time(p)`: times rounded to so many digits of a second.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, PrimitiveArray};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::error::{SqlError, SqlResult, SqlState};

/// The name of the function that such a cast becomes.
pub(super) const TIME_DIGITS: &str = "time_digits";

/// Microseconds from 1970 to 2000, from where PostgreSQL rounds in both directions.
const MILLENNIUM: i64 = 946_684_800_000_000;
const DAY: i64 = 86_400_000_000;

/// The function of that name.
pub(super) fn time_digits() -> Arc<ScalarUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::from(TimeDigits { signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct TimeDigits {
    signature: Signature,
}

fn wrong() -> SqlError {
    SqlError::new(
        SqlState::UndefinedFunction,
        format!("function {TIME_DIGITS} of this does not exist"),
    )
}

/// Rounds a number of microseconds, halves away from zero.
fn rounded(micros: i64, digits: u32) -> Option<i64> {
    let scale = 10_i64.checked_pow(6_u32.checked_sub(digits)?)?;
    let half = if micros < 0 { -(scale / 2) } else { scale / 2 };
    Some(micros.checked_add(half)? / scale * scale)
}

fn each<T: ArrowPrimitiveType<Native = i64>>(
    array: &ArrayRef,
    one: impl Fn(i64) -> Option<i64>,
) -> SqlResult<PrimitiveArray<T>> {
    let beyond = || SqlError::new(SqlState::DatetimeFieldOverflow, "time out of range");
    let values = array.as_primitive::<T>();
    values
        .iter()
        .map(|value| value.map(|value| one(value).ok_or_else(beyond)).transpose())
        .collect()
}

fn array(values: &ArrayRef, digits: u32) -> SqlResult<ArrayRef> {
    Ok(match values.data_type() {
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let one = |value: i64| {
                rounded(value.checked_sub(MILLENNIUM)?, digits)?.checked_add(MILLENNIUM)
            };
            let times = each::<TimestampMicrosecondType>(values, one)?;
            Arc::new(times.with_timezone_opt(zone.clone()))
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            let one = |value: i64| rounded(value, digits).filter(|value| *value < DAY);
            Arc::new(each::<Time64MicrosecondType>(values, one)?)
        }
        _ => return Err(wrong()),
    })
}

impl ScalarUDFImpl for TimeDigits {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        TIME_DIGITS
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [DataType::Timestamp(_, zone), digits] if digits.is_integer() => {
                let time = DataType::Timestamp(TimeUnit::Microsecond, zone.clone());
                Ok(vec![time, DataType::Int64])
            }
            [DataType::Time32(_) | DataType::Time64(_), digits] if digits.is_integer() => {
                Ok(vec![DataType::Time64(TimeUnit::Microsecond), DataType::Int64])
            }
            _ => Err(wrong().into()),
        }
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        arg_types.first().cloned().ok_or_else(|| wrong().into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [values, ColumnarValue::Scalar(ScalarValue::Int64(Some(digits)))] =
            args.args.as_slice()
        else {
            return Err(wrong().into());
        };
        let digits = u32::try_from(*digits).map_err(|_| wrong())?;
        Ok(match values {
            ColumnarValue::Array(values) => ColumnarValue::Array(array(values, digits)?),
            ColumnarValue::Scalar(value) => {
                let values = array(&value.to_array()?, digits)?;
                ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn halves_go_away_from_zero() {
        assert_eq!(rounded(1_500_000, 0), Some(2_000_000));
        assert_eq!(rounded(-1_500_000, 0), Some(-2_000_000));
        assert_eq!(rounded(1_499_999, 0), Some(1_000_000));
        assert_eq!(rounded(1_234_567, 6), Some(1_234_567));
        assert_eq!(rounded(i64::MAX, 0), None);
    }
}
