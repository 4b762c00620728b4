//! Relations whose rows do not depend on what a warehouse holds.

use super::{OWNER_OID, Row};
use crate::sql::operators::type_name;
use crate::sql::pg::rows::{Rows, Value};
use crate::sql::pg::types;
use crate::sql::pg::world::{PG_CATALOG_OID, World};

/// The OID of the tablespace that everything is in.
pub(super) const DEFAULT_TABLESPACE: i64 = 1663;
/// The OID of the access method of tables.
pub(super) const TABLE_ACCESS: i64 = 2;

/// Adds the rows of one of them; `false` for another relation.
pub(super) fn fill(world: &World, name: &str, rows: &mut Rows) -> bool {
    match name {
        "pg_type" => pg_type(rows),
        "pg_am" => {
            let row: &Row<'_> = &[
                ("oid", TABLE_ACCESS.into()),
                ("amname", "iceberg".into()),
                ("amhandler", "-".into()),
                ("amtype", "t".into()),
            ];
            rows.push(row, &[]);
        }
        "pg_tablespace" => {
            let row: &Row<'_> = &[
                ("oid", DEFAULT_TABLESPACE.into()),
                ("spcname", "pg_default".into()),
                ("spcowner", OWNER_OID.into()),
            ];
            rows.push(row, &[]);
        }
        "pg_collation" => pg_collation(rows),
        "pg_roles" | "pg_authid" => role(world, rows),
        "pg_user" => user(world, rows),
        "pg_settings" => pg_settings(world, rows),
        "pg_cursors" => pg_cursors(world, rows),
        "pg_prepared_statements" => pg_prepared_statements(world, rows),
        "pg_stat_activity" => pg_stat_activity(world, rows),
        "applicable_roles" => {}
        "enabled_roles" => rows.push(&[("role_name", world.ctx.actor.as_str().into())], &[]),
        "information_schema_catalog_name" => {
            rows.push(&[("catalog_name", world.names.database().into())], &[]);
        }
        "character_sets" => character_sets(world, rows),
        "collations" => collations(world, rows),
        _ => return false,
    }
    true
}

fn pg_type(rows: &mut Rows) {
    for kind in types::all() {
        let (input, array) = (kind.input.as_str(), kind.input == "array_in");
        let function = |suffix: &str| {
            let stem = input.strip_suffix("in").unwrap_or(input);
            Value::Text(format!("{stem}{suffix}"))
        };
        let row: &Row<'_> = &[
            ("oid", kind.oid.into()),
            ("typname", kind.name.as_str().into()),
            ("typnamespace", PG_CATALOG_OID.into()),
            ("typowner", OWNER_OID.into()),
            ("typlen", kind.length.into()),
            ("typbyval", kind.by_value.into()),
            ("typtype", kind.class.as_str().into()),
            ("typcategory", kind.category.as_str().into()),
            ("typispreferred", kind.preferred.into()),
            ("typisdefined", true.into()),
            ("typdelim", ",".into()),
            ("typrelid", 0.into()),
            ("typsubscript", if array { "array_subscript_handler" } else { "-" }.into()),
            ("typelem", kind.element.into()),
            ("typarray", kind.array.into()),
            ("typinput", input.into()),
            ("typoutput", function("out")),
            ("typreceive", function("recv")),
            ("typsend", function("send")),
            ("typmodin", "-".into()),
            ("typmodout", "-".into()),
            ("typanalyze", "-".into()),
            ("typalign", kind.align.as_str().into()),
            ("typstorage", kind.storage.as_str().into()),
            ("typnotnull", false.into()),
            ("typbasetype", 0.into()),
            ("typtypmod", (-1).into()),
            ("typndims", 0.into()),
            ("typcollation", kind.collation.into()),
        ];
        rows.push(row, &[]);
    }
}

fn pg_collation(rows: &mut Rows) {
    let collations = [(100, "default", "d", None), (950, "C", "c", Some("C"))];
    for (oid, name, provider, locale) in collations {
        let row: &Row<'_> = &[
            ("oid", oid.into()),
            ("collname", name.into()),
            ("collnamespace", PG_CATALOG_OID.into()),
            ("collowner", OWNER_OID.into()),
            ("collprovider", provider.into()),
            ("collisdeterministic", true.into()),
            ("collencoding", (-1).into()),
            ("collcollate", locale.into()),
            ("collctype", locale.into()),
        ];
        rows.push(row, &[]);
    }
}

