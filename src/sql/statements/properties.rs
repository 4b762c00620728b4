//! Properties of tables, as `WITH (…)`, `TBLPROPERTIES (…)` and `SET (…)` write them.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{Expr, SqlOption, Value};

use crate::iceberg::table::create::RESERVED_PROPERTIES;
use crate::sql::bind::folded;
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// The property that a comment on a table is kept in.
pub(super) const COMMENT: &str = "comment";
/// The property that chooses the format version of a new table.
pub(super) const FORMAT_VERSION: &str = "format-version";

/// Reads a list of properties.
pub(super) fn read(options: &[SqlOption]) -> SqlResult<BTreeMap<String, String>> {
    let mut properties = BTreeMap::new();
    for option in options {
        let SqlOption::KeyValue { key, value } = option else {
            return Err(SqlError::syntax(format!(
                "{option} is no property: write 'name' = 'value'"
            )));
        };
        let key = match folded(key).as_str() {
            "format_version" => FORMAT_VERSION.to_owned(),
            key => key.to_owned(),
        };
        check_key(&key)?;
        let value = text(&key, value)?;
        if properties.insert(key.clone(), value).is_some() {
            return Err(SqlError::syntax(format!("property {key:?} is set twice")));
        }
    }
    Ok(properties)
}

/// Refuses what a property cannot be called.
pub(super) fn check_key(key: &str) -> SqlResult<()> {
    let computed = RESERVED_PROPERTIES.contains(&key) && key != FORMAT_VERSION;
    if key.is_empty() || computed {
        return Err(SqlError::new(
            SqlState::InvalidParameterValue,
            format!("property {key:?} cannot be set: it is worked out from the table"),
        ));
    }
    Ok(())
}

/// The format version that is asked for; SQL writes 1 and 2.
pub(super) fn format_version(properties: &BTreeMap<String, String>) -> SqlResult<Option<i32>> {
    let Some(text) = properties.get(FORMAT_VERSION) else { return Ok(None) };
    match text.trim().parse() {
        Ok(version @ 1..=2) => Ok(Some(version)),
        Ok(3) => Err(SqlError::unsupported("writing tables of format version 3")
            .with_hint("leave it out, or set it to 2")),
        _ => Err(SqlError::new(
            SqlState::InvalidParameterValue,
            format!("format-version is 1 or 2, not {text:?}"),
        )),
    }
}

fn text(key: &str, value: &Expr) -> SqlResult<String> {
    let wrong = || {
        SqlError::syntax(format!("the value of property {key:?} is a string, a number or a word"))
    };
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text)
            | Value::EscapedStringLiteral(text)
            | Value::DoubleQuotedString(text)
            | Value::Number(text, _) => Ok(text.clone()),
            Value::Boolean(value) => Ok(value.to_string()),
            _ => Err(wrong()),
        },
        Expr::Identifier(ident) => Ok(folded(ident)),
        Expr::UnaryOp { op, expr } if matches!(op.to_string().as_str(), "-" | "+") => {
            let number = text(key, expr)?;
            let sign = if op.to_string() == "-" { "-" } else { "" };
            number.parse::<f64>().map_err(|_| wrong())?;
            Ok(format!("{sign}{number}"))
        }
        _ => Err(wrong()),
    }
}
