//! The tables of `COPY`: where rows go, and putting them there.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::sql::sqlparser::ast::ObjectName;

use super::rows::{self, Written};
use super::schema::existing;
use super::{not_there, temp};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::RowStream;
use crate::sql::session::Session;
use crate::sql::temp::TempTable;
use crate::version::content::ContentKind;

/// A table that rows are copied into.
pub(in crate::sql) enum CopyTarget {
    /// One of the catalog.
    Stored(Box<Written>),
    /// One of the session.
    Temporary(String, Arc<TempTable>),
}

impl CopyTarget {
    /// Its columns.
    pub(in crate::sql) fn schema(&self) -> SchemaRef {
        match self {
            Self::Stored(written) => Arc::clone(&written.schema),
            Self::Temporary(_, table) => Arc::clone(table.schema()),
        }
    }
}

/// Finds the table that rows are copied into.
pub(in crate::sql) async fn copy_target(
    session: &Session,
    name: &ObjectName,
) -> SqlResult<CopyTarget> {
    if let Some((name, table)) = temp::named(session, name)? {
        return Ok(CopyTarget::Temporary(name, table));
    }
    session.check_write("COPY")?;
    let target = existing(session, name, false)?.ok_or_else(|| not_there(name))?;
    if target.relation.kind == ContentKind::View {
        return Err(SqlError::new(
            SqlState::WrongObjectType,
            format!("cannot copy to view \"{}\"", target.relation.path.join(".")),
        ));
    }
    Ok(CopyTarget::Stored(Box::new(rows::table(session, &target).await?)))
}

/// Refuses what `COPY … TO` does not read by its name.
pub(in crate::sql) fn check_copied(session: &Session, name: &ObjectName) -> SqlResult<()> {
    if temp::named(session, name)?.is_some() {
        return Ok(());
    }
    let target = existing(session, name, false)?.ok_or_else(|| not_there(name))?;
    if target.relation.kind == ContentKind::View {
        return Err(SqlError::new(
            SqlState::WrongObjectType,
            format!("cannot copy from view \"{}\"", target.relation.path.join(".")),
        )
        .with_hint("Try the COPY (SELECT ...) TO variant."));
    }
    Ok(())
}

/// Puts rows into a table, in one commit; answers how many.
pub(in crate::sql) async fn copy_rows(
    session: &mut Session,
    target: CopyTarget,
    schema: &SchemaRef,
    rows: RowStream,
) -> SqlResult<u64> {
    match target {
        CopyTarget::Stored(written) => rows::append(session, &written, rows).await,
        CopyTarget::Temporary(name, table) => {
            let new = temp::collect(session, schema, rows).await?;
            let count = u64::try_from(new.count()).unwrap_or(u64::MAX);
            session.temp.put(name, table.with(new));
            Ok(count)
        }
    }
}
