//! Rows on their way to a client: in types that clients know, as they are made, no faster than they are read.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::sql::server::PeekableFlightDataStream;
use bytes::Bytes;
use futures::{FutureExt as _, Stream, StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use super::door::Shared;
use super::error::{FlightResult, panicked, status, stopped, wrong};
use super::run::{Rows, busy, canceled};
use crate::base::limits::FLIGHT_ROWS_BYTES;
use crate::sql::door::{Cancel, Canceler, cancel_signal};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::RowStream;

/// What `DoGet` answers.
pub(super) type DataStream = Pin<Box<dyn Stream<Item = Result<FlightData, Status>> + Send>>;

/// A result that waits to be read, or is read.
pub(super) struct Pending {
    rows: Mutex<Option<Rows>>,
    canceler: Canceler,
    cancel: Cancel,
}

impl Pending {
    pub(super) fn new(rows: Rows) -> Self {
        let (canceler, cancel) = cancel_signal();
        Self { rows: Mutex::new(Some(rows)), canceler, cancel }
    }

    /// Ends the statement, read or not.
    pub(super) fn cancel(&self) {
        self.canceler.cancel();
        drop(self.rows.lock().take());
    }
}

/// A result that is read; forgotten when the reading ends.
struct Reading {
    shared: Arc<Shared>,
    handle: Bytes,
    cancel: Cancel,
    columns: SchemaRef,
    rows: RowStream,
    ended: bool,
    _pending: Arc<Pending>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Reading {
    fn drop(&mut self) {
        // It may have been dropped from the table already.
        drop(self.shared.results.take(&self.handle));
    }
}

/// Reads the result of a handle, which can be done once.
pub(super) fn read(shared: &Arc<Shared>, handle: Bytes) -> FlightResult<DataStream> {
    let pending = shared.results.get(&handle)?;
    if pending.cancel.is_canceled() {
        return Err(canceled());
    }
    let permit = Arc::clone(&shared.places).try_acquire_owned().map_err(|_| busy())?;
    let Some(Rows { columns, rows }) = pending.rows.lock().take() else {
        return Err(wrong(
            SqlState::InvalidTransactionState,
            "this result is read already: a statement is run once, and its rows are sent once",
        ));
    };
    let columns = told(&columns);
    let reading = Reading {
        shared: Arc::clone(shared),
        handle,
        cancel: pending.cancel.clone(),
        columns: Arc::clone(&columns),
        rows,
        ended: false,
        _pending: pending,
        _permit: permit,
    };
    let batches = stream::unfold(reading, |mut reading| async move {
        if reading.ended {
            return None;
        }
        let next = reading.next().await?;
        reading.ended = next.is_err();
        Some((next, reading))
    });
    Ok(encoded(columns, batches))
}

impl Reading {
    async fn next(&mut self) -> Option<FlightResult<RecordBatch>> {
        let next = AssertUnwindSafe(self.rows.next()).catch_unwind();
        let batch = tokio::select! {
            biased;
            () = self.cancel.canceled() => return Some(Err(canceled())),
            () = self.shared.is_cut() => return Some(Err(stopped())),
            next = next => match next {
                Ok(next) => next?,
                Err(_) => return Some(Err(panicked())),
            },
        };
        let converted = batch.and_then(|batch| converted(&batch, &self.columns));
        Some(converted.map_err(|error| status(&error)))
    }
}

/// Batches as messages, the schema first.
pub(super) fn encoded(
    columns: SchemaRef,
    batches: impl Stream<Item = FlightResult<RecordBatch>> + Send + 'static,
) -> DataStream {
    FlightDataEncoderBuilder::new()
        .with_schema(columns)
        .with_max_flight_data_size(FLIGHT_ROWS_BYTES)
        .build(batches.map_err(FlightError::from))
        .map_err(Status::from)
        .boxed()
}

/// The rows that a client sends. A message that only names what they are for is none of them.
pub(super) fn sent(data: PeekableFlightDataStream) -> FlightRecordBatchStream {
    let messages = data.try_filter(|message| {
        let some = !(message.data_header.is_empty() && message.data_body.is_empty());
        std::future::ready(some)
    });
    FlightRecordBatchStream::new_from_flight_data(messages.map_err(FlightError::from))
}

/// The columns as clients are told of them.
pub(super) fn told(columns: &Schema) -> SchemaRef {
    let fields: Vec<FieldRef> = columns.fields().iter().map(plain_field).collect();
    Arc::new(Schema::new(fields))
}

/// Without what is only of use inside, such as the number of a column in its files.
fn plain_field(field: &FieldRef) -> FieldRef {
    let kept = field
        .metadata()
        .iter()
        .filter(|(key, _)| key.starts_with("ARROW:extension:"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let plain = Field::new(field.name(), plain(field.data_type()), field.is_nullable());
    Arc::new(plain.with_metadata(kept))
}

/// Views and dictionaries become what they show: many clients do not know them, and a view sends along
/// what it does not show.
pub(super) fn plain(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::Utf8,
        DataType::BinaryView => DataType::Binary,
        DataType::Dictionary(_, values) => plain(values),
        DataType::RunEndEncoded(_, values) => plain(values.data_type()),
        DataType::List(item) | DataType::ListView(item) => DataType::List(plain_field(item)),
        DataType::LargeList(item) | DataType::LargeListView(item) => {
            DataType::LargeList(plain_field(item))
        }
        DataType::FixedSizeList(item, size) => DataType::FixedSizeList(plain_field(item), *size),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        other => other.clone(),
    }
}

/// A batch with these columns: its types are changed to theirs, and checked by that.
pub(super) fn converted(batch: &RecordBatch, columns: &SchemaRef) -> SqlResult<RecordBatch> {
    let wrong = |error: ArrowError| {
        SqlError::new(SqlState::InternalError, format!("rows cannot be written as Arrow: {error}"))
    };
    if batch.num_columns() != columns.fields().len() {
        let message = "the rows have another number of columns than was told".to_owned();
        return Err(wrong(ArrowError::SchemaError(message)));
    }
    let arrays = batch
        .columns()
        .iter()
        .zip(columns.fields())
        .map(|(array, field)| {
            if array.data_type() == field.data_type() {
                return Ok(Arc::clone(array));
            }
            cast(array, field.data_type()).map_err(wrong)
        })
        .collect::<SqlResult<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(columns), arrays, &options).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{
        Array as _, ArrayRef, AsArray as _, DictionaryArray, StringViewArray, StructArray,
    };
    use arrow::datatypes::Int32Type;

    #[test]
    fn views_and_dictionaries_become_plain_at_every_depth() {
        let view: ArrayRef = Arc::new(StringViewArray::from(vec![Some("a"), None]));
        let inner = Field::new("v", DataType::Utf8View, true)
            .with_metadata([("PARQUET:field_id".to_owned(), "1".to_owned())].into());
        let nested: ArrayRef =
            Arc::new(StructArray::from(vec![(Arc::new(inner.clone()), Arc::clone(&view))]));
        let dictionary: DictionaryArray<Int32Type> = vec![Some("x"), None].into_iter().collect();
        let dictionary: ArrayRef = Arc::new(dictionary);
        let fields = vec![
            inner,
            Field::new("s", nested.data_type().clone(), true),
            Field::new("d", dictionary.data_type().clone(), true),
        ];
        let columns = Arc::new(Schema::new(fields));
        let batch =
            RecordBatch::try_new(Arc::clone(&columns), vec![view, nested, dictionary]).unwrap();
        let told = told(&columns);
        let shown = converted(&batch, &told).unwrap();
        assert_eq!(*shown.column(0).data_type(), DataType::Utf8);
        assert!(told.field(0).metadata().is_empty());
        assert_eq!(shown.column(1).as_struct().column(0).as_string::<i32>().value(0), "a");
        assert_eq!(shown.column(2).as_string::<i32>().value(0), "x");
        assert!(shown.column(2).is_null(1));
    }
}
