//! Transactions: a session each, by a handle.

use arrow_flight::Action;
use arrow_flight::sql::{
    ActionBeginSavepointRequest, ActionBeginSavepointResult, ActionEndSavepointRequest, Any,
    EndTransaction, ProstMessageExt,
};
use bytes::Bytes;
use futures::StreamExt as _;
use nunatak::flight::door::HeldCounts;
use prost::Message as _;
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
    let text = "SELECT 1 / (value - 500000) FROM generate_series(1, 1000000) AS g(value)";
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

#[tokio::test]
async fn what_a_transaction_changes_is_one_commit_or_nothing() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.update("CREATE TABLE t (id bigint)").await.unwrap();
    let commits = "SELECT count(*) FROM system.log('main')";
    let before: u64 = client.rows(commits).await[0].parse().unwrap();
    for (action, count, made) in
        [(EndTransaction::Rollback, "0", 0), (EndTransaction::Commit, "3", 1)]
    {
        let handle = begin(&mut client).await;
        let insert = "INSERT INTO t VALUES (1), (2)".to_owned();
        assert_eq!(client.inner.execute_update(insert, Some(handle.clone())).await.unwrap(), 2);
        inside(&mut client, &handle, "CREATE TABLE IF NOT EXISTS u AS SELECT 1 AS one")
            .await
            .unwrap();
        let text = "INSERT INTO t VALUES ($1)".to_owned();
        let mut prepared = client.inner.prepare(text, Some(handle.clone())).await.unwrap();
        let three: arrow::array::ArrayRef =
            std::sync::Arc::new(arrow::array::Int64Array::from(vec![3]));
        let values = arrow::array::RecordBatch::try_from_iter([("1", three)]).unwrap();
        prepared.set_parameters(values).unwrap();
        assert_eq!(prepared.execute_update().await.unwrap(), 1);
        let seen = inside(&mut client, &handle, "SELECT count(*) FROM t, u").await.unwrap();
        assert_eq!(seen, ["3"]);
        assert_eq!(client.rows("SELECT count(*) FROM t").await, ["0"]);
        end(&mut client, &handle, action).await.unwrap();
        assert_eq!(client.rows("SELECT count(*) FROM t").await, [count]);
        assert_eq!(client.rows(commits).await, [(before + made).to_string()]);
    }
}

#[tokio::test]
async fn who_comes_second_is_told_to_try_again() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.update("CREATE TABLE t (id bigint)").await.unwrap();
    let handle = begin(&mut client).await;
    inside(&mut client, &handle, "INSERT INTO t VALUES (1)").await.unwrap();
    client.update("INSERT INTO t VALUES (2)").await.unwrap();
    let ended = end(&mut client, &handle, EndTransaction::Commit).await;
    refused(ended, Code::Aborted, "40001");
    assert_eq!(client.rows("SELECT id FROM t").await, ["2"]);
    assert_eq!(server.door.held(), NOTHING);
}

async fn act(
    client: &mut Client,
    name: &str,
    body: &impl ProstMessageExt,
) -> Result<Option<Bytes>, Status> {
    let action = Action::new(name, body.as_any().encode_to_vec());
    let mut answers = client.inner.do_action(action).await.map_err(status)?;
    Ok(answers.next().await.transpose()?.map(|answer| answer.body))
}

#[tokio::test]
async fn savepoints_are_gone_back_to() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.update("CREATE TABLE t (id bigint)").await.unwrap();
    let handle = begin(&mut client).await;
    inside(&mut client, &handle, "INSERT INTO t VALUES (1)").await.unwrap();
    let request = ActionBeginSavepointRequest {
        transaction_id: handle.clone(),
        name: "a \"strange\" name".to_owned(),
    };
    let answer = act(&mut client, "BeginSavepoint", &request).await.unwrap().unwrap();
    let made: ActionBeginSavepointResult =
        Any::decode(&*answer).unwrap().unpack().unwrap().unwrap();
    inside(&mut client, &handle, "INSERT INTO t VALUES (2)").await.unwrap();
    let savepoint_id = made.savepoint_id;
    let back = ActionEndSavepointRequest { savepoint_id: savepoint_id.clone(), action: 2 };
    act(&mut client, "EndSavepoint", &back).await.unwrap();
    assert_eq!(inside(&mut client, &handle, "SELECT id FROM t").await.unwrap(), ["1"]);
    let release = ActionEndSavepointRequest { savepoint_id, action: 1 };
    act(&mut client, "EndSavepoint", &release).await.unwrap();
    end(&mut client, &handle, EndTransaction::Commit).await.unwrap();
    assert_eq!(client.rows("SELECT id FROM t").await, ["1"]);
    let gone = act(&mut client, "EndSavepoint", &release).await;
    refused(gone, Code::NotFound, "42704");
}

#[tokio::test]
async fn cursors_and_prepared_statements_live_in_a_transaction() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let handle = begin(&mut client).await;
    let declare = "DECLARE c SCROLL CURSOR FOR SELECT x FROM generate_series(1, 9) g(x)";
    inside(&mut client, &handle, declare).await.unwrap();
    assert_eq!(inside(&mut client, &handle, "FETCH 2 FROM c").await.unwrap(), ["1", "2"]);
    assert_eq!(inside(&mut client, &handle, "FETCH LAST FROM c").await.unwrap(), ["9"]);
    inside(&mut client, &handle, "PREPARE p (int) AS SELECT $1 + 1").await.unwrap();
    assert_eq!(inside(&mut client, &handle, "EXECUTE p (1)").await.unwrap(), ["2"]);
    end(&mut client, &handle, EndTransaction::Commit).await.unwrap();
    // Outside, each statement has a session of its own.
    for text in ["DECLARE c CURSOR WITH HOLD FOR SELECT 1", "PREPARE p AS SELECT 1"] {
        refused(client.query(text).await, Code::Unimplemented, "0A000");
    }
}
