//! Runs statements: each in the background, so that it ends as it should when its client has gone.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, stream};
use tonic::Status;

use super::caller::Caller;
use super::door::Shared;
use super::error::{FlightResult, panicked, status, stopped, wrong};
use super::prepared::only;
use super::transaction::Transaction;
use crate::base::limits::{FLIGHT_BOUND_QUERIES_MAX, FLIGHT_STATEMENTS_MAX, FLIGHT_VALUES_AT_ONCE};
use crate::sql::door::{Cancel, Canceler, Connection, cancel_signal, for_several_rows};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::{Outcome, RowStream, Value};
use crate::sql::syntax::statement::Parsed;

/// How many rows a statement changed, if it does not say.
const UNKNOWN: i64 = -1;

/// Tags of statements that change only their session.
const OF_THE_SESSION: &[&str] =
    &["SET", "RESET", "USE", "BEGIN", "DECLARE CURSOR", "PREPARE", "DEALLOCATE ALL"];

/// Where a statement runs.
pub(super) enum Place {
    /// In a session of its own.
    Own(Box<dyn Connection>),
    /// In a transaction.
    Transaction(Arc<Transaction>),
}

/// A statement to run.
pub(super) enum Source {
    /// A text with one statement.
    Text(String),
    /// One that was read before.
    Prepared(Arc<Parsed>),
}

/// What work in a session came to.
pub(super) struct Worked<T> {
    pub(super) value: T,
    /// The session, if it was the work's own.
    pub(super) session: Option<Box<dyn Connection>>,
}

/// What a statement came to.
pub(super) struct Ran {
    /// How many rows it changed; -1 if it does not say.
    pub(super) count: i64,
    pub(super) rows: Option<Rows>,
}

/// Rows that are not read yet.
pub(super) struct Rows {
    pub(super) columns: SchemaRef,
    pub(super) rows: RowStream,
}

/// Cancels when it is dropped: nobody waits any more.
struct Waiting(Canceler);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Shared {
    /// The place that a call names.
    pub(super) async fn place(
        self: &Arc<Self>,
        caller: &Caller,
        transaction: Option<&Bytes>,
    ) -> FlightResult<Place> {
        match transaction.filter(|handle| !handle.is_empty()) {
            Some(handle) => Ok(Place::Transaction(self.transactions.get(handle)?)),
            None => self.own(caller).await,
        }
    }

    /// A session of its own.
    pub(super) async fn own(&self, caller: &Caller) -> FlightResult<Place> {
        let Caller { user, database, settings } = caller;
        let session = self.database.connect(database, user, settings).await;
        session.map(Place::Own).map_err(|error| status(&error))
    }

