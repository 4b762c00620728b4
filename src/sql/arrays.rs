//! What comparisons with the items of an array ask beside the planner's own functions.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, BooleanArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The name of the function that tells whether an array is null or holds one.
pub(super) const HAS_NULL: &str = "array_has_null";

/// The function of that name.
pub(super) fn has_null() -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(HasNull { signature: Signature::any(1, Volatility::Immutable) }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct HasNull {
    signature: Signature,
}

fn unknown(array: &ArrayRef) -> BooleanArray {
    let one = |item: Option<ArrayRef>| Some(item.is_none_or(|items| items.null_count() > 0));
    match array.data_type() {
        DataType::List(_) => array.as_list::<i32>().iter().map(one).collect(),
        DataType::LargeList(_) => array.as_list::<i64>().iter().map(one).collect(),
        DataType::FixedSizeList(..) => array.as_fixed_size_list().iter().map(one).collect(),
        _ => (0..array.len()).map(|row| Some(array.is_null(row))).collect(),
    }
}

impl ScalarUDFImpl for HasNull {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        HAS_NULL
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Ok(match args.args.into_iter().next() {
            Some(ColumnarValue::Array(array)) => ColumnarValue::Array(Arc::new(unknown(&array))),
            Some(ColumnarValue::Scalar(scalar)) => {
                let array = unknown(&scalar.to_array()?);
                ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
            }
            None => ColumnarValue::Scalar(ScalarValue::Boolean(None)),
        })
    }
}
