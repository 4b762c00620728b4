//! Comparisons as PostgreSQL does them: a text written out takes the type of what it is compared with, a
//! column of texts is not compared with numbers, and a month is thirty days.
//!
//! The planner would compare numbers and texts as texts, where `9 > 10`.

mod calls;
mod measure;
mod not_in;

use std::sync::Arc;

use arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{Column, DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{InList, InSubquery, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Case, Cast, Expr, ExprSchemable as _, LogicalPlan, LogicalPlanBuilder,
    Operator, ScalarUDF, Subquery, Union, Values, cast,
};
use datafusion::optimizer::AnalyzerRule;

use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::operators::type_name;

pub(super) use self::measure::octet_length;
use self::measure::{Of, measure};
use self::not_in::conditions;

/// The rule.
#[derive(Debug)]
pub(super) struct Comparisons {
    length: Arc<ScalarUDF>,
    size: Arc<ScalarUDF>,
    minus: Arc<ScalarUDF>,
}

impl Comparisons {
    pub(super) fn new() -> Self {
        Self {
            length: measure(Of::Interval),
            size: measure(Of::Bytes),
            minus: crate::sql::operators::minus(),
        }
    }

    fn expr(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        Ok(match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right })
                if [&left, &right]
                    .iter()
                    .any(|side| side.get_type(schema).is_ok_and(|kind| bytes(&kind))) =>
            {
                return Err(SqlError::unsupported("|| of bytea").into());
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if op.supports_propagation() => {
                let (left, right) = self.pair(*left, *right, schema, &op.to_string())?;
                Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(
                    Box::new(left),
                    op,
                    Box::new(right),
                )))
            }
            Expr::Between(Between { expr, negated, low, high }) => {
                let (one, low) = self.pair(*expr.clone(), *low, schema, ">=")?;
                let (_, high) = self.pair(*expr, *high, schema, "<=")?;
                let (low, high) = (Box::new(low), Box::new(high));
                Transformed::yes(Expr::Between(Between::new(Box::new(one), negated, low, high)))
            }
            Expr::InList(InList { expr, list, negated }) => {
                let list = list
                    .into_iter()
                    .map(|item| Ok(self.pair(*expr.clone(), item, schema, "=")?.1))
                    .collect::<Result<Vec<_>>>()?;
                Transformed::yes(Expr::InList(InList::new(expr, list, negated)))
            }
            Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                let item = subquery.subquery.schema().fields().first();
                let kinds =
                    item.map(|item| item.data_type().clone()).zip(expr.get_type(schema).ok());
                let Some((item, kind)) = kinds else {
                    return Ok(Transformed::no(Expr::InSubquery(InSubquery {
                        expr,
                        subquery,
                        negated,
                    })));
                };
                if !matches!(*expr, Expr::Literal(..)) {
                    comparable(&kind, &item, "=")?;
                }
                if !mixed([&item, &kind]) {
                    return Ok(Transformed::no(Expr::InSubquery(InSubquery {
                        expr,
                        subquery,
                        negated,
                    })));
                }
                let plan = doubled_columns(Arc::unwrap_or_clone(subquery.subquery), &[true])?;
                let subquery = Subquery { subquery: Arc::new(plan), ..subquery };
                let expr = Box::new(doubled(*expr, &kind));
                Transformed::yes(Expr::InSubquery(InSubquery { expr, subquery, negated }))
            }
            Expr::Case(case) => Transformed::yes(self.case(case, schema)?),
            // A zero without a sign; see the operators.
            Expr::Negative(expr) if expr.get_type(schema).is_ok_and(|kind| kind.is_floating()) => {
                let kind = expr.get_type(schema)?;
                let zero = Expr::Literal(ScalarValue::new_zero(&kind)?, None);
                Transformed::yes(self.minus.call(vec![zero, *expr]))
            }
            Expr::ScalarFunction(function) => self.function(function, schema)?,
            // The planner's own takes rows for which the condition is unknown.
            Expr::AggregateFunction(mut function) => {
                let filter = function.params.filter.take();
                function.params.filter = filter.map(|filter| match *filter {
                    Expr::IsTrue(_) => filter,
                    other => Box::new(Expr::IsTrue(Box::new(other))),
                });
                Transformed::yes(Expr::AggregateFunction(function))
            }
            other => Transformed::no(other),
        })
    }

    fn case(&self, case: Case, schema: &DFSchema) -> Result<Expr> {
        let Case { expr, when_then_expr, else_expr } = case;
        let (whens, thens): (Vec<_>, Vec<_>) =
            when_then_expr.into_iter().map(|(when, then)| (*when, *then)).unzip();
        let whens = whens
            .into_iter()
            .map(|when| match &expr {
                Some(expr) => Ok(self.pair(*expr.clone(), when, schema, "=")?.1),
                None => Ok(when),
            })
            .collect::<Result<Vec<_>>>()?;
        let ends = else_expr.is_some();
        let all = thens.into_iter().chain(else_expr.map(|expr| *expr)).collect();
        let mut all = alternatives(all, schema, "CASE")?;
        let last = if ends { all.pop().map(Box::new) } else { None };
        let arms = whens.into_iter().zip(all).map(|(w, t)| (Box::new(w), Box::new(t))).collect();
        Ok(Expr::Case(Case::new(expr, arms, last)))
    }

    fn function(&self, function: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
        let ScalarFunction { func, args } = function;
        let name = func.name().to_owned();
        if matches!(name.as_str(), "coalesce" | "greatest" | "least" | "nullif") {
            let args = alternatives(args, schema, &name)?;
            return Ok(Transformed::yes(Expr::ScalarFunction(ScalarFunction { func, args })));
        }
        if args.iter().any(|arg| arg.get_type(schema).is_ok_and(|kind| bytes(&kind))) {
            if name == "character_length" {
                return Ok(Transformed::yes(self.size.call(args)));
            }
            if OF_TEXTS.contains(&name.as_str()) {
                return Err(SqlError::unsupported(format_args!("{name}() of bytea")).into());
            }
        }
        calls::call(ScalarFunction { func, args }, schema)
    }

    /// Two expressions that are compared.
    fn pair(
        &self,
        left: Expr,
        right: Expr,
        schema: &DFSchema,
        operator: &str,
    ) -> Result<(Expr, Expr)> {
        let (Ok(l), Ok(r)) = (left.get_type(schema), right.get_type(schema)) else {
            return Ok((left, right));
        };
        if mixed([&l, &r]) {
            return Ok((doubled(left, &l), doubled(right, &r)));
        }
        let interval =
            |kind: &DataType| matches!(kind, DataType::Interval(_) | DataType::Duration(_));
        if interval(&l) && interval(&r) {
            let length = |expr: Expr| {
                let unit = DataType::Interval(IntervalUnit::MonthDayNano);
                self.length.call(vec![cast(expr, unit)])
            };
            return Ok((length(left), length(right)));
        }
        Ok(match (written(&left), written(&right)) {
            (true, false) if takes(&r) => (cast(left, r), right),
            (false, true) if takes(&l) => (left, cast(right, l)),
            (false, false) => {
                comparable(&l, &r, operator)?;
                (left, right)
            }
            _ => (left, right),
        })
    }
}

