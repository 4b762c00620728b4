//! Ingestion: rows as rows.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    Float64Array, Int8Array, Int64Array, ListArray, RecordBatch, StringArray, StringViewArray,
    StructArray, TimestampMicrosecondArray, TimestampMillisecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type};
use arrow_flight::sql::{
    CommandStatementIngest, EndTransaction, TableDefinitionOptions, TableExistsOption,
    TableNotExistOption,
};
use futures::{StreamExt as _, stream};
use tonic::{Code, Status};

use crate::server::{Client, Server, refused, shown, status};

const CREATE: (TableNotExistOption, TableExistsOption) =
    (TableNotExistOption::Create, TableExistsOption::Fail);
const APPEND: (TableNotExistOption, TableExistsOption) =
    (TableNotExistOption::Fail, TableExistsOption::Append);
const EITHER: (TableNotExistOption, TableExistsOption) =
    (TableNotExistOption::Create, TableExistsOption::Append);

fn command(
    table: &str,
    (missing, there): (TableNotExistOption, TableExistsOption),
) -> CommandStatementIngest {
    CommandStatementIngest {
        table_definition_options: Some(TableDefinitionOptions {
            if_not_exist: missing.into(),
            if_exists: there.into(),
        }),
        table: table.to_owned(),
        ..CommandStatementIngest::default()
    }
}

async fn put(
    client: &mut Client,
    command: CommandStatementIngest,
    batches: Vec<RecordBatch>,
) -> Result<i64, Status> {
    let batches = stream::iter(batches.into_iter().map(Ok));
    client.inner.execute_ingest(command, batches).await.map_err(status)
}

fn batch(ids: &[i64]) -> RecordBatch {
    let names: StringArray = ids.iter().map(|id| (id % 2 == 1).then(|| format!("n{id}"))).collect();
    RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(ids.to_vec())) as ArrayRef),
        ("Name", Arc::new(names) as ArrayRef),
    ])
    .unwrap()
}

async fn commits(client: &mut Client) -> String {
    client.rows("SELECT count(*) FROM system.log('main')").await.remove(0)
}

#[tokio::test]
async fn the_table_is_made_or_added_to_as_the_client_says() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let none = put(&mut client, command("t", APPEND), vec![batch(&[1])]).await;
    refused(none, Code::NotFound, "42P01");
    let batches = vec![batch(&[1, 2]), batch(&[3])];
    assert_eq!(put(&mut client, command("t", CREATE), batches).await.unwrap(), 3);
    let there = put(&mut client, command("t", CREATE), vec![batch(&[1])]).await;
    refused(there, Code::AlreadyExists, "42P07");
    let before: u64 = commits(&mut client).await.parse().unwrap();
    let batches = vec![batch(&[4]), batch(&[5])];
    assert_eq!(put(&mut client, command("t", APPEND), batches).await.unwrap(), 2);
    assert_eq!(commits(&mut client).await, (before + 1).to_string());
    assert_eq!(put(&mut client, command("t", EITHER), vec![batch(&[6])]).await.unwrap(), 1);
    let rows = client.rows("SELECT id, \"Name\" FROM t ORDER BY id").await;
    assert_eq!(rows, ["1|n1", "2|∅", "3|n3", "4|∅", "5|n5", "6|∅"]);
}

#[tokio::test]
async fn columns_are_matched_by_name_and_cast_like_those_of_an_insert() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.update("CREATE TABLE t (a bigint, b text, c numeric(10,2))").await.unwrap();
    let rows = RecordBatch::try_from_iter([
        ("b", Arc::new(StringViewArray::from(vec!["x"])) as ArrayRef),
        ("A", Arc::new(Int8Array::from(vec![7])) as ArrayRef),
    ])
    .unwrap();
    assert_eq!(put(&mut client, command("t", APPEND), vec![rows]).await.unwrap(), 1);
    assert_eq!(client.rows("SELECT * FROM t").await, ["7|x|∅"]);
    let float: ArrayRef = Arc::new(Float64Array::from(vec![1.5]));
    let rows = RecordBatch::try_from_iter([("a", float)]).unwrap();
    let cut = put(&mut client, command("t", APPEND), vec![rows]).await;
    refused(cut, Code::InvalidArgument, "42804");
    let other: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let rows = RecordBatch::try_from_iter([("nix", other)]).unwrap();
    let unknown = put(&mut client, command("t", APPEND), vec![rows]).await;
    refused(unknown, Code::InvalidArgument, "42703");
    assert_eq!(client.rows("SELECT count(*) FROM t").await, ["1"]);
}

