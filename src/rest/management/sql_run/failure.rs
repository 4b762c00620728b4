//! How an error of SQL looks over HTTP.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::base::error::{Entity, Error, ErrorKind};
use crate::rest::error::Failure;
use crate::sql::error::{SqlError, SqlState};

/// An error of a statement as a failure of the request. `statement` says which one, from 0.
pub(super) fn failed(error: SqlError, statement: Option<usize>) -> Failure {
    let mut details = Map::new();
    details.insert("sqlstate".to_owned(), error.state.code().into());
    if let Some(hint) = error.hint {
        details.insert("hint".to_owned(), hint.into());
    }
    if let Some(position) = error.position {
        details.insert("position".to_owned(), position.into());
    }
    if let Some(statement) = statement {
        details.insert("statement".to_owned(), Value::from(statement));
    }
    let failure = Failure::new(Error::new(kind_of(error.state), error.message));
    let failure = if error.state == SqlState::ProgramLimitExceeded {
        // Not 429: the same request fails again.
        failure.with_status(StatusCode::UNPROCESSABLE_ENTITY)
    } else {
        failure
    };
    failure.with_details(details)
}

const fn kind_of(state: SqlState) -> ErrorKind {
    match state {
        SqlState::SyntaxError
        | SqlState::InvalidParameterValue
        | SqlState::DataException
        | SqlState::NumericValueOutOfRange
        | SqlState::DivisionByZero
        | SqlState::InvalidArgumentForLogarithm
        | SqlState::InvalidArgumentForPowerFunction
        | SqlState::InvalidTextRepresentation
        | SqlState::InvalidDatetimeFormat
        | SqlState::DatetimeFieldOverflow
        | SqlState::CardinalityViolation
        | SqlState::GroupingError
        | SqlState::AmbiguousColumn
        | SqlState::UndefinedTable
        | SqlState::UndefinedColumn
        | SqlState::DuplicateColumn
        | SqlState::InvalidTableDefinition
        | SqlState::BadCopyFileFormat
        | SqlState::CharacterNotInRepertoire
        | SqlState::UndefinedFunction
        | SqlState::InvalidSchemaName
        | SqlState::UndefinedObject
        | SqlState::WrongObjectType
        | SqlState::DatatypeMismatch
        | SqlState::NotNullViolation
        | SqlState::ReadOnly
        | SqlState::InvalidTransactionState
        | SqlState::NoActiveTransaction
        | SqlState::InvalidSavepoint
        | SqlState::InvalidCursorName
        | SqlState::InvalidCursorDefinition
        | SqlState::InvalidStatementName
        | SqlState::NotInPrerequisiteState
        | SqlState::InFailedTransaction => ErrorKind::InvalidInput,
        SqlState::InvalidCatalogName => ErrorKind::NotFound(Entity::Warehouse),
        SqlState::FeatureNotSupported => ErrorKind::Unsupported,
        SqlState::DuplicateTable => ErrorKind::AlreadyExists(Entity::Table),
        SqlState::DuplicateSchema => ErrorKind::AlreadyExists(Entity::Namespace),
        SqlState::DuplicateObject | SqlState::DuplicateCursor | SqlState::DuplicateStatement => {
            ErrorKind::AlreadyExists(Entity::Ref)
        }
        SqlState::DependentObjectsStillExist => ErrorKind::NotEmpty(Entity::Namespace),
        SqlState::SerializationFailure => ErrorKind::Conflict,
        SqlState::TransactionResolutionUnknown => ErrorKind::CommitUnknown,
        SqlState::InsufficientPrivilege => ErrorKind::Forbidden,
        SqlState::ProgramLimitExceeded => ErrorKind::LimitExceeded,
        SqlState::OutOfMemory | SqlState::QueryCanceled | SqlState::CannotConnectNow => {
            ErrorKind::Unavailable
        }
        SqlState::DataCorrupted => ErrorKind::Corrupt,
        SqlState::InternalError => ErrorKind::Internal,
    }
}
