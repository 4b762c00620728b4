//! What cannot be read is an error and never other rows: files that are damaged, or not understood.

use std::sync::Arc;

use apache_iceberg::spec::{DataContentType, DataFile, DataFileFormat};
use arrow::array::{ArrayRef, StringArray};
use nunatak::iceberg::table::schema::Schema;
use nunatak::iceberg::table::update::TableUpdate;
use nunatak::sql::error::SqlState;
use serde_json::json;

use crate::scan_by_hand::{columns, empty, ids, refused, rows};
use crate::scan_kit::{ask, described};

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "a list of what is refused")]
async fn what_is_not_understood_is_refused() {
    use SqlState::{DataCorrupted, FeatureNotSupported};
    let lake = empty("3", &columns()).await;
    let a = lake.data_file("a.parquet", &rows(0..10), 4).await;
    let refuses = async |file: DataFile, state: SqlState, words: &str| {
        lake.snapshot(&[(1, a.clone()), (2, file)]).await;
        let error = refused(&lake).await;
        assert_eq!(error.state, state, "{error}");
        assert!(error.message.contains(words), "{error}");
    };
    let other = |content: DataContentType, format: DataFileFormat| {
        let mut file = described(content, lake.place("by-hand/x"), 1, 100);
        file.file_format(format).equality_ids(Some(vec![1]));
        file
    };
    let file = other(DataContentType::PositionDeletes, DataFileFormat::Orc).build().unwrap();
    refuses(file, FeatureNotSupported, "a delete file of the format Orc").await;
    let file = other(DataContentType::EqualityDeletes, DataFileFormat::Avro).build().unwrap();
    refuses(file, FeatureNotSupported, "a delete file of the format Avro").await;
    let file = other(DataContentType::EqualityDeletes, DataFileFormat::Puffin).build().unwrap();
    refuses(file, FeatureNotSupported, "a delete file of the format Puffin").await;
    let file = other(DataContentType::Data, DataFileFormat::Orc).build().unwrap();
    refuses(file, FeatureNotSupported, "which is Orc and not Parquet").await;
    let mut file = other(DataContentType::PositionDeletes, DataFileFormat::Parquet);
    let file = file.key_metadata(Some(vec![1])).build().unwrap();
    refuses(file, FeatureNotSupported, "is encrypted").await;
    let file = other(DataContentType::PositionDeletes, DataFileFormat::Parquet).build().unwrap();
    refuses(file, DataCorrupted, "cannot be read").await;
    let mut file = other(DataContentType::EqualityDeletes, DataFileFormat::Parquet);
    let file = file.equality_ids(Some(vec![])).build().unwrap();
    refuses(file, DataCorrupted, "does not say which columns").await;
    let file = other(DataContentType::PositionDeletes, DataFileFormat::Puffin).build().unwrap();
    refuses(file, DataCorrupted, "does not say where its deletion vector is").await;

    let vector = lake.vector("v.puffin", &a, &[3]).await;
    let changed = |change: &dyn Fn(&mut apache_iceberg::spec::DataFileBuilder)| {
        let path = vector.file_path().to_owned();
        let size = vector.file_size_in_bytes();
        let mut file = described(DataContentType::PositionDeletes, path, 1, size);
        file.file_format(DataFileFormat::Puffin)
            .referenced_data_file(vector.referenced_data_file())
            .content_offset(vector.content_offset())
            .content_size_in_bytes(vector.content_size_in_bytes());
        change(&mut file);
        file.build().unwrap()
    };
    let length = vector.content_size_in_bytes().unwrap();
    for (file, words) in [
        (
            changed(&|file| {
                file.record_count(2);
            }),
            "it deletes 1 rows, its manifest says 2",
        ),
        (
            changed(&|file| {
                file.content_offset(Some(5));
            }),
            "another length than it says",
        ),
        (
            changed(&|file| {
                file.content_offset(Some(-1));
            }),
            "does not say where",
        ),
        (
            changed(&|file| {
                file.content_offset(Some(1 << 40));
            }),
            "lies outside of it",
        ),
        (
            changed(&|file| {
                file.content_size_in_bytes(Some(length - 1));
            }),
            "another length",
        ),
        (
            changed(&|file| {
                file.content_size_in_bytes(Some(3));
            }),
            "is damaged",
        ),
        (
            changed(&|file| {
                file.referenced_data_file(None);
            }),
            "does not say which file",
        ),
        (
            changed(&|file| {
                file.file_size_in_bytes(1 << 41).content_offset(Some(1 << 40));
            }),
            "cannot be read",
        ),
    ] {
        refuses(file, DataCorrupted, words).await;
    }
    let far = lake.vector("far.puffin", &a, &[3, 10]).await;
    refuses(far, DataCorrupted, "row 10 is deleted, and it has only 10 rows").await;
    let far = lake.positions("far.parquet", &[(&a, 1 << 40)]).await;
    refuses(far, DataCorrupted, "and it has only 10 rows").await;
    let far = lake.positions("negative.parquet", &[(&a, -1)]).await;
    refuses(far, DataCorrupted, "a negative position").await;
    let lacking = lake.equality("lacking.parquet", &[("id", 1, ids(0..1))]).await;
    let mut file = described(
        DataContentType::EqualityDeletes,
        lacking.file_path().to_owned(),
        1,
        lacking.file_size_in_bytes(),
    );
    let file = file.equality_ids(Some(vec![1, 2])).build().unwrap();
    refuses(file, DataCorrupted, "lacks the column").await;
    let unknown = lake.equality("unknown.parquet", &[("what", 77, ids(0..1))]).await;
    refuses(unknown, FeatureNotSupported, "by the column 77").await;
    let text: ArrayRef = Arc::new(StringArray::from(vec!["1", "x"]));
    let text = lake.equality("text.parquet", &[("id", 1, text)]).await;
    refuses(text, DataCorrupted, "cannot be read").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_data_files_are_errors() {
    let lake = empty("3", &columns()).await;
    let a = lake.data_file("a.parquet", &rows(0..10), 4).await;
    let bytes = lake.bytes(a.file_path()).await;
    let mut failed = 0;
    for (number, at) in (0..bytes.len()).step_by(29).enumerate() {
        let mut other = bytes.to_vec();
        other[at] ^= 0x14;
        let size = other.len() as u64;
        let path = lake.put(&format!("damaged-{number}.parquet"), other).await;
        let file = described(DataContentType::Data, path, 10, size).build().unwrap();
        let vector = lake.vector(&format!("damaged-{number}.puffin"), &file, &[2, 7]).await;
        lake.snapshot(&[(1, file), (1, vector)]).await;
        let table = lake.provider().await.unwrap();
        for table in [table.clone(), table.with_row_ids()] {
            match ask(table, "SELECT id, name FROM t").await {
                Err(error) => {
                    let known = [SqlState::DataCorrupted, SqlState::DataException];
                    assert!(known.contains(&error.state), "{at} {error:?}");
                    failed += 1;
                }
                Ok(rows) => assert_eq!(rows.len(), 8, "{at} {rows:?}"),
            }
        }
    }
    assert!(failed > 10, "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_files_are_errors_or_the_same_rows() {
    let lake = empty("2", &columns()).await;
    let a = lake.data_file("a.parquet", &rows(0..10), 4).await;
    let positions = lake.positions("d.parquet", &[(&a, 2), (&a, 7)]).await;
    let bytes = lake.bytes(positions.file_path()).await;
    let mut failed = 0;
    let damages = (0..bytes.len()).step_by(23).map(Some).chain([None]);
    for (number, damage) in damages.enumerate() {
        let mut other = bytes.to_vec();
        match damage {
            Some(at) => other[at] ^= 0x21,
            None => other.truncate(bytes.len() / 2),
        }
        let size = other.len() as u64;
        let path = lake.put(&format!("damaged-{number}.parquet"), other).await;
        let deletes = described(DataContentType::PositionDeletes, path, 2, size).build().unwrap();
        lake.snapshot(&[(1, a.clone()), (1, deletes)]).await;
        let table = lake.provider().await.unwrap();
        match ask(table, "SELECT id FROM t").await {
            Err(error) => {
                assert_eq!(error.state, SqlState::DataCorrupted, "{damage:?} {error}");
                failed += 1;
            }
            // Not every byte of a Parquet file means something, and values have no checksum.
            Ok(rows) => assert!(rows.len() >= 8, "{damage:?} {rows:?}"),
        }
    }
    assert!(failed > 10, "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn features_that_cannot_be_read_are_refused_by_name() {
    let nested = json!({"type": "struct", "fields": [
        {"id": 9, "name": "x", "required": false, "type": "timestamp_ns", "initial-default": "2026-11-21T08:00:00.000000001"},
    ]});
    for (kind, words) in [
        (json!("variant"), "variant"),
        (json!("unknown"), "unknown"),
        (json!("geometry"), "geometry"),
        (nested, "the initial default of column x"),
    ] {
        let lake = empty("3", &columns()).await;
        let mut fields = columns().as_array().unwrap().clone();
        fields.push(json!({"id": 3, "name": "v", "required": false, "type": kind}));
        let text = json!({"type": "struct", "schema-id": 1, "fields": fields}).to_string();
        lake.update(vec![
            TableUpdate::AddSchema(Arc::new(Schema::parse(&text).unwrap())),
            TableUpdate::SetCurrentSchema(-1),
        ])
        .await;
        let error = lake.provider().await.unwrap_err();
        assert_eq!(error.state, SqlState::FeatureNotSupported);
        assert!(error.message.contains(words), "{error}");
    }
}
