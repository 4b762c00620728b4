//! Functions of the planner that are evaluated row by row.

use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::async_udf::{AsyncScalarUDF, AsyncScalarUDFImpl};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use futures::future::BoxFuture;

use crate::sql::error::{SqlError, SqlResult, SqlState};

/// The values of one call.
pub(super) type Values<'a> = &'a [ScalarValue];
type Now = dyn Fn(Values<'_>) -> SqlResult<ScalarValue> + Send + Sync;
type Later = dyn Fn(Vec<ScalarValue>) -> BoxFuture<'static, SqlResult<ScalarValue>> + Send + Sync;

/// A function that is evaluated at once.
struct Direct {
    name: &'static str,
    result: DataType,
    signature: Signature,
    body: Box<Now>,
}

/// A function that reads files.
struct Reading {
    name: &'static str,
    result: DataType,
    signature: Signature,
    body: Box<Later>,
}

fn signature(counts: &[usize]) -> Signature {
    let each = counts.iter().map(|count| match count {
        0 => TypeSignature::Nullary,
        count => TypeSignature::Any(*count),
    });
    Signature::one_of(each.collect(), Volatility::Stable)
}

/// A function of so many arguments.
pub(super) fn function(
    name: &'static str,
    counts: &[usize],
    result: DataType,
    body: impl Fn(Values<'_>) -> SqlResult<ScalarValue> + Send + Sync + 'static,
) -> Arc<ScalarUDF> {
    let signature = signature(counts);
    Arc::new(ScalarUDF::from(Direct { name, result, signature, body: Box::new(body) }))
}

/// A function of so many arguments that reads files.
pub(super) fn reading(
    name: &'static str,
    counts: &[usize],
    result: DataType,
    body: impl Fn(Vec<ScalarValue>) -> BoxFuture<'static, SqlResult<ScalarValue>>
    + Send
    + Sync
    + 'static,
) -> Arc<ScalarUDF> {
    let signature = signature(counts);
    let function = Reading { name, result, signature, body: Box::new(body) };
    Arc::new(AsyncScalarUDF::new(Arc::new(function)).into_scalar_udf())
}

/// The values of the calls of a batch, and whether they are all constant.
fn calls(args: &ScalarFunctionArgs) -> Result<(Vec<Vec<ScalarValue>>, bool)> {
    let constant = args.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
    let count = if constant { 1 } else { args.number_rows };
    let row = |at: usize| {
        let value = |value: &ColumnarValue| match value {
            ColumnarValue::Scalar(value) => Ok(value.clone()),
            ColumnarValue::Array(array) => ScalarValue::try_from_array(array, at),
        };
        args.args.iter().map(value).collect::<Result<Vec<_>>>()
    };
    Ok(((0..count).map(row).collect::<Result<_>>()?, constant))
}

fn answer(results: Vec<ScalarValue>, constant: bool, result: &DataType) -> Result<ColumnarValue> {
    if constant && let Some(one) = results.first() {
        return Ok(ColumnarValue::Scalar(one.clone()));
    }
    if results.is_empty() {
        return Ok(ColumnarValue::Array(arrow::array::new_empty_array(result)));
    }
    Ok(ColumnarValue::Array(ScalarValue::iter_to_array(results)?))
}

macro_rules! common {
    ($kind:ident) => {
        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($kind)).field("name", &self.name).finish_non_exhaustive()
            }
        }
        impl PartialEq for $kind {
            fn eq(&self, other: &Self) -> bool {
                self.name == other.name
            }
        }
        impl Eq for $kind {}
        impl Hash for $kind {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.name.hash(state);
            }
        }
    };
}
common!(Direct);
common!(Reading);

impl ScalarUDFImpl for Direct {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.result.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (calls, constant) = calls(&args)?;
        let results = calls.iter().map(|call| (self.body)(call)).collect::<SqlResult<_>>()?;
        answer(results, constant, &self.result)
    }
}

impl ScalarUDFImpl for Reading {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.result.clone())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let message = format!("{}() in this place of a statement", self.name);
        Err(SqlError::unsupported(message).into())
    }
}

#[async_trait]
impl AsyncScalarUDFImpl for Reading {
    async fn invoke_async_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let (calls, constant) = calls(&args)?;
        let mut results = Vec::with_capacity(calls.len());
        for call in calls {
            results.push((self.body)(call).await?);
        }
        match answer(results, constant, &self.result)? {
            ColumnarValue::Scalar(one) => Ok(ColumnarValue::Array(one.to_array_of_size(rows)?)),
            array @ ColumnarValue::Array(_) => Ok(array),
        }
    }
}

/// A text.
pub(super) fn text(value: impl Into<String>) -> ScalarValue {
    ScalarValue::Utf8(Some(value.into()))
}

/// A text argument; `None` for NULL and for what is no text.
pub(super) fn text_at(values: Values<'_>, at: usize) -> Option<&str> {
    values.get(at).and_then(|value| value.try_as_str().flatten())
}

/// An integer argument, also one that is written as text; `None` for NULL.
///
/// # Errors
/// `InvalidParameterValue` for something else.
pub(super) fn number_at(values: Values<'_>, at: usize) -> SqlResult<Option<i64>> {
    let Some(value) = values.get(at).filter(|value| !value.is_null()) else { return Ok(None) };
    let wrong =
        || SqlError::new(SqlState::InvalidParameterValue, format!("{value} is not an integer"));
    if let Some(text) = value.try_as_str().flatten() {
        return text.trim().parse().map(Some).map_err(|_| wrong());
    }
    match value.cast_to(&DataType::Int64) {
        Ok(ScalarValue::Int64(number)) => Ok(number),
        _ => Err(wrong()),
    }
}
