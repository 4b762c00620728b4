//! The rows of each relation.

mod columns;
mod fixed;
mod information;
mod relations;
mod schemas;

use super::layout::{INFORMATION_SCHEMA, Layout, PG_CATALOG};
use super::rows::{Rows, Value};
use super::table::Question;
use super::world::World;
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// The role that owns everything: who is connected.
pub(super) const OWNER_OID: i64 = 10;

/// A row, or part of one.
type Row<'a> = [(&'a str, Value)];

/// Adds the rows of a relation that answer a question.
///
/// # Errors
/// If states or metadata cannot be read.
pub(super) async fn fill(
    world: &World,
    layout: &Layout,
    question: &Question,
    rows: &mut Rows,
) -> SqlResult<()> {
    match (layout.schema, layout.name) {
        (PG_CATALOG, "pg_namespace") => schemas::pg_namespace(world, question, rows).await,
        (INFORMATION_SCHEMA, "schemata") => schemas::schemata(world, question, rows).await,
        (PG_CATALOG, "pg_database") => schemas::pg_database(world, rows).await,
        (PG_CATALOG, "pg_class") => relations::pg_class(world, question, rows).await,
        (PG_CATALOG, "pg_tables") => relations::pg_tables(world, question, rows).await,
        (PG_CATALOG, "pg_views") => relations::pg_views(world, question, rows).await,
        (PG_CATALOG, "pg_stat_all_tables" | "pg_stat_user_tables") => {
            relations::pg_stat_tables(world, question, rows).await
        }
        (PG_CATALOG, "pg_attribute") => columns::pg_attribute(world, question, rows).await,
        (PG_CATALOG, "pg_description") => columns::pg_description(world, question, rows).await,
        (INFORMATION_SCHEMA, "tables") => information::tables(world, question, rows).await,
        (INFORMATION_SCHEMA, "views") => information::views(world, question, rows).await,
        (INFORMATION_SCHEMA, "columns") => information::columns(world, question, rows).await,
        (INFORMATION_SCHEMA, "table_privileges" | "role_table_grants") => {
            information::table_privileges(world, question, rows).await
        }
        (INFORMATION_SCHEMA, "column_privileges" | "role_column_grants") => {
            information::column_privileges(world, question, rows).await
        }
        (schema, name) => {
            if fixed::fill(world, name, rows) {
                return Ok(());
            }
            Err(SqlError::new(
                SqlState::InternalError,
                format!("nothing says which rows {schema}.{name} has"),
            ))
        }
    }
}
