//! `x IN (SELECT y …)` where the query refers to the one around it: the item has a name of its own.
//!
//! The planner joins both, and takes what the query says of `y` and `x` (`WHERE y < x`) for the comparison that it
//! made itself if only the two sides are the same, whatever is between them. With a name of its own the item is
//! not `y` for it. Nor does it find `y` and `CAST(y)` side by side, which it could not tell apart.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::InSubquery;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Projection, Subquery};
use datafusion::optimizer::AnalyzerRule;

use crate::sql::syntax::at::SEPARATOR;

/// The rule; types are settled before.
#[derive(Debug)]
pub(super) struct LookedUp;

fn named(plan: Arc<LogicalPlan>) -> Result<LogicalPlan> {
    let name = format!("{SEPARATOR}item");
    match Arc::unwrap_or_clone(plan) {
        LogicalPlan::Projection(Projection { mut expr, input, .. }) if expr.len() == 1 => {
            let items = expr.drain(..).map(|item| item.unalias().alias(&name)).collect();
            Ok(LogicalPlan::Projection(Projection::try_new(items, input)?))
        }
        other => {
            let columns = other.schema().iter().map(|column| Expr::Column(Column::from(column)));
            let items: Vec<Expr> = columns.map(|column| column.alias(&name)).collect();
            LogicalPlanBuilder::from(other).project(items)?.build()
        }
    }
}

fn item(expr: Expr) -> Result<Transformed<Expr>> {
    match expr {
        Expr::InSubquery(InSubquery { expr, subquery, negated })
            if !subquery.outer_ref_columns.is_empty()
                && subquery.subquery.schema().fields().len() == 1 =>
        {
            let plan = Arc::new(named(subquery.subquery)?);
            let subquery = Subquery { subquery: plan, ..subquery };
            Ok(Transformed::yes(Expr::InSubquery(InSubquery { expr, subquery, negated })))
        }
        other => Ok(Transformed::no(other)),
    }
}

impl AnalyzerRule for LookedUp {
    fn name(&self) -> &str {
        "looked_up"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let done = plan.transform_up_with_subqueries(|plan| {
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                Ok(expr.transform_up(item)?.update_data(|expr| name.restore(expr)))
            })
        })?;
        Ok(done.data)
    }
}
