//! Expressions that are put together here.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{BinaryOperator, CaseWhen, CastKind, DataType, Expr, Value};

pub(super) use crate::sql::made::function;

pub(super) fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::Nested(Box::new(Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }))
}

pub(super) fn cast(value: Expr, data_type: DataType) -> Expr {
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(value),
        data_type,
        array: false,
        format: None,
    }
}

pub(super) fn number(text: &str) -> Expr {
    Expr::Value(Value::Number(text.to_owned(), false).into())
}

/// `CASE` with truth values, of which none is unknown.
pub(super) fn cases(conditions: Vec<(Expr, Option<bool>)>, otherwise: bool) -> Expr {
    let value = |truth: Option<bool>| Expr::Value(truth.map_or(Value::Null, Value::Boolean).into());
    let conditions = conditions
        .into_iter()
        .map(|(condition, truth)| CaseWhen { condition, result: value(truth) })
        .collect();
    case(conditions, value(Some(otherwise)))
}

pub(super) fn case(conditions: Vec<CaseWhen>, otherwise: Expr) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions,
        else_result: Some(Box::new(otherwise)),
    }
}
