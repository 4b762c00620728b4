//! Errors of SQL: a SQLSTATE of PostgreSQL (appendix A of its manual) and a message.

use std::fmt;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;

use crate::base::error::{Entity, Error, ErrorKind};

/// Result with an error that has a SQLSTATE.
pub type SqlResult<T> = Result<T, SqlError>;

/// Condition names of PostgreSQL that are used here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum SqlState {
    /// Understood, and not carried out here.
    FeatureNotSupported,
    /// Not SQL.
    SyntaxError,
    /// A value that the place does not allow.
    InvalidParameterValue,
    /// A value that its type cannot hold.
    DataException,
    /// A number that its type cannot hold.
    NumericValueOutOfRange,
    /// A division by zero.
    DivisionByZero,
    /// 2201E
    InvalidArgumentForLogarithm,
    /// 2201F
    InvalidArgumentForPowerFunction,
    /// A text that is no value of the type it is read as.
    InvalidTextRepresentation,
    /// A text that is no date or time.
    InvalidDatetimeFormat,
    /// A date or time that its type cannot hold.
    DatetimeFieldOverflow,
    /// Two rows where one is allowed.
    CardinalityViolation,
    /// A column that is neither grouped nor aggregated.
    GroupingError,
    /// A name that several columns have.
    AmbiguousColumn,
    /// No such table, view or function of tables.
    UndefinedTable,
    /// No such column.
    UndefinedColumn,
    /// A column is there twice.
    DuplicateColumn,
    /// A table that cannot be made so.
    InvalidTableDefinition,
    /// Bytes that are no text.
    CharacterNotInRepertoire,
    /// Data of COPY that do not have the form that was said.
    BadCopyFileFormat,
    /// No such function or operator.
    UndefinedFunction,
    /// No such schema.
    InvalidSchemaName,
    /// No such database.
    InvalidCatalogName,
    /// No such branch, tag or commit, or another thing that has no condition of its own.
    UndefinedObject,
    /// The table or view is there already.
    DuplicateTable,
    /// The schema is there already.
    DuplicateSchema,
    /// Another thing is there already.
    DuplicateObject,
    /// The thing still holds something.
    DependentObjectsStillExist,
    /// The thing is of another kind.
    WrongObjectType,
    /// Types that do not go together.
    DatatypeMismatch,
    /// A column must not be null and is.
    NotNullViolation,
    /// A write where nothing can be written: a tag, a commit.
    ReadOnly,
    /// A statement that does not go with the transaction's state.
    InvalidTransactionState,
    /// A statement for transactions, outside of one.
    NoActiveTransaction,
    /// No such savepoint.
    InvalidSavepoint,
    /// No such cursor.
    InvalidCursorName,
    /// The cursor is there already.
    DuplicateCursor,
    /// A cursor that cannot be what it is declared to be.
    InvalidCursorDefinition,
    /// No such prepared statement.
    InvalidStatementName,
    /// The prepared statement is there already.
    DuplicateStatement,
    /// A thing that is not in the state that the statement needs.
    NotInPrerequisiteState,
    /// The transaction has failed and waits for its end.
    InFailedTransaction,
    /// Somebody else changed the same thing.
    SerializationFailure,
    /// It is not known whether the change happened.
    TransactionResolutionUnknown,
    /// Not allowed.
    InsufficientPrivilege,
    /// More memory, rows or depth than is allowed.
    ProgramLimitExceeded,
    /// Out of memory.
    OutOfMemory,
    /// The client or a limit of time ended the statement.
    QueryCanceled,
    /// Try again later.
    CannotConnectNow,
    /// Stored data contradict themselves.
    DataCorrupted,
    /// A bug or an unforeseen failure.
    InternalError,
}

