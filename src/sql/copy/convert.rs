//! Texts turned into values of columns, by PostgreSQL's rules. What is no value of the type is an error.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder,
    FixedSizeBinaryBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder,
    LargeBinaryBuilder, ListArray, StringBuilder, Time64MicrosecondBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, FieldRef, TimeUnit};

use crate::sql::datetime;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::settings::TimeZone;

/// The values of one column as they are gathered.
pub(super) enum Column {
    Bool(BooleanBuilder),
    Int4(Int32Builder),
    Int8(Int64Builder),
    Float4(Float32Builder),
    Float8(Float64Builder),
    Decimal(Decimal128Builder, u8, i8),
    Text(StringBuilder),
    Bytes(BinaryBuilder),
    LargeBytes(LargeBinaryBuilder),
    Fixed(FixedSizeBinaryBuilder, i32),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    TimestampZoned(TimestampMicrosecondBuilder, TimeZone, Arc<str>),
    List(Box<List>),
}

/// Lists: their items, and how many each has.
pub(super) struct List {
    item: FieldRef,
    items: Column,
    lengths: Vec<usize>,
    valid: Vec<bool>,
}

/// A text as it is quoted in errors.
pub(in crate::sql) fn shown(text: &str) -> String {
    const SHOWN: usize = 100;
    let mut characters = text.chars();
    let start: String = characters.by_ref().take(SHOWN).collect();
    let more = if characters.next().is_some() { "…" } else { "" };
    format!("\"{start}{more}\"")
}

fn wrong(kind: &str, text: &str) -> SqlError {
    SqlError::new(
        SqlState::InvalidTextRepresentation,
        format!("invalid input syntax for type {kind}: {}", shown(text)),
    )
}

fn out_of_range(kind: &str, text: &str) -> SqlError {
    SqlError::new(
        SqlState::NumericValueOutOfRange,
        format!("value {} is out of range for type {kind}", shown(text)),
    )
}

