//! Comparisons as PostgreSQL does them: a text written out takes the type of what it is compared with, a
//! column of texts is not compared with numbers, and a month is thirty days.
//!
//! The planner would compare numbers and texts as texts, where `9 > 10`.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Decimal128Array};
use arrow::datatypes::{DataType, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{InList, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Between, BinaryExpr, Case, ColumnarValue, Expr, ExprSchemable as _, LogicalPlan,
    ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, cast,
};
use datafusion::optimizer::AnalyzerRule;

use super::error::{SqlError, SqlResult, SqlState};
use super::operators::type_name;

/// The rule.
#[derive(Debug)]
pub(super) struct Comparisons {
    length: Arc<ScalarUDF>,
}

impl Comparisons {
    pub(super) fn new() -> Self {
        let signature = Signature::any(1, Volatility::Immutable);
        Self { length: Arc::new(ScalarUDF::from(Length { signature })) }
    }

    fn expr(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        Ok(match expr {
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
                if let (Some(item), Ok(kind)) = (item, expr.get_type(schema))
                    && !matches!(*expr, Expr::Literal(..))
                {
                    comparable(&kind, item.data_type(), "=")?;
                }
                Transformed::no(Expr::InSubquery(InSubquery { expr, subquery, negated }))
            }
            Expr::Case(Case { expr: Some(expr), when_then_expr, else_expr }) => {
                let arms = when_then_expr
                    .into_iter()
                    .map(|(when, then)| {
                        let when = self.pair(*expr.clone(), *when, schema, "=")?.1;
                        Ok((Box::new(when), then))
                    })
                    .collect::<Result<Vec<_>>>()?;
                Transformed::yes(Expr::Case(Case::new(Some(expr), arms, else_expr)))
            }
            other => Transformed::no(other),
        })
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
    let text =
        |kind: &DataType| matches!(kind, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    let apart = (text(left) && takes(right))
        || (takes(left) && text(right))
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
            plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let done = expr.transform_up(|expr| self.expr(expr, &schema))?;
                Ok(done.update_data(|expr| name.restore(expr)))
            })
        })?;
        Ok(done.data)
    }
}

/// How long an interval is in microseconds, months of thirty days: what intervals are ordered by.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Length {
    signature: Signature,
}

impl ScalarUDFImpl for Length {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        "interval_length"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Decimal128(38, 0))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let lengths: Decimal128Array = arrays
            .iter()
            .flat_map(|array| array.as_primitive::<IntervalMonthDayNanoType>().iter())
            .map(|interval| {
                interval.map(|interval| {
                    let days = i128::from(interval.months) * 30 + i128::from(interval.days);
                    days * 86_400_000_000 + i128::from(interval.nanoseconds / 1000)
                })
            })
            .collect();
        let lengths: ArrayRef = Arc::new(lengths.with_precision_and_scale(38, 0)?);
        if lengths.len() == 1 && rows != 1 {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&lengths, 0)?));
        }
        Ok(ColumnarValue::Array(lengths))
    }
}
