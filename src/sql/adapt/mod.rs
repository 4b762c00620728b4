//! The last look at a statement before it is planned: what the planner would read otherwise than PostgreSQL
//! does is put into words that both read alike, or refused.

mod calls;
mod distinct;
mod integers;
mod literals;
mod made;
mod merged;
mod patterns;
mod quantified;
mod queries;
mod rows;
mod windows;

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, Query, SelectItem, SetExpr,
    Statement, TableFactor, UnaryOperator, VisitMut as _, VisitorMut,
};

use self::literals::{limited, literal, typed};
use self::made::{binary, function};
use self::patterns::escaped;
use super::error::{SqlError, SqlResult};

/// How the names of queries begin that are put together here; no name that a user can write does.
pub(super) const MADE: &str = "query\u{1f}";

/// Puts a statement into words that the planner reads as PostgreSQL does.
///
/// # Errors
/// `FeatureNotSupported` where there are none.
pub(super) fn adapt(statement: &mut Statement) -> SqlResult<()> {
    match statement.visit(&mut Adapter::default()) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

#[derive(Default)]
struct Adapter {
    /// How many queries got a name of ours.
    named: usize,
}

impl VisitorMut for Adapter {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        super::headings::give_query(query);
        merged::columns(query);
        integers::items(&mut query.body);
        distinct::on(query);
        if let Err(error) = queries::fetch(query) {
            return ControlFlow::Break(error);
        }
        let with = queries::recursive_columns(query.with.as_mut());
        let adapted = with.and_then(|()| queries::body(&query.body));
        self.queries_in(&mut query.body);
        flow(adapted)
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<SqlError> {
        match factor {
            TableFactor::NestedJoin { table_with_joins, .. } => {
                flow(queries::joins(table_with_joins))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<SqlError> {
        queries::series(factor);
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        integers::parts(expr);
        match limited(expr) {
            Ok(false) => {}
            done => return flow(done.map(drop)),
        }
        flow(self.quantified(expr).and_then(|()| expression(expr)))
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        quantified::arrays(expr);
        calls::call(expr);
        ControlFlow::Continue(())
    }
}

impl Adapter {
    /// Conditions and values that ask queries.
    fn queries_in(&mut self, body: &mut SetExpr) {
        match body {
            SetExpr::Select(select) => {
                select.selection.iter_mut().for_each(|filter| self.rows_in_query(filter));
                for item in &mut select.projection {
                    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } =
                        item
                    {
                        self.values_in_query(expr);
                    }
                }
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.queries_in(left);
                self.queries_in(right);
            }
            _ => {}
        }
    }
}

fn flow(result: SqlResult<()>) -> ControlFlow<SqlError> {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => ControlFlow::Break(error),
    }
}

fn expression(expr: &mut Expr) -> SqlResult<()> {
    match expr {
        Expr::SimilarTo { negated, expr: value, pattern, escape_char } => {
            *expr = patterns::similar(value, pattern, escape_char.as_ref(), *negated)?;
            Ok(())
        }
        Expr::Function(_) => windows::ntile(expr),
        Expr::BinaryOp { left, op, right } => {
            if let (Some(l), Some(r)) = (rows::row(left), rows::row(right))
                && let Some(compared) = rows::compared(l, op, r)?
            {
                *expr = compared;
            }
            Ok(())
        }
        Expr::InList { expr: item, list, negated } => {
            let Some(columns) = rows::row(item) else { return Ok(()) };
            let mut any = None;
            for other in list.iter() {
                let Some(other) = rows::row(other) else {
                    return Err(SqlError::unsupported("a row in a list of values"));
                };
                let equal = rows::compared(columns, &BinaryOperator::Eq, other)?;
                any = match (any, equal) {
                    (Some(any), Some(equal)) => Some(binary(any, BinaryOperator::Or, equal)),
                    (any, equal) => any.or(equal),
                };
            }
            let Some(any) = any else { return Ok(()) };
            let negated = *negated;
            *expr = if negated {
                Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(any) }
            } else {
                any
            };
            Ok(())
        }
        Expr::InSubquery { expr, .. } if rows::row(expr).is_some() => Err(SqlError::unsupported(
            "a row NOT IN a query, or IN one outside of the conditions of WHERE",
        )
        .with_hint("write [NOT] EXISTS (SELECT … WHERE …)")),
        Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right)
            if rows::row(left).is_some() || rows::row(right).is_some() =>
        {
            Err(SqlError::unsupported("IS [NOT] DISTINCT FROM of rows"))
        }
        Expr::AtTimeZone { timestamp, time_zone } => {
            *expr = function("timezone", vec![(**time_zone).clone(), (**timestamp).clone()]);
            Ok(())
        }
        Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            expr: value,
            data_type:
                DataType::Numeric(ExactNumberInfo::None)
                | DataType::Decimal(ExactNumberInfo::None)
                | DataType::Dec(ExactNumberInfo::None),
            format: None,
            ..
        } => {
            *expr = function(super::numeric::NUMERIC, vec![(**value).clone()]);
            Ok(())
        }
        Expr::Cast { data_type, .. } => typed(data_type),
        Expr::TypedString(typed_string) => typed(&mut typed_string.data_type),
        Expr::Value(value) => literal(&mut value.value),
        Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
            escaped(pattern, escape_char)
        }
        _ => Ok(()),
    }
}
