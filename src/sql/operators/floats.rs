//! Binary fractions: no infinity comes out of finite numbers, and no zero out of others.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp as _, ArrowPrimitiveType, AsArray as _, Datum,
};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{DataType, Float32Type, Float64Type};

use super::{Arithmetic, division_by_zero};
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// Applies an operator to binary fractions of one type.
///
/// # Errors
/// `NumericValueOutOfRange`, `DivisionByZero`.
pub(super) fn apply(
    operator: Arithmetic,
    left: &dyn Datum,
    right: &dyn Datum,
    data_type: &DataType,
) -> SqlResult<ArrayRef> {
    match data_type {
        DataType::Float32 => typed::<Float32Type>(operator, left, right, |value| value.into()),
        _ => typed::<Float64Type>(operator, left, right, |value| value),
    }
}

fn typed<T: ArrowPrimitiveType>(
    operator: Arithmetic,
    left: &dyn Datum,
    right: &dyn Datum,
    wide: fn(T::Native) -> f64,
) -> SqlResult<ArrayRef> {
    let result = match operator {
        Arithmetic::Add => numeric::add(left, right),
        Arithmetic::Subtract => numeric::sub(left, right),
        Arithmetic::Multiply => numeric::mul(left, right),
        Arithmetic::Divide | Arithmetic::Remainder => numeric::div(left, right),
    }
    .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))?;
    let values = result.as_primitive::<T>();
    let suspect = |value: f64| !value.is_finite() || value == 0.0;
    if values.values().iter().any(|value| suspect(wide(*value))) {
        let operand = |datum: &dyn Datum, row: usize| {
            let (array, scalar) = datum.get();
            wide(array.as_primitive::<T>().value(if scalar { 0 } else { row }))
        };
        for row in (0..values.len()).filter(|row| values.is_valid(*row)) {
            let value = wide(values.value(row));
            if suspect(value) {
                check(operator, operand(left, row), operand(right, row), value)?;
            }
        }
        // Zero has no sign here, since the engine tells the two apart where PostgreSQL does not.
        return Ok(Arc::new(values.unary::<_, T>(|value| value.add_wrapping(T::Native::ZERO))));
    }
    Ok(result)
}

fn check(operator: Arithmetic, left: f64, right: f64, value: f64) -> SqlResult<()> {
    let divides = operator == Arithmetic::Divide;
    if divides && right == 0.0 && !left.is_nan() {
        return Err(division_by_zero());
    }
    if value.is_infinite() && left.is_finite() && right.is_finite() {
        return Err(out_of_range("overflow"));
    }
    let lost = match operator {
        Arithmetic::Multiply => left != 0.0 && right != 0.0,
        Arithmetic::Divide => left != 0.0 && right.is_finite(),
        Arithmetic::Add | Arithmetic::Subtract | Arithmetic::Remainder => false,
    };
    if value == 0.0 && lost {
        return Err(out_of_range("underflow"));
    }
    Ok(())
}

fn out_of_range(what: &str) -> SqlError {
    SqlError::new(SqlState::NumericValueOutOfRange, format!("value out of range: {what}"))
}
