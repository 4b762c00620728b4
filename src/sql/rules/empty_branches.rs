//! A union of which some branches have no rows: the columns of the others are known by their places.
//!
//! The planner's rule leaves those branches out. Where one is left, it takes its columns by the names that the union
//! gives them, which may be those of other columns there; where more are left, the first of them gives other names
//! to all rows. Here the first one that is left gets the names of the union.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Union};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::propagate_empty_relation::PropagateEmptyRelation;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// The rule.
#[derive(Debug)]
pub(super) struct EmptyBranches(PropagateEmptyRelation);

impl EmptyBranches {
    /// The name of the planner's rule, in whose place it stands.
    pub(super) const REPLACES: &str = "propagate_empty_relation";

    pub(super) fn new() -> Self {
        Self(PropagateEmptyRelation::new())
    }
}

fn has_rows(plan: &LogicalPlan) -> bool {
    !matches!(plan, LogicalPlan::EmptyRelation(empty) if !empty.produce_one_row)
}

/// The branches that have rows, the first of them with the headings of the union, if there are fewer.
fn remaining(union: &Union) -> Result<Option<LogicalPlan>> {
    let mut branches: Vec<_> =
        union.inputs.iter().filter(|branch| has_rows(branch)).map(Arc::clone).collect();
    let Some(first) = branches.first_mut().filter(|_| fewer(union)) else {
        return Ok(None);
    };
    let columns = first.schema().iter().zip(union.schema.iter());
    let columns = columns.map(|(own, (qualifier, field))| {
        Expr::Column(Column::from(own)).alias_qualified(qualifier.cloned(), field.name())
    });
    let columns = columns.collect();
    let schema = Arc::clone(&union.schema);
    let shown = Projection::try_new_with_schema(columns, Arc::clone(first), schema)?;
    *first = Arc::new(LogicalPlan::Projection(shown));
    Ok(Some(match branches.as_slice() {
        [only] => only.as_ref().clone(),
        _ => LogicalPlan::Union(Union { inputs: branches, schema: Arc::clone(&union.schema) }),
    }))
}

/// Whether a union has branches without rows, and no others than it should have.
fn fewer(union: &Union) -> bool {
    let columns = union.schema.fields().len();
    union.inputs.iter().all(|branch| branch.schema().fields().len() == columns)
        && union.inputs.iter().any(|branch| !has_rows(branch))
}

impl OptimizerRule for EmptyBranches {
    fn name(&self) -> &str {
        "empty_branches"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        if let LogicalPlan::Union(union) = &plan
            && let Some(remaining) = remaining(union)?
        {
            return Ok(Transformed::yes(remaining));
        }
        self.0.rewrite(plan, config)
    }
}
