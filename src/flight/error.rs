//! Errors as gRPC tells them: a code, and the SQLSTATE in the text and in headers.

use arrow_flight::error::FlightError;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::base::limits::FLIGHT_ERROR_BYTES_MAX;
use crate::sql::error::{SqlError, SqlState};

/// Result of a call.
pub(super) type FlightResult<T> = Result<T, Status>;

/// An error of a statement. Its headers are `sqlstate`, and `hint` and `position` where there are any.
pub(super) fn status(error: &SqlError) -> Status {
    let sqlstate = error.state.code();
    let mut message = format!("{} (SQLSTATE {sqlstate})", cut(&error.message));
    if let Some(hint) = &error.hint {
        message.push_str("; hint: ");
        message.push_str(cut(hint));
    }
    let mut headers = MetadataMap::new();
    headers.insert("sqlstate", MetadataValue::from_static(sqlstate));
    let position = error.position.map(|position| position.to_string());
    for (name, value) in [("hint", error.hint.as_deref()), ("position", position.as_deref())] {
        // A header is ASCII; what is not stands in the message only.
        if let Some(Ok(value)) = value.map(cut).map(MetadataValue::try_from) {
            headers.insert(name, value);
        }
    }
    Status::with_metadata(code_of(sqlstate), message, headers)
}

/// An error that this door finds by itself.
pub(super) fn wrong(state: SqlState, message: impl Into<String>) -> Status {
    status(&SqlError::new(state, message))
}

/// A value in a call that is none.
pub(super) fn invalid(message: impl Into<String>) -> Status {
    wrong(SqlState::InvalidParameterValue, message)
}

/// What is understood and not carried out.
pub(super) fn unsupported(what: impl std::fmt::Display) -> Status {
    status(&SqlError::unsupported(what))
}

/// A bug.
pub(super) fn internal(message: impl Into<String>) -> Status {
    wrong(SqlState::InternalError, message)
}

/// A bug that a statement ran into; the panic itself is in the log.
pub(super) fn panicked() -> Status {
    internal("the statement failed because of a bug in the server")
}

/// The server stops.
pub(super) fn stopped() -> Status {
    Status::unavailable("the server stops")
}

/// What a client's stream of rows failed with: its own end, or bytes that are no rows.
pub(super) fn unreadable(error: FlightError) -> SqlError {
    match error {
        FlightError::Tonic(status) if status.code() == Code::Cancelled => {
            SqlError::new(SqlState::QueryCanceled, "the client canceled the call")
        }
        FlightError::Tonic(status) => {
            SqlError::new(SqlState::InvalidParameterValue, status.message())
        }
        other => SqlError::new(
            SqlState::InvalidParameterValue,
            format!("the rows cannot be read: {other}"),
        ),
    }
}

fn code_of(sqlstate: &str) -> Code {
    match sqlstate {
        "0A000" => Code::Unimplemented,
        "42501" => Code::PermissionDenied,
        "42P01" | "42704" => Code::NotFound,
        "42P06" | "42P07" | "42710" => Code::AlreadyExists,
        "57014" => Code::Cancelled,
        "XX001" => Code::DataLoss,
        other => match other.get(..2).unwrap_or_default() {
            "08" => Code::Unknown,
            "22" | "23" | "42" => Code::InvalidArgument,
            "25" | "2B" | "55" => Code::FailedPrecondition,
            "28" => Code::Unauthenticated,
            "26" | "3B" | "3D" | "3F" => Code::NotFound,
            "40" => Code::Aborted,
            "53" | "54" => Code::ResourceExhausted,
            "57" => Code::Unavailable,
            _ => Code::Internal,
        },
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(FLIGHT_ERROR_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_a_code_and_its_sqlstate() {
        let error = SqlError::new(SqlState::UndefinedTable, "relation \"x\" does not exist")
            .with_hint("Make it.");
        let status = status(&error);
        assert_eq!(status.code(), Code::NotFound);
        assert_eq!(status.metadata().get("sqlstate").unwrap(), "42P01");
        assert_eq!(status.metadata().get("hint").unwrap(), "Make it.");
        assert_eq!(
            status.message(),
            "relation \"x\" does not exist (SQLSTATE 42P01); hint: Make it."
        );
    }

    #[test]
    fn long_and_foreign_texts_are_told() {
        let long = "ä".repeat(FLIGHT_ERROR_BYTES_MAX);
        let error = SqlError::new(SqlState::SerializationFailure, long.clone()).with_hint(long);
        let status = status(&error);
        assert_eq!(status.code(), Code::Aborted);
        assert!(status.message().len() < 3 * FLIGHT_ERROR_BYTES_MAX);
    }
}
