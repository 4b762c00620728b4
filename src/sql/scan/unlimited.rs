//! A scan of files that takes no limit, and leaves out rows that a join or a sort above it has no use for.
//!
//! DataFusion's Parquet reader leaves out row groups once those before hold as many rows as a limit asks
//! for and its filter matches all of them by their bounds. It counts rows that are null or deleted for
//! that, and forgets which rows of a row group were deleted. So limits stay above the scan; all else is
//! passed on.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::common::Statistics;
use datafusion::config::ConfigOptions;
use datafusion::datasource::source::DataSource;
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};

use super::sifted::{learns, sifted};

/// See the module's text.
#[derive(Debug)]
pub(super) struct Unlimited {
    inner: Arc<dyn DataSource>,
    /// Filters of its own columns that learn while the query runs.
    learning: Vec<Arc<dyn PhysicalExpr>>,
}

impl Unlimited {
    pub(super) fn new(inner: impl DataSource + 'static) -> Self {
        Self { inner: Arc::new(inner), learning: Vec::new() }
    }

    fn again(&self, inner: Arc<dyn DataSource>) -> Arc<dyn DataSource> {
        Arc::new(Self { inner, learning: self.learning.clone() })
    }
}

impl DataSource for Unlimited {
    fn open(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let rows = self.inner.open(partition, context)?;
        Ok(if self.learning.is_empty() { rows } else { sifted(rows, &self.learning) })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_as(form, f)
    }

    fn repartitioned(
        &self,
        partitions: usize,
        file_bytes_min: usize,
        order: Option<LexOrdering>,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        Ok(self
            .inner
            .repartitioned(partitions, file_bytes_min, order)?
            .map(|inner| self.again(inner)))
    }

    fn output_partitioning(&self) -> Partitioning {
        self.inner.output_partitioning()
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        self.inner.eq_properties()
    }

    fn scheduling_type(&self) -> SchedulingType {
        self.inner.scheduling_type()
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Statistics> {
        self.inner.partition_statistics(partition)
    }

    fn with_fetch(&self, _: Option<usize>) -> Option<Arc<dyn DataSource>> {
        None
    }

    fn fetch(&self) -> Option<usize> {
        self.inner.fetch()
    }

    fn metrics(&self) -> ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        // Its filters are about the columns that it has now.
        if !self.learning.is_empty() {
            return Ok(None);
        }
        Ok(self.inner.try_swapping_with_projection(projection)?.map(|inner| self.again(inner)))
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn DataSource>>> {
        let schema = Arc::clone(self.eq_properties().schema());
        let mut learning = self.learning.clone();
        for filter in &filters {
            if learns(filter, &schema)? {
                learning.push(Arc::clone(filter));
            }
        }
        let mut pushed = self.inner.try_pushdown_filters(filters, config)?;
        if learning.len() > self.learning.len() || pushed.updated_node.is_some() {
            let inner = pushed.updated_node.unwrap_or_else(|| Arc::clone(&self.inner));
            pushed.updated_node = Some(Arc::new(Self { inner, learning }));
        }
        Ok(pushed)
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
    ) -> Result<SortOrderPushdownResult<Arc<dyn DataSource>>> {
        Ok(self.inner.try_pushdown_sort(order)?.map(|inner| self.again(inner)))
    }

    fn with_preserve_order(&self, preserve: bool) -> Option<Arc<dyn DataSource>> {
        self.inner.with_preserve_order(preserve).map(|inner| self.again(inner))
    }
}
