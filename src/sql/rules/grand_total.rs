//! `GROUP BY ROLLUP (…)`, `CUBE (…)`, `GROUPING SETS (…, ())` of no rows: there is a row for all of them.
//!
//! The engine makes groups out of rows, so it has none of them. Here the row that aggregates have without rows
//! is joined, and shown where there is no other. Sets that are named twice, which the engine takes for one, are
//! refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, JoinType, Result, ScalarValue};
use datafusion::logical_expr::{
    Aggregate, EmptyRelation, Expr, GroupingSet, LogicalPlan, LogicalPlanBuilder, lit, when,
};
use datafusion::optimizer::AnalyzerRule;

use crate::sql::error::SqlError;
use crate::sql::syntax::at::SEPARATOR;

/// The rule; types are settled before.
#[derive(Debug)]
pub(super) struct GrandTotal;

/// Whether rows are grouped by nothing in one of the sets, if there are sets.
fn has_total(aggregate: &Aggregate) -> Result<bool> {
    let [Expr::GroupingSet(sets)] = aggregate.group_expr.as_slice() else { return Ok(false) };
    let names = |exprs: &[Expr]| exprs.iter().map(Expr::to_string).collect::<BTreeSet<_>>();
    let (total, differ) = match sets {
        GroupingSet::Rollup(exprs) | GroupingSet::Cube(exprs) => {
            (true, names(exprs).len() == exprs.len())
        }
        GroupingSet::GroupingSets(sets) => {
            let differ: BTreeSet<_> = sets.iter().map(|set| names(set)).collect();
            (sets.iter().any(Vec::is_empty), differ.len() == sets.len())
        }
    };
    if differ {
        return Ok(total);
    }
    Err(SqlError::unsupported("a grouping set that is there twice").into())
}

/// What aggregates are without rows, in columns of names of ours.
fn nothing(aggregate: &Aggregate) -> Result<(LogicalPlan, Vec<Column>)> {
    let named = |at: usize| format!("{SEPARATOR}total{at}");
    if aggregate.aggr_expr.is_empty() {
        return Ok((LogicalPlanBuilder::empty(true).build()?, Vec::new()));
    }
    let none = LogicalPlan::EmptyRelation(EmptyRelation {
        produce_one_row: false,
        schema: Arc::clone(aggregate.input.schema()),
    });
    let totals = Aggregate::try_new(Arc::new(none), Vec::new(), aggregate.aggr_expr.clone())?;
    let shown: Vec<Expr> = totals
        .schema
        .iter()
        .enumerate()
        .map(|(at, field)| Expr::Column(Column::from(field)).alias(named(at)))
        .collect();
    let columns = (0..shown.len()).map(|at| Column::from_name(named(at))).collect();
    let plan = LogicalPlanBuilder::from(LogicalPlan::Aggregate(totals)).project(shown)?.build()?;
    Ok((plan, columns))
}

fn with_total(aggregate: Aggregate) -> Result<LogicalPlan> {
    let (nothing, totals) = nothing(&aggregate)?;
    let schema = Arc::clone(&aggregate.schema);
    let groups = schema.fields().len().saturating_sub(totals.len().saturating_add(1));
    let there = format!("{SEPARATOR}there");
    let column = |at: usize| Expr::Column(Column::from(schema.qualified_field(at)));
    let all: Vec<Expr> = (0..schema.fields().len()).map(column).collect();
    let shown: Vec<Expr> = all.iter().cloned().chain([lit(true).alias(&there)]).collect();
    let found = LogicalPlanBuilder::from(LogicalPlan::Aggregate(aggregate)).project(shown)?;
    let is_there = Expr::Column(Column::from_name(there)).is_not_null();
    let mut items = Vec::with_capacity(all.len());
    for (at, expr) in all.into_iter().enumerate() {
        let (qualifier, field) = schema.qualified_field(at);
        let other = match at.checked_sub(groups) {
            None => {
                items.push(expr);
                continue;
            }
            // Every expression is left out.
            Some(0) => {
                let left_out = u64::MAX
                    .checked_shr(64_u32.saturating_sub(u32::try_from(groups).unwrap_or(64)));
                let left_out = ScalarValue::UInt64(Some(left_out.unwrap_or(0)));
                lit(left_out.cast_to(field.data_type())?)
            }
            Some(at) => match totals.get(at.saturating_sub(1)) {
                Some(total) => Expr::Column(total.clone()),
                None => continue,
            },
        };
        let value = when(is_there.clone(), expr).otherwise(other)?;
        items.push(value.alias_qualified(qualifier.cloned(), field.name()));
    }
    LogicalPlanBuilder::from(nothing)
        .join_on(found.build()?, JoinType::Left, [lit(true)])?
        .project(items)?
        .build()
}

impl AnalyzerRule for GrandTotal {
    fn name(&self) -> &str {
        "grand_total"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let done = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Aggregate(aggregate) if has_total(&aggregate)? => {
                Ok(Transformed::yes(with_total(aggregate)?))
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(done.data)
    }
}
