//! Functions whose arguments say how large their results become: `repeat`, `lpad`, `array_repeat`, ….
//!
//! The planner's own ask for that memory at once, whatever it is, and the process ends where there is none.
//! Here it is reckoned first; what is too large is an error, as in PostgreSQL.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use arrow::compute::{cast, kernels::length::length};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::logical_expr::ScalarUDF;

use super::checked::{Check, checked};
use super::error::{SqlError, SqlResult, SqlState};
use crate::base::limits::SQL_GROWTH_BYTES_MAX;

/// What the arguments say of a result's size.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Growth {
    /// A text so many times.
    Times,
    /// A text of so many characters.
    Characters,
    /// A list of so many items.
    Items,
    /// A list from one number to another.
    Range,
}

/// The functions, in place of the planner's own.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    let texts = [
        (datafusion::functions::string::repeat(), Growth::Times),
        (datafusion::functions::unicode::lpad(), Growth::Characters),
        (datafusion::functions::unicode::rpad(), Growth::Characters),
    ];
    let lists = [
        (datafusion::functions_nested::repeat::array_repeat_udf(), Growth::Items),
        (datafusion::functions_nested::range::range_udf(), Growth::Range),
        (datafusion::functions_nested::range::gen_series_udf(), Growth::Range),
    ];
    let bounded = |(inner, growth)| checked(inner, Check::Growth(growth));
    texts.into_iter().chain(lists).map(bounded).collect()
}

impl Growth {
    /// Refuses what would be too large.
    ///
    /// # Errors
    /// `ProgramLimitExceeded`.
    pub(super) fn check(self, name: &str, args: &[ArrayRef]) -> SqlResult<()> {
        if self.bytes(args)? > SQL_GROWTH_BYTES_MAX {
            let message = format!("the values that {name}() is to make are too large");
            return Err(SqlError::new(SqlState::ProgramLimitExceeded, message));
        }
        Ok(())
    }

    /// Bytes of a batch of results, about; nothing where the arguments are of no known kind.
    fn bytes(self, args: &[ArrayRef]) -> SqlResult<u64> {
        let (lengths, counts) = match (self, args) {
            (Self::Times, [text, count, ..]) => {
                (numbers(&length(text.as_ref())?)?, numbers(count)?)
            }
            (Self::Characters, [_, count, ..]) => (vec![1; count.len()], numbers(count)?),
            (Self::Items, [item, count, ..]) => {
                let rows = u64::try_from(item.len().max(1)).unwrap_or(u64::MAX);
                let size = u64::try_from(item.get_array_memory_size()).unwrap_or(u64::MAX);
                let size = i64::try_from(size / rows).unwrap_or(i64::MAX).max(8);
                (vec![size; count.len()], numbers(count)?)
            }
            (Self::Range, args) => return range(args),
            _ => return Ok(0),
        };
        let sizes = lengths.into_iter().zip(counts);
        Ok(sizes.fold(0, |sum, (length, count)| {
            let (length, count) = (length.max(0).unsigned_abs(), count.max(0).unsigned_abs());
            sum.saturating_add(length.saturating_mul(count))
        }))
    }
}

fn range(args: &[ArrayRef]) -> SqlResult<u64> {
    if !args.iter().all(|arg| arg.data_type().is_integer()) {
        return Ok(0);
    }
    let ones = |like: &ArrayRef| vec![1; like.len()];
    let (start, stop, step) = match args {
        [stop] => (vec![0; stop.len()], numbers(stop)?, ones(stop)),
        [start, stop] => (numbers(start)?, numbers(stop)?, ones(stop)),
        [start, stop, step] => (numbers(start)?, numbers(stop)?, numbers(step)?),
        _ => return Ok(0),
    };
    let rows = start.into_iter().zip(stop).zip(step);
    Ok(rows.fold(0, |sum, ((start, stop), step)| {
        let forward = (stop >= start) == (step > 0);
        let items = stop.abs_diff(start) / step.unsigned_abs().max(1);
        let bytes = if forward { items.saturating_mul(8) } else { 0 };
        sum.saturating_add(bytes)
    }))
}

/// Whole numbers; nulls are 0.
fn numbers(array: &ArrayRef) -> SqlResult<Vec<i64>> {
    let array = cast(array, &DataType::Int64)?;
    Ok(array.as_primitive::<Int64Type>().iter().map(Option::unwrap_or_default).collect())
}
