//! Walks over expressions that know whether they are inside of a query: there a name may be the query's own, and
//! a value is not one of the row around it.
//!
//! Knows nothing of what is looked for. The parts of an expression come before the expression itself, so what is
//! put in its place is not walked over again.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Query, Visit, VisitMut as _, Visitor, VisitorMut};

/// Calls `visit` with an expression and all in it, and with whether each is inside of a query in it.
pub(super) fn each_expression(expr: &mut Expr, visit: impl FnMut(&mut Expr, bool)) {
    let _all: ControlFlow<()> = expr.visit(&mut Walk { queries: 0, visit });
}

/// Whether something has an expression in it for which `wanted` holds; `wanted` is told whether the expression is
/// inside of a query in it.
pub(super) fn any_expression(of: &impl Visit, wanted: impl FnMut(&Expr, bool) -> bool) -> bool {
    of.visit(&mut Walk { queries: 0, visit: wanted }).is_break()
}

struct Walk<F> {
    /// How many queries the walk is inside of.
    queries: usize,
    visit: F,
}

impl<F: FnMut(&mut Expr, bool)> VisitorMut for Walk<F> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries = self.queries.saturating_sub(1);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        (self.visit)(expr, self.queries > 0);
        ControlFlow::Continue(())
    }
}

impl<F: FnMut(&Expr, bool) -> bool> Visitor for Walk<F> {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries = self.queries.saturating_sub(1);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if (self.visit)(expr, self.queries > 0) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
