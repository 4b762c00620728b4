//! Groups are not told apart by a constant, as long as something else tells them apart.
//!
//! The planner's rule drops constants from GROUP BY, which saves a column of every key (correlated queries
//! are joined with one). It drops the last one too, and then no rows would be one group.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::eliminate_group_by_constant::EliminateGroupByConstant;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// The rule.
#[derive(Debug)]
pub(super) struct ConstantGroups(EliminateGroupByConstant);

impl ConstantGroups {
    /// The name of the planner's rule, in whose place it stands.
    pub(super) const REPLACES: &str = "eliminate_group_by_constant";

    pub(super) fn new() -> Self {
        Self(EliminateGroupByConstant::new())
    }
}

impl OptimizerRule for ConstantGroups {
    fn name(&self) -> &str {
        "constant_groups"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Aggregate(aggregate)
                if aggregate.group_expr.iter().any(|by| matches!(by, Expr::Column(_))) =>
            {
                self.0.rewrite(plan, config)
            }
            _ => Ok(Transformed::no(plan)),
        }
    }
}
