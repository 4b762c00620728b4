//! What makes the planner one of PostgreSQL's dialect: its operators, functions, rules, in their order.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError, NullEquality, Result, SchemaError};
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::execution::{FunctionRegistry as _, SendableRecordBatchStream};
use datafusion::functions_aggregate::bool_and_or::bool_and_udaf;
use datafusion::functions_aggregate::variance::var_samp_udaf;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawWindowExpr};
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, ScalarUDF};
use datafusion::optimizer::Analyzer;
use datafusion::physical_plan::execute_stream;

use super::error::SqlError;
use super::operators::planner::Operators;
use super::{
    aggregates, arrays, comparisons, domains, empty_texts, extract, extremes, growth, numeric,
    rounding, rules, templates, time_digits, type_of, zones,
};

/// A plan whose types are settled, as they are when it runs.
///
/// # Errors
/// For types that do not go together.
pub(super) fn typed(plan: LogicalPlan) -> Result<LogicalPlan> {
    let analyzer = Analyzer::with_rules(rules::analyzers());
    analyzer.execute_and_check(plan, &ConfigOptions::default(), |_, _| {})
}

/// The rows of a plan, made as they are asked for.
///
/// # Errors
/// What optimising the plan and starting it run into.
pub(super) async fn rows(
    state: SessionState,
    plan: &LogicalPlan,
) -> Result<SendableRecordBatchStream> {
    let plan = optimized(&state, plan).map_err(lost)?;
    let physical = state.query_planner().create_physical_plan(&plan, &state).await.map_err(lost)?;
    execute_stream(physical, state.task_ctx())
}

/// What the planner says when it has lost a column on the way from a query to one around it: all columns were
/// found once before.
fn lost(error: DataFusionError) -> DataFusionError {
    let lost = match error.find_root() {
        DataFusionError::SchemaError(inner, _) => {
            matches!(**inner, SchemaError::FieldNotFound { .. })
        }
        DataFusionError::Plan(text) => text.starts_with("Correlated scalar subquery"),
        _ => false,
    };
    if !lost {
        return error;
    }
    let what = "a query inside of others that refers to them in this way";
    SqlError::unsupported(what).with_hint("write a join in its place").into()
}

/// A plan, optimised. One rule puts inner joins into another order and forgets of a join that nulls are equal
/// for it.
fn optimized(state: &SessionState, plan: &LogicalPlan) -> Result<LogicalPlan> {
    if !nulls_equal(plan)? {
        return state.optimize(plan);
    }
    let rules = state.optimizers().iter();
    let rules = rules.filter(|rule| rule.name() != "eliminate_cross_join").cloned().collect();
    SessionStateBuilder::new_from_existing(state.clone())
        .with_optimizer_rules(rules)
        .build()
        .optimize(plan)
}

fn nulls_equal(plan: &LogicalPlan) -> Result<bool> {
    let mut equal = false;
    plan.apply_with_subqueries(|plan| {
        equal |= matches!(plan, LogicalPlan::Join(join)
            if join.null_equality == NullEquality::NullEqualsNull);
        plan.apply_expressions(|expr| {
            equal |= expr.exists(|expr| {
                Ok(matches!(expr, Expr::BinaryExpr(binary)
                    if binary.op == Operator::IsNotDistinctFrom))
            })?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(equal)
}

/// Registers functions, under names that the planner knows for others or not at all.
pub(super) fn register(state: &mut SessionState) -> Result<()> {
    for function in aggregates::functions().into_iter().chain(extremes::functions()) {
        state.register_udaf(function)?;
    }
    let named = |function: Arc<datafusion::logical_expr::AggregateUDF>, name| {
        Arc::new(function.as_ref().clone().with_aliases([name]))
    };
    state.register_udaf(named(var_samp_udaf(), "variance"))?;
    state.register_udaf(named(bool_and_udaf(), "every"))?;
    for function in [
        templates::functions(),
        growth::functions(),
        domains::functions(),
        empty_texts::functions(),
    ]
    .concat()
    {
        state.register_udf(function)?;
    }
    state.register_udf(extract::date_part())?;
    state.register_udf(zones::timezone())?;
    state.register_udf(arrays::has_null())?;
    state.register_udf(comparisons::octet_length())?;
    state.register_udf(rounding::round())?;
    state.register_udf(numeric::numeric())?;
    state.register_udf(type_of::type_of())?;
    state.register_udf(time_digits::time_digits())?;
    if let Some(remainder) = Operators::new().remainder() {
        state.register_udf(Arc::new(remainder.as_ref().clone().with_aliases(["mod"])))?;
    }
    // Both names of the one that is replaced: functions are registered again by their own names,
    // whatever name found them.
    let remove = datafusion::functions_nested::remove::array_remove_all_udf();
    let remove = remove.as_ref().clone().with_aliases(["array_remove", "list_remove"]);
    state.register_udf(Arc::new(remove))?;
    let replace = datafusion::functions_nested::replace::array_replace_all_udf();
    let replace = replace.as_ref().clone().with_aliases(["array_replace", "list_replace"]);
    state.register_udf(Arc::new(replace))?;
    let ceil = datafusion::functions::math::ceil();
    state.register_udf(Arc::new(ceil.as_ref().clone().with_aliases(["ceiling"])))?;
    let signum = datafusion::functions::math::signum();
    state.register_udf(Arc::new(signum.as_ref().clone().with_aliases(["sign"])))?;
    Ok(())
}

/// Plans what PostgreSQL does in its own way.
#[derive(Debug)]
pub(super) struct Semantics {
    operators: Operators,
    extract: Arc<ScalarUDF>,
}

impl Default for Semantics {
    fn default() -> Self {
        Self { operators: Operators::new(), extract: extract::extract() }
    }
}

impl ExprPlanner for Semantics {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        self.operators.plan_binary_op(expr, schema)
    }

    fn plan_window(&self, expr: RawWindowExpr) -> Result<PlannerResult<RawWindowExpr>> {
        self.operators.plan_window(expr)
    }

    fn plan_extract(&self, args: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(self.extract.call(args)))
    }
}
