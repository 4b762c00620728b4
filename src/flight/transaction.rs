//! Transactions: a session each, found by a handle from `BeginTransaction` to `EndTransaction`.

use std::sync::Arc;

use arrow_flight::sql::{
    ActionBeginSavepointRequest, ActionBeginSavepointResult, ActionEndSavepointRequest,
    ActionEndTransactionRequest, EndTransaction,
};
use bytes::Bytes;
use futures::FutureExt as _;
use tokio::sync::Mutex;

use super::caller::Caller;
use super::door::Shared;
use super::error::{FlightResult, invalid};
use super::run::Place;
use crate::sql::door::{Cancel, Connection};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::Outcome;

/// What ends a savepoint; the numbers of `ActionEndSavepointRequest.EndSavepoint`.
const RELEASE: i32 = 1;
const ROLLBACK: i32 = 2;

/// Bytes of a transaction's handle, which starts the handle of a savepoint in it.
const HANDLE_BYTES: usize = 16;

/// A session in a transaction; empty once it has ended.
pub(super) struct Transaction {
    pub(super) session: Mutex<Option<Box<dyn Connection>>>,
}

/// `BeginTransaction`
pub(super) async fn begin(shared: &Arc<Shared>, caller: &Caller) -> FlightResult<Bytes> {
    let place = shared.own(caller).await?;
    let session = shared
        .work(place, |session, cancel| {
            async move { statement(session, "BEGIN", cancel).await.map(drop) }.boxed()
        })
        .await?
        .session;
    let transaction = Transaction { session: Mutex::new(session) };
    shared.transactions.insert(Arc::new(transaction), 0)
}

/// `EndTransaction`. After it the handle stands for nothing, however it ended.
pub(super) async fn end(
    shared: &Arc<Shared>,
    request: &ActionEndTransactionRequest,
) -> FlightResult<()> {
    let commit = match EndTransaction::try_from(request.action) {
        Ok(EndTransaction::Commit) => true,
        Ok(EndTransaction::Rollback) => false,
        Ok(EndTransaction::Unspecified) | Err(_) => {
            return Err(invalid("a transaction ends by COMMIT or ROLLBACK"));
        }
    };
    let transaction = shared.transactions.take(&request.transaction_id)?;
    let ending = Arc::clone(&transaction);
    let text = if commit { "COMMIT" } else { "ROLLBACK" };
    let ended = shared
        .work(Place::Transaction(transaction), move |session, cancel| {
            async move { statement(session, text, cancel).await }.boxed()
        })
        .await;
    // Also after an error: what was not committed is given up with its session.
    drop(ending.session.lock().await.take());
    let tag = ended?.value;
    if commit && tag != "COMMIT" {
        return Err(super::error::wrong(
            SqlState::InFailedTransaction,
            "the transaction had failed and was rolled back",
        ));
    }
    Ok(())
}

/// `BeginSavepoint`
pub(super) async fn savepoint(
    shared: &Arc<Shared>,
    request: ActionBeginSavepointRequest,
) -> FlightResult<ActionBeginSavepointResult> {
    let transaction = shared.transactions.get(&request.transaction_id)?;
    let text = format!("SAVEPOINT {}", quoted(&request.name));
    in_transaction(shared, transaction, text).await?;
    let mut handle = request.transaction_id.to_vec();
    handle.extend_from_slice(request.name.as_bytes());
    Ok(ActionBeginSavepointResult { savepoint_id: handle.into() })
}

/// `EndSavepoint`
pub(super) async fn end_savepoint(
    shared: &Arc<Shared>,
    request: &ActionEndSavepointRequest,
) -> FlightResult<()> {
    let (handle, name) = request
        .savepoint_id
        .split_at_checked(HANDLE_BYTES)
        .ok_or_else(|| invalid("this is no savepoint of this server"))?;
    let name = std::str::from_utf8(name).map_err(|_| invalid("the savepoint has no name"))?;
    let transaction = shared.transactions.get(handle)?;
    let words = match request.action {
        RELEASE => "RELEASE SAVEPOINT",
        ROLLBACK => "ROLLBACK TO SAVEPOINT",
        _ => return Err(invalid("a savepoint ends by RELEASE or ROLLBACK")),
    };
    in_transaction(shared, transaction, format!("{words} {}", quoted(name))).await
}

async fn in_transaction(
    shared: &Arc<Shared>,
    transaction: Arc<Transaction>,
    text: String,
) -> FlightResult<()> {
    let work = shared.work(Place::Transaction(transaction), move |session, cancel| {
        async move { statement(session, &text, cancel).await }.boxed()
    });
    work.await.map(drop)
}

/// Runs a statement of this door's own making; answers its tag.
pub(super) async fn statement(
    session: &mut dyn Connection,
    text: &str,
    cancel: Cancel,
) -> SqlResult<String> {
    let parsed = session.parse(text)?;
    let [one] = parsed.as_slice() else {
        return Err(SqlError::syntax(format!("{text:?} is not one statement")));
    };
    match session.execute(one, &[], cancel).await? {
        Outcome::Done { tag } => Ok(tag),
        Outcome::Rows { .. } => Ok(String::new()),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
