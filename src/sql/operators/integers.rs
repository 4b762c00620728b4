//! Whole numbers.

use arrow::array::{ArrayRef, Datum};
use arrow::compute::kernels::numeric;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

use super::{Arithmetic, division_by_zero, out_of_range};
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// Applies an operator to whole numbers of one type.
///
/// # Errors
/// `NumericValueOutOfRange`, `DivisionByZero`.
pub(super) fn apply(
    operator: Arithmetic,
    left: &dyn Datum,
    right: &dyn Datum,
    data_type: &DataType,
) -> SqlResult<ArrayRef> {
    let result = match operator {
        Arithmetic::Add => numeric::add(left, right),
        Arithmetic::Subtract => numeric::sub(left, right),
        Arithmetic::Multiply => numeric::mul(left, right),
        Arithmetic::Divide => numeric::div(left, right),
        Arithmetic::Remainder => numeric::rem(left, right),
    };
    result.map_err(|error| match error {
        ArrowError::DivideByZero => division_by_zero(),
        ArrowError::ArithmeticOverflow(_) => out_of_range(&super::types::name(data_type)),
        other => SqlError::new(SqlState::InternalError, other.to_string()),
    })
}
