//! Cursors: `DECLARE`, `FETCH`, `MOVE`, `CLOSE`, and what becomes of them when transactions end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::execution::memory_pool::MemoryConsumer;
use futures::StreamExt as _;
use tokio::sync::Mutex;

use super::reader::Reader;
use crate::base::clock::Timestamp;
use crate::base::limits::SQL_CURSORS_MAX;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::{Outcome, RowStream, Value};
use crate::sql::session::{Session, columns_of, with_values};
use crate::sql::syntax::named::{Declare, Direction};
use crate::sql::syntax::statement::Body;

/// The cursors of a session.
#[derive(Debug, Default)]
pub(in crate::sql) struct Cursors {
    open: BTreeMap<String, Cursor>,
    /// How many were declared so far.
    declared: u64,
}

/// A cursor.
pub(in crate::sql) struct Cursor {
    columns: SchemaRef,
    reader: Arc<Mutex<Reader>>,
    /// Which one it is of all that were declared.
    number: u64,
    /// Whether the transaction that declared it is over: then it stays until it is closed.
    kept: bool,
    about: Arc<About>,
}

/// What a cursor was declared to be.
#[derive(Debug)]
pub(in crate::sql) struct About {
    pub(in crate::sql) text: String,
    pub(in crate::sql) binary: bool,
    pub(in crate::sql) scroll: bool,
    pub(in crate::sql) hold: bool,
    pub(in crate::sql) declared_at: Timestamp,
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cursor").field("about", &self.about).finish_non_exhaustive()
    }
}

impl Cursor {
    /// Its columns.
    pub(in crate::sql) const fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    /// What it was declared to be.
    pub(in crate::sql) const fn about(&self) -> &Arc<About> {
        &self.about
    }
}

impl Cursors {
    /// A cursor by its name.
    pub(in crate::sql) fn get(&self, name: &str) -> Option<&Cursor> {
        self.open.get(name)
    }

    /// Every cursor with its name.
    pub(in crate::sql) fn iter(&self) -> impl Iterator<Item = (&str, &Cursor)> {
        self.open.iter().map(|(name, cursor)| (name.as_str(), cursor))
    }

    /// Closes one; whether it was there.
    pub(in crate::sql) fn close(&mut self, name: &str) -> bool {
        self.open.remove(name).is_some()
    }

    /// Closes all.
    pub(in crate::sql) fn close_all(&mut self) {
        self.open.clear();
    }

    /// How many were declared so far, for [`Self::back_to`].
    pub(in crate::sql) const fn mark(&self) -> u64 {
        self.declared
    }

    /// Closes those that were declared since, in the transaction that is open.
    pub(in crate::sql) fn back_to(&mut self, mark: u64) {
        self.open.retain(|_, cursor| cursor.kept || cursor.number < mark);
    }

    /// At the end of a transaction: what it declared is closed, unless it was declared to be held.
    pub(in crate::sql) fn committed(&mut self) {
        self.open.retain(|_, cursor| cursor.about.hold);
        for cursor in self.open.values_mut() {
            cursor.kept = true;
        }
    }

    /// After a transaction that did not happen: what it declared is closed.
    pub(in crate::sql) fn rolled_back(&mut self) {
        self.back_to(0);
    }
}

/// `DECLARE c CURSOR FOR query`
pub(super) async fn declare(
    session: &mut Session,
    text: &str,
    declare: &Declare,
    values: &[Value],
) -> SqlResult<Outcome> {
    let name = &declare.cursor;
    let inside = session.transaction.is_some();
    if !declare.hold && !inside {
        return Err(SqlError::new(
            SqlState::NoActiveTransaction,
            "DECLARE CURSOR can only be used in transaction blocks",
        )
        .with_hint("begin a transaction, or declare the cursor WITH HOLD"));
    }
    if name.is_empty() {
        return Err(SqlError::new(
            SqlState::InvalidCursorName,
            "invalid cursor name: must not be empty",
        ));
    }
    if session.cursors.get(name).is_some() {
        return Err(SqlError::new(
            SqlState::DuplicateCursor,
            format!("cursor \"{name}\" already exists"),
        ));
    }
    if session.cursors.open.len() >= SQL_CURSORS_MAX {
        return Err(SqlError::new(
            SqlState::ProgramLimitExceeded,
            format!("a session has at most {SQL_CURSORS_MAX} cursors"),
        )
        .with_hint("CLOSE those that are not read any more"));
    }
    let Body::Standard(query) = &declare.query.body else {
        return Err(SqlError::syntax("a cursor reads the rows of a query"));
    };
    let plan = session.plan(query.as_ref().clone()).await?;
    let plan = with_values(plan, values)?;
    let columns = columns_of(&plan);
    // Each FETCH has a limit of its own in time.
    let rows = session.unlimited_stream(plan).await?;
    let scroll = declare.scroll == Some(true);
    let memory =
        scroll.then(|| MemoryConsumer::new("a cursor").register(&session.engine.memory_pool()));
    let cursor = Cursor {
        columns,
        reader: Arc::new(Mutex::new(Reader::new(rows, memory))),
        number: session.cursors.declared,
        kept: !inside,
        about: Arc::new(About {
            text: text.to_owned(),
            binary: declare.binary,
            scroll,
            hold: declare.hold,
            declared_at: session.engine.catalog.clock().now(),
        }),
    };
    session.cursors.declared += 1;
    session.cursors.open.insert(name.clone(), cursor);
    Ok(Outcome::Done { tag: "DECLARE CURSOR".to_owned() })
}

/// `FETCH direction FROM c`: rows as they are asked for.
pub(super) async fn fetch(
    session: &Session,
    name: &str,
    direction: Direction,
) -> SqlResult<Outcome> {
    let cursor = existing(session, name)?;
    let reader = Arc::clone(&cursor.reader);
    let turn = reader.lock().await.start(direction).await?;
    let rows = futures::stream::unfold(Some(reader), move |reader| async move {
        let reader = reader?;
        let next = reader.lock().await.next(turn).await;
        match next {
            Ok(Some(batch)) => Some((Ok(batch), Some(reader))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    });
    let rows: RowStream = session.in_time(rows.boxed());
    Ok(Outcome::Rows { columns: Arc::clone(&cursor.columns), rows })
}

/// `MOVE direction FROM c`
pub(super) async fn moves(
    session: &Session,
    name: &str,
    direction: Direction,
) -> SqlResult<Outcome> {
    let mut reader = existing(session, name)?.reader.lock().await;
    reader.start(direction).await?;
    let count = reader.count().await?;
    Ok(Outcome::Done { tag: format!("MOVE {count}") })
}

/// `CLOSE c`, `CLOSE ALL`
pub(super) fn close(session: &mut Session, name: Option<&str>) -> SqlResult<Outcome> {
    let tag = match name {
        Some(name) if session.cursors.close(name) => "CLOSE CURSOR",
        Some(name) => return Err(missing(name)),
        None => {
            session.cursors.close_all();
            "CLOSE CURSOR ALL"
        }
    };
    Ok(Outcome::Done { tag: tag.to_owned() })
}

fn existing<'s>(session: &'s Session, name: &str) -> SqlResult<&'s Cursor> {
    session.cursors.get(name).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> SqlError {
    SqlError::new(SqlState::InvalidCursorName, format!("cursor \"{name}\" does not exist"))
}