impl Column {
    /// An empty column.
    ///
    /// # Errors
    /// `FeatureNotSupported` for a type whose values have no text.
    pub(super) fn new(kind: &DataType, zone: TimeZone) -> SqlResult<Self> {
        Ok(match kind {
            DataType::Boolean => Self::Bool(BooleanBuilder::new()),
            DataType::Int32 => Self::Int4(Int32Builder::new()),
            DataType::Int64 => Self::Int8(Int64Builder::new()),
            DataType::Float32 => Self::Float4(Float32Builder::new()),
            DataType::Float64 => Self::Float8(Float64Builder::new()),
            DataType::Decimal128(precision, scale) => {
                Self::Decimal(Decimal128Builder::new(), *precision, *scale)
            }
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Binary => Self::Bytes(BinaryBuilder::new()),
            DataType::LargeBinary => Self::LargeBytes(LargeBinaryBuilder::new()),
            DataType::FixedSizeBinary(length) => {
                Self::Fixed(FixedSizeBinaryBuilder::new(*length), *length)
            }
            DataType::Date32 => Self::Date(Date32Builder::new()),
            DataType::Time64(TimeUnit::Microsecond) => Self::Time(Time64MicrosecondBuilder::new()),
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                Self::Timestamp(TimestampMicrosecondBuilder::new())
            }
            DataType::Timestamp(TimeUnit::Microsecond, Some(name)) => {
                Self::TimestampZoned(TimestampMicrosecondBuilder::new(), zone, Arc::clone(name))
            }
            DataType::List(item) if !item.data_type().is_nested() => Self::List(Box::new(List {
                item: Arc::clone(item),
                items: Self::new(item.data_type(), zone)?,
                lengths: Vec::new(),
                valid: Vec::new(),
            })),
            other => {
                return Err(SqlError::unsupported(format_args!(
                    "COPY of a column of type {other}"
                )));
            }
        })
    }

    /// Adds a value, or null.
    pub(super) fn push(&mut self, value: Option<&str>) -> SqlResult<()> {
        let Some(text) = value else {
            self.push_null();
            return Ok(());
        };
        match self {
            Self::Bool(builder) => builder.append_value(boolean(text)?),
            Self::Int4(builder) => builder.append_value(integer("integer", text)?),
            Self::Int8(builder) => builder.append_value(integer("bigint", text)?),
            Self::Float4(builder) => {
                let value: f32 = float("real", text)?;
                check_float("real", text, f64::from(value))?;
                builder.append_value(value);
            }
            Self::Float8(builder) => {
                let value: f64 = float("double precision", text)?;
                check_float("double precision", text, value)?;
                builder.append_value(value);
            }
            Self::Decimal(builder, precision, scale) => {
                builder.append_value(decimal(text, *precision, *scale)?);
            }
            Self::Text(builder) => builder.append_value(text),
            Self::Bytes(builder) => builder.append_value(bytea(text)?),
            Self::LargeBytes(builder) => builder.append_value(bytea(text)?),
            Self::Fixed(builder, length) => {
                builder.append_value(fixed(text, *length)?).map_err(|_| wrong("bytea", text))?;
            }
            Self::Date(builder) => builder.append_value(datetime::date(text)?),
            Self::Time(builder) => builder.append_value(datetime::time(text)?),
            Self::Timestamp(builder) => builder.append_value(datetime::timestamp(text)?),
            Self::TimestampZoned(builder, zone, _) => {
                builder.append_value(datetime::timestamp_zoned(text, *zone)?);
            }
            Self::List(list) => {
                let items = list_items(text)?;
                list.lengths.push(items.len());
                list.valid.push(true);
                for item in items {
                    list.items.push(item.as_deref())?;
                }
            }
        }
        Ok(())
    }

    /// Adds a null.
    pub(super) fn push_null(&mut self) {
        match self {
            Self::Bool(builder) => builder.append_null(),
            Self::Int4(builder) => builder.append_null(),
            Self::Int8(builder) => builder.append_null(),
            Self::Float4(builder) => builder.append_null(),
            Self::Float8(builder) => builder.append_null(),
            Self::Decimal(builder, ..) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
            Self::Bytes(builder) => builder.append_null(),
            Self::LargeBytes(builder) => builder.append_null(),
            Self::Fixed(builder, _) => builder.append_null(),
            Self::Date(builder) => builder.append_null(),
            Self::Time(builder) => builder.append_null(),
            Self::Timestamp(builder) | Self::TimestampZoned(builder, ..) => builder.append_null(),
            Self::List(list) => {
                list.lengths.push(0);
                list.valid.push(false);
            }
        }
    }

    /// The values, and an empty column again.
    pub(super) fn finish(&mut self) -> SqlResult<ArrayRef> {
        let broken = |error: arrow::error::ArrowError| {
            SqlError::new(SqlState::InternalError, error.to_string())
        };
        Ok(match self {
            Self::Bool(builder) => ArrayBuilder::finish(builder),
            Self::Int4(builder) => ArrayBuilder::finish(builder),
            Self::Int8(builder) => ArrayBuilder::finish(builder),
            Self::Float4(builder) => ArrayBuilder::finish(builder),
            Self::Float8(builder) => ArrayBuilder::finish(builder),
            Self::Decimal(builder, precision, scale) => Arc::new(
                builder.finish().with_precision_and_scale(*precision, *scale).map_err(broken)?,
            ),
            Self::Text(builder) => ArrayBuilder::finish(builder),
            Self::Bytes(builder) => ArrayBuilder::finish(builder),
            Self::LargeBytes(builder) => ArrayBuilder::finish(builder),
            Self::Fixed(builder, _) => ArrayBuilder::finish(builder),
            Self::Date(builder) => ArrayBuilder::finish(builder),
            Self::Time(builder) => ArrayBuilder::finish(builder),
            Self::Timestamp(builder) => ArrayBuilder::finish(builder),
            Self::TimestampZoned(builder, _, name) => {
                Arc::new(builder.finish().with_timezone(Arc::clone(name)))
            }
            Self::List(list) => {
                let lengths = std::mem::take(&mut list.lengths);
                let nulls = NullBuffer::from(std::mem::take(&mut list.valid));
                let offsets = OffsetBuffer::from_lengths(lengths);
                let items = list.items.finish()?;
                let item = Arc::clone(&list.item);
                Arc::new(ListArray::try_new(item, offsets, items, Some(nulls)).map_err(broken)?)
            }
        })
    }
}

/// White space as C's `isspace` has it.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}'])
}

fn boolean(text: &str) -> SqlResult<bool> {
    match trimmed(text).to_ascii_lowercase().as_str() {
        "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1" => Ok(true),
        "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => Ok(false),
        _ => Err(wrong("boolean", text)),
    }
}

fn integer<T: std::str::FromStr>(kind: &str, text: &str) -> SqlResult<T> {
    let trimmed = trimmed(text);
    trimmed.parse().map_err(|_| {
        let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
        if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
            out_of_range(kind, text)
        } else {
            wrong(kind, text)
        }
    })
}

fn float<T: std::str::FromStr>(kind: &str, text: &str) -> SqlResult<T> {
    trimmed(text).parse().map_err(|_| wrong(kind, text))
}

