//! Comparisons with any or all rows of a query, or items of an array.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Ident, Query, SelectItem, TableAlias, TableAliasColumnDef,
    TableFactor, TableWithJoins, UnaryOperator, Value,
};

use super::made::{binary, case, cases, function, number};
use super::{Adapter, MADE};
use crate::sql::error::{SqlError, SqlResult};
use crate::sql::made::query;
use crate::sql::syntax::at::SEPARATOR;
use crate::sql::walk::each_expression;

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
        let value = aggregate(Expr::CompoundIdentifier(vec![name.clone(), column]));
        value_of(value, from, None, name)
    }

    /// `(a, b) [NOT] IN (SELECT …)` where only true counts, as `[NOT] EXISTS`.
    pub(super) fn rows_in_query(&mut self, filter: &mut Expr) {
        match filter {
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.rows_in_query(left);
                self.rows_in_query(right);
            }
            Expr::Nested(inner) => self.rows_in_query(inner),
            Expr::InSubquery { expr, subquery, negated } => {
                if let Some(exists) = self.row_in_query(expr, subquery, *negated) {
                    *filter = exists;
                }
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr: inner } => {
                let mut inner = inner.as_ref();
                while let Expr::Nested(within) = inner {
                    inner = within;
                }
                if let Expr::InSubquery { expr, subquery, negated } = inner
                    && let Some(exists) = self.row_in_query(expr, subquery, !*negated)
                {
                    *filter = exists;
                }
            }
            _ => {}
        }
    }

    fn row_in_query(&mut self, row: &Expr, query: &Query, negated: bool) -> Option<Expr> {
        let Expr::Tuple(values) = row else { return None };
        let column = |at: usize| Ident::with_quote('"', format!("value{SEPARATOR}{at}"));
        let columns = (0..values.len()).map(column).collect();
        let (from, name) = self.named(Box::new(query.clone()), columns);
        let equal = values.iter().cloned().enumerate().map(|(at, value)| {
            let column = Expr::CompoundIdentifier(vec![name.clone(), column(at)]);
            binary(value, BinaryOperator::Eq, column)
        });
        let equal = equal.reduce(|a, b| binary(a, BinaryOperator::And, b));
        // Not in it is what differs from each row for sure.
        let filter =
            if negated { equal.map(|equal| Expr::IsNotFalse(Box::new(equal))) } else { equal };
        let query = selected_from(number("1"), from, filter);
        Some(Expr::Exists { subquery: Box::new(query), negated })
    }

    /// `x [NOT] IN (SELECT …)` in a value that is shown, of which the planner only knows conditions: by how often
    /// the value is there, how many rows there are, and how many nulls. Not inside of queries.
    pub(super) fn values_in_query(&mut self, expr: &mut Expr) {
        each_expression(expr, |expr, in_query| {
            if let Expr::InSubquery { expr: value, subquery, negated } = expr
                && !in_query
                && super::rows::row(value).is_none_or(|row| row.len() == 1)
            {
                *expr = self.value_in_query(value, subquery, *negated);
            }
        });
    }

    fn value_in_query(&mut self, value: &Expr, query: &Query, negated: bool) -> Expr {
        let rows = || function("count", vec![number("1")]);
        let column = Ident::with_quote('"', format!("value{SEPARATOR}"));
        let (from, name) = self.named(Box::new(query.clone()), vec![column.clone()]);
        let item = Expr::CompoundIdentifier(vec![name.clone(), column]);
        let equal = binary(item, BinaryOperator::Eq, value.clone());
        let found = value_of(rows(), from, Some(equal), name);
        let found = binary(found, BinaryOperator::Gt, number("0"));
        let empty = self.aggregated(query, |_| rows());
        let empty = binary(empty, BinaryOperator::Eq, number("0"));
        let nulls = self.aggregated(query, |column| {
            binary(rows(), BinaryOperator::Minus, function("count", vec![column]))
        });
        let nulls = binary(nulls, BinaryOperator::Gt, number("0"));
        let unknown = Expr::IsNull(Box::new(Expr::Nested(Box::new(value.clone()))));
        let unknown = binary(unknown, BinaryOperator::Or, nulls);
        // Numbers, with which something is computed: the planner takes truth values apart and asks each query
        // several times then, for which it has one name only.
        let arm = |condition, result| CaseWhen { condition, result };
        let conditions = vec![
            arm(found, number("1")),
            arm(empty, number("0")),
            arm(unknown, Expr::value(Value::Null)),
        ];
        let there = case(conditions, number("0"));
        let there = binary(there, BinaryOperator::Plus, number("0"));
        binary(there, BinaryOperator::Eq, number(if negated { "0" } else { "1" }))
    }

    /// A query as a table with a name that nobody else uses.
    pub(super) fn named(
        &mut self,
        query: Box<Query>,
        columns: Vec<Ident>,
    ) -> (TableWithJoins, Ident) {
        self.named += 1;
        let name = Ident::with_quote('"', format!("{MADE}{}", self.named));
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

/// `(SELECT value FROM from WHERE filter)` with a name that no other such value has: the planner joins them.
fn value_of(value: Expr, from: TableWithJoins, filter: Option<Expr>, name: Ident) -> Expr {
    let item = SelectItem::ExprWithAlias { expr: value, alias: name };
    Expr::Subquery(Box::new(query(vec![item], vec![from], filter)))
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
