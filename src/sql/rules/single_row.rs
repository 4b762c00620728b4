//! A query in place of a value has one row at most: none is NULL, and two are an error.
//!
//! The planner joins such a query, so that several rows multiply those around it. Here an aggregate over
//! the query makes one row of it. Queries that refer to the one around them are left: the planner refuses
//! those that are no aggregate.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::functions_aggregate::count::count;
use datafusion::logical_expr::expr::Exists;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, LogicalPlan, LogicalPlanBuilder, Projection,
    Signature, Subquery, Volatility, lit,
};
use datafusion::optimizer::AnalyzerRule;

use crate::sql::adapt::MADE;
use crate::sql::error::{SqlError, SqlState};
use crate::sql::syntax::at::SEPARATOR;

/// The rule.
#[derive(Debug)]
pub(super) struct SingleRow {
    function: Arc<AggregateUDF>,
}

impl SingleRow {
    pub(super) fn new() -> Self {
        let signature = Signature::any(1, Volatility::Immutable);
        Self { function: Arc::new(AggregateUDF::from(TheOne { signature })) }
    }

    fn subquery(&self, subquery: Subquery) -> Result<Transformed<Expr>> {
        if !subquery.outer_ref_columns.is_empty() || one_row(&subquery.subquery) {
            return Ok(Transformed::no(Expr::ScalarSubquery(subquery)));
        }
        let plan = Arc::unwrap_or_clone(subquery.subquery);
        if plan.schema().fields().len() != 1 {
            return Err(SqlError::syntax("subquery must return only one column").into());
        }
        let (qualifier, field) = plan.schema().qualified_field(0);
        let column = Expr::Column(Column::from((qualifier, field)));
        let name = field.name().clone();
        let one = self.function.call(vec![column]);
        let aggregated = Expr::Column(Column::from_name(one.schema_name().to_string()));
        let plan = LogicalPlanBuilder::from(plan)
            .aggregate(Vec::<Expr>::new(), vec![one])?
            .project(vec![aggregated.alias(name)])?
            .build()?;
        let subquery = Subquery { subquery: Arc::new(plan), ..subquery };
        Ok(Transformed::yes(Expr::ScalarSubquery(subquery)))
    }
}

/// `EXISTS` as a value, which the planner only knows as a condition, as a query that counts.
fn existence(exists: Exists) -> Result<Transformed<Expr>> {
    let Exists { subquery, negated } = exists;
    let refers = !subquery.outer_ref_columns.is_empty();
    let rows = count(lit(1_i64));
    let counted = Expr::Column(Column::from_name(rows.schema_name().to_string()));
    let there = if negated { counted.eq(lit(0_i64)) } else { counted.gt(lit(0_i64)) };
    let mut plan = LogicalPlanBuilder::from(Arc::unwrap_or_clone(subquery.subquery));
    if !refers {
        plan = plan.limit(0, Some(1))?;
    }
    let plan = plan
        .aggregate(Vec::<Expr>::new(), vec![rows])?
        .project(vec![there.alias("exists")])?
        .build()?;
    Ok(Transformed::yes(Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), ..subquery })))
}

/// Whether a plan has exactly one row.
fn one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::Projection(projection) => one_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => one_row(&alias.input),
        _ => false,
    }
}

impl AnalyzerRule for SingleRow {
    fn name(&self) -> &str {
        "single_row"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let mut numbers = 0..;
        let done = plan.transform_up_with_subqueries(|plan| {
            let shown = matches!(plan, LogicalPlan::Projection(_));
            let names = NamePreserver::new(&plan);
            let done = plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let done = expr.transform_up(|expr| {
                    if let Expr::ScalarSubquery(Subquery { subquery, .. })
                    | Expr::Exists(Exists { subquery: Subquery { subquery, .. }, .. }) = &expr
                    {
                        check_made(subquery)?;
                    }
                    let done = match expr {
                        Expr::ScalarSubquery(subquery) => self.subquery(subquery)?,
                        Expr::Exists(exists) if shown => existence(exists)?,
                        other => Transformed::no(other),
                    };
                    match done.data {
                        Expr::ScalarSubquery(subquery) => {
                            let number = numbers.next().unwrap_or_default();
                            Ok(Transformed::yes(Expr::ScalarSubquery(renamed(subquery, number)?)))
                        }
                        other => Ok(Transformed::new(other, done.transformed, done.tnr)),
                    }
                })?;
                Ok(done.update_data(|expr| name.restore(expr)))
            })?;
            done.map_data(staged)
        })?;
        Ok(done.data)
    }
}