/// A number that became infinite or nothing was too large or too small.
fn check_float(kind: &str, text: &str, value: f64) -> SqlResult<()> {
    let words = text.bytes().any(|byte| matches!(byte, b'n' | b'N'));
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let nothing = value == 0.0 && mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    if (value.is_infinite() && !words) || nothing {
        return Err(out_of_range(kind, text));
    }
    Ok(())
}

/// A number of so many digits, rounded to its scale as PostgreSQL does: halves away from zero.
fn decimal(text: &str, precision: u8, scale: i8) -> SqlResult<i128> {
    let wrong = || wrong("numeric", text);
    let plain = trimmed(text);
    if ["nan", "infinity", "-infinity", "inf", "-inf", "+infinity", "+inf"]
        .iter()
        .any(|word| plain.eq_ignore_ascii_case(word))
    {
        return Err(out_of_range("numeric", text));
    }
    let (negative, unsigned) = match plain.as_bytes().first() {
        Some(b'-') => (true, plain.get(1..).unwrap_or_default()),
        Some(b'+') => (false, plain.get(1..).unwrap_or_default()),
        _ => (false, plain),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().map_err(|_| wrong())?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().next().is_none() || !digits().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let too_large = || {
        SqlError::new(
            SqlState::NumericValueOutOfRange,
            format!("numeric field overflow: {} is no numeric({precision}, {scale})", shown(text)),
        )
    };
    // How many of the digits are left of what is kept.
    let kept = i64::try_from(whole.len())
        .ok()
        .and_then(|whole| whole.checked_add(exponent)?.checked_add(i64::from(scale)))
        .ok_or_else(too_large)?;
    let mut value: i128 = 0;
    let mut rounds_up = false;
    for (at, digit) in (0_i64..).zip(digits()) {
        if at >= kept {
            rounds_up = at == kept && digit >= b'5';
            break;
        }
        value = value
            .checked_mul(10)
            .and_then(|value| value.checked_add(i128::from(digit - b'0')))
            .ok_or_else(too_large)?;
    }
    let given = i64::try_from(whole.len() + fraction.len()).map_err(|_| too_large())?;
    if value != 0 {
        for _ in given..kept {
            value = value.checked_mul(10).ok_or_else(too_large)?;
        }
    }
    value = value.checked_add(i128::from(rounds_up)).ok_or_else(too_large)?;
    let limit = 10_i128.checked_pow(u32::from(precision)).ok_or_else(too_large)?;
    if value >= limit {
        return Err(too_large());
    }
    Ok(if negative { -value } else { value })
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    let mut high: Option<u32> = None;
    for c in digits.chars() {
        if high.is_none() && matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        }
        let digit = c.to_digit(16)?;
        high = match high {
            None => Some(digit),
            Some(high) => {
                bytes.push(u8::try_from(high * 16 + digit).ok()?);
                None
            }
        };
    }
    high.is_none().then_some(bytes)
}

