//! Ingestion: the rows of a stream go into one table, in one commit.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow_flight::sql::server::PeekableFlightDataStream;
use arrow_flight::sql::{
    CommandStatementIngest, TableDefinitionOptions, TableExistsOption, TableNotExistOption,
};
use futures::{FutureExt as _, StreamExt as _, stream};

use super::caller::Caller;
use super::door::Shared;
use super::error::{FlightResult, invalid, panicked, status, unreadable, unsupported};
use super::rows::{converted, sent, told};
use crate::sql::door::{IfMissing, IfThere, Ingest};
use crate::sql::error::{SqlError, SqlState};

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
    let rows = stream::iter(first.map(Ok))
        .chain(batches)
        .map(move |batch| converted(&batch.map_err(unreadable)?, &shown))
        .boxed();
    let ingest = Ingest {
        schema: command.schema.filter(|schema| !schema.is_empty()),
        table: command.table,
        columns,
        if_missing,
        if_there,
    };
    let done = shared
        .statement(place, move |session, _| {
            async move { session.ingest(ingest, rows).await }.boxed()
        })
        .await;
    let count = done?.value;
    i64::try_from(count).map_err(|_| {
        status(&SqlError::new(SqlState::ProgramLimitExceeded, "more rows than can be counted"))
    })
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