#[tokio::test]
async fn a_schema_is_a_path_and_a_branch_is_one() {
    let server = Server::start().await;
    let mut client = server.client().await;
    client.update("CREATE BRANCH other FROM main").await.unwrap();
    client.update("CREATE SCHEMA other.sales").await.unwrap();
    let named = |schema: &str| CommandStatementIngest {
        schema: Some(schema.to_owned()),
        catalog: Some("lake".to_owned()),
        ..command("t", CREATE)
    };
    put(&mut client, named("other"), vec![batch(&[1])]).await.unwrap();
    put(&mut client, named("other.sales"), vec![batch(&[1, 2])]).await.unwrap();
    assert_eq!(client.rows("SELECT count(*) FROM other.t").await, ["1"]);
    assert_eq!(client.rows("SELECT count(*) FROM other.sales.t").await, ["2"]);
    let nowhere = put(&mut client, named("nix"), vec![batch(&[1])]).await;
    assert_eq!(nowhere.unwrap_err().code(), Code::NotFound);
    let foreign =
        CommandStatementIngest { catalog: Some("sea".to_owned()), ..command("t", CREATE) };
    refused(put(&mut client, foreign, vec![batch(&[1])]).await, Code::Unimplemented, "0A000");
    let temporary = CommandStatementIngest { temporary: true, ..command("t", CREATE) };
    refused(put(&mut client, temporary, vec![batch(&[1])]).await, Code::Unimplemented, "0A000");
    let unsaid = CommandStatementIngest { table_definition_options: None, ..command("t", CREATE) };
    refused(put(&mut client, unsaid, vec![batch(&[1])]).await, Code::InvalidArgument, "22023");
}

#[tokio::test]
async fn rows_of_many_types_come_back_as_they_were() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let dictionary: DictionaryArray<Int32Type> = vec![Some("red"), None].into_iter().collect();
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None]);
    let inner: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    let structs =
        StructArray::from(vec![(Arc::new(Field::new("x", DataType::Int64, true)), inner)]);
    let decimals = Decimal128Array::from(vec![Some(12345), None]).with_precision_and_scale(10, 2);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("flag", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("big", Arc::new(Int64Array::from(vec![Some(i64::MIN), None]))),
        ("half", Arc::new(Float64Array::from(vec![Some(-0.5), None]))),
        ("price", Arc::new(decimals.unwrap())),
        ("day", Arc::new(Date32Array::from(vec![Some(20454), None]))),
        ("at", Arc::new(TimestampMillisecondArray::from(vec![Some(1), None]))),
        (
            "zoned",
            Arc::new(TimestampMicrosecondArray::from(vec![Some(1), None]).with_timezone("UTC")),
        ),
        ("bytes", Arc::new(BinaryArray::from_opt_vec(vec![Some(b"\x00\xff"), None]))),
        ("color", Arc::new(dictionary)),
        ("list", Arc::new(list)),
        ("struct", Arc::new(structs)),
    ];
    let rows = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    assert_eq!(put(&mut client, command("t", CREATE), vec![rows]).await.unwrap(), 2);
    let read = client.query("SELECT * FROM t ORDER BY big NULLS LAST").await.unwrap();
    assert_eq!(
        shown(&read)[0],
        "true|-9223372036854775808|-0.5|123.45|2026-01-01|1970-01-01T00:00:00.001|\
         1970-01-01T00:00:00.000001Z|00ff|red|[1, ]|{x: 1}"
    );
    for (at, column) in read[0].columns().iter().enumerate() {
        let nested = matches!(column.data_type(), DataType::Struct(_));
        let null = read.iter().map(|batch| batch.column(at).null_count()).sum::<usize>();
        assert!(null == 1 || nested, "{at}");
    }
}

