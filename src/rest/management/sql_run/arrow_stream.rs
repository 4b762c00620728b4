//! Streams rows in Arrow's streaming format: as they are made, no faster than the client reads them.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::StreamExt as _;

use super::failure::failed;
use crate::rest::error::Answer;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::{Outcome, RowStream, Value};
use crate::sql::session::Session;
use crate::sql::syntax::statement::Parsed;

/// The media type.
pub(super) const MEDIA_TYPE: &str = "application/vnd.apache.arrow.stream";

/// Runs the only statement and streams its rows. Whatever goes wrong before the first of them is a failure;
/// after that the body ends abnormally.
pub(super) async fn answer(
    mut session: Session,
    statements: &[Arc<Parsed>],
    values: &[Value],
) -> Answer<Response> {
    let mut encoder =
        start(&mut session, statements, values).await.map_err(|error| failed(error, None))?;
    let first = encoder.next().await.map_err(|error| failed(error, Some(0)))?;
    let rest = futures::stream::try_unfold(encoder, |mut encoder| async move {
        match encoder.next().await {
            Ok(Some(bytes)) => Ok(Some((bytes, encoder))),
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::warn!("a stream of rows was broken off: {error}");
                Err(error)
            }
        }
    });
    let chunks = futures::stream::iter(first.map(Ok)).chain(rest);
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], Body::from_stream(chunks)).into_response())
}

async fn start(
    session: &mut Session,
    statements: &[Arc<Parsed>],
    values: &[Value],
) -> SqlResult<Encoder> {
    let [statement] = statements else {
        return Err(SqlError::new(
            SqlState::FeatureNotSupported,
            format!("a stream of Arrow has the rows of one statement, not of {}", statements.len()),
        ));
    };
    let without_rows = || {
        SqlError::new(
            SqlState::FeatureNotSupported,
            "the statement has no rows, so there is no stream of Arrow; nothing was done",
        )
        .with_hint("ask for application/json")
    };
    // Before it runs: a refused statement must not have been carried out.
    let described = session.describe(statement, &[]).await?;
    if described.columns.is_none() {
        return Err(without_rows());
    }
    match session.execute(statement, values).await? {
        Outcome::Rows { columns, rows } => Encoder::new(&columns, rows),
        Outcome::Done { .. } => Err(SqlError::new(
            SqlState::InternalError,
            "the statement was carried out and has no rows, although it was to have some",
        )),
    }
}

struct Encoder {
    rows: RowStream,
    columns: SchemaRef,
    writer: StreamWriter<Vec<u8>>,
    ended: bool,
}

impl Encoder {
    fn new(columns: &Schema, rows: RowStream) -> SqlResult<Self> {
        let fields: Vec<Field> = columns
            .fields()
            .iter()
            .map(|field| Field::new(field.name(), plain(field.data_type()), field.is_nullable()))
            .collect();
        let columns = Arc::new(Schema::new(fields));
        let writer = StreamWriter::try_new(Vec::new(), &columns).map_err(|error| wrong(&error))?;
        Ok(Self { rows, columns, writer, ended: false })
    }

    /// The bytes of the next batch; those of the end behind the last one.
    async fn next(&mut self) -> SqlResult<Option<Bytes>> {
        if self.ended {
            return Ok(None);
        }
        match self.rows.next().await {
            Some(batch) => {
                let batch = self.converted(&batch?)?;
                self.writer.write(&batch).map_err(|error| wrong(&error))?;
            }
            None => {
                self.ended = true;
                self.writer.finish().map_err(|error| wrong(&error))?;
            }
        }
        Ok(Some(Bytes::from(std::mem::take(self.writer.get_mut()))))
    }

    /// The batch with the columns of the stream, whose types are checked by that.
    fn converted(&self, batch: &RecordBatch) -> SqlResult<RecordBatch> {
        let columns = batch
            .columns()
            .iter()
            .map(|column| {
                let target = plain(column.data_type());
                if target == *column.data_type() {
                    return Ok(Arc::clone(column));
                }
                cast(column, &target).map_err(|error| wrong(&error))
            })
            .collect::<SqlResult<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.columns), columns, &options)
            .map_err(|error| wrong(&error))
    }
}

/// Views of strings are copied: many readers do not know them, and a view sends along what it does not show.
fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        other => other.clone(),
    }
}

fn wrong(error: &ArrowError) -> SqlError {
    SqlError::new(SqlState::InternalError, format!("rows cannot be written as Arrow: {error}"))
}
