//! The calls of Flight SQL, each with who carries it out.

use std::sync::Arc;

use arrow_flight::flight_service_server::FlightService;
use arrow_flight::sql::server::{DoPutError, FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionBeginSavepointRequest, ActionBeginSavepointResult, ActionBeginTransactionRequest,
    ActionBeginTransactionResult, ActionCancelQueryRequest, ActionCancelQueryResult,
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, ActionEndSavepointRequest, ActionEndTransactionRequest,
    CommandGetCatalogs, CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys,
    CommandGetImportedKeys, CommandGetPrimaryKeys, CommandGetSqlInfo, CommandGetTableTypes,
    CommandGetTables, CommandGetXdbcTypeInfo, CommandPreparedStatementQuery,
    CommandPreparedStatementUpdate, CommandStatementIngest, CommandStatementQuery,
    CommandStatementUpdate, DoPutPreparedStatementResult, ProstMessageExt, SqlInfo,
    TicketStatementQuery,
};
use arrow_flight::{
    Action, ActionType, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse, Ticket,
};
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tonic::{Request, Response, Streaming};

use super::caller::Caller;
use super::door::Shared;
use super::error::{FlightResult, internal, invalid};
use super::rows::DataStream;
use super::run::{Ran, Source};
use super::{cancel, info, ingest, metadata, prepared, rows, transaction};

/// Answers calls; made by [`Door::service`](super::door::Door::service).
#[derive(Clone)]
pub struct Service {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

type Info = FlightResult<Response<FlightInfo>>;
type Data = FlightResult<Response<DataStream>>;

impl Service {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn caller<T>(&self, request: &Request<T>) -> FlightResult<Caller> {
        Caller::read(request.metadata(), &self.shared.default_database)
    }

    /// Runs the only statement of a text.
    async fn run(
        &self,
        caller: &Caller,
        text: String,
        transaction: Option<&bytes::Bytes>,
    ) -> FlightResult<Ran> {
        let place = self.shared.place(caller, transaction).await?;
        self.shared.run(place, Source::Text(text), prepared::no_values()).await
    }

    /// The info of metadata: who asks for it gets the question back as its ticket.
    fn metadata_info<T: ProstMessageExt>(
        question: &T,
        columns: &arrow::datatypes::Schema,
        request: Request<FlightDescriptor>,
    ) -> Info {
        info::with_ticket(columns, request.into_inner(), question).map(Response::new)
    }
}

#[tonic::async_trait]
impl FlightSqlService for Service {
    type FlightService = Self;

