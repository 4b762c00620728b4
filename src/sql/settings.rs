//! Settings of a session: `SET`, `SHOW`. A setting that would change an answer and is not carried out is an
//! error; those that only change how a client talks are kept and shown again.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::{Expr, Ident, Set, Statement, Value as Literal};
use futures::StreamExt as _;

use super::bind::parts_of;
use super::error::{SqlError, SqlResult, SqlState};
use super::functions::SERVER_VERSION;
use super::outcome::Outcome;
use super::session::Session;

/// Starts the names of properties that the next commits get.
const PROPERTY: &str = "nunatak.property.";

/// Settings and the one value (in lower case) that they can have here.
const FIXED: &[(&str, &[&str], &str)] = &[
    ("client_encoding", &["utf8", "utf-8", "unicode"], "UTF8"),
    ("server_encoding", &["utf8"], "UTF8"),
    ("standard_conforming_strings", &["on", "true", "1"], "on"),
    ("integer_datetimes", &["on"], "on"),
    ("timezone", &["utc", "gmt", "etc/utc", "+00", "+00:00", "0"], "UTC"),
    ("datestyle", &["iso", "iso, mdy", "iso,mdy", "iso, dmy", "iso, ymd", "default"], "ISO, MDY"),
    ("intervalstyle", &["postgres"], "postgres"),
    ("bytea_output", &["hex"], "hex"),
    ("transaction_isolation", &["repeatable read", "read committed"], "repeatable read"),
    ("default_transaction_isolation", &["repeatable read", "read committed"], "repeatable read"),
    ("statement_timeout", &["0", "0s", "default"], "0"),
    ("lock_timeout", &["0", "0s", "default"], "0"),
    ("idle_in_transaction_session_timeout", &["0", "0s", "default"], "0"),
    ("max_identifier_length", &["63"], "63"),
    ("server_version", &[], SERVER_VERSION),
    ("server_version_num", &[], "160000"),
    ("is_superuser", &[], "off"),
];

/// Settings that are kept as they are given.
const KEPT: [&str; 3] = ["application_name", "extra_float_digits", "client_min_messages"];

/// What a session was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings(BTreeMap<String, String>);

/// Carries out `SET`.
pub(super) fn set(session: &mut Session, set: &Set) -> SqlResult<Outcome> {
    let done = || Ok(Outcome::Done { tag: "SET".to_owned() });
    match set {
        Set::SingleAssignment { scope, hivevar: false, variable, values } => {
            if let Some(scope) = scope
                && scope.to_string().trim().eq_ignore_ascii_case("local")
            {
                return Err(SqlError::unsupported("SET LOCAL"));
            }
            let name = parts_of(variable)?.join(".");
            let values: Vec<String> = values.iter().map(text_of).collect::<SqlResult<_>>()?;
            assign(session, &name, &values)?;
            done()
        }
        Set::SetTimeZone { value, .. } => {
            assign(session, "timezone", &[text_of(value)?])?;
            done()
        }
        Set::SetNames { charset_name, collation_name: None } => {
            assign(session, "client_encoding", std::slice::from_ref(&charset_name.value))?;
            done()
        }
        Set::SetTransaction { snapshot: None, .. } => done(),
        other => Err(SqlError::unsupported(other)),
    }
}

fn text_of(value: &Expr) -> SqlResult<String> {
    match value {
        Expr::Value(value) => match &value.value {
            Literal::SingleQuotedString(text) | Literal::DoubleQuotedString(text) => {
                Ok(text.clone())
            }
            Literal::Number(text, _) => Ok(text.clone()),
            other => Ok(other.to_string()),
        },
        Expr::Identifier(ident) => Ok(ident_text(ident)),
        Expr::CompoundIdentifier(idents) => {
            Ok(idents.iter().map(ident_text).collect::<Vec<_>>().join("."))
        }
        other => Err(SqlError::syntax(format!("{other} is not the value of a setting"))),
    }
}

fn ident_text(ident: &Ident) -> String {
    if ident.quote_style.is_some() && ident.value.contains('.') {
        // A schema with dots in it keeps them as levels.
        return ident.value.clone();
    }
    super::bind::folded(ident)
}