    /// Does some work in a session, to its end: if nobody waits any more it is canceled, which a
    /// statement that changes something does not heed.
    pub(super) async fn work<T, F>(
        self: &Arc<Self>,
        place: Place,
        work: F,
    ) -> FlightResult<Worked<T>>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut dyn Connection, Cancel) -> BoxFuture<'a, SqlResult<T>>
            + Send
            + 'static,
    {
        self.background(place, work, false).await
    }

    /// As [`Shared::work`], for a client's own statement, which is counted.
    pub(super) async fn statement<T, F>(
        self: &Arc<Self>,
        place: Place,
        work: F,
    ) -> FlightResult<Worked<T>>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut dyn Connection, Cancel) -> BoxFuture<'a, SqlResult<T>>
            + Send
            + 'static,
    {
        self.background(place, work, true).await
    }

    async fn background<T, F>(
        self: &Arc<Self>,
        place: Place,
        work: F,
        counted: bool,
    ) -> FlightResult<Worked<T>>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut dyn Connection, Cancel) -> BoxFuture<'a, SqlResult<T>>
            + Send
            + 'static,
    {
        let permit = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy())?;
        let (canceler, cancel) = cancel_signal();
        let waiting = Waiting(canceler);
        let shared = Arc::clone(self);
        let transaction = match &place {
            Place::Own(_) => None,
            Place::Transaction(transaction) => Some(Arc::clone(transaction)),
        };
        let task = tokio::spawn(async move {
            let _permit = permit;
            let worked = tokio::select! {
                biased;
                () = shared.is_cut() => Err(stopped()),
                worked = in_place(place, work, cancel) => worked,
            };
            if counted {
                shared.metrics.sql_statement("flight", worked.is_err());
            }
            worked
        });
        let worked = match task.await {
            Ok(worked) => worked,
            Err(error) => {
                tracing::error!("a statement of a Flight client failed: {error}");
                if let Some(transaction) = transaction
                    && let Some(session) = transaction.session.lock().await.as_mut()
                {
                    session.failed();
                }
                if counted {
                    self.metrics.sql_statement("flight", true);
                }
                Err(panicked())
            }
        };
        drop(waiting);
        worked
    }

    /// Runs a statement once for each row of values, and answers what all of them came to.
    pub(super) async fn run(
        self: &Arc<Self>,
        place: Place,
        source: Source,
        values: Arc<Vec<Vec<Value>>>,
    ) -> FlightResult<Ran> {
        let own = matches!(place, Place::Own(_));
        let transaction = match &place {
            Place::Own(_) => None,
            Place::Transaction(transaction) => Some(Arc::clone(transaction)),
        };
        let ran = self
            .statement(place, move |session, cancel| {
                async move { all(session, source, &values, own, &cancel).await }.boxed()
            })
            .await;
        let mut ran = ran?.value;
        if let (Some(rows), Some(transaction)) = (&mut ran.rows, transaction) {
            rows.rows =
                noticed(std::mem::replace(&mut rows.rows, stream::empty().boxed()), transaction);
        }
        Ok(ran)
    }
}

async fn in_place<T, F>(place: Place, work: F, cancel: Cancel) -> FlightResult<Worked<T>>
where
    F: for<'a> FnOnce(&'a mut dyn Connection, Cancel) -> BoxFuture<'a, SqlResult<T>>,
{
    match place {
        Place::Own(mut session) => {
            let value = work(session.as_mut(), cancel).await.map_err(|error| status(&error))?;
            Ok(Worked { value, session: Some(session) })
        }
        Place::Transaction(transaction) => {
            let mut session = tokio::select! {
                session = transaction.session.lock() => session,
                () = cancel.canceled() => return Err(canceled()),
            };
            let Some(session) = session.as_mut() else {
                return Err(wrong(SqlState::InvalidTransactionState, "the transaction has ended"));
            };
            let value = work(session.as_mut(), cancel).await.map_err(|error| status(&error))?;
            Ok(Worked { value, session: None })
        }
    }
}

async fn all(
    session: &mut dyn Connection,
    source: Source,
    values: &[Vec<Value>],
    own: bool,
    cancel: &Cancel,
) -> SqlResult<Ran> {
    let statement = match source {
        Source::Text(text) => only(session.parse(&text)?)?,
        Source::Prepared(statement) => statement,
    };
    if let Some(what) = statement.left_behind().filter(|_| own) {
        return Err(no_effect(what));
    }
    let mut ran = Gathered::default();
    // Outside of a transaction, what several rows of values do is one commit.
    let group = own && values.len() > 1;
    if group {
        session.begin_group();
    }
    let width = values.first().map_or(0, Vec::len);
    let at_once = FLIGHT_VALUES_AT_ONCE.checked_div(width).unwrap_or(1).max(1);
    for values in values.chunks(at_once) {
        let merged = match values.len() {
            0 | 1 => None,
            rows => for_several_rows(&statement, rows, width),
        };
        if let Some(merged) = merged {
            let outcome = session.execute(&merged, &values.concat(), cancel.clone()).await?;
            ran.take(outcome, own)?;
            continue;
        }
        for values in values {
            let outcome = session.execute(&statement, values, cancel.clone()).await?;
            ran.take(outcome, own)?;
        }
    }
    if group {
        session.end_group().await?;
    }
    Ok(ran.finish())
}

