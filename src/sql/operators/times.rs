//! Dates, times and intervals.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray as _, Datum, PrimitiveArray};
use arrow::compute::kernels::numeric;
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int32Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType,
};

use super::{Arithmetic, division_by_zero};
use crate::sql::error::{SqlError, SqlResult, SqlState};

const DAY_MICROS: i64 = 86_400_000_000;
const DAYS_PER_MONTH: f64 = 30.0;
const DAY_SECONDS: f64 = 86_400.0;

/// Applies an operator to operands of which one at least is a date, a time or an interval.
///
/// # Errors
/// `DatetimeFieldOverflow`, `DivisionByZero`.
pub(super) fn apply(
    operator: Arithmetic,
    left: &dyn Datum,
    right: &dyn Datum,
) -> SqlResult<ArrayRef> {
    use DataType::{Date32, Float64, Int32, Interval, Time64, Timestamp};
    let subtract = operator == Arithmetic::Subtract;
    match (left.get().0.data_type(), right.get().0.data_type()) {
        (Date32, Date32) => binary::<Date32Type, Date32Type, Int32Type>(left, right, &|l, r| {
            l.checked_sub(r).ok_or_else(out_of_range)
        }),
        (Date32, Int32) => binary::<Date32Type, Int32Type, Date32Type>(left, right, &|l, r| {
            let moved = if subtract { l.checked_sub(r) } else { l.checked_add(r) };
            moved.ok_or_else(out_of_range)
        }),
        (Int32, Date32) => apply(operator, right, left),
        (Timestamp(..), Timestamp(..)) => binary::<
            TimestampMicrosecondType,
            TimestampMicrosecondType,
            IntervalMonthDayNanoType,
        >(left, right, &|l, r| span(l.checked_sub(r))),
        (Time64(_), Time64(_)) => binary::<
            Time64MicrosecondType,
            Time64MicrosecondType,
            IntervalMonthDayNanoType,
        >(left, right, &|l, r| {
            let nanos = l.checked_sub(r).and_then(|micros| micros.checked_mul(1000));
            Ok(IntervalMonthDayNano::new(0, 0, nanos.ok_or_else(out_of_range)?))
        }),
        (Time64(_), Interval(_)) => binary::<
            Time64MicrosecondType,
            IntervalMonthDayNanoType,
            Time64MicrosecondType,
        >(left, right, &|l, r| {
            let micros = r.nanoseconds / 1000;
            let moved = if subtract { l - micros % DAY_MICROS } else { l + micros % DAY_MICROS };
            Ok(moved.rem_euclid(DAY_MICROS))
        }),
        (Timestamp(..), Time64(_)) => moved(left, right),
        (Time64(_), Timestamp(..)) => moved(right, left),
        (Interval(_), Time64(_) | Timestamp(..)) => apply(operator, right, left),
        (Interval(_), Float64) => binary::<
            IntervalMonthDayNanoType,
            Float64Type,
            IntervalMonthDayNanoType,
        >(left, right, &|l, r| scaled(operator, l, r)),
        (Float64, Interval(_)) => apply(operator, right, left),
        _ => {
            let result =
                if subtract { numeric::sub(left, right) } else { numeric::add(left, right) };
            result.map_err(|_| out_of_range())
        }
    }
}

/// A timestamp and a time of the day: the sum.
fn moved(timestamp: &dyn Datum, time: &dyn Datum) -> SqlResult<ArrayRef> {
    let sum = binary::<TimestampMicrosecondType, Time64MicrosecondType, TimestampMicrosecondType>(
        timestamp,
        time,
        &|l, r| l.checked_add(r).ok_or_else(out_of_range),
    )?;
    let DataType::Timestamp(_, Some(zone)) = timestamp.get().0.data_type() else { return Ok(sum) };
    let sum = sum.as_primitive::<TimestampMicrosecondType>().clone();
    Ok(Arc::new(sum.with_timezone(Arc::clone(zone))))
}

/// Microseconds as days and the rest.
fn span(micros: Option<i64>) -> SqlResult<IntervalMonthDayNano> {
    let micros = micros.ok_or_else(out_of_range)?;
    let days = i32::try_from(micros / DAY_MICROS).map_err(|_| out_of_range())?;
    Ok(IntervalMonthDayNano::new(0, days, micros % DAY_MICROS * 1000))
}

/// An interval times or by a number: what is left of months goes to days, what is left of those to the time.
fn scaled(
    operator: Arithmetic,
    interval: IntervalMonthDayNano,
    number: f64,
) -> SqlResult<IntervalMonthDayNano> {
    let divides = operator == Arithmetic::Divide;
    if divides && number == 0.0 {
        return Err(division_by_zero());
    }
    let by = |part: f64| if divides { part / number } else { part * number };
    // Parts of a microsecond that only come from binary fractions are none.
    let clean = |part: f64| (part * 1e6).round() / 1e6;
    let months = by(interval.months.into());
    let days = by(interval.days.into());
    let month_days = clean(months.fract() * DAYS_PER_MONTH);
    let seconds = clean((days.fract() + month_days.fract()) * DAY_SECONDS);
    let carried = (seconds / DAY_SECONDS).trunc();
    let days = days.trunc() + month_days.trunc() + carried;
    #[expect(clippy::cast_precision_loss, reason = "as PostgreSQL computes it")]
    let micros = (by((interval.nanoseconds / 1000) as f64)
        + (seconds - carried * DAY_SECONDS) * 1e6)
        .round_ties_even();
    let nanos = whole(micros, 9.2e15).map(|micros| micros * 1000);
    let small = |part: f64| whole(part, 2_147_483_647.0).and_then(|part| i32::try_from(part).ok());
    match (small(months.trunc()), small(days), nanos) {
        (Some(months), Some(days), Some(nanos)) => {
            Ok(IntervalMonthDayNano::new(months, days, nanos))
        }
        _ => Err(out_of_range()),
    }
}

/// A number without a fraction that is not beyond a limit.
fn whole(number: f64, limit: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "compared with the limit before")]
    (number.abs() <= limit).then_some(number as i64)
}

fn binary<L, R, O>(
    left: &dyn Datum,
    right: &dyn Datum,
    one: &dyn Fn(L::Native, R::Native) -> SqlResult<O::Native>,
) -> SqlResult<ArrayRef>
where
    L: ArrowPrimitiveType,
    R: ArrowPrimitiveType,
    O: ArrowPrimitiveType,
{
    let ((left, left_scalar), (right, right_scalar)) = (left.get(), right.get());
    let (left, right) = (left.as_primitive::<L>(), right.as_primitive::<R>());
    let rows = if left_scalar { right.len() } else { left.len() };
    let values: PrimitiveArray<O> = (0..rows)
        .map(|row| {
            let (l, r) = (if left_scalar { 0 } else { row }, if right_scalar { 0 } else { row });
            if left.is_null(l) || right.is_null(r) {
                return Ok(None);
            }
            one(left.value(l), right.value(r)).map(Some)
        })
        .collect::<SqlResult<_>>()?;
    Ok(Arc::new(values))
}

fn out_of_range() -> SqlError {
    SqlError::new(SqlState::DatetimeFieldOverflow, "timestamp out of range")
}
