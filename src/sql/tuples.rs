//! `(a, b) IN (SELECT x, y …)`, which the planner does not take, as `EXISTS (…)`.
//!
//! Both are true for the same rows. Where neither is true, `IN` may be null and `EXISTS` is false, so this is
//! done only where that makes no difference: in conditions, and there not below a `NOT`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, Select, SelectItem, SetExpr, Statement, TableAlias,
    TableAliasColumnDef, TableFactor, TableWithJoins, Value, VisitMut as _, VisitorMut,
};

use super::statements::change::query;

/// Takes the place of such conditions everywhere in a statement.
pub(super) fn rewrite(statement: &mut Statement) {
    let _done: ControlFlow<()> = statement.visit(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        body(&mut query.body);
        ControlFlow::Continue(())
    }
}

fn body(expr: &mut SetExpr) {
    match expr {
        SetExpr::Select(select) => select_conditions(select),
        SetExpr::SetOperation { left, right, .. } => {
            body(left);
            body(right);
        }
        _ => {}
    }
}

fn select_conditions(select: &mut Select) {
    let conditions = [&mut select.selection, &mut select.having, &mut select.qualify];
    conditions.into_iter().flatten().for_each(truth);
}

/// An expression of which only matters whether it is true.
fn truth(expr: &mut Expr) {
    match expr {
        Expr::Nested(inner) => truth(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And | BinaryOperator::Or, right } => {
            truth(left);
            truth(right);
        }
        Expr::InSubquery { expr: tuple, subquery, negated: false } => {
            if let Expr::Tuple(values) = tuple.as_ref() {
                *expr = exists(values, subquery);
            }
        }
        _ => {}
    }
}

fn exists(values: &[Expr], subquery: &Query) -> Expr {
    let alias = Ident::with_quote('"', "\u{1f}in");
    let column = |at: usize| Ident::with_quote('"', format!("\u{1f}{at}"));
    let conditions = values.iter().enumerate().map(|(at, value)| Expr::BinaryOp {
        left: Box::new(Expr::CompoundIdentifier(vec![alias.clone(), column(at)])),
        op: BinaryOperator::Eq,
        right: Box::new(Expr::Nested(Box::new(value.clone()))),
    });
    let condition = conditions.reduce(|left, right| Expr::BinaryOp {
        left: Box::new(left),
        op: BinaryOperator::And,
        right: Box::new(right),
    });
    let columns =
        (0..values.len()).map(|at| TableAliasColumnDef { name: column(at), data_type: None });
    let derived = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(subquery.clone()),
        alias: Some(TableAlias { explicit: true, name: alias.clone(), columns: columns.collect() }),
        sample: None,
    };
    let item = SelectItem::UnnamedExpr(Expr::value(Value::Number("1".to_owned(), false)));
    let from = vec![TableWithJoins { relation: derived, joins: Vec::new() }];
    let subquery = Box::new(query::query(vec![item], from, condition));
    Expr::Exists { subquery, negated: false }
}
