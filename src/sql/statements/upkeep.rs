//! Statements by which PostgreSQL's users look after their tables: what there is to do for them here.

use datafusion::sql::sqlparser::ast::{Analyze, ObjectType, Statement};

use super::schema::existing;
use super::{done, not_there, temp};
use crate::sql::error::{SqlError, SqlResult};
use crate::sql::outcome::Outcome;
use crate::sql::session::Session;

/// `ANALYZE [table]`: the statistics that queries are planned by are written with every file, so that they
/// are there already. The table has to be.
pub(super) fn analyze(session: &Session, analyze: &Analyze) -> SqlResult<Outcome> {
    if analyze.partitions.is_some()
        || analyze.for_columns
        || analyze.cache_metadata
        || analyze.noscan
        || analyze.compute_statistics
    {
        return Err(SqlError::unsupported("this form of ANALYZE"));
    }
    if let Some(name) = &analyze.table_name
        && temp::find(session, name)?.is_none()
        && existing(session, name, false)?.is_none()
    {
        return Err(not_there(name));
    }
    done("ANALYZE")
}

/// What to do instead of a statement that is not carried out.
pub(super) fn instead_of(statement: &Statement) -> Option<&'static str> {
    Some(match statement {
        Statement::CreateIndex(_) | Statement::Drop { object_type: ObjectType::Index, .. } => {
            "tables have no indexes: files are skipped by partitions and by the bounds of their columns"
        }
        Statement::Vacuum(_) => "nothing is left behind in a table that queries would read",
        Statement::Grant(_) | Statement::Revoke(_) => {
            "rules of access are not a part of SQL here yet"
        }
        _ => return None,
    })
}
