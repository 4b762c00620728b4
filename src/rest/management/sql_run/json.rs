//! Writes an answer of JSON, row by row, within its limits.

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::cell::{self, put};
use super::column::type_name;
use crate::base::limits::{SQL_ANSWER_BYTES_MAX, SQL_ANSWER_ROWS_MAX};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::session::Session;
use crate::sql::syntax::statement::Parsed;

/// An answer that is being written.
#[derive(Debug, Default)]
pub(super) struct Writer {
    out: Vec<u8>,
    /// Rows of all results.
    rows: usize,
    /// Rows of the result that is being written.
    own: usize,
}

impl Writer {
    fn next(&mut self) {
        let before: &[u8] = if self.out.is_empty() { b"{\"results\":[" } else { b"," };
        self.out.extend_from_slice(before);
    }

    /// The result of a statement without rows.
    pub(super) fn done(&mut self, tag: &str) -> SqlResult<()> {
        self.next();
        self.out.extend_from_slice(b"{\"tag\":");
        put(&mut self.out, tag)?;
        self.out.push(b'}');
        Ok(())
    }

    /// The head of a result with rows.
    pub(super) fn start(&mut self, columns: &SchemaRef) -> SqlResult<()> {
        self.next();
        self.own = 0;
        self.out.extend_from_slice(b"{\"columns\":[");
        for (index, field) in columns.fields().iter().enumerate() {
            let start: &[u8] = if index == 0 { b"{\"name\":" } else { b",{\"name\":" };
            self.out.extend_from_slice(start);
            put(&mut self.out, field.name())?;
            self.out.extend_from_slice(b",\"type\":");
            put(&mut self.out, &type_name(field.data_type()))?;
            self.out.push(b'}');
        }
        self.out.extend_from_slice(b"],\"rows\":[");
        Ok(())
    }

    /// More rows.
    ///
    /// # Errors
    /// `ProgramLimitExceeded` if they are too many.
    pub(super) fn batch(&mut self, batch: &RecordBatch) -> SqlResult<()> {
        for row in 0..batch.num_rows() {
            self.rows = self.rows.saturating_add(1);
            if self.rows > SQL_ANSWER_ROWS_MAX {
                return Err(too_large(format_args!("more than {SQL_ANSWER_ROWS_MAX} rows")));
            }
            if self.own > 0 {
                self.out.push(b',');
            }
            self.own = self.own.saturating_add(1);
            self.out.push(b'[');
            for (index, column) in batch.columns().iter().enumerate() {
                if index > 0 {
                    self.out.push(b',');
                }
                cell::write(&mut self.out, column, row)?;
            }
            self.out.push(b']');
            if self.out.len() > SQL_ANSWER_BYTES_MAX {
                return Err(too_large(format_args!("more than {SQL_ANSWER_BYTES_MAX} bytes")));
            }
        }
        Ok(())
    }

    /// The end of a result with rows.
    pub(super) fn end(&mut self, statement: &Parsed) -> SqlResult<()> {
        self.out.extend_from_slice(b"],\"tag\":");
        let rows = u64::try_from(self.own).unwrap_or(u64::MAX);
        put(&mut self.out, &statement.tag(rows))?;
        self.out.push(b'}');
        Ok(())
    }

    /// The whole answer.
    pub(super) fn finish(mut self, session: &Session) -> SqlResult<Vec<u8>> {
        if self.out.is_empty() {
            self.next();
        }
        self.out.extend_from_slice(b"],\"session\":");
        let session = serde_json::json!({
            "database": session.database(),
            "search_path": session.search_path(),
            "settings": session.changed_settings(),
        });
        put(&mut self.out, &session)?;
        self.out.push(b'}');
        Ok(self.out)
    }
}

fn too_large(what: impl std::fmt::Display) -> SqlError {
    SqlError::new(
        SqlState::ProgramLimitExceeded,
        format!("the answer has {what}, and JSON is limited to that"),
    )
    .with_hint("add a LIMIT, or read it as a stream: Accept: application/vnd.apache.arrow.stream")
}
