//! Values that clients give for parameters.

use ::pgwire::api::Type;
use arrow::datatypes::{DataType, i256};

use super::numeric::Decimal;
use super::{hint, item_of, out_of_range, temporal};
use crate::pgwire::error::{WireError, WireResult, code};
use crate::pgwire::request::Format;
use crate::sql::outcome::Value;

/// Precision of Arrow's decimals.
const DECIMAL128_DIGITS: u8 = 38;
const DECIMAL256_DIGITS: u8 = 76;

/// Reads a value written as the type with this OID into the type that the session takes. A number that
/// this type cannot hold exactly keeps a type of its own.
///
/// # Errors
/// 22P02 or 22P03 for bytes that are no value of the type, 22003 for one out of range.
pub(in crate::pgwire) fn read(
    oid: u32,
    wanted: &DataType,
    format: Format,
    bytes: Option<&[u8]>,
) -> WireResult<Value> {
    let kind = Type::from_oid(oid)
        .ok_or_else(|| WireError::unsupported(format!("a parameter of the type with OID {oid}")))?;
    let value = match bytes {
        None => return Value::try_new_null(wanted).map_err(|error| mismatch(&error)),
        Some(bytes) => match format {
            Format::Text => from_text(&kind, text(bytes)?)?,
            Format::Binary => from_binary(&kind, bytes)?,
        },
    };
    fit(value, wanted)
}

fn mismatch(error: &impl std::fmt::Display) -> WireError {
    WireError::new(code::INVALID_TEXT, format!("the value does not fit: {error}"))
}

/// Casts where that keeps the value.
fn fit(value: Value, wanted: &DataType) -> WireResult<Value> {
    let own = value.data_type();
    if own == *wanted || *wanted == DataType::Null {
        return Ok(value);
    }
    let there = value.cast_to(wanted);
    let exact = there
        .as_ref()
        .is_ok_and(|there| there.cast_to(&own).is_ok_and(|back| back == value) && !there.is_null());
    match there {
        Ok(there) if exact => Ok(there),
        _ if own.is_numeric() && wanted.is_numeric() => Ok(value),
        Ok(_) => Err(mismatch(&format!("a value of type {own} is no {wanted}"))),
        Err(error) => Err(mismatch(&error)),
    }
}

fn text(bytes: &[u8]) -> WireResult<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(WireError::new(
            code::CHARACTER_NOT_IN_REPERTOIRE,
            "invalid byte sequence for encoding \"UTF8\"",
        )),
    }
}

fn wrong(kind: &Type, text: &str) -> WireError {
    let shown: String = text.chars().take(100).collect();
    WireError::new(code::INVALID_TEXT, format!("invalid input syntax for type {kind}: \"{shown}\""))
}

fn number<T: std::str::FromStr>(kind: &Type, text: &str) -> WireResult<T> {
    let trimmed = text.trim_matches(|c: char| c.is_ascii_whitespace());
    trimmed.parse().map_err(|_| match trimmed.parse::<i128>() {
        Ok(_) => out_of_range(format!("value \"{trimmed}\" is for type {kind}")),
        Err(_) => wrong(kind, text),
    })
}

fn from_text(kind: &Type, text: &str) -> WireResult<Value> {
    Ok(match *kind {
        Type::BOOL => Value::Boolean(Some(boolean(kind, text)?)),
        Type::INT2 => Value::Int16(Some(number(kind, text)?)),
        Type::INT4 => Value::Int32(Some(number(kind, text)?)),
        Type::INT8 => Value::Int64(Some(number(kind, text)?)),
        Type::OID => Value::Int64(Some(i64::from(number::<u32>(kind, text)?))),
        Type::FLOAT4 => Value::Float32(Some(number(kind, text)?)),
        Type::FLOAT8 => Value::Float64(Some(number(kind, text)?)),
        Type::NUMERIC => decimal(&Decimal::parse(text)?)?,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON => {
            Value::Utf8(Some(text.to_owned()))
        }
        Type::BYTEA => Value::Binary(Some(bytea(kind, text)?)),
        Type::DATE => Value::Date32(Some(temporal::parse_date(text)?)),
        Type::TIME => Value::Time64Microsecond(Some(temporal::parse_time(text)?)),
        Type::TIMESTAMP => {
            Value::TimestampMicrosecond(Some(temporal::parse_timestamp(text)?), None)
        }
        Type::TIMESTAMPTZ => Value::TimestampMicrosecond(
            Some(temporal::parse_timestamp_zoned(text)?),
            Some("+00:00".into()),
        ),
        Type::INTERVAL => Value::IntervalMonthDayNano(Some(temporal::parse_interval(text)?)),
        Type::UUID => {
            let uuid = uuid::Uuid::try_parse(text.trim()).map_err(|_| wrong(kind, text))?;
            Value::FixedSizeBinary(16, Some(uuid.into_bytes().to_vec()))
        }
        _ => list(kind, array_items(kind, text)?, |item, text| from_text(item, &text))?,
    })
}

