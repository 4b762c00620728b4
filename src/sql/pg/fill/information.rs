//! Tables, views and columns as the SQL standard describes them.

use super::Row;
use super::relations::items;
use crate::sql::error::SqlResult;
use crate::sql::pg::details::{Column, Details};
use crate::sql::pg::rows::{Rows, Value};
use crate::sql::pg::table::Question;
use crate::sql::pg::types;
use crate::sql::pg::world::{Item, World};

pub(super) async fn tables(world: &World, question: &Question, rows: &mut Rows) -> SqlResult<()> {
    let database = world.names.database();
    for item in world.items(&question.need, &question.named).await? {
        let view = item.is_view();
        let row: &Row<'_> = &[
            ("table_catalog", database.as_str().into()),
            ("table_schema", item.schema.name.as_str().into()),
            ("table_name", item.name().into()),
            ("table_type", kind(&item).into()),
            ("is_insertable_into", yes(!view)),
            ("is_typed", yes(false)),
        ];
        rows.push(row, &[]);
    }
    Ok(())
}

fn kind(item: &Item) -> &'static str {
    match (item.is_view(), &item.temporary) {
        (true, _) => "VIEW",
        (false, Some(_)) => "LOCAL TEMPORARY",
        (false, None) => "BASE TABLE",
    }
}

pub(super) async fn views(world: &World, question: &Question, rows: &mut Rows) -> SqlResult<()> {
    let database = world.names.database();
    let mut found = world.items(&question.need, &question.named).await?;
    found.retain(Item::is_view);
    let found = if rows.reads(&["view_definition"]) {
        world.described(found).await?
    } else {
        found.into_iter().map(|item| (item, Details::default())).collect()
    };
    for (item, details) in found {
        let row: &Row<'_> = &[
            ("table_catalog", database.as_str().into()),
            ("table_schema", item.schema.name.as_str().into()),
            ("table_name", item.name().into()),
            ("view_definition", details.query.into()),
            ("check_option", "NONE".into()),
            ("is_updatable", yes(false)),
            ("is_insertable_into", yes(false)),
            ("is_trigger_updatable", yes(false)),
            ("is_trigger_deletable", yes(false)),
            ("is_trigger_insertable_into", yes(false)),
        ];
        rows.push(row, &[]);
    }
    Ok(())
}

pub(super) async fn columns(world: &World, question: &Question, rows: &mut Rows) -> SqlResult<()> {
    let database = world.names.database();
    for (item, details) in items(world, &question.need, question, true).await? {
        for column in &details.columns {
            let mut row = of_type(column);
            let text = |text: &str| Value::from(text);
            row.extend([
                ("table_catalog", text(&database)),
                ("table_schema", text(&item.schema.name)),
                ("table_name", text(item.name())),
                ("column_name", text(&column.name)),
                ("ordinal_position", column.number.into()),
                ("is_nullable", yes(!column.not_null)),
                ("udt_catalog", text(&database)),
                ("udt_schema", text("pg_catalog")),
                ("dtd_identifier", column.number.to_string().into()),
                ("is_self_referencing", yes(false)),
                ("is_identity", yes(false)),
                ("identity_cycle", yes(false)),
                ("is_generated", text("NEVER")),
                ("is_updatable", yes(!item.is_view())),
            ]);
            rows.push(&row, &[]);
        }
    }
    Ok(())
}

/// What a column's type says.
fn of_type(column: &Column) -> Vec<(&'static str, Value)> {
    let kind = types::find(column.type_oid);
    let name = kind.map_or("text", |kind| kind.name.as_str());
    let shown = match kind {
        Some(kind) if kind.input == "array_in" => "ARRAY".to_owned(),
        _ => types::shown(column.type_oid, None),
    };
    let mut row = vec![("data_type", shown.into()), ("udt_name", Value::from(name))];
    let mut number = |precision: i64, radix: i64, scale: Option<i64>| {
        row.push(("numeric_precision", precision.into()));
        row.push(("numeric_precision_radix", radix.into()));
        row.push(("numeric_scale", scale.into()));
    };
    match name {
        "int2" => number(16, 2, Some(0)),
        "int4" => number(32, 2, Some(0)),
        "int8" => number(64, 2, Some(0)),
        "float4" => number(24, 2, None),
        "float8" => number(53, 2, None),
        "numeric" if column.modifier >= 4 => {
            let packed = column.modifier - 4;
            number((packed >> 16) & 0xffff, 10, Some(packed & 0x7ff));
        }
        "date" => row.push(("datetime_precision", 0.into())),
        "time" | "timestamp" | "timestamptz" => row.push(("datetime_precision", 6.into())),
        "text" => row.push(("character_octet_length", (1 << 30).into())),
        _ => {}
    }
    row
}

/// What the owner, which is who asks, may do.
const TABLE: [&str; 5] = ["DELETE", "INSERT", "SELECT", "TRUNCATE", "UPDATE"];
const VIEW: [&str; 1] = ["SELECT"];
const COLUMN: [&str; 3] = ["INSERT", "SELECT", "UPDATE"];

pub(super) async fn table_privileges(
    world: &World,
    question: &Question,
    rows: &mut Rows,
) -> SqlResult<()> {
    for item in world.items(&question.need, &question.named).await? {
        let allowed: &[&str] = if item.is_view() { &VIEW } else { &TABLE };
        for privilege in allowed {
            let mut row = granted(world, &item, privilege);
            row.push(("with_hierarchy", yes(*privilege == "SELECT")));
            rows.push(&row, &[]);
        }
    }
    Ok(())
}

pub(super) async fn column_privileges(
    world: &World,
    question: &Question,
    rows: &mut Rows,
) -> SqlResult<()> {
    for (item, details) in items(world, &question.need, question, true).await? {
        let allowed: &[&str] = if item.is_view() { &VIEW } else { &COLUMN };
        for column in &details.columns {
            for privilege in allowed {
                let mut row = granted(world, &item, privilege);
                row.push(("column_name", column.name.as_str().into()));
                rows.push(&row, &[]);
            }
        }
    }
    Ok(())
}

fn granted(world: &World, item: &Item, privilege: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("grantor", world.ctx.actor.as_str().into()),
        ("grantee", world.ctx.actor.as_str().into()),
        ("table_catalog", world.names.database().into()),
        ("table_schema", item.schema.name.as_str().into()),
        ("table_name", item.name().into()),
        ("privilege_type", privilege.into()),
        ("is_grantable", yes(true)),
    ]
}

fn yes(value: bool) -> Value {
    if value { "YES" } else { "NO" }.into()
}
