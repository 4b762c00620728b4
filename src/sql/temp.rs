//! Temporary tables: of one session, in memory, under names of their own that hide those of the catalog.
//!
//! A set of them is cheap to clone, and what a clone holds does not change: a transaction keeps one from its
//! start and puts it back when it is rolled back.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array as _, BooleanArray, UInt32Array, UInt64Array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use futures::StreamExt as _;
use roaring::RoaringTreemap;

use super::error::{SqlError, SqlResult, SqlState};
use super::outcome::RowStream;
use super::scan::{ROW_FILE, ROW_POSITION};
use crate::base::limits::SQL_TEMPORARY_BYTES_MAX;

/// The schema that temporary tables are in.
pub(super) const SCHEMA: &str = "pg_temp";

/// What becomes of a temporary table at the end of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum OnCommit {
    /// It stays.
    #[default]
    Preserve,
    /// It is emptied.
    DeleteRows,
    /// It is dropped.
    Drop,
}

/// Rows that were put in at once.
#[derive(Debug)]
struct Chunk {
    batches: Vec<RecordBatch>,
    /// Given back when nobody holds the rows any more.
    memory: MemoryReservation,
}

/// A temporary table.
#[derive(Clone, Debug)]
pub(super) struct TempTable {
    schema: SchemaRef,
    chunks: Vec<Arc<Chunk>>,
    on_commit: OnCommit,
}

impl TempTable {
    /// A table without rows.
    pub(super) const fn new(schema: SchemaRef, on_commit: OnCommit) -> Self {
        Self { schema, chunks: Vec::new(), on_commit }
    }

    /// Its columns.
    pub(super) const fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn bytes(&self) -> usize {
        self.chunks.iter().map(|chunk| chunk.memory.size()).sum()
    }

    /// The same table without rows.
    pub(super) fn emptied(&self) -> Self {
        Self { chunks: Vec::new(), ..self.clone() }
    }

    /// The same table with more rows.
    pub(super) fn with(&self, rows: NewRows) -> Self {
        let mut table = self.clone();
        table.chunks.push(Arc::new(rows.0));
        table
    }

    /// The table with two more columns, which tell where each row is: [`ROW_FILE`], always 0, and
    /// [`ROW_POSITION`].
    ///
    /// # Errors
    /// None for rows that were taken in.
    pub(super) fn with_row_ids(&self) -> SqlResult<Arc<dyn TableProvider>> {
        let mut fields = self.schema.fields().to_vec();
        fields.push(Arc::new(Field::new(ROW_FILE, DataType::UInt32, false)));
        fields.push(Arc::new(Field::new(ROW_POSITION, DataType::UInt64, false)));
        let schema = Arc::new(Schema::new(fields));
        let mut position = 0;
        let mut batches = Vec::new();
        for batch in self.batches() {
            let end = position + batch.num_rows() as u64;
            let mut columns = batch.columns().to_vec();
            columns.push(Arc::new(UInt32Array::from_value(0, batch.num_rows())));
            columns.push(Arc::new(UInt64Array::from_iter_values(position..end)));
            position = end;
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns)
                .map_err(|error| broken(&error))?;
            batches.push(batch);
        }
        Ok(Arc::new(MemTable::try_new(schema, vec![batches])?))
    }

    /// Its rows without those at some positions.
    ///
    /// # Errors
    /// None for rows that were taken in.
    pub(super) fn without(&self, gone: &RoaringTreemap) -> SqlResult<Vec<RecordBatch>> {
        let mut position = 0;
        let mut kept = Vec::new();
        for batch in self.batches() {
            let end = position + batch.num_rows() as u64;
            let stays: BooleanArray =
                (position..end).map(|row| Some(!gone.contains(row))).collect();
            position = end;
            kept.push(filter_record_batch(batch, &stays).map_err(|error| broken(&error))?);
        }
        Ok(kept)
    }

    fn batches(&self) -> impl Iterator<Item = &RecordBatch> {
        self.chunks.iter().flat_map(|chunk| &chunk.batches)
    }

    /// The table as the planner reads it.
    pub(super) fn provider(&self) -> SqlResult<Arc<dyn TableProvider>> {
        let batches = self.batches().cloned().collect();
        Ok(Arc::new(MemTable::try_new(Arc::clone(&self.schema), vec![batches])?))
    }
}

