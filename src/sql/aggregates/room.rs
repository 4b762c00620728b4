//! Whether there is room for a sum. The planner's own wrap around without a word.

use arrow::array::{Array, ArrayRef, AsArray as _};
use arrow::datatypes::Decimal128Type;
use datafusion::common::DataFusionError;

use crate::sql::error::{SqlError, SqlResult, SqlState};

/// A little less than the first number with more digits than there are.
const ROOM: f64 = 0.999_999e38;
/// Sums of batches that need not be known well.
const SMALL: f64 = 1e30;

/// How large a sum of all values can be, whatever their signs.
#[derive(Default, Debug)]
pub(super) struct SumOfAll(f64);

impl SumOfAll {
    /// # Errors
    /// `NumericValueOutOfRange` once there may be no room for the sum.
    pub(super) fn add(&mut self, values: &[ArrayRef]) -> SqlResult<()> {
        self.0 += values.iter().map(|values| size(values.as_ref())).sum::<f64>();
        if self.0 > ROOM { Err(out_of_range()) } else { Ok(()) }
    }

    pub(super) fn subtract(&mut self, values: &[ArrayRef]) {
        self.0 -= values.iter().map(|values| size(values.as_ref())).sum::<f64>();
    }
}

/// The sum of numbers without their signs, or more.
fn size(values: &dyn Array) -> f64 {
    if let Some(lists) = values.as_list_opt::<i32>() {
        return size(lists.values());
    }
    let Some(numbers) = values.as_primitive_opt::<Decimal128Type>() else { return 0.0 };
    let largest = numbers.values().iter().map(|number| number.unsigned_abs()).max();
    let sum = approximate(largest.unwrap_or_default()) * approximate(numbers.len() as u128);
    if sum < SMALL {
        return sum;
    }
    numbers.iter().flatten().map(|number| approximate(number.unsigned_abs())).sum()
}

#[expect(clippy::cast_precision_loss, reason = "a bound, with room for what is lost")]
const fn approximate(number: u128) -> f64 {
    number as f64
}

fn out_of_range() -> SqlError {
    SqlError::new(SqlState::NumericValueOutOfRange, "a sum may be out of range for numeric")
        .with_hint("numbers have 38 digits at most, all digits after the point included: cast to fewer of them")
}

/// The planner's averages say in a text that they have no room.
pub(super) fn no_room(error: DataFusionError) -> DataFusionError {
    match error.find_root() {
        DataFusionError::Execution(text) if text.contains("Overflow") => out_of_range().into(),
        _ => error,
    }
}
