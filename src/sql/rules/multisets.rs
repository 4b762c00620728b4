//! `EXCEPT ALL` and `INTERSECT ALL`: rows are counted.
//!
//! The planner joins both sides, which only asks whether a row is there. Here equal rows of each side are
//! numbered, and the numbers are compared as well: the third of one kind is there if the other side has three.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, JoinType, NullEquality, Result};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Expr, ExprFunctionExt as _, Join, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;

use crate::sql::syntax::at::SEPARATOR;

/// The rule. It knows such a join by the nulls that are equal for it, which no condition that is written asks
/// of a join before it is optimised, and `EXCEPT` without `ALL` by its left side, whose rows differ.
#[derive(Debug)]
pub(super) struct Multisets;

fn is_wanted(join: &Join) -> bool {
    join.null_equality == NullEquality::NullEqualsNull
        && matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && !matches!(*join.left, LogicalPlan::Distinct(_))
        && join.left.schema().fields().iter().all(|field| !field.name().starts_with(SEPARATOR))
}

/// A side with the numbers of its rows in one more column, and its columns before.
fn numbered(side: Arc<LogicalPlan>, name: &str) -> Result<(LogicalPlan, Vec<Expr>)> {
    let columns: Vec<Expr> =
        side.schema().iter().map(|column| Expr::Column(Column::from(column))).collect();
    let number = row_number().partition_by(columns.clone()).build()?;
    let counted = Expr::Column(Column::from_name(number.schema_name().to_string()));
    let shown = columns.iter().cloned().chain([counted.alias(name)]).collect::<Vec<_>>();
    let plan = LogicalPlanBuilder::from(side).window(vec![number])?.project(shown)?.build()?;
    Ok((plan, columns))
}

fn counted(join: Join) -> Result<LogicalPlan> {
    let (here, there) = (format!("{SEPARATOR}here"), format!("{SEPARATOR}there"));
    let (left, columns) = numbered(join.left, &here)?;
    let (right, _) = numbered(join.right, &there)?;
    let mut on = join.on;
    on.push((Expr::Column(Column::from_name(here)), Expr::Column(Column::from_name(there))));
    let joined = Join::try_new(
        Arc::new(left),
        Arc::new(right),
        on,
        join.filter,
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?;
    LogicalPlanBuilder::from(LogicalPlan::Join(joined)).project(columns)?.build()
}

impl AnalyzerRule for Multisets {
    fn name(&self) -> &str {
        "multisets"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let done = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Join(join) if is_wanted(&join) => Ok(Transformed::yes(counted(join)?)),
            other => Ok(Transformed::no(other)),
        })?;
        Ok(done.data)
    }
}