fn role(world: &World, rows: &mut Rows) {
    let row: &Row<'_> = &[
        ("oid", OWNER_OID.into()),
        ("rolname", world.ctx.actor.as_str().into()),
        ("rolsuper", false.into()),
        ("rolinherit", true.into()),
        ("rolcreaterole", false.into()),
        ("rolcreatedb", false.into()),
        ("rolcanlogin", true.into()),
        ("rolreplication", false.into()),
        ("rolbypassrls", false.into()),
        ("rolconnlimit", (-1).into()),
    ];
    rows.push(row, &[]);
}

fn user(world: &World, rows: &mut Rows) {
    let row: &Row<'_> = &[
        ("usename", world.ctx.actor.as_str().into()),
        ("usesysid", OWNER_OID.into()),
        ("usecreatedb", false.into()),
        ("usesuper", false.into()),
        ("userepl", false.into()),
        ("usebypassrls", false.into()),
    ];
    rows.push(row, &[]);
}

fn pg_settings(world: &World, rows: &mut Rows) {
    for (name, setting) in &world.settings {
        let row: &Row<'_> = &[
            ("name", name.as_str().into()),
            ("setting", setting.as_str().into()),
            ("category", "Nunatak".into()),
            ("context", "user".into()),
            ("vartype", "string".into()),
            ("source", "session".into()),
            ("reset_val", setting.as_str().into()),
            ("pending_restart", false.into()),
        ];
        rows.push(row, &[]);
    }
}

/// The cursors that statements declared.
fn pg_cursors(world: &World, rows: &mut Rows) {
    for (name, about) in &world.cursors {
        let row: &Row<'_> = &[
            ("name", name.as_str().into()),
            ("statement", about.text.as_str().into()),
            ("is_holdable", about.hold.into()),
            ("is_binary", about.binary.into()),
            ("is_scrollable", about.scroll.into()),
            ("creation_time", about.declared_at.as_micros().into()),
        ];
        rows.push(row, &[]);
    }
}

/// The statements that `PREPARE` made; those that messages of a protocol made are known to the door only.
fn pg_prepared_statements(world: &World, rows: &mut Rows) {
    for (name, prepared) in world.prepared.iter() {
        let types = prepared.parameters().iter().map(type_name).collect();
        let row: &Row<'_> = &[
            ("name", name.as_str().into()),
            ("statement", prepared.text.as_str().into()),
            ("prepare_time", prepared.prepared_at.as_micros().into()),
            ("parameter_types", Value::Texts(types)),
            ("from_sql", true.into()),
            // It is planned anew each time.
            ("generic_plans", 0.into()),
        ];
        rows.push(row, &[]);
    }
}

/// The session that asks; what others do is not told.
fn pg_stat_activity(world: &World, rows: &mut Rows) {
    let application = world.settings.get("application_name").cloned();
    let row: &Row<'_> = &[
        ("datname", world.names.database().into()),
        ("usesysid", OWNER_OID.into()),
        ("usename", world.ctx.actor.as_str().into()),
        ("application_name", application.unwrap_or_default().into()),
        ("state", "active".into()),
        ("backend_type", "client backend".into()),
    ];
    rows.push(row, &[]);
}

fn character_sets(world: &World, rows: &mut Rows) {
    let row: &Row<'_> = &[
        ("character_set_name", "UTF8".into()),
        ("character_repertoire", "UCS".into()),
        ("form_of_use", "UTF8".into()),
        ("default_collate_catalog", world.names.database().into()),
        ("default_collate_schema", "pg_catalog".into()),
        ("default_collate_name", "C".into()),
    ];
    rows.push(row, &[]);
}

fn collations(world: &World, rows: &mut Rows) {
    for name in ["default", "C"] {
        let row: &Row<'_> = &[
            ("collation_catalog", world.names.database().into()),
            ("collation_schema", "pg_catalog".into()),
            ("collation_name", name.into()),
            ("pad_attribute", "NO PAD".into()),
        ];
        rows.push(row, &[]);
    }
}
