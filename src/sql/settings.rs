//! Settings of a session: `SET`, `SHOW`. A setting that would change an answer and is not carried out is an
//! error; those that only change how a client talks are kept and shown again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::timezone::Tz;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::{
    ContextModifier, DiscardObject, Expr, Ident, Reset, Set, Statement, TransactionAccessMode,
    TransactionMode, Value as Literal,
};
use futures::StreamExt as _;

use super::bind::parts_of;
use super::error::{SqlError, SqlResult, SqlState};
use super::functions::SERVER_VERSION;
use super::kept::Kept;
use super::named::PreparedStatements;
use super::outcome::Outcome;
use super::session::Session;
use super::temp::TempTables;

/// Starts the names of properties that the next commits get.
const PROPERTY: &str = "nunatak.property.";
/// The message of the next commits.
const MESSAGE: &str = "nunatak.message";
const SEARCH_PATH: &str = "search_path";

/// Settings and the one value (in lower case) that they can have here.
const FIXED: &[(&str, &[&str], &str)] = &[
    ("client_encoding", &["utf8", "utf-8", "unicode"], "UTF8"),
    ("server_encoding", &["utf8"], "UTF8"),
    ("standard_conforming_strings", &["on", "true", "1", "yes"], "on"),
    ("integer_datetimes", &["on"], "on"),
    ("timezone", &["utc", "gmt", "etc/utc", "etc/gmt", "zulu", "z", "+00", "+00:00", "0"], "UTC"),
    (
        "datestyle",
        &[
            "iso", "iso, mdy", "iso,mdy", "iso, dmy", "iso,dmy", "iso, ymd", "iso,ymd", "mdy",
            "dmy", "ymd",
        ],
        "ISO, MDY",
    ),
    ("intervalstyle", &["postgres"], "postgres"),
    ("bytea_output", &["hex"], "hex"),
    ("transaction_isolation", &ISOLATION, "repeatable read"),
    ("default_transaction_isolation", &ISOLATION, "repeatable read"),
    ("default_transaction_read_only", &OFF, "off"),
    ("default_transaction_deferrable", &OFF, "off"),
    ("idle_in_transaction_session_timeout", &["0", "0s", "0ms"], "0"),
    ("max_identifier_length", &["63"], "63"),
    ("server_version", &[], SERVER_VERSION),
    ("server_version_num", &[], "160000"),
    ("is_superuser", &[], "off"),
    ("in_hot_standby", &[], "off"),
    ("role", &["none"], "none"),
    ("max_index_keys", &[], "32"),
    ("default_table_access_method", &["iceberg"], "iceberg"),
];

const OFF: [&str; 4] = ["off", "false", "0", "no"];
/// What a transaction sees is at least what these promise.
const ISOLATION: [&str; 3] = ["repeatable read", "read committed", "read uncommitted"];

/// Settings that are kept as they are given, and what they are at first. Nothing here waits for locks, and
/// floating-point numbers are always written in the shortest form that reads back the same.
const KEPT: [(&str, &str); 4] = [
    ("application_name", ""),
    ("extra_float_digits", "1"),
    ("client_min_messages", "notice"),
    ("lock_timeout", "0"),
];

/// The longest that a statement may run.
const TIMEOUT: &str = "statement_timeout";

/// What a session was told.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    values: BTreeMap<String, String>,
    /// Names that were set for the rest of the transaction only.
    local: BTreeSet<String>,
    /// As it was when the client had connected: what `RESET` goes back to.
    initial: Option<Arc<Initial>>,
}

#[derive(Debug)]
struct Initial {
    search_path: Vec<String>,
    values: BTreeMap<String, String>,
}

impl Session {
    /// What the client set when it connected is what `RESET` goes back to.
    pub(super) fn settings_are_initial(&mut self) {
        self.settings.initial = Some(Arc::new(Initial {
            search_path: self.names.search_path.clone(),
            values: self.settings.values.clone(),
        }));
    }

    /// How long a statement may run; `None` for ever.
    pub(super) fn statement_timeout(&self) -> Option<Duration> {
        let millis = duration(self.settings.values.get(TIMEOUT)?)?;
        (millis > 0).then(|| Duration::from_millis(millis))
    }

    /// Settings of `SET LOCAL` are as before the transaction again.
    pub(super) fn end_local(&mut self, before: &Kept) {
        for name in std::mem::take(&mut self.settings.local) {
            if name == SEARCH_PATH {
                self.names.search_path.clone_from(&before.names.search_path);
            } else if name == MESSAGE {
                self.ctx.message.clone_from(&before.message);
            } else if let Some(property) = name.strip_prefix(PROPERTY) {
                restore(&mut self.ctx.properties, &before.properties, property);
            } else {
                restore(&mut self.settings.values, &before.settings.values, &name);
            }
        }
    }
}