impl SqlState {
    /// The five characters.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::FeatureNotSupported => "0A000",
            Self::SyntaxError => "42601",
            Self::InvalidParameterValue => "22023",
            Self::DataException => "22000",
            Self::NumericValueOutOfRange => "22003",
            Self::DivisionByZero => "22012",
            Self::InvalidArgumentForLogarithm => "2201E",
            Self::InvalidArgumentForPowerFunction => "2201F",
            Self::InvalidTextRepresentation => "22P02",
            Self::InvalidDatetimeFormat => "22007",
            Self::DatetimeFieldOverflow => "22008",
            Self::CardinalityViolation => "21000",
            Self::GroupingError => "42803",
            Self::AmbiguousColumn => "42702",
            Self::UndefinedTable => "42P01",
            Self::UndefinedColumn => "42703",
            Self::DuplicateColumn => "42701",
            Self::InvalidTableDefinition => "42P16",
            Self::BadCopyFileFormat => "22P04",
            Self::CharacterNotInRepertoire => "22021",
            Self::UndefinedFunction => "42883",
            Self::InvalidSchemaName => "3F000",
            Self::InvalidCatalogName => "3D000",
            Self::UndefinedObject => "42704",
            Self::DuplicateTable => "42P07",
            Self::DuplicateSchema => "42P06",
            Self::DuplicateObject => "42710",
            Self::DependentObjectsStillExist => "2BP01",
            Self::WrongObjectType => "42809",
            Self::DatatypeMismatch => "42804",
            Self::NotNullViolation => "23502",
            Self::ReadOnly => "25006",
            Self::InvalidTransactionState => "25000",
            Self::NoActiveTransaction => "25P01",
            Self::InvalidSavepoint => "3B001",
            Self::InvalidCursorName => "34000",
            Self::DuplicateCursor => "42P03",
            Self::InvalidCursorDefinition => "42P11",
            Self::InvalidStatementName => "26000",
            Self::DuplicateStatement => "42P05",
            Self::NotInPrerequisiteState => "55000",
            Self::InFailedTransaction => "25P02",
            Self::SerializationFailure => "40001",
            Self::TransactionResolutionUnknown => "08007",
            Self::InsufficientPrivilege => "42501",
            Self::ProgramLimitExceeded => "54000",
            Self::OutOfMemory => "53200",
            Self::QueryCanceled => "57014",
            Self::CannotConnectNow => "57P03",
            Self::DataCorrupted => "XX001",
            Self::InternalError => "XX000",
        }
    }
}

/// An error of a statement, safe to show to whoever sent it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SqlError {
    /// The condition.
    pub state: SqlState,
    /// What is wrong, with the name or value.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// Where in the statement, in characters from 1.
    pub position: Option<usize>,
}

impl SqlError {
    /// Makes an error.
    pub fn new(state: SqlState, message: impl Into<String>) -> Self {
        Self { state, message: message.into(), hint: None, position: None }
    }

    /// For what is understood and not carried out: `what` starts the sentence.
    pub fn unsupported(what: impl fmt::Display) -> Self {
        Self::new(SqlState::FeatureNotSupported, format!("{what} is not supported"))
    }

    /// For a text that is not SQL.
    pub fn syntax(message: impl Into<String>) -> Self {
        Self::new(SqlState::SyntaxError, message)
    }

