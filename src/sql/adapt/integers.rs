//! Whole numbers written out: `integer` in PostgreSQL where they fit one, then `bigint`, then `numeric`. The
//! planner's are all `bigint`.
//!
//! A number gets its type where that of something else follows from it: an item of a query, a value of `VALUES`,
//! a result of `CASE`, an argument of a function whose result is of the type of its arguments. Operands of
//! arithmetic get it when they are planned (`operators`). Everywhere else the number stays as the planner
//! reads it: compared with a column it means the same, and the column is not converted for its sake; places
//! in `ORDER BY` and limits are no values.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    SelectItem, SetExpr, UnaryOperator, Value,
};

use super::calls::plain_name;
use super::made::cast;

/// Functions whose result has the type of their arguments.
const FOLLOWING: [&str; 20] = [
    "abs",
    "any_value",
    "array_agg",
    "array_append",
    "array_prepend",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "coalesce",
    "gcd",
    "greatest",
    "lcm",
    "least",
    "max",
    "min",
    "mod",
    "nullif",
    "pg_typeof",
    "sum",
];

/// Gives types to the items of a query.
pub(super) fn items(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            for item in &mut select.projection {
                if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
                {
                    settle(expr);
                }
            }
        }
        SetExpr::Values(values) => values.rows.iter_mut().flatten().for_each(settle),
        SetExpr::SetOperation { left, right, .. } => {
            items(left);
            items(right);
        }
        _ => {}
    }
}

/// Gives types to the parts of an expression that its own type follows from.
pub(super) fn parts(expr: &mut Expr) {
    use BinaryOperator::{
        BitwiseAnd, BitwiseOr, PGBitwiseShiftLeft, PGBitwiseShiftRight, PGBitwiseXor,
    };
    match expr {
        // The least of them has no opposite.
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } if is_least(inner) => {
            let text = Value::SingleQuotedString(i64::MIN.to_string());
            *expr = cast(Expr::Value(text.into()), DataType::BigInt(None));
        }
        Expr::Case { conditions, else_result, .. } => {
            conditions.iter_mut().for_each(|arm| settle(&mut arm.result));
            else_result.iter_mut().for_each(|last| settle(last));
        }
        Expr::Array(array) => array.elem.iter_mut().for_each(settle),
        Expr::BinaryOp {
            left,
            op: BitwiseAnd | BitwiseOr | PGBitwiseXor | PGBitwiseShiftLeft | PGBitwiseShiftRight,
            right,
        } => {
            settle(left);
            settle(right);
        }
        Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) => {
            if !plain_name(name).is_some_and(|name| FOLLOWING.contains(&name.as_str())) {
                return;
            }
            for argument in &mut list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument {
                    settle(expr);
                }
            }
        }
        _ => {}
    }
}

/// A number that is written out gets its type.
fn settle(expr: &mut Expr) {
    let Some(number) = written(expr) else { return };
    if i32::try_from(number).is_err() {
        return;
    }
    let value = std::mem::replace(expr, Expr::Value(Value::Null.into()));
    *expr = cast(value, DataType::Int(None));
}

fn is_least(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value)
        if matches!(&value.value, Value::Number(text, _) if text == "9223372036854775808"))
}

/// The number that an expression writes out.
pub(super) fn written(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, _) => text.parse().ok(),
            _ => None,
        },
        Expr::Nested(inner) => written(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => written(expr)?.checked_neg(),
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => written(expr),
        _ => None,
    }
}