/// Sets a setting, as `SET` does and as a client does when it connects.
///
/// # Errors
/// `InvalidParameterValue` for a value that is not carried out, `UndefinedObject` for a name that is no
/// setting.
pub(super) fn assign(session: &mut Session, name: &str, values: &[String]) -> SqlResult<()> {
    let name = name.to_lowercase();
    let value = values.join(", ");
    let default = value.eq_ignore_ascii_case("default");
    if name == "search_path" {
        session.names.search_path = values
            .iter()
            .map(|schema| schema.trim().to_owned())
            .filter(|s| !s.is_empty())
            .collect();
        return Ok(());
    }
    if name == "nunatak.message" {
        session.ctx.message = (!default && !value.is_empty()).then_some(value);
        return Ok(());
    }
    if let Some(property) = name.strip_prefix(PROPERTY) {
        if default || value.is_empty() {
            session.ctx.properties.remove(property);
        } else {
            session.ctx.properties.insert(property.to_owned(), value);
        }
        return Ok(());
    }
    if let Some((_, allowed, shown)) = FIXED.iter().find(|(known, ..)| *known == name) {
        if default || allowed.contains(&value.to_lowercase().as_str()) {
            return Ok(());
        }
        return Err(SqlError::new(
            SqlState::InvalidParameterValue,
            format!("{name} is {shown:?} here and cannot be {value:?}"),
        ));
    }
    if KEPT.contains(&name.as_str()) {
        session.settings.0.insert(name, value);
        return Ok(());
    }
    Err(SqlError::new(
        SqlState::UndefinedObject,
        format!("unrecognized configuration parameter {name:?}"),
    ))
}

/// A setting's value.
pub(super) fn show(session: &Session, name: &str) -> Option<String> {
    let name = name.to_lowercase();
    if name == "search_path" {
        return Some(session.names.search_path.join(", "));
    }
    if name == "nunatak.message" {
        return Some(session.ctx.message.clone().unwrap_or_default());
    }
    if let Some(property) = name.strip_prefix(PROPERTY) {
        return Some(session.ctx.properties.get(property).cloned().unwrap_or_default());
    }
    if let Some((_, _, shown)) = FIXED.iter().find(|(known, ..)| *known == name) {
        return Some((*shown).to_owned());
    }
    let kept = KEPT.contains(&name.as_str());
    kept.then(|| session.settings.0.get(&name).cloned().unwrap_or_default())
}

/// The settings that are not as in a new session, without the search path.
pub(super) fn changed(session: &Session) -> BTreeMap<String, String> {
    let mut changed = session.settings.0.clone();
    if let Some(message) = &session.ctx.message {
        changed.insert("nunatak.message".to_owned(), message.clone());
    }
    for (name, value) in &session.ctx.properties {
        changed.insert(format!("{PROPERTY}{name}"), value.clone());
    }
    changed
}

/// Every setting that `SHOW` answers, by its name.
pub(super) fn all(session: &Session) -> BTreeMap<String, String> {
    let names = FIXED.iter().map(|(name, ..)| *name).chain(KEPT).chain(["search_path"]);
    names.filter_map(|name| Some((name.to_owned(), show(session, name)?))).collect()
}

fn variable(words: &[Ident]) -> String {
    let words: Vec<String> = words.iter().map(|word| word.value.to_lowercase()).collect();
    match words.join(" ").as_str() {
        "transaction isolation level" => "transaction_isolation".to_owned(),
        "time zone" => "timezone".to_owned(),
        _ => words.join("."),
    }
}

/// The column of `SHOW`.
pub(super) fn columns(statement: &Statement) -> SchemaRef {
    let name = match statement {
        Statement::ShowVariable { variable: words } => variable(words),
        _ => "setting".to_owned(),
    };
    Arc::new(Schema::new(vec![Field::new(name, DataType::Utf8, false)]))
}

/// Carries out `SHOW`.
pub(super) fn show_rows(session: &Session, words: &[Ident]) -> SqlResult<Outcome> {
    let name = variable(words);
    let value = show(session, &name).ok_or_else(|| {
        SqlError::new(
            SqlState::UndefinedObject,
            format!("unrecognized configuration parameter {name:?}"),
        )
    })?;
    let columns = Arc::new(Schema::new(vec![Field::new(name, DataType::Utf8, false)]));
    let values: ArrayRef = Arc::new(StringArray::from(vec![value]));
    let batch = RecordBatch::try_new(Arc::clone(&columns), vec![values])
        .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))?;
    Ok(Outcome::Rows { columns, rows: futures::stream::iter([Ok(batch)]).boxed() })
}
