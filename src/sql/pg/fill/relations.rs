//! Tables and views.

use super::{OWNER_OID, Row};
use crate::sql::error::SqlResult;
use crate::sql::pg::details::Details;
use crate::sql::pg::need::Need;
use crate::sql::pg::rows::{Rows, Value};
use crate::sql::pg::table::Question;
use crate::sql::pg::world::{Item, World};

/// Columns of `pg_class` that only the metadata of a table tells.
const DESCRIBED: [&str; 3] = ["relnatts", "reltuples", "relpages"];
/// Bytes of what PostgreSQL calls a page.
const PAGE: i64 = 8192;

/// Items with their details where these are read, and with empty ones where not.
pub(super) async fn items(
    world: &World,
    need: &Need,
    question: &Question,
    described: bool,
) -> SqlResult<Vec<(Item, Details)>> {
    let items = world.items(need, &question.named).await?;
    if described {
        return world.described(items).await;
    }
    Ok(items.into_iter().map(|item| (item, Details::default())).collect())
}

pub(super) async fn pg_class(world: &World, question: &Question, rows: &mut Rows) -> SqlResult<()> {
    let described = rows.reads(&DESCRIBED);
    let constant = constant();
    for (item, details) in items(world, &question.need, question, described).await? {
        let view = item.is_view();
        let pages = details.bytes.map(|bytes| bytes.saturating_add(PAGE - 1) / PAGE);
        let row: &Row<'_> = &[
            ("oid", world.oid(&item).into()),
            ("relname", item.name().into()),
            ("relnamespace", world.schema_oid(&item.schema).into()),
            ("relkind", if view { "v" } else { "r" }.into()),
            ("relam", if view { 0 } else { super::fixed::TABLE_ACCESS }.into()),
            ("relnatts", i64::try_from(details.columns.len()).ok().into()),
            ("relpages", pages.into()),
            ("reltuples", details.rows.map_or(Value::Real(-1.0), real)),
            ("relpersistence", if item.temporary.is_some() { "t" } else { "p" }.into()),
            ("relreplident", if view { "n" } else { "d" }.into()),
        ];
        rows.push(row, &constant);
    }
    Ok(())
}

/// A count, as the planner of PostgreSQL keeps it.
fn real(count: i64) -> Value {
    // Beyond 2^53 the number is near enough for an estimate.
    let parts = [count / (1 << 31), count % (1 << 31)];
    let [high, low] = parts.map(|part| i32::try_from(part).map_or(0.0, f64::from));
    Value::Real(high.mul_add(f64::from(1_u32 << 31), low))
}

fn constant() -> Vec<(&'static str, Value)> {
    let zeros = [
        "reltype",
        "reloftype",
        "relfilenode",
        "reltablespace",
        "relallvisible",
        "reltoastrelid",
        "relchecks",
        "relrewrite",
        "relfrozenxid",
        "relminmxid",
    ];
    let no = [
        "relhasindex",
        "relisshared",
        "relhasrules",
        "relhastriggers",
        "relhassubclass",
        "relrowsecurity",
        "relforcerowsecurity",
        "relispartition",
    ];
    let mut constant = vec![("relowner", OWNER_OID.into()), ("relispopulated", true.into())];
    constant.extend(zeros.map(|name| (name, Value::Int(0))));
    constant.extend(no.map(|name| (name, Value::Bool(false))));
    constant
}

pub(super) async fn pg_tables(
    world: &World,
    question: &Question,
    rows: &mut Rows,
) -> SqlResult<()> {
    let constant = ["hasindexes", "hasrules", "hastriggers", "rowsecurity"]
        .map(|name| (name, Value::Bool(false)));
    for item in world.items(&question.need, &question.named).await? {
        if item.is_view() {
            continue;
        }
        let row: &Row<'_> = &[
            ("schemaname", item.schema.name.as_str().into()),
            ("tablename", item.name().into()),
            ("tableowner", world.ctx.actor.as_str().into()),
        ];
        rows.push(row, &constant);
    }
    Ok(())
}

pub(super) async fn pg_views(world: &World, question: &Question, rows: &mut Rows) -> SqlResult<()> {
    let mut items = world.items(&question.need, &question.named).await?;
    items.retain(Item::is_view);
    let items = if rows.reads(&["definition"]) {
        world.described(items).await?
    } else {
        items.into_iter().map(|item| (item, Details::default())).collect()
    };
    for (item, details) in items {
        let row: &Row<'_> = &[
            ("schemaname", item.schema.name.as_str().into()),
            ("viewname", item.name().into()),
            ("viewowner", world.ctx.actor.as_str().into()),
            ("definition", details.query.into()),
        ];
        rows.push(row, &[]);
    }
    Ok(())
}

/// What is counted of tables: rows. Accesses are not counted.
pub(super) async fn pg_stat_tables(
    world: &World,
    question: &Question,
    rows: &mut Rows,
) -> SqlResult<()> {
    let described = rows.reads(&["n_live_tup"]);
    for (item, details) in items(world, &question.need, question, described).await? {
        if item.is_view() {
            continue;
        }
        let row: &Row<'_> = &[
            ("relid", world.oid(&item).into()),
            ("schemaname", item.schema.name.as_str().into()),
            ("relname", item.name().into()),
            ("n_live_tup", details.rows.into()),
        ];
        rows.push(row, &[]);
    }
    Ok(())
}
