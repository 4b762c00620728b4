//! The columns and constraints of `CREATE TABLE`.
//!
//! What a table cannot hold or nobody would enforce is refused. The one exception is `PRIMARY KEY`: Iceberg
//! has a word for it (identifier fields), by which other engines find rows. It makes its columns `NOT NULL`;
//! that no two rows have the same key is not checked, and whoever writes it without `NOT ENFORCED` is told.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, Schema as Columns};
use datafusion::sql::sqlparser::ast::{
    ColumnDef, ColumnOption, ConstraintCharacteristics, Expr, IndexColumn, PrimaryKeyConstraint,
    TableConstraint, Value,
};
use serde_json::json;

use crate::sql::bind::folded;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::types::{self, DOC};

/// What is said to whoever makes a primary key and may believe in it.
pub(super) const KEY_NOTICE: &str =
    "the primary key is kept but not enforced: rows with the same key are not refused";

/// The columns of a new table.
pub(super) struct Defined {
    /// Names, types, comments and whether they may be null.
    pub(super) columns: Columns,
    /// The places of the columns of the primary key.
    key: Vec<usize>,
    /// Whether the primary key was said not to be enforced.
    key_enforced: bool,
}

impl Defined {
    /// Columns without a primary key.
    pub(super) const fn plain(columns: Columns) -> Self {
        Self { columns, key: Vec::new(), key_enforced: false }
    }

    /// Whether somebody may believe that a primary key is enforced.
    pub(super) const fn needs_notice(&self) -> bool {
        self.key_enforced
    }

    /// The schema document. Its columns have the ids from 1 in their order.
    pub(super) fn schema(&self) -> SqlResult<String> {
        let text = types::iceberg_schema(&self.columns)?;
        if self.key.is_empty() {
            return Ok(text);
        }
        let mut schema: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))?;
        let ids: Vec<usize> = self.key.iter().map(|at| at + 1).collect();
        if let Some(map) = schema.as_object_mut() {
            map.insert("identifier-field-ids".to_owned(), json!(ids));
        }
        Ok(schema.to_string())
    }
}

/// Reads columns and constraints.
pub(super) fn read(defined: &[ColumnDef], constraints: &[TableConstraint]) -> SqlResult<Defined> {
    if defined.is_empty() {
        return Err(SqlError::unsupported("a table without columns"));
    }
    let mut fields: Vec<Field> = Vec::with_capacity(defined.len());
    let mut keys: Vec<(Vec<usize>, bool)> = Vec::new();
    for (at, definition) in defined.iter().enumerate() {
        let (field, key) = column(definition)?;
        check_new_name(fields.iter().map(Field::name), field.name())?;
        keys.extend(key.map(|enforced| (vec![at], enforced)));
        fields.push(field);
    }
    for constraint in constraints {
        let TableConstraint::PrimaryKey(key) = constraint else {
            return Err(refused(constraint));
        };
        keys.push((key_columns(key, &fields)?, is_enforced(key.characteristics.as_ref())?));
    }
    if keys.len() > 1 {
        return Err(SqlError::new(
            SqlState::InvalidTableDefinition,
            "multiple primary keys for one table are not allowed",
        ));
    }
    let (key, key_enforced) = keys.pop().unwrap_or_default();
    for at in &key {
        let Some(field) = fields.get_mut(*at) else { continue };
        if field.data_type().is_floating() || field.data_type().is_nested() {
            return Err(SqlError::unsupported(format_args!(
                "a primary key of {} (column {:?}): Iceberg's identifier fields are no floating-point \
                 numbers and no lists, which",
                field.data_type(),
                field.name()
            )));
        }
        *field = field.clone().with_nullable(false);
    }
    Ok(Defined { columns: Columns::new(fields), key, key_enforced })
}

