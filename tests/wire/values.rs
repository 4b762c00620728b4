//! Values of all types, in text and in binary.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    DurationMicrosecondArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int8Array,
    Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, IntervalYearMonthArray,
    LargeStringArray, ListArray, NullArray, RecordBatch, StringArray, StringViewArray, StructArray,
    Time64MicrosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray, UInt32Array,
    UInt64Array,
};
use arrow::datatypes::{
    DataType, Field, Int8Type, Int32Type, IntervalMonthDayNano, Schema, SchemaRef,
};
use futures::StreamExt as _;
use futures::stream;
use nunatak::sql::error::SqlResult;
use nunatak::sql::outcome::{Outcome, Value};
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::types::{FromSql, Type};

use crate::server::Server;

pub(crate) fn echo_columns(types: &[DataType]) -> SchemaRef {
    let field =
        |(at, kind): (usize, &DataType)| Field::new(format!("c{}", at + 1), kind.clone(), true);
    Arc::new(Schema::new(types.iter().enumerate().map(field).collect::<Vec<_>>()))
}

/// The values given, as one row.
pub(crate) fn echoed(values: &[Value]) -> SqlResult<Outcome> {
    let types: Vec<DataType> = values.iter().map(Value::data_type).collect();
    let columns = echo_columns(&types);
    let arrays = values.iter().map(|value| value.to_array().unwrap()).collect();
    let batch = RecordBatch::try_new(Arc::clone(&columns), arrays).unwrap();
    Ok(Outcome::Rows { columns, rows: stream::iter([Ok(batch)]).boxed() })
}

/// A column with one value and one NULL, its type, its text, and its bytes.
struct Case {
    array: ArrayRef,
    kind: Type,
    text: &'static str,
    bytes: Vec<u8>,
}

fn case(
    array: impl arrow::array::Array + 'static,
    kind: Type,
    text: &'static str,
    bytes: &[u8],
) -> Case {
    Case { array: Arc::new(array), kind, text, bytes: bytes.to_vec() }
}

/// 2024-02-29 12:34:56.789012 in microseconds since 1970, and since 2000.
const MOMENT: i64 = 1_709_210_096_789_012;
const MOMENT_PG: i64 = MOMENT - 946_684_800_000_000;

