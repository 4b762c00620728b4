//! `SELECT DISTINCT` is an aggregate over all columns.
//!
//! The planner leaves it out where rows were grouped by these columns before, and does not ask what happened to them
//! since: a join may have made many of each.

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Aggregate, Distinct, Expr, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::replace_distinct_aggregate::ReplaceDistinctWithAggregate;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// The rule.
#[derive(Debug)]
pub(super) struct DistinctRows(ReplaceDistinctWithAggregate);

impl DistinctRows {
    /// The name of the planner's rule, in whose place it stands.
    pub(super) const REPLACES: &str = "replace_distinct_aggregate";

    pub(super) fn new() -> Self {
        Self(ReplaceDistinctWithAggregate::new())
    }
}

impl OptimizerRule for DistinctRows {
    fn name(&self) -> &str {
        Self::REPLACES
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Distinct(Distinct::All(input)) if !input.schema().fields().is_empty() => {
                let columns: Vec<Expr> = input
                    .schema()
                    .iter()
                    .map(|column| Expr::Column(Column::from(column)))
                    .collect();
                let groups = Aggregate::try_new(input, columns, Vec::new())?;
                Ok(Transformed::yes(LogicalPlan::Aggregate(groups)))
            }
            other => self.0.rewrite(other, config),
        }
    }
}
