//! What a door asks of the database below it: connections, statements, their results.
//!
//! Knows no protocol. A door turns messages into these calls and outcomes into messages; everything that
//! a statement means is decided behind [`Connection`].

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use tokio::sync::watch;

use super::copy::{CopyData, CopyDirection, CopyOut};
use super::error::{SqlError, SqlResult};
use super::outcome::{Description, Outcome, RowStream, TransactionStatus, Value};
use super::syntax::statement::Parsed;

/// Makes connections.
#[async_trait]
pub trait Database: Send + Sync {
    /// Opens a session.
    ///
    /// `database` is a warehouse or `warehouse@ref`; `settings` are what the client set when it
    /// connected, by the names it wrote.
    ///
    /// # Errors
    /// `InvalidCatalogName` for a warehouse or ref that is not there, with a hint that names the form;
    /// `InvalidParameterValue` for a setting that cannot be.
    async fn connect(
        &self,
        database: &str,
        user: &str,
        settings: &BTreeMap<String, String>,
    ) -> SqlResult<Box<dyn Connection>>;
}

/// One session. Its owner calls one method at a time.
#[async_trait]
pub trait Connection: Send {
    /// Splits a text into statements; an empty one, or one of comments, has none.
    ///
    /// # Errors
    /// `SyntaxError`, with the position.
    fn parse(&self, text: &str) -> SqlResult<Vec<Arc<Parsed>>>;

    /// The shape of a statement, without running it. `hints` are the types of `$1`, `$2`, … that the
    /// client named; where it named one, the description has the same.
    ///
    /// # Errors
    /// Whatever keeps the statement from being planned.
    async fn describe(
        &mut self,
        statement: &Parsed,
        hints: &[Option<DataType>],
    ) -> SqlResult<Description>;

    /// Runs a statement. Rows come as the stream is read; to drop the stream ends the work behind it.
    ///
    /// `parameters` have the types of the description, except numbers that this type cannot hold
    /// exactly: a decimal then has its own precision and scale. Once `cancel` is set the statement ends
    /// with `QueryCanceled` wherever nothing is lost by it; the door ends streams of rows itself.
    ///
    /// # Errors
    /// Whatever the statement runs into; inside a transaction this one has then failed.
    async fn execute(
        &mut self,
        statement: &Parsed,
        parameters: &[Value],
        cancel: Cancel,
    ) -> SqlResult<Outcome>;

    /// Puts rows into a table, in one commit (in a transaction: as a part of it); answers how many.
    ///
    /// # Errors
    /// `UndefinedTable`, `DuplicateTable` as the request says; whatever an `INSERT` or a `CREATE TABLE` of
    /// these rows fails with, and what the rows themselves end with. Nothing is put then.
    async fn ingest(&mut self, ingest: Ingest, rows: RowStream) -> SqlResult<u64>;

    /// Which way a statement copies; nothing for one that is no `COPY`. A `COPY` is not run by
    /// [`Connection::execute`].
    fn copies(&self, _statement: &Parsed) -> Option<CopyDirection> {
        None
    }

    /// Starts a `COPY … TO STDOUT`.
    ///
    /// # Errors
    /// As [`Connection::execute`].
    async fn copy_out(&mut self, _statement: &Parsed, _cancel: Cancel) -> SqlResult<CopyOut> {
        Err(SqlError::unsupported("COPY"))
    }

    /// Looks at a `COPY … FROM STDIN` before data are asked for; answers how many columns they have.
    ///
    /// # Errors
    /// As [`Connection::execute`].
    async fn copy_in_columns(&mut self, _statement: &Parsed) -> SqlResult<usize> {
        Err(SqlError::unsupported("COPY"))
    }

    /// Carries out a `COPY … FROM STDIN` with data that the client sends; answers the number of rows.
    /// Data that end in an error (the client gave up, has gone, or canceled) change nothing.
    ///
    /// # Errors
    /// The error of the data, and as [`Connection::execute`].
    async fn copy_in(&mut self, _statement: &Parsed, _data: CopyData) -> SqlResult<u64> {
        Err(SqlError::unsupported("COPY"))
    }

    /// What statements said beside their answers since this was asked last.
    fn take_notices(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// Begins a group of statements that are carried out together or not at all, unless a transaction is
    /// open; for a message of several statements, or several messages that belong together, before each of
    /// them.
    fn begin_group(&mut self);

    /// Commits the group, if one is open.
    ///
    /// # Errors
    /// `SerializationFailure` if somebody else changed what the group changed; nothing happened then.
    async fn end_group(&mut self) -> SqlResult<()>;

    /// Says that a statement ended in an error which the session did not report itself: in its stream of
    /// rows, in a value given to it, in a message. A transaction has then failed, a group is undone;
    /// outside there is nothing to do, and neither after an error that the session reported.
    fn failed(&mut self);

    /// Whether a transaction is open.
    fn transaction(&self) -> TransactionStatus;

    /// A setting as it is in force, such as `TimeZone`; `None` for one that is not known.
    fn setting(&self, name: &str) -> Option<String>;

    /// A cursor that a statement declared, as it is read.
    fn cursor(&self, _name: &str) -> Option<CursorShape> {
        None
    }

    /// Closes a cursor; one that is not there is none the worse.
    fn close_cursor(&mut self, _name: &str) {}
}

/// How a cursor is read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CursorShape {
    /// The columns of its rows.
    pub columns: SchemaRef,
    /// Whether they are sent in binary where the protocol does not say.
    pub binary: bool,
}

/// The statement that does for several rows of values at once what this one does for each of them; their
/// values are given one row after the other, `width` for each. `None` if there is no such statement, then it
/// is run for each row.
#[must_use]
pub fn for_several_rows(statement: &Parsed, rows: usize, width: usize) -> Option<Arc<Parsed>> {
    super::statements::several::merged(statement, rows, width)
}

/// Into which table rows go.
#[derive(Clone, Debug)]
pub struct Ingest {
    /// Its schema, as one text with dots between levels; the first of the search path if none is named.
    pub schema: Option<String>,
    /// Its name, as it is written.
    pub table: String,
    /// The columns of the rows, which are matched to those of the table by their names.
    pub columns: SchemaRef,
    /// What to do if it is not there.
    pub if_missing: IfMissing,
    /// What to do if it is there.
    pub if_there: IfThere,
}

/// What to do if a table is not there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IfMissing {
    /// Make it, with the columns of the rows.
    Create,
    /// Fail.
    Fail,
}

/// What to do if a table is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IfThere {
    /// Add the rows to it.
    Append,
    /// Put another table with the columns of the rows in its place.
    Replace,
    /// Fail.
    Fail,
}

/// Tells one statement that nobody wants its end any more.
#[derive(Debug)]
pub struct Canceler(watch::Sender<bool>);

/// Whether the statement was canceled.
#[derive(Clone, Debug)]
pub struct Cancel(watch::Receiver<bool>);

/// A signal for one statement.
#[must_use]
pub fn cancel_signal() -> (Canceler, Cancel) {
    let (sender, receiver) = watch::channel(false);
    (Canceler(sender), Cancel(receiver))
}

impl Canceler {
    /// Cancels; once is enough.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

impl Cancel {
    /// Whether it was canceled.
    #[must_use]
    pub fn is_canceled(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is canceled; for ever, if nobody can do that any more.
    pub async fn canceled(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|canceled| *canceled).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
