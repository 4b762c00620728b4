//! Every type and every partition transform: what was written is what is read, and what manifests say of
//! it is true.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{
    Array as _, ArrayRef, DictionaryArray, LargeStringArray, NullArray, RecordBatch,
    StringViewArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef, TimeUnit};
use nunatak::sql::error::SqlState;
use nunatak::sql::write::{DataFile, table_arrow_schema};
use serde_json::{Value, json};

use crate::lake::{Lake, Table, rows};

fn all_types() -> Value {
    let mut fields: Vec<Value> = [
        "boolean",
        "int",
        "long",
        "float",
        "double",
        "decimal(9, 2)",
        "decimal(18, 3)",
        "decimal(38, 10)",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "string",
        "uuid",
        "fixed[3]",
        "binary",
    ]
    .iter()
    .zip(1..)
    .map(|(kind, id)| json!({"id": id, "name": format!("c{id}"), "required": false, "type": kind}))
    .collect();
    fields.push(json!({"id": 17, "name": "nested", "required": false, "type": {
    "type": "struct", "fields": [
        {"id": 20, "name": "a", "required": true, "type": "int"},
        {"id": 21, "name": "b", "required": false, "type": "double"},
        {"id": 22, "name": "u", "required": false, "type": "uuid"},
    ]}}));
    fields.push(json!({"id": 18, "name": "list", "required": false, "type": {
        "type": "list", "element-id": 23, "element-required": true, "element": "string"}}));
    fields.push(json!({"id": 19, "name": "map", "required": false, "type": {
        "type": "map", "key-id": 24, "key": "string", "value-id": 25, "value-required": false,
        "value": {"type": "list", "element-id": 26, "element-required": false, "element": "long"}}}));
    Value::Array(fields)
}

fn row_low() -> Value {
    json!({
        "c1": false, "c2": -5, "c3": -5_000_000_000_i64, "c4": -1.5, "c5": -2.5, "c6": "-1.25",
        "c7": "-123456.789", "c8": "-1234567890123456789012345678.0123456789",
        "c9": "1969-12-30", "c10": "00:00:01.000001", "c11": "1969-12-31T23:59:59.500000",
        "c12": "1969-12-31T23:59:59.500000Z", "c13": "Ä text of more than sixteen characters",
        "c14": "00112233445566778899aabbccddeeff", "c15": "010203", "c16": "00",
        "nested": {"a": 1, "b": 1.5, "u": "00112233445566778899aabbccddeeff"},
        "list": ["x", "y"], "map": {"k": [1, null, 3], "l": null},
    })
}

fn row_high() -> Value {
    json!({
        "c1": true, "c2": 7, "c3": 7_000_000_000_i64, "c4": 3.5, "c5": 4.5, "c6": "12.50",
        "c7": "98765.432", "c8": "99999999999.5", "c9": "2026-11-21", "c10": "23:59:59.999999",
        "c11": "2026-11-21T08:00:00.000001", "c12": "2026-11-21T08:00:00.000001Z",
        "c13": "ähnlich lang, und dann noch länger",
        "c14": "ff112233445566778899aabbccddeeff", "c15": "ff0203",
        "c16": "ffffffffffffffffffffffffffffffffffff",
        "nested": {"a": 2, "b": null, "u": null}, "list": [], "map": {},
    })
}

fn arrow_schema(table: &Table<'_>) -> SchemaRef {
    let library = nunatak::sql::spec::table(&table.metadata).unwrap();
    table_arrow_schema(library.current_schema()).unwrap()
}

fn from_json(schema: &SchemaRef, values: &[Value]) -> RecordBatch {
    let text: String = values.iter().map(|value| format!("{value}\n")).collect();
    let mut reader = arrow::json::ReaderBuilder::new(Arc::clone(schema))
        .with_batch_size(1_000_000)
        .build(text.as_bytes())
        .unwrap();
    reader.next().unwrap().unwrap()
}

