//! `round` as in PostgreSQL: exact numbers half away from zero, binary fractions to the even neighbour.
//!
//! The planner's own has another type before its arguments are settled than after.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, Decimal128Array};
use arrow::datatypes::{
    DataType, Decimal128Type, Field, FieldRef, Float32Type, Float64Type, Int64Type,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::error::{SqlError, SqlResult, SqlState};
use super::operators::undefined_function;

const DIGITS: u8 = 38;

/// The function.
pub(super) fn round() -> Arc<ScalarUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::from(Round { signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Round {
    signature: Signature,
}

fn undefined(arg_types: &[DataType]) -> SqlError {
    undefined_function("round", arg_types)
}

/// An exact number's type; a whole number's where `whole` asks for it.
fn exact(kind: &DataType, whole: bool) -> Option<DataType> {
    Some(match kind {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
            if *scale >= 0 =>
        {
            DataType::Decimal128(*precision, *scale)
        }
        kind if whole && kind.is_integer() => DataType::Decimal128(20, 0),
        DataType::Null if whole => DataType::Decimal128(20, 0),
        _ => return None,
    })
}

/// The type of a number rounded to so many digits after the point, which are known only if written out.
fn rounded(precision: u8, scale: i8, places: Option<i64>) -> DataType {
    let places = places.and_then(|places| i8::try_from(places.clamp(0, scale.into())).ok());
    DataType::Decimal128(precision.saturating_add(1).min(DIGITS), places.unwrap_or(scale))
}

fn number(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::Int64(number) => *number,
        ScalarValue::Int32(number) => number.map(i64::from),
        _ => None,
    }
}

/// Rounds one number to so many digits after the point and gives it another scale.
fn one(value: i128, scale: i8, places: i64, wanted: i8) -> Option<i128> {
    let drop = i64::from(scale).checked_sub(places)?;
    let value = match u32::try_from(drop) {
        Err(_) | Ok(0) => value,
        // More digits than there are.
        Ok(drop) if drop > DIGITS.into() => 0,
        Ok(drop) => {
            let power = 10_i128.checked_pow(drop)?;
            let rest = value % power;
            let up = rest.abs() >= power - rest.abs();
            (value - rest).checked_add(if up { power * value.signum() } else { 0 })?
        }
    };
    let cut = 10_i128.checked_pow(u32::try_from(scale.checked_sub(wanted)?).ok()?)?;
    Some(value / cut)
}

fn decimals(array: &ArrayRef, places: &[Option<i64>], wanted: &DataType) -> SqlResult<ArrayRef> {
    let (DataType::Decimal128(_, scale), DataType::Decimal128(precision, kept)) =
        (array.data_type(), wanted)
    else {
        return Err(undefined(&[array.data_type().clone()]));
    };
    let beyond =
        || SqlError::new(SqlState::NumericValueOutOfRange, "value out of range for numeric");
    let numbers = array.as_primitive::<Decimal128Type>();
    let numbers: Decimal128Array = (0..numbers.len())
        .map(|row| {
            let to = places.get(row).or(places.first()).copied().flatten();
            match to {
                Some(to) if numbers.is_valid(row) => {
                    one(numbers.value(row), *scale, to, *kept).map(Some).ok_or_else(beyond)
                }
                _ => Ok(None),
            }
        })
        .collect::<SqlResult<_>>()?;
    Ok(Arc::new(numbers.with_precision_and_scale(*precision, *kept)?))
}

impl ScalarUDFImpl for Round {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        "round"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(match arg_types {
            [kind] if kind.is_integer() || *kind == DataType::Null => vec![DataType::Float64],
            [DataType::Float16] => vec![DataType::Float32],
            [kind] if kind.is_floating() => vec![kind.clone()],
            [kind] => vec![exact(kind, false).ok_or_else(|| undefined(arg_types))?],
            // A number that is written out stays so: the type of the result depends on it.
            [kind, places @ (DataType::Int64 | DataType::Int32)] => {
                vec![exact(kind, true).ok_or_else(|| undefined(arg_types))?, places.clone()]
            }
            [kind, places] if places.is_integer() || *places == DataType::Null => {
                let kind = exact(kind, true).ok_or_else(|| undefined(arg_types))?;
                vec![kind, DataType::Int64]
            }
            _ => return Err(undefined(arg_types).into()),
        })
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        arg_types.first().cloned().ok_or_else(|| undefined(arg_types).into())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let kinds: Vec<DataType> =
            args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let kind = match kinds.as_slice() {
            [DataType::Decimal128(precision, scale)] => rounded(*precision, *scale, Some(0)),
            [DataType::Decimal128(precision, scale), _] => {
                let places = args.scalar_arguments.get(1).copied().flatten().and_then(number);
                rounded(*precision, *scale, places)
            }
            [other] => other.clone(),
            _ => return Err(undefined(&kinds).into()),
        };
        Ok(Arc::new(Field::new("round", kind, true)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let wanted = args.return_type().clone();
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let mut arrays = args.args.iter().map(|arg| arg.to_array(rows));
        let Some(values) = arrays.next().transpose()? else {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from(&wanted)?));
        };
        let result: ArrayRef = match values.data_type() {
            // Zero has no sign here; see the operators.
            DataType::Float32 => Arc::new(
                values
                    .as_primitive::<Float32Type>()
                    .unary::<_, Float32Type>(|value| value.round_ties_even() + 0.0),
            ),
            DataType::Float64 => Arc::new(
                values
                    .as_primitive::<Float64Type>()
                    .unary::<_, Float64Type>(|value| value.round_ties_even() + 0.0),
            ),
            _ => {
                let places = match arrays.next().transpose()? {
                    None => vec![Some(0)],
                    Some(places) => {
                        let places = arrow::compute::cast(&places, &DataType::Int64)?;
                        places.as_primitive::<Int64Type>().iter().collect()
                    }
                };
                decimals(&values, &places, &wanted)?
            }
        };
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

#[cfg(test)]
mod tests {
    use super::one;

    #[test]
    fn halves_go_away_from_zero() {
        for (value, scale, places, wanted, rounded) in [
            (2565, 3, 2, 2, 257),
            (-2565, 3, 2, 2, -257),
            (2564, 3, 2, 2, 256),
            (12_345, 0, -2, 0, 12_300),
            (12_350, 0, -2, 0, 12_400),
            (25, 1, 0, 0, 3),
            (25, 1, 5, 1, 25),
            (25, 1, -50, 0, 0),
        ] {
            assert_eq!(one(value, scale, places, wanted), Some(rounded), "{value} {places}");
        }
    }
}
