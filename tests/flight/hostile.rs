//! Messages that no client sends.

use arrow_flight::flight_service_client::FlightServiceClient;
use arrow_flight::sql::{
    ActionEndTransactionRequest, CommandPreparedStatementQuery, CommandStatementIngest,
    CommandStatementQuery, ProstMessageExt as _, TableDefinitionOptions, TicketStatementQuery,
};
use arrow_flight::{Action, FlightData, FlightDescriptor, Ticket};
use futures::stream;
use prost::Message as _;
use tonic::Code;
use tonic::transport::Channel;

use crate::server::Server;

async fn raw(server: &Server) -> FlightServiceClient<Channel> {
    FlightServiceClient::new(server.channel().await)
        .max_decoding_message_size(usize::MAX)
        .max_encoding_message_size(usize::MAX)
}

/// Bytes that are nothing, cut messages, and messages that are something else.
fn garbage() -> Vec<Vec<u8>> {
    let query = CommandStatementQuery { query: "SELECT 1".to_owned(), transaction_id: None };
    let whole = query.as_any().encode_to_vec();
    let mut all = vec![Vec::new(), vec![0xff; 64], vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]];
    all.extend((1..whole.len()).step_by(7).map(|end| whole[..end].to_vec()));
    let wrong = arrow_flight::sql::Any {
        type_url: "type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery".to_owned(),
        value: vec![0xff; 9].into(),
    };
    all.push(wrong.encode_to_vec());
    all
}

#[tokio::test]
async fn garbage_ends_only_its_own_call() {
    let server = Server::start().await;
    let mut client = raw(&server).await;
    for bytes in garbage() {
        let descriptor = FlightDescriptor::new_cmd(bytes.clone());
        assert!(client.get_flight_info(descriptor.clone()).await.is_err(), "{bytes:?}");
        assert!(client.get_schema(descriptor.clone()).await.is_err());
        assert!(client.poll_flight_info(descriptor.clone()).await.is_err());
        assert!(client.do_get(Ticket::new(bytes.clone())).await.is_err(), "{bytes:?}");
        let data = FlightData::new().with_descriptor(descriptor).with_data_header(bytes.clone());
        assert!(client.do_put(stream::iter([data])).await.is_err(), "{bytes:?}");
        for action in [
            "CreatePreparedStatement",
            "ClosePreparedStatement",
            "CreatePreparedSubstraitPlan",
            "BeginTransaction",
            "EndTransaction",
            "BeginSavepoint",
            "EndSavepoint",
            "CancelQuery",
            "CancelFlightInfo",
            "nix",
        ] {
            let answer = client.do_action(Action::new(action, bytes.clone())).await;
            assert!(answer.is_err(), "{action} {bytes:?}");
        }
    }
    assert!(client.do_put(stream::iter(Vec::<FlightData>::new())).await.is_err());
    assert!(client.do_put(stream::iter([FlightData::new()])).await.is_err());
    let mut other = server.client().await;
    assert_eq!(other.rows("SELECT 1").await, ["1"]);
}

#[tokio::test]
async fn handles_that_nobody_gave_are_unknown() {
    let server = Server::start().await;
    let mut client = raw(&server).await;
    for handle in [Vec::new(), vec![0; 16], vec![7; 5000]] {
        let handle = bytes::Bytes::from(handle);
        let ticket = TicketStatementQuery { statement_handle: handle.clone() };
        let read = client.do_get(Ticket::new(ticket.as_any().encode_to_vec())).await;
        assert_eq!(read.unwrap_err().code(), Code::NotFound);
        let query = CommandPreparedStatementQuery { prepared_statement_handle: handle.clone() };
        let descriptor = FlightDescriptor::new_cmd(query.as_any().encode_to_vec());
        let run = client.get_flight_info(descriptor.clone()).await;
        assert_eq!(run.unwrap_err().code(), Code::NotFound);
        let bound = client.do_put(stream::iter([FlightData::new().with_descriptor(descriptor)]));
        assert_eq!(bound.await.unwrap_err().code(), Code::NotFound);
        let end = ActionEndTransactionRequest { transaction_id: handle, action: 1 };
        let ended = client.do_action(Action::new("EndTransaction", end.as_any().encode_to_vec()));
        assert_eq!(ended.await.unwrap_err().code(), Code::NotFound);
    }
}

#[tokio::test]
async fn rows_that_are_none_are_refused() {
    let server = Server::start().await;
    let mut client = raw(&server).await;
    let options = TableDefinitionOptions { if_not_exist: 1, if_exists: 2 };
    let command = CommandStatementIngest {
        table_definition_options: Some(options),
        table: "t".to_owned(),
        ..CommandStatementIngest::default()
    };
    let descriptor = FlightDescriptor::new_cmd(command.as_any().encode_to_vec());
    for (header, body) in [
        (vec![], vec![]),
        (vec![0xff; 32], vec![0; 8]),
        (vec![0; 64], vec![1; 64]),
        (vec![4, 0, 0, 0], vec![]),
    ] {
        let data = FlightData::new()
            .with_descriptor(descriptor.clone())
            .with_data_header(header)
            .with_data_body(body);
        let put = client.do_put(stream::iter([data.clone(), data])).await;
        assert!(put.is_err());
    }
    let mut other = server.client().await;
    assert!(other.query("SELECT * FROM t").await.is_err());
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused() {
    let server = Server::start().await;
    let mut client = raw(&server).await;
    let descriptor = FlightDescriptor::new_cmd(vec![0; 257 * 1024 * 1024]);
    let error = client.get_flight_info(descriptor).await.unwrap_err();
    assert_eq!(error.code(), Code::OutOfRange, "{error:?}");
    let long = CommandStatementQuery { query: " ".repeat(17 * 1024 * 1024), transaction_id: None };
    let descriptor = FlightDescriptor::new_cmd(long.as_any().encode_to_vec());
    assert!(client.get_flight_info(descriptor).await.is_err());
}
