//! Queries that refer to the one around them: what their conditions compare has names of its own.
//!
//! The planner moves such conditions out of the query and joins it with the one around. Outside it knows the
//! columns of the query by their names alone, without the tables that they are of, and takes the first of a name:
//! of `EXISTS (SELECT 1 FROM a JOIN b ON … WHERE a.x = o.x AND b.x <> o.y)` both conditions for `a.x`.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::AnalyzerRule;

use crate::sql::syntax::at::SEPARATOR;

/// The rule.
#[derive(Debug)]
pub(super) struct Correlated;

/// Starts what follows the names of columns.
const OURS: &str = "outside";

/// A condition in which columns that others, or items, have the name of have names of their own, which are put down.
///
/// Others keep theirs: what a join learns of its keys goes no further down than to a column of another name.
fn renamed(
    condition: Expr,
    schema: &DFSchema,
    headings: &HashSet<String>,
    names: &mut Vec<(Column, String)>,
    next: &mut usize,
) -> Result<Expr> {
    let done = condition.transform_up(|expr| {
        let Expr::Column(column) = expr else { return Ok(Transformed::no(expr)) };
        let alike = schema.fields().iter().filter(|field| *field.name() == column.name).count();
        let alone = alike < 2 && !headings.contains(&column.name);
        if alone || column.name.contains(SEPARATOR) {
            return Ok(Transformed::no(Expr::Column(column)));
        }
        let name = match names.iter().find(|(known, _)| *known == column) {
            Some((_, name)) => name.clone(),
            None => {
                *next = next.saturating_add(1);
                let name = format!("{}{SEPARATOR}{OURS}{next}", column.name);
                names.push((column, name.clone()));
                name
            }
        };
        Ok(Transformed::yes(Expr::Column(Column::from_name(name))))
    })?;
    Ok(done.data)
}

/// Whether a condition is moved out, and nothing in it is looked for below again.
fn moves(condition: &Expr) -> Result<bool> {
    let asks = condition.exists(|expr| {
        Ok(matches!(expr, Expr::Exists(_) | Expr::InSubquery(_) | Expr::ScalarSubquery(_)))
    })?;
    Ok(!asks && condition.contains_outer())
}

/// The names that a statement gives to items, of all queries in it.
fn headings(plan: &LogicalPlan) -> Result<HashSet<String>> {
    let mut found = HashSet::new();
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::Alias(alias) = expr {
                    found.insert(alias.name.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

fn filter(
    filter: Filter,
    headings: &HashSet<String>,
    next: &mut usize,
) -> Result<Transformed<LogicalPlan>> {
    let mut names = Vec::new();
    let mut conditions = Vec::new();
    for condition in split_conjunction_owned(filter.predicate.clone()) {
        conditions.push(if moves(&condition)? {
            renamed(condition, filter.input.schema(), headings, &mut names, next)?
        } else {
            condition
        });
    }
    let Some(predicate) = conjunction(conditions).filter(|_| !names.is_empty()) else {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    };
    let columns: Vec<Expr> =
        filter.input.schema().iter().map(|column| Expr::Column(Column::from(column))).collect();
    let named = names.into_iter().map(|(column, name)| Expr::Column(column).alias(name));
    let below: Vec<Expr> = columns.iter().cloned().chain(named).collect();
    let plan = LogicalPlanBuilder::from(Arc::unwrap_or_clone(filter.input))
        .project(below)?
        .filter(predicate)?
        .project(columns)?
        .build()?;
    Ok(Transformed::yes(plan))
}

impl AnalyzerRule for Correlated {
    fn name(&self) -> &str {
        "correlated"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let mut next = 0_usize;
        let headings = headings(&plan)?;
        let done = plan.transform_up_with_subqueries(|plan| match plan {
            LogicalPlan::Filter(found) => filter(found, &headings, &mut next),
            other => Ok(Transformed::no(other)),
        })?;
        Ok(done.data)
    }
}
