//! An `INSERT` of one row of parameters that is run for several rows of values, as one `INSERT` of them all:
//! one data file and one commit instead of one for each.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{
    Expr, Insert, Query, SetExpr, Statement, Value, Values, VisitMut as _, VisitorMut,
};

use crate::sql::syntax::statement::{Body, Parsed};

/// The statement that does for `rows` rows of `width` values each, one after another in one list, what this
/// one does for a row of them. `None` if that would be something else: then it is to be run for each row.
pub(in crate::sql) fn merged(statement: &Parsed, rows: usize, width: usize) -> Option<Arc<Parsed>> {
    let Body::Standard(body) = &statement.body else { return None };
    let mut body = body.clone();
    let Statement::Insert(Insert { source: Some(source), .. }) = body.as_mut() else { return None };
    let Query { with: None, body: query, .. } = source.as_mut() else { return None };
    let SetExpr::Values(Values { rows: given, .. }) = query.as_mut() else { return None };
    let [one] = given.as_slice() else { return None };
    let mut all = Vec::with_capacity(rows);
    for row in 0..rows {
        let mut next = one.clone();
        let mut renumber = Renumber { width, offset: row.checked_mul(width)? };
        for expr in &mut next {
            if expr.visit(&mut renumber).is_break() {
                return None;
            }
        }
        all.push(next);
    }
    *given = all;
    Some(Arc::new(Parsed { text: statement.text.clone(), body: Body::Standard(body) }))
}

/// Moves the parameters of a row to where its values are.
struct Renumber {
    width: usize,
    offset: usize,
}

impl VisitorMut for Renumber {
    /// What is not for this: a query sees rows that came before, a parameter has no value.
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Value(value) = expr else { return ControlFlow::Continue(()) };
        let Value::Placeholder(name) = &mut value.value else { return ControlFlow::Continue(()) };
        let number = name.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
        match number.filter(|number| (1..=self.width).contains(number)) {
            Some(number) => {
                *name = format!("${}", self.offset.saturating_add(number));
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(sql: &str, rows: usize, width: usize) -> Option<String> {
        let parsed = crate::sql::syntax::parse(sql).unwrap().remove(0);
        merged(&parsed, rows, width).map(|merged| match &merged.body {
            Body::Standard(body) => body.to_string(),
            Body::Version(_) | Body::Own(_) => String::new(),
        })
    }

    #[test]
    fn rows_of_values_stand_one_below_the_other() {
        assert_eq!(
            text("INSERT INTO t (a, b) VALUES ($2, lower($1))", 3, 2).unwrap(),
            "INSERT INTO t (a, b) VALUES ($2, lower($1)), ($4, lower($3)), ($6, lower($5))"
        );
    }

    #[test]
    fn what_would_be_something_else_is_not_merged() {
        for sql in [
            "INSERT INTO t VALUES ((SELECT max(a) FROM t), $1)",
            "INSERT INTO t SELECT $1",
            "INSERT INTO t VALUES ($1), ($2)",
            "INSERT INTO t VALUES ($3)",
            "DELETE FROM t WHERE a = $1",
            "SELECT $1",
        ] {
            assert_eq!(text(sql, 2, 2), None, "{sql}");
        }
    }
}