/// One column, and whether it is a primary key and said to be enforced.
pub(super) fn column(definition: &ColumnDef) -> SqlResult<(Field, Option<bool>)> {
    let name = folded(&definition.name);
    check_name(&name)?;
    let (mut nullable, mut said_null, mut key, mut doc) = (true, false, None, None);
    for option in &definition.options {
        match &option.option {
            ColumnOption::Null => said_null = true,
            ColumnOption::NotNull => nullable = false,
            ColumnOption::Default(value) if is_null(value) => {}
            ColumnOption::Default(_) => {
                return Err(SqlError::unsupported(format_args!("DEFAULT (column {name:?})"))
                    .with_hint(
                        "Iceberg keeps defaults in format version 3 only: name the value in INSERT",
                    ));
            }
            ColumnOption::PrimaryKey(constraint) => {
                key = Some(is_enforced(constraint.characteristics.as_ref())?);
            }
            ColumnOption::Comment(text) => doc = Some(text.clone()),
            other => return Err(refused(&format_args!("{other} (column {name:?})"))),
        }
    }
    if said_null && (!nullable || key.is_some()) {
        return Err(SqlError::syntax(format!(
            "conflicting NULL/NOT NULL declarations for column {name:?}"
        )));
    }
    let data_type: DataType = types::declared(&name, &definition.data_type)?;
    let mut field = Field::new(name, data_type, nullable);
    if let Some(doc) = doc {
        field = field.with_metadata(HashMap::from([(DOC.to_owned(), doc)]));
    }
    Ok((field, key))
}

/// Whether an expression is a null, perhaps with a type.
fn is_null(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => value.value == Value::Null,
        Expr::Cast { expr, .. } | Expr::Nested(expr) => is_null(expr),
        _ => false,
    }
}

/// Names that a table can have for a column.
pub(super) fn check_name(name: &str) -> SqlResult<()> {
    if name.is_empty() || name.contains('\0') {
        return Err(SqlError::syntax(format!("{name:?} is no name of a column")));
    }
    Ok(())
}

/// Refuses a name that a column has already, in whatever case: no unquoted name could tell them apart.
pub(super) fn check_new_name<'a>(
    mut taken: impl Iterator<Item = &'a String>,
    name: &str,
) -> SqlResult<()> {
    let lower = name.to_lowercase();
    match taken.find(|taken| taken.to_lowercase() == lower) {
        None => Ok(()),
        Some(there) if there == name => Err(SqlError::new(
            SqlState::DuplicateColumn,
            format!("column {name:?} specified more than once"),
        )),
        Some(there) => Err(SqlError::new(
            SqlState::DuplicateColumn,
            format!("column {name:?} differs from {there:?} only in case"),
        )),
    }
}

fn refused(constraint: &dyn std::fmt::Display) -> SqlError {
    SqlError::unsupported(format_args!("the constraint {constraint}"))
        .with_hint("NOT NULL is enforced, PRIMARY KEY NOT ENFORCED is kept; check the rest with dbt tests or queries")
}

fn is_enforced(characteristics: Option<&ConstraintCharacteristics>) -> SqlResult<bool> {
    let Some(said) = characteristics else { return Ok(true) };
    if said.deferrable == Some(true) || said.initially.is_some() {
        return Err(SqlError::unsupported("a primary key that is DEFERRABLE"));
    }
    Ok(said.enforced != Some(false))
}

fn key_columns(key: &PrimaryKeyConstraint, fields: &[Field]) -> SqlResult<Vec<usize>> {
    let mut places = Vec::with_capacity(key.columns.len());
    for IndexColumn { column, .. } in &key.columns {
        let Expr::Identifier(ident) = &column.expr else {
            return Err(SqlError::syntax(format!("{column} is no column of a primary key")));
        };
        let name = folded(ident);
        let place = fields.iter().position(|field| *field.name() == name).ok_or_else(|| {
            SqlError::new(
                SqlState::UndefinedColumn,
                format!("column {name:?} named in key does not exist"),
            )
        })?;
        if places.contains(&place) {
            return Err(SqlError::new(
                SqlState::DuplicateColumn,
                format!("column {name:?} appears twice in primary key constraint"),
            ));
        }
        places.push(place);
    }
    if !key.index_options.is_empty() || key.index_type.is_some() {
        return Err(SqlError::unsupported("a primary key with options of an index"));
    }
    Ok(places)
}
