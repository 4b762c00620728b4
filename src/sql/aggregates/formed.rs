//! The planner's sums and averages, of values in another form, with results in another form.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, BooleanArray, Decimal128Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::room::{SumOfAll, no_room};
use super::{Argument, DIGITS};

/// A sum of numbers with so many digits has room, for more rows than there can be.
const SURE_DIGITS: u8 = 28;

/// What is done to values on their way into an aggregate of the planner's, and to its results.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Form {
    /// `integer` is added up as `bigint`.
    widened: bool,
    /// An average is computed with one digit more, by which it is rounded to this type: the planner's own
    /// cuts the rest off.
    rounded: Option<(u8, i8)>,
    /// Numbers have so many digits that there may be no room for their sum.
    watched: bool,
}

impl Form {
    /// The form for an aggregate, and the arguments for the planner's.
    pub(super) fn of(argument: Argument, args: AccumulatorArgs<'_>) -> (Self, AccumulatorArgs<'_>) {
        let whole =
            args.expr_fields.first().is_some_and(|field| *field.data_type() == DataType::Int32);
        let watched = args.expr_fields.first().is_some_and(|field| {
            matches!(field.data_type(), DataType::Decimal128(digits, _) if *digits > SURE_DIGITS)
        });
        let form = Self { widened: whole, rounded: None, watched };
        let DataType::Decimal128(precision, scale) = *args.return_field.data_type() else {
            return (form, args);
        };
        if argument == Argument::Sum || scale >= i8::try_from(DIGITS).unwrap_or(i8::MAX) {
            return (form, args);
        }
        let finer = DataType::Decimal128(precision.saturating_add(1).min(DIGITS), scale + 1);
        let field = args.return_field.as_ref().clone().with_data_type(finer);
        let form = Self { rounded: Some((precision, scale)), ..form };
        (form, AccumulatorArgs { return_field: Arc::new(field), ..args })
    }

    pub(super) fn accumulator(self, inner: Box<dyn Accumulator>) -> Box<dyn Accumulator> {
        if self == Self::default() {
            return inner;
        }
        Box::new(Formed { inner, form: self, sum: SumOfAll::default() })
    }

    fn values<'v>(&self, values: &'v [ArrayRef]) -> Result<Cow<'v, [ArrayRef]>> {
        if self.widened { Ok(Cow::Owned(wide(values)?)) } else { Ok(Cow::Borrowed(values)) }
    }
}

/// A number without its last digit, half away from zero.
const fn without_last_digit(number: i128) -> i128 {
    let rest = number % 10;
    number / 10
        + if rest >= 5 {
            1
        } else if rest <= -5 {
            -1
        } else {
            0
        }
}

fn wide(values: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
    values.iter().map(|values| Ok(cast(values, &DataType::Int64)?)).collect()
}

/// An aggregate of the planner's in another form.
#[derive(Debug)]
struct Formed {
    inner: Box<dyn Accumulator>,
    form: Form,
    sum: SumOfAll,
}

impl Formed {
    fn watch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if self.form.watched { Ok(self.sum.add(values)?) } else { Ok(()) }
    }
}

impl Accumulator for Formed {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.watch(values)?;
        self.inner.update_batch(&self.form.values(values)?)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if self.form.watched {
            self.sum.subtract(values);
        }
        self.inner.retract_batch(&self.form.values(values)?)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.watch(states)?;
        self.inner.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = self.inner.evaluate().map_err(no_room)?;
        Ok(match (value, self.form.rounded) {
            (ScalarValue::Decimal128(number, ..), Some((precision, scale))) => {
                ScalarValue::Decimal128(number.map(without_last_digit), precision, scale)
            }
            (value, _) => value,
        })
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}

/// An aggregate of the planner's by groups in another form.
pub(super) fn groups(inner: Box<dyn GroupsAccumulator>, form: Form) -> Box<dyn GroupsAccumulator> {
    if form == Form::default() {
        return inner;
    }
    Box::new(FormedGroups { inner, form, sum: SumOfAll::default() })
}

/// The same by groups.
struct FormedGroups {
    inner: Box<dyn GroupsAccumulator>,
    form: Form,
    sum: SumOfAll,
}

impl FormedGroups {
    fn watch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if self.form.watched { Ok(self.sum.add(values)?) } else { Ok(()) }
    }
}

impl GroupsAccumulator for FormedGroups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.watch(values)?;
        self.inner.update_batch(
            &self.form.values(values)?,
            group_indices,
            opt_filter,
            total_num_groups,
        )
    }

    fn merge_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.watch(values)?;
        self.inner.merge_batch(values, group_indices, opt_filter, total_num_groups)
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        opt_filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        self.inner.convert_to_state(&self.form.values(values)?, opt_filter)
    }

    fn supports_convert_to_state(&self) -> bool {
        self.inner.supports_convert_to_state()
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let values = self.inner.evaluate(emit_to).map_err(no_room)?;
        let Some((precision, scale)) = self.form.rounded else { return Ok(values) };
        let numbers = values.as_primitive::<Decimal128Type>();
        let numbers: Decimal128Array = numbers.unary(without_last_digit);
        Ok(Arc::new(numbers.with_precision_and_scale(precision, scale)?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        self.inner.state(emit_to)
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}
