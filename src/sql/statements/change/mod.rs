//! Statements that change rows of a table: `DELETE`, `UPDATE`, `MERGE INTO`.
//!
//! Each is planned as a query over the table with row identities: which rows go, and which come in their
//! place. Files that hold rows that go are written again without them (copy-on-write), and one snapshot
//! takes the place of the old. A temporary table is made anew from the rows that stay and those that come. The
//! planner never sees the statement itself. If another commit to the table comes between, the statement runs
//! again from the start.

mod delete;
mod merge;
pub(super) mod query;
mod rewrite;
pub(super) mod update;

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{Ident, SelectItem, Statement, TableFactor, With};

use self::query::Selected;
use self::rewrite::{End, Rewritten};
use super::not_there;
use super::returning::{Returning, stand_in};
use super::rows::{Written, commit, table};
use super::schema::existing;
use crate::base::limits::STATEMENT_RETRIES_MAX;
use crate::sql::bind::{self, folded, parts_of};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::{Description, Outcome, RowStream, Value};
use crate::sql::scan::provider::IcebergTable;
use crate::sql::session::{Session, parameters, with_values};
use crate::sql::tables;
use crate::sql::temp::TempTable;

/// What is done with a row of the query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    /// The row of the table goes.
    Delete,
    /// It goes, and a new one comes.
    Update,
    /// A new one comes.
    Insert,
    /// All stays as it is.
    Nothing,
}

/// What a row of the table may meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Matches {
    /// One row that changes it; another is an error.
    One,
    /// Any: the first counts.
    First,
}

/// Where the rows of a table are.
enum Place {
    /// In files.
    Stored { written: Box<Written>, table: Box<IcebergTable> },
    /// In the session.
    Temporary { name: String, table: Arc<TempTable> },
}

/// The table that is changed.
struct Changed {
    schema: SchemaRef,
    place: Place,
    /// What columns of it are qualified by.
    alias: Ident,
    /// Its name as it was written.
    parts: Vec<String>,
}

impl Changed {
    /// What is answered of the rows, if anything; whether the statement has other tables.
    fn returning(
        &self,
        items: Option<&[SelectItem]>,
        others: bool,
    ) -> SqlResult<Option<Returning>> {
        items
            .map(|items| Returning::new(items, &self.schema, &self.parts, &self.alias, others))
            .transpose()
    }
}

/// A statement as a query.
struct Change {
    changed: Changed,
    selected: Selected,
    matches: Matches,
    tag: &'static str,
    returning: Option<Returning>,
}

/// Runs a statement that changes rows, with the `WITH` clause that stood before it.
pub(super) async fn execute(
    session: &mut Session,
    statement: &Statement,
    with: Option<&With>,
    values: &[Value],
) -> SqlResult<Outcome> {
    for _ in 0..STATEMENT_RETRIES_MAX {
        let change = prepare(session, statement, with).await?;
        if matches!(change.changed.place, Place::Stored { .. }) {
            session.check_write(change.tag)?;
        }
        let plan = plan(session, &change).await?;
        let rows = query::assigned(with_values(plan, values)?, &change.selected, &change.changed)?;
        let rows = session.stream(rows).await?;
        match run(session, change, rows).await {
            // Inside a transaction nobody comes between; what fails there fails at its end.
            Err(error)
                if error.state == SqlState::SerializationFailure
                    && session.transaction.is_none() => {}
            done => return done,
        }
    }
    Err(SqlError::new(
        SqlState::SerializationFailure,
        "other writers of the table were faster each time",
    ))
}

