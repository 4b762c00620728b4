//! Where functions of numbers have no value: an error, as in PostgreSQL. The planner's own answer NaN and infinity.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use datafusion::functions::math;
use datafusion::logical_expr::ScalarUDF;

use super::checked::{Check, checked};
use super::error::{SqlError, SqlResult, SqlState};

/// Which values a function takes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Domain {
    /// Those from zero on.
    Root,
    /// Those above zero, of all arguments.
    Logarithm,
    /// Bases and exponents whose power is a number.
    Power,
    /// Those whose power of e is a number.
    Exponent,
    /// Those from -1 to 1.
    Cosine,
    /// Those from 1 on.
    AreaCosine,
}

/// The functions, in place of the planner's own.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    [
        (math::sqrt(), Domain::Root),
        (math::ln(), Domain::Logarithm),
        (math::log(), Domain::Logarithm),
        (math::log2(), Domain::Logarithm),
        (math::log10(), Domain::Logarithm),
        (math::power(), Domain::Power),
        (math::exp(), Domain::Exponent),
        (math::asin(), Domain::Cosine),
        (math::acos(), Domain::Cosine),
        (math::atanh(), Domain::Cosine),
        (math::acosh(), Domain::AreaCosine),
    ]
    .into_iter()
    .map(|(inner, domain)| checked(inner, Check::Domain(domain)))
    .collect()
}

impl Domain {
    /// Refuses arguments for which there is no value.
    ///
    /// # Errors
    /// `InvalidArgumentForPowerFunction`, `InvalidArgumentForLogarithm`, `NumericValueOutOfRange`.
    pub(super) fn check(self, args: &[ArrayRef]) -> SqlResult<()> {
        let args = args
            .iter()
            .map(|arg| Ok(cast(arg, &DataType::Float64)?.as_primitive::<Float64Type>().clone()))
            .collect::<SqlResult<Vec<Float64Array>>>()?;
        if let (Self::Power, [base, exponent]) = (self, args.as_slice()) {
            let rows = base.len().min(exponent.len());
            return (0..rows)
                .filter(|row| base.is_valid(*row) && exponent.is_valid(*row))
                .try_for_each(|row| power(base.value(row), exponent.value(row)));
        }
        args.iter().flatten().flatten().try_for_each(|number| self.one(number))
    }

    fn one(self, number: f64) -> SqlResult<()> {
        let beyond = |text: &str| Err(SqlError::new(SqlState::NumericValueOutOfRange, text));
        match self {
            Self::Root if number < 0.0 => Err(SqlError::new(
                SqlState::InvalidArgumentForPowerFunction,
                "cannot take square root of a negative number",
            )),
            Self::Logarithm if number <= 0.0 => {
                let what = if number == 0.0 { "zero" } else { "a negative number" };
                let message = format!("cannot take logarithm of {what}");
                Err(SqlError::new(SqlState::InvalidArgumentForLogarithm, message))
            }
            Self::Exponent if number.is_finite() && number.exp().is_infinite() => {
                beyond("value out of range: overflow")
            }
            Self::Cosine if number.abs() > 1.0 => beyond("input is out of range"),
            Self::AreaCosine if number < 1.0 => beyond("input is out of range"),
            _ => Ok(()),
        }
    }
}

fn power(base: f64, exponent: f64) -> SqlResult<()> {
    let none = |text: &str| Err(SqlError::new(SqlState::InvalidArgumentForPowerFunction, text));
    if base == 0.0 && exponent < 0.0 {
        return none("zero raised to a negative power is undefined");
    }
    if base < 0.0 && exponent.is_finite() && exponent.fract() != 0.0 {
        return none("a negative number raised to a non-integer power yields a complex result");
    }
    if base.is_finite() && exponent.is_finite() && base.powf(exponent).is_infinite() {
        return Err(SqlError::new(
            SqlState::NumericValueOutOfRange,
            "value out of range: overflow",
        ));
    }
    Ok(())
}