#[expect(clippy::too_many_lines, reason = "one table of all types")]
fn cases() -> Vec<Case> {
    let uuid = *b"\xa0\xee\xbc\x99\x9c\x0b\x4e\xf8\xbb\x6d\x6b\xb9\xbd\x38\x0a\x11";
    let fixed = |bytes: &[u8]| {
        let size = i32::try_from(bytes.len()).unwrap();
        FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some(bytes), None].into_iter(), size)
            .unwrap()
    };
    let interval = IntervalMonthDayNano::new(14, 3, 14_706_789_000_000);
    let interval_bytes =
        [&14_706_789_000_i64.to_be_bytes()[..], &3_i32.to_be_bytes(), &14_i32.to_be_bytes()]
            .concat();
    let year: Vec<u8> = [&[0; 12][..], &12_i32.to_be_bytes()].concat();
    let second: Vec<u8> = [&1_000_000_i64.to_be_bytes()[..], &[0; 8]].concat();
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), None, Some(3)]),
        None,
    ]);
    let list_bytes = [
        &1_i32.to_be_bytes()[..],
        &1_i32.to_be_bytes(),
        &23_i32.to_be_bytes(),
        &3_i32.to_be_bytes(),
        &1_i32.to_be_bytes(),
        &4_i32.to_be_bytes(),
        &1_i32.to_be_bytes(),
        &(-1_i32).to_be_bytes(),
        &4_i32.to_be_bytes(),
        &3_i32.to_be_bytes(),
    ]
    .concat();
    let dictionary: DictionaryArray<Int8Type> = [Some("ab"), None].into_iter().collect();
    let structure = StructArray::from(vec![(
        Arc::new(Field::new("a", DataType::Int64, true)),
        Arc::new(Int64Array::from(vec![Some(1), Some(2)])) as ArrayRef,
    )]);
    let (fields, arrays, _) = structure.into_parts();
    let structure = StructArray::new(fields, arrays, Some(vec![true, false].into()));
    vec![
        case(BooleanArray::from(vec![Some(true), None]), Type::BOOL, "t", &[1]),
        case(Int8Array::from(vec![Some(-8), None]), Type::INT2, "-8", &(-8_i16).to_be_bytes()),
        case(Int16Array::from(vec![Some(16), None]), Type::INT2, "16", &16_i16.to_be_bytes()),
        case(Int32Array::from(vec![Some(-32), None]), Type::INT4, "-32", &(-32_i32).to_be_bytes()),
        case(
            UInt32Array::from(vec![Some(u32::MAX), None]),
            Type::INT8,
            "4294967295",
            &4_294_967_295_i64.to_be_bytes(),
        ),
        case(
            Int64Array::from(vec![Some(i64::MIN), None]),
            Type::INT8,
            "-9223372036854775808",
            &i64::MIN.to_be_bytes(),
        ),
        case(
            UInt64Array::from(vec![Some(10_000), None]),
            Type::NUMERIC,
            "10000",
            &[0, 1, 0, 1, 0, 0, 0, 0, 0, 1],
        ),
        case(
            Float32Array::from(vec![Some(1.5), None]),
            Type::FLOAT4,
            "1.5",
            &1.5_f32.to_be_bytes(),
        ),
        case(
            Float64Array::from(vec![Some(0.1), None]),
            Type::FLOAT8,
            "0.1",
            &0.1_f64.to_be_bytes(),
        ),
        case(
            Decimal128Array::from(vec![Some(-12_345), None])
                .with_precision_and_scale(38, 2)
                .unwrap(),
            Type::NUMERIC,
            "-123.45",
            &[0, 2, 0, 0, 0x40, 0, 0, 2, 0, 123, 0x11, 0x94],
        ),
        case(StringArray::from(vec![Some("grün"), None]), Type::TEXT, "grün", "grün".as_bytes()),
        case(LargeStringArray::from(vec![Some(""), None]), Type::TEXT, "", b""),
        case(
            StringViewArray::from(vec![Some("a view that is not inlined"), None]),
            Type::TEXT,
            "a view that is not inlined",
            b"a view that is not inlined",
        ),
        case(dictionary, Type::TEXT, "ab", b"ab"),
        case(
            BinaryArray::from(vec![Some(&b"\x00\xff"[..]), None]),
            Type::BYTEA,
            "\\x00ff",
            b"\x00\xff",
        ),
        case(fixed(b"\x01\x02"), Type::BYTEA, "\\x0102", b"\x01\x02"),
        case(fixed(&uuid), Type::UUID, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", &uuid),
        case(
            Date32Array::from(vec![Some(19_782), None]),
            Type::DATE,
            "2024-02-29",
            &(19_782_i32 - 10_957).to_be_bytes(),
        ),
        case(
            Time64MicrosecondArray::from(vec![Some(1_500_000), None]),
            Type::TIME,
            "00:00:01.5",
            &1_500_000_i64.to_be_bytes(),
        ),
        case(
            TimestampMicrosecondArray::from(vec![Some(MOMENT), None]),
            Type::TIMESTAMP,
            "2024-02-29 12:34:56.789012",
            &MOMENT_PG.to_be_bytes(),
        ),
        case(
            TimestampNanosecondArray::from(vec![Some(MOMENT * 1000 + 999), None])
                .with_timezone("UTC"),
            Type::TIMESTAMPTZ,
            "2024-02-29 12:34:56.789012+00",
            &MOMENT_PG.to_be_bytes(),
        ),
        case(
            IntervalMonthDayNanoArray::from(vec![Some(interval), None]),
            Type::INTERVAL,
            "1 year 2 mons 3 days 04:05:06.789",
            &interval_bytes,
        ),
        case(IntervalYearMonthArray::from(vec![Some(12), None]), Type::INTERVAL, "1 year", &year),
        case(
            DurationMicrosecondArray::from(vec![Some(1_000_000), None]),
            Type::INTERVAL,
            "00:00:01",
            &second,
        ),
        case(list, Type::INT4_ARRAY, "{1,NULL,3}", &list_bytes),
        case(structure, Type::JSON, "{\"a\":1}", b"{\"a\":1}"),
    ]
}

