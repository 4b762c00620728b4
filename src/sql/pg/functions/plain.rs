//! Functions that need no state: types, texts, privileges.

use std::sync::Arc;

use arrow::array::Array as _;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ScalarUDF;

use super::call::{function, number_at, text, text_at};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::pg::fill::OWNER_OID;
use crate::sql::pg::types;
use crate::sql::pg::world::World;

const NO_TEXT: ScalarValue = ScalarValue::Utf8(None);

pub(super) fn functions(world: &Arc<World>) -> Vec<Arc<ScalarUDF>> {
    let mut functions = vec![
        function("format_type", &[2], DataType::Utf8, |values| {
            let Some(oid) = number_at(values, 0)? else { return Ok(NO_TEXT) };
            Ok(text(types::shown(oid, number_at(values, 1)?)))
        }),
        function("regtype_in", &[1], DataType::Int64, |values| {
            let by_name = text_at(values, 0).and_then(types::by_name).map(|one| one.oid);
            match by_name {
                Some(oid) => Ok(ScalarValue::Int64(Some(oid))),
                None => Ok(ScalarValue::Int64(super::resolve::number_or_missing(values, "type")?)),
            }
        }),
        function("regtype_out", &[1], DataType::Utf8, |values| {
            match text_at(values, 0).and_then(types::by_name) {
                Some(one) => Ok(text(one.sql.as_str())),
                None => {
                    let oid = super::resolve::number_or_missing(values, "type")?;
                    Ok(oid.map_or(NO_TEXT, |oid| text(types::shown(oid, None))))
                }
            }
        }),
        function("to_regtype", &[1], DataType::Int64, |values| {
            let found = text_at(values, 0).and_then(types::by_name);
            Ok(ScalarValue::Int64(found.map(|one| one.oid)))
        }),
        function("to_regtype_out", &[1], DataType::Utf8, |values| {
            let found = text_at(values, 0).and_then(types::by_name);
            Ok(ScalarValue::Utf8(found.map(|one| one.sql.clone())))
        }),
        function("regproc_out", &[1], DataType::Utf8, |values| {
            let name = text_at(values, 0);
            Ok(ScalarValue::Utf8(
                name.map(|name| name.strip_prefix("pg_catalog.").unwrap_or(name).to_owned()),
            ))
        }),
        function("pg_encoding_to_char", &[1], DataType::Utf8, |values| {
            Ok(text(if number_at(values, 0)? == Some(6) { "UTF8" } else { "" }))
        }),
        function("pg_char_to_encoding", &[1], DataType::Int32, |values| {
            let known = text_at(values, 0).is_some_and(|name| {
                ["utf8", "utf-8", "unicode"].contains(&name.to_lowercase().as_str())
            });
            Ok(ScalarValue::Int32(Some(if known { 6 } else { -1 })))
        }),
        function("getdatabaseencoding", &[0], DataType::Utf8, |_| Ok(text("UTF8"))),
        function("pg_client_encoding", &[0], DataType::Utf8, |_| Ok(text("UTF8"))),
        function("quote_ident", &[1], DataType::Utf8, |values| {
            Ok(ScalarValue::Utf8(text_at(values, 0).map(quoted)))
        }),
        function("quote_literal", &[1], DataType::Utf8, |values| {
            let escaped = text_at(values, 0).map(|text| format!("'{}'", text.replace('\'', "''")));
            Ok(ScalarValue::Utf8(escaped))
        }),
        function("pg_size_pretty", &[1], DataType::Utf8, |values| {
            Ok(ScalarValue::Utf8(number_at(values, 0)?.map(pretty)))
        }),
        function("pg_is_in_recovery", &[0], DataType::Boolean, |_| {
            Ok(ScalarValue::Boolean(Some(false)))
        }),
        function("pg_is_other_temp_schema", &[1], DataType::Boolean, |_| {
            Ok(ScalarValue::Boolean(Some(false)))
        }),
        function("pg_my_temp_schema", &[0], DataType::Int64, |_| Ok(ScalarValue::Int64(Some(0)))),
        function("pg_tablespace_location", &[1], DataType::Utf8, |_| Ok(text(""))),
        // There is nothing of these kinds.
        function("pg_get_expr", &[2, 3], DataType::Utf8, |_| Ok(NO_TEXT)),
        function("pg_get_indexdef", &[1, 3], DataType::Utf8, |_| Ok(NO_TEXT)),
        function("pg_get_constraintdef", &[1, 2], DataType::Utf8, |_| Ok(NO_TEXT)),
        function("pg_get_triggerdef", &[1, 2], DataType::Utf8, |_| Ok(NO_TEXT)),
        function("pg_get_ruledef", &[1, 2], DataType::Utf8, |_| Ok(NO_TEXT)),
        function("pg_get_functiondef", &[1], DataType::Utf8, |_| Ok(NO_TEXT)),
        function("pg_get_partkeydef", &[1], DataType::Utf8, |_| Ok(NO_TEXT)),
        function("pg_get_serial_sequence", &[2], DataType::Utf8, |_| Ok(NO_TEXT)),
        function("pg_database_size", &[1], DataType::Int64, |_| Ok(ScalarValue::Int64(None))),
        function("inet_server_addr", &[0], DataType::Utf8, |_| Ok(NO_TEXT)),
        function("inet_server_port", &[0], DataType::Int32, |_| Ok(ScalarValue::Int32(None))),
        function("array_upper", &[2], DataType::Int64, |values| {
            let length = length(values)?;
            Ok(ScalarValue::Int64(length.filter(|length| *length > 0)))
        }),
        function("array_lower", &[2], DataType::Int64, |values| {
            let length = length(values)?;
            Ok(ScalarValue::Int64(length.filter(|length| *length > 0).map(|_| 1)))
        }),
        function("shobj_description", &[2], DataType::Utf8, |_| Ok(NO_TEXT)),
    ];
    functions.extend(owners(world));
    functions.push(setting(world));
    functions.push(like_pattern());
    functions.extend(PRIVILEGES.map(|(name, counts)| {
        // Who is connected owns everything.
        function(name, counts, DataType::Boolean, |values| {
            let null = values.iter().any(ScalarValue::is_null);
            Ok(ScalarValue::Boolean((!null).then_some(true)))
        })
    }));
    functions
}

