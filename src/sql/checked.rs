//! Functions of the planner's that are called once their arguments have been looked at.

use std::any::Any;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use super::domains::Domain;
use super::empty_texts::Empty;
use super::growth::Growth;

/// What is looked at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Check {
    /// How large the results become.
    Growth(Growth),
    /// Whether the function has a value there.
    Domain(Domain),
    /// Whether a text is empty.
    Empty(Empty),
}

/// The same function behind a check.
pub(super) fn checked(inner: Arc<ScalarUDF>, check: Check) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::from(Checked { inner, check }))
}

/// A function that looks at its arguments first.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    inner: Arc<ScalarUDF>,
    check: Check,
}

impl ScalarUDFImpl for Checked {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arg_types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arg_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, arg_types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arg_types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let Check::Empty(empty) = self.check {
            return empty.call(&self.inner, args);
        }
        // Constants are reckoned once.
        let constant = |arg: &ColumnarValue| matches!(arg, ColumnarValue::Scalar(_));
        let rows = if args.args.iter().all(constant) { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<_>>>()?;
        match self.check {
            Check::Growth(growth) => growth.check(self.name(), &arrays)?,
            Check::Domain(domain) => domain.check(&arrays)?,
            Check::Empty(_) => {}
        }
        self.inner.invoke_with_args(args)
    }
}
