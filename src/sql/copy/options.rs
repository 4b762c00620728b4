//! The options of `COPY`, and which of them go together.

use arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast::Ident;

use crate::sql::bind::folded;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::syntax::copy::{Copy, CopyOption, CopyValue};

/// How rows are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CopyFormat {
    /// PostgreSQL's own.
    #[default]
    Text,
    /// Comma-separated values.
    Csv,
}

/// The first line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Header {
    /// It is a row.
    #[default]
    None,
    /// It is left out.
    Skip,
    /// It has the names of the columns.
    Match,
}

/// Some of the columns.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Selected {
    /// None.
    #[default]
    None,
    /// These places.
    Some(Vec<usize>),
    /// All.
    All,
}

impl Selected {
    /// Whether the column at a place is one.
    #[must_use]
    pub fn has(&self, at: usize) -> bool {
        match self {
            Self::None => false,
            Self::Some(places) => places.contains(&at),
            Self::All => true,
        }
    }
}

/// The options in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopyOptions {
    /// Text or CSV.
    pub format: CopyFormat,
    /// What stands between values.
    pub delimiter: u8,
    /// What a null is written as.
    pub null: String,
    pub(super) header: Header,
    /// What stands around values of CSV.
    pub quote: u8,
    /// What stands before a quote inside of a value.
    pub escape: u8,
    /// Columns whose values are always quoted.
    pub force_quote: Selected,
    pub(super) force_not_null: Selected,
    pub(super) force_null: Selected,
}

impl CopyOptions {
    /// Whether the names of the columns come first.
    #[must_use]
    pub fn has_header(&self) -> bool {
        self.header != Header::None
    }

    /// Reads the options of a statement over these columns.
    ///
    /// # Errors
    /// `SyntaxError`, `InvalidParameterValue` and `FeatureNotSupported` as PostgreSQL has them.
    pub(super) fn read(copy: &Copy, columns: &SchemaRef) -> SqlResult<Self> {
        let mut given = Given::default();
        for option in &copy.options {
            given
                .take(option)
                .map_err(|error| SqlError { position: Some(option.position), ..error })?;
        }
        given.settle(copy.to, columns)
    }
}

/// The options as they were written.
#[derive(Default)]
struct Given {
    format: Option<CopyFormat>,
    delimiter: Option<String>,
    null: Option<String>,
    header: Option<Header>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<Wanted>,
    force_not_null: Option<Wanted>,
    force_null: Option<Wanted>,
    encoding: Option<()>,
    freeze: Option<()>,
}

enum Wanted {
    All,
    These(Vec<Ident>),
}

fn once<T>(slot: &mut Option<T>, value: T) -> SqlResult<()> {
    if slot.replace(value).is_some() {
        return Err(SqlError::syntax("conflicting or redundant options"));
    }
    Ok(())
}

fn wrong(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::InvalidParameterValue, message)
}

impl Given {
    fn take(&mut self, option: &CopyOption) -> SqlResult<()> {
        let CopyOption { name, value, .. } = option;
        match name.as_str() {
            "format" => once(&mut self.format, format(value)?),
            "delimiter" => once(&mut self.delimiter, text(name, value)?),
            "null" => once(&mut self.null, text(name, value)?),
            "header" => once(&mut self.header, header(value)?),
            "quote" => once(&mut self.quote, text(name, value)?),
            "escape" => once(&mut self.escape, text(name, value)?),
            "force_quote" => once(&mut self.force_quote, wanted(name, value)?),
            "force_not_null" => once(&mut self.force_not_null, wanted(name, value)?),
            "force_null" => once(&mut self.force_null, wanted(name, value)?),
            "encoding" => {
                let name = text(name, value)?.to_lowercase().replace(['-', '_'], "");
                if !matches!(name.as_str(), "utf8" | "unicode") {
                    return Err(SqlError::unsupported(format_args!("the encoding {name:?}"))
                        .with_hint("data are UTF-8"));
                }
                once(&mut self.encoding, ())
            }
            "freeze" if boolean(name, value)? => Err(SqlError::unsupported("COPY … FREEZE")),
            "freeze" => once(&mut self.freeze, ()),
            "default" | "on_error" | "log_verbosity" | "reject_limit" | "oids" => {
                Err(SqlError::unsupported(format_args!("the option {name} of COPY")))
            }
            _ => Err(SqlError::syntax(format!("option {name:?} not recognized"))),
        }
    }

