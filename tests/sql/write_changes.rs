//! Writing to tables that were changed: other columns, other partitions, other engines' delete files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apache_iceberg::io::FileIO;
use apache_iceberg::spec::{
    DataContentType, DataFileBuilder, DataFileFormat, ManifestContentType, ManifestListWriter,
    ManifestWriterBuilder, Struct,
};
use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use nunatak::iceberg::table::partition::PartitionSpec;
use nunatak::iceberg::table::schema::Schema;
use nunatak::iceberg::table::snapshot::{Snapshot, SnapshotRef};
use nunatak::iceberg::table::update::TableUpdate;
use nunatak::sql::error::SqlState;
use serde_json::{Value, json};

use crate::lake::{Lake, rows};

fn longs(columns: &[(&str, &[i64])]) -> RecordBatch {
    let arrays = columns
        .iter()
        .map(|(name, values)| (*name, Arc::new(Int64Array::from(values.to_vec())) as ArrayRef));
    RecordBatch::try_from_iter(arrays).unwrap()
}

fn columns(names: &[&str]) -> Value {
    let fields = names.iter().zip(1..);
    fields
        .map(|(name, id)| json!({"id": id, "name": name, "required": false, "type": "long"}))
        .collect()
}

fn schema(names: &[&str]) -> Vec<TableUpdate> {
    let text = json!({"type": "struct", "schema-id": 1, "fields": columns(names)}).to_string();
    vec![
        TableUpdate::AddSchema(Arc::new(Schema::parse(&text).unwrap())),
        TableUpdate::SetCurrentSchema(-1),
    ]
}

