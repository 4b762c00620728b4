//! `left AND right` and `left OR right` where the right side can fail.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _, BooleanArray};
use arrow::compute::{and_kleene, or_kleene};
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;

use super::narrow::Narrow;

/// `left AND right` or `left OR right`.
#[derive(Debug)]
pub(super) struct Guarded {
    /// AND, else OR.
    both: bool,
    left: Arc<dyn PhysicalExpr>,
    right: Arc<dyn PhysicalExpr>,
    narrow: Narrow,
}

impl Guarded {
    pub(super) fn new(
        both: bool,
        left: Arc<dyn PhysicalExpr>,
        right: Arc<dyn PhysicalExpr>,
    ) -> Self {
        let narrow = Narrow::new(&right);
        Self { both, left, right, narrow }
    }

    const fn operator(&self) -> &'static str {
        if self.both { "AND" } else { "OR" }
    }
}

impl PhysicalExpr for Guarded {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    fn data_type(&self, _schema: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, schema: &Schema) -> Result<bool> {
        Ok(self.left.nullable(schema)? || self.right.nullable(schema)?)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let rows = batch.num_rows();
        let left = self.left.evaluate(batch)?.into_array(rows)?;
        let left = left.as_boolean();
        let mut open = if self.both { left.values().clone() } else { !left.values() };
        if let Some(nulls) = left.nulls() {
            open = &open | &!nulls.inner();
        }
        let open = BooleanArray::new(open, None);
        if open.true_count() == 0 {
            return Ok(ColumnarValue::Array(Arc::new(left.clone())));
        }
        let right = self.narrow.evaluate(batch, &open)?.into_array(rows)?;
        let right = right.as_boolean();
        let result = if self.both { and_kleene(left, right) } else { or_kleene(left, right) };
        Ok(ColumnarValue::Array(Arc::new(result?)))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.left, &self.right]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match <[_; 2]>::try_from(children) {
            Ok([left, right]) => Ok(Arc::new(Self::new(self.both, left, right))),
            Err(_) => datafusion::common::internal_err!("a condition has two sides"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.left.fmt_sql(f)?;
        write!(f, " {} ", self.operator())?;
        self.right.fmt_sql(f)
    }
}

impl fmt::Display for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.left, self.operator(), self.right)
    }
}

impl PartialEq for Guarded {
    fn eq(&self, other: &Self) -> bool {
        self.both == other.both && self.left.eq(&other.left) && self.right.eq(&other.right)
    }
}

impl Eq for Guarded {}

impl Hash for Guarded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.both.hash(state);
        self.left.hash(state);
        self.right.hash(state);
    }
}
