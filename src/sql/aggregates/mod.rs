//! Aggregates whose results PostgreSQL gives other types: `sum` of `bigint` and `avg` of whole numbers are
//! numeric, so they do not wrap around and lose no digits.

mod counted;
mod formed;
mod room;

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::TreeNode as _;
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::expr::AggregateFunctionParams;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, GroupsAccumulator, ReversedUDAF,
    SetMonotonicity, Signature, Volatility,
};

pub(super) use counted::counted;
use formed::{Form, groups};

use super::operators::undefined_function;

/// Digits after the point that an average is computed with, at least; four more are in its result.
const AVERAGE_SCALE: i8 = 12;
const DIGITS: u8 = 38;

/// The aggregates that replace the planner's own of the same names.
pub(super) fn functions() -> Vec<Arc<AggregateUDF>> {
    let numeric = |inner: Arc<AggregateUDF>, argument| {
        let signature = Signature::user_defined(Volatility::Immutable);
        let mut aliases = inner.aliases().to_vec();
        aliases.extend((argument == Argument::Sum).then(|| inner.name().to_owned()));
        Arc::new(AggregateUDF::from(Numeric { inner, argument, aliases, signature }))
    };
    vec![numeric(sum_udaf(), Argument::Sum), numeric(avg_udaf(), Argument::Average)]
}

/// Of which aggregate a value is the argument.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Argument {
    Sum,
    Average,
}

impl Argument {
    /// The type that an argument is cast to; `None` for one that cannot be added up.
    fn of(self, data_type: &DataType) -> Option<DataType> {
        let numeric = |precision: u8, scale: i8| {
            // A scale below zero stands for zeros before the point.
            let (precision, scale) = if scale < 0 {
                (precision.saturating_add(scale.unsigned_abs()).min(DIGITS), 0)
            } else {
                (precision.min(DIGITS), scale)
            };
            DataType::Decimal128(precision, scale)
        };
        Some(match data_type {
            // The same type comes out when it is asked again: a `bigint` would become a numeric then.
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::UInt8
            | DataType::UInt16
            | DataType::Null => match self {
                Self::Sum => DataType::Int32,
                Self::Average => numeric(10, 0),
            },
            DataType::Int64 | DataType::UInt32 => numeric(19, 0),
            DataType::UInt64 => numeric(20, 0),
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale) => numeric(*precision, *scale),
            DataType::Float16 | DataType::Float32 | DataType::Float64 => DataType::Float64,
            DataType::Duration(unit) => DataType::Duration(*unit),
            DataType::Dictionary(_, values) => return self.of(values),
            _ => return None,
        })
    }
}

/// The type of numbers with as many digits after the point as an average is computed with.
fn with_more_digits(precision: u8, scale: i8) -> DataType {
    let whole = precision.saturating_sub(scale.unsigned_abs());
    let room = DIGITS.saturating_sub(whole).saturating_sub(4);
    let room = i8::try_from(room).unwrap_or_default();
    let scale = scale.max(AVERAGE_SCALE.min(room));
    DataType::Decimal128((whole + scale.unsigned_abs()).min(DIGITS), scale)
}

/// One of the planner's aggregates over an argument of another type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Numeric {
    inner: Arc<AggregateUDF>,
    argument: Argument,
    aliases: Vec<String>,
    signature: Signature,
}

impl AggregateUDFImpl for Numeric {
    fn as_any(&self) -> &dyn Any {
        self
    }

    /// A sum has another name than the planner's, which would add up sums as if they were of the type of
    /// what they were made of.
    fn name(&self) -> &str {
        match self.argument {
            Argument::Sum => "exact_sum",
            Argument::Average => self.inner.name(),
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let undefined = || undefined_function(self.inner.name(), arg_types);
        let [one] = arg_types else { return Err(undefined().into()) };
        Ok(vec![self.argument.of(one).ok_or_else(undefined)?])
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        match (arg_types, self.argument) {
            ([DataType::Int32], _) => Ok(DataType::Int64),
            ([DataType::Decimal128(precision, scale)], Argument::Average) => {
                self.inner.return_type(&[with_more_digits(*precision, *scale)])
            }
            _ => self.inner.return_type(arg_types),
        }
    }

    fn schema_name(&self, params: &AggregateFunctionParams) -> Result<String> {
        named(&self.inner, params)
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let (form, args) = Form::of(self.argument, args);
        Ok(form.accumulator(self.inner.accumulator(args)?))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        let (form, args) = Form::of(self.argument, args);
        Ok(groups(self.inner.create_groups_accumulator(args)?, form))
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        let kind = args.return_field.data_type().clone();
        let (form, args) = Form::of(self.argument, args);
        let inner = form.accumulator(self.inner.create_sliding_accumulator(args)?);
        Ok(match self.argument {
            Argument::Average => counted(inner, kind),
            Argument::Sum => inner,
        })
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        match self.inner.reverse_udf() {
            ReversedUDAF::NotSupported => ReversedUDAF::NotSupported,
            ReversedUDAF::Identical | ReversedUDAF::Reversed(_) => ReversedUDAF::Identical,
        }
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.inner.inner().set_monotonicity(data_type)
    }

    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.inner.default_value(data_type)
    }
}

/// The name of a column that holds an aggregate. The planner's leaves out casts, so that `sum(a)` and
/// `sum(a::numeric)` in one query are two columns of one name, which it refuses.
pub(super) fn named(inner: &AggregateUDF, params: &AggregateFunctionParams) -> Result<String> {
    let name = inner.schema_name(params)?;
    let cast = |expr: &Expr| expr.exists(|expr| Ok(matches!(expr, Expr::Cast(_))));
    if params.args.iter().any(|arg| cast(arg).unwrap_or_default()) {
        let args: Vec<String> = params.args.iter().map(ToString::to_string).collect();
        return Ok(format!("{name} of {}", args.join(", ")));
    }
    Ok(name)
}
