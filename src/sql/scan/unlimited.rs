//! A scan of files that takes no limit.
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

/// See the module's text.
#[derive(Debug)]
pub(super) struct Unlimited(Arc<dyn DataSource>);

impl Unlimited {
    pub(super) fn new(inner: impl DataSource + 'static) -> Self {
        Self(Arc::new(inner))
    }

    fn again(inner: Arc<dyn DataSource>) -> Arc<dyn DataSource> {
        Arc::new(Self(inner))
    }
}

impl DataSource for Unlimited {
    fn open(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        self.0.open(partition, context)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn fmt_as(&self, form: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt_as(form, f)
    }

    fn repartitioned(
        &self,
        partitions: usize,
        file_bytes_min: usize,
        order: Option<LexOrdering>,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        Ok(self.0.repartitioned(partitions, file_bytes_min, order)?.map(Self::again))
    }

    fn output_partitioning(&self) -> Partitioning {
        self.0.output_partitioning()
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        self.0.eq_properties()
    }

    fn scheduling_type(&self) -> SchedulingType {
        self.0.scheduling_type()
    }

    fn partition_statistics(&self, partition: Option<usize>) -> Result<Statistics> {
        self.0.partition_statistics(partition)
    }

    fn with_fetch(&self, _: Option<usize>) -> Option<Arc<dyn DataSource>> {
        None
    }

    fn fetch(&self) -> Option<usize> {
        self.0.fetch()
    }

    fn metrics(&self) -> ExecutionPlanMetricsSet {
        self.0.metrics()
    }

    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        Ok(self.0.try_swapping_with_projection(projection)?.map(Self::again))
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn DataSource>>> {
        let mut pushed = self.0.try_pushdown_filters(filters, config)?;
        pushed.updated_node = pushed.updated_node.map(Self::again);
        Ok(pushed)
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
    ) -> Result<SortOrderPushdownResult<Arc<dyn DataSource>>> {
        Ok(self.0.try_pushdown_sort(order)?.map(Self::again))
    }

    fn with_preserve_order(&self, preserve: bool) -> Option<Arc<dyn DataSource>> {
        self.0.with_preserve_order(preserve).map(Self::again)
    }
}
