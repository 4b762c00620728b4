//! The function that an operator becomes.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, Datum, Scalar, new_null_array};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::{Arithmetic, decimals, floats, integers, times, types};
use crate::sql::error::{SqlError, SqlState};

/// An operator as a function of two arguments.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Operation {
    operator: Arithmetic,
    signature: Signature,
}

/// The function of an operator.
pub(super) fn function(operator: Arithmetic) -> Arc<ScalarUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::from(Operation { operator, signature }))
}

/// The function of each operator.
pub(super) fn functions() -> Vec<(Arithmetic, Arc<ScalarUDF>)> {
    Arithmetic::ALL.into_iter().map(|operator| (operator, function(operator))).collect()
}

impl Operation {
    fn undefined(&self, left: &DataType, right: &DataType) -> SqlError {
        SqlError::new(
            SqlState::UndefinedFunction,
            format!(
                "operator does not exist: {} {} {}",
                types::name(left),
                self.operator.symbol(),
                types::name(right)
            ),
        )
        .with_hint("write the conversion out: CAST(… AS …)")
    }

    fn text(&self, args: &[Expr], one: impl Fn(&Expr) -> String) -> Option<String> {
        let [left, right] = args else { return None };
        Some(format!("{} {} {}", one(left), self.operator.symbol(), one(right)))
    }
}

impl ScalarUDFImpl for Operation {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        self.operator.symbol()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn display_name(&self, args: &[Expr]) -> Result<String> {
        Ok(self.text(args, |arg| format!("{arg}")).unwrap_or_default())
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(self.text(args, |arg| format!("({})", arg.schema_name())).unwrap_or_default())
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let [left, right] = arg_types else {
            return Err(SqlError::syntax("an operator has two operands").into());
        };
        match types::operands(self.operator, left, right) {
            Some((left, right)) => Ok(vec![left, right]),
            None => Err(self.undefined(left, right).into()),
        }
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        let [left, right] = arg_types else {
            return Err(SqlError::syntax("an operator has two operands").into());
        };
        types::result(self.operator, left, right).ok_or_else(|| self.undefined(left, right).into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let wanted = args.return_field.data_type().clone();
        let [left, right] = args.args.as_slice() else {
            return Err(SqlError::syntax("an operator has two operands").into());
        };
        let constant = |value: &ColumnarValue| matches!(value, ColumnarValue::Scalar(_));
        if [left, right]
            .iter()
            .any(|value| matches!(value, ColumnarValue::Scalar(scalar) if scalar.is_null()))
        {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from(&wanted)?));
        }
        let (left_datum, right_datum) = (datum(left)?, datum(right)?);
        let result: ArrayRef = if args.number_rows == 0 && !(constant(left) && constant(right)) {
            new_null_array(&wanted, 0)
        } else {
            apply(self.operator, left_datum.as_ref(), right_datum.as_ref(), &wanted)?
        };
        if constant(left) && constant(right) {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

fn datum(value: &ColumnarValue) -> Result<Box<dyn Datum>> {
    Ok(match value {
        ColumnarValue::Array(array) => Box::new(Arc::clone(array)),
        ColumnarValue::Scalar(scalar) => Box::new(Scalar::new(scalar.to_array()?)),
    })
}

fn apply(
    operator: Arithmetic,
    left: &dyn Datum,
    right: &dyn Datum,
    wanted: &DataType,
) -> Result<ArrayRef> {
    let kind = |datum: &dyn Datum| datum.get().0.data_type().clone();
    let (l, r) = (kind(left), kind(right));
    let result = if l.is_temporal() || r.is_temporal() {
        times::apply(operator, left, right)
    } else if wanted.is_integer() {
        integers::apply(operator, left, right, wanted)
    } else if wanted.is_floating() {
        floats::apply(operator, left, right, wanted)
    } else {
        decimals::apply(operator, left, right, wanted)
    };
    Ok(result?)
}
