//! Transactions: a session each, by a handle.

use arrow_flight::sql::EndTransaction;
use bytes::Bytes;
use nunatak::flight::door::HeldCounts;
use tonic::{Code, Status};

use crate::server::{Client, NOTHING, Server, refused, shown, status};

async fn begin(client: &mut Client) -> Bytes {
    client.inner.begin_transaction().await.unwrap()
}

async fn end(client: &mut Client, handle: &Bytes, action: EndTransaction) -> Result<(), Status> {
    client.inner.end_transaction(handle.clone(), action).await.map_err(status)
}

async fn inside(client: &mut Client, handle: &Bytes, text: &str) -> Result<Vec<String>, Status> {
    let info = client.inner.execute(text.to_owned(), Some(handle.clone())).await.map_err(status)?;
    Ok(shown(&client.read(&info).await?))
}

#[tokio::test]
async fn a_transaction_sees_one_state_until_it_ends() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.update("CREATE TABLE t (id bigint)").await.unwrap();
    let handle = begin(&mut client).await;
    assert_eq!(inside(&mut client, &handle, "SELECT count(*) FROM t").await.unwrap(), ["0"]);
    client.update("INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(inside(&mut client, &handle, "SELECT count(*) FROM t").await.unwrap(), ["0"]);
    // A session of its own keeps what is set.
    inside(&mut client, &handle, "SET nunatak.message = 'why'").await.unwrap();
    assert_eq!(inside(&mut client, &handle, "SHOW nunatak.message").await.unwrap(), ["why"]);
    end(&mut client, &handle, EndTransaction::Commit).await.unwrap();
    assert_eq!(server.door.held(), NOTHING);
    let after = inside(&mut client, &handle, "SELECT 1").await;
    refused(after, Code::NotFound, "42704");
    let again = end(&mut client, &handle, EndTransaction::Commit).await;
    refused(again, Code::NotFound, "42704");
}

#[tokio::test]
async fn a_failed_transaction_can_only_be_given_up() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let handle = begin(&mut client).await;
    let failed = inside(&mut client, &handle, "SELECT * FROM nix").await;
    refused(failed, Code::NotFound, "42P01");
    let next = inside(&mut client, &handle, "SELECT 1").await;
    refused(next, Code::FailedPrecondition, "25P02");
    let ended = end(&mut client, &handle, EndTransaction::Commit).await;
    refused(ended, Code::FailedPrecondition, "25P02");
    // Also if it fails while its rows are read.
    let handle = begin(&mut client).await;
    let text = "SELECT 1 / (value - 500000) FROM generate_series(1, 1000000)";
    inside(&mut client, &handle, text).await.unwrap_err();
    let ended = end(&mut client, &handle, EndTransaction::Commit).await;
    refused(ended, Code::FailedPrecondition, "25P02");
    let handle = begin(&mut client).await;
    end(&mut client, &handle, EndTransaction::Rollback).await.unwrap();
    assert_eq!(server.door.held(), NOTHING);
}

#[tokio::test]
async fn an_idle_transaction_is_dropped_and_a_busy_one_is_not() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let handle = begin(&mut client).await;
    server.idle_for(30 * 60 - 1);
    inside(&mut client, &handle, "SELECT 1").await.unwrap();
    server.holds(HeldCounts { transactions: 1, ..NOTHING }).await;
    server.idle_for(30 * 60 - 1);
    inside(&mut client, &handle, "SELECT 1").await.unwrap();
    server.idle_for(30 * 60);
    assert_eq!(server.door.held(), NOTHING);
    let message = refused(inside(&mut client, &handle, "SELECT 1").await, Code::NotFound, "42704");
    assert!(message.contains("idle for too long"), "{message}");
}

#[tokio::test]
async fn prepared_statements_run_in_their_transaction() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.update("CREATE TABLE t (id bigint)").await.unwrap();
    let handle = begin(&mut client).await;
    let text = "SELECT count(*) FROM t".to_owned();
    let mut statement = client.inner.prepare(text, Some(handle.clone())).await.unwrap();
    client.update("INSERT INTO t VALUES (1)").await.unwrap();
    let info = statement.execute().await.unwrap();
    assert_eq!(shown(&client.read(&info).await.unwrap()), ["0"]);
    end(&mut client, &handle, EndTransaction::Rollback).await.unwrap();
    refused(statement.execute().await.map_err(status), Code::NotFound, "42704");
}
