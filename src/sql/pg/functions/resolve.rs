//! Functions between names and OIDs, and whether a name is found without its schema.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::ScalarUDF;

use super::call::{Values, function, number_at, text, text_at};
use super::plain::quoted;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::names::split_dotted;
use crate::sql::pg::layout;
use crate::sql::pg::need::VISIBLE;
use crate::sql::pg::oids::Named;
use crate::sql::pg::world::{INFORMATION_SCHEMA_OID, PG_CATALOG_OID, World};

pub(super) fn functions(world: &Arc<World>) -> Vec<Arc<ScalarUDF>> {
    let with = |name, counts: &[usize], result, body: Body| {
        let world = Arc::clone(world);
        function(name, counts, result, move |values| body(&world, values))
    };
    let mut functions = vec![
        with("regclass_in", &[1], DataType::Int64, |world, values| {
            Ok(ScalarValue::Int64(world.class_oid(values)?))
        }),
        with("regclass_out", &[1], DataType::Utf8, |world, values| {
            let Some(oid) = world.class_oid(values)? else { return Ok(ScalarValue::Utf8(None)) };
            Ok(text(world.class_name(oid)?))
        }),
        with("to_regclass", &[1], DataType::Int64, |world, values| {
            Ok(ScalarValue::Int64(world.class_if_there(values)?))
        }),
        with("to_regclass_out", &[1], DataType::Utf8, |world, values| {
            let oid = world.class_if_there(values)?;
            Ok(ScalarValue::Utf8(oid.map(|oid| world.class_name(oid)).transpose()?))
        }),
        with("regnamespace_in", &[1], DataType::Int64, |world, values| {
            if let Some(name) = text_at(values, 0)
                && let Some(schema) =
                    world.schema(&world.names.levels(&world.catalog, &[name.to_owned()]))?
            {
                return Ok(ScalarValue::Int64(Some(world.schema_oid(&schema))));
            }
            Ok(ScalarValue::Int64(number_or_missing(values, "schema")?))
        }),
        with("regnamespace_out", &[1], DataType::Utf8, |world, values| {
            if let Some(name) = text_at(values, 0).filter(|name| name.parse::<i64>().is_err()) {
                return Ok(text(name));
            }
            let Some(oid) = number_at(values, 0)? else { return Ok(ScalarValue::Utf8(None)) };
            Ok(text(match (oid, world.by_oid(oid)?) {
                (0, _) => "-".to_owned(),
                (PG_CATALOG_OID, _) => layout::PG_CATALOG.to_owned(),
                (INFORMATION_SCHEMA_OID, _) => layout::INFORMATION_SCHEMA.to_owned(),
                (_, Some(Named { schema, relation: None, .. })) => quoted(&schema),
                _ => oid.to_string(),
            }))
        }),
        with(VISIBLE, &[1], DataType::Boolean, |world, values| {
            let Some(oid) = number_at(values, 0)? else { return Ok(ScalarValue::Boolean(None)) };
            Ok(ScalarValue::Boolean(world.visible(oid)?))
        }),
    ];
    let visible = [
        "pg_type_is_visible",
        "pg_function_is_visible",
        "pg_collation_is_visible",
        "pg_operator_is_visible",
        "pg_opclass_is_visible",
        "pg_conversion_is_visible",
        "pg_statistics_obj_is_visible",
        "pg_ts_config_is_visible",
        "pg_ts_dict_is_visible",
    ];
    // All of these are in `pg_catalog`, which is always searched.
    functions.extend(visible.map(|name| {
        with(name, &[1], DataType::Boolean, |_, values| {
            Ok(ScalarValue::Boolean(number_at(values, 0)?.map(|_| true)))
        })
    }));
    functions
}

type Body = fn(&Arc<World>, Values<'_>) -> SqlResult<ScalarValue>;

/// An argument that is an OID, if it is one.
///
/// # Errors
/// `UndefinedObject` for a name.
pub(super) fn number_or_missing(values: Values<'_>, kind: &str) -> SqlResult<Option<i64>> {
    number_at(values, 0).map_err(|_| {
        let name = text_at(values, 0).unwrap_or_default();
        SqlError::new(SqlState::UndefinedObject, format!("{kind} \"{name}\" does not exist"))
    })
}

impl World {
    /// The OID of what `regclass` is cast from.
    fn class_oid(&self, values: Values<'_>) -> SqlResult<Option<i64>> {
        let Some(name) = text_at(values, 0) else { return number_at(values, 0) };
        if let Ok(oid) = name.trim().parse() {
            return Ok(Some(oid));
        }
        if name == "-" {
            return Ok(Some(0));
        }
        self.class_by_name(name)?.map(Some).ok_or_else(|| {
            SqlError::new(SqlState::UndefinedTable, format!("relation \"{name}\" does not exist"))
        })
    }

    /// The OID of the relation of a name; `None` if there is none.
    fn class_if_there(&self, values: Values<'_>) -> SqlResult<Option<i64>> {
        text_at(values, 0).map_or(Ok(None), |name| self.class_by_name(name))
    }

    /// The OID of a table, view or relation of the two schemas by its name as SQL writes it.
    fn class_by_name(&self, name: &str) -> SqlResult<Option<i64>> {
        let parts = folded_parts(name);
        let parts = self.names.without_database(&self.catalog, &parts)?;
        if let Some((schema, name)) = layout::named(parts) {
            return Ok(layout::find(schema, name).map(|layout| layout.oid));
        }
        if let ([name], Some(temporary)) = (parts, self.temporary())
            && let Some(item) = self.find(&temporary, name)?
        {
            return Ok(Some(self.oid(&item)));
        }
        let (schemas, name) = self.names.candidates(&self.catalog, parts)?;
        for levels in schemas {
            let Some(schema) = self.schema(&levels)? else { continue };
            if let Some(item) = self.find(&schema, name)? {
                return Ok(Some(self.oid(&item)));
            }
        }
        Ok(None)
    }

    /// The name of a table by its OID, with its schema where that is needed.
    fn class_name(&self, oid: i64) -> SqlResult<String> {
        if oid == 0 {
            return Ok("-".to_owned());
        }
        if let Some(layout) = layout::all().find(|layout| layout.oid == oid) {
            return Ok(layout.name.to_owned());
        }
        let Some(Named { schema, relation: Some(relation), .. }) = self.by_oid(oid)? else {
            return Ok(oid.to_string());
        };
        if self.visible(oid)? == Some(true) {
            return Ok(quoted(&relation));
        }
        Ok(format!("{}.{}", quoted(&schema), quoted(&relation)))
    }

    /// Whether a table is found without its schema; `None` if there is no such table.
    fn visible(&self, oid: i64) -> SqlResult<Option<bool>> {
        if layout::all().any(|layout| layout.oid == oid && oid != 0) {
            return Ok(Some(true));
        }
        let Some(named) = self.by_oid(oid)? else { return Ok(None) };
        let Some(relation) = &named.relation else { return Ok(None) };
        for schema in self.search_path()? {
            if schema.name == named.schema {
                return Ok(Some(true));
            }
            if self.find(&schema, relation)?.is_some() {
                break;
            }
        }
        Ok(Some(false))
    }
}

/// The parts of a name as SQL writes it: unquoted ones in lower case.
fn folded_parts(name: &str) -> Vec<String> {
    let mut folded = String::new();
    let mut quoted = false;
    for c in name.trim().chars() {
        quoted ^= c == '"';
        if quoted { folded.push(c) } else { folded.extend(c.to_lowercase()) }
    }
    split_dotted(&folded)
}
