//! Reading with row identities: file and position of every row, whatever is asked of the table.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, StringArray};
use datafusion::prelude::SessionContext;
use nunatak::iceberg::table::schema::Schema;
use nunatak::iceberg::table::update::TableUpdate;
use nunatak::sql::scan::provider::IcebergTable;
use nunatak::sql::scan::{ROW_FILE, ROW_POSITION};
use serde_json::{Value, json};

use crate::lake::Lake;
use crate::scan_kit::{ask, batch, explain};

fn ids(values: std::ops::Range<i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn names(values: std::ops::Range<i64>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values.map(|id| format!("n{id}"))))
}

fn columns() -> Value {
    json!([
        {"id": 1, "name": "id", "required": false, "type": "long"},
        {"id": 2, "name": "name", "required": false, "type": "string"},
    ])
}

/// Three files of ids in a row: 0..10 in groups of 4, 10..17 in groups of 3, 17..20 in one.
async fn three_files() -> Lake {
    let lake = Lake::new().await;
    lake.table(&columns(), &json!([]), &[]).await;
    let mut entries = Vec::new();
    for (name, range, group) in [("a", 0..10, 4), ("b", 10..17, 3), ("c", 17..20, 100)] {
        let rows = batch(&[("id", 1, ids(range.clone())), ("name", 2, names(range))]);
        entries.push((1, lake.data_file(&format!("{name}.parquet"), &rows, group).await));
    }
    lake.snapshot(&entries).await;
    lake
}

async fn rows(table: IcebergTable, more: &str) -> Vec<String> {
    let text = format!("SELECT \"{ROW_FILE}\", \"{ROW_POSITION}\", * FROM t {more}");
    ask(table, &text.replace('*', "id")).await.unwrap()
}