fn boolean(kind: &Type, text: &str) -> WireResult<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes" | "on" | "1" => Ok(true),
        "f" | "fa" | "fal" | "fals" | "false" | "n" | "no" | "of" | "off" | "0" => Ok(false),
        _ => Err(wrong(kind, text)),
    }
}

fn bytea(kind: &Type, text: &str) -> WireResult<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    if let Some(hex) = text.strip_prefix("\\x") {
        if !hex.len().is_multiple_of(2) {
            return Err(wrong(kind, text));
        }
        return hex
            .as_bytes()
            .chunks(2)
            .map(|pair| match pair {
                [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
                _ => None,
            })
            .collect::<Option<_>>()
            .ok_or_else(|| wrong(kind, text));
    }
    // The older form: \\ and \ooo.
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        (rest, _) = match (first, more) {
            (b'\\', [b'\\', more @ ..]) => (more, bytes.push(b'\\')),
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', more @ ..]) => {
                (more, bytes.push(((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0')))
            }
            (b'\\', _) => return Err(wrong(kind, text)),
            _ => (more, bytes.push(*first)),
        };
    }
    Ok(bytes)
}

fn decimal(decimal: &Decimal) -> WireResult<Value> {
    let too_large = || out_of_range("numeric");
    let precision = u8::try_from(decimal.precision()).map_err(|_| too_large())?;
    let scale = i8::try_from(decimal.scale).map_err(|_| too_large())?;
    let integer = decimal.integer();
    if precision <= DECIMAL128_DIGITS {
        let integer = integer.parse().map_err(|_| too_large())?;
        return Ok(Value::Decimal128(Some(integer), precision, scale));
    }
    if precision <= DECIMAL256_DIGITS {
        let integer = i256::from_string(&integer).ok_or_else(too_large)?;
        return Ok(Value::Decimal256(Some(integer), precision, scale));
    }
    Err(too_large())
}

fn fixed<const N: usize>(kind: &Type, bytes: &[u8]) -> WireResult<[u8; N]> {
    bytes.try_into().map_err(|_| {
        WireError::new(
            code::INVALID_BINARY,
            format!("incorrect binary data format: {} bytes for type {kind}", bytes.len()),
        )
    })
}

fn from_binary(kind: &Type, bytes: &[u8]) -> WireResult<Value> {
    let long = || fixed(kind, bytes).map(i64::from_be_bytes);
    Ok(match *kind {
        Type::BOOL => Value::Boolean(Some(fixed::<1>(kind, bytes)? != [0])),
        Type::INT2 => Value::Int16(Some(i16::from_be_bytes(fixed(kind, bytes)?))),
        Type::INT4 => Value::Int32(Some(i32::from_be_bytes(fixed(kind, bytes)?))),
        Type::INT8 => Value::Int64(Some(long()?)),
        Type::OID => Value::Int64(Some(i64::from(u32::from_be_bytes(fixed(kind, bytes)?)))),
        Type::FLOAT4 => Value::Float32(Some(f32::from_be_bytes(fixed(kind, bytes)?))),
        Type::FLOAT8 => Value::Float64(Some(f64::from_be_bytes(fixed(kind, bytes)?))),
        Type::NUMERIC => decimal(&Decimal::read(bytes)?)?,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::JSON => {
            Value::Utf8(Some(text(bytes)?.to_owned()))
        }
        Type::BYTEA => Value::Binary(Some(bytes.to_vec())),
        Type::DATE => {
            let days = i32::from_be_bytes(fixed(kind, bytes)?);
            Value::Date32(Some(temporal::read_date(days)?))
        }
        Type::TIME => Value::Time64Microsecond(Some(temporal::read_time(long()?)?)),
        Type::TIMESTAMP => {
            Value::TimestampMicrosecond(Some(temporal::read_timestamp(long()?)?), None)
        }
        Type::TIMESTAMPTZ => Value::TimestampMicrosecond(
            Some(temporal::read_timestamp(long()?)?),
            Some("+00:00".into()),
        ),
        Type::INTERVAL => {
            let [a, b, c, d, e, f, g, h, days @ .., _, _, _, _] = fixed::<16>(kind, bytes)?;
            let months = fixed::<4>(kind, bytes.get(12..).unwrap_or_default())?;
            Value::IntervalMonthDayNano(Some(temporal::read_interval(
                i64::from_be_bytes([a, b, c, d, e, f, g, h]),
                i32::from_be_bytes(days),
                i32::from_be_bytes(months),
            )?))
        }
        Type::UUID => Value::FixedSizeBinary(16, Some(fixed::<16>(kind, bytes)?.to_vec())),
        _ => list(kind, binary_items(kind, bytes)?, from_binary)?,
    })
}

/// An array from its items, each read by `read`.
fn list<T>(
    kind: &Type,
    items: Vec<Option<T>>,
    read: impl Fn(&Type, T) -> WireResult<Value>,
) -> WireResult<Value> {
    let unsupported = || WireError::unsupported(format!("a parameter of type {kind}"));
    let item = item_of(kind.oid()).and_then(Type::from_oid).ok_or_else(unsupported)?;
    let wanted = hint(item.oid())?.ok_or_else(unsupported)?;
    let values = items
        .into_iter()
        .map(|bytes| match bytes {
            None => Value::try_new_null(&wanted).map_err(|error| mismatch(&error)),
            Some(bytes) => {
                let value = read(&item, bytes)?;
                let own = value.data_type();
                match fit(value, &wanted)? {
                    // All items have one type, so that a number of its own type has no place here.
                    value if value.data_type() == wanted => Ok(value),
                    _ => Err(mismatch(&format!("an item of type {own} is no {wanted}"))),
                }
            }
        })
        .collect::<WireResult<Vec<_>>>()?;
    Ok(Value::List(Value::new_list(&values, &wanted, true)))
}

/// The items of `{1,NULL,"a b"}`.
fn array_items(kind: &Type, text: &str) -> WireResult<Vec<Option<String>>> {
    if item_of(kind.oid()).is_none() {
        return Err(WireError::unsupported(format!("a parameter of type {kind}")));
    }
    let wrong = || wrong(kind, text);
    let inner = text.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let inner = inner.ok_or_else(wrong)?;
    let mut items = Vec::new();
    let mut characters = inner.chars().peekable();
    if inner.trim().is_empty() {
        return Ok(items);
    }
    loop {
        while characters.next_if(char::is_ascii_whitespace).is_some() {}
        let mut item = String::new();
        if characters.next_if_eq(&'"').is_some() {
            loop {
                match characters.next().ok_or_else(wrong)? {
                    '"' => break,
                    '\\' => item.push(characters.next().ok_or_else(wrong)?),
                    c => item.push(c),
                }
            }
            items.push(Some(item));
            while characters.next_if(char::is_ascii_whitespace).is_some() {}
        } else {
            while let Some(c) = characters.next_if(|c| *c != ',') {
                match c {
                    '\\' => item.push(characters.next().ok_or_else(wrong)?),
                    '{' | '}' => {
                        return Err(WireError::unsupported("an array of several dimensions"));
                    }
                    '"' => return Err(wrong()),
                    c => item.push(c),
                }
            }
            let item = item.trim_end();
            if item.is_empty() {
                return Err(wrong());
            }
            items.push((!item.eq_ignore_ascii_case("null")).then(|| item.to_owned()));
        }
        match characters.next() {
            None => return Ok(items),
            Some(',') => {}
            Some(_) => return Err(wrong()),
        }
    }
}

/// The items of an array in its binary form.
fn binary_items<'a>(kind: &Type, bytes: &'a [u8]) -> WireResult<Vec<Option<&'a [u8]>>> {
    let item = item_of(kind.oid())
        .ok_or_else(|| WireError::unsupported(format!("a parameter of type {kind}")))?;
    let wrong = || WireError::new(code::INVALID_BINARY, "invalid binary array");
    let mut rest = bytes;
    let word = |rest: &mut &'a [u8]| {
        let (word, more) = rest.split_first_chunk::<4>().ok_or_else(wrong)?;
        *rest = more;
        Ok::<_, WireError>(i32::from_be_bytes(*word))
    };
    let (dimensions, _nulls) = (word(&mut rest)?, word(&mut rest)?);
    if word(&mut rest)?.cast_unsigned() != item {
        return Err(wrong());
    }
    let count = match dimensions {
        0 => 0,
        1 => {
            let count = word(&mut rest)?;
            word(&mut rest)?;
            count
        }
        _ => return Err(WireError::unsupported("an array of several dimensions")),
    };
    let mut items = Vec::new();
    for _ in 0..count {
        let length = word(&mut rest)?;
        if length == -1 {
            items.push(None);
            continue;
        }
        let length = usize::try_from(length).map_err(|_| wrong())?;
        let (value, more) = rest.split_at_checked(length).ok_or_else(wrong)?;
        items.push(Some(value));
        rest = more;
    }
    if rest.is_empty() { Ok(items) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests;
