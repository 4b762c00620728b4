//! `replace` and `string_to_array` of an empty text: nothing is in no place, and no item is an empty array.
//! The planner's own find it between all letters, and one item.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Scalar, StringArray};
use arrow::compute::kernels::cmp::eq;
use arrow::compute::kernels::zip::zip;
use arrow::compute::{and, cast, is_not_null};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::checked::{Check, checked};

/// Which argument may be empty, and what the result is then.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Empty {
    /// The text that is looked for: the text stays as it is.
    Place,
    /// The text that is taken apart: an array without items.
    Text,
}

/// The functions, in place of the planner's own.
pub(super) fn functions() -> Vec<Arc<ScalarUDF>> {
    vec![
        checked(datafusion::functions::string::replace(), Check::Empty(Empty::Place)),
        checked(
            datafusion::functions_nested::string::string_to_array_udf(),
            Check::Empty(Empty::Text),
        ),
    ]
}

impl Empty {
    /// Calls the planner's function, and mends its results.
    ///
    /// # Errors
    /// What the function ends in.
    pub(super) fn call(self, inner: &ScalarUDF, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = |arg: &ColumnarValue| matches!(arg, ColumnarValue::Scalar(_));
        let all_constant = args.args.iter().all(constant);
        let rows = if all_constant { 1 } else { args.number_rows };
        let at = usize::from(self == Self::Place);
        let (Some(text), Some(own)) = (args.args.first(), args.args.get(at)) else {
            return inner.invoke_with_args(args);
        };
        if let ColumnarValue::Scalar(own) = own
            && own.try_as_str().flatten() != Some("")
        {
            return inner.invoke_with_args(args);
        }
        let own = cast(&own.to_array(rows)?, &DataType::Utf8)?;
        let empty = eq(&own, &Scalar::new(StringArray::from(vec![""])))?;
        if empty.true_count() == 0 {
            return inner.invoke_with_args(args);
        }
        let text = text.to_array(rows)?;
        let result = inner.invoke_with_args(args)?.into_array(rows)?;
        // An argument that is null makes the result null all the same.
        let mended = and(&empty, &is_not_null(&result)?)?;
        let result: ArrayRef = match self {
            Self::Place => zip(&mended, &cast(&text, result.data_type())?, &result)?,
            Self::Text => {
                let item = match result.data_type() {
                    DataType::List(item) => item.data_type().clone(),
                    _ => DataType::Utf8,
                };
                let nothing: ArrayRef = ScalarValue::new_list_nullable(&[], &item);
                let nothing = cast(&nothing, result.data_type())?;
                zip(&mended, &Scalar::new(nothing), &result)?
            }
        };
        if all_constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}