/// Carries out a change whose query has these rows. What it answers of them is known before anything is
/// done: an error in that changes nothing.
async fn run(session: &mut Session, change: Change, rows: RowStream) -> SqlResult<Outcome> {
    let Rewritten { count, returned, end } = rewrite::write(session, &change, rows).await?;
    let Change { changed, tag, returning, .. } = change;
    let answer = match returning {
        Some(returning) => returning.answer(session, &changed.schema, returned).await?,
        None => Outcome::Done { tag: format!("{tag} {count}") },
    };
    match (end, changed.place) {
        (End::Nothing, _) => {}
        (End::Commit(updates), Place::Stored { written, .. }) => {
            commit(session, &written.address, *updates).await?;
        }
        (End::Put(table), Place::Temporary { name, .. }) => {
            session.temp.put(name, table);
            super::temp::end_of_statement(session);
        }
        (End::Commit(_) | End::Put(_), _) => {
            return Err(SqlError::new(SqlState::InternalError, "a change of another table"));
        }
    }
    Ok(answer)
}

/// The shape of a statement that changes rows.
pub(super) async fn describe(
    session: &mut Session,
    statement: &Statement,
    with: Option<&With>,
    hints: &[Option<DataType>],
) -> SqlResult<Description> {
    let change = prepare(session, statement, with).await?;
    let plan = plan(session, &change).await?;
    let hints = change.selected.hints(hints, &change.changed);
    let columns = match &change.returning {
        Some(returning) => Some(returning.columns(session, &change.changed.schema).await?),
        None => None,
    };
    Ok(Description { parameters: parameters(&plan, &hints)?, columns })
}

async fn prepare(
    session: &mut Session,
    statement: &Statement,
    with: Option<&With>,
) -> SqlResult<Change> {
    let mut change = match statement {
        Statement::Delete(delete) => delete::prepare(session, delete).await?,
        Statement::Update(update) => update::prepare(session, update).await?,
        Statement::Merge(merge) => merge::prepare(session, merge).await?,
        other => return Err(super::unsupported(other)),
    };
    change.selected.query.with = with.cloned();
    Ok(change)
}

/// Finds the table, and puts the key that stands for it in place of its name.
async fn target(session: &Session, factor: &TableFactor) -> SqlResult<(Changed, TableFactor)> {
    let TableFactor::Table {
        name,
        alias,
        args: None,
        with_hints,
        version: None,
        with_ordinality: false,
        partitions,
        json_path: None,
        sample: None,
        index_hints,
    } = factor
    else {
        return Err(SqlError::unsupported("changing rows of this"));
    };
    if !(with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty()) {
        return Err(SqlError::unsupported(format_args!("a clause after the table {name}")));
    }
    if alias.as_ref().is_some_and(|alias| !alias.columns.is_empty()) {
        return Err(SqlError::unsupported(
            "other names for the columns of a table that is changed",
        ));
    }
    let parts = parts_of(name)?;
    let (schema, place) = match super::temp::named(session, name)? {
        Some((name, table)) => (Arc::clone(table.schema()), Place::Temporary { name, table }),
        None => {
            let found = existing(session, name, false)?.ok_or_else(|| not_there(name))?;
            let written = table(session, &found).await?;
            let table = tables::table_of(session, &written.metadata, None)?.with_row_ids();
            let schema = Arc::clone(&written.schema);
            (schema, Place::Stored { written: Box::new(written), table: Box::new(table) })
        }
    };
    let alias = match alias {
        Some(alias) => Ident::with_quote('"', folded(&alias.name)),
        None => Ident::with_quote('"', parts.last().cloned().unwrap_or_default()),
    };
    let bound = stand_in(&alias);
    Ok((Changed { schema, place, alias, parts }, bound))
}

/// Plans the query of a change.
async fn plan(session: &mut Session, change: &Change) -> SqlResult<LogicalPlan> {
    let statement = Statement::Query(Box::new(change.selected.query.clone()));
    let changed = &change.changed;
    let provider: Arc<dyn TableProvider> = match &changed.place {
        Place::Stored { table, .. } => Arc::new(table.as_ref().clone()),
        Place::Temporary { table, .. } => table.with_row_ids()?,
    };
    let target = bind::Target { parts: changed.parts.clone(), alias: changed.alias.value.clone() };
    session.plan_over(statement, target, provider).await
}
