//! Parts that are merged in an order are each sorted by the whole of it.
//!
//! The planner leaves out of a part's order what is constant in that part, and yet keeps from all parts
//! together only the rows that are first by what is left.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;

/// The rule; the last one.
#[derive(Debug)]
pub(super) struct MergedOrder;

fn whole(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let Some(merge) = plan.as_any().downcast_ref::<SortPreservingMergeExec>() else {
        return Ok(Transformed::no(plan));
    };
    let Some(sort) = merge.input().as_any().downcast_ref::<SortExec>() else {
        return Ok(Transformed::no(plan));
    };
    let order = merge.expr();
    if sort.fetch().is_none() || sort.expr() == order {
        return Ok(Transformed::no(plan));
    }
    let sort = SortExec::new(order.clone(), Arc::clone(sort.input()))
        .with_fetch(sort.fetch())
        .with_preserve_partitioning(sort.preserve_partitioning());
    let merge =
        SortPreservingMergeExec::new(order.clone(), Arc::new(sort)).with_fetch(merge.fetch());
    Ok(Transformed::yes(Arc::new(merge)))
}

impl PhysicalOptimizerRule for MergedOrder {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(plan.transform_up(whole)?.data)
    }

    fn name(&self) -> &str {
        "merged_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}
