//! Comparisons with any or all rows of a query, or items of an array.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Query, SelectItem, SetExpr, TableAlias, TableAliasColumnDef,
    TableFactor, TableWithJoins, Values,
};

use super::Adapter;
use super::made::{binary, cases, function, number};
use crate::sql::error::{SqlError, SqlResult};
use crate::sql::made::{query, query_of};
use crate::sql::syntax::at::SEPARATOR;

impl Adapter {
    /// `x > ANY (SELECT …)` by the least and the greatest value of the query, and by whether it has nulls.
    /// The planner's own way takes columns of the query for those of the same name around it.
    pub(super) fn quantified(&mut self, expr: &mut Expr) -> SqlResult<()> {
        use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
        let (left, op, right, all) = match expr {
            Expr::AnyOp { left, compare_op, right, .. } => (left, compare_op, right, false),
            Expr::AllOp { left, compare_op, right } => (left, compare_op, right, true),
            _ => return Ok(()),
        };
        let Expr::Subquery(query) = right.as_ref() else { return Ok(()) };
        let (value, query) = (left.as_ref().clone(), query.clone());
        // For all is not for any the opposite.
        let op = match (op, all) {
            (Eq, false) | (NotEq, true) => {
                let expr_in =
                    Expr::InSubquery { expr: Box::new(value), subquery: query, negated: all };
                *expr = expr_in;
                return Ok(());
            }
            (NotEq, false) | (Eq, true) => NotEq,
            (Lt, false) | (GtEq, true) => Lt,
            (LtEq, false) | (Gt, true) => LtEq,
            (Gt, false) | (LtEq, true) => Gt,
            (GtEq, false) | (Lt, true) => GtEq,
            (other, _) => {
                return Err(SqlError::unsupported(format_args!("{other} ANY or ALL")));
            }
        };
        let compared = |this: &mut Self, call: &str, op| {
            let end = this.aggregated(&query, |column| function(call, vec![column]));
            binary(value.clone(), op, end)
        };
        let there = match op {
            Gt | GtEq => compared(self, "min", op),
            Lt | LtEq => compared(self, "max", op),
            _ => {
                let least = compared(self, "min", NotEq);
                binary(least, BinaryOperator::Or, compared(self, "max", NotEq))
            }
        };
        let rows = || function("count", vec![number("1")]);
        let empty = binary(self.aggregated(&query, |_| rows()), Eq, number("0"));
        let nulls = self.aggregated(&query, |column| {
            binary(rows(), BinaryOperator::Minus, function("count", vec![column]))
        });
        let nulls = binary(nulls, Gt, number("0"));
        let unknown = binary(Expr::IsNull(Box::new(value.clone())), BinaryOperator::Or, nulls);
        *expr = cases(vec![(there, Some(!all)), (empty, Some(all)), (unknown, None)], all);
        Ok(())
    }

    /// An aggregate over the only column of a query.
    fn aggregated(&mut self, query: &Query, aggregate: impl Fn(Expr) -> Expr) -> Expr {
        let column = Ident::with_quote('"', "value");
        let (from, name) = self.named(Box::new(query.clone()), vec![column.clone()]);
        let value = aggregate(Expr::CompoundIdentifier(vec![name, column]));
        Expr::Subquery(Box::new(selected_from(value, from, None)))
    }

    /// `(a, b) IN (SELECT …)` where only true counts, as `EXISTS`.
    pub(super) fn rows_in_query(&mut self, filter: &mut Expr) {
        match filter {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.rows_in_query(left);
                self.rows_in_query(right);
            }
            Expr::Nested(inner) => self.rows_in_query(inner),
            Expr::InSubquery { expr, subquery, negated: false } => {
                let Expr::Tuple(values) = expr.as_ref() else { return };
                let values = values.clone();
                let column = |at: usize| Ident::with_quote('"', format!("value{SEPARATOR}{at}"));
                let columns = (0..values.len()).map(column).collect();
                let query = std::mem::replace(subquery, Box::new(nothing()));
                let (from, name) = self.named(query, columns);
                let equal = values.into_iter().enumerate().map(|(at, value)| {
                    let column = Expr::CompoundIdentifier(vec![name.clone(), column(at)]);
                    binary(value, BinaryOperator::Eq, column)
                });
                let filter_inside = equal.reduce(|a, b| binary(a, BinaryOperator::And, b));
                let query = selected_from(number("1"), from, filter_inside);
                *filter = Expr::Exists { subquery: Box::new(query), negated: false };
            }
            _ => {}
        }
    }

    /// A query as a table with a name that nobody else uses.
    pub(super) fn named(
        &mut self,
        query: Box<Query>,
        columns: Vec<Ident>,
    ) -> (TableWithJoins, Ident) {
        self.named += 1;
        let name = Ident::with_quote('"', format!("query{SEPARATOR}{}", self.named));
        let columns =
            columns.into_iter().map(|name| TableAliasColumnDef { name, data_type: None }).collect();
        let alias = TableAlias { explicit: true, name: name.clone(), columns };
        let relation = TableFactor::Derived {
            lateral: false,
            subquery: query,
            alias: Some(alias),
            sample: None,
        };
        (TableWithJoins { relation, joins: Vec::new() }, name)
    }
}

fn nothing() -> Query {
    query_of(SetExpr::Values(Values {
        explicit_row: false,
        value_keyword: false,
        rows: Vec::new(),
    }))
}

/// `SELECT value FROM from WHERE filter`
fn selected_from(value: Expr, from: TableWithJoins, filter: Option<Expr>) -> Query {
    query(vec![SelectItem::UnnamedExpr(value)], vec![from], filter)
}

/// Comparisons with the items of an array, of which some may be null.
pub(super) fn arrays(expr: &mut Expr) {
    let (item, array, all) = match expr {
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => (left, right, false),
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => (left, right, true),
        Expr::BinaryOp { left, op: BinaryOperator::PGOverlap, right } => {
            *expr = function("array_has_any", vec![(**left).clone(), (**right).clone()]);
            return;
        }
        _ => return,
    };
    if matches!(**array, Expr::Subquery(_)) {
        return;
    }
    let (item, array) = ((**item).clone(), (**array).clone());
    let there = Expr::AnyOp {
        left: Box::new(item.clone()),
        compare_op: BinaryOperator::Eq,
        right: Box::new(array.clone()),
        is_some: false,
    };
    let unknown = function(crate::sql::arrays::HAS_NULL, vec![array.clone()]);
    let conditions =
        vec![(there, Some(!all)), (Expr::IsNull(Box::new(item)), None), (unknown, None)];
    *expr = cases(conditions, all);
}