fn restore(now: &mut BTreeMap<String, String>, before: &BTreeMap<String, String>, name: &str) {
    match before.get(name) {
        Some(value) => now.insert(name.to_owned(), value.clone()),
        None => now.remove(name),
    };
}

/// Carries out `SET`.
pub(super) fn set(session: &mut Session, set: &Set) -> SqlResult<Outcome> {
    let (local, name, values) = match set {
        Set::SingleAssignment { scope, hivevar: false, variable, values } => {
            let local = match scope {
                None | Some(ContextModifier::Session) => false,
                Some(ContextModifier::Local) => true,
                Some(ContextModifier::Global) => return Err(SqlError::unsupported(set)),
            };
            let name = parts_of(variable)?.join(".");
            (local, name, values.iter().map(text_of).collect::<SqlResult<_>>()?)
        }
        Set::SetTimeZone { local, value } => (*local, "timezone".to_owned(), vec![zone_of(value)?]),
        Set::SetNames { charset_name, collation_name: None } => {
            (false, "client_encoding".to_owned(), vec![charset_name.value.clone()])
        }
        Set::SetNamesDefault {} => (false, "client_encoding".to_owned(), vec!["utf8".to_owned()]),
        Set::SetRole { context_modifier: None, role_name: None } => return done("SET"),
        Set::SetTransaction { snapshot: None, session: true, modes } => {
            let read_only = |mode| {
                matches!(mode, &TransactionMode::AccessMode(TransactionAccessMode::ReadOnly))
            };
            if modes.iter().any(read_only) {
                return Err(SqlError::unsupported("a session that only reads")
                    .with_hint("write BEGIN READ ONLY, or connect to a tag or commit: lake@v1.0"));
            }
            return done("SET");
        }
        other => return Err(SqlError::unsupported(other)),
    };
    if local && session.transaction.is_none() {
        session.notice("SET LOCAL can only be used in transaction blocks");
        return done("SET");
    }
    assign(session, &name, &values)?;
    let name = name.to_lowercase();
    if local {
        session.settings.local.insert(name);
    } else {
        session.settings.local.remove(&name);
    }
    done("SET")
}

fn done(tag: &str) -> SqlResult<Outcome> {
    Ok(Outcome::Done { tag: tag.to_owned() })
}

/// Carries out `RESET`.
pub(super) fn reset(session: &mut Session, reset: &Reset) -> SqlResult<Outcome> {
    match reset {
        Reset::ALL => {
            let names: Vec<String> = session.settings.values.keys().cloned().collect();
            for name in names.iter().map(String::as_str).chain([SEARCH_PATH, MESSAGE]) {
                reset_one(session, name)?;
            }
            session.ctx.properties.clear();
        }
        Reset::ConfigurationParameter(name) => {
            reset_one(session, &parts_of(name)?.join(".").to_lowercase())?;
        }
    }
    done("RESET")
}

fn reset_one(session: &mut Session, name: &str) -> SqlResult<()> {
    let initial = session.settings.initial.clone();
    if name == SEARCH_PATH {
        session.names.search_path = match initial {
            Some(initial) => initial.search_path.clone(),
            None => super::engine::first_search_path(&session.names.scope),
        };
        return Ok(());
    }
    match initial.and_then(|initial| initial.values.get(name).cloned()) {
        Some(value) => assign(session, name, &[value]),
        None => assign(session, name, &["default".to_owned()]),
    }
}

/// Carries out `DISCARD`. What the door keeps (prepared statements) is the door's to forget.
pub(super) fn discard(session: &mut Session, what: DiscardObject) -> SqlResult<Outcome> {
    match what {
        DiscardObject::ALL => {
            session.check_outside("DISCARD ALL")?;
            session.temp = TempTables::default();
            session.cursors.close_all();
            session.prepared = PreparedStatements::default();
            reset(session, &Reset::ALL)?;
            done("DISCARD ALL")
        }
        DiscardObject::TEMP => {
            session.temp = TempTables::default();
            done("DISCARD TEMP")
        }
        DiscardObject::PLANS => done("DISCARD PLANS"),
        DiscardObject::SEQUENCES => done("DISCARD SEQUENCES"),
    }
}

/// The value of `SET TIME ZONE`.
fn zone_of(value: &Expr) -> SqlResult<String> {
    match text_of(value)? {
        word if word.eq_ignore_ascii_case("local") => Ok("default".to_owned()),
        other => Ok(other),
    }
}