/// The length of an array of one dimension.
fn length(values: &[ScalarValue]) -> SqlResult<Option<i64>> {
    let items = match values.first() {
        Some(ScalarValue::List(list)) if !list.is_empty() && list.is_valid(0) => list.value(0),
        _ => return Ok(None),
    };
    match number_at(values, 1)? {
        Some(1) => Ok(i64::try_from(items.len()).ok()),
        _ => Ok(None),
    }
}

fn setting(world: &Arc<World>) -> Arc<ScalarUDF> {
    let settings = world.settings.clone();
    function("current_setting", &[1, 2], DataType::Utf8, move |values| {
        let Some(name) = text_at(values, 0) else { return Ok(NO_TEXT) };
        let missing_ok = matches!(values.get(1), Some(ScalarValue::Boolean(Some(true))));
        match settings.get(&name.to_lowercase()) {
            Some(value) => Ok(text(value.as_str())),
            None if missing_ok => Ok(NO_TEXT),
            None => Err(SqlError::new(
                SqlState::UndefinedObject,
                format!("unrecognized configuration parameter \"{name}\""),
            )),
        }
    })
}

/// The name of a function that makes a pattern with an escape of its own into one with a backslash.
pub(in crate::sql::pg) const LIKE_PATTERN: &str = "nunatak_like_pattern";

fn like_pattern() -> Arc<ScalarUDF> {
    function(LIKE_PATTERN, &[2], DataType::Utf8, |values| {
        let (Some(pattern), Some(escape)) = (text_at(values, 0), text_at(values, 1)) else {
            return Ok(NO_TEXT);
        };
        let escape = escape.chars().next();
        let mut plain = String::new();
        let mut chars = pattern.chars();
        while let Some(c) = chars.next() {
            if Some(c) == escape {
                plain.push('\\');
                plain.extend(chars.next());
            } else if c == '\\' {
                plain.push_str("\\\\");
            } else {
                plain.push(c);
            }
        }
        Ok(text(plain))
    })
}

const PRIVILEGES: [(&str, &[usize]); 8] = [
    ("has_table_privilege", &[2, 3]),
    ("has_any_column_privilege", &[2, 3]),
    ("has_column_privilege", &[3, 4]),
    ("has_schema_privilege", &[2, 3]),
    ("has_database_privilege", &[2, 3]),
    ("has_tablespace_privilege", &[2, 3]),
    ("has_type_privilege", &[2, 3]),
    ("pg_has_role", &[2, 3]),
];

fn owners(world: &Arc<World>) -> [Arc<ScalarUDF>; 2] {
    let owner = |name, counts: &[usize]| {
        let actor = world.ctx.actor.clone();
        function(name, counts, DataType::Utf8, move |values| {
            Ok(match number_at(values, 0)? {
                Some(OWNER_OID) => text(actor.as_str()),
                Some(other) => text(format!("unknown (OID={other})")),
                None => NO_TEXT,
            })
        })
    };
    [owner("pg_get_userbyid", &[1]), owner("regrole_out", &[1])]
}

/// An identifier, quoted where it must be.
pub(super) fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty();
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// A number of bytes, as PostgreSQL rounds it: up to 10 of a unit in the one below.
fn pretty(bytes: i64) -> String {
    const LIMIT: i64 = 10 * 1024;
    if bytes.abs() < LIMIT {
        return format!("{bytes} bytes");
    }
    // Halves are kept until the unit is found, and then rounded away from zero.
    let mut halves = bytes / 512;
    let mut units = ["kB", "MB", "GB", "TB", "PB"].into_iter().peekable();
    while let Some(unit) = units.next() {
        if halves.abs() < 2 * LIMIT - 1 || units.peek().is_none() {
            return format!("{} {unit}", (halves + halves.signum()) / 2);
        }
        halves /= 1024;
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_as_in_postgresql() {
        for (bytes, shown) in [
            (0, "0 bytes"),
            (10_239, "10239 bytes"),
            (10_240, "10 kB"),
            (16_384, "16 kB"),
            (10_485_247, "10239 kB"),
            (10_485_248, "10 MB"),
            (-20_480, "-20 kB"),
        ] {
            assert_eq!(pretty(bytes), shown, "{bytes}");
        }
        assert_eq!([quoted("a_1"), quoted("A"), quoted("a.b")], ["a_1", "\"A\"", "\"a.b\""]);
    }
}
