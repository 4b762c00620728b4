//! Prepared statements and the values that are bound to them.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int32Array, Int64Array, NullArray, RecordBatch,
    StringArray,
};
use arrow::datatypes::DataType;
use tonic::Code;

use crate::server::{NOTHING, Server, refused, shown, status};

fn values(columns: Vec<ArrayRef>) -> RecordBatch {
    let named = columns.into_iter().enumerate().map(|(at, column)| (format!("{at}"), column));
    RecordBatch::try_from_iter(named).unwrap()
}

/// Runs a text with values; its rows.
async fn run(
    server: &Server,
    text: &str,
    bound: RecordBatch,
) -> Result<Vec<String>, tonic::Status> {
    let mut client = server.client().await;
    let mut statement = client.inner.prepare(text.to_owned(), None).await.map_err(status)?;
    statement.set_parameters(bound).unwrap();
    let info = statement.execute().await.map_err(status);
    statement.close().await.unwrap();
    let info = info?;
    let told = info.clone().try_decode_schema().unwrap();
    let batches = client.read(&info).await?;
    if let Some(batch) = batches.first() {
        assert_eq!(told.fields(), batch.schema().fields());
    }
    Ok(shown(&batches))
}

#[tokio::test]
async fn values_stand_wherever_a_value_can() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.update("CREATE TABLE t (id bigint, name text, at date)").await.unwrap();
    client.update("INSERT INTO t VALUES (1, 'a', '2026-01-01'), (2, 'b', NULL)").await.unwrap();
    let int = |n: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![n])) };
    let text = |t: &str| -> ArrayRef { Arc::new(StringArray::from(vec![t])) };
    let cases: Vec<(&str, Vec<ArrayRef>, &[&str])> = vec![
        ("SELECT $1 + 1", vec![int(1)], &["2"]),
        ("SELECT $1 AS x, $2 AS y", vec![int(7), text("z")], &["7|z"]),
        ("SELECT name FROM t WHERE id = $1", vec![int(2)], &["b"]),
        ("SELECT name FROM t WHERE id = $1", vec![Arc::new(Int32Array::from(vec![2]))], &["b"]),
        // A text is read as what it stands for, not compared as a text.
        ("SELECT name FROM t WHERE id = $1", vec![text("02")], &["b"]),
        ("SELECT name FROM t WHERE id < $1", vec![text("10")], &["a", "b"]),
        // A number keeps its fraction.
        ("SELECT name FROM t WHERE id < $1", vec![Arc::new(Float64Array::from(vec![1.5]))], &["a"]),
        ("SELECT id FROM t WHERE at = $1", vec![Arc::new(Date32Array::from(vec![20454]))], &["1"]),
        ("SELECT id FROM t WHERE at = $1", vec![text("2026-01-01")], &["1"]),
        ("SELECT id FROM t WHERE name = $1", vec![Arc::new(NullArray::new(1))], &[]),
        ("SELECT $1 AS x", vec![Arc::new(NullArray::new(1))], &["∅"]),
    ];
    for (text, bound, expected) in cases {
        let rows = run(&server, text, values(bound.clone())).await;
        assert_eq!(
            rows.as_deref().ok(),
            Some(expected.map_to_strings().as_slice()),
            "{text} {bound:?}: {rows:?}"
        );
    }
    let bad = run(&server, "SELECT name FROM t WHERE id = $1", values(vec![text("two")])).await;
    refused(bad, Code::InvalidArgument, "22000");
    let two = run(&server, "SELECT $1 + 1", values(vec![int(1), int(2)])).await;
    refused(two, Code::InvalidArgument, "22023");
    assert_eq!(server.door.held(), NOTHING);
}

trait MapToStrings {
    fn map_to_strings(&self) -> Vec<String>;
}

impl MapToStrings for &[&str] {
    fn map_to_strings(&self) -> Vec<String> {
        self.iter().map(|text| (*text).to_owned()).collect()
    }
}

