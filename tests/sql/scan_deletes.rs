//! Tables whose rows other engines deleted with delete files of all kinds.

use std::collections::BTreeSet;
use std::sync::Arc;

use apache_iceberg::spec::{DataContentType, DataFile, Datum, Literal, Struct};
use arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, StringArray};
use nunatak::iceberg::table::partition::PartitionSpec;
use nunatak::iceberg::table::schema::Schema;
use nunatak::iceberg::table::update::TableUpdate;
use nunatak::sql::error::SqlState;
use serde_json::{Value, json};

use crate::lake::Lake;
use crate::scan_by_hand::{Dice, columns, empty, ids, left, places, refused, rows};
use crate::scan_kit::{ask, batch, described};

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