fn expected() -> Vec<String> {
    let mut lines: Vec<String> = (0..20_u32)
        .map(|id| match id {
            0..10 => format!("0 {id} {id}"),
            10..17 => format!("1 {} {id}", id - 10),
            _ => format!("2 {} {id}", id - 17),
        })
        .collect();
    lines.sort_unstable();
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_many_files_and_groups_know_where_they_stand() {
    let lake = three_files().await;
    let table = lake.provider().await.unwrap().with_row_ids();
    assert_eq!(rows(table.clone(), "").await, expected());
    // Whatever filter: the rows that are left keep their positions.
    for (filter, keep) in [
        ("WHERE id % 3 = 0", (|id| id % 3 == 0) as fn(u32) -> bool),
        ("WHERE id >= 5 AND id < 12", |id| (5..12).contains(&id)),
        ("WHERE name = 'n7' OR id = 19", |id| id == 7 || id == 19),
        ("WHERE id > 100", |_| false),
    ] {
        let mut wanted = expected();
        wanted.retain(|line| keep(line.rsplit(' ').next().unwrap().parse().unwrap()));
        assert_eq!(rows(table.clone(), filter).await, wanted, "{filter}");
    }
    let by_identity = format!("WHERE \"{ROW_FILE}\" = 1 AND \"{ROW_POSITION}\" IN (2, 6, 7)");
    assert_eq!(rows(table.clone(), &by_identity).await, ["1 2 12", "1 6 16"]);
    // Filters that grow while the query runs, and limits, stop above the files.
    let join = "WHERE id IN (SELECT max(id) - 4 FROM t)";
    assert_eq!(rows(table.clone(), join).await, ["1 5 15"]);
    assert_eq!(rows(table.clone(), "ORDER BY id DESC LIMIT 2").await, ["2 1 18", "2 2 19"]);
    assert_eq!(rows(table.clone(), "ORDER BY name LIMIT 3").await, ["0 0 0", "0 1 1", "1 0 10"]);
    assert_eq!(rows(table, "LIMIT 4").await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_asked_for_is_read() {
    let lake = three_files().await;
    let table = lake.provider().await.unwrap().with_row_ids();
    let all = format!("SELECT count(*), sum(\"{ROW_POSITION}\"), max(\"{ROW_FILE}\") FROM t");
    assert_eq!(ask(table.clone(), &all).await.unwrap(), ["20 69 2"]);
    assert_eq!(ask(table.clone(), "SELECT count(*) FROM t").await.unwrap(), ["20"]);
    assert_eq!(ask(table.clone(), "SELECT name FROM t WHERE id = 3").await.unwrap(), ["n3"]);
    let positions = format!("SELECT \"{ROW_POSITION}\" FROM t WHERE name = 'n19'");
    assert_eq!(ask(table.clone(), &positions).await.unwrap(), ["2"]);
    // The plan reads the columns that are asked for, and nothing was pushed into it.
    let plan = explain(table.clone(), &positions).await;
    assert!(plan.starts_with("FilterExec: name@0 = n19"), "{plan}");
    assert!(plan.ends_with("RowIdsExec: files=3, projection=[name, position]\n"), "{plan}");
    let top = explain(table, "SELECT id FROM t ORDER BY id DESC LIMIT 1").await;
    assert!(top.contains("SortExec: TopK(fetch=1)"), "{top}");
    assert!(top.ends_with("RowIdsExec: files=3, projection=[id]\n"), "{top}");
}

#[tokio::test(flavor = "multi_thread")]
async fn some_files_only() {
    let lake = three_files().await;
    let table = lake.provider().await.unwrap();
    let some = table.only(BTreeSet::from([0, 2]));
    let wanted: Vec<String> =
        expected().into_iter().filter(|line| !line.starts_with("1 ")).collect();
    assert_eq!(rows(some.clone().with_row_ids(), "").await, wanted);
    assert_eq!(ask(some.clone(), "SELECT count(*), max(id) FROM t").await.unwrap(), ["13 19"]);
    assert_eq!(some.live().await.unwrap().len(), 3);
    let none = table.only(BTreeSet::new());
    assert!(rows(none.clone().with_row_ids(), "").await.is_empty());
    assert_eq!(ask(none, "SELECT count(*) FROM t").await.unwrap(), ["0"]);
    assert_eq!(rows(table.clone().with_row_ids().only(BTreeSet::from([1])), "").await.len(), 7);
    // The manifests are read once for all of them.
    let (first, second) = (table.live().await.unwrap(), some.live().await.unwrap());
    assert!(std::ptr::eq(first, second));
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_changed_since() {
    let lake = Lake::new().await;
    lake.table(&columns(), &json!([]), &[]).await;
    let narrow: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
    let old = batch(&[("name", 2, names(0..3)), ("identity", 1, narrow), ("gone", 9, ids(0..3))]);
    let old = lake.data_file("old.parquet", &old, 2).await;
    lake.snapshot(&[(1, old.clone())]).await;
    let fields = json!([
        {"id": 3, "name": "more", "required": false, "type": "long"},
        {"id": 1, "name": "number", "required": false, "type": "long"},
        {"id": 2, "name": "id", "required": false, "type": "string"},
    ]);
    let text = json!({"type": "struct", "schema-id": 1, "fields": fields}).to_string();
    lake.update(vec![
        TableUpdate::AddSchema(Arc::new(Schema::parse(&text).unwrap())),
        TableUpdate::SetCurrentSchema(-1),
    ])
    .await;
    let new = batch(&[("number", 1, ids(7..9)), ("more", 3, ids(70..72)), ("id", 2, names(7..9))]);
    let new = lake.data_file("new.parquet", &new, 1).await;
    lake.snapshot(&[(1, old), (2, new)]).await;
    let table = lake.provider().await.unwrap().with_row_ids();
    let text = format!("SELECT \"{ROW_FILE}\", \"{ROW_POSITION}\", more, number, id FROM t");
    assert_eq!(
        ask(table.clone(), &text).await.unwrap(),
        ["0 0 - 1 n0", "0 1 - - n1", "0 2 - 3 n2", "1 0 70 7 n7", "1 1 71 8 n8"]
    );
    let text = format!("SELECT id, \"{ROW_POSITION}\" FROM t WHERE more IS NULL AND number = 3");
    assert_eq!(ask(table, &text).await.unwrap(), ["n2 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_rows() {
    let lake = Lake::new().await;
    lake.table(&columns(), &json!([]), &[]).await;
    let table = lake.provider().await.unwrap().with_row_ids();
    assert!(rows(table.clone(), "").await.is_empty());
    assert_eq!(ask(table.clone(), "SELECT count(*) FROM t").await.unwrap(), ["0"]);
    let empty = batch(&[("id", 1, ids(0..0)), ("name", 2, names(0..0))]);
    let empty = lake.data_file("empty.parquet", &empty, 5).await;
    lake.snapshot(&[(1, empty)]).await;
    let table = lake.provider().await.unwrap().with_row_ids();
    assert!(rows(table, "").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_row_once_in_as_many_partitions_as_there_are() {
    let lake = three_files().await;
    let table = Arc::new(lake.provider().await.unwrap().with_row_ids());
    for partitions in [1, 2, 3, 8] {
        let context: SessionContext = crate::scan_kit::context(partitions);
        context.register_table("t", Arc::<IcebergTable>::clone(&table)).unwrap();
        let frame = context.sql("SELECT * FROM t").await.unwrap();
        let plan = frame.create_physical_plan().await.unwrap();
        assert_eq!(plan.properties().partitioning.partition_count(), partitions.min(3));
        let read = datafusion::physical_plan::collect(plan, context.task_ctx()).await.unwrap();
        assert_eq!(read.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 20);
    }
}