fn spec(transform: &str) -> Vec<TableUpdate> {
    let field = json!({"source-id": 1, "field-id": 1001, "name": "p", "transform": transform});
    let text = json!({"spec-id": 1, "fields": [field]}).to_string();
    vec![
        TableUpdate::AddSpec(Arc::new(PartitionSpec::parse(&text).unwrap())),
        TableUpdate::SetDefaultSpec(-1),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn other_columns_and_partitions_later() {
    let lake = Lake::new().await;
    let first = json!([{"source-id": 1, "field-id": 1000, "name": "a", "transform": "identity"}]);
    lake.table(&columns(&["a"]), &first, &[]).await;
    let files = lake.append(longs(&[("a", &[1, 2])])).await;
    lake.update(schema(&["a", "b"])).await;
    lake.update(spec("bucket[4]")).await;
    let other = lake.append(longs(&[("a", &[3, 4]), ("b", &[30, 40])])).await;
    let table = lake.load().await;
    let before = table.entries().await;
    drop(table);
    // One file of each spec goes; what stays keeps its spec, its columns and its bounds.
    lake.overwrite(longs(&[("a", &[5]), ("b", &[50])]), &[files[0].path(), other[0].path()]).await;
    let table = lake.load().await;
    insta::assert_snapshot!(format!("{}\n{}", table.summary(), table.describe().await), @r"
    added-data-files=1 added-records=1 changed-partition-count=3 deleted-data-files=2 deleted-records=2 operation=overwrite total-data-files=3 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=3
    manifest @3 sequence=3 min=3 files +1 =0 -0: Added@3 rows=1 sequence=None/None
    manifest @3 sequence=3 min=2 files +0 =1 -1: Deleted@3 rows=1 sequence=Some(2)/Some(2), Existing@2 rows=1 sequence=Some(2)/Some(2)
    manifest @3 sequence=3 min=1 files +0 =1 -1: Deleted@3 rows=1 sequence=Some(1)/Some(1), Existing@1 rows=1 sequence=Some(1)/Some(1)
    ");
    let specs: Vec<i32> = table.list().await.iter().map(|file| file.partition_spec_id).collect();
    insta::assert_snapshot!(format!("{specs:?}"), @r"
    [1, 1, 0]
    ");
    for entry in table.entries().await.iter().filter(|entry| entry.is_alive()) {
        if let Some(old) = before.iter().find(|old| old.file_path() == entry.file_path()) {
            assert_eq!(old.data_file, entry.data_file);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_for_a_table_that_changed_are_refused() {
    for change in [schema(&["a", "b"]), spec("void")] {
        let lake = Lake::new().await;
        lake.table(&columns(&["a"]), &json!([]), &[]).await;
        let table = lake.load().await;
        let stream = rows(vec![longs(&[("a", &[1])])]);
        let files = table.write().unwrap().write_data(stream).await.unwrap();
        drop(table);
        lake.update(change).await;
        let table = lake.load().await;
        let error = table.write().unwrap().append(files).await.unwrap_err();
        assert_eq!(error.state, SqlState::SerializationFailure);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_where_the_table_says() {
    let lake = Lake::new().await;
    let data = lake.place("elsewhere/data/");
    let metadata = lake.place("elsewhere/metadata");
    let properties =
        [("write.data.path", data.as_str()), ("write.metadata.path", metadata.as_str())];
    lake.table(&columns(&["a"]), &json!([]), &properties).await;
    let files = lake.append(longs(&[("a", &[1])])).await;
    assert!(files[0].path().starts_with(&data), "{}", files[0].path());
    let table = lake.load().await;
    let list = table.metadata.current_snapshot().unwrap().manifest_list.clone().unwrap();
    assert!(list.starts_with(&metadata), "{list}");
    assert!(table.list().await[0].manifest_path.starts_with(&metadata));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_branch_keeps_its_retention() {
    let lake = Lake::new().await;
    lake.table(&columns(&["a"]), &json!([]), &[]).await;
    lake.append(longs(&[("a", &[1])])).await;
    let table = lake.load().await;
    let id = table.metadata.current_snapshot_id().unwrap();
    drop(table);
    let text = json!({"snapshot-id": id, "type": "branch", "min-snapshots-to-keep": 3});
    let main = SnapshotRef::parse(&text.to_string()).unwrap();
    lake.update(vec![TableUpdate::SetSnapshotRef("main".to_owned(), main)]).await;
    lake.append(longs(&[("a", &[2])])).await;
    let table = lake.load().await;
    let main = table.metadata.refs()["main"].json().to_owned();
    assert!(main.contains("\"min-snapshots-to-keep\":3"), "{main}");
    assert_ne!(table.metadata.current_snapshot_id(), Some(id));
}

/// Adds a file of position deletes to the table, as another engine would.
async fn delete_a_row(lake: &Lake) -> String {
    let table = lake.load().await;
    let library = nunatak::sql::spec::table(&table.metadata).unwrap();
    let parent = table.metadata.current_snapshot().unwrap();
    let (id, sequence) = (4_711, table.metadata.last_sequence_number() + 1);
    let io = FileIO::new_with_fs();
    let at = |name: &str| format!("{}/metadata/{name}", table.metadata.location());
    let mut writer = ManifestWriterBuilder::new(
        io.new_output(at("deletes.avro")).unwrap(),
        Some(id),
        Arc::clone(library.current_schema()),
        library.default_partition_spec().as_ref().clone(),
    )
    .build_v2_deletes();
    let path = format!("{}/data/deletes.parquet", table.metadata.location());
    let file = DataFileBuilder::default()
        .content(DataContentType::PositionDeletes)
        .file_format(DataFileFormat::Parquet)
        .file_path(path.clone())
        .partition(Struct::empty())
        .record_count(1)
        .file_size_in_bytes(100)
        .build()
        .unwrap();
    writer.add_file(file, -1).unwrap();
    let mut manifests = vec![writer.write_manifest_file().await.unwrap()];
    manifests.extend(table.list().await);
    let list = io.new_output(at("list.avro")).unwrap().writer().await.unwrap();
    let mut list = ManifestListWriter::v2(list, id, Some(parent.id), sequence);
    list.add_manifests(manifests.into_iter()).unwrap();
    list.close().await.unwrap();
    let mut summary: BTreeMap<String, String> = parent.summary();
    summary.insert("operation".to_owned(), "delete".to_owned());
    summary.insert("total-delete-files".to_owned(), "1".to_owned());
    summary.insert("total-position-deletes".to_owned(), "1".to_owned());
    let snapshot = json!({
        "snapshot-id": id, "parent-snapshot-id": parent.id, "sequence-number": sequence,
        "timestamp-ms": table.metadata.last_updated_ms() + 1, "summary": summary,
        "manifest-list": at("list.avro"), "schema-id": 0,
    });
    drop(table);
    lake.update(vec![
        TableUpdate::AddSnapshot(Arc::new(Snapshot::parse(&snapshot.to_string()).unwrap())),
        TableUpdate::SetSnapshotRef("main".to_owned(), SnapshotRef::branch(id)),
    ])
    .await;
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_files_are_carried_over_and_go_with_everything() {
    let lake = Lake::new().await;
    lake.table(&columns(&["a"]), &json!([]), &[]).await;
    let files = lake.append(longs(&[("a", &[1, 2])])).await;
    lake.append(longs(&[("a", &[3])])).await;
    let deletes = delete_a_row(&lake).await;
    lake.append(longs(&[("a", &[4])])).await;
    lake.overwrite(longs(&[("a", &[2])]), &[files[0].path()]).await;
    let table = lake.load().await;
    let list = table.list().await;
    let kept: Vec<_> =
        list.iter().filter(|file| file.content == ManifestContentType::Deletes).collect();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].manifest_path.ends_with("/deletes.avro"));
    assert_eq!((kept[0].sequence_number, kept[0].added_snapshot_id), (3, 4_711));
    insta::assert_snapshot!(table.summary(), @r"
    added-data-files=1 added-records=1 changed-partition-count=1 deleted-data-files=1 deleted-records=2 operation=overwrite total-data-files=3 total-delete-files=1 total-equality-deletes=0 total-position-deletes=1 total-records=3
    ");

    // A file of deletes is no data file that could be replaced.
    let error =
        table.write().unwrap().overwrite(vec![], &BTreeSet::from([deletes])).await.unwrap_err();
    assert_eq!(error.state, SqlState::InternalError);

    let gone = table.write().unwrap().delete_all().await.unwrap();
    assert_eq!((gone.files_removed, gone.rows_removed), (3, 3));
    drop(table);
    lake.commit(gone).await;
    let table = lake.load().await;
    insta::assert_snapshot!(format!("{}\n{}", table.summary(), table.describe().await), @r"
    changed-partition-count=1 deleted-data-files=3 deleted-records=3 operation=delete removed-delete-files=1 removed-position-delete-files=1 removed-position-deletes=1 total-data-files=0 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=0
    manifest @6 sequence=6 min=6 files +0 =0 -1: Deleted@6 rows=1 sequence=Some(5)/Some(5)
    manifest @6 sequence=6 min=6 files +0 =0 -1: Deleted@6 rows=1 sequence=Some(3)/Some(3)
    manifest @6 sequence=6 min=6 files +0 =0 -1: Deleted@6 rows=1 sequence=Some(4)/Some(4)
    manifest @6 sequence=6 min=6 files +0 =0 -1: Deleted@6 rows=1 sequence=Some(2)/Some(2)
    ");
    drop(table);
    lake.append(longs(&[("a", &[5])])).await;
    assert_eq!(lake.load().await.list().await.len(), 1);
}