    async fn do_handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> FlightResult<Response<BoxStream<'static, FlightResult<HandshakeResponse>>>> {
        let token = self.caller(&request)?.token();
        let bearer = format!("Bearer {token}")
            .parse()
            .map_err(|_| internal("the token cannot stand in a header"))?;
        let answer = HandshakeResponse { protocol_version: 0, payload: token.into() };
        let mut response = Response::new(stream::iter([Ok(answer)]).boxed());
        response.metadata_mut().insert("authorization", bearer);
        Ok(response)
    }

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let caller = self.caller(&request)?;
        let ran = self.run(&caller, query.query, query.transaction_id.as_ref()).await?;
        info::of_statement(&self.shared, request.into_inner(), ran).map(Response::new)
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let handle = query.prepared_statement_handle;
        prepared::query(&self.shared, &handle, request.into_inner()).await.map(Response::new)
    }

    async fn do_get_statement(&self, ticket: TicketStatementQuery, _: Request<Ticket>) -> Data {
        rows::read(&self.shared, ticket.statement_handle).map(Response::new)
    }

    /// Without a `FlightInfo` before it, which would have run it.
    async fn do_get_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        _: Request<Ticket>,
    ) -> Data {
        let handle = query.prepared_statement_handle;
        let descriptor = FlightDescriptor::default();
        let info = prepared::query(&self.shared, &handle, descriptor).await?;
        match info::handles(&info).pop() {
            Some(handle) => rows::read(&self.shared, handle).map(Response::new),
            None => Err(invalid("the statement has no rows: ask for its FlightInfo to run it")),
        }
    }

    async fn do_put_error_callback(
        &self,
        _: Request<PeekableFlightDataStream>,
        error: DoPutError,
    ) -> FlightResult<Response<<Self as FlightService>::DoPutStream>> {
        Err(invalid(error.to_string()))
    }

    async fn do_put_statement_update(
        &self,
        command: CommandStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> FlightResult<i64> {
        let caller = self.caller(&request)?;
        let ran = self.run(&caller, command.query, command.transaction_id.as_ref()).await?;
        prepared::counted(ran).await
    }

    async fn do_put_statement_ingest(
        &self,
        command: CommandStatementIngest,
        request: Request<PeekableFlightDataStream>,
    ) -> FlightResult<i64> {
        let caller = self.caller(&request)?;
        ingest::ingest(&self.shared, &caller, command, request.into_inner()).await
    }

    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> FlightResult<DoPutPreparedStatementResult> {
        let handle = query.prepared_statement_handle;
        prepared::bind(&self.shared, &handle, request.into_inner()).await?;
        Ok(DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) })
    }

    async fn do_put_prepared_statement_update(
        &self,
        query: CommandPreparedStatementUpdate,
        request: Request<PeekableFlightDataStream>,
    ) -> FlightResult<i64> {
        let handle = query.prepared_statement_handle;
        prepared::update(&self.shared, &handle, request.into_inner()).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        request: Request<Action>,
    ) -> FlightResult<ActionCreatePreparedStatementResult> {
        let caller = self.caller(&request)?;
        prepared::create(&self.shared, caller, query).await
    }

    /// To close what is not there any more is no error.
    async fn do_action_close_prepared_statement(
        &self,
        query: ActionClosePreparedStatementRequest,
        _: Request<Action>,
    ) -> FlightResult<()> {
        drop(self.shared.prepared.take(&query.prepared_statement_handle));
        Ok(())
    }

    async fn do_action_begin_transaction(
        &self,
        _: ActionBeginTransactionRequest,
        request: Request<Action>,
    ) -> FlightResult<ActionBeginTransactionResult> {
        let caller = self.caller(&request)?;
        let transaction_id = transaction::begin(&self.shared, &caller).await?;
        Ok(ActionBeginTransactionResult { transaction_id })
    }

    async fn do_action_end_transaction(
        &self,
        query: ActionEndTransactionRequest,
        _: Request<Action>,
    ) -> FlightResult<()> {
        transaction::end(&self.shared, &query).await
    }

    async fn do_action_begin_savepoint(
        &self,
        query: ActionBeginSavepointRequest,
        _: Request<Action>,
    ) -> FlightResult<ActionBeginSavepointResult> {
        transaction::savepoint(&self.shared, query).await
    }

    async fn do_action_end_savepoint(
        &self,
        query: ActionEndSavepointRequest,
        _: Request<Action>,
    ) -> FlightResult<()> {
        transaction::end_savepoint(&self.shared, &query).await
    }

    async fn do_action_cancel_query(
        &self,
        query: ActionCancelQueryRequest,
        _: Request<Action>,
    ) -> FlightResult<ActionCancelQueryResult> {
        cancel::query(&self.shared, &query)
    }

    async fn list_custom_actions(&self) -> Option<Vec<FlightResult<ActionType>>> {
        Some(vec![Ok(ActionType {
            r#type: cancel::CANCEL_FLIGHT_INFO.to_owned(),
            description: "Cancels a statement by the FlightInfo of its result".to_owned(),
        })])
    }

    async fn do_action_fallback(
        &self,
        request: Request<Action>,
    ) -> FlightResult<Response<<Self as FlightService>::DoActionStream>> {
        let Action { r#type, body } = request.into_inner();
        if r#type != cancel::CANCEL_FLIGHT_INFO {
            return Err(super::error::unsupported(format_args!("the action {type:?}")));
        }
        let body = cancel::flight_info(&self.shared, &body)?.into();
        Ok(Response::new(Box::pin(stream::iter([Ok(arrow_flight::Result { body })]))))
    }

    async fn get_flight_info_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Info {
        Self::metadata_info(&query, &query.into_builder().schema(), request)
    }

    async fn do_get_catalogs(&self, query: CommandGetCatalogs, request: Request<Ticket>) -> Data {
        let caller = self.caller(&request)?;
        metadata::catalogs(&self.shared, &caller, query).await.map(Response::new)
    }

    async fn get_flight_info_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let columns = query.clone().into_builder().schema();
        Self::metadata_info(&query, &columns, request)
    }

    async fn do_get_schemas(&self, query: CommandGetDbSchemas, request: Request<Ticket>) -> Data {
        let caller = self.caller(&request)?;
        metadata::schemas(&self.shared, &caller, query).await.map(Response::new)
    }

    async fn get_flight_info_tables(
        &self,
        query: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let columns = query.clone().into_builder().schema();
        Self::metadata_info(&query, &columns, request)
    }

    async fn do_get_tables(&self, query: CommandGetTables, request: Request<Ticket>) -> Data {
        let caller = self.caller(&request)?;
        metadata::tables(&self.shared, &caller, query).await.map(Response::new)
    }

    async fn get_flight_info_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Info {
        Self::metadata_info(&query, &query.into_builder().schema(), request)
    }

    async fn do_get_table_types(&self, query: CommandGetTableTypes, _: Request<Ticket>) -> Data {
        metadata::table_types(query).map(Response::new)
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Info {
        Self::metadata_info(&query, metadata::sql_info_columns(), request)
    }

    async fn do_get_sql_info(&self, query: CommandGetSqlInfo, _: Request<Ticket>) -> Data {
        metadata::sql_info(query).map(Response::new)
    }

    async fn get_flight_info_primary_keys(
        &self,
        query: CommandGetPrimaryKeys,
        request: Request<FlightDescriptor>,
    ) -> Info {
        Self::metadata_info(&query, &metadata::primary_key_columns(), request)
    }

    async fn do_get_primary_keys(&self, _: CommandGetPrimaryKeys, _: Request<Ticket>) -> Data {
        Ok(Response::new(metadata::no_rows(metadata::primary_key_columns())))
    }

    async fn get_flight_info_exported_keys(
        &self,
        query: CommandGetExportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Info {
        Self::metadata_info(&query, &metadata::foreign_key_columns(), request)
    }

    async fn do_get_exported_keys(&self, _: CommandGetExportedKeys, _: Request<Ticket>) -> Data {
        Ok(Response::new(metadata::no_rows(metadata::foreign_key_columns())))
    }

    async fn get_flight_info_imported_keys(
        &self,
        query: CommandGetImportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Info {
        Self::metadata_info(&query, &metadata::foreign_key_columns(), request)
    }

    async fn do_get_imported_keys(&self, _: CommandGetImportedKeys, _: Request<Ticket>) -> Data {
        Ok(Response::new(metadata::no_rows(metadata::foreign_key_columns())))
    }

    async fn get_flight_info_cross_reference(
        &self,
        query: CommandGetCrossReference,
        request: Request<FlightDescriptor>,
    ) -> Info {
        Self::metadata_info(&query, &metadata::foreign_key_columns(), request)
    }

    async fn do_get_cross_reference(
        &self,
        _: CommandGetCrossReference,
        _: Request<Ticket>,
    ) -> Data {
        Ok(Response::new(metadata::no_rows(metadata::foreign_key_columns())))
    }

    async fn get_flight_info_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        request: Request<FlightDescriptor>,
    ) -> Info {
        let columns = metadata::type_columns()?;
        Self::metadata_info(&query, &columns, request)
    }

    async fn do_get_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        _: Request<Ticket>,
    ) -> Data {
        metadata::types(query).map(Response::new)
    }

    /// What the server can do is fixed; nothing is registered.
    async fn register_sql_info(&self, _: i32, _: &SqlInfo) {}
}