fn field(at: usize, case: &Case) -> Field {
    let field = Field::new(format!("c{at}"), case.array.data_type().clone(), true);
    if case.kind != Type::UUID {
        return field;
    }
    let name = ("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned());
    field.with_metadata(HashMap::from([name]))
}

pub(crate) fn type_columns() -> SchemaRef {
    let mut fields: Vec<Field> =
        cases().iter().enumerate().map(|(at, case)| field(at, case)).collect();
    fields.push(Field::new("nothing", DataType::Null, true));
    Arc::new(Schema::new(fields))
}

pub(crate) fn all_types() -> SqlResult<Outcome> {
    let columns = type_columns();
    let mut arrays: Vec<ArrayRef> = cases().into_iter().map(|case| case.array).collect();
    arrays.push(Arc::new(NullArray::new(2)));
    let batch = RecordBatch::try_new(Arc::clone(&columns), arrays).unwrap();
    Ok(Outcome::Rows { columns, rows: stream::iter([Ok(batch)]).boxed() })
}

/// The bytes of a value of any type.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_in_text() {
    let server = Server::start().await;
    let client = server.client().await;
    let messages = client.simple_query("types").await.unwrap();
    let rows: Vec<_> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        })
        .collect();
    for (at, case) in cases().iter().enumerate() {
        assert_eq!(rows[0].get(at), Some(case.text), "{}", case.kind);
    }
    assert!((0..rows[1].len()).all(|at| rows[1].get(at).is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_type_in_binary() {
    let server = Server::start().await;
    let client = server.client().await;
    let rows = client.query("types", &[]).await.unwrap();
    for (at, case) in cases().iter().enumerate() {
        assert_eq!(*rows[0].columns()[at].type_(), case.kind);
        let Raw(bytes) = rows[0].get(at);
        assert_eq!(bytes, case.bytes, "{}", case.kind);
        assert!(rows[1].get::<_, Option<Raw>>(at).is_none());
    }
}

/// What goes in comes out again, read in each format by its own code.
#[tokio::test(flavor = "multi_thread")]
async fn parameters_come_back() {
    let server = Server::start().await;
    for case in cases() {
        if case.kind == Type::JSON {
            continue;
        }
        let oid = case.kind.oid();
        let text = case.text.as_bytes();
        for (format, given) in [(0, text), (1, &case.bytes)] {
            let (in_text, in_binary) = crate::raw::echo(&server, oid, format, given).await;
            let shown = String::from_utf8_lossy(&in_text);
            if case.kind == Type::NUMERIC {
                // A numeric without precision is planned with ten digits after the point.
                let short = match shown.split_once('.') {
                    Some((whole, fraction)) => {
                        format!("{whole}.{}", fraction.trim_end_matches('0'))
                    }
                    None => shown.into_owned(),
                };
                assert_eq!(short.trim_end_matches('.'), case.text);
                continue;
            }
            if case.kind == Type::UUID {
                // A column of such bytes is `bytea`: nothing says that it is a UUID.
                assert_eq!(in_binary, case.bytes);
                continue;
            }
            assert_eq!(
                (shown.as_ref(), &in_binary),
                (case.text, &case.bytes),
                "{} {format}",
                case.kind
            );
        }
    }
}
