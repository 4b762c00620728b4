//! Tests of the encoders: what the tests over the wire do not reach.

use std::sync::Arc;

use arrow::array::{
    Array, Date64Array, LargeListArray, ListArray, RunArray, StringArray,
    TimestampMicrosecondArray, TimestampSecondArray,
};
use arrow::datatypes::i256;

use super::*;

fn column(array: impl Array + 'static) -> WireResult<Column> {
    let array: ArrayRef = Arc::new(array);
    let field: FieldRef = Arc::new(Field::new("c", array.data_type().clone(), true));
    Column::new(&array, &field, &of(&field)?, Format::Text, Zone::default())
}

fn shown(column: &Column, row: usize) -> WireResult<Option<String>> {
    let mut out = BytesMut::new();
    column.write(row, &mut out)?;
    let length = i32::from_be_bytes(out[..4].try_into().unwrap());
    let text = || String::from_utf8(out[4..].to_vec()).unwrap();
    Ok((length >= 0).then(text))
}

#[track_caller]
fn check(array: impl Array + 'static, expected: &[Option<&str>]) {
    let column = column(array).unwrap();
    let texts: Vec<_> = (0..expected.len()).map(|row| shown(&column, row).unwrap()).collect();
    assert_eq!(texts.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
}

#[test]
fn unusual_forms_of_usual_values() {
    check(Date64Array::from(vec![Some(-1), None]), &[Some("1969-12-31"), None]);
    let large = Decimal256Array::from(vec![i256::from_i128(-5)]).with_precision_and_scale(76, 3);
    check(large.unwrap(), &[Some("-0.005")]);
    let runs: RunArray<Int32Type> = [Some("a"), Some("a"), None].into_iter().collect();
    check(runs, &[Some("a"), Some("a"), None]);
    let large = LargeListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![]), None]);
    check(large, &[Some("{}"), None]);
}

/// A slice of a list starts in the middle of its items.
#[test]
fn slices_of_lists() {
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1), Some(2)]),
        Some(vec![None]),
        None,
        Some(vec![Some(3)]),
    ]);
    check(list.slice(1, 3), &[Some("{NULL}"), None, Some("{3}")]);
}

#[test]
fn items_are_quoted_where_they_must() {
    let mut list = arrow::array::ListBuilder::new(arrow::array::StringBuilder::new());
    list.append_value(["a", "", "NULL", "b c", "d\"e\\f", "g,h", "{}"].map(Some));
    check(list.finish(), &[Some(r#"{a,"","NULL","b c","d\"e\\f","g,h","{}"}"#)]);
}

#[test]
fn values_that_cannot_be_carried_are_errors() {
    let far = column(TimestampSecondArray::from(vec![i64::MAX, i64::MIN])).unwrap();
    assert!(shown(&far, 0).is_err() && shown(&far, 1).is_err());
    let old = column(TimestampMicrosecondArray::from(vec![i64::MIN])).unwrap();
    assert!(shown(&old, 0).is_err());
    let zero = column(StringArray::from(vec!["a\0b"])).unwrap();
    assert_eq!(shown(&zero, 0).unwrap_err().code, code::CHARACTER_NOT_IN_REPERTOIRE);
    let far = column(Date64Array::from(vec![i64::MAX])).unwrap();
    assert!(shown(&far, 0).is_err());
}

#[test]
fn values_of_another_type_than_told_are_refused() {
    let array: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let told: FieldRef = Arc::new(Field::new("c", DataType::Int32, true));
    let kind = of(&told).unwrap();
    let column = Column::new(&array, &told, &kind, Format::Text, Zone::default());
    assert_eq!(column.err().unwrap().code, code::INTERNAL);
}
