//! Connections, the simple protocol, cancel, shutdown.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::server::{Server, code, connect};

/// Rows and tags in the order they came.
async fn simple(client: &Client, text: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let messages = client.simple_query(text).await?;
    let shown = messages.into_iter().map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).unwrap_or("NULL").to_owned(),
        SimpleQueryMessage::CommandComplete(count) => format!("#{count}"),
        SimpleQueryMessage::RowDescription(columns) => format!("({})", columns[0].name()),
        other => format!("{other:?}"),
    });
    Ok(shown.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_one_message_run_one_after_another() {
    let server = Server::start().await;
    let client = server.client().await;
    let shown = simple(&client, "count 2; insert x; none").await.unwrap();
    assert_eq!(shown, ["(n)", "0", "1", "#2", "#3", "(n)", "#0"]);
    // An empty text has an answer of its own, which this client shows so.
    assert_eq!(simple(&client, " ; ").await.unwrap(), ["#0"]);
    // The first error ends the message, and the session goes on.
    assert_eq!(code(simple(&client, "count 1; boom; endless").await), "42P01");
    assert_eq!(code(simple(&client, "count 1; nonsense").await), "42601");
    assert_eq!(simple(&client, "count 1").await.unwrap(), ["(n)", "0", "#1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_everything() {
    let server = Server::start().await;
    let client = server.client().await;
    let error = client.simple_query("boom").await.unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!(error.severity(), "ERROR");
    assert_eq!(error.code().code(), "42P01");
    assert_eq!(error.message(), "relation \"boom\" does not exist");
    assert_eq!(error.hint(), Some("Make it."));
    assert_eq!(error.position(), Some(&tokio_postgres::error::ErrorPosition::Original(15)));
    assert_eq!(code(simple(&client, "late").await), "22000");
    for panicking in ["panic", "late-panic"] {
        assert_eq!(code(simple(&client, panicking).await), "XX000");
    }
    assert_eq!(simple(&client, "insert").await.unwrap(), ["#3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_transaction_waits_for_its_end() {
    let server = Server::start().await;
    let client = server.client().await;
    // Also after an error that only the door sees: in the stream of rows.
    for failing in ["boom", "late", "late-panic"] {
        simple(&client, "begin").await.unwrap();
        assert!(simple(&client, failing).await.is_err());
        assert_eq!(code(simple(&client, "count 1").await), "25P02", "{failing}");
        simple(&client, "rollback").await.unwrap();
        simple(&client, "count 1").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_connect_is_told_why() {
    let server = Server::start().await;
    let mut config = server.config();
    let Err(error) = connect(config.dbname("pond")).await else { panic!("connected") };
    let error = error.as_db_error().unwrap();
    assert_eq!((error.severity(), error.code().code()), ("FATAL", "3D000"));
    assert_eq!(error.hint(), Some("Connect to lake or lake@<ref>."));
    // Without a database, libpq's default: the name of the user.
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(server.address.port()).user("lake@ingest");
    let client = connect(&config).await.unwrap();
    assert_eq!(simple(&client, "insert").await.unwrap(), ["#3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_ends_the_statement_and_not_the_session() {
    let server = Server::start().await;
    let client = server.client().await;
    let cancel = client.cancel_token();
    for text in ["wait", "endless"] {
        let canceler = async {
            if text == "wait" {
                // Nobody can tell from outside that it waits: repeat until it has ended.
                while server.log.canceled.load(Ordering::SeqCst) == 0 {
                    cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            } else {
                server.log.reaches(|log| &log.batches, 3).await;
                cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
            }
        };
        let (ended, ()) = tokio::join!(simple(&client, text), canceler);
        assert_eq!(code(ended), "57014", "{text}");
        // A request that comes after the end cancels nothing.
        cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
        assert_eq!(simple(&client, "insert").await.unwrap(), ["#3"]);
    }
    server.log.reaches(|log| &log.dropped, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_that_has_gone_asked_for_ends() {
    let server = Server::start().await;
    for text in ["endless", "wait"] {
        let (client, connection) = server.config().connect(tokio_postgres::NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let asking = tokio::spawn(async move { client.simple_query(text).await.map(drop) });
        if text == "endless" {
            server.log.reaches(|log| &log.batches, 3).await;
        } else {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        connection.abort();
        asking.abort();
    }
    server.log.reaches(|log| &log.dropped, 1).await;
    server.log.reaches(|log| &log.canceled, 1).await;
    server.log.reaches(|log| &log.closed, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_finishes_what_runs() {
    let server = Server::start().await;
    let (idle, connection) = server.config().connect(tokio_postgres::NoTls).await.unwrap();
    let idle_end = tokio::spawn(connection);
    let busy = server.client().await;
    let log = std::sync::Arc::clone(&server.log);
    let napping = tokio::spawn(async move { simple(&busy, "nap").await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let stopped = server.stop();
    assert_eq!(napping.await.unwrap().unwrap(), ["#0"]);
    assert_eq!(code(idle_end.await.unwrap()), "57P01");
    drop(idle);
    stopped.await.unwrap();
    assert_eq!(log.closed.load(Ordering::SeqCst), 2);
}
