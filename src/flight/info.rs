//! What a `FlightInfo` says: the columns of a result, and the ticket by which its rows are read.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow_flight::sql::{Any, ProstMessageExt, TicketStatementQuery};
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket};
use bytes::Bytes;
use prost::Message as _;

use super::door::Shared;
use super::error::{FlightResult, internal};
use super::rows::{Pending, told};
use super::run::Ran;

/// What a statement came to. One without rows has no endpoint and says how many rows it changed.
pub(super) fn of_statement(
    shared: &Arc<Shared>,
    descriptor: FlightDescriptor,
    ran: Ran,
) -> FlightResult<FlightInfo> {
    let Some(rows) = ran.rows else {
        let info = described(&Schema::empty(), descriptor)?;
        return Ok(info.with_total_records(ran.count));
    };
    let columns = told(&rows.columns);
    let handle = shared.results.insert(Arc::new(Pending::new(rows)), 0)?;
    let ticket = TicketStatementQuery { statement_handle: handle };
    with_ticket(&columns, descriptor, &ticket)
}

/// A result whose rows are read by a message that says what they are.
pub(super) fn with_ticket(
    columns: &Schema,
    descriptor: FlightDescriptor,
    ticket: &impl ProstMessageExt,
) -> FlightResult<FlightInfo> {
    let ticket = Ticket::new(ticket.as_any().encode_to_vec());
    let endpoint = FlightEndpoint::new().with_ticket(ticket);
    Ok(described(columns, descriptor)?.with_endpoint(endpoint))
}

/// A result without rows.
pub(super) fn without_rows(
    columns: &SchemaRef,
    descriptor: FlightDescriptor,
) -> FlightResult<FlightInfo> {
    Ok(described(columns, descriptor)?.with_total_records(0))
}

fn described(columns: &Schema, descriptor: FlightDescriptor) -> FlightResult<FlightInfo> {
    FlightInfo::new()
        .try_with_schema(columns)
        .map(|info| info.with_descriptor(descriptor))
        .map_err(|error| internal(format!("the columns cannot be described: {error}")))
}

/// The handles of results that a `FlightInfo` of this door names.
pub(super) fn handles(info: &FlightInfo) -> Vec<Bytes> {
    let tickets = info.endpoint.iter().filter_map(|endpoint| endpoint.ticket.as_ref());
    tickets
        .filter_map(|ticket| Any::decode(&*ticket.ticket).ok()?.unpack().ok()?)
        .map(|ticket: TicketStatementQuery| ticket.statement_handle)
        .collect()
}

/// A schema as its bytes in messages of Flight SQL.
pub(super) fn schema_bytes(columns: &Schema) -> FlightResult<Bytes> {
    let options = arrow::ipc::writer::IpcWriteOptions::default();
    IpcMessage::try_from(SchemaAsIpc::new(columns, &options))
        .map(|message| message.0)
        .map_err(|error| internal(format!("the columns cannot be described: {error}")))
}