/// Milliseconds of `5000`, `5s`, `1min`; `None` for what is no duration.
fn duration(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let scale = match unit.trim() {
        "us" => 0.001,
        "" | "ms" => 1.0,
        "s" => 1000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    let millis = (number.parse::<f64>().ok()? * scale).round();
    // PostgreSQL's own bound.
    if millis > f64::from(i32::MAX) {
        return None;
    }
    format!("{millis:.0}").parse().ok()
}

/// A duration as PostgreSQL shows it.
fn shown_duration(millis: u64) -> String {
    let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1000, "s"), (1, "ms")];
    let whole = units.into_iter().find(|(unit, _)| millis > 0 && millis.is_multiple_of(*unit));
    whole.map_or_else(|| "0".to_owned(), |(unit, name)| format!("{}{name}", millis / unit))
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
    if name == SEARCH_PATH {
        if default {
            session.names.search_path = super::engine::first_search_path(&session.names.scope);
            return Ok(());
        }
        session.names.search_path = values
            .iter()
            .map(|schema| schema.trim().to_owned())
            .filter(|s| !s.is_empty())
            .collect();
        return Ok(());
    }
    if name == MESSAGE {
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
        if name == "client_encoding" && value.eq_ignore_ascii_case("sql_ascii") {
            session.notice("client_encoding is UTF8: texts come and go in no other form");
            return Ok(());
        }
        return Err(SqlError::new(
            SqlState::InvalidParameterValue,
            format!("{name} is {shown:?} here and cannot be {value:?}"),
        ));
    }
    let known = KEPT.iter().any(|(known, _)| *known == name);
    if known || name == TIMEOUT {
        if default {
            session.settings.values.remove(&name);
            return Ok(());
        }
        let value = checked(&name, value)?;
        session.settings.values.insert(name, value);
        return Ok(());
    }
    Err(SqlError::new(
        SqlState::UndefinedObject,
        format!("unrecognized configuration parameter {name:?}"),
    ))
}

/// The value of a setting, if it can be one.
fn checked(name: &str, value: String) -> SqlResult<String> {
    let fine = match name {
        TIMEOUT | "lock_timeout" => match duration(&value) {
            Some(millis) => return Ok(shown_duration(millis)),
            None => false,
        },
        "extra_float_digits" => {
            value.parse::<i32>().is_ok_and(|digits| (-15..=3).contains(&digits))
        }
        _ => true,
    };
    if fine {
        return Ok(value);
    }
    Err(SqlError::new(
        SqlState::InvalidParameterValue,
        format!("invalid value for parameter {name:?}: {value:?}"),
    ))
}

/// A setting's value.
pub(super) fn show(session: &Session, name: &str) -> Option<String> {
    let name = name.to_lowercase();
    if name == SEARCH_PATH {
        return Some(session.names.search_path.join(", "));
    }
    if name == "session_authorization" {
        return Some(session.ctx.actor.clone());
    }
    if name == MESSAGE {
        return Some(session.ctx.message.clone().unwrap_or_default());
    }
    if let Some(property) = name.strip_prefix(PROPERTY) {
        return Some(session.ctx.properties.get(property).cloned().unwrap_or_default());
    }
    if let Some((_, _, shown)) = FIXED.iter().find(|(known, ..)| *known == name) {
        return Some((*shown).to_owned());
    }
    let first = KEPT.iter().find(|(known, _)| *known == name).map(|(_, first)| *first);
    let first = first.or_else(|| (name == TIMEOUT).then_some("0"))?;
    Some(session.settings.values.get(&name).cloned().unwrap_or_else(|| first.to_owned()))
}

/// The settings that are not as in a new session, without the search path.
pub(super) fn changed(session: &Session) -> BTreeMap<String, String> {
    let mut changed = session.settings.values.clone();
    if let Some(message) = &session.ctx.message {
        changed.insert(MESSAGE.to_owned(), message.clone());
    }
    for (name, value) in &session.ctx.properties {
        changed.insert(format!("{PROPERTY}{name}"), value.clone());
    }
    changed
}

/// Every setting that `SHOW` answers, by its name.
pub(super) fn all(session: &Session) -> BTreeMap<String, String> {
    let names = FIXED
        .iter()
        .map(|(name, ..)| *name)
        .chain(KEPT.iter().map(|(name, _)| *name))
        .chain(["search_path", TIMEOUT]);
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

/// The zone in which times without one are read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TimeZone(Option<Tz>);

impl TimeZone {
    /// A zone by its name, such as `Europe/Berlin`; `None` for one that is not known.
    pub(super) fn parse(name: &str) -> Option<Self> {
        if ["UTC", "GMT", "Etc/UTC", "Z"].iter().any(|utc| name.eq_ignore_ascii_case(utc)) {
            return Some(Self(None));
        }
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        name.parse().ok().map(|zone| Self(Some(zone)))
    }

    /// Whether PostgreSQL knows a zone of this name: `Europe/Berlin`, `+02:00`, `GMT-5`.
    pub(super) fn is_known(name: &str) -> bool {
        let offset = name.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let is_offset = offset.starts_with(['+', '-'])
            && offset.len() <= 9
            && offset.chars().skip(1).all(|c| c.is_ascii_digit() || c == ':');
        is_offset || Self::parse(name).is_some()
    }

    /// The zone, unless it is UTC.
    pub(super) const fn zone(self) -> Option<Tz> {
        self.0
    }
}