#[tokio::test]
async fn nothing_is_put_if_the_client_goes_in_the_midst_of_its_rows() {
    let server = Server::start().await;
    let mut client = server.client().await;
    put(&mut client, command("t", CREATE), vec![batch(&[1])]).await.unwrap();
    let before = commits(&mut client).await;
    let mut other = server.client().await;
    let endless = stream::iter([Ok(batch(&[2]))]).chain(stream::pending());
    let putting =
        tokio::spawn(
            async move { other.inner.execute_ingest(command("t", APPEND), endless).await },
        );
    let failed = || {
        let text = String::from_utf8(server.metrics.render().unwrap()).unwrap();
        text.contains(r#"nunatak_sql_statements_total{door="flight",outcome="error"} 1"#)
    };
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(!failed());
    putting.abort();
    let waited = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        while !failed() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap();
    assert_eq!(client.rows("SELECT count(*) FROM t").await, ["1"]);
    assert_eq!(commits(&mut client).await, before);
}

#[tokio::test]
async fn another_table_takes_the_place_in_one_commit() {
    let server = Server::start().await;
    let mut client = server.client().await;
    let replace = (TableNotExistOption::Create, TableExistsOption::Replace);
    assert_eq!(put(&mut client, command("t", replace), vec![batch(&[1, 2])]).await.unwrap(), 2);
    let before: u64 = commits(&mut client).await.parse().unwrap();
    let other: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    let rows = RecordBatch::try_from_iter([("word", other)]).unwrap();
    assert_eq!(put(&mut client, command("t", replace), vec![rows]).await.unwrap(), 1);
    assert_eq!(commits(&mut client).await, (before + 1).to_string());
    assert_eq!(client.rows("SELECT * FROM t").await, ["x"]);
    assert_eq!(client.rows("SELECT id FROM t AT REF 'main~1' ORDER BY id").await, ["1", "2"]);
    // What cannot be put leaves the old one.
    let duration: ArrayRef = Arc::new(arrow::array::DurationSecondArray::from(vec![1]));
    let rows = RecordBatch::try_from_iter([("d", duration)]).unwrap();
    put(&mut client, command("t", replace), vec![rows]).await.unwrap_err();
    assert_eq!(client.rows("SELECT * FROM t").await, ["x"]);
    client.update("CREATE VIEW v AS SELECT 1 AS one").await.unwrap();
    let view = put(&mut client, command("v", replace), vec![batch(&[1])]).await;
    refused(view, Code::InvalidArgument, "42809");
}

#[tokio::test]
async fn rows_can_be_a_part_of_a_transaction() {
    let server = Server::start().await;
    let mut client = server.client().await;
    put(&mut client, command("t", CREATE), vec![batch(&[1])]).await.unwrap();
    let handle = client.inner.begin_transaction().await.unwrap();
    let inside =
        CommandStatementIngest { transaction_id: Some(handle.clone()), ..command("t", APPEND) };
    assert_eq!(put(&mut client, inside.clone(), vec![batch(&[2])]).await.unwrap(), 1);
    let replace = (TableNotExistOption::Fail, TableExistsOption::Replace);
    let other =
        CommandStatementIngest { transaction_id: inside.transaction_id, ..command("t", replace) };
    assert_eq!(put(&mut client, other, vec![batch(&[3, 4])]).await.unwrap(), 2);
    assert_eq!(client.rows("SELECT id FROM t").await, ["1"]);
    client.inner.end_transaction(handle, EndTransaction::Commit).await.unwrap();
    assert_eq!(client.rows("SELECT id FROM t ORDER BY id").await, ["3", "4"]);
}