/// Whether there are binary fractions and exact numbers, for which PostgreSQL takes binary ones.
fn mixed<'a>(kinds: impl IntoIterator<Item = &'a DataType>) -> bool {
    let (mut floating, mut exact) = (false, false);
    for kind in kinds {
        floating |= kind.is_floating();
        exact |= kind.is_decimal();
    }
    floating && exact
}

fn doubled(expr: Expr, kind: &DataType) -> Expr {
    if kind.is_decimal() || kind.is_floating() && *kind != DataType::Float64 {
        cast(expr, DataType::Float64)
    } else {
        expr
    }
}

/// Values of which one is taken, exact numbers as binary fractions if there are such.
fn alternatives(exprs: Vec<Expr>, schema: &DFSchema, what: &str) -> SqlResult<Vec<Expr>> {
    let kinds: Vec<DataType> =
        exprs.iter().map(|expr| expr.get_type(schema).unwrap_or(DataType::Null)).collect();
    let other = kinds.iter().find(|kind| takes(kind)).cloned();
    let doubles = mixed(&kinds);
    exprs
        .into_iter()
        .zip(&kinds)
        .map(|(expr, kind)| match &other {
            Some(other) if kind.is_string() && written(&expr) => Ok(cast(expr, other.clone())),
            Some(other) if kind.is_string() => Err(mismatch(what, other, kind)),
            _ if doubles => Ok(doubled(expr, kind)),
            _ => Ok(expr),
        })
        .collect()
}

fn mismatch(what: &str, one: &DataType, other: &DataType) -> SqlError {
    let (one, other) = (type_name(one), type_name(other));
    SqlError::new(
        SqlState::DatatypeMismatch,
        format!("{what} types {one} and {other} cannot be matched"),
    )
    .with_hint("write the conversion out: CAST(… AS …)")
}

