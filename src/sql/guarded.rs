//! `x <> 0 AND 1 / x > 2`: the right side is evaluated only for rows that the left one leaves open.
//!
//! PostgreSQL does so row by row. The engine evaluates both sides for all rows of a batch, and a row for
//! which the right side cannot be evaluated ends the query. Inside one filter, conditions that cannot fail
//! come first, as those of a query in FROM do in PostgreSQL.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, BooleanArray};
use arrow::compute::{and_kleene, or_kleene};
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr,
    Literal, NotExpr,
};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, conjunction, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::projection::ProjectionExec;

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
    if unsure.is_empty() {
        return Ok(Transformed::no(Arc::clone(predicate)));
    }
    let first = if sure.is_empty() { None } else { Some(conjunction(sure)) };
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
fn fallible(expr: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<bool> {
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

/// `left AND right` or `left OR right`.
#[derive(Debug)]
struct Guarded {
    /// AND, else OR.
    both: bool,
    left: Arc<dyn PhysicalExpr>,
    right: Arc<dyn PhysicalExpr>,
    /// The columns that the right side reads, and that side over a batch of nothing else.
    columns: Vec<usize>,
    narrow: Arc<dyn PhysicalExpr>,
}

impl Guarded {
    fn new(both: bool, left: Arc<dyn PhysicalExpr>, right: Arc<dyn PhysicalExpr>) -> Self {
        let mut columns: Vec<usize> = collect_columns(&right).iter().map(Column::index).collect();
        columns.sort_unstable();
        columns.dedup();
        let place = |expr: Arc<dyn PhysicalExpr>| {
            let Some(column) = expr.as_any().downcast_ref::<Column>() else {
                return Ok(Transformed::no(expr));
            };
            match columns.binary_search(&column.index()) {
                Ok(at) => Ok(Transformed::yes(
                    Arc::new(Column::new(column.name(), at)) as Arc<dyn PhysicalExpr>
                )),
                Err(_) => Ok(Transformed::no(expr)),
            }
        };
        match Arc::clone(&right).transform(place) {
            Ok(narrow) => Self { both, left, right, columns, narrow: narrow.data },
            Err(_) => {
                let narrow = Arc::clone(&right);
                Self { both, left, right, columns: Vec::new(), narrow }
            }
        }
    }

    const fn operator(&self) -> &'static str {
        if self.both { "AND" } else { "OR" }
    }
}

impl PhysicalExpr for Guarded {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn data_type(&self, _schema: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        Ok(self.left.nullable(schema)? || self.right.nullable(schema)?)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let left = self.left.evaluate(batch)?.into_array(rows)?;
        let left = left.as_boolean();
        let mut open = if self.both { left.values().clone() } else { !left.values() };
        if let Some(nulls) = left.nulls() {
            open = &open | &!nulls.inner();
        }
        let open = BooleanArray::new(open, None);
        if open.true_count() == 0 {
            return Ok(ColumnarValue::Array(Arc::new(left.clone())));
        }
        let batch = batch.project(&self.columns)?;
        let right = self.narrow.evaluate_selection(&batch, &open)?.into_array(rows)?;
        let right = right.as_boolean();
        let result = if self.both { and_kleene(left, right) } else { or_kleene(left, right) };
        Ok(ColumnarValue::Array(Arc::new(result?)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.left, &self.right]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match <[_; 2]>::try_from(children) {
            Ok([left, right]) => Ok(Arc::new(Self::new(self.both, left, right))),
            Err(_) => datafusion::common::internal_err!("a condition has two sides"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.left.fmt_sql(f)?;
        write!(f, " {} ", self.operator())?;
        self.right.fmt_sql(f)
    }
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.left, self.operator(), self.right)
    }
}

impl PartialEq for Guarded {
    fn eq(&self, other: &Self) -> bool {
        self.both == other.both && self.left.eq(&other.left) && self.right.eq(&other.right)
    }
}

impl Eq for Guarded {}

impl Hash for Guarded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.both.hash(state);
        self.left.hash(state);
        self.right.hash(state);
    }
}
