//! Statements that change rows of a table: `DELETE`, `UPDATE`, `MERGE INTO`.
//!
//! Each is planned as a query over the table with row identities: which rows go, and which come in their
//! place. Files that hold rows that go are written again without them (copy-on-write), and one snapshot
//! takes the place of the old. The planner never sees the statement itself. If another commit to the table
//! comes between, the statement runs again from the start.

mod delete;
mod merge;
pub(super) mod query;
mod rewrite;
mod update;

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{Ident, Statement, TableAlias, TableFactor, With};

use self::query::Selected;
use super::rows::{Written, table};
use super::schema::existing;
use crate::base::limits::STATEMENT_RETRIES_MAX;
use crate::sql::bind::{self, TARGET, folded, parts_of};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::{Description, Outcome, Value};
use crate::sql::scan::provider::IcebergTable;
use crate::sql::session::{Session, parameters, with_values};
use crate::sql::tables;

/// What is done with a row of the query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Action {
    /// The row of the table goes.
    Delete,
    /// It goes, and a new one comes.
    Update,
    /// A new one comes.
    Insert,
}

/// What a row of the table may meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Matches {
    /// One row that changes it; another is an error.
    One,
    /// Any: the first counts.
    First,
}

/// The table that is changed.
struct Changed {
    written: Written,
    table: IcebergTable,
    /// What columns of it are qualified by.
    alias: Ident,
    /// Its name as it was written.
    parts: Vec<String>,
}

/// A statement as a query.
struct Change {
    changed: Changed,
    selected: Selected,
    matches: Matches,
    tag: &'static str,
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
        session.check_write(change.tag)?;
        let tag = change.tag;
        let plan = plan(session, &change).await?;
        let rows = query::assigned(with_values(plan, values)?, &change.selected, &change.changed)?;
        let rows = session.stream(rows).await?;
        match rewrite::run(session, change, rows).await {
            Ok(count) => return super::done(&format!("{tag} {count}")),
            // Inside a transaction nobody comes between; what fails there fails at its end.
            Err(error)
                if error.state == SqlState::SerializationFailure
                    && session.transaction.is_none() => {}
            Err(error) => return Err(error),
        }
    }
    Err(SqlError::new(
        SqlState::SerializationFailure,
        "other writers of the table were faster each time",
    ))
}

/// The parameters of a statement that changes rows.
pub(super) async fn describe(
    session: &mut Session,
    statement: &Statement,
    with: Option<&With>,
    hints: &[Option<DataType>],
) -> SqlResult<Description> {
    let change = prepare(session, statement, with).await?;
    let plan = plan(session, &change).await?;
    let hints = change.selected.hints(hints, &change.changed);
    Ok(Description { parameters: parameters(&plan, &hints)?, columns: None })
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
    let found = existing(session, name, false)?.ok_or_else(|| {
        SqlError::new(SqlState::UndefinedTable, format!("relation \"{name}\" does not exist"))
    })?;
    let written = table(session, &found).await?;
    let table = tables::table_of(session, &written.metadata, None)?.with_row_ids();
    let alias = match alias {
        Some(alias) => Ident::with_quote('"', folded(&alias.name)),
        None => Ident::with_quote('"', parts.last().cloned().unwrap_or_default()),
    };
    let bound = TableFactor::Table {
        name: vec![Ident::with_quote('"', TARGET)].into(),
        alias: Some(TableAlias { explicit: true, name: alias.clone(), columns: Vec::new() }),
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    };
    Ok((Changed { written, table, alias, parts }, bound))
}

/// Plans the query of a change.
async fn plan(session: &mut Session, change: &Change) -> SqlResult<LogicalPlan> {
    let statement = Statement::Query(Box::new(change.selected.query.clone()));
    let changed = &change.changed;
    let provider: Arc<dyn TableProvider> = Arc::new(changed.table.clone());
    let target = bind::Target { parts: changed.parts.clone(), alias: changed.alias.value.clone() };
    session.plan_over(statement, target, provider).await
}
