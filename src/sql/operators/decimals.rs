//! Exact numbers. PostgreSQL's have any number of digits; these have 38, and what needs more is an error.
//!
//! Sums and products keep all digits of their operands. A quotient has 16 to 20 digits after the point
//! (PostgreSQL: 16 significant ones at least) and is rounded, half away from zero.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, Datum, Decimal128Array};
use arrow::compute::binary;
use arrow::compute::kernels::numeric;
use arrow::datatypes::{DataType, Decimal128Type, i256};
use arrow::error::ArrowError;

use super::{Arithmetic, division_by_zero};
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// The digits that a number has at most.
pub(super) const DIGITS: u8 = 38;
/// Digits after the point of a quotient, at least and where there is room.
const QUOTIENT: (i16, i16) = (16, 20);

/// The type of a result, by precision and scale of the operands.
pub(super) fn result(operator: Arithmetic, left: (u8, i8), right: (u8, i8)) -> DataType {
    let ((p1, s1), (p2, s2)) = (wide(left), wide(right));
    let digits = i16::from(DIGITS);
    let (precision, scale) = match operator {
        Arithmetic::Add | Arithmetic::Subtract => {
            let scale = s1.max(s2);
            ((p1 - s1).max(p2 - s2) + scale + 1, scale)
        }
        Arithmetic::Remainder => {
            let scale = s1.max(s2);
            ((p1 - s1).max(p2 - s2) + scale, scale)
        }
        Arithmetic::Multiply => {
            let whole = (p1 - s1) + (p2 - s2) + 1;
            let exact = s1 + s2;
            // Too many digits after the point for the ones before it: round to what there is room for.
            let scale = exact.min((digits - whole).max(exact.min(QUOTIENT.0)));
            (whole + scale, scale)
        }
        Arithmetic::Divide => {
            let whole = p1 - s1 + s2;
            let room = (digits - whole).clamp(QUOTIENT.0, QUOTIENT.1);
            let scale = s1.max(s2).max(room);
            (digits, scale)
        }
    };
    let small = |number: i16| i8::try_from(number.clamp(0, digits)).unwrap_or_default();
    let precision = small(precision.max(scale).max(1)).unsigned_abs();
    DataType::Decimal128(precision, small(scale))
}

fn wide((precision, scale): (u8, i8)) -> (i16, i16) {
    (precision.into(), scale.into())
}

/// Applies an operator to exact numbers; `wanted` is the type that [`result`] gave.
///
/// # Errors
/// `NumericValueOutOfRange`, `DivisionByZero`.
pub(super) fn apply(
    operator: Arithmetic,
    left: &dyn Datum,
    right: &dyn Datum,
    wanted: &DataType,
) -> SqlResult<ArrayRef> {
    let DataType::Decimal128(precision, scale) = *wanted else { return Err(out_of_range()) };
    let exact = match operator {
        Arithmetic::Divide => false,
        Arithmetic::Multiply => scale_of(left) + scale_of(right) == i16::from(scale),
        Arithmetic::Add | Arithmetic::Subtract | Arithmetic::Remainder => true,
    };
    let numbers = if exact && precision < DIGITS && operator != Arithmetic::Remainder {
        unchecked(operator, left, right, i16::from(scale))?
    } else if exact {
        let result = match operator {
            Arithmetic::Add => numeric::add(left, right),
            Arithmetic::Subtract => numeric::sub(left, right),
            Arithmetic::Remainder => numeric::rem(left, right),
            Arithmetic::Multiply | Arithmetic::Divide => numeric::mul(left, right),
        };
        let result = result.map_err(|error| match error {
            ArrowError::DivideByZero => division_by_zero(),
            _ => out_of_range(),
        })?;
        result.as_primitive::<Decimal128Type>().clone()
    } else {
        rounded(operator, left, right, i16::from(scale))?
    };
    let numbers = numbers.with_precision_and_scale(precision, scale).map_err(|_| out_of_range())?;
    if precision == DIGITS {
        numbers.validate_decimal_precision(DIGITS).map_err(|_| out_of_range())?;
    }
    Ok(Arc::new(numbers))
}

