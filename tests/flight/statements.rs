//! Queries and updates, cancellation, and what is left when they end.

use arrow_flight::sql::{
    ActionCancelQueryRequest, ActionCancelQueryResult, Any, ProstMessageExt as _,
};
use arrow_flight::{Action, CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus};
use futures::{StreamExt as _, TryStreamExt as _};
use nunatak::flight::door::HeldCounts;
use prost::Message as _;
use tonic::Code;

use crate::server::{NOTHING, Server, refused, status};

/// More rows than anybody reads.
const ENDLESS: &str = "SELECT a.value FROM generate_series(1, 1000000) a(value), generate_series(1, 1000000) b(value)";

#[tokio::test]
async fn a_query_is_run_once_and_read_once() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let info = client.info("SELECT 1 AS a, 'x' AS b, CAST(NULL AS int) AS c").await.unwrap();
    let columns = info.clone().try_decode_schema().unwrap();
    let names: Vec<_> = columns.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(info.total_records, -1);
    let batches = client.read(&info).await.unwrap();
    assert_eq!(batches[0].schema().fields(), columns.fields());
    assert_eq!(crate::server::shown(&batches), ["1|x|∅"]);
    refused(client.read(&info).await, Code::NotFound, "42704");
    server.holds(NOTHING).await;
}

#[tokio::test]
async fn updates_are_carried_out_and_counted() {
    let server = Server::start().await;
    let mut client = server.client().await;
    assert_eq!(client.update("CREATE TABLE t (id bigint, name text)").await.unwrap(), 0);
    assert_eq!(client.update("INSERT INTO t VALUES (1, 'a'), (2, NULL)").await.unwrap(), 2);
    assert_eq!(client.update("CREATE TABLE u AS SELECT * FROM t").await.unwrap(), 2);
    assert_eq!(client.rows("SELECT * FROM t ORDER BY id").await, ["1|a", "2|∅"]);
    assert_eq!(client.update("UPDATE u SET name = 'x' WHERE id > 1").await.unwrap(), 1);
    assert_eq!(client.update("DELETE FROM u WHERE id IN (SELECT id FROM t)").await.unwrap(), 2);
    assert_eq!(client.update("DELETE FROM u").await.unwrap(), 0);
    assert_eq!(client.update("TRUNCATE t").await.unwrap(), -1);
    assert_eq!(client.rows("SELECT count(*) FROM t").await, ["0"]);
}

#[tokio::test]
async fn a_change_that_is_sent_as_a_query_is_carried_out_once() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.info("CREATE TABLE t (id bigint)").await.unwrap();
    let info = client.info("INSERT INTO t VALUES (1), (2)").await.unwrap();
    assert_eq!((info.total_records, info.endpoint.len()), (2, 0));
    assert!(info.try_decode_schema().unwrap().fields().is_empty());
    // One with rows, too: reading them changes nothing again.
    let info = client.info("CREATE BRANCH b FROM main").await.unwrap();
    client.read(&info).await.unwrap();
    assert_eq!(client.rows("SELECT count(*) FROM t").await, ["2"]);
    assert_eq!(client.rows("SELECT count(*) FROM b.t").await, ["2"]);
}

#[tokio::test]
async fn errors_have_codes_and_sqlstates() {
    let server = Server::start().await;
    let mut client = server.client().await;
    refused(client.query("SELEC 1").await, Code::InvalidArgument, "42601");
    refused(client.query("SELECT * FROM nix").await, Code::NotFound, "42P01");
    refused(client.query("").await, Code::InvalidArgument, "42601");
    refused(client.query("SELECT 1; SELECT 2").await, Code::InvalidArgument, "42601");
    refused(client.update("DROP TABLE nix").await, Code::NotFound, "42P01");
    client.update("CREATE TABLE t (id bigint)").await.unwrap();
    refused(client.update("CREATE TABLE t (id bigint)").await, Code::AlreadyExists, "42P07");
    refused(client.query("SELECT $1").await, Code::InvalidArgument, "22023");
    // In the midst of rows.
    let late = "SELECT 1 / (value - 500000) FROM generate_series(1, 1000000) AS g(value)";
    assert!(client.query(late).await.is_err());
    server.holds(NOTHING).await;
}

