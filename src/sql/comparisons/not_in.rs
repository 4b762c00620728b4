//! `NOT IN (SELECT …)` in words that the planner does not read otherwise than PostgreSQL does.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, ExprSchema as _, Result};
use datafusion::functions_aggregate::count::count;
use datafusion::logical_expr::expr::{Exists, InSubquery};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery, lit};

use crate::sql::error::SqlError;
use crate::sql::syntax::at::SEPARATOR;

/// `x NOT IN (SELECT …)` that refers to the query around it, as `NOT EXISTS`: no row is equal or unknown.
/// The planner's own way knows nulls only where nothing is referred to.
fn not_in(expr: Expr, subquery: Subquery, schema: &DFSchema) -> Result<Expr> {
    let outer = outside(expr, schema)?;
    let (plan, item) = items(subquery.subquery)?;
    let apart = Expr::IsNotFalse(Box::new(outer.eq(item)));
    let plan = LogicalPlanBuilder::from(plan).filter(apart)?.build()?;
    let outer_ref_columns = plan.all_out_ref_exprs();
    let subquery = Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: subquery.spans };
    Ok(Expr::Exists(Exists { subquery, negated: true }))
}

/// `x NOT IN (SELECT …)` that refers to nothing outside, in parts: nothing is equal, nothing there is null, and
/// `x` is not null unless nothing is there. The planner's own join for it loses nulls beside other joins.
fn not_in_alone(expr: Expr, subquery: Subquery, schema: &DFSchema) -> Result<Expr> {
    let outer = outside(expr.clone(), schema)?;
    let (plan, item) = items(subquery.subquery)?;
    let (all, known) = (count(lit(1_i64)), count(item.clone()));
    let counted = |count: &Expr| Expr::Column(Column::from_name(count.schema_name().to_string()));
    let value = |truth: Expr| -> Result<Expr> {
        let plan = LogicalPlanBuilder::from(plan.clone())
            .aggregate(Vec::<Expr>::new(), vec![all.clone(), known.clone()])?
            .project([truth.alias("truth")])?
            .build()?;
        let spans = subquery.spans.clone();
        let outer_ref_columns = Vec::new();
        let subquery = Subquery { subquery: Arc::new(plan), outer_ref_columns, spans };
        Ok(Expr::ScalarSubquery(subquery))
    };
    let complete = value(counted(&all).eq(counted(&known)))?;
    let empty = value(counted(&all).eq(lit(0_i64)))?;
    let equal = LogicalPlanBuilder::from(plan.clone()).filter(outer.eq(item))?.build()?;
    let outer_ref_columns = equal.all_out_ref_exprs();
    let subquery = Subquery { subquery: Arc::new(equal), outer_ref_columns, spans: subquery.spans };
    let apart = Expr::Exists(Exists { subquery, negated: true });
    Ok(apart.and(complete).and(expr.is_not_null().or(empty)))
}

/// The query with its only column under a name of its own, and that column: its name may be there outside as
/// well.
fn items(query: Arc<LogicalPlan>) -> Result<(LogicalPlan, Expr)> {
    let plan = Arc::unwrap_or_clone(query);
    let (qualifier, field) = plan.schema().qualified_field(0);
    let item = Expr::Column(Column::from((qualifier, field)));
    let name = format!("item{SEPARATOR}");
    let plan = LogicalPlanBuilder::from(plan).project([item.alias(name.clone())])?.build()?;
    Ok((plan, Expr::Column(Column::from_name(name))))
}

/// An expression of the query around, as one inside refers to it.
fn outside(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let outer = expr.transform_up(|expr| match expr {
        Expr::Column(column) => {
            let field = Arc::clone(schema.field_from_column(&column)?);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(outer.data)
}

/// A condition in which `NOT IN` of such queries is put otherwise.
pub(super) fn conditions(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let refers = |expr: &Expr| matches!(expr, Expr::InSubquery(inner) if !inner.subquery.outer_ref_columns.is_empty());
    let done = expr.transform_down(|expr| match expr {
        Expr::InSubquery(InSubquery { expr, subquery, negated: true })
            if !subquery.outer_ref_columns.is_empty() =>
        {
            Ok(Transformed::yes(not_in(*expr, subquery, schema)?))
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated: true }) => {
            Ok(Transformed::yes(not_in_alone(*expr, subquery, schema)?))
        }
        Expr::Not(inner)
            if matches!(&*inner, Expr::InSubquery(inner) if !inner.negated
                && inner.subquery.outer_ref_columns.is_empty()) =>
        {
            let Expr::InSubquery(InSubquery { expr, subquery, .. }) = *inner else {
                return Ok(Transformed::no(Expr::Not(inner)));
            };
            Ok(Transformed::yes(not_in_alone(*expr, subquery, schema)?))
        }
        // Known to the planner: what it makes of the inner one is not asked for again.
        Expr::Not(inner) if matches!(&*inner, Expr::InSubquery(inner) if inner.negated) => {
            let Expr::InSubquery(InSubquery { expr, subquery, .. }) = *inner else {
                return Ok(Transformed::no(Expr::Not(inner)));
            };
            let within = InSubquery { expr, subquery, negated: false };
            Ok(Transformed::new(Expr::InSubquery(within), true, TreeNodeRecursion::Jump))
        }
        Expr::Not(inner) if refers(&inner) => match *inner {
            Expr::InSubquery(InSubquery { expr, subquery, negated: false }) => {
                Ok(Transformed::yes(not_in(*expr, subquery, schema)?))
            }
            other => Ok(Transformed::no(Expr::Not(Box::new(other)))),
        },
        Expr::Not(inner) if inner.exists(|expr| Ok(refers(expr)))? => {
            Err(SqlError::unsupported("NOT of a condition with IN of a query that refers outside")
                .into())
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(done.data)
}
