//! Rows that a client sends as such, not as a statement, into one table.
//!
//! They are planned like the rows of a query, so that they meet the same casts and the same refusals as an
//! `INSERT` or a `CREATE TABLE … AS`.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::datasource::provider_as_source;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use parking_lot::Mutex;

use super::schema::{existing, new_name, stored};
use super::{rows, table, wrong_kind};
use crate::sql::door::{IfMissing, IfThere, Ingest};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::names::Target;
use crate::sql::outcome::RowStream;
use crate::sql::session::Session;
use crate::version::content::ContentKind;

/// Puts rows into a table; answers how many.
pub(in crate::sql) async fn ingest(
    session: &mut Session,
    ingest: &Ingest,
    rows: RowStream,
) -> SqlResult<u64> {
    session.check_write("ingestion")?;
    let parts = ingest.schema.iter().chain([&ingest.table]);
    let name = ObjectName::from(parts.map(ident).collect::<Vec<_>>());
    let plan = plan_of(&ingest.columns, rows)?;
    let shown = name.to_string();
    let Some(target) = existing(session, &name, true)? else {
        if ingest.if_missing == IfMissing::Fail {
            return Err(SqlError::new(
                SqlState::UndefinedTable,
                format!("relation {shown} does not exist"),
            ));
        }
        let (levels, name) = new_name(session, &name)?;
        return table::create_from(session, (&levels, &name), plan).await;
    };
    match ingest.if_there {
        IfThere::Fail => {
            Err(SqlError::new(SqlState::DuplicateTable, format!("relation {shown} already exists")))
        }
        IfThere::Append => {
            let written = rows::table(session, &target).await?;
            let named: Vec<Ident> =
                ingest.columns.fields().iter().map(|field| ident(field.name())).collect();
            let plan = rows::assigned(plan, &named, &written.schema)?;
            let stream = session.stream(plan).await?;
            rows::append(session, &written, stream).await
        }
        IfThere::Replace => {
            if target.relation.kind != ContentKind::Table {
                return Err(wrong_kind(&shown, "table"));
            }
            // Both in one commit, that of a transaction if there is one.
            session.begin_group();
            let made = replace(session, &target, plan).await;
            if made.is_ok() {
                session.end_group().await?;
            }
            made
        }
    }
}

/// Drops a table and makes another one in its place, under the name as it was.
async fn replace(session: &mut Session, target: &Target, plan: LogicalPlan) -> SqlResult<u64> {
    let (levels, name) = stored(session, target);
    let catalog = Arc::clone(session.catalog());
    let scope = session.names.scope.clone();
    catalog.content_drop(&session.ctx, &scope, &levels, &name, ContentKind::Table).await?;
    table::create_from(session, (&levels, &name), plan).await
}

fn ident(name: &String) -> Ident {
    Ident::with_quote('"', name)
}

/// A plan that reads the rows, once.
fn plan_of(columns: &SchemaRef, rows: RowStream) -> SqlResult<LogicalPlan> {
    let once = Once { columns: Arc::clone(columns), rows: Mutex::new(Some(rows)) };
    let table = StreamingTable::try_new(Arc::clone(columns), vec![Arc::new(once)])?;
    Ok(LogicalPlanBuilder::scan("rows", provider_as_source(Arc::new(table)), None)?.build()?)
}

/// Rows that can be read once.
struct Once {
    columns: SchemaRef,
    rows: Mutex<Option<RowStream>>,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.columns
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().take().unwrap_or_else(|| {
            let again = SqlError::new(SqlState::InternalError, "rows were asked for twice");
            stream::iter([Err(again)]).boxed()
        });
        let rows = rows.map_err(DataFusionError::from);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.columns), rows))
    }
}