    /// Adds what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SqlError {}

impl From<Error> for SqlError {
    fn from(error: Error) -> Self {
        let state = match error.kind() {
            ErrorKind::InvalidInput | ErrorKind::KeyReused => SqlState::InvalidParameterValue,
            ErrorKind::Unauthenticated | ErrorKind::Forbidden => SqlState::InsufficientPrivilege,
            ErrorKind::NotFound(Entity::Warehouse) => SqlState::InvalidCatalogName,
            ErrorKind::NotFound(Entity::Namespace) => SqlState::InvalidSchemaName,
            ErrorKind::NotFound(Entity::Table | Entity::View) => SqlState::UndefinedTable,
            ErrorKind::NotFound(_) => SqlState::UndefinedObject,
            ErrorKind::AlreadyExists(Entity::Table | Entity::View) => SqlState::DuplicateTable,
            ErrorKind::AlreadyExists(Entity::Namespace) => SqlState::DuplicateSchema,
            ErrorKind::AlreadyExists(_) => SqlState::DuplicateObject,
            ErrorKind::NotEmpty(_) => SqlState::DependentObjectsStillExist,
            ErrorKind::Conflict => SqlState::SerializationFailure,
            ErrorKind::CommitUnknown => SqlState::TransactionResolutionUnknown,
            ErrorKind::Unsupported => SqlState::FeatureNotSupported,
            ErrorKind::LimitExceeded => SqlState::ProgramLimitExceeded,
            ErrorKind::Unavailable => SqlState::CannotConnectNow,
            ErrorKind::Corrupt => SqlState::DataCorrupted,
            ErrorKind::Internal => SqlState::InternalError,
        };
        Self::new(state, error.message())
    }
}

impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> Self {
        Self::External(Box::new(error))
    }
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        let message = |error: &DataFusionError| {
            // The planner shows its own insides.
            if matches!(error, DataFusionError::NotImplemented(text) if text.contains(UNCORRELATED))
            {
                return "a query inside of another that refers to it in this way is not supported"
                    .to_owned();
            }
            error.strip_backtrace().lines().next().unwrap_or_default().to_owned()
        };
        match error {
            DataFusionError::External(inner) => match inner.downcast::<Self>() {
                Ok(own) => *own,
                Err(other) => match other.downcast::<Error>() {
                    Ok(own) => (*own).into(),
                    Err(other) => Self::new(SqlState::InternalError, other.to_string()),
                },
            },
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
                Self::from(*inner)
            }
            DataFusionError::Shared(inner) => match std::sync::Arc::try_unwrap(inner) {
                Ok(inner) => inner.into(),
                Err(shared) => match shared.find_root() {
                    DataFusionError::External(inner) => inner.downcast_ref::<Self>().map_or_else(
                        || Self::new(SqlState::InternalError, inner.to_string()),
                        Clone::clone,
                    ),
                    root => Self::new(state_of(root), message(root)),
                },
            },
            DataFusionError::ParquetError(inner) => match *inner {
                ParquetError::External(inner) if inner.is::<Self>() => match inner.downcast() {
                    Ok(own) => *own,
                    Err(other) => Self::new(SqlState::InternalError, other.to_string()),
                },
                inner => {
                    let other = DataFusionError::ParquetError(Box::new(inner));
                    told(&other).unwrap_or_else(|| Self::new(state_of(&other), message(&other)))
                }
            },
            other => told(&other).unwrap_or_else(|| Self::new(state_of(&other), message(&other))),
        }
    }
}

/// How the engine says that it could not join a query with the one that it refers to.
const UNCORRELATED: &str = "Physical plan does not support logical expression";

/// States in which the engine itself writes an error of ours into a text.
const WRITTEN: [SqlState; 8] = [
    SqlState::NumericValueOutOfRange,
    SqlState::DivisionByZero,
    SqlState::InvalidArgumentForLogarithm,
    SqlState::InvalidArgumentForPowerFunction,
    SqlState::InvalidTextRepresentation,
    SqlState::InvalidParameterValue,
    SqlState::DatetimeFieldOverflow,
    SqlState::CardinalityViolation,
];

/// An error of ours that the engine put into a text: where it looks for a function, and where it reads files
/// and leaves out rows.
fn told(error: &DataFusionError) -> Option<SqlError> {
    let text = error.to_string();
    if let Some((_, rest)) = text.split_once("coercion failed with \"External error: ") {
        let (message, _) = rest.split_once("\" No function matches")?;
        return Some(SqlError::new(SqlState::UndefinedFunction, message));
    }
    let (_, rest) = text.split_once("External(SqlError { state: ")?;
    let (state, rest) = rest.split_once(", message: \"")?;
    let state = WRITTEN.into_iter().find(|known| format!("{known:?}") == state)?;
    let (message, _) = rest.split_once("\", hint: ")?;
    Some(SqlError::new(state, message.replace("\\\"", "\"")))
}

/// How the reader of files begins what a condition on rows failed with: nothing is wrong with the file then.
const FILTER_FAILED: &str = "Error evaluating filter predicate";