/// Values of several queries that refer to this one, one after the other: the planner joins each of them with a
/// column of one name, which it cannot tell apart.
fn staged(plan: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Projection(Projection { expr: exprs, input, .. }) = &plan else {
        return Ok(plan);
    };
    let mut found = Vec::new();
    let shown = exprs
        .iter()
        .map(|expr| {
            let done = expr.clone().transform_down(|expr| match expr {
                Expr::ScalarSubquery(subquery) if !subquery.outer_ref_columns.is_empty() => {
                    let name = subquery.subquery.schema().field(0).name().clone();
                    found.push(Expr::ScalarSubquery(subquery).alias(name.clone()));
                    Ok(Transformed::yes(Expr::Column(Column::from_name(name))))
                }
                other => Ok(Transformed::no(other)),
            })?;
            Ok(done.data)
        })
        .collect::<Result<Vec<Expr>>>()?;
    if found.len() < 2 {
        return Ok(plan);
    }
    let mut below = input.as_ref().clone();
    for value in found {
        let columns = below.schema().iter().map(|column| Expr::Column(Column::from(column)));
        let columns: Vec<Expr> = columns.chain([value]).collect();
        below = LogicalPlanBuilder::from(below).project(columns)?.build()?;
    }
    LogicalPlanBuilder::from(below).project(shown)?.build()
}

/// Refuses what a query that was put together here (`adapt`) has inside of it if that refers to the one around:
/// the planner loses columns between the two.
fn check_made(plan: &LogicalPlan) -> Result<()> {
    let made = plan.exists(|plan| match plan {
        LogicalPlan::SubqueryAlias(alias) if alias.alias.table().starts_with(MADE) => {
            let mut refers = false;
            alias.input.apply_with_subqueries(|plan| {
                refers |= plan.contains_outer_reference();
                Ok(TreeNodeRecursion::Continue)
            })?;
            Ok(refers)
        }
        _ => Ok(false),
    })?;
    if made {
        let what = "IN, ANY or ALL of a query that refers to the one around it, in this place";
        return Err(SqlError::unsupported(what)
            .with_hint("write EXISTS (SELECT … WHERE …)")
            .into());
    }
    Ok(())
}

/// Gives the column of a query a name that no other such query has: the planner joins them, and knows their
/// columns by their names.
fn renamed(subquery: Subquery, number: usize) -> Result<Subquery> {
    const OURS: &str = "the one of ";
    let field = subquery.subquery.schema().field(0);
    if field.name().contains(OURS) || subquery.subquery.schema().fields().len() != 1 {
        return Ok(subquery);
    }
    let name = format!("{}{SEPARATOR}{OURS}{number}", field.name());
    let column = Expr::Column(Column::from(subquery.subquery.schema().qualified_field(0)));
    let plan = LogicalPlanBuilder::from(Arc::unwrap_or_clone(subquery.subquery))
        .project(vec![column.alias(name)])?
        .build()?;
    Ok(Subquery { subquery: Arc::new(plan), ..subquery })
}

/// The value of the only row.
#[derive(Debug, PartialEq, Eq, Hash)]
struct TheOne {
    signature: Signature,
}

impl AggregateUDFImpl for TheOne {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        "the_one"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        Ok(arg_types.first().cloned().unwrap_or(DataType::Null))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![
            Arc::new(Field::new("value", args.return_type().clone(), true)),
            Arc::new(Field::new("seen", DataType::Boolean, false)),
        ])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        let value = ScalarValue::try_from(args.return_field.data_type())?;
        Ok(Box::new(Seen { value, seen: false }))
    }
}

#[derive(Debug)]
struct Seen {
    value: ScalarValue,
    seen: bool,
}

impl Seen {
    fn add(&mut self, values: &ArrayRef) -> Result<()> {
        if values.is_empty() {
            return Ok(());
        }
        if self.seen || values.len() > 1 {
            return Err(SqlError::new(
                SqlState::CardinalityViolation,
                "more than one row returned by a subquery used as an expression",
            )
            .into());
        }
        self.seen = true;
        self.value = ScalarValue::try_from_array(values, 0)?;
        Ok(())
    }
}

impl Accumulator for Seen {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().try_for_each(|values| self.add(values))
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [values, seen] = states else { return Ok(()) };
        for row in 0..seen.len() {
            if ScalarValue::try_from_array(seen, row)? == ScalarValue::Boolean(Some(true)) {
                self.add(&values.slice(row, 1))?;
            }
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.value.clone(), ScalarValue::Boolean(Some(self.seen))])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.value.clone())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.value.size()
    }
}
