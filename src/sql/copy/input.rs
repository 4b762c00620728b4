//! Bytes of a client turned into batches of a table's rows, as they arrive.

use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use futures::StreamExt as _;

use super::CopyData;
use super::convert::Column;
use super::fields;
use super::lines::{Lines, bad};
use super::options::{CopyOptions, Header};
use crate::base::limits::{COPY_BATCH_BYTES, SQL_BATCH_ROWS};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::RowStream;
use crate::sql::settings::TimeZone;

/// Where rows go.
#[derive(Clone, Debug)]
pub(super) struct Into {
    /// What the table is called in errors.
    pub(super) name: String,
    /// All of its columns.
    pub(super) schema: SchemaRef,
    /// The places of those that are copied, in the order of the data.
    pub(super) columns: Vec<usize>,
    pub(super) options: CopyOptions,
}

/// Rows with all columns of the table; those that are not copied are null.
pub(super) fn rows(into: Into, data: CopyData, zone: TimeZone) -> SqlResult<RowStream> {
    let mut columns = Vec::with_capacity(into.columns.len());
    for at in &into.columns {
        columns.push(Column::new(into.schema.field(*at).data_type(), zone)?);
    }
    // Whether nulls are allowed is looked at when rows are written.
    let nullable = |field: &Field| Field::new(field.name(), field.data_type().clone(), true);
    let fields: Vec<Field> = into.schema.fields().iter().map(|field| nullable(field)).collect();
    let reader = Reader {
        lines: Lines::new(&into.options),
        columns,
        schema: Arc::new(Schema::new(fields)),
        header: into.options.header,
        into,
        rows: 0,
        bytes: 0,
    };
    let state = Some((reader, data));
    Ok(futures::stream::unfold(state, |state| async move {
        let (mut reader, mut data) = state?;
        match reader.batch(&mut data).await {
            Ok(Some(batch)) => Some((Ok(batch), Some((reader, data)))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed())
}

struct Reader {
    into: Into,
    lines: Lines,
    columns: Vec<Column>,
    /// The columns, all of which may be null.
    schema: SchemaRef,
    header: Header,
    rows: usize,
    bytes: usize,
}

impl Reader {
    /// The next rows; nothing at the end.
    async fn batch(&mut self, data: &mut CopyData) -> SqlResult<Option<RecordBatch>> {
        let mut last = false;
        loop {
            while let Some(line) = self.lines.next(last).map_err(|error| self.at_line(error))? {
                self.line(&line)?;
                if self.rows >= SQL_BATCH_ROWS || self.bytes >= COPY_BATCH_BYTES {
                    return self.finish();
                }
            }
            if last {
                return self.finish();
            }
            match data.next().await {
                Some(piece) => self.lines.put(&piece?),
                None => last = true,
            }
        }
    }

    fn at_line(&self, error: SqlError) -> SqlError {
        self.at(error, "")
    }

    /// Says where an error is.
    fn at(&self, error: SqlError, column: &str) -> SqlError {
        let comma = if column.is_empty() { "" } else { ", column " };
        let (name, line) = (&self.into.name, self.lines.number());
        let message = format!("{} (COPY {name}, line {line}{comma}{column})", error.message);
        SqlError { message, ..error }
    }

    fn name_of(&self, at: usize) -> &str {
        self.into.columns.get(at).map_or("", |at| self.into.schema.field(*at).name())
    }

    fn line(&mut self, line: &[u8]) -> SqlResult<()> {
        if self.header != Header::None {
            let header = std::mem::take(&mut self.header);
            return if header == Header::Match { self.check_header(line) } else { Ok(()) };
        }
        let count = self.columns.len();
        let mut columns = std::mem::take(&mut self.columns);
        let mut given = 0;
        let mut failed = None;
        let done = fields::each(&self.into.options, line, &mut |at, value| {
            failed = Some(at);
            given = at + 1;
            let Some(column) = columns.get_mut(at) else {
                return Err(bad("extra data after last expected column".to_owned()));
            };
            let text = value.map(text).transpose()?;
            column.push(text)
        });
        self.columns = columns;
        if let Err(error) = done {
            return Err(match failed.filter(|at| *at < count) {
                Some(at) => self.at(error, self.name_of(at)),
                None => self.at_line(error),
            });
        }
        if given < count {
            let name = self.name_of(given);
            return Err(self.at_line(bad(format!("missing data for column \"{name}\""))));
        }
        self.rows += 1;
        self.bytes += line.len();
        Ok(())
    }

    fn check_header(&self, line: &[u8]) -> SqlResult<()> {
        let count = self.columns.len();
        let mut given = 0;
        let mut wrong = None;
        fields::each(&self.into.options, line, &mut |at, value| {
            given = at + 1;
            let found = value.map(text).transpose()?;
            if at < count && found != Some(self.name_of(at)) && wrong.is_none() {
                let found = found.map_or_else(|| "null value".to_owned(), |f| format!("{f:?}"));
                wrong = Some(format!(
                    "column name mismatch in header line field {}: got {found}, expected {:?}",
                    at + 1,
                    self.name_of(at)
                ));
            }
            Ok(())
        })
        .map_err(|error| self.at_line(error))?;
        if given != count {
            wrong = Some(format!(
                "wrong number of fields in header line: got {given}, expected {count}"
            ));
        }
        match wrong {
            None => Ok(()),
            Some(message) => Err(self.at_line(bad(message))),
        }
    }

    fn finish(&mut self) -> SqlResult<Option<RecordBatch>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        let mut arrays: Vec<Option<ArrayRef>> = vec![None; self.schema.fields().len()];
        for (column, at) in self.columns.iter_mut().zip(&self.into.columns) {
            if let Some(slot) = arrays.get_mut(*at) {
                *slot = Some(column.finish()?);
            }
        }
        let arrays = arrays
            .into_iter()
            .zip(self.schema.fields())
            .map(|(array, field)| array.unwrap_or_else(|| new_null_array(field.data_type(), rows)))
            .collect();
        let count = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &count)
            .map(Some)
            .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))
    }
}

/// Texts are UTF-8 without zero bytes.
fn text(bytes: &[u8]) -> SqlResult<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(SqlError::new(
            SqlState::CharacterNotInRepertoire,
            "invalid byte sequence for encoding \"UTF8\"",
        )),
    }
}

/// Whether values of a type have a text that is read.
pub(super) fn check_type(kind: &DataType) -> SqlResult<()> {
    Column::new(kind, TimeZone::default()).map(drop)
}