fn state_of_arrow(error: &ArrowError) -> SqlState {
    match error {
        ArrowError::DivideByZero => SqlState::DivisionByZero,
        ArrowError::ArithmeticOverflow(_) => SqlState::NumericValueOutOfRange,
        ArrowError::ComputeError(text) if text.contains("overflow") => {
            SqlState::NumericValueOutOfRange
        }
        ArrowError::InvalidArgumentError(text) if text.contains("Decimal") => {
            SqlState::NumericValueOutOfRange
        }
        ArrowError::ParseError(text) if text.contains("imestamp") || text.contains("date") => {
            SqlState::InvalidDatetimeFormat
        }
        ArrowError::CastError(text) => {
            let time = ["Date", "Time"].iter().any(|kind| text.contains(kind));
            match text.starts_with("Cannot cast string") || text.starts_with("Cannot cast value") {
                true if time => SqlState::InvalidDatetimeFormat,
                true => SqlState::InvalidTextRepresentation,
                false if text.starts_with("Can't cast value") => SqlState::NumericValueOutOfRange,
                false => SqlState::DataException,
            }
        }
        ArrowError::ParquetError(text) if !text.contains(FILTER_FAILED) => SqlState::DataCorrupted,
        _ => SqlState::DataException,
    }
}

impl From<ArrowError> for SqlError {
    fn from(error: ArrowError) -> Self {
        DataFusionError::from(error).into()
    }
}

fn state_of(error: &DataFusionError) -> SqlState {
    use datafusion::common::SchemaError;
    match error {
        DataFusionError::SQL(..) => SqlState::SyntaxError,
        DataFusionError::NotImplemented(_) => SqlState::FeatureNotSupported,
        DataFusionError::SchemaError(schema, _) => match **schema {
            SchemaError::FieldNotFound { .. } => SqlState::UndefinedColumn,
            // A name of the planner's own: two queries in place of values that it cannot tell apart.
            SchemaError::AmbiguousReference { ref field } if field.name == "__always_true" => {
                SqlState::FeatureNotSupported
            }
            SchemaError::AmbiguousReference { .. } => SqlState::AmbiguousColumn,
            SchemaError::DuplicateQualifiedField { .. }
            | SchemaError::DuplicateUnqualifiedField { .. } => SqlState::SyntaxError,
        },
        DataFusionError::Plan(text) if text.starts_with("Invalid function") => {
            SqlState::UndefinedFunction
        }
        DataFusionError::Plan(text) if text.contains("No function matches") => {
            SqlState::UndefinedFunction
        }
        DataFusionError::Plan(text)
            if text.contains("must be in GROUP BY")
                || text.contains("must appear in the GROUP BY")
                || text.contains("Aggregate functions are not allowed") =>
        {
            SqlState::GroupingError
        }
        DataFusionError::Plan(text)
            if text.starts_with("Correlated scalar subquery must")
                // Windows whose orders the planner takes for one another.
                || text.contains("does not satisfy order requirements") =>
        {
            SqlState::FeatureNotSupported
        }
        DataFusionError::Plan(text) if text.contains("not found") => SqlState::UndefinedTable,
        DataFusionError::ParquetError(error) if error.to_string().contains(FILTER_FAILED) => {
            SqlState::DataException
        }
        DataFusionError::Plan(_) | DataFusionError::Configuration(_) => SqlState::SyntaxError,
        DataFusionError::ArrowError(error, _) => state_of_arrow(error),
        DataFusionError::Execution(_) => SqlState::DataException,
        DataFusionError::ResourcesExhausted(_) => SqlState::OutOfMemory,
        DataFusionError::ParquetError(_) => SqlState::DataCorrupted,
        DataFusionError::Collection(errors) => {
            errors.first().map_or(SqlState::InternalError, state_of)
        }
        wrapped => match wrapped.find_root() {
            root if std::ptr::eq(root, wrapped) => SqlState::InternalError,
            root => state_of(root),
        },
    }
}
