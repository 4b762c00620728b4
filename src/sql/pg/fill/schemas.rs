//! Schemas and databases.

use super::{OWNER_OID, Row};
use crate::base::limits::PAGE_ITEMS_MAX;
use crate::base::page::PageRequest;
use crate::sql::error::SqlResult;
use crate::sql::pg::oids::Named;
use crate::sql::pg::rows::{Rows, Value};
use crate::sql::pg::table::Question;
use crate::sql::pg::world::World;

pub(super) async fn pg_namespace(
    world: &World,
    question: &Question,
    rows: &mut Rows,
) -> SqlResult<()> {
    let with_oid = rows.reads(&["oid"]);
    let wanted = question.need.schemas_by_oid();
    for schema in world.schemas(&question.need, &question.named).await? {
        let oid = if with_oid { world.schema_oid(&schema) } else { 0 };
        if with_oid && wanted.as_ref().is_some_and(|wanted| !wanted.contains(&oid)) {
            continue;
        }
        let row: &Row<'_> = &[
            ("oid", oid.into()),
            ("nspname", schema.name.as_str().into()),
            ("nspowner", OWNER_OID.into()),
        ];
        rows.push(row, &[]);
    }
    Ok(())
}

pub(super) async fn schemata(world: &World, question: &Question, rows: &mut Rows) -> SqlResult<()> {
    let database = world.names.database();
    for schema in world.schemas(&question.need, &question.named).await? {
        let row: &Row<'_> = &[
            ("catalog_name", database.as_str().into()),
            ("schema_name", schema.name.as_str().into()),
            ("schema_owner", world.ctx.actor.as_str().into()),
        ];
        rows.push(row, &[]);
    }
    Ok(())
}

/// One row for each warehouse, and one for the ref view that this session is in.
pub(super) async fn pg_database(world: &World, rows: &mut Rows) -> SqlResult<()> {
    let mut names = Vec::new();
    let mut page = PageRequest { limit: PAGE_ITEMS_MAX, after: None };
    loop {
        let found = world.catalog.warehouse_list(&world.ctx, &page).await?;
        names.extend(found.items.into_iter().map(|warehouse| warehouse.name.to_string()));
        match found.next {
            Some(next) => page.after = Some(next),
            None => break,
        }
    }
    let own = world.names.database();
    if !names.contains(&own) {
        names.push(own);
    }
    let constant = constant();
    for name in names {
        let named = Named { database: name.clone(), schema: String::new(), relation: None };
        let row: &Row<'_> =
            &[("oid", world.shared.oids.of(named).into()), ("datname", name.into())];
        rows.push(row, &constant);
    }
    Ok(())
}

fn constant() -> Vec<(&'static str, Value)> {
    vec![
        ("datdba", OWNER_OID.into()),
        ("encoding", 6.into()),
        ("datlocprovider", "c".into()),
        ("datistemplate", false.into()),
        ("datallowconn", true.into()),
        ("datconnlimit", (-1).into()),
        ("datfrozenxid", 0.into()),
        ("datminmxid", 0.into()),
        ("dattablespace", super::fixed::DEFAULT_TABLESPACE.into()),
        ("datcollate", "C".into()),
        ("datctype", "C".into()),
    ]
}
