//! What a session answers: the shape of a statement before it runs, and what it came to.

use std::fmt;

use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use futures::stream::BoxStream;

use super::error::SqlResult;

/// A value given for a parameter of a statement.
pub use datafusion::scalar::ScalarValue as Value;

/// Rows as they are made; nothing is read ahead of who asks.
pub type RowStream = BoxStream<'static, SqlResult<RecordBatch>>;

/// The shape of a statement.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Description {
    /// The types of `$1`, `$2`, …
    pub parameters: Vec<DataType>,
    /// The columns of the rows; `None` for a statement without rows.
    pub columns: Option<SchemaRef>,
}

/// What a statement came to.
pub enum Outcome {
    /// Rows.
    Rows {
        /// Their columns.
        columns: SchemaRef,
        /// The rows.
        rows: RowStream,
    },
    /// Something was done: PostgreSQL's command tag, such as `CREATE TABLE` or `INSERT 0 3`.
    Done {
        /// The tag.
        tag: String,
    },
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows { columns, .. } => f.debug_struct("Rows").field("columns", columns).finish(),
            Self::Done { tag } => f.debug_struct("Done").field("tag", tag).finish(),
        }
    }
}

/// Whether a session is inside a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TransactionStatus {
    /// Outside: each statement by itself.
    #[default]
    Idle,
    /// Inside.
    Active,
    /// Inside one that failed: only its end is accepted.
    Failed,
}
