//! Tables whose rows other engines deleted with delete files of all kinds.

use std::collections::BTreeSet;
use std::sync::Arc;

use apache_iceberg::spec::{DataContentType, DataFile, DataFileFormat, Datum, Literal, Struct};
use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use nunatak::iceberg::table::partition::PartitionSpec;
use nunatak::iceberg::table::schema::Schema;
use nunatak::iceberg::table::update::TableUpdate;
use nunatak::sql::error::{SqlError, SqlState};
use nunatak::sql::scan::{ROW_FILE, ROW_POSITION};
use roaring::RoaringTreemap;
use serde_json::{Value, json};

use crate::lake::Lake;
use crate::scan_kit::{ask, batch, described, parquet};

fn ids(values: std::ops::Range<i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn columns() -> Value {
    json!([
        {"id": 1, "name": "id", "required": false, "type": "long"},
        {"id": 2, "name": "name", "required": false, "type": "string"},
    ])
}

fn rows(values: std::ops::Range<i64>) -> RecordBatch {
    let names = StringArray::from_iter_values(values.clone().map(|id| format!("n{id}")));
    batch(&[("id", 1, ids(values)), ("name", 2, Arc::new(names))])
}

/// A table `t` of this format version without files.
async fn empty(version: &str, fields: &Value) -> Lake {
    let lake = Lake::new().await;
    lake.table(fields, &json!([]), &[("format-version", version)]).await;
    lake
}

impl Lake {
    /// A position delete file.
    async fn positions(&self, name: &str, deleted: &[(&DataFile, i64)]) -> DataFile {
        let paths: StringArray =
            deleted.iter().map(|(file, _)| Some(file.file_path().to_owned())).collect();
        let positions: Int64Array = deleted.iter().map(|(_, position)| *position).collect();
        let batch = batch(&[
            ("file_path", 2_147_483_546, Arc::new(paths) as ArrayRef),
            ("pos", 2_147_483_545, Arc::new(positions)),
        ]);
        self.delete_file(DataContentType::PositionDeletes, name, &batch, |_| ()).await
    }

    /// A file of rows that are deleted wherever they are equal.
    async fn equality(&self, name: &str, columns: &[(&str, i32, ArrayRef)]) -> DataFile {
        let of: Vec<i32> = columns.iter().map(|(_, id, _)| *id).collect();
        self.delete_file(DataContentType::EqualityDeletes, name, &batch(columns), |file| {
            file.equality_ids(Some(of));
        })
        .await
    }

    async fn delete_file(
        &self,
        content: DataContentType,
        name: &str,
        batch: &RecordBatch,
        more: impl FnOnce(&mut apache_iceberg::spec::DataFileBuilder),
    ) -> DataFile {
        let bytes = parquet(batch, 4);
        let size = bytes.len() as u64;
        let path = self.put(name, bytes).await;
        let mut file = described(content, path, batch.num_rows() as u64, size);
        more(&mut file);
        file.build().unwrap()
    }

    /// A deletion vector in a file of its own, between other bytes.
    async fn vector(&self, name: &str, of: &DataFile, deleted: &[u64]) -> DataFile {
        let positions: RoaringTreemap = deleted.iter().copied().collect();
        let (blob, rows) = (vector_blob(&positions), positions.len());
        let bytes = [b"PFA1".as_slice(), &blob, b"rest"].concat();
        let size = bytes.len() as u64;
        let path = self.put(name, bytes).await;
        described(DataContentType::PositionDeletes, path, rows, size)
            .file_format(DataFileFormat::Puffin)
            .referenced_data_file(Some(of.file_path().to_owned()))
            .content_offset(Some(4))
            .content_size_in_bytes(Some(i64::try_from(blob.len()).unwrap()))
            .build()
            .unwrap()
    }
}

fn vector_blob(positions: &RoaringTreemap) -> Vec<u8> {
    let mut checked = vec![0xd1, 0xd3, 0x39, 0x64];
    positions.serialize_into(&mut checked).unwrap();
    let mut sum = flate2::Crc::new();
    sum.update(&checked);
    let length = u32::try_from(checked.len()).unwrap().to_be_bytes();
    [length.as_slice(), &checked, &sum.sum().to_be_bytes()].concat()
}

/// The ids of the table, checked in all ways in which rows are read.
async fn left(lake: &Lake) -> Vec<i64> {
    let table = lake.provider().await.unwrap();
    let numbers = |lines: Vec<String>| -> Vec<i64> {
        let mut numbers: Vec<i64> = lines.iter().map(|line| line.parse().unwrap()).collect();
        numbers.sort_unstable();
        numbers
    };
    let all = numbers(ask(table.clone(), "SELECT id FROM t").await.unwrap());
    let counted = ask(table.clone(), "SELECT count(*) FROM t").await.unwrap();
    assert_eq!(counted, [all.len().to_string()]);
    let bounds = ask(table.clone(), "SELECT min(id), max(id), count(id) FROM t").await.unwrap();
    let shown = |id: Option<&i64>| id.map_or_else(|| "-".to_owned(), i64::to_string);
    let wanted = format!("{} {} {}", shown(all.first()), shown(all.last()), all.len());
    assert_eq!(bounds, [wanted]);
    for (filter, keep) in [
        ("id % 2 = 0", (|id| id % 2 == 0) as fn(&i64) -> bool),
        ("id >= 3 AND id < 12", |id| (3..12).contains(id)),
        ("id = 5", |id| *id == 5),
    ] {
        let text = format!("SELECT id FROM t WHERE {filter}");
        let wanted: Vec<i64> = all.iter().copied().filter(keep).collect();
        assert_eq!(numbers(ask(table.clone(), &text).await.unwrap()), wanted, "{filter}");
        let known = ask(table.clone().with_row_ids(), &text).await.unwrap();
        assert_eq!(numbers(known), wanted, "{filter}");
    }
    for limit in [1, 3, 9, 50] {
        for filter in ["", "WHERE id >= 0", "WHERE id < 1000 AND id > -1"] {
            let text = format!("SELECT id FROM t {filter} LIMIT {limit}");
            let limited = numbers(ask(table.clone(), &text).await.unwrap());
            let mut rest = all.clone();
            for id in &limited {
                let at = rest.iter().position(|known| known == id);
                rest.remove(at.unwrap_or_else(|| panic!("{text}: {id} was deleted")));
            }
            assert_eq!(limited.len(), all.len().min(limit), "{text}");
        }
    }
    all
}

/// File, position and id of each row that is left.
async fn places(lake: &Lake) -> Vec<String> {
    let table = lake.provider().await.unwrap().with_row_ids();
    let text = format!("SELECT \"{ROW_FILE}\", \"{ROW_POSITION}\", id FROM t");
    ask(table, &text).await.unwrap()
}

async fn refused(lake: &Lake) -> SqlError {
    let table = match lake.provider().await {
        Ok(table) => table,
        Err(error) => return error,
    };
    let first = ask(table.clone(), "SELECT count(*) FROM t").await.unwrap_err();
    let second = ask(table.with_row_ids(), "SELECT id FROM t").await.unwrap_err();
    assert_eq!(first.state, second.state, "{first} {second}");
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn position_deletes() {
    let lake = empty("2", &columns()).await;
    let a = lake.data_file("a.parquet", &rows(0..10), 4).await;
    let b = lake.data_file("b.parquet", &rows(10..17), 3).await;
    let c = lake.data_file("c.parquet", &rows(17..20), 9).await;
    let deleted = [(&a, 0), (&a, 3), (&a, 4), (&b, 6), (&b, 6)];
    let deletes = lake.positions("d1.parquet", &deleted).await;
    lake.snapshot(&[(1, a.clone()), (1, b.clone()), (1, c.clone()), (1, deletes.clone())]).await;
    assert_eq!(left(&lake).await, [1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19]);
    let places = places(&lake).await;
    assert_eq!(places[..4], ["0 1 1", "0 2 2", "0 5 5", "0 6 6"]);
    assert_eq!(places[12..], ["1 5 15", "2 0 17", "2 1 18", "2 2 19"]);

    // One file more, with rows of a file that the first one has, too, and all rows of another.
    let more = [(&a, 0), (&a, 9), (&c, 0), (&c, 1), (&c, 2)];
    let more = lake.positions("d2.parquet", &more).await;
    lake.snapshot(&[(1, a.clone()), (1, b), (1, c), (1, deletes.clone()), (2, more)]).await;
    assert_eq!(left(&lake).await, [1, 2, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15]);
    let table = lake.provider().await.unwrap();
    let only = table.only(BTreeSet::from([1, 2]));
    assert_eq!(ask(only, "SELECT count(*), max(id) FROM t").await.unwrap(), ["6 15"]);

    // A file that is younger than its deletes keeps its rows.
    lake.snapshot(&[(3, a), (2, deletes)]).await;
    assert_eq!(left(&lake).await, (0..10).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn position_deletes_of_one_file_and_of_a_partition() {
    let lake = Lake::new().await;
    let spec = json!([{"source-id": 1, "field-id": 1000, "name": "p", "transform": "bucket[2]"}]);
    lake.table(&columns(), &spec, &[]).await;
    let placed = |file: DataFile, bucket: i32| {
        let mut file = described(
            file.content_type(),
            file.file_path().to_owned(),
            file.record_count(),
            file.file_size_in_bytes(),
        );
        file.partition(Struct::from_iter([Some(Literal::int(bucket))]));
        file
    };
    let a = placed(lake.data_file("a.parquet", &rows(0..3), 9).await, 0).build().unwrap();
    let b = placed(lake.data_file("b.parquet", &rows(3..6), 9).await, 1).build().unwrap();
    // It names rows of both files and is of the first one's partition.
    let deletes = lake.positions("d1.parquet", &[(&a, 1), (&b, 1)]).await;
    let of_partition = placed(deletes.clone(), 0).build().unwrap();
    lake.snapshot(&[(1, a.clone()), (1, b.clone()), (1, of_partition)]).await;
    assert_eq!(left(&lake).await, [0, 2, 3, 4, 5]);
    // It says that it is of one file.
    let path = b.file_path().to_owned();
    let of_file = placed(deletes.clone(), 1).referenced_data_file(Some(path)).build().unwrap();
    lake.snapshot(&[(1, a.clone()), (1, b.clone()), (1, of_file)]).await;
    assert_eq!(left(&lake).await, [0, 1, 2, 3, 5]);
    // Its bounds say that it does not name the file.
    let mut bounded = placed(deletes, 0);
    bounded.lower_bounds([(2_147_483_546, Datum::string("zzz"))].into());
    lake.snapshot(&[(1, a), (1, b), (1, bounded.build().unwrap())]).await;
    assert_eq!(left(&lake).await, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deletion_vectors() {
    let lake = empty("3", &columns()).await;
    let a = lake.data_file("a.parquet", &rows(0..10), 4).await;
    let b = lake.data_file("b.parquet", &rows(10..17), 3).await;
    let vector = lake.vector("v1.puffin", &a, &[0, 1, 2, 3, 9]).await;
    lake.snapshot(&[(1, a.clone()), (1, b.clone()), (2, vector.clone())]).await;
    assert_eq!(left(&lake).await, [4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16]);
    assert_eq!(places(&lake).await[..2], ["0 4 4", "0 5 5"]);
    // Position deletes from before the upgrade are in the vector, and not read where there is one.
    let positions = lake.positions("d1.parquet", &[(&a, 5), (&b, 5)]).await;
    lake.snapshot(&[(1, a.clone()), (1, b.clone()), (1, positions), (2, vector.clone())]).await;
    assert_eq!(left(&lake).await, [4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 16]);
    // Equality deletes count beside the vector.
    let equal = [("id", 1, ids(4..6)), ("name", 2, Arc::new(StringArray::from(vec!["n4", "n6"])))];
    let equal = lake.equality("e1.parquet", &equal).await;
    lake.snapshot(&[(1, a.clone()), (1, b.clone()), (2, vector.clone()), (3, equal)]).await;
    assert_eq!(left(&lake).await, [5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16]);
    // Two vectors for one file contradict each other.
    let other = lake.vector("v2.puffin", &a, &[7]).await;
    lake.snapshot(&[(1, a.clone()), (2, vector), (3, other)]).await;
    let error = refused(&lake).await;
    assert_eq!(error.state, SqlState::DataCorrupted);
    assert!(error.message.ends_with("it has two deletion vectors"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn equality_deletes() {
    let lake = empty("2", &columns()).await;
    let names = |names: &[Option<&str>]| Arc::new(StringArray::from(names.to_vec())) as ArrayRef;
    let a = batch(&[
        ("id", 1, Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(3), Some(4)]))),
        ("name", 2, names(&[Some("x"), None, Some("x"), None, Some("y")])),
    ]);
    let a = lake.data_file("a.parquet", &a, 2).await;
    let old = |sequence: i64| (sequence, a.clone());
    let answer = async |entries: &[(i64, DataFile)]| {
        lake.snapshot(entries).await;
        let table = lake.provider().await.unwrap();
        let with = ask(table.clone().with_row_ids(), "SELECT id, name FROM t").await.unwrap();
        let without = ask(table, "SELECT id, name FROM t").await.unwrap();
        assert_eq!(with, without);
        with
    };
    let all = ["- x", "1 x", "2 -", "3 -", "4 y"];
    let name = lake.equality("e1.parquet", &[("name", 2, names(&[Some("x"), Some("q")]))]).await;
    assert_eq!(answer(&[old(1), (2, name.clone())]).await, ["2 -", "3 -", "4 y"]);
    // Only older files are concerned.
    assert_eq!(answer(&[old(2), (2, name.clone())]).await, all);
    let null = lake.equality("e2.parquet", &[("name", 2, names(&[None]))]).await;
    assert_eq!(answer(&[old(1), (2, null.clone())]).await, ["- x", "1 x", "4 y"]);
    let number = Arc::new(Int32Array::from(vec![Some(4), None])) as ArrayRef;
    let both = [("n", 2, names(&[Some("y"), Some("x")])), ("i", 1, number)];
    let both = lake.equality("e3.parquet", &both).await;
    assert_eq!(answer(&[old(1), (2, both.clone())]).await, ["1 x", "2 -", "3 -"]);
    assert_eq!(answer(&[old(1), (2, both), (3, null.clone())]).await, ["1 x"]);
    // A younger file beside, which only the younger deletes concern.
    let b = lake.data_file("b.parquet", &rows(0..2), 9).await;
    let n1 = lake.equality("e4.parquet", &[("name", 2, names(&[Some("n1")]))]).await;
    let mix = [old(1), (2, b.clone()), (2, name.clone()), (3, n1)];
    assert_eq!(answer(&mix).await, ["0 n0", "2 -", "3 -", "4 y"]);
    // The column is gone, its deletes are not; nor do those of another column of its name count.
    let fields = json!([
        {"id": 1, "name": "id", "required": false, "type": "long"},
        {"id": 3, "name": "name", "required": false, "type": "string"},
    ]);
    let text = json!({"type": "struct", "schema-id": 1, "fields": fields}).to_string();
    lake.update(vec![
        TableUpdate::AddSchema(Arc::new(Schema::parse(&text).unwrap())),
        TableUpdate::SetCurrentSchema(-1),
    ])
    .await;
    assert_eq!(answer(&[old(1), (2, name.clone())]).await, ["2 -", "3 -", "4 -"]);
    let new = lake.equality("e5.parquet", &[("name", 3, names(&[Some("x")]))]).await;
    assert_eq!(answer(&[old(1), (2, new)]).await, ["- -", "1 -", "2 -", "3 -", "4 -"]);
    let none = lake.equality("e6.parquet", &[("name", 3, names(&[None]))]).await;
    assert!(answer(&[old(1), (2, none)]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn floats_and_decimals_are_equal_as_the_specification_says() {
    let fields = json!([
        {"id": 1, "name": "id", "required": false, "type": "long"},
        {"id": 2, "name": "f", "required": false, "type": "double"},
        {"id": 3, "name": "d", "required": false, "type": "decimal(20, 2)"},
    ]);
    let lake = empty("2", &fields).await;
    let other_nan = f64::from_bits(0xfff8_0000_0000_0001);
    let floats = |values: &[f64]| Arc::new(Float64Array::from(values.to_vec())) as ArrayRef;
    let decimals = |values: &[i128], precision: u8| {
        let values = arrow::array::Decimal128Array::from(values.to_vec());
        Arc::new(values.with_precision_and_scale(precision, 2).unwrap()) as ArrayRef
    };
    let a = batch(&[
        ("id", 1, ids(0..5)),
        ("f", 2, floats(&[0.0, -0.0, f64::NAN, other_nan, 1.5])),
        ("d", 3, decimals(&[100, 200, -100, 300, 0], 20)),
    ]);
    let a = lake.data_file("a.parquet", &a, 9).await;
    let deletes = lake.equality("e1.parquet", &[("f", 2, floats(&[-0.0, f64::NAN]))]).await;
    lake.snapshot(&[(1, a.clone()), (2, deletes)]).await;
    assert_eq!(left(&lake).await, [0, 4]);
    let deletes = lake.equality("e2.parquet", &[("d", 3, decimals(&[-100, 0, 200], 9))]).await;
    lake.snapshot(&[(1, a), (2, deletes)]).await;
    assert_eq!(left(&lake).await, [0, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn equality_deletes_reach_their_partition_or_everything() {
    let lake = Lake::new().await;
    lake.table(&columns(), &json!([]), &[]).await;
    let field = json!({"source-id": 1, "field-id": 1000, "name": "p", "transform": "bucket[2]"});
    let text = json!({"spec-id": 1, "fields": [field]}).to_string();
    lake.update(vec![
        TableUpdate::AddSpec(Arc::new(PartitionSpec::parse(&text).unwrap())),
        TableUpdate::SetDefaultSpec(-1),
    ])
    .await;
    let placed = |file: &DataFile, bucket: Option<i32>| {
        let mut own = described(
            file.content_type(),
            file.file_path().to_owned(),
            file.record_count(),
            file.file_size_in_bytes(),
        );
        own.equality_ids(file.equality_ids()).sort_order_id(1);
        own.partition(Struct::from_iter([bucket.map(Literal::int)]));
        own.build().unwrap()
    };
    let before = lake.data_file("a.parquet", &rows(0..3), 9).await;
    let zero = placed(&lake.data_file("b.parquet", &rows(0..3), 9).await, Some(0));
    let null = placed(&lake.data_file("c.parquet", &rows(0..3), 9).await, None);
    let deletes = lake.equality("e1.parquet", &[("id", 1, ids(0..2))]).await;
    let files = |deletes: DataFile| {
        [(1, before.clone()), (1, zero.clone()), (1, null.clone()), (2, deletes)]
    };
    lake.snapshot(&files(deletes.clone())).await;
    assert_eq!(left(&lake).await, [2, 2, 2]);
    lake.snapshot(&files(placed(&deletes, Some(0)))).await;
    assert_eq!(left(&lake).await, [0, 0, 1, 1, 2, 2, 2]);
    lake.snapshot(&files(placed(&deletes, None))).await;
    assert_eq!(left(&lake).await, [0, 0, 1, 1, 2, 2, 2]);
    lake.snapshot(&files(placed(&deletes, Some(1)))).await;
    assert_eq!(left(&lake).await, [0, 0, 0, 1, 1, 1, 2, 2, 2]);
}

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

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_deleted_the_rest_is_left() {
    let mut dice = Dice(11);
    for round in 0..12 {
        let lake = empty("3", &columns()).await;
        let (mut entries, mut wanted, mut first) = (Vec::new(), Vec::new(), 0);
        for number in 0..=dice.roll(4) {
            let count = i64::try_from(1 + dice.roll(60)).unwrap();
            let group = usize::try_from(1 + dice.roll(20)).unwrap();
            let range = first..first + count;
            first += count;
            let name = format!("{round}-{number}");
            let (place, batch) = (format!("{name}.parquet"), rows(range.clone()));
            let file = lake.data_file(&place, &batch, group).await;
            let density = dice.roll(5);
            let deleted: Vec<i64> = (0..count).filter(|_| dice.roll(4) < density).collect();
            entries.push((1, file.clone()));
            if !deleted.is_empty() {
                entries.push((
                    1,
                    if dice.roll(2) == 0 {
                        let pairs: Vec<_> = deleted.iter().map(|at| (&file, *at)).collect();
                        lake.positions(&format!("{name}-d.parquet"), &pairs).await
                    } else {
                        let bits: Vec<u64> =
                            deleted.iter().map(|at| u64::try_from(*at).unwrap()).collect();
                        lake.vector(&format!("{name}-d.puffin"), &file, &bits).await
                    },
                ));
            }
            for at in (0..count).filter(|at| !deleted.contains(at)) {
                wanted.push((number, at, range.start + at));
            }
        }
        lake.snapshot(&entries).await;
        let ids: Vec<i64> = wanted.iter().map(|(_, _, id)| *id).collect();
        assert_eq!(left(&lake).await, ids, "{round}");
        let mut lines: Vec<String> =
            wanted.iter().map(|(file, at, id)| format!("{file} {at} {id}")).collect();
        lines.sort_unstable();
        assert_eq!(places(&lake).await, lines, "{round}");
    }
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
async fn nulls_beside_deleted_rows() {
    let lake = empty("2", &columns()).await;
    let numbers: Int64Array = (0..20).map(|id| (id % 2 == 1).then_some(id)).collect();
    let a = batch(&[("id", 1, Arc::new(numbers) as ArrayRef)]);
    let a = lake.data_file("a.parquet", &a, 4).await;
    let (path, size) = (a.file_path().to_owned(), a.file_size_in_bytes());
    let mut a = described(DataContentType::Data, path, 20, size);
    a.value_counts([(1, 20)].into()).null_value_counts([(1, 10)].into());
    a.lower_bounds([(1, Datum::long(1))].into()).upper_bounds([(1, Datum::long(19))].into());
    let a = a.build().unwrap();
    // As many rows are left as the file had nulls, and none of them is null.
    let even: Vec<(&DataFile, i64)> = (0..10).map(|half| (&a, half * 2)).collect();
    let deletes = lake.positions("d.parquet", &even).await;
    lake.snapshot(&[(1, a.clone()), (1, deletes)]).await;
    assert_eq!(left(&lake).await, (0..10).map(|half| half * 2 + 1).collect::<Vec<_>>());
    // Row groups whose bounds match do not have as many rows that match.
    lake.snapshot(&[(1, a)]).await;
    for limit in [1, 2, 3, 5, 7, 10] {
        let text = format!("SELECT id FROM t WHERE id > 0 LIMIT {limit}");
        let table = lake.provider().await.unwrap();
        assert_eq!(ask(table, &text).await.unwrap().len(), limit);
    }
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
async fn delete_files_are_read_once_and_kept() {
    let lake = empty("2", &columns()).await;
    let a = lake.data_file("a.parquet", &rows(0..10), 4).await;
    let deletes = lake.positions("d.parquet", &[(&a, 2)]).await;
    lake.snapshot(&[(1, a), (1, deletes.clone())]).await;
    let reader = lake.reader();
    let table = lake.provider_with(&reader).await.unwrap();
    let pairs = "SELECT count(*) FROM t AS a JOIN t AS b ON a.id = b.id";
    assert_eq!(ask(table.clone(), pairs).await.unwrap(), ["9"]);
    // The file is gone, what it said is still known: to the statement, and to the server.
    let path = deletes.file_path().trim_start_matches("file://").to_owned();
    std::fs::remove_file(path).unwrap();
    assert_eq!(ask(table.clone(), "SELECT count(*) FROM t").await.unwrap(), ["9"]);
    let again = lake.provider_with(&reader).await.unwrap();
    assert_eq!(ask(again, "SELECT count(*) FROM t").await.unwrap(), ["9"]);
    let error = refused(&lake).await;
    assert_eq!(error.state, SqlState::DataCorrupted, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn initial_defaults_of_columns_in_older_files() {
    let lake = empty("3", &columns()).await;
    let old = lake.data_file("a.parquet", &rows(0..2), 9).await;
    lake.snapshot(&[(1, old.clone())]).await;
    let with = |more: Value| {
        let mut fields = columns().as_array().unwrap().clone();
        fields.extend(more.as_array().unwrap().clone());
        json!({"type": "struct", "schema-id": 1, "fields": fields}).to_string()
    };
    let fields = json!([
        {"id": 3, "name": "n", "required": true, "type": "int", "initial-default": 7},
        {"id": 4, "name": "s", "required": false, "type": "string", "initial-default": "none"},
        {"id": 5, "name": "d", "required": false, "type": "decimal(9, 2)", "initial-default": "1.50"},
        {"id": 6, "name": "t", "required": false, "type": "date", "initial-default": "2026-11-21"},
    ]);
    lake.update(vec![
        TableUpdate::AddSchema(Arc::new(Schema::parse(&with(fields)).unwrap())),
        TableUpdate::SetCurrentSchema(-1),
    ])
    .await;
    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![8]));
    let new = batch(&[("id", 1, ids(2..3)), ("n", 3, numbers)]);
    let new = lake.data_file("b.parquet", &new, 9).await;
    lake.snapshot(&[(1, old.clone()), (2, new.clone())]).await;
    let table = lake.provider().await.unwrap();
    let all = ask(table.clone(), "SELECT id, n, s, d, t FROM t").await.unwrap();
    let rest = "none 1.50 2026-11-21";
    assert_eq!(all, [format!("0 7 {rest}"), format!("1 7 {rest}"), format!("2 8 {rest}")]);
    let some = ask(table.clone(), "SELECT id FROM t WHERE n = 7 AND s = 'none'").await.unwrap();
    assert_eq!(some, ["0", "1"]);
    let some = ask(table.with_row_ids(), "SELECT id FROM t WHERE n = 8").await.unwrap();
    assert_eq!(some, ["2"]);
    // Deletes by such a column.
    let seven: ArrayRef = Arc::new(Int32Array::from(vec![7]));
    let deletes = lake.equality("e.parquet", &[("n", 3, seven)]).await;
    lake.snapshot(&[(1, old), (2, new), (3, deletes)]).await;
    assert_eq!(left(&lake).await, [2]);
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

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_format_version_1_and_upgraded_ones() {
    let lake = empty("1", &columns()).await;
    lake.append(rows(0..3)).await;
    assert_eq!(left(&lake).await, [0, 1, 2]);
    lake.update(vec![TableUpdate::UpgradeFormatVersion(2)]).await;
    assert_eq!(left(&lake).await, [0, 1, 2]);
    lake.append(rows(3..5)).await;
    assert_eq!(left(&lake).await, [0, 1, 2, 3, 4]);
    lake.update(vec![TableUpdate::UpgradeFormatVersion(3)]).await;
    assert_eq!(left(&lake).await, [0, 1, 2, 3, 4]);
}