/// Rows on their way into a table.
#[derive(Debug)]
pub(super) struct NewRows(Chunk);

impl NewRows {
    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

/// The temporary tables of a session.
#[derive(Clone, Debug, Default)]
pub(super) struct TempTables(Arc<BTreeMap<String, Arc<TempTable>>>);

impl TempTables {
    /// Every table with its name, in the order of names.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Arc<TempTable>)> {
        self.0.iter().map(|(name, table)| (name.as_str(), table))
    }

    /// The name under which a table is kept that a statement calls so: without a schema or with `pg_temp`,
    /// as written or, if that is nobody's, in another case.
    pub(super) fn find(&self, parts: &[String]) -> Option<(&str, &Arc<TempTable>)> {
        let name = match parts {
            [name] => name,
            [.., schema, name] if schema == SCHEMA => name,
            _ => return None,
        };
        if let Some((name, table)) = self.0.get_key_value(name) {
            return Some((name, table));
        }
        let mut alike = self.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        alike.next().filter(|_| alike.next().is_none())
    }

    /// Puts a table in, in place of one of the same name.
    pub(super) fn put(&mut self, name: String, table: TempTable) {
        Arc::make_mut(&mut self.0).insert(name, Arc::new(table));
    }

    /// Takes a table out.
    pub(super) fn remove(&mut self, name: &str) -> Option<Arc<TempTable>> {
        if !self.0.contains_key(name) {
            return None;
        }
        Arc::make_mut(&mut self.0).remove(name)
    }

    /// Does what `ON COMMIT` says, at the end of a transaction that is not rolled back.
    pub(super) fn commit(&mut self) {
        if self.0.values().all(|table| table.on_commit == OnCommit::Preserve) {
            return;
        }
        let tables = Arc::make_mut(&mut self.0);
        tables.retain(|_, table| table.on_commit != OnCommit::Drop);
        for table in tables.values_mut().filter(|table| table.on_commit == OnCommit::DeleteRows) {
            *table = Arc::new(table.emptied());
        }
    }

    /// Takes in rows for a table, which has not got them yet.
    ///
    /// # Errors
    /// `NotNullViolation`; `ProgramLimitExceeded` and `OutOfMemory` where there are too many.
    pub(super) async fn collect(
        &self,
        pool: &Arc<dyn MemoryPool>,
        schema: &SchemaRef,
        mut rows: RowStream,
    ) -> SqlResult<NewRows> {
        let used: usize = self.0.values().map(|table| table.bytes()).sum();
        let memory = MemoryConsumer::new("temporary tables").register(pool);
        let mut batches = Vec::new();
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            if batch.num_rows() == 0 {
                continue;
            }
            check_nulls(&batch, schema)?;
            let count = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            let columns = batch.columns().to_vec();
            let batch = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &count)
                .map_err(|error| broken(&error))?;
            let bytes = batch.get_array_memory_size();
            if used.saturating_add(memory.size()).saturating_add(bytes) > SQL_TEMPORARY_BYTES_MAX {
                return Err(SqlError::new(
                    SqlState::ProgramLimitExceeded,
                    format!(
                        "the temporary tables of a session hold at most {SQL_TEMPORARY_BYTES_MAX} bytes"
                    ),
                )
                .with_hint("use CREATE TABLE, and drop the table afterwards"));
            }
            memory.try_grow(bytes)?;
            batches.push(batch);
        }
        Ok(NewRows(Chunk { batches, memory }))
    }
}

fn broken(error: &ArrowError) -> SqlError {
    SqlError::new(SqlState::InternalError, error.to_string())
}

fn check_nulls(batch: &RecordBatch, schema: &SchemaRef) -> SqlResult<()> {
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if !field.is_nullable() && column.null_count() > 0 {
            return Err(SqlError::new(
                SqlState::NotNullViolation,
                format!("null value in column \"{}\" violates not-null constraint", field.name()),
            ));
        }
    }
    Ok(())
}
