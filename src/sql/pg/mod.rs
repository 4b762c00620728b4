//! `pg_catalog` and `information_schema`: what clients of PostgreSQL ask a database about itself.
//!
//! A relation is a table whose rows are made when it is scanned, from the states that the statement names.
//! - What a statement asks of a relation ([`need`]) comes from its conditions, those on relations it is joined
//!   with included ([`narrow`]); nothing else is listed ([`schemas`], [`items`]). An unfiltered list shows what DESIGN section 3 says.
//! - OIDs are handed out as names are listed and lead back to them ([`oids`]).
//! - Relations about things that are not here (indexes, triggers, …) have PostgreSQL's columns and no rows.
//!   Queries on them are cut short before they are planned ([`rewrite`]), which also turns what only
//!   PostgreSQL has (`OPERATOR(pg_catalog.~)`, `::regclass`) into what the planner knows.
//!
//! Knows no protocol and writes nothing. A shape that cannot be carried out is an error.

mod details;
mod empty;
mod fill;
mod functions;
mod items;
mod layout;
mod narrow;
mod need;
mod oids;
mod pattern;
mod rewrite;
mod rows;
mod schemas;
mod table;
mod types;
mod wildcard;
mod world;

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use parking_lot::Mutex;

use self::table::PgTable;
use self::world::World;
use super::bind::Source;
use super::error::{SqlError, SqlResult, SqlState};
use super::names::Pins;
use super::session::Session;
use super::settings;

pub(super) use self::functions::register;
pub(super) use self::narrow::Narrow;
pub(super) use self::rewrite::rewrite;
pub(super) use self::world::Shared;

/// Finds a relation of the two schemas; `None` for a name outside of them.
///
/// # Errors
/// `UndefinedTable` for a name that they do not have.
pub(super) fn find(
    session: &Session,
    pins: &Pins,
    source: &Source,
) -> SqlResult<Option<Arc<dyn TableProvider>>> {
    let parts = session.names.without_database(session.catalog(), &source.parts)?;
    let Some((schema, name)) = layout::named(parts) else { return Ok(None) };
    let (Some(layout), None) = (layout::find(schema, name), &source.arguments) else {
        return Err(SqlError::new(
            SqlState::UndefinedTable,
            format!("relation \"{schema}.{name}\" does not exist"),
        ));
    };
    if source.at.is_some() {
        return Err(SqlError::unsupported(format_args!("reading {schema}.{name} at a version")));
    }
    Ok(Some(Arc::new(PgTable::new(layout, world(session, pins)))))
}

/// What a session sees.
fn world(session: &Session, pins: &Pins) -> Arc<World> {
    Arc::new(World {
        catalog: Arc::clone(session.catalog()),
        shared: Arc::clone(&session.engine.pg),
        ctx: session.ctx.clone(),
        names: session.names.clone(),
        settings: settings::all(session),
        cursors: session
            .cursors
            .iter()
            .map(|(name, cursor)| (name.to_owned(), Arc::clone(cursor.about())))
            .collect(),
        prepared: Arc::clone(&session.prepared),
        temporary: session
            .temp
            .iter()
            .map(|(name, table)| (name.to_owned(), Arc::clone(table.schema())))
            .collect(),
        pins: Mutex::new(pins.clone()),
        refs: Mutex::default(),
    })
}
