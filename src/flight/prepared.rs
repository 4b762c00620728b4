//! Prepared statements: a statement, the place where it runs, and the values that are bound to it.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow_flight::sql::server::PeekableFlightDataStream;
use arrow_flight::sql::{
    ActionCreatePreparedStatementRequest, ActionCreatePreparedStatementResult,
};
use arrow_flight::{FlightDescriptor, FlightInfo};
use bytes::Bytes;
use futures::FutureExt as _;
use parking_lot::Mutex;

use super::caller::Caller;
use super::door::Shared;
use super::error::{FlightResult, status};
use super::info;
use super::parameters::{self, Bound};
use super::rows::{plain, told};
use super::run::{Ran, Source};
use crate::sql::error::SqlError;
use crate::sql::outcome::{Description, Value};
use crate::sql::syntax::statement::Parsed;

/// A prepared statement.
pub(super) struct Prepared {
    caller: Caller,
    /// The handle of the transaction that it belongs to.
    transaction: Option<Bytes>,
    statement: Arc<Parsed>,
    parameters: Vec<DataType>,
    columns: Option<SchemaRef>,
    bound: Mutex<Option<Arc<Vec<Vec<Value>>>>>,
}

/// The only statement of a text.
pub(super) fn only(mut statements: Vec<Arc<Parsed>>) -> Result<Arc<Parsed>, SqlError> {
    match (statements.pop(), statements.len()) {
        (Some(statement), 0) => Ok(statement),
        (None, _) => Err(SqlError::syntax("the text holds no statement")),
        (Some(_), before) => Err(SqlError::syntax(format!(
            "the text holds {} statements; send one at a time",
            before + 1
        ))),
    }
}

/// `CreatePreparedStatement`
pub(super) async fn create(
    shared: &Arc<Shared>,
    caller: Caller,
    request: ActionCreatePreparedStatementRequest,
) -> FlightResult<ActionCreatePreparedStatementResult> {
    let ActionCreatePreparedStatementRequest { query, transaction_id } = request;
    let place = shared.place(&caller, transaction_id.as_ref()).await?;
    let bytes = query.len();
    let prepared = shared
        .work(place, move |session, _| {
            async move {
                let statement = only(session.parse(&query)?)?;
                let description = session.describe(&statement, &[]).await?;
                Ok((statement, description))
            }
            .boxed()
        })
        .await?
        .value;
    let (statement, Description { parameters, columns }) = prepared;
    let columns = columns.map(|columns| told(&columns));
    let dataset_schema = match &columns {
        Some(columns) => info::schema_bytes(columns)?,
        None => Bytes::new(),
    };
    let parameter_schema = info::schema_bytes(&schema_of(&parameters))?;
    let transaction = transaction_id.filter(|handle| !handle.is_empty());
    let bound = Mutex::new(None);
    let prepared = Prepared { caller, transaction, statement, parameters, columns, bound };
    Ok(ActionCreatePreparedStatementResult {
        prepared_statement_handle: shared.prepared.insert(Arc::new(prepared), bytes)?,
        dataset_schema,
        parameter_schema,
    })
}

/// `$1`, `$2`, … as columns that a client fills; any of them may be null.
fn schema_of(parameters: &[DataType]) -> Schema {
    let fields = parameters
        .iter()
        .enumerate()
        .map(|(at, data_type)| Field::new(format!("${}", at + 1), plain(data_type), true));
    Schema::new(fields.collect::<Vec<_>>())
}

/// Binds values, in place of those that were bound before.
pub(super) async fn bind(
    shared: &Arc<Shared>,
    handle: &[u8],
    data: PeekableFlightDataStream,
) -> FlightResult<()> {
    let prepared = shared.prepared.get(handle)?;
    let bound = parameters::read(data, &prepared.parameters).await?;
    let bytes = bound.as_ref().map_or(0, |bound| bound.bytes);
    shared.prepared.weigh(handle, prepared.statement.text.len().saturating_add(bytes))?;
    *prepared.bound.lock() = bound.map(|bound| bound.rows);
    Ok(())
}

/// Runs it with the values that are bound.
pub(super) async fn query(
    shared: &Arc<Shared>,
    handle: &[u8],
    descriptor: FlightDescriptor,
) -> FlightResult<FlightInfo> {
    let prepared = shared.prepared.get(handle)?;
    let values = prepared.bound.lock().clone().unwrap_or_else(no_values);
    if let (true, Some(columns)) = (values.is_empty(), &prepared.columns) {
        return info::without_rows(columns, descriptor);
    }
    let ran = prepared.run(shared, values).await?;
    info::of_statement(shared, descriptor, ran)
}

/// Runs it with the values that come with the call, and answers how many rows it changed.
pub(super) async fn update(
    shared: &Arc<Shared>,
    handle: &[u8],
    data: PeekableFlightDataStream,
) -> FlightResult<i64> {
    let prepared = shared.prepared.get(handle)?;
    let given = parameters::read(data, &prepared.parameters).await?;
    let values = match given {
        Some(Bound { rows, .. }) => rows,
        None => prepared.bound.lock().clone().unwrap_or_else(no_values),
    };
    let ran = prepared.run(shared, values).await?;
    counted(ran).await
}

/// A statement without values runs once.
pub(super) fn no_values() -> Arc<Vec<Vec<Value>>> {
    Arc::new(vec![Vec::new()])
}

/// How many rows an update changed. Rows that it answers are made, for errors may be among them, and not
/// sent: the call has no place for them.
pub(super) async fn counted(ran: Ran) -> FlightResult<i64> {
    use futures::StreamExt as _;
    if let Some(mut rows) = ran.rows {
        while let Some(batch) = rows.rows.next().await {
            batch.map_err(|error| status(&error))?;
        }
    }
    Ok(ran.count)
}

impl Prepared {
    async fn run(&self, shared: &Arc<Shared>, values: Arc<Vec<Vec<Value>>>) -> FlightResult<Ran> {
        let place = shared.place(&self.caller, self.transaction.as_ref()).await?;
        shared.run(place, Source::Prepared(Arc::clone(&self.statement)), values).await
    }
}
