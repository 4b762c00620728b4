//! Tests of parameters.

use arrow::datatypes::TimeUnit;

use super::*;

fn in_text(kind: &Type, wanted: &DataType, text: &str) -> WireResult<Value> {
    read(kind.oid(), wanted, Format::Text, Some(text.as_bytes()))
}

#[test]
fn a_number_fits_exactly_or_keeps_its_own_type() {
    let wanted = DataType::Decimal128(10, 2);
    let of = |text: &str| in_text(&Type::NUMERIC, &wanted, text).unwrap();
    assert_eq!(of("1.5"), Value::Decimal128(Some(150), 10, 2));
    assert_eq!(of("-0"), Value::Decimal128(Some(0), 10, 2));
    // Never rounded: 1.005 is not 1.01.
    assert_eq!(of("1.005"), Value::Decimal128(Some(1005), 4, 3));
    assert_eq!(of("123456789.12"), Value::Decimal128(Some(12_345_678_912), 11, 2));
    let large = of("123456789012345678901234567890123456789012");
    assert!(matches!(large, Value::Decimal256(Some(_), 42, 0)), "{large:?}");
    let whole = in_text(&Type::NUMERIC, &DataType::Int64, "7.0").unwrap();
    assert_eq!(whole, Value::Int64(Some(7)));
    let float = in_text(&Type::FLOAT8, &DataType::Int64, "1.5").unwrap();
    assert_eq!(float, Value::Float64(Some(1.5)));
    let narrow = read(Type::INT8.oid(), &DataType::Int32, Format::Binary, Some(&[1; 8])).unwrap();
    assert_eq!(narrow, Value::Int64(Some(0x0101_0101_0101_0101)));
}

#[test]
fn other_values_fit_exactly_or_not_at_all() {
    let view = in_text(&Type::TEXT, &DataType::Utf8View, "a").unwrap();
    assert_eq!(view, Value::Utf8View(Some("a".to_owned())));
    let seconds = DataType::Timestamp(TimeUnit::Second, None);
    assert!(in_text(&Type::TIMESTAMP, &seconds, "2024-01-01 00:00:01").is_ok());
    assert!(in_text(&Type::TIMESTAMP, &seconds, "2024-01-01 00:00:01.5").is_err());
    assert!(in_text(&Type::TEXT, &DataType::Int32, "x").is_err());
    let null = read(Type::INT4.oid(), &DataType::Int64, Format::Text, None).unwrap();
    assert_eq!(null, Value::Int64(None));
}

#[test]
fn no_bytes_of_a_wrong_length_are_taken() {
    let kinds = [
        (Type::BOOL, 1),
        (Type::INT2, 2),
        (Type::INT4, 4),
        (Type::INT8, 8),
        (Type::FLOAT4, 4),
        (Type::FLOAT8, 8),
        (Type::DATE, 4),
        (Type::TIME, 8),
        (Type::TIMESTAMP, 8),
        (Type::TIMESTAMPTZ, 8),
        (Type::INTERVAL, 16),
        (Type::UUID, 16),
    ];
    for (kind, right) in kinds {
        let wanted = hint(kind.oid()).unwrap().unwrap();
        for length in 0..20 {
            let bytes = vec![0; length];
            let read = read(kind.oid(), &wanted, Format::Binary, Some(&bytes));
            assert_eq!(read.is_ok(), length == right, "{kind} {length}: {read:?}");
        }
    }
    for bytes in [&[0xff_u8][..], b"a\0b"] {
        assert!(read(Type::TEXT.oid(), &DataType::Utf8, Format::Text, Some(bytes)).is_err());
        assert!(read(Type::TEXT.oid(), &DataType::Utf8, Format::Binary, Some(bytes)).is_err());
    }
}

#[test]
fn arrays_in_text() {
    let of = |text: &str| array_items(&Type::TEXT_ARRAY, text).map_err(|error| error.code);
    let items = |texts: &[Option<&str>]| {
        Ok(texts.iter().map(|text| text.map(str::to_owned)).collect::<Vec<_>>())
    };
    assert_eq!(of("{}"), items(&[]));
    assert_eq!(of(" { a , NULL,\"NULL\" } "), items(&[Some("a"), None, Some("NULL")]));
    assert_eq!(of(r#"{"a,\"}\\",b\ c,""}"#), items(&[Some("a,\"}\\"), Some("b c"), Some("")]));
    for wrong in ["", "{", "a", "{a", "{,}", "{a,}", "{\"a}", "{a}b", "{\"a\"b}", "{a\\"] {
        assert_eq!(of(wrong), Err(code::INVALID_TEXT), "{wrong}");
    }
    assert_eq!(of("{{a}}"), Err(code::FEATURE_NOT_SUPPORTED));
}

#[test]
fn arrays_in_binary_are_checked() {
    let one: Vec<u8> =
        [1_i32, 0, 23, 1, 1, 4, 7].iter().flat_map(|word| word.to_be_bytes()).collect();
    let wanted = hint(Type::INT4_ARRAY.oid()).unwrap().unwrap();
    let read = |bytes: &[u8]| read(Type::INT4_ARRAY.oid(), &wanted, Format::Binary, Some(bytes));
    assert!(read(&one).is_ok());
    for end in 0..one.len() {
        assert!(read(&one[..end]).is_err(), "{end}");
    }
    let huge: Vec<u8> =
        [1_i32, 0, 23, i32::MAX, 1].iter().flat_map(|word| word.to_be_bytes()).collect();
    assert!(read(&huge).is_err());
}

#[test]
fn bytes_in_both_text_forms() {
    let of = |text: &str| in_text(&Type::BYTEA, &DataType::Binary, text);
    assert_eq!(of("\\x00fF").unwrap(), Value::Binary(Some(vec![0, 255])));
    assert_eq!(of("a\\\\\\001").unwrap(), Value::Binary(Some(b"a\\\x01".to_vec())));
    for wrong in ["\\x0", "\\xzz", "\\", "\\400", "\\09"] {
        assert_eq!(of(wrong).unwrap_err().code, code::INVALID_TEXT, "{wrong}");
    }
}