/// What the runs of a statement came to so far.
#[derive(Default)]
struct Gathered {
    count: i64,
    columns: Option<SchemaRef>,
    streams: Vec<RowStream>,
}

impl Gathered {
    fn take(&mut self, outcome: Outcome, own: bool) -> SqlResult<()> {
        match outcome {
            Outcome::Done { tag } => {
                check(&tag, own)?;
                self.count = sum(self.count, affected(&tag));
            }
            Outcome::Rows { columns, rows } => {
                let first = self.columns.get_or_insert_with(|| Arc::clone(&columns));
                if *first != columns {
                    return Err(SqlError::new(
                        SqlState::DatatypeMismatch,
                        "the rows of values lead to results with different columns",
                    )
                    .with_hint("give all values of a parameter in one type, or cast it"));
                }
                if self.streams.len() >= FLIGHT_BOUND_QUERIES_MAX {
                    return Err(SqlError::new(
                        SqlState::ProgramLimitExceeded,
                        format!(
                            "a query is run for at most {FLIGHT_BOUND_QUERIES_MAX} rows of values"
                        ),
                    ));
                }
                self.count = UNKNOWN;
                self.streams.push(rows);
            }
        }
        Ok(())
    }

    fn finish(self) -> Ran {
        let Self { count, columns, streams } = self;
        let rows =
            columns.map(|columns| Rows { columns, rows: stream::iter(streams).flatten().boxed() });
        Ran { count, rows }
    }
}

/// What a statement leaves in its session must be of some use.
fn check(tag: &str, own: bool) -> SqlResult<()> {
    if own && OF_THE_SESSION.contains(&tag) { Err(no_effect(tag)) } else { Ok(()) }
}

/// What a session of one statement cannot keep for the next.
fn no_effect(what: &str) -> SqlError {
    SqlError::new(
        SqlState::FeatureNotSupported,
        format!(
            "{what} has no effect: outside of a transaction each statement has a session of its own"
        ),
    )
    .with_hint(
        "choose the database by the header `database`, begin transactions by the call for it (in \
         ADBC: autocommit off), and set commit messages by the header `x-nunatak-message`",
    )
}

/// The number in a command tag.
fn affected(tag: &str) -> i64 {
    match tag.rsplit(' ').next().map(str::parse) {
        Some(Ok(count)) => count,
        // It removes rows and does not say how many.
        _ if tag.starts_with("TRUNCATE") => UNKNOWN,
        _ => 0,
    }
}

fn sum(count: i64, more: i64) -> i64 {
    if count == UNKNOWN || more == UNKNOWN { UNKNOWN } else { count.saturating_add(more) }
}

/// Tells a transaction when a stream of its rows ends in an error.
fn noticed(rows: RowStream, transaction: Arc<Transaction>) -> RowStream {
    rows.then(move |item| {
        let transaction = item.is_err().then(|| Arc::clone(&transaction));
        async move {
            if let Some(transaction) = transaction
                && let Some(session) = transaction.session.lock().await.as_mut()
            {
                session.failed();
            }
            item
        }
    })
    .boxed()
}

pub(super) fn busy() -> Status {
    wrong(
        SqlState::ProgramLimitExceeded,
        format!("{FLIGHT_STATEMENTS_MAX} statements run at the moment; try again later"),
    )
}

pub(super) fn canceled() -> Status {
    wrong(SqlState::QueryCanceled, "canceling statement due to user request")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_tell_how_many_rows() {
        for (tag, count) in [
            ("INSERT 0 7", 7),
            ("SELECT 3", 3),
            ("DELETE 0", 0),
            ("CREATE TABLE", 0),
            ("TRUNCATE TABLE", -1),
        ] {
            assert_eq!(affected(tag), count, "{tag}");
        }
        assert_eq!(sum(sum(1, 2), 3), 6);
        assert_eq!(sum(sum(1, UNKNOWN), 3), UNKNOWN);
    }
}
