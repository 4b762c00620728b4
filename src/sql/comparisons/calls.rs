//! Functions that PostgreSQL has for other types of arguments or results than the planner.

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ExprSchemable as _, cast, lit, when};

use crate::sql::error::SqlError;

/// A call in other words, if it needs them.
///
/// # Errors
/// `FeatureNotSupported` for what the planner's function would answer otherwise.
pub(super) fn call(function: ScalarFunction, schema: &DFSchema) -> Result<Expr> {
    let ScalarFunction { func, mut args } = function;
    let kind = |expr: &Expr| expr.get_type(schema).unwrap_or(DataType::Null);
    match func.name() {
        // Texts of truth values are `t` and `f` there, not those of a cast.
        "concat" | "concat_ws" => {
            for arg in &mut args {
                if kind(arg) == DataType::Boolean {
                    let mut letter = when(arg.clone(), lit("t"));
                    *arg = letter.when(Expr::Not(Box::new(arg.clone())), lit("f")).end()?;
                }
            }
        }
        // It would reckon whole numbers with seven digits.
        "atan2" => {
            for arg in &mut args {
                if kind(arg) != DataType::Float32 && kind(arg).is_numeric() {
                    *arg = cast(arg.clone(), DataType::Float64);
                }
            }
        }
        "floor" | "ceil" => {
            if let Some(DataType::Decimal128(precision, scale @ 1..)) = args.first().map(kind) {
                let digits = precision.saturating_sub(scale.unsigned_abs()).saturating_add(1);
                let call = Expr::ScalarFunction(ScalarFunction { func, args });
                return Ok(cast(call, DataType::Decimal128(digits.min(38), 0)));
            }
        }
        // Nothing is in no place.
        "replace" => {
            if let [text, from, _] = args.as_slice() {
                let nothing = cast(from.clone(), DataType::Utf8).eq(lit(""));
                let text = cast(text.clone(), DataType::Utf8);
                let call = Expr::ScalarFunction(ScalarFunction { func, args });
                return when(nothing, text).otherwise(call);
            }
        }
        // What is empty has no dimensions.
        "array_length" => {
            let call = Expr::ScalarFunction(ScalarFunction { func, args });
            let zero = Expr::Literal(ScalarValue::UInt64(Some(0)), None);
            return when(call.clone().not_eq(zero), call).end();
        }
        // The planner's answers are NULL there, and the dimensions without their bounds.
        "array_remove_all" if args.get(1).is_some_and(|item| kind(item).is_null()) => {
            return Err(SqlError::unsupported("array_remove(…, NULL)").into());
        }
        "array_dims" => return Err(SqlError::unsupported("array_dims()").into()),
        // No item is an empty array, not one of an empty text.
        "string_to_array" => {
            if let [text, ..] = args.as_slice() {
                let empty = cast(text.clone(), DataType::Utf8).eq(lit(""));
                let call = Expr::ScalarFunction(ScalarFunction { func, args });
                let nothing =
                    ScalarValue::List(ScalarValue::new_list_nullable(&[], &DataType::Utf8));
                return when(empty, Expr::Literal(nothing, None)).otherwise(call);
            }
        }
        _ => {}
    }
    Ok(Expr::ScalarFunction(ScalarFunction { func, args }))
}
