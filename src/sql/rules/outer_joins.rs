//! What is constant on one side of an outer join is not constant behind it: rows that found no other have nulls there.
//!
//! The planner counts on it all the same, and leaves such a column out of orders, and out of what tells groups and
//! parts of windows apart. Here a node above that side does not tell of constants.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::stats::Statistics;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{JoinType, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// These rules, with ours before the first one that counts on constants.
pub(super) fn rules(rules: Vec<Rule>) -> Vec<Rule> {
    let mut all = Vec::with_capacity(rules.len().saturating_add(1));
    for rule in rules {
        if rule.name() == "EnforceDistribution" {
            all.push(Arc::new(OuterJoins) as Rule);
        }
        all.push(rule);
    }
    all
}

/// The rule.
#[derive(Debug)]
struct OuterJoins;

impl PhysicalOptimizerRule for OuterJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(plan.transform_up(node)?.data)
    }

    fn name(&self) -> &str {
        "outer_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn node(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let any = plan.as_any();
    let kind = if let Some(join) = any.downcast_ref::<HashJoinExec>() {
        join.join_type()
    } else if let Some(join) = any.downcast_ref::<NestedLoopJoinExec>() {
        join.join_type()
    } else {
        return Ok(Transformed::no(plan));
    };
    // Whose columns are null where no row was found.
    let sides = match kind {
        JoinType::Left => [false, true],
        JoinType::Right => [true, false],
        JoinType::Full => [true, true],
        _ => return Ok(Transformed::no(plan)),
    };
    let mut changed = false;
    let children = plan.children().into_iter().zip(sides);
    let children = children.map(|(child, nullable)| {
        let constants = child.properties().equivalence_properties().constants();
        if !nullable || constants.is_empty() {
            return Arc::clone(child);
        }
        changed = true;
        Arc::new(Varying::new(Arc::clone(child))) as Arc<dyn ExecutionPlan>
    });
    let children: Vec<_> = children.collect();
    if !changed {
        return Ok(Transformed::no(plan));
    }
    Ok(Transformed::yes(plan.with_new_children(children)?))
}

/// The rows below it, of which it knows neither an order nor a constant.
#[derive(Debug)]
struct Varying {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl Varying {
    fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let below = input.properties();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            below.output_partitioning().clone(),
            below.emission_type,
            below.boundedness,
        );
        Self { input, properties: Arc::new(properties) }
    }
}

impl DisplayAs for Varying {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Varying")
    }
}

impl ExecutionPlan for Varying {
    fn name(&self) -> &str {
        "Varying"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let input = children.into_iter().next();
        Ok(Arc::new(Self::new(input.unwrap_or_else(|| Arc::clone(&self.input)))))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Statistics> {
        self.input.partition_statistics(partition)
    }
}
