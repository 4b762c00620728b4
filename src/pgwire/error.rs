//! Errors as the protocol tells them.

use crate::base::limits::PG_ERROR_BYTES_MAX;
use crate::sql::error::{SqlError, SqlState};

/// Codes that only the protocol has; appendix A of PostgreSQL's manual.
pub(super) mod code {
    pub(in super::super) const SUCCESS: &str = "00000";
    pub(in super::super) const PROTOCOL_VIOLATION: &str = "08P01";
    pub(in super::super) const FEATURE_NOT_SUPPORTED: &str = "0A000";
    pub(in super::super) const NUMERIC_OUT_OF_RANGE: &str = "22003";
    pub(in super::super) const DATETIME_OVERFLOW: &str = "22008";
    pub(in super::super) const CHARACTER_NOT_IN_REPERTOIRE: &str = "22021";
    pub(in super::super) const INVALID_PARAMETER_VALUE: &str = "22023";
    pub(in super::super) const INVALID_TEXT: &str = "22P02";
    pub(in super::super) const INVALID_BINARY: &str = "22P03";
    pub(in super::super) const NO_SUCH_STATEMENT: &str = "26000";
    pub(in super::super) const INVALID_AUTHORIZATION: &str = "28000";
    pub(in super::super) const NO_SUCH_PORTAL: &str = "34000";
    pub(in super::super) const SYNTAX: &str = "42601";
    pub(in super::super) const DUPLICATE_PORTAL: &str = "42P03";
    pub(in super::super) const DUPLICATE_STATEMENT: &str = "42P05";
    pub(in super::super) const INDETERMINATE_TYPE: &str = "42P18";
    pub(in super::super) const TOO_MANY_CONNECTIONS: &str = "53300";
    pub(in super::super) const LIMIT: &str = "54000";
    pub(in super::super) const TOO_MANY_COLUMNS: &str = "54011";
    pub(in super::super) const NOT_IN_PREREQUISITE_STATE: &str = "55000";
    pub(in super::super) const ADMIN_SHUTDOWN: &str = "57P01";
    pub(in super::super) const INTERNAL: &str = "XX000";
}

/// Result with an error that can be told to the client.
pub(super) type WireResult<T> = Result<T, WireError>;

/// An error that can be told to the client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct WireError {
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) hint: Option<String>,
    pub(super) position: Option<usize>,
    /// Whether the connection ends with it.
    pub(super) fatal: bool,
}

impl WireError {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, position: None, fatal: false }
    }

    pub(super) fn fatal(code: &'static str, message: impl Into<String>) -> Self {
        Self { fatal: true, ..Self::new(code, message) }
    }

    /// A message whose parts do not fit; the next one can still be read.
    pub(super) fn protocol(message: impl Into<String>) -> Self {
        Self::new(code::PROTOCOL_VIOLATION, message)
    }

    pub(super) fn canceled() -> Self {
        SqlError::new(SqlState::QueryCanceled, "canceling statement due to user request").into()
    }

    /// What a caught panic becomes.
    pub(super) fn panicked() -> Self {
        Self::new(code::INTERNAL, "the statement failed because of a bug in the server")
    }

    pub(super) fn unsupported(what: impl std::fmt::Display) -> Self {
        Self::new(code::FEATURE_NOT_SUPPORTED, format!("{what} is not supported"))
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn into_fatal(mut self) -> Self {
        self.fatal = true;
        self
    }

    /// The fields of the message `ErrorResponse`.
    pub(super) fn fields(&self) -> Vec<(u8, String)> {
        self.fields_of(if self.fatal { "FATAL" } else { "ERROR" })
    }

    /// The fields of a message of this severity.
    pub(super) fn fields_of(&self, severity: &str) -> Vec<(u8, String)> {
        let mut fields = vec![
            (b'S', severity.to_owned()),
            (b'V', severity.to_owned()),
            (b'C', self.code.to_owned()),
            (b'M', text(&self.message)),
        ];
        fields.extend(self.hint.as_deref().map(|hint| (b'H', text(hint))));
        fields.extend(self.position.map(|position| (b'P', position.to_string())));
        fields
    }
}

/// Without zero bytes, which would end it early, and not endless.
fn text(message: &str) -> String {
    let mut end = message.len().min(PG_ERROR_BYTES_MAX);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    message.get(..end).unwrap_or_default().replace('\0', "\u{fffd}")
}

impl From<SqlError> for WireError {
    fn from(error: SqlError) -> Self {
        Self {
            code: error.state.code(),
            message: error.message,
            hint: error.hint,
            position: error.position,
            fatal: false,
        }
    }
}
