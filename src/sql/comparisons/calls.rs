//! Functions that PostgreSQL has for other types of arguments or results than the planner.
//!
//! No argument is written twice: calls stand in calls, and each would double what is inside of it.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::functions::core::nullif;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ExprSchemable as _, case, cast, lit};

use crate::sql::error::SqlError;

/// A call in other words, if it needs them.
///
/// # Errors
/// `FeatureNotSupported` for what the planner's function would answer otherwise.
pub(super) fn call(function: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let ScalarFunction { func, mut args } = function;
    let kind = |expr: &Expr| expr.get_type(schema).unwrap_or(DataType::Null);
    let mut changed = false;
    match func.name() {
        // Texts of truth values are `t` and `f` there, not those of a cast.
        "concat" | "concat_ws" => {
            for arg in &mut args {
                if kind(arg) == DataType::Boolean {
                    let truth = std::mem::replace(arg, lit(ScalarValue::Null));
                    *arg =
                        case(truth).when(lit(true), lit("t")).when(lit(false), lit("f")).end()?;
                    changed = true;
                }
            }
        }
        // It would reckon whole numbers with seven digits.
        "atan2" => {
            for arg in &mut args {
                let of = kind(arg);
                if of.is_numeric() && !matches!(of, DataType::Float32 | DataType::Float64) {
                    let number = std::mem::replace(arg, lit(ScalarValue::Null));
                    *arg = cast(number, DataType::Float64);
                    changed = true;
                }
            }
        }
        "floor" | "ceil" => {
            if let Some(DataType::Decimal128(precision, scale @ 1..)) = args.first().map(kind) {
                let digits = precision.saturating_sub(scale.unsigned_abs()).saturating_add(1);
                let call = Expr::ScalarFunction(ScalarFunction { func, args });
                let whole = DataType::Decimal128(digits.min(38), 0);
                return Ok(Transformed::yes(cast(call, whole)));
            }
        }
        // What is empty has no dimensions.
        "array_length" => {
            let call = Expr::ScalarFunction(ScalarFunction { func, args });
            let zero = lit(ScalarValue::UInt64(Some(0)));
            return Ok(Transformed::yes(nullif().call(vec![call, zero])));
        }
        // The planner's answers are NULL there, and the dimensions without their bounds.
        "array_remove_all" if args.get(1).is_some_and(|item| kind(item).is_null()) => {
            return Err(SqlError::unsupported("array_remove(…, NULL)").into());
        }
        "array_dims" => return Err(SqlError::unsupported("array_dims()").into()),
        _ => {}
    }
    let call = Expr::ScalarFunction(ScalarFunction { func, args });
    Ok(if changed { Transformed::yes(call) } else { Transformed::no(call) })
}
