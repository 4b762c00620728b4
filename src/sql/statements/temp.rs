//! Statements about temporary tables. They change nothing but the session.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{CreateTable, ObjectName, OnCommit as Written, Statement};

use super::done;
use super::table::{already_there, defined, renamed};
use crate::sql::bind::parts_of;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::{Outcome, RowStream, TransactionStatus, Value};
use crate::sql::session::{Session, columns_of, with_values};
use crate::sql::temp::{NewRows, OnCommit, SCHEMA, TempTable};
use crate::sql::types;

/// Whether a temporary table is to be made.
///
/// # Errors
/// `InvalidTableDefinition` for one in another schema than `pg_temp`.
pub(super) fn is_wanted(create: &CreateTable) -> SqlResult<bool> {
    let parts = parts_of(&create.name)?;
    let inside = parts.len() > 1 && parts.get(parts.len() - 2).is_some_and(|s| s == SCHEMA);
    if create.temporary && parts.len() > 1 && !inside {
        return Err(SqlError::new(
            SqlState::InvalidTableDefinition,
            "cannot create temporary relation in non-temporary schema",
        ));
    }
    Ok(create.temporary || inside)
}

/// The temporary table that a statement means, under the name it is kept by.
pub(super) fn named(
    session: &Session,
    name: &ObjectName,
) -> SqlResult<Option<(String, Arc<TempTable>)>> {
    let parts = parts_of(name)?;
    let found = session.temp.find(&parts);
    Ok(found.map(|(name, table)| (name.to_owned(), Arc::clone(table))))
}

/// The temporary table that a statement means.
pub(super) fn find(session: &Session, name: &ObjectName) -> SqlResult<Option<Arc<TempTable>>> {
    Ok(named(session, name)?.map(|(_, table)| table))
}

/// `CREATE TEMP TABLE`
pub(super) async fn create(
    session: &mut Session,
    create: &CreateTable,
    values: &[Value],
) -> SqlResult<Outcome> {
    if create.partition_by.is_some() || !super::table::options(&create.table_options)?.is_empty() {
        return Err(SqlError::unsupported("a temporary table with partitions or properties"));
    }
    let on_commit = match create.on_commit {
        None | Some(Written::PreserveRows) => OnCommit::Preserve,
        Some(Written::DeleteRows) => OnCommit::DeleteRows,
        Some(Written::Drop) => OnCommit::Drop,
    };
    let name = parts_of(&create.name)?.pop().unwrap_or_default();
    super::columns::check_name(&name)?;
    if session.temp.find(std::slice::from_ref(&name)).is_some() {
        if create.if_not_exists {
            session.notice(format!("relation \"{name}\" already exists, skipping"));
            return done("CREATE TABLE");
        }
        return Err(already_there(&name));
    }
    let (table, tag) = match &create.query {
        None => {
            let defined = defined(session, create).await?;
            if defined.needs_notice() {
                session.notice(super::columns::KEY_NOTICE);
            }
            let table = TempTable::new(Arc::new(defined.columns), on_commit);
            (table, "CREATE TABLE".to_owned())
        }
        Some(query) => {
            let plan = session.plan(Statement::Query(query.clone())).await?;
            let plan = with_values(plan, values)?;
            let plan = types::storable(renamed(plan, create)?)?;
            let schema = Arc::new(types::nullable(&columns_of(&plan)));
            let rows = session.stream(plan).await?;
            let rows = collect(session, &schema, rows).await?;
            let count = rows.count();
            (TempTable::new(schema, on_commit).with(rows), format!("SELECT {count}"))
        }
    };
    session.temp.put(name, table);
    end_of_statement(session);
    done(&tag)
}

/// Outside of a transaction a statement is one, so that `ON COMMIT` holds at its end.
pub(super) fn end_of_statement(session: &mut Session) {
    if session.transaction() == TransactionStatus::Idle {
        session.temp.commit();
    }
}

/// Takes in rows for a table of these columns.
pub(super) async fn collect(
    session: &Session,
    schema: &arrow::datatypes::SchemaRef,
    rows: RowStream,
) -> SqlResult<NewRows> {
    let pool = session.engine.memory_pool();
    session.temp.collect(&pool, schema, rows).await
}

/// `TRUNCATE temporary-table`
pub(super) fn truncate(
    session: &mut Session,
    name: String,
    table: &TempTable,
) -> SqlResult<Outcome> {
    session.temp.put(name, table.emptied());
    done("TRUNCATE TABLE")
}

/// `ALTER TABLE temporary-table RENAME TO name`
pub(super) fn rename(session: &mut Session, from: &str, to: &ObjectName) -> SqlResult<Outcome> {
    let parts = parts_of(to)?;
    let [to] = parts.as_slice() else {
        return Err(SqlError::syntax("the new name of a table has no schema: it stays in its own"));
    };
    super::columns::check_name(to)?;
    if let Some((there, _)) = session.temp.find(&parts)
        && there != from
    {
        return Err(already_there(to));
    }
    if let Some(table) = session.temp.remove(from) {
        session.temp.put(to.clone(), table.as_ref().clone());
    }
    done("ALTER TABLE")
}
