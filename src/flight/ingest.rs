//! Ingestion: the rows of a stream go into one table, in one commit.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow_flight::sql::server::PeekableFlightDataStream;
use arrow_flight::sql::{
    CommandStatementIngest, TableDefinitionOptions, TableExistsOption, TableNotExistOption,
};
use futures::future::ready;
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::{mpsc, oneshot};

use super::caller::Caller;
use super::door::Shared;
use super::error::{FlightResult, invalid, panicked, status, unreadable, unsupported};
use super::rows::{converted, sent, told};
use crate::sql::door::{IfMissing, IfThere, Ingest};
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// `CommandStatementIngest`; answers how many rows were put.
pub(super) async fn ingest(
    shared: &Arc<Shared>,
    caller: &Caller,
    command: CommandStatementIngest,
    data: PeekableFlightDataStream,
) -> FlightResult<i64> {
    let (if_missing, if_there) = modes(command.table_definition_options)?;
    check(caller, &command)?;
    let place = shared.place(caller, command.transaction_id.as_ref()).await?;

    let mut batches = sent(data);
    // The schema is known once the first rows, or the end, were read.
    let first = AssertUnwindSafe(batches.next()).catch_unwind().await.map_err(|_| panicked())?;
    let first = first.transpose().map_err(|error| status(&unreadable(error)))?;
    let columns = batches
        .schema()
        .map(|columns| told(columns))
        .ok_or_else(|| invalid("the stream of rows has no schema"))?;
    let shown = Arc::clone(&columns);
    let (ask, mut asked) = mpsc::channel(1);
    let rows = stream::iter(first.map(Ok))
        .chain(batches)
        .map(move |batch| converted(&batch.map_err(unreadable)?, &shown))
        .chain(stream::once(confirmed(ask)).filter_map(|confirmed| ready(confirmed.err().map(Err))))
        .boxed();
    let ingest = Ingest {
        schema: command.schema.filter(|schema| !schema.is_empty()),
        table: command.table,
        columns,
        if_missing,
        if_there,
    };
    let putting = shared.statement(place, move |session, _| {
        async move { session.ingest(ingest, rows).await }.boxed()
    });
    let mut putting = std::pin::pin!(putting);
    let done = loop {
        tokio::select! {
            done = &mut putting => break done,
            Some(question) = asked.recv() => confirm(question).await,
        }
    };
    let count = done?.value;
    i64::try_from(count).map_err(|_| {
        status(&SqlError::new(SqlState::ProgramLimitExceeded, "more rows than can be counted"))
    })
}

/// Fails unless the client has ended its rows by itself. A call that it gives up looks like one that it
/// ends: only who answers the call is told, by being dropped.
async fn confirmed(ask: mpsc::Sender<oneshot::Sender<()>>) -> SqlResult<()> {
    let (question, answer) = oneshot::channel();
    let asked = ask.send(question).await.is_ok();
    if asked && answer.await.is_ok() {
        return Ok(());
    }
    Err(SqlError::new(SqlState::QueryCanceled, "the client gave the call up"))
}

/// Answers that question, once it was seen that the call still stands.
async fn confirm(question: oneshot::Sender<()>) {
    tokio::task::yield_now().await;
    if question.send(()).is_err() {
        tracing::debug!("nobody waits for the end of the rows any more");
    }
}

fn modes(options: Option<TableDefinitionOptions>) -> FlightResult<(IfMissing, IfThere)> {
    let unsaid = || invalid("the request does not say what to do with the table");
    let options = options.ok_or_else(unsaid)?;
    let if_missing = match TableNotExistOption::try_from(options.if_not_exist) {
        Ok(TableNotExistOption::Create) => IfMissing::Create,
        Ok(TableNotExistOption::Fail) => IfMissing::Fail,
        Ok(TableNotExistOption::Unspecified) | Err(_) => return Err(unsaid()),
    };
    let if_there = match TableExistsOption::try_from(options.if_exists) {
        Ok(TableExistsOption::Append) => IfThere::Append,
        Ok(TableExistsOption::Replace) => IfThere::Replace,
        Ok(TableExistsOption::Fail) => IfThere::Fail,
        Ok(TableExistsOption::Unspecified) | Err(_) => return Err(unsaid()),
    };
    Ok((if_missing, if_there))
}

fn check(caller: &Caller, command: &CommandStatementIngest) -> FlightResult<()> {
    if command.temporary {
        return Err(unsupported("ingestion into a temporary table"));
    }
    if let Some(option) = command.options.keys().next() {
        return Err(unsupported(format_args!("the option {option:?} of an ingestion")));
    }
    let database = caller.database.as_str();
    let warehouse = database.split_once('@').map_or(database, |(warehouse, _)| warehouse);
    match command.catalog.as_deref() {
        None | Some("") => Ok(()),
        Some(catalog) if catalog == database || catalog == warehouse => Ok(()),
        Some(other) => Err(unsupported(format_args!(
            "ingestion into the database {other:?} from {database:?}; name it by the header `database`; that"
        ))),
    }
}
