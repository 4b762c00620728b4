//! Small relations that are made in memory: answers of version statements, relations of `system`.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{MemTable, TableProvider};
use futures::StreamExt as _;

use super::error::{SqlError, SqlResult, SqlState};
use super::outcome::Outcome;
use crate::base::clock::Timestamp;

/// The type of a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Text,
    Integer,
    Time,
}

/// One value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Cell {
    Text(Option<String>),
    Integer(Option<i64>),
    Time(Option<Timestamp>),
}

impl Cell {
    pub(super) fn text(value: impl Into<String>) -> Self {
        Self::Text(Some(value.into()))
    }
}

/// Columns and rows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Relation {
    pub(super) columns: &'static [(&'static str, Kind)],
    pub(super) rows: Vec<Vec<Cell>>,
}

/// The columns as a schema.
pub(super) fn schema(columns: &[(&str, Kind)]) -> SchemaRef {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, kind)| {
            let data_type = match kind {
                Kind::Text => DataType::Utf8,
                Kind::Integer => DataType::Int64,
                Kind::Time => DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into())),
            };
            Field::new(*name, data_type, true)
        })
        .collect();
    Arc::new(Schema::new(fields))
}

impl Relation {
    pub(super) const fn new(columns: &'static [(&'static str, Kind)]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(super) fn batch(&self) -> SqlResult<RecordBatch> {
        let wrong = |message: String| SqlError::new(SqlState::InternalError, message);
        let arrays = self.columns.iter().enumerate().map(|(at, (_, kind))| {
            let cells = self.rows.iter().map(|row| row.get(at));
            let array: ArrayRef = match kind {
                Kind::Text => Arc::new(
                    cells
                        .map(|cell| match cell {
                            Some(Cell::Text(text)) => text.as_deref(),
                            _ => None,
                        })
                        .collect::<StringArray>(),
                ),
                Kind::Integer => Arc::new(
                    cells
                        .map(|cell| match cell {
                            Some(Cell::Integer(number)) => *number,
                            _ => None,
                        })
                        .collect::<Int64Array>(),
                ),
                Kind::Time => Arc::new(
                    cells
                        .map(|cell| match cell {
                            Some(Cell::Time(time)) => time.map(Timestamp::as_micros),
                            _ => None,
                        })
                        .collect::<TimestampMicrosecondArray>()
                        .with_timezone("+00:00"),
                ),
            };
            array
        });
        RecordBatch::try_new(schema(self.columns), arrays.collect())
            .map_err(|error| wrong(error.to_string()))
    }

    pub(super) fn outcome(&self) -> SqlResult<Outcome> {
        let batch = self.batch()?;
        Ok(Outcome::Rows {
            columns: batch.schema(),
            rows: futures::stream::iter([Ok(batch)]).boxed(),
        })
    }

    pub(super) fn table(&self) -> SqlResult<Arc<dyn TableProvider>> {
        let batch = self.batch()?;
        Ok(Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]])?))
    }
}
