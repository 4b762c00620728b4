//! Sorts that run in parts, where the plan is still one that can run.
//!
//! To sort in parts the planner takes away what brings parts together below a sort, and now and then another
//! node's as well, which then cannot run. Such a plan sorts in one part.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::sanity_checker::SanityCheckPlan;
use datafusion::physical_plan::ExecutionPlan;

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// These rules, with ours in place of the one that places sorts.
pub(super) fn rules(rules: Vec<Rule>) -> Vec<Rule> {
    rules
        .into_iter()
        .map(|rule| match rule.name() {
            "EnforceSorting" => Arc::new(ParallelSorts(rule)) as Rule,
            _ => rule,
        })
        .collect()
}

/// The planner's rule, tried again without parts.
#[derive(Debug)]
struct ParallelSorts(Rule);

impl PhysicalOptimizerRule for ParallelSorts {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let done = self.0.optimize(Arc::clone(&plan), config)?;
        let checker = SanityCheckPlan::new();
        if !config.optimizer.repartition_sorts
            || checker.optimize(Arc::clone(&done), config).is_ok()
        {
            return Ok(done);
        }
        let mut config = config.clone();
        config.optimizer.repartition_sorts = false;
        self.0.optimize(plan, &config)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}
