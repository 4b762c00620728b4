//! The planner's rules: its own, and ours beside them and in place of those that answer otherwise than PostgreSQL.
//!
//! A rule here knows plans and expressions and no session, table or client. Where one of the planner's own is
//! wrong in some case, ours has its name or says which one it stands for, hands it what it does well, and tells
//! in its head what it did wrong; a line in `tests/slt` shows it.

pub(super) mod conditions;
mod constant_filters;
mod constant_groups;
mod correlated;
mod distinct_rows;
mod empty_branches;
mod filters_down;
mod grand_total;
mod looked_up;
mod marks;
mod merged_order;
mod multisets;
mod offsets;
mod orders;
mod outer_joins;
mod parallel_sorts;
mod single_row;

use std::sync::Arc;

use datafusion::optimizer::analyzer::resolve_grouping_function::ResolveGroupingFunction;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;
use datafusion::optimizer::{AnalyzerRule, Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;

use super::casts::Casts;
use super::comparisons::Comparisons;
use conditions::GuardedConditions;
use constant_filters::ConstantFilters;
use constant_groups::ConstantGroups;
use correlated::Correlated;
use distinct_rows::DistinctRows;
use empty_branches::EmptyBranches;
use grand_total::GrandTotal;
use looked_up::LookedUp;
use marks::Unmarked;
use merged_order::MergedOrder;
use multisets::Multisets;
use offsets::Numbered;
use orders::Orders;
use single_row::SingleRow;

/// The rules for plans as they were written, those that need the types of that before the one that settles types.
pub(super) fn analyzers() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    vec![
        Arc::new(Multisets),
        Arc::new(Numbered),
        Arc::new(Orders),
        Arc::new(Correlated),
        Arc::new(Unmarked),
        Arc::new(SingleRow::new()),
        Arc::new(Comparisons::new()),
        Arc::new(ResolveGroupingFunction::new()),
        Arc::new(TypeCoercion::new()),
        Arc::new(Casts),
        Arc::new(LookedUp),
        Arc::new(GrandTotal),
    ]
}

/// The rules that make plans quicker.
pub(super) fn optimizers() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let rules = Optimizer::new().rules.into_iter();
    rules
        .map(|rule| -> Arc<dyn OptimizerRule + Send + Sync> {
            match rule.name() {
                ConstantGroups::REPLACES => Arc::new(ConstantGroups::new()),
                ConstantFilters::REPLACES => Arc::new(ConstantFilters::new()),
                DistinctRows::REPLACES => Arc::new(DistinctRows::new()),
                EmptyBranches::REPLACES => Arc::new(EmptyBranches::new()),
                _ => rule,
            }
        })
        .collect()
}

/// The rules for plans that are carried out.
pub(super) fn physical() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let rules = outer_joins::rules(filters_down::rules());
    let mut rules = offsets::rules(parallel_sorts::rules(marks::rules(rules)));
    rules.push(Arc::new(MergedOrder));
    rules.push(Arc::new(GuardedConditions));
    rules
}