/// Rows as text, the same for every encoding of the same values.
fn shown(batches: &[RecordBatch]) -> Vec<String> {
    let mut out = Vec::new();
    let mut writer = arrow::json::LineDelimitedWriter::new(&mut out);
    for batch in batches {
        writer.write(batch).unwrap();
    }
    writer.finish().unwrap();
    drop(writer);
    let mut lines: Vec<String> =
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn describe(file: &DataFile) -> String {
    let entry = file.entry();
    let mut out = String::new();
    let mut ids: Vec<i32> = entry.value_counts().keys().copied().collect();
    ids.sort_unstable();
    for id in ids {
        let bound = |found: Option<&apache_iceberg::spec::Datum>| {
            found.map_or_else(|| "-".to_owned(), |found| format!("{:?}", found.literal()))
        };
        writeln!(
            out,
            "{id}: values {} nulls {:?} nans {:?}, {} to {}",
            entry.value_counts()[&id],
            entry.null_value_counts().get(&id),
            entry.nan_value_counts().get(&id),
            bound(entry.lower_bounds().get(&id)),
            bound(entry.upper_bounds().get(&id)),
        )
        .unwrap();
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_is_read_as_it_was_written() {
    let lake = Lake::new().await;
    lake.table(&all_types(), &json!([]), &[]).await;
    let schema = arrow_schema(&lake.load().await);
    let batch = from_json(&schema, &[row_low(), json!({}), row_high()]);
    let files = lake.append(batch.clone()).await;
    let table = lake.load().await;
    assert_eq!(shown(&table.read().await), shown(&[batch]));
    insta::assert_snapshot!(describe(&files[0]), @r#"
    1: values 3 nulls Some(1) nans None, Boolean(false) to Boolean(true)
    2: values 3 nulls Some(1) nans None, Int(-5) to Int(7)
    3: values 3 nulls Some(1) nans None, Long(-5000000000) to Long(7000000000)
    4: values 3 nulls Some(1) nans Some(0), Float(-1.5) to Float(3.5)
    5: values 3 nulls Some(1) nans Some(0), Double(-2.5) to Double(4.5)
    6: values 3 nulls Some(1) nans None, Int128(-125) to Int128(1250)
    7: values 3 nulls Some(1) nans None, Int128(-123456789) to Int128(98765432)
    8: values 3 nulls Some(1) nans None, Int128(-12345678901234567890123456780123456789) to Int128(999999999995000000000)
    9: values 3 nulls Some(1) nans None, Int(-2) to Int(20778)
    10: values 3 nulls Some(1) nans None, Long(1000001) to Long(86399999999)
    11: values 3 nulls Some(1) nans None, Long(-500000) to Long(1795248000000001)
    12: values 3 nulls Some(1) nans None, Long(-500000) to Long(1795248000000001)
    13: values 3 nulls Some(1) nans None, String("Ä text of more t") to String("ähnlich lang, uo")
    14: values 3 nulls Some(1) nans None, UInt128(88962710306127702866241727433142015) to UInt128(339042101635459675293337042098921008895)
    15: values 3 nulls Some(1) nans None, Binary([1, 2, 3]) to Binary([255, 2, 3])
    16: values 3 nulls Some(1) nans None, Binary([0]) to -
    20: values 3 nulls Some(1) nans None, Int(1) to Int(2)
    21: values 3 nulls Some(2) nans Some(0), Double(1.5) to Double(1.5)
    22: values 3 nulls Some(2) nans None, UInt128(88962710306127702866241727433142015) to UInt128(88962710306127702866241727433142015)
    23: values 4 nulls Some(2) nans None, - to -
    24: values 4 nulls Some(2) nans None, - to -
    26: values 6 nulls Some(4) nans None, - to -
    "#);

    // What the manifest keeps is what the writer found.
    let entries = table.entries().await;
    let stored = &entries[0].data_file;
    assert_eq!(stored.lower_bounds(), files[0].entry().lower_bounds());
    assert_eq!(stored.upper_bounds(), files[0].entry().upper_bounds());
    assert_eq!(stored.column_sizes(), files[0].entry().column_sizes());
    assert_eq!(stored.split_offsets(), Some(&[4][..]));

    let bytes = lake.bytes(files[0].path()).await;
    let reader = parquet::file::serialized_reader::SerializedFileReader::new(bytes).unwrap();
    let mut text = Vec::new();
    let footer = parquet::file::reader::FileReader::metadata(&reader).file_metadata();
    parquet::schema::printer::print_schema(&mut text, footer.schema());
    insta::assert_snapshot!(String::from_utf8(text).unwrap(), @r"
    message table {
      OPTIONAL BOOLEAN c1 [1];
      OPTIONAL INT32 c2 [2];
      OPTIONAL INT64 c3 [3];
      OPTIONAL FLOAT c4 [4];
      OPTIONAL DOUBLE c5 [5];
      OPTIONAL INT32 c6 [6] (DECIMAL(9,2));
      OPTIONAL INT64 c7 [7] (DECIMAL(18,3));
      OPTIONAL FIXED_LEN_BYTE_ARRAY (16) c8 [8] (DECIMAL(38,10));
      OPTIONAL INT32 c9 [9] (DATE);
      OPTIONAL INT64 c10 [10] (TIME(MICROS,false));
      OPTIONAL INT64 c11 [11] (TIMESTAMP(MICROS,false));
      OPTIONAL INT64 c12 [12] (TIMESTAMP(MICROS,true));
      OPTIONAL BYTE_ARRAY c13 [13] (STRING);
      OPTIONAL FIXED_LEN_BYTE_ARRAY (16) c14 [14] (UUID);
      OPTIONAL FIXED_LEN_BYTE_ARRAY (3) c15 [15];
      OPTIONAL BYTE_ARRAY c16 [16];
      OPTIONAL group nested [17] {
        REQUIRED INT32 a [20];
        OPTIONAL DOUBLE b [21];
        OPTIONAL FIXED_LEN_BYTE_ARRAY (16) u [22] (UUID);
      }
      OPTIONAL group list [18] (LIST) {
        REPEATED group list {
          REQUIRED BYTE_ARRAY element [23] (STRING);
        }
      }
      OPTIONAL group map [19] (MAP) {
        REPEATED group key_value {
          REQUIRED BYTE_ARRAY key [24] (STRING);
          OPTIONAL group value [25] (LIST) {
            REPEATED group list {
              OPTIONAL INT64 element [26];
            }
          }
        }
      }
    }
    ");
    assert!(footer.key_value_metadata().is_none_or(Vec::is_empty));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_that_are_none_have_no_bounds() {
    let lake = Lake::new().await;
    let columns = json!([
        {"id": 1, "name": "d", "required": false, "type": "double"},
        {"id": 2, "name": "f", "required": false, "type": "float"},
        {"id": 3, "name": "s", "required": false, "type": "string"},
    ]);
    lake.table(&columns, &json!([]), &[]).await;
    let schema = arrow_schema(&lake.load().await);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(arrow::array::Float64Array::from(vec![Some(f64::NAN), Some(0.0), None])),
        Arc::new(arrow::array::Float32Array::from(vec![f32::NAN, f32::NAN, f32::NAN])),
        Arc::new(arrow::array::StringArray::from(vec![
            "\u{10FFFF}".repeat(100),
            "a".repeat(100),
            "b".into(),
        ])),
    ];
    let files = lake.append(RecordBatch::try_new(schema, columns).unwrap()).await;
    insta::assert_snapshot!(describe(&files[0]), @r#"
    1: values 3 nulls Some(1) nans Some(1), Double(-0.0) to Double(0.0)
    2: values 3 nulls Some(0) nans Some(3), - to -
    3: values 3 nulls Some(0) nans None, String("aaaaaaaaaaaaaaaa") to -
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_encodings_of_the_same_values_are_taken() {
    let lake = Lake::new().await;
    let columns = json!([
        {"id": 1, "name": "a", "required": true, "type": "string"},
        {"id": 2, "name": "b", "required": false, "type": "string"},
        {"id": 3, "name": "c", "required": false, "type": "string"},
        {"id": 4, "name": "d", "required": false, "type": "timestamptz"},
        {"id": 5, "name": "e", "required": false, "type": "decimal(9, 2)"},
    ]);
    lake.table(&columns, &json!([]), &[]).await;
    let views: ArrayRef = Arc::new(StringViewArray::from(vec!["x", "a value longer than a view"]));
    let large: ArrayRef = Arc::new(LargeStringArray::from(vec![None, Some("y")]));
    let words: ArrayRef =
        Arc::new(vec![Some("z"), None].into_iter().collect::<DictionaryArray<Int32Type>>());
    let time: ArrayRef =
        Arc::new(TimestampMicrosecondArray::from(vec![0, 1]).with_timezone("Europe/Oslo"));
    let nothing: ArrayRef = Arc::new(NullArray::new(2));
    let named = ["a", "b", "c", "d", "e"];
    let arrays = [views, large, words, time, nothing];
    let batch = RecordBatch::try_from_iter(named.into_iter().zip(arrays)).unwrap();
    lake.append(batch).await;
    insta::assert_snapshot!(shown(&lake.load().await.read().await).join("\n"), @r#"
    {"a":"a value longer than a view","b":"y","d":"1970-01-01T00:00:00.000001Z"}
    {"a":"x","c":"z","d":"1970-01-01T00:00:00Z"}
    "#);
}

#[tokio::test(flavor = "multi_thread")]
async fn nulls_are_found_wherever_they_hide() {
    let lake = Lake::new().await;
    lake.table(&all_types(), &json!([]), &[]).await;
    let table = lake.load().await;
    let strict = arrow_schema(&table);
    let loose = Arc::new(Schema::new(strict.fields().iter().map(|f| open(f)).collect::<Vec<_>>()));
    for (value, expected) in [
        (json!({"nested": {"a": null}}), Err("nested.a")),
        (json!({"nested": null}), Ok(())),
        (json!({"list": ["x", null]}), Err("list.element")),
        (json!({"list": null}), Ok(())),
        (json!({"map": {"k": [null]}}), Ok(())),
    ] {
        let batch = from_json(&loose, &[value.clone(), json!({})]);
        let found = table.write().unwrap().write_data(rows(vec![batch])).await;
        match (found, expected) {
            (Ok(files), Ok(())) => assert_eq!(files[0].rows(), 2, "{value}"),
            (Err(error), Err(column)) => {
                assert_eq!(error.state, SqlState::NotNullViolation);
                assert!(error.message.contains(&format!("\"{column}\"")), "{}", error.message);
            }
            (found, _) => panic!("{value}: {found:?}"),
        }
    }
    // A slice of a longer list: what lies outside of it is not looked at.
    let batch = from_json(&loose, &[json!({"list": [null]}), json!({"list": ["x"]})]).slice(1, 1);
    table.write().unwrap().write_data(rows(vec![batch])).await.unwrap();
}

/// The same field with nulls allowed everywhere.
fn open(field: &Field) -> Field {
    let kind = match field.data_type() {
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|f| open(f)).collect()),
        DataType::List(inner) => DataType::List(Arc::new(open(inner))),
        other => other.clone(),
    };
    Field::new(field.name(), kind, true)
}

#[tokio::test(flavor = "multi_thread")]
async fn digits_that_do_not_fit_are_refused() {
    let lake = Lake::new().await;
    let columns = json!([{"id": 1, "name": "d", "required": false, "type": "decimal(4, 2)"}]);
    lake.table(&columns, &json!([]), &[]).await;
    let array = arrow::array::Decimal128Array::from(vec![123_456]).with_data_type_unchecked();
    let batch = RecordBatch::try_from_iter([("d", array)]).unwrap();
    let table = lake.load().await;
    let error = table.write().unwrap().write_data(rows(vec![batch])).await.unwrap_err();
    assert_eq!(error.state, SqlState::DataException);
}

/// A decimal array that claims to have four digits.
trait Claim {
    fn with_data_type_unchecked(self) -> ArrayRef;
}

impl Claim for arrow::array::Decimal128Array {
    fn with_data_type_unchecked(self) -> ArrayRef {
        Arc::new(self.with_data_type(DataType::Decimal128(4, 2)))
    }
}

/// One partition field for each transform and type that has it.
fn partitions(transforms: &[(i32, &str)]) -> Value {
    transforms
        .iter()
        .zip(1000..)
        .map(|((source, transform), id)| {
            json!({"source-id": source, "field-id": id, "name": format!("p{source}_{id}"),
                   "transform": transform})
        })
        .collect()
}

async fn partitioned(transforms: &[(i32, &str)]) -> (Lake, String) {
    let lake = Lake::new().await;
    lake.table(&all_types(), &partitions(transforms), &[]).await;
    let schema = arrow_schema(&lake.load().await);
    let batch = from_json(&schema, &[row_low(), json!({}), row_high(), row_low()]);
    let files = lake.append(batch.clone()).await;
    let table = lake.load().await;
    assert_eq!(shown(&table.read().await), shown(&[batch]));
    let root = format!("{}/data/", table.metadata.location());
    let mut lines = Vec::new();
    for (entry, file) in table.entries().await.iter().zip(&files) {
        assert_eq!(entry.data_file.partition(), file.entry().partition());
        let path = file.path().strip_prefix(&root).unwrap();
        let (directories, _) = path.rsplit_once('/').unwrap();
        lines.push(format!("{} rows in {directories}", file.rows()));
    }
    lines.sort();
    let text = lines.join("\n");
    drop(table);
    (lake, text)
}

#[tokio::test(flavor = "multi_thread")]
async fn transforms_of_time() {
    let mut told = String::new();
    for (one, two) in [("year", "void"), ("month", "year"), ("day", "month"), ("void", "day")] {
        let (_lake, text) = partitioned(&[(9, one), (11, two), (12, "hour")]).await;
        writeln!(told, "{text}").unwrap();
    }
    insta::assert_snapshot!(told, @r"
    1 rows in p9_1000=2026/p11_1001=null/p12_1002=2026-11-21-08
    1 rows in p9_1000=null/p11_1001=null/p12_1002=null
    2 rows in p9_1000=1969/p11_1001=null/p12_1002=1969-12-31-23
    1 rows in p9_1000=2026-11/p11_1001=2026/p12_1002=2026-11-21-08
    1 rows in p9_1000=null/p11_1001=null/p12_1002=null
    2 rows in p9_1000=1969-12/p11_1001=1969/p12_1002=1969-12-31-23
    1 rows in p9_1000=2026-11-21/p11_1001=2026-11/p12_1002=2026-11-21-08
    1 rows in p9_1000=null/p11_1001=null/p12_1002=null
    2 rows in p9_1000=1969-12-30/p11_1001=1969-12/p12_1002=1969-12-31-23
    1 rows in p9_1000=null/p11_1001=2026-11-21/p12_1002=2026-11-21-08
    1 rows in p9_1000=null/p11_1001=null/p12_1002=null
    2 rows in p9_1000=null/p11_1001=1969-12-31/p12_1002=1969-12-31-23
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_of_every_type() {
    let sources = [2, 3, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    let transforms: Vec<(i32, &str)> = sources.iter().map(|id| (*id, "bucket[1000]")).collect();
    let (_lake, text) = partitioned(&transforms).await;
    insta::assert_snapshot!(text, @r"
    1 rows in p2_1000=619/p3_1001=254/p6_1002=241/p7_1003=290/p8_1004=732/p9_1005=543/p10_1006=256/p11_1007=287/p12_1008=287/p13_1009=218/p14_1010=329/p15_1011=997/p16_1012=927
    1 rows in p2_1000=null/p3_1001=null/p6_1002=null/p7_1003=null/p8_1004=null/p9_1005=null/p10_1006=null/p11_1007=null/p12_1008=null/p13_1009=null/p14_1010=null/p15_1011=null/p16_1012=null
    2 rows in p2_1000=974/p3_1001=653/p6_1002=88/p7_1003=841/p8_1004=701/p9_1005=621/p10_1006=815/p11_1007=631/p12_1008=631/p13_1009=848/p14_1010=809/p15_1011=788/p16_1012=727
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn truncation_of_every_type() {
    let sources = [2, 3, 6, 7, 8, 13, 16];
    let transforms: Vec<(i32, &str)> = sources.iter().map(|id| (*id, "truncate[3]")).collect();
    let (_lake, text) = partitioned(&transforms).await;
    insta::assert_snapshot!(text, @r"
    1 rows in p2_1000=6/p3_1001=6999999999/p6_1002=12.48/p7_1003=98765.430/p8_1004=99999999999.4999999998/p13_1005=%C3%A4hn/p16_1006=ffffff
    1 rows in p2_1000=null/p3_1001=null/p6_1002=null/p7_1003=null/p8_1004=null/p13_1005=null/p16_1006=null
    2 rows in p2_1000=-6/p3_1001=-5000000001/p6_1002=-1.26/p7_1003=-123456.789/p8_1004=-1234567890123456789012345678.0123456789/p13_1005=%C3%84+t/p16_1006=00
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn identity_of_every_type() {
    let mut told = String::new();
    for source in (1..=16).filter(|source| *source != 14) {
        let (_lake, text) = partitioned(&[(source, "identity")]).await;
        writeln!(told, "{text}").unwrap();
    }
    let (_lake, text) = partitioned(&[(20, "identity"), (22, "bucket[7]")]).await;
    writeln!(told, "{text}").unwrap();
    insta::assert_snapshot!(told, @r"
    1 rows in p1_1000=null
    1 rows in p1_1000=true
    2 rows in p1_1000=false
    1 rows in p2_1000=7
    1 rows in p2_1000=null
    2 rows in p2_1000=-5
    1 rows in p3_1000=7000000000
    1 rows in p3_1000=null
    2 rows in p3_1000=-5000000000
    1 rows in p4_1000=3.5
    1 rows in p4_1000=null
    2 rows in p4_1000=-1.5
    1 rows in p5_1000=4.5
    1 rows in p5_1000=null
    2 rows in p5_1000=-2.5
    1 rows in p6_1000=12.50
    1 rows in p6_1000=null
    2 rows in p6_1000=-1.25
    1 rows in p7_1000=98765.432
    1 rows in p7_1000=null
    2 rows in p7_1000=-123456.789
    1 rows in p8_1000=99999999999.5000000000
    1 rows in p8_1000=null
    2 rows in p8_1000=-1234567890123456789012345678.0123456789
    1 rows in p9_1000=2026-11-21
    1 rows in p9_1000=null
    2 rows in p9_1000=1969-12-30
    1 rows in p10_1000=23%3A59%3A59.999999
    1 rows in p10_1000=null
    2 rows in p10_1000=00%3A00%3A01.000001
    1 rows in p11_1000=2026-11-21T08%3A00%3A00.000001
    1 rows in p11_1000=null
    2 rows in p11_1000=1969-12-31T23%3A59%3A59.500
    1 rows in p12_1000=2026-11-21T08%3A00%3A00.000001%2B00%3A00
    1 rows in p12_1000=null
    2 rows in p12_1000=1969-12-31T23%3A59%3A59.500%2B00%3A00
    1 rows in p13_1000=%C3%A4hnlich+lang%2C+und+dann+noch+l%C3%A4nger
    1 rows in p13_1000=null
    2 rows in p13_1000=%C3%84+text+of+more+than+sixteen+characters
    1 rows in p15_1000=ff0203
    1 rows in p15_1000=null
    2 rows in p15_1000=010203
    1 rows in p16_1000=ffffffffffffffffffffffffffffffffffff
    1 rows in p16_1000=null
    2 rows in p16_1000=00
    1 rows in p20_1000=2/p22_1001=null
    1 rows in p20_1000=null/p22_1001=null
    2 rows in p20_1000=1/p22_1001=4
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn uuids_are_no_partition_values() {
    let lake = Lake::new().await;
    lake.table(&all_types(), &partitions(&[(14, "identity")]), &[]).await;
    let table = lake.load().await;
    let batch = from_json(&arrow_schema(&table), &[row_low()]);
    let error = table.write().unwrap().write_data(rows(vec![batch])).await.unwrap_err();
    assert_eq!(error.state, SqlState::FeatureNotSupported);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_file_of_a_manifest_is_replaced() {
    let lake = Lake::new().await;
    let columns = json!([{"id": 1, "name": "t", "required": false, "type": "timestamp"}]);
    lake.table(&columns, &partitions(&[(1, "day")]), &[]).await;
    let days = |days: &[i64]| {
        let micros: Vec<i64> = days.iter().map(|day| day * 86_400_000_000).collect();
        let array: ArrayRef = Arc::new(TimestampMicrosecondArray::from(micros));
        assert_eq!(array.data_type(), &DataType::Timestamp(TimeUnit::Microsecond, None));
        RecordBatch::try_from_iter([("t", array)]).unwrap()
    };
    let files = lake.append(days(&[0, 1, 2, 1])).await;
    assert_eq!(files.len(), 3);
    lake.append(days(&[3])).await;
    let target = files.iter().find(|file| file.rows() == 2).unwrap();
    lake.overwrite(days(&[1]), &[target.path()]).await;
    lake.overwrite(days(&[]), &[files[0].path()]).await;
    let table = lake.load().await;
    insta::assert_snapshot!(format!("{}\n{}", table.summary(), table.describe().await), @r"
    changed-partition-count=1 deleted-data-files=1 deleted-records=1 operation=delete total-data-files=3 total-delete-files=0 total-equality-deletes=0 total-position-deletes=0 total-records=3
    manifest @4 sequence=4 min=1 files +0 =1 -1: Deleted@4 rows=1 sequence=Some(1)/Some(1), Existing@1 rows=1 sequence=Some(1)/Some(1)
    manifest @3 sequence=3 min=3 files +1 =0 -0: Added@3 rows=1 sequence=None/None
    manifest @2 sequence=2 min=2 files +1 =0 -0: Added@2 rows=1 sequence=None/None
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_partitions_are_written_a_few_at_a_time() {
    let lake = Lake::new().await;
    let columns = json!([{"id": 1, "name": "n", "required": false, "type": "long"}]);
    lake.table(&columns, &partitions(&[(1, "identity")]), &[]).await;
    let array: ArrayRef =
        Arc::new((0..20_000).map(|n| n % 250).collect::<arrow::array::Int64Array>());
    let batch = RecordBatch::try_from_iter([("n", array)]).unwrap();
    let files = lake.append(batch.clone()).await;
    assert!(files.len() >= 250);
    assert_eq!(shown(&lake.load().await.read().await), shown(&[batch]));
}
