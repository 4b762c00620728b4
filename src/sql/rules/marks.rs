//! Filters that ask queries in one of several ways (`WHERE EXISTS (…) OR …`): what the planner adds to their rows.
//!
//! It joins such a query, and a column says of each row whether it was found. That column stays behind the filter,
//! where other nodes do not count on it: here nothing but what was there before passes. The rule that takes
//! projections down through joins takes it for a column of one of the sides, and the columns of a join that shows
//! its right side alone for those of its left, and the columns that a filter shows for those below it: it sees a wall
//! above such nodes.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{Column, JoinType, Result};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::projection::ProjectionExec;

use super::filters_down::{Wall, opened, unique};

/// The rule that lets nothing pass but what was there.
#[derive(Debug)]
pub(super) struct Unmarked;

/// Whether a condition is more than a query that is asked, or its negation.
fn asks_inside(condition: &Expr) -> Result<bool> {
    match condition {
        Expr::Exists(_) | Expr::InSubquery(_) => Ok(false),
        Expr::Not(inner) if matches!(**inner, Expr::Exists(_) | Expr::InSubquery(_)) => Ok(false),
        other => other.exists(|expr| Ok(matches!(expr, Expr::Exists(_) | Expr::InSubquery(_)))),
    }
}

impl AnalyzerRule for Unmarked {
    fn name(&self) -> &str {
        "unmarked"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let done = plan.transform_up_with_subqueries(|plan| {
            let LogicalPlan::Filter(filter) = &plan else { return Ok(Transformed::no(plan)) };
            let mut inside = false;
            for condition in split_conjunction(&filter.predicate) {
                inside |= asks_inside(condition)?;
            }
            if !inside {
                return Ok(Transformed::no(plan));
            }
            let columns: Vec<Expr> =
                plan.schema().iter().map(|column| Expr::Column(Column::from(column))).collect();
            Ok(Transformed::yes(LogicalPlanBuilder::from(plan).project(columns)?.build()?))
        })?;
        Ok(done.data)
    }
}

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// These rules, with ours in place of the one that takes projections down.
pub(super) fn rules(rules: Vec<Rule>) -> Vec<Rule> {
    rules
        .into_iter()
        .map(|rule| match rule.name() {
            "ProjectionPushdown" => Arc::new(Projections(rule)) as Rule,
            _ => rule,
        })
        .collect()
}

/// The planner's rule.
#[derive(Debug)]
struct Projections(Rule);

/// Whether a node shows other columns than those below it, in their order.
fn shows_less(plan: &dyn ExecutionPlan) -> bool {
    use JoinType::{LeftMark, RightAnti, RightMark, RightSemi};
    let any = plan.as_any();
    if let Some(filter) = any.downcast_ref::<FilterExec>() {
        return filter.projection().is_some();
    }
    if let Some(join) = any.downcast_ref::<HashJoinExec>() {
        // Its keys are looked for by name and place, which finds none if names are there once.
        return match join.join_type() {
            LeftMark | RightMark => true,
            RightAnti | RightSemi => !unique(&join.right().schema()),
            _ => false,
        };
    }
    let join = any.downcast_ref::<NestedLoopJoinExec>();
    join.is_some_and(|join| {
        matches!(join.join_type(), LeftMark | RightAnti | RightMark | RightSemi)
    })
}

impl PhysicalOptimizerRule for Projections {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let walled = plan.transform_up(|plan| {
            let shown = plan.as_any().downcast_ref::<ProjectionExec>();
            Ok(match shown.filter(|shown| shows_less(shown.input().as_ref())) {
                Some(shown) => {
                    let wall: Arc<dyn ExecutionPlan> = Arc::new(Wall(Arc::clone(shown.input())));
                    Transformed::yes(plan.with_new_children(vec![wall])?)
                }
                None => Transformed::no(plan),
            })
        })?;
        let done = self.0.optimize(walled.data, config)?;
        if walled.transformed { opened(done) } else { Ok(done) }
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}
