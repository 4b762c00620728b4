//! Numbers with a fraction to whole ones.

use arrow::array::{ArrayRef, AsArray as _, Int64Array};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, Decimal128Type, Float64Type};

use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::operators::type_name;

/// Whole numbers: binary fractions to the nearest, of two the even one; others away from zero.
///
/// # Errors
/// `NumericValueOutOfRange`.
pub(super) fn whole(array: &ArrayRef, to: &DataType) -> SqlResult<ArrayRef> {
    let out_of_range = || {
        let message = format!("{} out of range", type_name(to));
        SqlError::new(SqlState::NumericValueOutOfRange, message)
    };
    let numbers: Int64Array = if array.data_type().is_floating() {
        let floats = cast(array, &DataType::Float64)?;
        floats
            .as_primitive::<Float64Type>()
            .iter()
            .map(|value| value.map(|value| nearest(value).ok_or_else(out_of_range)).transpose())
            .collect::<SqlResult<_>>()?
    } else {
        let scale = match array.data_type() {
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale)
            | DataType::Decimal256(_, scale) => *scale,
            _ => 0,
        };
        let decimals = cast_with_options(
            array,
            &DataType::Decimal128(38, scale),
            &CastOptions { safe: false, ..CastOptions::default() },
        )?;
        decimals
            .as_primitive::<Decimal128Type>()
            .iter()
            .map(|value| {
                value.map(|value| unscaled(value, scale).ok_or_else(out_of_range)).transpose()
            })
            .collect::<SqlResult<_>>()?
    };
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(&numbers, to, &options).map_err(|_| out_of_range())
}

fn nearest(value: f64) -> Option<i64> {
    let value = value.round_ties_even();
    // The largest i64 is no f64: the limit itself is beyond it.
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value);
    #[expect(clippy::cast_possible_truncation, reason = "compared with the limits before")]
    fits.then_some(value as i64)
}

fn unscaled(value: i128, scale: i8) -> Option<i64> {
    let power = 10_i128.checked_pow(scale.unsigned_abs().into())?;
    if scale < 0 {
        return i64::try_from(value.checked_mul(power)?).ok();
    }
    let (quotient, rest) = (value / power, value % power);
    let up = rest.abs() >= power - rest.abs();
    i64::try_from(if up && power > 1 { quotient + value.signum() } else { quotient }).ok()
}
