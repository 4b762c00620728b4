//! A filter that asks nothing of rows stays above an aggregate that has a row also where there are none.
//!
//! The planner takes conditions below groups if they are only about what is grouped by, which those without any
//! column always are: `SELECT 1 FROM (SELECT count(*) FROM t) q WHERE false` would count the rows of nothing, and
//! show that.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::push_down_filter::PushDownFilter;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// The rule.
#[derive(Debug)]
pub(super) struct ConstantFilters(PushDownFilter);

impl ConstantFilters {
    /// The name of the planner's rule, in whose place it stands.
    pub(super) const REPLACES: &str = "push_down_filter";

    pub(super) fn new() -> Self {
        Self(PushDownFilter::new())
    }
}

/// Whether rows of nothing would come out of it.
fn stays(plan: &LogicalPlan) -> bool {
    let LogicalPlan::Filter(filter) = plan else { return false };
    let LogicalPlan::Aggregate(aggregate) = filter.input.as_ref() else { return false };
    let mut conditions = split_conjunction(&filter.predicate).into_iter();
    aggregate.group_expr.is_empty()
        && conditions.any(|condition| condition.column_refs().is_empty())
}

impl OptimizerRule for ConstantFilters {
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
        if stays(&plan) { Ok(Transformed::no(plan)) } else { self.0.rewrite(plan, config) }
    }
}
