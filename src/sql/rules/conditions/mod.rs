//! `x <> 0 AND 1 / x > 2`: the right side is evaluated only for rows that the left one leaves open.
//!
//! PostgreSQL does so row by row. The engine evaluates both sides for all rows of a batch, and a row for
//! which the right side cannot be evaluated ends the query. Inside one filter, conditions that cannot fail
//! come first, as those of a query in FROM do in PostgreSQL.

pub(in crate::sql) mod every;
mod guarded;
mod narrow;

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr,
    Literal, NotExpr,
};
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::ProjectionExec;

use every::Every;
use guarded::Guarded;

/// The rule; plans are filtered and shown by it once they are otherwise settled.
#[derive(Debug)]
pub(super) struct GuardedConditions;

impl PhysicalOptimizerRule for GuardedConditions {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(plan.transform_up(node)?.data)
    }

    fn name(&self) -> &str {
        "guarded_conditions"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn node(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    if let Some(filter) = plan.as_any().downcast_ref::<FilterExec>() {
        let schema = filter.input().schema();
        let guarded = condition(filter.predicate(), &schema)?;
        if guarded.transformed {
            let filter = FilterExecBuilder::from(filter).with_predicate(guarded.data).build()?;
            return Ok(Transformed::yes(Arc::new(filter)));
        }
    } else if let Some(shown) = plan.as_any().downcast_ref::<ProjectionExec>() {
        let schema = shown.input().schema();
        let mut changed = false;
        let mut exprs = shown.expr().to_vec();
        for shown in &mut exprs {
            let guarded = guarded(Arc::clone(&shown.expr), &schema)?;
            changed |= guarded.transformed;
            shown.expr = guarded.data;
        }
        if changed {
            let shown = ProjectionExec::try_new(exprs, Arc::clone(shown.input()))?;
            return Ok(Transformed::yes(Arc::new(shown)));
        }
    }
    Ok(Transformed::no(plan))
}

/// All that a filter asks: what cannot fail, then the rest in its order.
fn condition(
    predicate: &Arc<dyn PhysicalExpr>,
    schema: &Schema,
) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
    let parts = split_conjunction(predicate).into_iter().map(Arc::clone);
    let (mut sure, mut unsure) = (Vec::new(), Vec::new());
    for part in parts {
        if fallible(&part, schema)? { unsure.push(part) } else { sure.push(part) }
    }
    if unsure.is_empty() && sure.len() < 2 {
        return Ok(Transformed::no(Arc::clone(predicate)));
    }
    let first = match <[_; 1]>::try_from(sure) {
        Ok([one]) => Some(one),
        Err(sure) if sure.is_empty() => None,
        Err(sure) => Some(Arc::new(Every::new(sure, schema)?) as Arc<dyn PhysicalExpr>),
    };
    let parts = first.into_iter().chain(unsure);
    let guards = parts.map(|part| Ok(guarded(part, schema)?.data)).collect::<Result<Vec<_>>>()?;
    let guard = |left, right| Arc::new(Guarded::new(true, left, right)) as Arc<dyn PhysicalExpr>;
    match guards.into_iter().reduce(guard) {
        Some(guarded) => Ok(Transformed::yes(guarded)),
        None => Ok(Transformed::no(Arc::clone(predicate))),
    }
}

/// The same expression with every AND and OR inside of it guarded whose right side can fail.
fn guarded(
    expr: Arc<dyn PhysicalExpr>,
    schema: &Schema,
) -> Result<Transformed<Arc<dyn PhysicalExpr>>> {
    expr.transform_up(|expr| {
        let Some(binary) = expr.as_any().downcast_ref::<BinaryExpr>() else {
            return Ok(Transformed::no(expr));
        };
        let both = match binary.op() {
            Operator::And => true,
            Operator::Or => false,
            _ => return Ok(Transformed::no(expr)),
        };
        if !fallible(binary.right(), schema)? {
            return Ok(Transformed::no(expr));
        }
        let (left, right) = (Arc::clone(binary.left()), Arc::clone(binary.right()));
        Ok(Transformed::yes(Arc::new(Guarded::new(both, left, right))))
    })
}

/// Whether there can be rows for which an expression is an error.
pub(in crate::sql) fn fallible(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<bool> {
    let mut found = false;
    expr.apply(|part| {
        let any = part.as_any();
        let sure = if let Some(binary) = any.downcast_ref::<BinaryExpr>() {
            binary.op().is_logic_operator() || binary.op().supports_propagation()
        } else if let Some(cast) = any.downcast_ref::<CastExpr>() {
            widens(&cast.expr().data_type(schema)?, cast.cast_type())
        } else {
            any.is::<Column>()
                || any.is::<Literal>()
                || any.is::<CaseExpr>()
                || any.is::<InListExpr>()
                || any.is::<IsNullExpr>()
                || any.is::<IsNotNullExpr>()
                || any.is::<LikeExpr>()
                || any.is::<NotExpr>()
                || any.is::<Every>()
                || any.is::<Guarded>()
        };
        found |= !sure;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Whether all values of a type have one of another type.
fn widens(from: &DataType, to: &DataType) -> bool {
    let bits = |kind: &DataType| kind.primitive_width().unwrap_or_default();
    from == to
        || (from.is_signed_integer() && to.is_signed_integer() && bits(from) <= bits(to))
        || (from.is_integer() && to.is_floating())
        || (from.is_floating() && to.is_floating() && bits(from) <= bits(to))
        || (from.is_string() && to.is_string())
}
