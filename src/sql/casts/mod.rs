//! Casts as PostgreSQL does them.
//!
//! The planner's own cut fractions instead of rounding them, write times and binary fractions in another
//! form, and read bytes as texts. After it has settled all types, the rule here puts functions in place of
//! those casts (`numbers`, `texts`, `read`).

mod numbers;
mod read;
mod texts;

use std::any::Any;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable as _, LogicalPlan, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;

use super::error::{SqlError, SqlResult};

/// The rule.
#[derive(Debug)]
pub(super) struct Casts;

/// What carries a cast out.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Conversion {
    /// A number with a fraction to a whole number.
    Whole,
    /// A value to its text.
    Text,
    /// A text to a whole number, a binary fraction, bytes, a date or a time.
    Read,
}

fn conversion(from: &DataType, to: &DataType) -> Option<Conversion> {
    if (from.is_floating() || from.is_decimal()) && to.is_integer() {
        return Some(Conversion::Whole);
    }
    let shown = from.is_floating()
        || matches!(
            from,
            DataType::Timestamp(..)
                | DataType::Time32(_)
                | DataType::Time64(_)
                | DataType::Interval(_)
                | DataType::Duration(_)
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::List(_)
        );
    if shown && to.is_string() {
        return Some(Conversion::Text);
    }
    let read = to.is_integer()
        || to.is_floating()
        || matches!(
            to,
            DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
                | DataType::Date32
                | DataType::Time64(_)
                | DataType::Timestamp(..)
        );
    (from.is_string() && read).then_some(Conversion::Read)
}

fn replaced(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Cast(Cast { expr, data_type }) => {
            let from = expr.get_type(schema)?;
            // It would make an array of one item: the whole text.
            if from.is_string() && data_type.is_nested() {
                return Err(SqlError::unsupported("a text as an array")
                    .with_hint("write ARRAY[…], or string_to_array(…, ',')")
                    .into());
            }
            Ok(match conversion(&from, &data_type) {
                Some(conversion) => Transformed::yes(function(conversion, data_type, *expr)),
                None => Transformed::no(Expr::Cast(Cast { expr, data_type })),
            })
        }
        other => Ok(Transformed::no(other)),
    }
}

fn function(conversion: Conversion, to: DataType, argument: Expr) -> Expr {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::from(Convert { conversion, to, signature }).call(vec![argument])
}

impl AnalyzerRule for Casts {
    fn name(&self) -> &str {
        "casts"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let done = plan.transform_up_with_subqueries(|plan| {
            let mut schema = merge_schema(&plan.inputs());
            if let LogicalPlan::TableScan(scan) = &plan {
                schema.merge(&DFSchema::try_from_qualified_schema(
                    scan.table_name.clone(),
                    &scan.source.schema(),
                )?);
            }
            let names = NamePreserver::new(&plan);
            let done = plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let done = expr.transform_up(|expr| replaced(expr, &schema))?;
                Ok(done.update_data(|expr| name.restore(expr)))
            })?;
            done.map_data(LogicalPlan::recompute_schema)
        })?;
        Ok(done.data)
    }
}

/// A cast to a type.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Convert {
    conversion: Conversion,
    to: DataType,
    signature: Signature,
}

impl Convert {
    fn array(&self, array: &ArrayRef) -> SqlResult<ArrayRef> {
        match self.conversion {
            Conversion::Whole => numbers::whole(array, &self.to),
            Conversion::Text => texts::shown(array, &self.to),
            Conversion::Read => read::read(array, &self.to),
        }
    }
}

impl ScalarUDFImpl for Convert {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        "cast"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        let shown: Vec<String> = args.iter().map(ToString::to_string).collect();
        Ok(format!("CAST({} AS {})", shown.join(", "), self.to))
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(match args.args.into_iter().next() {
            Some(ColumnarValue::Array(array)) => ColumnarValue::Array(self.array(&array)?),
            Some(ColumnarValue::Scalar(scalar)) => {
                let array = self.array(&scalar.to_array()?)?;
                ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
            }
            None => ColumnarValue::Scalar(ScalarValue::try_from(&self.to)?),
        })
    }
}
