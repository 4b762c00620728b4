//! Reading single fields of JSON objects, with the wording of the reference implementation.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::base::error::{Error, Result};

/// A JSON object that is being read; errors name the field.
#[derive(Clone, Copy, Debug)]
pub(in crate::iceberg) struct Node<'a>(pub(in crate::iceberg) &'a Map<String, Value>);

impl<'a> Node<'a> {
    /// The object inside a value.
    pub(in crate::iceberg) fn of(what: &str, value: &'a Value) -> Result<Self> {
        match value.as_object() {
            Some(map) => Ok(Self(map)),
            None => Err(Error::invalid(format!(
                "Cannot parse {what} from a non-object: {}",
                shorten(value)
            ))),
        }
    }

    /// A field that is there and not null.
    pub(in crate::iceberg) fn get(self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// A field that must be there.
    pub(in crate::iceberg) fn require(self, key: &str) -> Result<&'a Value> {
        self.get(key).ok_or_else(|| Error::invalid(format!("Cannot parse missing field: {key}")))
    }

    pub(in crate::iceberg) fn int_opt(self, key: &str) -> Result<Option<i32>> {
        self.get(key).map(|value| to_int(key, value)).transpose()
    }

    pub(in crate::iceberg) fn int(self, key: &str) -> Result<i32> {
        self.int_opt(key)?.ok_or_else(|| Error::invalid(format!("Cannot parse missing int: {key}")))
    }

    pub(in crate::iceberg) fn long_opt(self, key: &str) -> Result<Option<i64>> {
        self.get(key).map(|value| to_long(key, value)).transpose()
    }

    pub(in crate::iceberg) fn long(self, key: &str) -> Result<i64> {
        self.long_opt(key)?
            .ok_or_else(|| Error::invalid(format!("Cannot parse missing long: {key}")))
    }

    pub(in crate::iceberg) fn string_opt(self, key: &str) -> Result<Option<&'a str>> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong("a string", key, other)),
        }
    }

    pub(in crate::iceberg) fn string(self, key: &str) -> Result<&'a str> {
        self.string_opt(key)?
            .ok_or_else(|| Error::invalid(format!("Cannot parse missing string: {key}")))
    }

    pub(in crate::iceberg) fn boolean(self, key: &str) -> Result<bool> {
        match self.get(key) {
            None => Err(Error::invalid(format!("Cannot parse missing boolean: {key}"))),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => Err(wrong("a boolean", key, other)),
        }
    }

    pub(in crate::iceberg) fn array(self, key: &str) -> Result<&'a [Value]> {
        match self.require(key)? {
            Value::Array(items) => Ok(items),
            other => Err(Error::invalid(format!(
                "Cannot parse {key} from non-array: {}",
                shorten(other)
            ))),
        }
    }

    pub(in crate::iceberg) fn ints(self, key: &str) -> Result<Vec<i32>> {
        self.array(key)?.iter().map(|value| to_int(key, value)).collect()
    }

    pub(in crate::iceberg) fn ints_opt(self, key: &str) -> Result<Option<Vec<i32>>> {
        if self.get(key).is_none() { Ok(None) } else { self.ints(key).map(Some) }
    }

    pub(in crate::iceberg) fn longs(self, key: &str) -> Result<Vec<i64>> {
        self.array(key)?.iter().map(|value| to_long(key, value)).collect()
    }

    pub(in crate::iceberg) fn strings(self, key: &str) -> Result<Vec<String>> {
        self.array(key)?
            .iter()
            .map(|value| match value {
                Value::String(text) => Ok(text.clone()),
                other => Err(wrong("a string", key, other)),
            })
            .collect()
    }

    pub(in crate::iceberg) fn string_map(self, key: &str) -> Result<BTreeMap<String, String>> {
        let value = self
            .get(key)
            .ok_or_else(|| Error::invalid(format!("Cannot parse missing map: {key}")))?;
        let Value::Object(map) = value else {
            return Err(Error::invalid(format!(
                "Cannot parse string map from non-object value: {key}: {}",
                shorten(value)
            )));
        };
        map.iter()
            .map(|(name, value)| match value {
                Value::String(text) => Ok((name.clone(), text.clone())),
                other => Err(wrong("a string", name, other)),
            })
            .collect()
    }

    /// Fields other than those named; nulls left out.
    pub(in crate::iceberg) fn others(self, known: &[&str]) -> Map<String, Value> {
        self.0
            .iter()
            .filter(|(key, value)| !known.contains(&key.as_str()) && !value.is_null())
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }
}