#[tokio::test]
async fn each_row_of_values_runs_the_statement_once() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.update("CREATE TABLE t (id bigint, name text)").await.unwrap();
    let batch = values(vec![
        Arc::new(Int64Array::from(vec![1, 2, 3])),
        Arc::new(StringArray::from(vec![Some("a"), None, Some("c")])),
    ]);
    let mut insert =
        client.inner.prepare("INSERT INTO t VALUES ($1, $2)".to_owned(), None).await.unwrap();
    insert.set_parameters(batch.clone()).unwrap();
    let commits = "SELECT count(*) FROM system.log('main')";
    let before: u64 = client.rows(commits).await[0].parse().unwrap();
    assert_eq!(insert.execute_update().await.unwrap(), 3);
    // All of them are one commit, or none is there.
    assert_eq!(client.rows(commits).await, [(before + 1).to_string()]);
    assert_eq!(client.rows("SELECT * FROM t ORDER BY id").await, ["1|a", "2|∅", "3|c"]);
    // No rows of values are not the same as no values.
    insert.set_parameters(batch.slice(0, 0)).unwrap();
    assert_eq!(insert.execute_update().await.unwrap(), 0);
    assert_eq!(client.rows("SELECT count(*) FROM t").await, ["3"]);

    // One file for many rows of an `INSERT` with values, and in their order.
    let many: Vec<i64> = (10..6_010).collect();
    let texts: StringArray = many.iter().map(|n| (n % 2 == 0).then(|| format!("n{n}"))).collect();
    insert.set_parameters(values(vec![Arc::new(Int64Array::from(many)), Arc::new(texts)])).unwrap();
    assert_eq!(insert.execute_update().await.unwrap(), 6_000);
    let sums = "SELECT count(*), count(name), sum(id), max(name) FROM t WHERE id >= 10";
    assert_eq!(client.rows(sums).await, ["6000|3000|18057000|n998"]);
    let files: u64 =
        client.rows("SELECT count(*) FROM system.files('t')").await[0].parse().unwrap();
    assert!(files < 10, "{files}");
    client.update("DELETE FROM t WHERE id >= 10").await.unwrap();
    // What sees the rows before it is run for each row.
    let text = "INSERT INTO t SELECT max(id) + 1, $1 FROM t".to_owned();
    let mut next = client.inner.prepare(text, None).await.unwrap();
    next.set_parameters(values(vec![Arc::new(StringArray::from(vec!["d", "e"]))])).unwrap();
    assert_eq!(next.execute_update().await.unwrap(), 2);
    let rows = client.rows("SELECT * FROM t WHERE id > 3 ORDER BY id").await;
    assert_eq!(rows, ["4|d", "5|e"]);

    let ids = values(vec![Arc::new(Int64Array::from(vec![3, 1]))]);
    let rows = run(&server, "SELECT name FROM t WHERE id = $1", ids.clone()).await.unwrap();
    assert_eq!(rows, ["c", "a"]);
    let none = run(&server, "SELECT name FROM t WHERE id = $1", ids.slice(0, 0)).await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn a_statement_is_described_before_it_runs() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.update("CREATE TABLE t (id bigint, name text)").await.unwrap();
    let text = "SELECT name FROM t WHERE id = $1".to_owned();
    let statement = client.inner.prepare(text, None).await.unwrap();
    let parameters = statement.parameter_schema().unwrap();
    assert_eq!(parameters.fields().len(), 1);
    assert_eq!(*parameters.field(0).data_type(), DataType::Int64);
    assert!(parameters.field(0).is_nullable());
    let columns = statement.dataset_schema().unwrap();
    assert_eq!(columns.field(0).name(), "name");
    assert_eq!(*columns.field(0).data_type(), DataType::Utf8);
    let wrong = client.inner.prepare("SELECT nix FROM t".to_owned(), None).await;
    refused(wrong.map(drop).map_err(status), Code::InvalidArgument, "42703");
}

#[tokio::test]
async fn a_handle_that_is_gone_says_so() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let mut statement = client.inner.prepare("SELECT 1".to_owned(), None).await.unwrap();
    server.idle_for(60 * 60);
    let message = refused(statement.execute().await.map_err(status), Code::NotFound, "42704");
    assert!(message.contains("prepare it again"), "{message}");
    // To close it is no error all the same.
    statement.close().await.unwrap();
}
