//! What a session keeps under names: cursors and prepared statements.
//!
//! - A cursor's query is planned when it is declared, over snapshots that do not change, and its rows are made
//!   as they are asked for. So it sees the state at its declaration, whatever happens to the tables later.
//! - A prepared statement is planned each time it is executed; only its text and the types of its parameters
//!   are kept. It outlives every transaction, as in PostgreSQL.
//!
//! Knows no protocol.

mod cursors;
mod prepared;
mod reader;

use std::sync::Arc;

use arrow::datatypes::DataType;

pub(super) use self::cursors::{About, Cursors};
pub(super) use self::prepared::PreparedStatements;
use super::error::SqlResult;
use super::outcome::{Description, Outcome, Value};
use super::session::Session;
use super::syntax::named::NamedStatement;

/// Carries out a statement about these.
pub(super) async fn execute(
    session: &mut Session,
    text: &str,
    statement: &NamedStatement,
    values: &[Value],
) -> SqlResult<Outcome> {
    match statement {
        NamedStatement::Declare(declare) => cursors::declare(session, text, declare, values).await,
        NamedStatement::Fetch { cursor, direction } => {
            cursors::fetch(session, cursor, *direction).await
        }
        NamedStatement::Move { cursor, direction } => {
            cursors::moves(session, cursor, *direction).await
        }
        NamedStatement::Close { cursor } => cursors::close(session, cursor.as_deref()),
        NamedStatement::Prepare { name, types, statement } => {
            prepared::prepare(session, text, name, types, statement).await
        }
        NamedStatement::Execute { name, arguments } => {
            prepared::execute(session, name, arguments, values).await
        }
        NamedStatement::Deallocate { name } => prepared::deallocate(session, name.as_deref()),
    }
}

/// The shape of a statement about these.
pub(super) async fn describe(
    session: &mut Session,
    statement: &NamedStatement,
    hints: &[Option<DataType>],
) -> SqlResult<Description> {
    match statement {
        NamedStatement::Declare(declare) => {
            let read = Box::pin(session.describe_open(&declare.query, hints)).await?;
            Ok(Description { parameters: read.parameters, columns: None })
        }
        NamedStatement::Fetch { cursor, .. } => {
            // One that is not there is an error of the execution, as in PostgreSQL.
            let columns = session.cursors.get(cursor).map(|cursor| Arc::clone(cursor.columns()));
            Ok(Description { parameters: Vec::new(), columns })
        }
        NamedStatement::Execute { name, arguments } => {
            prepared::describe(session, name, arguments, hints).await
        }
        NamedStatement::Move { .. }
        | NamedStatement::Close { .. }
        | NamedStatement::Prepare { .. }
        | NamedStatement::Deallocate { .. } => Ok(Description::default()),
    }
}

/// Whether such a statement changes anything beside the session.
pub(super) fn changes(session: &Session, statement: &NamedStatement) -> bool {
    match statement {
        NamedStatement::Execute { name, .. } => {
            let prepared = session.prepared.get(name);
            prepared.is_some_and(|prepared| session.changes(prepared.statement()))
        }
        NamedStatement::Declare(_)
        | NamedStatement::Fetch { .. }
        | NamedStatement::Move { .. }
        | NamedStatement::Close { .. }
        | NamedStatement::Prepare { .. }
        | NamedStatement::Deallocate { .. } => false,
    }
}