fn wrong(kind: &str, key: &str, value: &Value) -> Error {
    Error::invalid(format!("Cannot parse to {kind} value: {key}: {}", shorten(value)))
}

pub(in crate::iceberg) fn to_int(key: &str, value: &Value) -> Result<i32> {
    value
        .as_i64()
        .and_then(|number| i32::try_from(number).ok())
        .ok_or_else(|| wrong("an integer", key, value))
}

pub(in crate::iceberg) fn to_long(key: &str, value: &Value) -> Result<i64> {
    value.as_i64().ok_or_else(|| wrong("a long", key, value))
}

/// A value as it stands in an error message.
fn shorten(value: &Value) -> String {
    let text = value.to_string();
    if text.len() <= 200 {
        return text;
    }
    let mut out: String = text.chars().take(200).collect();
    out.push_str("...");
    out
}

/// Parses one JSON text; refuses more than 128 levels.
pub(in crate::iceberg) fn parse(what: &str, text: &str) -> Result<Value> {
    serde_json::from_str(text)
        .map_err(|error| Error::invalid(format!("Cannot parse {what}: {error}")))
}

/// The same JSON without white space between its tokens; everything else byte for byte.
pub(in crate::iceberg) fn compact(text: &str) -> Arc<str> {
    if !text.bytes().any(|b| b.is_ascii_whitespace()) {
        return Arc::from(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut in_string = false;
    let mut escaped = false;
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else if byte == b'"' {
            in_string = true;
        } else if byte.is_ascii_whitespace() {
            // White space is a single byte, so both ends are character boundaries.
            out.push_str(&text[start..at]);
            start = at + 1;
        }
    }
    out.push_str(&text[start..]);
    Arc::from(out)
}

/// Appends a JSON string.
pub(in crate::iceberg) fn write_string(out: &mut Vec<u8>, text: &str) {
    // No way out of the loop early, so that it runs over many bytes at a time: most strings are plain.
    let plain =
        text.bytes().fold(true, |plain, b| plain & (b >= 0x20) & (b != b'"') & (b != b'\\'));
    if plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(Value::String(text.to_owned()).to_string().as_bytes());
    }
}

/// Appends a map of strings.
pub(in crate::iceberg) fn write_string_map(out: &mut Vec<u8>, map: &BTreeMap<String, String>) {
    out.push(b'{');
    for (at, (key, value)) in map.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_string(out, key);
        out.push(b':');
        write_string(out, value);
    }
    out.push(b'}');
}

/// Appends an array of JSON texts.
pub(in crate::iceberg) fn write_array<'a>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = &'a str>,
) {
    out.push(b'[');
    for (at, item) in items.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(item.as_bytes());
    }
    out.push(b']');
}

/// Implements `Deserialize` by a `parse(&str)` function, keeping the text.
macro_rules! deserialize_raw {
    ($type:ty) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
                <$type>::parse(raw.get()).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(in crate::iceberg) use deserialize_raw;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compacting_keeps_strings() {
        let text = "{ \"a\" : [ 1 ,\n 2.50 ], \"b c\": \"x \\\" y\\\\\" , \"ü \":\tnull }";
        assert_eq!(&*compact(text), r#"{"a":[1,2.50],"b c":"x \" y\\","ü ":null}"#);
    }
}
