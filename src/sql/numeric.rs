//! A cast to `numeric` that names no digits: a number keeps those that it has.
//!
//! The planner's own takes ten digits after the point and rounds away the others. What comes from a text or a
//! binary fraction has sixteen here, as a quotient has at least.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Decimal128Array};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::error::{SqlError, SqlResult, SqlState};
use super::operators::type_name;

/// The name of the function that such a cast becomes.
pub(super) const NUMERIC: &str = "numeric";

const DIGITS: u8 = 38;
const SCALE: i8 = 16;

/// The function of that name.
pub(super) fn numeric() -> Arc<ScalarUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::from(Numeric { signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Numeric {
    signature: Signature,
}

fn kind(of: &DataType) -> Option<DataType> {
    Some(match of {
        DataType::Int8 | DataType::Int16 | DataType::UInt8 => DataType::Decimal128(5, 0),
        DataType::Int32 | DataType::UInt16 => DataType::Decimal128(10, 0),
        DataType::Int64 | DataType::UInt32 => DataType::Decimal128(19, 0),
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => DataType::Decimal128(*precision, *scale),
        DataType::Null | DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            DataType::Decimal128(DIGITS, SCALE)
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            DataType::Decimal128(DIGITS, SCALE)
        }
        DataType::Dictionary(_, values) => return kind(values),
        _ => return None,
    })
}

fn undefined(arg_types: &[DataType]) -> SqlError {
    let shown: Vec<String> = arg_types.iter().map(type_name).collect();
    let message = format!("cannot cast type {} to numeric", shown.join(", "));
    SqlError::new(SqlState::DatatypeMismatch, message)
}

/// The fifteen digits that a binary fraction is sure of, as a number of sixteen places.
fn places(value: f64) -> SqlResult<i128> {
    let beyond =
        || SqlError::new(SqlState::NumericValueOutOfRange, "value out of range for numeric");
    let text = format!("{value:.14e}");
    let (mantissa, exponent) = text.split_once('e').ok_or_else(beyond)?;
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let digits: i128 = digits.parse().map_err(|_| beyond())?;
    let exponent: i32 = exponent.parse().map_err(|_| beyond())?;
    // The digits are the value times 10^(14 - exponent).
    let shift = exponent - 14 + i32::from(SCALE);
    let power = |exponent: u32| 10_i128.checked_pow(exponent);
    match u32::try_from(shift) {
        Ok(shift) => {
            let number = power(shift).and_then(|power| digits.checked_mul(power));
            number.filter(|number| number.unsigned_abs() < 10_u128.pow(38)).ok_or_else(beyond)
        }
        Err(_) => Ok(match power(shift.unsigned_abs()) {
            Some(power) => {
                let rest = (digits % power).abs();
                digits / power + if rest >= power - rest { digits.signum() } else { 0 }
            }
            None => 0,
        }),
    }
}

fn exact(array: &ArrayRef, wanted: &DataType) -> SqlResult<ArrayRef> {
    if array.data_type() == wanted {
        return Ok(Arc::clone(array));
    }
    if array.data_type().is_floating() {
        let floats = cast(array, &DataType::Float64)?;
        let numbers: Decimal128Array = floats
            .as_primitive::<Float64Type>()
            .iter()
            .map(|value| value.map(places).transpose())
            .collect::<SqlResult<_>>()?;
        return Ok(Arc::new(numbers.with_precision_and_scale(DIGITS, SCALE)?));
    }
    let options = CastOptions { safe: false, ..CastOptions::default() };
    Ok(cast_with_options(array, wanted, &options)?)
}

impl ScalarUDFImpl for Numeric {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        NUMERIC
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        match arg_types {
            [one] if kind(one).is_some() => Ok(vec![one.clone()]),
            _ => Err(undefined(arg_types).into()),
        }
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        arg_types.first().and_then(kind).ok_or_else(|| undefined(arg_types).into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let wanted = args.return_type().clone();
        Ok(match args.args.into_iter().next() {
            Some(ColumnarValue::Array(array)) => ColumnarValue::Array(exact(&array, &wanted)?),
            Some(ColumnarValue::Scalar(scalar)) => {
                let array = exact(&scalar.to_array()?, &wanted)?;
                ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
            }
            None => ColumnarValue::Scalar(ScalarValue::try_from(&wanted)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::places;

    #[test]
    fn binary_fractions_keep_fifteen_digits() {
        assert_eq!(places(0.1).unwrap(), 1_000_000_000_000_000);
        assert_eq!(places(-2.5).unwrap(), -25_000_000_000_000_000);
        assert_eq!(places(0.0).unwrap(), 0);
        assert_eq!(places(1e-30).unwrap(), 0);
        assert!(places(1e30).is_err());
        assert!(places(f64::NAN).is_err());
    }
}
