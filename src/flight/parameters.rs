//! Values for the parameters of a statement, from the rows that a client binds.
//!
//! A client's values have types of their own, and keep them: what the statement needs is decided where it is
//! planned. Only a text for a parameter that is no text is read as what it stands for, and null has the type
//! of its place.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use arrow_flight::sql::server::PeekableFlightDataStream;
use futures::{FutureExt as _, StreamExt as _};

use super::error::{FlightResult, panicked, status, unreadable};
use super::rows::{converted, sent, told};
use crate::base::limits::FLIGHT_BOUND_ROWS_MAX;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::Value;
use crate::sql::parameter::type_of_text;

/// Rows of values that were bound.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) rows: Arc<Vec<Vec<Value>>>,
    /// What they take of memory, about.
    pub(super) bytes: usize,
}

/// Reads rows of values; `None` if the client binds none, which is not the same as no rows.
pub(super) async fn read(
    data: PeekableFlightDataStream,
    types: &[DataType],
) -> FlightResult<Option<Bound>> {
    // What a client sends is read by a library that was not made for enemies.
    let read = AssertUnwindSafe(read_rows(data, types)).catch_unwind().await;
    read.map_err(|_| panicked())?.map_err(|error| status(&error))
}

async fn read_rows(data: PeekableFlightDataStream, types: &[DataType]) -> SqlResult<Option<Bound>> {
    let mut batches = sent(data);
    let mut rows = Vec::new();
    let mut bytes = 0;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(unreadable)?;
        if rows.len().saturating_add(batch.num_rows()) > FLIGHT_BOUND_ROWS_MAX {
            return Err(SqlError::new(
                SqlState::ProgramLimitExceeded,
                format!("a statement is run for at most {FLIGHT_BOUND_ROWS_MAX} rows of values"),
            )
            .with_hint("put many rows into a table by ingestion (in ADBC: adbc_ingest)"));
        }
        bytes += batch.get_array_memory_size();
        append(&mut rows, &batch, types)?;
    }
    // A call that the client gives up looks like one that it ends. Then this is not polled again.
    tokio::task::yield_now().await;
    let columns = batches.schema().map_or(0, |schema| schema.fields().len());
    if columns == 0 {
        return Ok(None);
    }
    check_count(columns, types)?;
    Ok(Some(Bound { rows: Arc::new(rows), bytes }))
}

fn check_count(given: usize, types: &[DataType]) -> SqlResult<()> {
    // A statement that is no query may not tell how many it has.
    if types.is_empty() || types.len() == given {
        return Ok(());
    }
    Err(SqlError::new(
        SqlState::InvalidParameterValue,
        format!("the statement has {} parameters, and {given} values were given", types.len()),
    ))
}

fn append(rows: &mut Vec<Vec<Value>>, batch: &RecordBatch, types: &[DataType]) -> SqlResult<()> {
    check_count(batch.num_columns(), types)?;
    let batch = converted(batch, &told(&batch.schema()))?;
    for row in 0..batch.num_rows() {
        let values = batch.columns().iter().enumerate().map(|(at, array)| {
            let value = Value::try_from_array(array, row)?;
            typed(value, types.get(at)).map_err(|error| {
                SqlError::new(error.state, format!("the value of ${}: {}", at + 1, error.message))
            })
        });
        rows.push(values.collect::<SqlResult<_>>()?);
    }
    Ok(())
}

fn typed(value: Value, wanted: Option<&DataType>) -> SqlResult<Value> {
    let Some(wanted) = wanted else { return Ok(value) };
    if value.is_null() {
        return Ok(Value::try_from(wanted)?);
    }
    let (Value::Utf8(Some(text)) | Value::LargeUtf8(Some(text))) = &value else {
        return Ok(value);
    };
    let Some(target) = type_of_text(text, wanted) else {
        return Err(SqlError::new(SqlState::DataException, format!("{text:?} is no decimal")));
    };
    if target.is_string() {
        return Ok(value);
    }
    value.cast_to(&target).map_err(|error| {
        SqlError::new(
            SqlState::DataException,
            format!("{text:?} is no {wanted}: {}", SqlError::from(error).message),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_what_they_stand_for() {
        let text = |text: &str| Value::Utf8(Some(text.to_owned()));
        let read = |value: &str, wanted: DataType| typed(text(value), Some(&wanted));
        assert_eq!(read("7", DataType::Int64).unwrap(), Value::Int64(Some(7)));
        assert_eq!(read("7", DataType::Utf8).unwrap(), text("7"));
        assert_eq!(
            read("1.25", DataType::Decimal128(10, 1)).unwrap(),
            Value::Decimal128(Some(125), 38, 2)
        );
        for (bad, wanted) in [
            ("seven", DataType::Int64),
            ("1e3", DataType::Decimal128(9, 2)),
            ("x", DataType::Date32),
        ] {
            assert_eq!(read(bad, wanted).unwrap_err().state, SqlState::DataException, "{bad}");
        }
    }

    #[test]
    fn other_values_keep_their_types_and_null_gets_one() {
        let kept = typed(Value::Float64(Some(1.5)), Some(&DataType::Int64)).unwrap();
        assert_eq!(kept, Value::Float64(Some(1.5)));
        let null = typed(Value::Null, Some(&DataType::Int64)).unwrap();
        assert_eq!(null, Value::Int64(None));
    }
}