/// A sum, difference or product whose type has room for every result: its digits are those that the operands
/// can have, and fewer than the most that a number has.
fn unchecked(
    operator: Arithmetic,
    left: &dyn Datum,
    right: &dyn Datum,
    scale: i16,
) -> SqlResult<Decimal128Array> {
    let unit = |datum: &dyn Datum| match operator {
        Arithmetic::Add | Arithmetic::Subtract => power_of_ten(scale - scale_of(datum)),
        _ => Ok(i256::ONE),
    };
    let unit = |datum| unit(datum)?.to_i128().ok_or_else(out_of_range);
    let (l, r) = (unit(left)?, unit(right)?);
    match (operator, l, r) {
        (Arithmetic::Multiply, ..) => each(left, right, i128::wrapping_mul),
        (Arithmetic::Subtract, 1, 1) => each(left, right, i128::wrapping_sub),
        (Arithmetic::Subtract, ..) => each(left, right, |left, right| {
            left.wrapping_mul(l).wrapping_sub(right.wrapping_mul(r))
        }),
        (_, 1, 1) => each(left, right, i128::wrapping_add),
        _ => each(left, right, |left, right| {
            left.wrapping_mul(l).wrapping_add(right.wrapping_mul(r))
        }),
    }
}

/// The results of an operation row by row, of which one side may be a constant.
fn each(
    left: &dyn Datum,
    right: &dyn Datum,
    operation: impl Fn(i128, i128) -> i128,
) -> SqlResult<Decimal128Array> {
    let ((left, left_constant), (right, right_constant)) = (numbers(left)?, numbers(right)?);
    let constant = |array: &Decimal128Array| array.iter().next().flatten().ok_or_else(out_of_range);
    Ok(match (left_constant, right_constant) {
        (false, true) => {
            let right = constant(right)?;
            left.unary(|left| operation(left, right))
        }
        (true, false) => {
            let left = constant(left)?;
            right.unary(|right| operation(left, right))
        }
        _ => binary(left, right, operation).map_err(|_| out_of_range())?,
    })
}

fn numbers(datum: &dyn Datum) -> SqlResult<(&Decimal128Array, bool)> {
    let (array, constant) = datum.get();
    let numbers = array.as_primitive_opt::<Decimal128Type>();
    let wrong = || SqlError::new(SqlState::InternalError, "operands are no exact numbers");
    Ok((numbers.ok_or_else(wrong)?, constant))
}

fn scale_of(datum: &dyn Datum) -> i16 {
    match datum.get().0.data_type() {
        DataType::Decimal128(_, scale) => (*scale).into(),
        _ => 0,
    }
}

/// A product or quotient, rounded to a scale.
fn rounded(
    operator: Arithmetic,
    left: &dyn Datum,
    right: &dyn Datum,
    scale: i16,
) -> SqlResult<Decimal128Array> {
    let divides = operator == Arithmetic::Divide;
    // quotient: l / 10^s1 / (r / 10^s2) = x / 10^scale, so x = l * 10^(scale - s1 + s2) / r.
    let shift = if divides {
        scale - scale_of(left) + scale_of(right)
    } else {
        scale_of(left) + scale_of(right) - scale
    };
    let power = power_of_ten(shift)?;
    let one = |left: i128, right: i128| -> SqlResult<i128> {
        let (left, right) = (i256::from_i128(left), i256::from_i128(right));
        let (dividend, divisor) = if divides {
            if right == i256::ZERO {
                return Err(division_by_zero());
            }
            (left.checked_mul(power), right)
        } else {
            (left.checked_mul(right), power)
        };
        let number = dividend.and_then(|dividend| half_away(dividend, divisor));
        number.and_then(i256::to_i128).ok_or_else(out_of_range)
    };
    let ((left, left_scalar), (right, right_scalar)) = (numbers(left)?, numbers(right)?);
    let rows = if left_scalar { right.len() } else { left.len() };
    let at = |array: &Decimal128Array, scalar: bool, row: usize| {
        let row = if scalar { 0 } else { row };
        array.is_valid(row).then(|| array.value(row))
    };
    (0..rows)
        .map(|row| match (at(left, left_scalar, row), at(right, right_scalar, row)) {
            (Some(left), Some(right)) => one(left, right).map(Some),
            _ => Ok(None),
        })
        .collect()
}

fn power_of_ten(exponent: i16) -> SqlResult<i256> {
    let exponent = u32::try_from(exponent).map_err(|_| out_of_range())?;
    i256::from_i128(10).checked_pow(exponent).ok_or_else(out_of_range)
}

/// A quotient, rounded half away from zero.
fn half_away(dividend: i256, divisor: i256) -> Option<i256> {
    let quotient = dividend.checked_div(divisor)?;
    let rest = dividend.checked_rem(divisor)?;
    if rest.checked_abs()? >= divisor.checked_abs()?.checked_sub(rest.checked_abs()?)? {
        let down = dividend.is_negative() != divisor.is_negative();
        return quotient.checked_add(i256::from_i128(if down { -1 } else { 1 }));
    }
    Some(quotient)
}

fn out_of_range() -> SqlError {
    SqlError::new(SqlState::NumericValueOutOfRange, "value out of range for numeric")
        .with_hint(format!("numbers have {DIGITS} digits at most"))
}