    fn settle(self, to: bool, columns: &SchemaRef) -> SqlResult<CopyOptions> {
        let format = self.format.unwrap_or_default();
        let csv = format == CopyFormat::Csv;
        for (given, name) in [
            (self.quote.is_some(), "quote"),
            (self.escape.is_some(), "escape"),
            (self.force_quote.is_some(), "force quote"),
            (self.force_not_null.is_some(), "force not null"),
            (self.force_null.is_some(), "force null"),
        ] {
            if given && !csv {
                return Err(SqlError::unsupported(format_args!(
                    "COPY {name} outside of CSV, which"
                )));
            }
        }
        if self.force_quote.is_some() && !to {
            return Err(SqlError::unsupported("COPY force quote with COPY FROM"));
        }
        if (self.force_null.is_some() || self.force_not_null.is_some()) && to {
            return Err(SqlError::unsupported("COPY force null with COPY TO"));
        }
        if to && self.header == Some(Header::Match) {
            return Err(SqlError::unsupported("cannot use \"match\" with HEADER in COPY TO: it"));
        }
        let quote = one_byte("quote", self.quote, b'"')?;
        let options = CopyOptions {
            format,
            delimiter: one_byte("delimiter", self.delimiter, if csv { b',' } else { b'\t' })?,
            null: self.null.unwrap_or_else(|| if csv { "" } else { "\\N" }.to_owned()),
            header: self.header.unwrap_or_default(),
            quote,
            escape: one_byte("escape", self.escape, quote)?,
            force_quote: places(self.force_quote, columns)?,
            force_not_null: places(self.force_not_null, columns)?,
            force_null: places(self.force_null, columns)?,
        };
        options.check()?;
        Ok(options)
    }
}

impl CopyOptions {
    fn check(&self) -> SqlResult<()> {
        let delimiter = self.delimiter;
        if matches!(delimiter, b'\n' | b'\r') {
            return Err(wrong("COPY delimiter cannot be newline or carriage return"));
        }
        if self.null.contains(['\n', '\r']) {
            return Err(wrong("COPY null representation cannot use newline or carriage return"));
        }
        if self.format == CopyFormat::Text
            && (delimiter.is_ascii_lowercase()
                || delimiter.is_ascii_digit()
                || matches!(delimiter, b'\\' | b'.'))
        {
            return Err(wrong(format!("COPY delimiter cannot be \"{}\"", char::from(delimiter))));
        }
        if self.null.as_bytes().contains(&delimiter) {
            return Err(wrong(
                "COPY delimiter character must not appear in the NULL specification",
            ));
        }
        if self.format == CopyFormat::Csv {
            if matches!(self.quote, b'\n' | b'\r') || self.quote == delimiter {
                return Err(wrong("COPY delimiter and quote must be different"));
            }
            if self.null.as_bytes().contains(&self.quote) {
                return Err(wrong("CSV quote character must not appear in the NULL specification"));
            }
        }
        Ok(())
    }
}

fn format(value: &CopyValue) -> SqlResult<CopyFormat> {
    match value {
        CopyValue::Word(name) | CopyValue::Text(name) => match name.as_str() {
            "text" => Ok(CopyFormat::Text),
            "csv" => Ok(CopyFormat::Csv),
            "binary" => {
                Err(SqlError::unsupported("COPY in the format binary").with_hint("use text or csv"))
            }
            other => Err(wrong(format!("COPY format {other:?} not recognized"))),
        },
        _ => Err(SqlError::syntax("format requires a parameter")),
    }
}

fn header(value: &CopyValue) -> SqlResult<Header> {
    if matches!(value, CopyValue::Word(word) | CopyValue::Text(word) if word == "match") {
        return Ok(Header::Match);
    }
    Ok(if boolean("header", value)? { Header::Skip } else { Header::None })
}

fn boolean(name: &str, value: &CopyValue) -> SqlResult<bool> {
    match value {
        CopyValue::None => Ok(true),
        CopyValue::Word(word) | CopyValue::Text(word) => match word.to_lowercase().as_str() {
            "true" | "on" | "1" => Ok(true),
            "false" | "off" | "0" => Ok(false),
            _ => Err(SqlError::syntax(format!("{name} requires a Boolean value"))),
        },
        CopyValue::Columns(_) | CopyValue::All => {
            Err(SqlError::syntax(format!("{name} requires a Boolean value")))
        }
    }
}

fn text(name: &str, value: &CopyValue) -> SqlResult<String> {
    match value {
        CopyValue::Text(text) | CopyValue::Word(text) => Ok(text.clone()),
        _ => Err(SqlError::syntax(format!("{name} requires a parameter"))),
    }
}

fn wanted(name: &str, value: &CopyValue) -> SqlResult<Wanted> {
    match value {
        CopyValue::All => Ok(Wanted::All),
        CopyValue::Columns(columns) => Ok(Wanted::These(columns.clone())),
        _ => Err(wrong(format!("argument to option {name:?} must be a list of column names"))),
    }
}

fn one_byte(name: &str, given: Option<String>, default: u8) -> SqlResult<u8> {
    let Some(given) = given else { return Ok(default) };
    match given.as_bytes() {
        [byte @ 1..=127] => Ok(*byte),
        _ => Err(SqlError::unsupported(format_args!(
            "COPY {name} other than a single one-byte character, which"
        ))),
    }
}

fn places(wanted: Option<Wanted>, columns: &SchemaRef) -> SqlResult<Selected> {
    match wanted {
        None => Ok(Selected::None),
        Some(Wanted::All) => Ok(Selected::All),
        Some(Wanted::These(names)) => names
            .iter()
            .map(|ident| {
                let name = folded(ident);
                columns.fields().iter().position(|field| *field.name() == name).ok_or_else(|| {
                    SqlError::new(
                        SqlState::UndefinedColumn,
                        format!("column {name:?} is not copied"),
                    )
                })
            })
            .collect::<SqlResult<_>>()
            .map(Selected::Some),
    }
}
