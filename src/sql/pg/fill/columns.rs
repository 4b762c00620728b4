//! Columns, and comments on tables and columns.

use super::Row;
use crate::sql::error::SqlResult;
use crate::sql::pg::layout::{PG_CATALOG, find};
use crate::sql::pg::rows::{Rows, Value};
use crate::sql::pg::table::Question;
use crate::sql::pg::types;
use crate::sql::pg::world::World;

pub(super) async fn pg_attribute(
    world: &World,
    question: &Question,
    rows: &mut Rows,
) -> SqlResult<()> {
    let constant = constant();
    for (item, details) in super::relations::items(world, &question.need, question, true).await? {
        let oid = world.oid(&item);
        for column in details.columns {
            let kind = types::find(column.type_oid);
            let text = |of: fn(&types::PgType) -> &str| kind.map(of);
            let row: &Row<'_> = &[
                ("attrelid", oid.into()),
                ("attname", column.name.into()),
                ("atttypid", column.type_oid.into()),
                ("atttypmod", column.modifier.into()),
                ("attnum", column.number.into()),
                ("attnotnull", column.not_null.into()),
                ("attlen", kind.map(|kind| kind.length).into()),
                ("attbyval", kind.map(|kind| kind.by_value).into()),
                ("attalign", text(|kind| &kind.align).into()),
                ("attstorage", text(|kind| &kind.storage).into()),
                ("attcollation", kind.map(|kind| kind.collation).into()),
                ("attndims", kind.map(|kind| i64::from(kind.category == "A")).into()),
            ];
            rows.push(row, &constant);
        }
    }
    Ok(())
}

fn constant() -> Vec<(&'static str, Value)> {
    vec![
        ("attstattarget", (-1).into()),
        ("attcacheoff", (-1).into()),
        ("attcompression", "".into()),
        ("atthasdef", false.into()),
        ("atthasmissing", false.into()),
        ("attidentity", "".into()),
        ("attgenerated", "".into()),
        ("attisdropped", false.into()),
        ("attislocal", true.into()),
        ("attinhcount", 0.into()),
    ]
}

pub(super) async fn pg_description(
    world: &World,
    question: &Question,
    rows: &mut Rows,
) -> SqlResult<()> {
    let class = find(PG_CATALOG, "pg_class").map_or(0, |layout| layout.oid);
    for (item, details) in super::relations::items(world, &question.need, question, true).await? {
        let oid = world.oid(&item);
        let comments = [(0, details.comment)]
            .into_iter()
            .chain(details.columns.into_iter().map(|column| (column.number, column.comment)));
        for (number, comment) in comments {
            let Some(comment) = comment else { continue };
            let row: &Row<'_> = &[
                ("objoid", oid.into()),
                ("classoid", class.into()),
                ("objsubid", number.into()),
                ("description", comment.into()),
            ];
            rows.push(row, &[]);
        }
    }
    Ok(())
}
