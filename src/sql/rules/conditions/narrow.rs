//! An expression over those columns of a batch that it reads.

use std::sync::Arc;

use arrow::array::BooleanArray;
use arrow::compute::filter_record_batch;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::utils::collect_columns;

/// See the module's text.
#[derive(Debug)]
pub(super) struct Narrow {
    columns: Vec<usize>,
    /// The expression for a batch of these columns alone.
    expr: Arc<dyn PhysicalExpr>,
}

impl Narrow {
    pub(super) fn new(expr: &Arc<dyn PhysicalExpr>) -> Self {
        let mut columns: Vec<usize> = collect_columns(expr).iter().map(Column::index).collect();
        columns.sort_unstable();
        columns.dedup();
        let place = |part: Arc<dyn PhysicalExpr>| {
            let Some(column) = part.as_any().downcast_ref::<Column>() else {
                return Ok(Transformed::no(part));
            };
            match columns.binary_search(&column.index()) {
                Ok(at) => Ok(Transformed::yes(
                    Arc::new(Column::new(column.name(), at)) as Arc<dyn PhysicalExpr>
                )),
                Err(_) => Ok(Transformed::no(part)),
            }
        };
        match Arc::clone(expr).transform(place) {
            Ok(narrow) => Self { columns, expr: narrow.data },
            Err(_) => Self { columns: Vec::new(), expr: Arc::clone(expr) },
        }
    }

    /// Its values in the selected rows; what it says of others has no meaning.
    ///
    /// # Errors
    /// What the expression ends in for a selected row.
    pub(super) fn evaluate(
        &self,
        batch: &RecordBatch,
        selected: &BooleanArray,
    ) -> Result<ColumnarValue> {
        self.expr.evaluate_selection(&batch.project(&self.columns)?, selected)
    }

    /// Its values for the selected rows and no other, one after the other.
    ///
    /// # Errors
    /// What the expression ends in for a selected row.
    pub(super) fn of(&self, batch: &RecordBatch, selected: &BooleanArray) -> Result<ColumnarValue> {
        self.expr.evaluate(&filter_record_batch(&batch.project(&self.columns)?, selected)?)
    }
}
