//! Snapshots that are written: what they hold, what they keep, what they say.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{AsArray as _, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use nunatak::iceberg::table::update::TableUpdate;
use nunatak::sql::error::SqlState;
use serde_json::{Value, json};

use crate::lake::{Lake, rows};

fn columns() -> Value {
    json!([
        {"id": 1, "name": "id", "required": true, "type": "long"},
        {"id": 2, "name": "name", "required": false, "type": "string"},
    ])
}

fn batch(ids: &[i64]) -> RecordBatch {
    let names: StringArray =
        ids.iter().map(|id| (id % 2 == 0).then(|| format!("name {id}"))).collect();
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("name", DataType::Utf8, true),
    ]);
    let columns = vec![Arc::new(Int64Array::from(ids.to_vec())) as _, Arc::new(names) as _];
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

fn ids(batches: &[RecordBatch]) -> Vec<i64> {
    let mut ids: Vec<i64> = batches
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec())
        .collect();
    ids.sort_unstable();
    ids
}

async fn life(version: &str) -> (Lake, Vec<String>) {
    let lake = Lake::new().await;
    lake.table(&columns(), &json!([]), &[("format-version", version)]).await;
    let mut told = Vec::new();
    let first = lake.append(batch(&[1, 2, 3])).await;
    told.push(lake.load().await);
    lake.append(batch(&[4])).await;
    told.push(lake.load().await);
    lake.overwrite(batch(&[20, 30]), &[first[0].path()]).await;
    told.push(lake.load().await);
    lake.append(batch(&[5])).await;
    told.push(lake.load().await);
    let mut lines = Vec::new();
    for table in &told {
        lines.push(format!("{}\n{}", table.summary(), table.describe().await));
    }
    assert_eq!(ids(&told[1].read().await), [1, 2, 3, 4]);
    assert_eq!(ids(&told[3].read().await), [4, 5, 20, 30]);
    drop(told);
    let table = lake.load().await;
    let gone = table.write().unwrap().delete_all().await.unwrap();
    assert_eq!((gone.files_removed, gone.rows_removed, gone.rows_added), (3, 4, 0));
    drop(table);
    lake.commit(gone).await;
    let table = lake.load().await;
    lines.push(format!("{}\n{}", table.summary(), table.describe().await));
    assert!(table.read().await.is_empty());
    assert!(table.write().unwrap().delete_all().await.unwrap().is_empty());
    drop(table);
    lake.append(batch(&[6])).await;
    let table = lake.load().await;
    lines.push(format!("{}\n{}", table.summary(), table.describe().await));
    assert_eq!(ids(&table.read().await), [6]);
    drop(table);
    (lake, lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_table() {
    let (_lake, lines) = life("2").await;
    insta::assert_snapshot!(lines.join("\n\n"), @r"
    added-data-files=1 added-records=3 changed-partition-count=1 operation=append total-data-files=1 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=3
    manifest @1 sequence=1 min=1 files +1 =0 -0: Added@1 rows=3 sequence=None/None

    added-data-files=1 added-records=1 changed-partition-count=1 operation=append total-data-files=2 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=4
    manifest @2 sequence=2 min=2 files +1 =0 -0: Added@2 rows=1 sequence=None/None
    manifest @1 sequence=1 min=1 files +1 =0 -0: Added@1 rows=3 sequence=None/None

    added-data-files=1 added-records=2 changed-partition-count=1 deleted-data-files=1 deleted-records=3 operation=overwrite total-data-files=2 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=3
    manifest @3 sequence=3 min=3 files +1 =0 -0: Added@3 rows=2 sequence=None/None
    manifest @3 sequence=3 min=3 files +0 =0 -1: Deleted@3 rows=3 sequence=Some(1)/Some(1)
    manifest @2 sequence=2 min=2 files +1 =0 -0: Added@2 rows=1 sequence=None/None

    added-data-files=1 added-records=1 changed-partition-count=1 operation=append total-data-files=3 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=4
    manifest @4 sequence=4 min=4 files +1 =0 -0: Added@4 rows=1 sequence=None/None
    manifest @3 sequence=3 min=3 files +1 =0 -0: Added@3 rows=2 sequence=None/None
    manifest @2 sequence=2 min=2 files +1 =0 -0: Added@2 rows=1 sequence=None/None

    changed-partition-count=1 deleted-data-files=3 deleted-records=4 operation=delete total-data-files=0 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=0
    manifest @5 sequence=5 min=5 files +0 =0 -1: Deleted@5 rows=1 sequence=Some(4)/Some(4)
    manifest @5 sequence=5 min=5 files +0 =0 -1: Deleted@5 rows=2 sequence=Some(3)/Some(3)
    manifest @5 sequence=5 min=5 files +0 =0 -1: Deleted@5 rows=1 sequence=Some(2)/Some(2)

    added-data-files=1 added-records=1 changed-partition-count=1 operation=append total-data-files=1 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=1
    manifest @6 sequence=6 min=6 files +1 =0 -0: Added@6 rows=1 sequence=None/None
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_life_of_a_table_of_format_version_1() {
    let (lake, lines) = life("1").await;
    insta::assert_snapshot!(lines.join("\n\n"), @r"
    added-data-files=1 added-records=3 changed-partition-count=1 operation=append total-data-files=1 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=3
    manifest @1 sequence=0 min=0 files +1 =0 -0: Added@1 rows=3 sequence=Some(0)/Some(0)

    added-data-files=1 added-records=1 changed-partition-count=1 operation=append total-data-files=2 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=4
    manifest @2 sequence=0 min=0 files +1 =0 -0: Added@2 rows=1 sequence=Some(0)/Some(0)
    manifest @1 sequence=0 min=0 files +1 =0 -0: Added@1 rows=3 sequence=Some(0)/Some(0)

    added-data-files=1 added-records=2 changed-partition-count=1 deleted-data-files=1 deleted-records=3 operation=overwrite total-data-files=2 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=3
    manifest @3 sequence=0 min=0 files +1 =0 -0: Added@3 rows=2 sequence=Some(0)/Some(0)
    manifest @3 sequence=0 min=0 files +0 =0 -1: Deleted@3 rows=3 sequence=Some(0)/Some(0)
    manifest @2 sequence=0 min=0 files +1 =0 -0: Added@2 rows=1 sequence=Some(0)/Some(0)

    added-data-files=1 added-records=1 changed-partition-count=1 operation=append total-data-files=3 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=4
    manifest @4 sequence=0 min=0 files +1 =0 -0: Added@4 rows=1 sequence=Some(0)/Some(0)
    manifest @3 sequence=0 min=0 files +1 =0 -0: Added@3 rows=2 sequence=Some(0)/Some(0)
    manifest @2 sequence=0 min=0 files +1 =0 -0: Added@2 rows=1 sequence=Some(0)/Some(0)

    changed-partition-count=1 deleted-data-files=3 deleted-records=4 operation=delete total-data-files=0 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=0
    manifest @5 sequence=0 min=0 files +0 =0 -1: Deleted@5 rows=1 sequence=Some(0)/Some(0)
    manifest @5 sequence=0 min=0 files +0 =0 -1: Deleted@5 rows=2 sequence=Some(0)/Some(0)
    manifest @5 sequence=0 min=0 files +0 =0 -1: Deleted@5 rows=1 sequence=Some(0)/Some(0)

    added-data-files=1 added-records=1 changed-partition-count=1 operation=append total-data-files=1 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=1
    manifest @6 sequence=0 min=0 files +1 =0 -0: Added@6 rows=1 sequence=Some(0)/Some(0)
    ");
    // Upgraded, it is written on as any other: what was there keeps the sequence number 0.
    lake.update(vec![TableUpdate::UpgradeFormatVersion(2)]).await;
    let files = lake.append(batch(&[7, 8])).await;
    lake.append(batch(&[9])).await;
    lake.overwrite(batch(&[70]), &[files[0].path()]).await;
    let table = lake.load().await;
    insta::assert_snapshot!(format!("{}\n{}", table.summary(), table.describe().await), @r"
    added-data-files=1 added-records=1 changed-partition-count=1 deleted-data-files=1 deleted-records=2 operation=overwrite total-data-files=3 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=3
    manifest @9 sequence=3 min=3 files +1 =0 -0: Added@9 rows=1 sequence=None/None
    manifest @9 sequence=3 min=3 files +0 =0 -1: Deleted@9 rows=2 sequence=Some(1)/Some(1)
    manifest @8 sequence=2 min=2 files +1 =0 -0: Added@8 rows=1 sequence=None/None
    manifest @6 sequence=0 min=0 files +1 =0 -0: Added@6 rows=1 sequence=Some(0)/Some(0)
    ");
    assert_eq!(ids(&table.read().await), [6, 9, 70]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_change_makes_no_snapshot() {
    let lake = Lake::new().await;
    lake.table(&columns(), &json!([]), &[]).await;
    let table = lake.load().await;
    let write = table.write().unwrap();
    for nothing in [rows(vec![]), rows(vec![batch(&[])])] {
        let files = write.write_data(nothing).await.unwrap();
        assert!(files.is_empty());
        assert!(write.append(files).await.unwrap().is_empty());
    }
    assert!(write.overwrite(vec![], &BTreeSet::new()).await.unwrap().is_empty());
    assert!(write.delete_all().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_is_refused() {
    let lake = Lake::new().await;
    lake.table(&columns(), &json!([]), &[]).await;
    let table = lake.load().await;
    let write = table.write().unwrap();

    let missing = BTreeSet::from(["file:///nowhere.parquet".to_owned()]);
    let error = write.overwrite(vec![], &missing).await.unwrap_err();
    assert_eq!(error.state, SqlState::InternalError);

    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, true),
        Field::new("name", DataType::Utf8, true),
    ]);
    let with_null = RecordBatch::try_new(
        Arc::new(schema),
        vec![
            Arc::new(Int64Array::from(vec![Some(1), None])),
            Arc::new(StringArray::from(vec!["a", "b"])),
        ],
    )
    .unwrap();
    let error = write.write_data(rows(vec![with_null])).await.unwrap_err();
    assert_eq!(error.state, SqlState::NotNullViolation);
    assert!(error.message.contains("\"id\""), "{}", error.message);

    let narrow = batch(&[1]).project(&[0]).unwrap();
    let error = write.write_data(rows(vec![narrow])).await.unwrap_err();
    assert_eq!(error.state, SqlState::DatatypeMismatch);

    let schema = Schema::new(vec![
        Field::new("id", DataType::Int32, true),
        Field::new("name", DataType::Utf8, true),
    ]);
    let columns =
        vec![Arc::new(Int32Array::from(vec![1])) as _, Arc::new(StringArray::from(vec!["a"])) as _];
    let other = RecordBatch::try_new(Arc::new(schema), columns).unwrap();
    let error = write.write_data(rows(vec![other])).await.unwrap_err();
    assert_eq!(error.state, SqlState::DatatypeMismatch);
    assert!(table.metadata.current_snapshot().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn version_3_and_odd_properties_are_refused() {
    let lake = Lake::new().await;
    lake.table(&columns(), &json!([]), &[("format-version", "3")]).await;
    let error = lake.load().await.write().unwrap_err();
    assert_eq!(error.state, SqlState::FeatureNotSupported);

    for (key, value) in [
        ("write.parquet.compression-codec", "shrink"),
        ("write.parquet.compression-level", "loud"),
        ("write.format.default", "orc"),
        ("write.target-file-size-bytes", "0"),
        ("write.parquet.row-group-size-bytes", "big"),
    ] {
        let lake = Lake::new().await;
        lake.table(&columns(), &json!([]), &[(key, value)]).await;
        let table = lake.load().await;
        let error = table.write().unwrap().write_data(rows(vec![batch(&[1])])).await.unwrap_err();
        assert!(error.message.contains(key), "{}", error.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_came_first_is_noticed() {
    let lake = Lake::new().await;
    lake.table(&columns(), &json!([]), &[]).await;
    let table = lake.load().await;
    let write = table.write().unwrap();
    let files = write.write_data(rows(vec![batch(&[1])])).await.unwrap();
    let updates = write.append(files).await.unwrap();
    lake.append(batch(&[2])).await;
    let now = lake.load().await;
    let stale = updates
        .requirements
        .iter()
        .filter(|requirement| requirement.check(Some(&now.metadata)).is_err())
        .count();
    assert_eq!(stale, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn codecs_and_rolling() {
    use parquet::basic::Compression;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    for (codec, expected) in [
        ("", Compression::ZSTD(parquet::basic::ZstdLevel::default())),
        ("zstd", Compression::ZSTD(parquet::basic::ZstdLevel::default())),
        ("snappy", Compression::SNAPPY),
        ("GZIP", Compression::GZIP(parquet::basic::GzipLevel::default())),
        ("lz4", Compression::LZ4_RAW),
        ("brotli", Compression::BROTLI(parquet::basic::BrotliLevel::default())),
        ("uncompressed", Compression::UNCOMPRESSED),
    ] {
        let lake = Lake::new().await;
        let mut properties = vec![("write.target-file-size-bytes", "20000")];
        if !codec.is_empty() {
            properties.push(("write.parquet.compression-codec", codec));
        }
        lake.table(&columns(), &json!([]), &properties).await;
        let ids: Vec<i64> = (0..60_000).map(|n| n * 7_919 % 1_000_003).collect();
        let files = lake.append(batch(&ids)).await;
        assert!(files.len() > 1, "{codec}");
        assert_eq!(files.iter().map(nunatak::sql::write::DataFile::rows).sum::<u64>(), 60_000);
        let mut expected_ids = ids;
        expected_ids.sort_unstable();
        assert_eq!(self::ids(&lake.load().await.read().await), expected_ids);
        let bytes = lake.bytes(files[0].path()).await;
        assert_eq!(bytes.len() as u64, files[0].bytes());
        let reader = SerializedFileReader::new(bytes).unwrap();
        assert_eq!(reader.metadata().row_group(0).column(0).compression(), expected, "{codec}");
    }
}
