//! Aggregates over rows in an order: what rows are ordered by twice, they are ordered by once.
//!
//! The engine drops the second one in some places and counts on it in others, which ends the query.

use std::collections::HashSet;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Distinct, DistinctOn, Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

/// The rule.
#[derive(Debug)]
pub(super) struct Orders;

/// Leaves out what comes again; whether there was any.
fn once(order: &mut Vec<Sort>) -> bool {
    let before = order.len();
    let mut seen = HashSet::new();
    order.retain(|by| seen.insert(by.expr.clone()));
    order.len() < before
}

fn aggregates(expr: Expr) -> Result<Transformed<Expr>> {
    expr.transform_up(|expr| match expr {
        Expr::AggregateFunction(mut function) => {
            let changed = once(&mut function.params.order_by);
            Ok(Transformed::new_transformed(Expr::AggregateFunction(function), changed))
        }
        other => Ok(Transformed::no(other)),
    })
}

fn node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::Distinct(Distinct::On(mut on)) => {
            let Some(order) = &mut on.sort_expr else {
                return Ok(Transformed::no(LogicalPlan::Distinct(Distinct::On(on))));
            };
            let mut keys = HashSet::new();
            let before = on.on_expr.len();
            on.on_expr.retain(|key| keys.insert(key.clone()));
            if !once(order) && on.on_expr.len() == before {
                return Ok(Transformed::no(LogicalPlan::Distinct(Distinct::On(on))));
            }
            let DistinctOn { on_expr, select_expr, sort_expr, input, .. } = on;
            let on = DistinctOn::try_new(on_expr, select_expr, sort_expr, input)?;
            Ok(Transformed::yes(LogicalPlan::Distinct(Distinct::On(on))))
        }
        LogicalPlan::Aggregate(_) => {
            let names = NamePreserver::new(&plan);
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                Ok(aggregates(expr)?.update_data(|expr| name.restore(expr)))
            })
        }
        other => Ok(Transformed::no(other)),
    }
}

impl AnalyzerRule for Orders {
    fn name(&self) -> &str {
        "orders"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(node)?.data)
    }
}
