//! `OFFSET` without `LIMIT` leaves out the first rows, once.
//!
//! The planner forgets about the order of rows below such an offset, so here rows that have an order are numbered in
//! it. Where they have none, its rule that takes limits down puts the offset where it stands, and takes it on to the
//! next limit below, where it leaves out rows again: what is below an offset is a plan of its own for that rule.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _, TreeNodeRecursion};
use datafusion::common::{Column, Result, ScalarValue, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt as _, Limit, LogicalPlan, LogicalPlanBuilder, Projection, Sort, cast, lit,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use crate::sql::syntax::at::SEPARATOR;

/// The rule that numbers rows.
#[derive(Debug)]
pub(super) struct Numbered;

/// How many rows are left out, if that is all that a limit does.
fn skipped(limit: &Limit) -> Option<i64> {
    match (limit.skip.as_deref(), limit.fetch.as_deref()) {
        (
            Some(Expr::Literal(ScalarValue::Int64(Some(skip)), _)),
            None | Some(Expr::Literal(ScalarValue::Int64(None) | ScalarValue::Null, _)),
        ) => Some(*skip).filter(|skip| *skip > 0),
        _ => None,
    }
}

/// The same rows in the same order without the first ones, if they have an order.
fn numbered(plan: &LogicalPlan, skip: i64) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Projection(Projection { expr, input, .. }) => {
            let Some(input) = numbered(input, skip)? else { return Ok(None) };
            let shown = Projection::try_new(expr.clone(), Arc::new(input))?;
            Ok(Some(LogicalPlan::Projection(shown)))
        }
        LogicalPlan::Sort(Sort { expr: order, input, fetch: None }) => {
            let columns: Vec<Expr> =
                input.schema().iter().map(|column| Expr::Column(Column::from(column))).collect();
            let number = row_number().order_by(order.clone()).build()?;
            let name = format!("{SEPARATOR}number");
            let column = Expr::Column(Column::from_name(number.schema_name().to_string()));
            let below = columns.iter().cloned().chain([column.alias(&name)]).collect::<Vec<_>>();
            let later = cast(Expr::Column(Column::from_name(name)), DataType::Int64).gt(lit(skip));
            let plan = LogicalPlanBuilder::from(Arc::clone(input))
                .window(vec![number])?
                .project(below)?
                .filter(later)?
                .project(columns)?
                .sort(order.clone())?;
            Ok(Some(plan.build()?))
        }
        _ => Ok(None),
    }
}

impl AnalyzerRule for Numbered {
    fn name(&self) -> &str {
        "numbered"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let done = plan.transform_up_with_subqueries(|plan| {
            if let LogicalPlan::Limit(limit) = &plan
                && let Some(skip) = skipped(limit)
                && let Some(numbered) = numbered(&limit.input, skip)?
            {
                return Ok(Transformed::yes(numbered));
            }
            Ok(Transformed::no(plan))
        })?;
        Ok(done.data)
    }
}

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// These rules, with ours in place of the one that takes limits down.
pub(super) fn rules(rules: Vec<Rule>) -> Vec<Rule> {
    rules
        .into_iter()
        .map(|rule| match rule.name() {
            "LimitPushdown" => Arc::new(Offsets(rule)) as Rule,
            _ => rule,
        })
        .collect()
}

/// The planner's rule, for one part of a plan after the other.
#[derive(Debug)]
struct Offsets(Rule);

impl PhysicalOptimizerRule for Offsets {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let cut = plan.transform_down(|plan| {
            let offset = plan.as_any().downcast_ref::<GlobalLimitExec>();
            Ok(match offset.filter(|limit| limit.fetch().is_none() && limit.skip() > 0) {
                Some(_) => {
                    let below = Arc::new(Below(plan));
                    Transformed::new(below as Arc<_>, true, TreeNodeRecursion::Jump)
                }
                None => Transformed::no(plan),
            })
        })?;
        let done = self.0.optimize(cut.data, config)?;
        if !cut.transformed {
            return Ok(done);
        }
        let whole = done.transform_up(|plan| {
            let Some(Below(offset)) = plan.as_any().downcast_ref::<Below>() else {
                return Ok(Transformed::no(plan));
            };
            let below =
                offset.children().into_iter().map(|below| self.optimize(Arc::clone(below), config));
            let below = below.collect::<Result<Vec<_>>>()?;
            Ok(Transformed::yes(Arc::clone(offset).with_new_children(below)?))
        })?;
        Ok(whole.data)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

/// An offset, and nothing of what is below it.
#[derive(Debug)]
struct Below(Arc<dyn ExecutionPlan>);

impl DisplayAs for Below {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Below")
    }
}

impl ExecutionPlan for Below {
    fn name(&self) -> &str {
        "Below"
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("a part of a plan was not put back")
    }
}
