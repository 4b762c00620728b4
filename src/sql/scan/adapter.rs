//! Columns by field id: a Parquet file's columns are matched with the table's by the ids that both carry.
//!
//! So renamed, reordered, widened, dropped and re-added columns are read rightly from files of any age.
//! Rules: <https://iceberg.apache.org/spec/#column-projection>.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode as _};
use datafusion::error::Result;
use datafusion::parquet::arrow::PARQUET_FIELD_ID_META_KEY;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, lit};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};

use super::defaults::{self, Defaults};
use crate::sql::error::{SqlError, SqlState};

/// Starts the name, for the time of planning, of a column of a file that the table does not have.
const FOREIGN: &str = "\u{1f}foreign\u{1f}";

/// Makes adapters for one table.
#[derive(Default, Debug)]
pub struct FieldIdAdapterFactory {
    /// Ids by column name for files without ids (`schema.name-mapping.default`); top level only.
    pub name_mapping: Option<BTreeMap<String, i32>>,
    /// What columns hold in rows of files that lack them, if it is not null.
    pub defaults: Defaults,
    /// Whether a file must have all columns.
    pub complete: bool,
}

/// Columns of a file under the table's names.
struct Names {
    /// For each column of the file.
    of_file: Vec<String>,
    /// What columns hold that the file lacks.
    missing: BTreeMap<String, ScalarValue>,
}

/// The field id that a field carries.
#[must_use]
pub fn field_id(field: &Field) -> Option<i32> {
    field.metadata().get(PARQUET_FIELD_ID_META_KEY).and_then(|id| id.parse().ok())
}

impl PhysicalExprAdapterFactory for FieldIdAdapterFactory {
    fn create(
        &self,
        logical_file_schema: SchemaRef,
        physical_file_schema: SchemaRef,
    ) -> Result<Arc<dyn PhysicalExprAdapter>> {
        let names = self.names(&logical_file_schema, &physical_file_schema)?;
        let renamed: Vec<FieldRef> = physical_file_schema
            .fields()
            .iter()
            .zip(&names.of_file)
            .map(|(field, name)| Arc::new(field.as_ref().clone().with_name(name)))
            .collect();
        let renamed = Arc::new(Schema::new(renamed));
        let inner = DefaultPhysicalExprAdapterFactory {}.create(logical_file_schema, renamed)?;
        let missing = names.missing;
        Ok(Arc::new(FieldIdAdapter { inner, missing, physical: physical_file_schema }))
    }
}

impl FieldIdAdapterFactory {
    /// The table's name for each column of the file.
    fn names(&self, table: &Schema, file: &Schema) -> Result<Names> {
        let has_ids = file.fields().iter().any(|field| field_id(field).is_some());
        let mapping = match (&self.name_mapping, has_ids) {
            (_, true) => None,
            (Some(mapping), false) => Some(mapping),
            (None, false) => {
                return Err(SqlError::unsupported(
                    "reading a data file without field ids from a table without a name mapping",
                )
                .with_hint("set the table property schema.name-mapping.default")
                .into());
            }
        };
        let id_in_file = |field: &Field| match mapping {
            Some(mapping) => mapping.get(field.name()).copied(),
            None => field_id(field),
        };
        let by_id: BTreeMap<i32, &FieldRef> =
            table.fields().iter().filter_map(|field| Some((field_id(field)?, field))).collect();
        let mut seen = BTreeSet::new();
        let mut names = Vec::with_capacity(file.fields().len());
        for (at, field) in file.fields().iter().enumerate() {
            let id = id_in_file(field);
            match id.and_then(|id| by_id.get(&id)) {
                Some(wanted) => {
                    if !seen.insert(id) {
                        return Err(damaged("two columns of a data file have one field id").into());
                    }
                    self.check_nested(wanted.data_type(), field.data_type(), mapping.is_none())?;
                    names.push(wanted.name().clone());
                }
                None => names.push(format!("{FOREIGN}{at}")),
            }
        }
        let mut missing = BTreeMap::new();
        for (_, field) in by_id.iter().filter(|(id, _)| !seen.contains(&Some(**id))) {
            if self.complete {
                let what = format!("a file lacks the column {:?}", field.name());
                return Err(damaged(&what).into());
            }
            if let Some(value) = self.defaults.value(field)? {
                missing.insert(field.name().clone(), value);
            }
        }
        Ok(Names { of_file: names, missing })
    }

    /// Inside structs, lists and maps, columns are read by name: checks that names and ids agree there.
    fn check_nested(&self, table: &DataType, file: &DataType, with_ids: bool) -> Result<()> {
        let unsupported = |what: &str| {
            Err(SqlError::unsupported(format_args!("reading a nested field that {what}")).into())
        };
        match (table, file) {
            (DataType::Struct(wanted), DataType::Struct(found)) => {
                if !with_ids {
                    return unsupported("has no field id");
                }
                for field in wanted {
                    let same_id = found.iter().find(|other| field_id(other) == field_id(field));
                    let same_name = found.iter().find(|other| other.name() == field.name());
                    match (same_id, same_name) {
                        (Some(by_id), Some(by_name)) if by_id.name() == by_name.name() => {
                            self.check_nested(field.data_type(), by_id.data_type(), with_ids)?;
                        }
                        (None, None) if self.defaults.has(field_id(field)) => {
                            return Err(defaults::unsupported(field.name()).into());
                        }
                        (None, None) => {}
                        _ => return unsupported("was renamed"),
                    }
                }
                Ok(())
            }
            (
                DataType::List(wanted) | DataType::LargeList(wanted),
                DataType::List(found) | DataType::LargeList(found),
            ) => self.check_nested(wanted.data_type(), found.data_type(), with_ids),
            (DataType::Map(wanted, _), DataType::Map(found, _)) => {
                match (wanted.data_type(), found.data_type()) {
                    (DataType::Struct(wanted), DataType::Struct(found))
                        if wanted.len() == 2 && found.len() == 2 =>
                    {
                        for (wanted, found) in wanted.iter().zip(found) {
                            self.check_nested(wanted.data_type(), found.data_type(), with_ids)?;
                        }
                        Ok(())
                    }
                    _ => Err(damaged("a map of a data file has no keys and values").into()),
                }
            }
            _ => Ok(()),
        }
    }
}

fn damaged(message: &str) -> SqlError {
    SqlError::new(SqlState::DataCorrupted, message)
}

#[derive(Debug)]
struct FieldIdAdapter {
    inner: Arc<dyn PhysicalExprAdapter>,
    missing: BTreeMap<String, ScalarValue>,
    physical: SchemaRef,
}

impl PhysicalExprAdapter for FieldIdAdapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let filled = expr.transform(|expr| {
            let column = expr.as_any().downcast_ref::<Column>();
            Ok(match column.and_then(|column| self.missing.get(column.name())) {
                Some(value) => Transformed::yes(lit(value.clone())),
                None => Transformed::no(expr),
            })
        })?;
        let rewritten = self.inner.rewrite(filled.data)?;
        // Columns point at the right place of the file by now; they get the file's own names back.
        let named = rewritten.transform(|expr| {
            let Some(column) = expr.as_any().downcast_ref::<Column>() else {
                return Ok(Transformed::no(expr));
            };
            let name = self.physical.field(column.index()).name();
            if name == column.name() {
                return Ok(Transformed::no(expr));
            }
            Ok(Transformed::yes(Arc::new(Column::new(name, column.index())) as _))
        })?;
        Ok(named.data)
    }
}
