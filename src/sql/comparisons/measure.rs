//! Functions that measure what values are compared by: intervals, and texts and bytes.

use std::any::Any;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Decimal128Array};
use arrow::compute::kernels::length::length;
use arrow::datatypes::{DataType, IntervalMonthDayNanoType};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::sql::operators::undefined_function;

pub(super) fn measure(of: Of) -> Arc<ScalarUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(ScalarUDF::from(Length { of, signature }))
}

/// `octet_length`, of texts and of bytes.
pub(in crate::sql) fn octet_length() -> Arc<ScalarUDF> {
    measure(Of::Bytes)
}

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Of {
    /// How long an interval is in microseconds, months of thirty days: what intervals are ordered by.
    Interval,
    /// How many bytes there are.
    Bytes,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Length {
    of: Of,
    signature: Signature,
}

impl Length {
    fn measure(&self, array: &ArrayRef) -> Result<ArrayRef> {
        if self.of == Of::Bytes {
            let lengths = length(array)?;
            return Ok(arrow::compute::cast(&lengths, &DataType::Int32)?);
        }
        let lengths: Decimal128Array = array
            .as_primitive::<IntervalMonthDayNanoType>()
            .iter()
            .map(|interval| {
                interval.map(|interval| {
                    let days = i128::from(interval.months) * 30 + i128::from(interval.days);
                    days * 86_400_000_000 + i128::from(interval.nanoseconds / 1000)
                })
            })
            .collect();
        Ok(Arc::new(lengths.with_precision_and_scale(38, 0)?))
    }
}

impl ScalarUDFImpl for Length {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        match self.of {
            Of::Interval => "interval_length",
            Of::Bytes => "octet_length",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        let undefined = || undefined_function(self.name(), arg_types);
        let [one] = arg_types else { return Err(undefined().into()) };
        Ok(vec![match (self.of, one) {
            (Of::Interval, _) => one.clone(),
            (Of::Bytes, DataType::Binary | DataType::LargeBinary) => one.clone(),
            (Of::Bytes, DataType::BinaryView) => DataType::Binary,
            (Of::Bytes, kind) if kind.is_string() || *kind == DataType::Null => DataType::Utf8,
            _ => return Err(undefined().into()),
        }])
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(match self.of {
            Of::Interval => DataType::Decimal128(38, 0),
            Of::Bytes => DataType::Int32,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let wanted = args.return_type().clone();
        Ok(match args.args.into_iter().next() {
            Some(ColumnarValue::Array(array)) => ColumnarValue::Array(self.measure(&array)?),
            Some(ColumnarValue::Scalar(scalar)) => {
                let lengths = self.measure(&scalar.to_array()?)?;
                ColumnarValue::Scalar(ScalarValue::try_from_array(&lengths, 0)?)
            }
            None => ColumnarValue::Scalar(ScalarValue::try_from(&wanted)?),
        })
    }
}
