//! Aggregates over windows that move.

use arrow::array::{Array as _, ArrayRef};
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::Accumulator;

/// An aggregate over a window that moves, which is null where the window holds no value: of the planner's
/// own, an average divides by their number even then, and the least value stays that of before.
#[derive(Debug)]
struct Counted {
    inner: Box<dyn Accumulator>,
    kind: DataType,
    count: usize,
}

pub(in crate::sql) fn counted(inner: Box<dyn Accumulator>, kind: DataType) -> Box<dyn Accumulator> {
    Box::new(Counted { inner, kind, count: 0 })
}

fn known(values: &[ArrayRef]) -> usize {
    values.first().map_or(0, |values| values.len() - values.null_count())
}

impl Accumulator for Counted {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.count += known(values);
        self.inner.update_batch(values)
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.count = self.count.saturating_sub(known(values));
        self.inner.retract_batch(values)
    }

    fn supports_retract_batch(&self) -> bool {
        self.inner.supports_retract_batch()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.inner.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.inner.state()
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.count == 0 { ScalarValue::try_from(&self.kind) } else { self.inner.evaluate() }
    }

    fn size(&self) -> usize {
        self.inner.size()
    }
}
