//! Reads a query string into a type, strictly and with an error that names the parameter.
//!
//! A parameter that is given more than once is a list; a type that wants one value refuses it.

use serde::de::value::MapDeserializer;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::base::error::{Error, Result};

/// Reads a query string.
///
/// # Errors
/// `InvalidInput` that names the parameter and what is wrong with it.
pub fn parse<T: DeserializeOwned>(query: &str) -> Result<T> {
    let mut grouped: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in pairs(query)? {
        match grouped.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => grouped.push((name, vec![value])),
        }
    }
    let values = grouped.into_iter().map(|(name, values)| (name.clone(), Values { name, values }));
    let deserializer = MapDeserializer::<_, serde::de::value::Error>::new(values);
    T::deserialize(deserializer).map_err(|error| Error::invalid(format!("invalid query: {error}")))
}

/// Names and values of a query string, decoded (`%XX`, and `+` as a space).
///
/// # Errors
/// `InvalidInput` for bytes that are not UTF-8.
pub fn pairs(query: &str) -> Result<Vec<(String, String)>> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

fn decode(text: &str) -> Result<String> {
    let spaced = text.replace('+', " ");
    percent_encoding::percent_decode_str(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| Error::invalid("the query holds bytes that are not UTF-8"))
}

/// All values of one parameter.
struct Values {
    name: String,
    values: Vec<String>,
}

type Failed = serde::de::value::Error;

impl Values {
    fn one(self) -> std::result::Result<(String, String), Failed> {
        let mut values = self.values.into_iter();
        match (values.next(), values.next()) {
            (Some(value), None) => Ok((self.name, value)),
            _ => Err(Failed::custom(format!("the parameter '{}' is given twice", self.name))),
        }
    }

    fn number<T: std::str::FromStr>(self) -> std::result::Result<T, Failed> {
        let (name, value) = self.one()?;
        value.parse().map_err(|_| {
            Failed::custom(format!("the parameter '{name}' is '{value}', not a number in range"))
        })
    }
}

impl IntoDeserializer<'_, Failed> for Values {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Values {
    type Error = Failed;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Failed> {
        visitor.visit_string(self.one()?.1)
    }

    fn deserialize_bool<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> std::result::Result<V::Value, Failed> {
        let (name, value) = self.one()?;
        match value.as_str() {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            _ => Err(Failed::custom(format!(
                "the parameter '{name}' is '{value}', neither 'true' nor 'false'"
            ))),
        }
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Failed> {
        visitor.visit_u64(self.number()?)
    }

    fn deserialize_i64<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Failed> {
        visitor.visit_i64(self.number()?)
    }

    fn deserialize_option<V: Visitor<'de>>(
        self,
        visitor: V,
    ) -> std::result::Result<V::Value, Failed> {
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> std::result::Result<V::Value, Failed> {
        visitor.visit_seq(serde::de::value::SeqDeserializer::new(self.values.into_iter()))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> std::result::Result<V::Value, Failed> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> std::result::Result<V::Value, Failed> {
        visitor.visit_enum(self.one()?.1.into_deserializer())
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u16 u32 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Depth {
        Keys,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        name: Option<String>,
        limit: Option<u64>,
        #[serde(default)]
        force: bool,
        #[serde(default)]
        property: Vec<String>,
        depth: Option<Depth>,
    }

    #[test]
    fn reads_what_the_type_wants() {
        let read: Sample =
            parse("name=a%1Fb+c&limit=7&force=true&property=x&property=y%3Dz&depth=keys").unwrap();
        assert_eq!(
            read,
            Sample {
                name: Some("a\u{1f}b c".to_owned()),
                limit: Some(7),
                force: true,
                property: vec!["x".to_owned(), "y=z".to_owned()],
                depth: Some(Depth::Keys),
            }
        );
        assert!(parse::<Sample>("").is_ok());
    }

    #[test]
    fn refuses_everything_else() {
        for (query, part) in [
            ("nam=a", "nam"),
            ("name=a&name=b", "'name' is given twice"),
            ("limit=-1", "'limit' is '-1'"),
            ("force=yes", "'force' is 'yes'"),
            ("depth=rows", "rows"),
            ("name=%ff", "UTF-8"),
        ] {
            let error = parse::<Sample>(query).unwrap_err();
            assert!(error.message().contains(part), "{query}: {}", error.message());
        }
    }
}
