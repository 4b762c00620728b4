//! Rows that are compared, by their columns.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr};

use super::made::binary;
use crate::sql::error::{SqlError, SqlResult};

/// Rows that are compared, as their columns compared.
pub(super) fn compared(
    left: &[Expr],
    op: &BinaryOperator,
    right: &[Expr],
) -> SqlResult<Option<Expr>> {
    use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or};
    if !matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq) {
        return Ok(None);
    }
    if left.len() != right.len() {
        return Err(SqlError::syntax("unequal number of entries in row expressions"));
    }
    let pairs = left.iter().cloned().zip(right.iter().cloned());
    Ok(match op {
        Eq => pairs.map(|(l, r)| binary(l, Eq, r)).reduce(|a, b| binary(a, And, b)),
        NotEq => pairs.map(|(l, r)| binary(l, NotEq, r)).reduce(|a, b| binary(a, Or, b)),
        _ => {
            let strict = match op {
                Lt | LtEq => Lt,
                _ => Gt,
            };
            let mut pairs = pairs.rev();
            let last = pairs.next().map(|(l, r)| binary(l, op.clone(), r));
            pairs.fold(last, |rest, (l, r)| {
                let less = binary(l.clone(), strict.clone(), r.clone());
                let tie = binary(l, Eq, r);
                rest.map(|rest| binary(less, Or, binary(tie, And, rest)))
            })
        }
    })
}

/// The columns of a row that is written out.
pub(super) fn row(expr: &Expr) -> Option<&[Expr]> {
    match expr {
        Expr::Tuple(values) => Some(values),
        Expr::Nested(inner) => row(inner),
        _ => None,
    }
}