#[tokio::test]
async fn what_would_be_lost_with_its_session_is_refused() {
    let server = Server::start().await;
    let mut client = server.client().await;
    for text in ["SET nunatak.message = 'x'", "USE BRANCH main", "BEGIN"] {
        let message = refused(client.query(text).await, Code::Unimplemented, "0A000");
        assert!(message.contains("session of its own"), "{message}");
    }
}

#[tokio::test]
async fn the_database_and_the_user_come_with_the_call() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.update("CREATE BRANCH other FROM main").await.unwrap();
    assert_eq!(client.rows("SELECT current_database(), current_user").await, ["lake|anonymous"]);
    client.inner.handshake("ann", "whatever").await.unwrap();
    client.inner.set_header("database", "lake@other");
    assert_eq!(client.rows("SELECT current_database(), current_user").await, ["lake@other|ann"]);
    client.inner.set_header("x-nunatak-message", "because");
    client.update("CREATE TABLE t (id bigint)").await.unwrap();
    let log = client.rows("SELECT author, message FROM system.log('other') LIMIT 1").await;
    assert_eq!(log, ["ann|because"]);
    client.inner.set_header("database", "lake@nix");
    refused(client.query("SELECT 1").await, Code::NotFound, "3D000");
}

#[tokio::test]
async fn a_result_can_be_canceled_before_and_while_it_is_read() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let one = HeldCounts { results: 1, ..NOTHING };

    let info = client.info(ENDLESS).await.unwrap();
    server.holds(one).await;
    let request = CancelFlightInfoRequest::new(info.clone());
    let action = Action::new("CancelFlightInfo", request.encode_to_vec());
    let mut answers = client.inner.do_action(action.clone()).await.unwrap();
    let body = answers.next().await.unwrap().unwrap().body;
    let result = CancelFlightInfoResult::decode(&*body).unwrap();
    assert_eq!(result.status(), CancelStatus::Cancelled);
    refused(client.read(&info).await, Code::Cancelled, "57014");

    let info = client.info(ENDLESS).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let mut reading = client.inner.do_get(ticket).await.unwrap();
    reading.next().await.unwrap().unwrap();
    let request = ActionCancelQueryRequest { info: info.encode_to_vec().into() };
    let action = Action::new("CancelQuery", request.as_any().encode_to_vec());
    let mut answers = client.inner.do_action(action).await.unwrap();
    let body = answers.next().await.unwrap().unwrap().body;
    let result: ActionCancelQueryResult = Any::decode(&*body).unwrap().unpack().unwrap().unwrap();
    assert_eq!(result.result, 1);
    let ended = reading.try_collect::<Vec<_>>().await;
    refused(ended.map_err(status), Code::Cancelled, "57014");
    server.idle_for(301);
    server.holds(NOTHING).await;
}

#[tokio::test]
async fn a_result_that_nobody_reads_is_dropped() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let info = client.info(ENDLESS).await.unwrap();
    let other = client.info(ENDLESS).await.unwrap();
    // To drop the stream ends the statement, and forgets it.
    let mut reading = client.inner.do_get(other.endpoint[0].ticket.clone().unwrap()).await.unwrap();
    reading.next().await.unwrap().unwrap();
    server.idle_for(1000);
    server.holds(HeldCounts { results: 1, ..NOTHING }).await;
    drop(reading);
    server.holds(NOTHING).await;
    refused(client.read(&info).await, Code::NotFound, "42704");
}

#[tokio::test]
async fn a_server_that_stops_finishes_what_runs() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let text = "SELECT value FROM generate_series(1, 300000) AS g(value)";
    let info = client.info(text).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let mut reading = client.inner.do_get(ticket).await.unwrap();
    let first = reading.next().await.unwrap().unwrap().num_rows();
    let address = server.address;
    let ended = server.stop();
    let rest: Vec<_> = reading.try_collect().await.unwrap();
    let rest: usize = rest.iter().map(arrow::array::RecordBatch::num_rows).sum();
    assert_eq!(first + rest, 300_000);
    ended.await.unwrap();
    assert!(client.query("SELECT 1").await.is_err());
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn statements_and_connections_are_counted() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.query("SELECT 1").await.unwrap();
    client.query("SELEC").await.unwrap_err();
    let text = String::from_utf8(server.metrics.render().unwrap()).unwrap();
    for line in [
        r#"nunatak_sql_statements_total{door="flight",outcome="ok"} 1"#,
        r#"nunatak_sql_statements_total{door="flight",outcome="error"} 1"#,
        r#"nunatak_sql_connections{door="flight"} 1"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
}