fn bytes(kind: &DataType) -> bool {
    matches!(kind, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
}

/// Functions of texts that the planner would give the digits of bytes.
const OF_TEXTS: [&str; 28] = [
    "ascii",
    "bit_length",
    "btrim",
    "concat",
    "concat_ws",
    "initcap",
    "left",
    "lower",
    "lpad",
    "ltrim",
    "overlay",
    "regexp_count",
    "regexp_like",
    "regexp_match",
    "regexp_replace",
    "repeat",
    "replace",
    "reverse",
    "right",
    "rpad",
    "rtrim",
    "split_part",
    "starts_with",
    "strpos",
    "substr",
    "translate",
    "upper",
    "to_char",
];

/// Whether both sides of a plan's columns are binary fractions and exact numbers.
fn doubled_columns(plan: LogicalPlan, wanted: &[bool]) -> Result<LogicalPlan> {
    let exprs: Vec<Expr> = plan
        .schema()
        .iter()
        .zip(wanted)
        .map(|((qualifier, field), wanted)| {
            let column = Expr::Column(Column::from((qualifier, field)));
            if *wanted && *field.data_type() != DataType::Float64 {
                return cast(column, DataType::Float64)
                    .alias_qualified(qualifier.cloned(), field.name());
            }
            column
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(exprs)?.build()
}

/// The queries of a union with the same kind of numbers in each column.
fn union(union: Union) -> Result<LogicalPlan> {
    let columns = union.inputs.first().map_or(0, |input| input.schema().fields().len());
    let wanted: Vec<bool> = (0..columns)
        .map(|at| {
            let column = |input: &Arc<LogicalPlan>| {
                let field = input.schema().fields().get(at);
                field.map_or(DataType::Null, |field| field.data_type().clone())
            };
            let kinds: Vec<DataType> = union.inputs.iter().map(column).collect();
            let texts = kinds.iter().find(|kind| kind.is_string());
            match (texts, kinds.iter().find(|kind| takes(kind))) {
                (Some(one), Some(other)) => Err(mismatch("UNION", one, other).into()),
                _ => Ok(mixed(&kinds)),
            }
        })
        .collect::<Result<_>>()?;
    if !wanted.contains(&true) {
        return Ok(LogicalPlan::Union(union));
    }
    let inputs = union
        .inputs
        .into_iter()
        .map(|input| doubled_columns(Arc::unwrap_or_clone(input), &wanted).map(Arc::new))
        .collect::<Result<_>>()?;
    Ok(LogicalPlan::Union(Union { inputs, schema: union.schema }))
}

/// The planner has made exact numbers of binary fractions that stand beside such in `VALUES`.
fn values(values: &Values) -> Result<()> {
    let exact = |expr: &Expr| {
        matches!(expr, Expr::Cast(Cast { expr, data_type }) if data_type.is_decimal()
            && expr.get_type(&DFSchema::empty()).is_ok_and(|kind| kind.is_floating()))
    };
    if values.values.iter().flatten().any(exact) {
        let what = "VALUES with numeric and double precision in one column";
        return Err(SqlError::unsupported(what)
            .with_hint("write the conversion out: CAST(… AS …)")
            .into());
    }
    Ok(())
}

/// Whether an expression is a text written out, whose type is open in PostgreSQL.
fn written(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Utf8(Some(_)), _))
}

/// Whether a type is one that a text written out is read as.
fn takes(kind: &DataType) -> bool {
    kind.is_numeric()
        || kind.is_temporal()
        || matches!(
            kind,
            DataType::Boolean | DataType::Binary | DataType::LargeBinary | DataType::BinaryView
        )
}

fn comparable(left: &DataType, right: &DataType, operator: &str) -> SqlResult<()> {
    let apart = (left.is_string() && takes(right))
        || (takes(left) && right.is_string())
        || (left.is_numeric() && (right.is_temporal() || *right == DataType::Boolean))
        || (right.is_numeric() && (left.is_temporal() || *left == DataType::Boolean));
    if !apart {
        return Ok(());
    }
    Err(SqlError::new(
        SqlState::UndefinedFunction,
        format!("operator does not exist: {} {operator} {}", type_name(left), type_name(right)),
    )
    .with_hint("write the conversion out: CAST(… AS …)"))
}

impl AnalyzerRule for Comparisons {
    fn name(&self) -> &str {
        "comparisons"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let done = plan.transform_up_with_subqueries(|plan| {
            let schema = merge_schema(&plan.inputs());
            let names = NamePreserver::new(&plan);
            let done = plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let done = expr.transform_up(|expr| self.expr(expr, &schema))?;
                Ok(done.update_data(|expr| name.restore(expr)))
            })?;
            done.map_data(|plan| match plan {
                LogicalPlan::Filter(mut filter) => {
                    filter.predicate = conditions(filter.predicate, &schema)?;
                    Ok(LogicalPlan::Filter(filter))
                }
                LogicalPlan::Union(inner) => union(inner),
                LogicalPlan::Values(inner) => {
                    values(&inner)?;
                    Ok(LogicalPlan::Values(inner))
                }
                LogicalPlan::Join(mut join) => {
                    let pairs = join.on.into_iter();
                    join.on = pairs
                        .map(|(left, right)| self.pair(left, right, &schema, "="))
                        .collect::<Result<_>>()?;
                    Ok(LogicalPlan::Join(join))
                }
                other => other.recompute_schema(),
            })
        })?;
        Ok(done.data)
    }
}
