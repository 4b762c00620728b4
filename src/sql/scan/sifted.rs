//! Rows that nobody above a scan will want are left out as they are read.
//!
//! A join learns the keys of its other side, a sort with a limit which rows come too late. They tell the scan
//! while the query runs, and pass over what it lets through all the same. So a filter that leaves out little
//! rests for a while: to ask it costs more than it saves.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use arrow::array::{Array as _, AsArray as _, BooleanArray};
use arrow::compute::{BatchCoalescer, filter_record_batch, prep_null_mask_filter};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, ScalarValue};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::logical_expr::{ColumnarValue, Operator};
use datafusion::physical_expr::expressions::{BinaryExpr, CaseExpr, DynamicFilterPhysicalExpr};
use datafusion::physical_expr::{PhysicalExpr, split_conjunction};
use futures::{Stream, StreamExt as _};

use crate::base::limits::SQL_BATCH_ROWS;
use crate::sql::rules::conditions::every::Every;
use crate::sql::rules::conditions::fallible;

/// Batches by which is judged whether a filter is worth its while.
const TRIAL: usize = 8;
/// Batches that pass unasked after a filter that was not.
const REST: usize = 56;
/// Tables of keys of which each is asked for every row.
const FEW_TABLES: usize = 4;

/// Whether a filter is one that learns, and can be asked for rows that conditions in between leave out.
///
/// # Errors
/// For a filter that does not go with the schema.
pub(super) fn learns(filter: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<bool> {
    let Some(dynamic) = filter.as_any().downcast_ref::<DynamicFilterPhysicalExpr>() else {
        return Ok(false);
    };
    for key in dynamic.children() {
        if fallible(key, schema)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A stream's rows without those that filters leave out.
///
/// # Errors
/// A batch is the error that a filter ended in.
pub(super) fn sifted(
    rows: SendableRecordBatchStream,
    filters: &[Arc<dyn PhysicalExpr>],
) -> SendableRecordBatchStream {
    let filters = filters.iter().map(|filter| Sieve::new(Arc::clone(filter))).collect();
    let whole = BatchCoalescer::new(rows.schema(), SQL_BATCH_ROWS)
        .with_biggest_coalesce_batch_size(Some(SQL_BATCH_ROWS / 2));
    Box::pin(Sifted { rows, filters, whole, ended: false })
}

struct Sifted {
    rows: SendableRecordBatchStream,
    filters: Vec<Sieve>,
    /// Small batches put together.
    whole: BatchCoalescer,
    ended: bool,
}

impl Sifted {
    fn sift(&mut self, mut batch: RecordBatch) -> Result<()> {
        for filter in &mut self.filters {
            if let Some(wanted) = filter.ask(&batch)? {
                batch = filter_record_batch(&batch, &wanted)?;
            }
        }
        if batch.num_rows() > 0 {
            self.whole.push_batch(batch)?;
        }
        Ok(())
    }
}

impl Stream for Sifted {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(batch) = self.whole.next_completed_batch() {
                return Poll::Ready(Some(Ok(batch)));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            let step = match ready!(self.rows.poll_next_unpin(cx)) {
                Some(batch) => batch.and_then(|batch| self.sift(batch)),
                None => {
                    self.ended = true;
                    self.whole.finish_buffered_batch().map_err(Into::into)
                }
            };
            if let Err(error) = step {
                self.ended = true;
                return Poll::Ready(Some(Err(error)));
            }
        }
    }
}

impl RecordBatchStream for Sifted {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}

/// What a filter knows now, in a form that is quick to ask.
fn known(filter: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
    let known = match filter.as_any().downcast_ref::<DynamicFilterPhysicalExpr>() {
        Some(dynamic) => dynamic.current()?,
        None => Arc::clone(filter),
    };
    let Some(case) = known.as_any().downcast_ref::<CaseExpr>() else {
        return every(&known, schema);
    };
    // A join in parts has a table of keys for each, and asks the one that a row belongs to. To ask all of
    // them is as good, and quicker if they are few.
    if case.when_then_expr().len() > FEW_TABLES {
        return Ok(known);
    }
    let answers = case.when_then_expr().iter().map(|(_, then)| every(then, schema));
    let other = case.else_expr().map(|other| Ok(Arc::clone(other)));
    let answers = answers.chain(other).collect::<Result<Vec<_>>>()?;
    let either = |left, right| Arc::new(BinaryExpr::new(left, Operator::Or, right)) as Arc<_>;
    Ok(answers.into_iter().reduce(either).unwrap_or(known))
}

fn every(known: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Arc<dyn PhysicalExpr>> {
    let parts: Vec<_> = split_conjunction(known).into_iter().map(Arc::clone).collect();
    if parts.len() < 2 {
        return Ok(Arc::clone(known));
    }
    Ok(Arc::new(Every::new(parts, schema)?))
}

/// A filter, and what it was good for.
struct Sieve {
    filter: Arc<dyn PhysicalExpr>,
    /// What it knew when it was looked at last: it counts what it learns. `None` for nothing yet.
    learned: Option<(u64, Arc<dyn PhysicalExpr>)>,
    /// Batches of the trial, their rows, and those that passed.
    tried: usize,
    rows: usize,
    passed: usize,
    /// Batches that are still to pass unasked.
    rests: usize,
}

impl Sieve {
    const fn new(filter: Arc<dyn PhysicalExpr>) -> Self {
        Self { filter, learned: None, tried: 0, rows: 0, passed: 0, rests: 0 }
    }

    /// The rows to keep; `None` for all.
    fn ask(&mut self, batch: &RecordBatch) -> Result<Option<BooleanArray>> {
        if self.rests > 0 {
            self.rests -= 1;
            return Ok(None);
        }
        let generation = self.filter.snapshot_generation();
        let known = match &self.learned {
            Some((at, known)) if *at == generation => known,
            _ => {
                let known = known(&self.filter, &batch.schema())?;
                &self.learned.insert((generation, known)).1
            }
        };
        let rows = batch.num_rows();
        let wanted = match known.evaluate(batch)? {
            ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))) => return Ok(None),
            found => found.into_array(rows)?,
        };
        let wanted = wanted.as_boolean();
        let wanted = match wanted.null_count() {
            0 => wanted.clone(),
            _ => prep_null_mask_filter(wanted),
        };
        let passed = wanted.true_count();
        self.judge(rows, passed);
        Ok((passed < rows).then_some(wanted))
    }

    /// Sends the filter to rest after a trial in which more than three rows of four passed.
    fn judge(&mut self, rows: usize, passed: usize) {
        self.tried += 1;
        self.rows += rows;
        self.passed += passed;
        if self.tried < TRIAL {
            return;
        }
        if self.passed.saturating_mul(4) > self.rows.saturating_mul(3) {
            self.rests = REST;
        }
        (self.tried, self.rows, self.passed) = (0, 0, 0);
    }
}