/// `\x6162`, or text with `\\` and `\ooo`.
fn bytea(text: &str) -> SqlResult<Vec<u8>> {
    if let Some(digits) = text.strip_prefix("\\x") {
        return hex(digits).ok_or_else(|| wrong("bytea", text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = match (first, more) {
            (b'\\', [b'\\', more @ ..]) => {
                bytes.push(b'\\');
                more
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', more @ ..]) => {
                bytes.push(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'));
                more
            }
            (b'\\', _) => return Err(wrong("bytea", text)),
            _ => {
                bytes.push(*first);
                more
            }
        };
    }
    Ok(bytes)
}

/// Bytes of one length: those of a UUID may be written as one.
fn fixed(text: &str, length: i32) -> SqlResult<Vec<u8>> {
    if length == 16
        && let Ok(uuid) = uuid::Uuid::try_parse(trimmed(text))
    {
        return Ok(uuid.into_bytes().to_vec());
    }
    let kind = if length == 16 { "uuid" } else { "bytea" };
    let bytes = text.strip_prefix("\\x").and_then(hex).ok_or_else(|| wrong(kind, text))?;
    if i32::try_from(bytes.len()) == Ok(length) { Ok(bytes) } else { Err(wrong(kind, text)) }
}

/// The items of `{1,NULL,"a b"}`.
fn list_items(text: &str) -> SqlResult<Vec<Option<String>>> {
    let wrong = || {
        SqlError::new(
            SqlState::InvalidTextRepresentation,
            format!("malformed array literal: {}", shown(text)),
        )
    };
    let space = |c: &char| c.is_ascii_whitespace();
    let inner = trimmed(text).strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let inner = inner.ok_or_else(wrong)?;
    let mut items = Vec::new();
    let mut characters = inner.chars().peekable();
    while characters.next_if(space).is_some() {}
    if characters.peek().is_none() {
        return Ok(items);
    }
    loop {
        while characters.next_if(space).is_some() {}
        let mut item = String::new();
        if characters.next_if_eq(&'"').is_some() {
            loop {
                match characters.next().ok_or_else(wrong)? {
                    '"' => break,
                    '\\' => item.push(characters.next().ok_or_else(wrong)?),
                    c => item.push(c),
                }
            }
            while characters.next_if(space).is_some() {}
            items.push(Some(item));
        } else {
            let mut escaped = false;
            let mut end = 0;
            while let Some(c) = characters.next_if(|c| *c != ',') {
                match c {
                    '\\' => {
                        item.push(characters.next().ok_or_else(wrong)?);
                        escaped = true;
                        end = item.len();
                    }
                    '{' | '}' | '"' => return Err(wrong()),
                    c => {
                        item.push(c);
                        if !c.is_ascii_whitespace() {
                            end = item.len();
                        }
                    }
                }
            }
            item.truncate(end);
            if item.is_empty() {
                return Err(wrong());
            }
            let null = !escaped && item.eq_ignore_ascii_case("null");
            items.push((!null).then_some(item));
        }
        match characters.next() {
            None => return Ok(items),
            Some(',') => {}
            Some(_) => return Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_and_end_as_in_postgresql() {
        for (text, expected) in [
            ("1.5", 150),
            ("1.005", 101),
            ("-1.005", -101),
            (" 12 ", 1200),
            (".5", 50),
            ("5.", 500),
            ("1e1", 1000),
            ("1.234e-1", 12),
            ("0.004999", 0),
            ("-0.005", -1),
            ("999.994", 99_999),
            ("0e999999999", 0),
            ("1e-999999999", 0),
        ] {
            assert_eq!(decimal(text, 5, 2).unwrap(), expected, "{text}");
        }
        for text in ["999.995", "1e3", "1e999999999", "NaN", "-Infinity", "1e9223372036854775807"] {
            let state = decimal(text, 5, 2).unwrap_err().state;
            assert_eq!(state, SqlState::NumericValueOutOfRange, "{text}");
        }
        for text in ["", "x", "1.2.3", "--1", "1e", "1_0", ".", "e1", "١"] {
            let state = decimal(text, 5, 2).unwrap_err().state;
            assert_eq!(state, SqlState::InvalidTextRepresentation, "{text}");
        }
        let nines = "9".repeat(38);
        assert_eq!(decimal(&nines, 38, 0).unwrap(), 10_i128.pow(38) - 1);
        assert!(decimal(&format!("{nines}.5"), 38, 0).is_err());
        assert_eq!(integer::<i32>("integer", " -7\n").unwrap(), -7);
        let state = |text| integer::<i32>("integer", text).unwrap_err().state;
        assert_eq!(state("2147483648"), SqlState::NumericValueOutOfRange);
        assert_eq!(state("1.0"), SqlState::InvalidTextRepresentation);
        assert_eq!(state(""), SqlState::InvalidTextRepresentation);
    }

    #[test]
    fn floats_have_ends() {
        let mut column = Column::new(&DataType::Float64, TimeZone::default()).unwrap();
        for text in ["1e308", "NaN", "-Infinity", "inf", "0", "-0", "1e-300"] {
            column.push(Some(text)).unwrap();
        }
        for text in ["1e309", "1e-400", "", "x", "1e", "1,5"] {
            assert!(column.push(Some(text)).is_err(), "{text}");
        }
        let mut column = Column::new(&DataType::Float32, TimeZone::default()).unwrap();
        assert!(column.push(Some("1e39")).is_err());
    }

    #[test]
    fn lists_have_items() {
        let some = |items: &[&str]| -> Vec<Option<String>> {
            items.iter().map(|item| (*item != "-").then(|| (*item).to_owned())).collect()
        };
        assert_eq!(list_items("{}").unwrap(), some(&[]));
        assert_eq!(list_items("{1, NULL ,\"NULL\"}").unwrap(), some(&["1", "-", "NULL"]));
        assert_eq!(list_items(r#"{"a\"b,", c d ,\n}"#).unwrap(), some(&["a\"b,", "c d", "n"]));
        for text in ["", "1,2", "{1,}", "{{1}}", "{\"a}", "{a\"b}", "{1}x", "{\"a\"b}"] {
            assert!(list_items(text).is_err(), "{text}");
        }
        assert_eq!(bytea("\\x0aFF").unwrap(), [10, 255]);
        assert_eq!(bytea("a\\\\\\001").unwrap(), [b'a', b'\\', 1]);
        assert!(bytea("\\x0").is_err() && bytea("\\9").is_err() && bytea("\\xzz").is_err());
    }
}
