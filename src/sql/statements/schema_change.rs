//! Changes of a table's columns by Iceberg's rules: ids are given out once and never again, types only get
//! wider, and what partitions, sort order or key are made of stays.
//!
//! Works on the schema's document, so that what is not known in it is kept.

use arrow::datatypes::Field;
use serde_json::{Map, Value, json};

use super::columns::{check_name, check_new_name};
use crate::iceberg::table::metadata::TableMetadata;
use crate::iceberg::table::schema::Schema;
use crate::iceberg::table::transform::Transform;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::types::{self, DOC};

/// A schema that is being changed.
pub(super) struct SchemaChange<'t> {
    table: &'t TableMetadata,
    document: Map<String, Value>,
    last_id: i32,
    changed: bool,
}

impl<'t> SchemaChange<'t> {
    /// Starts with a table's current schema.
    pub(super) fn new(table: &'t TableMetadata) -> SqlResult<Self> {
        let schema = table
            .current_schema()
            .ok_or_else(|| broken("the table has no current schema".to_owned()))?;
        let document = serde_json::from_str(schema.json())
            .map_err(|error| broken(format!("the table's schema cannot be read: {error}")))?;
        Ok(Self { table, document, last_id: table.last_column_id(), changed: false })
    }

    /// The new schema, if anything changed.
    pub(super) fn finish(self) -> SqlResult<Option<Schema>> {
        if !self.changed {
            return Ok(None);
        }
        Ok(Some(Schema::parse(&Value::Object(self.document).to_string())?))
    }

    fn fields(&self) -> &[Value] {
        self.document.get("fields").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn names(&self) -> Vec<String> {
        self.fields().iter().map(|field| text(field, "name").to_owned()).collect()
    }

    /// The place of a column, by its name as written or, if that is nobody's, in another case.
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let names = self.names();
        names.iter().position(|known| known == name).or_else(|| {
            let mut alike =
                names.iter().enumerate().filter(|(_, known)| known.eq_ignore_ascii_case(name));
            alike.next().filter(|_| alike.next().is_none()).map(|(at, _)| at)
        })
    }

    /// The place of a column.
    ///
    /// # Errors
    /// `UndefinedColumn`
    pub(super) fn place(&self, name: &str) -> SqlResult<usize> {
        self.find(name).ok_or_else(|| {
            SqlError::new(SqlState::UndefinedColumn, format!("column {name:?} does not exist"))
        })
    }

    fn field(&mut self, at: usize) -> SqlResult<&mut Map<String, Value>> {
        self.document
            .get_mut("fields")
            .and_then(Value::as_array_mut)
            .and_then(|fields| fields.get_mut(at))
            .and_then(Value::as_object_mut)
            .ok_or_else(|| broken("the table's schema has no fields".to_owned()))
    }

    fn id(&self, at: usize) -> i64 {
        self.fields().get(at).and_then(|field| field.get("id")).and_then(Value::as_i64).unwrap_or(0)
    }

    /// The name of a column as it is stored.
    pub(super) fn name(&self, at: usize) -> String {
        self.fields().get(at).map(|field| text(field, "name").to_owned()).unwrap_or_default()
    }

    /// Whether a column must not be null.
    pub(super) fn is_required(&self, at: usize) -> bool {
        self.fields()
            .get(at)
            .and_then(|field| field.get("required"))
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }

    /// Adds a column at the end.
    pub(super) fn add(&mut self, field: &Field) -> SqlResult<()> {
        check_new_name(self.names().iter(), field.name()).map_err(|error| SqlError {
            message: format!("column {:?} of relation already exists", field.name()),
            ..error
        })?;
        let id = self
            .last_id
            .checked_add(1)
            .ok_or_else(|| broken("the table has no field id left".to_owned()))?;
        let mut last = id;
        let field_type = types::iceberg_type(field.name(), field.data_type(), &mut last)?;
        let mut added = json!({
            "id": id, "name": field.name(), "required": !field.is_nullable(), "type": field_type,
        });
        if let (Some(doc), Some(map)) = (field.metadata().get(DOC), added.as_object_mut()) {
            map.insert("doc".to_owned(), Value::String(doc.clone()));
        }
        let fields = self.document.get_mut("fields").and_then(Value::as_array_mut);
        let fields = fields.ok_or_else(|| broken("the table's schema has no fields".to_owned()))?;
        fields.push(added);
        self.last_id = last;
        self.changed = true;
        Ok(())
    }

    /// Takes a column away. Its id is never used again, so that old files do not give their values to a
    /// later column of the same name.
    pub(super) fn drop(&mut self, name: &str) -> SqlResult<()> {
        let at = self.place(name)?;
        let id = self.id(at);
        self.check_unused(name, id)?;
        if self.fields().len() == 1 {
            return Err(SqlError::unsupported("a table without columns"));
        }
        if let Some(fields) = self.document.get_mut("fields").and_then(Value::as_array_mut) {
            fields.remove(at);
        }
        self.changed = true;
        Ok(())
    }

    fn check_unused(&self, name: &str, id: i64) -> SqlResult<()> {
        let is_source = |sources: &[i32]| sources.iter().any(|source| i64::from(*source) == id);
        let partitioned = self
            .table
            .specs()
            .iter()
            .flat_map(|spec| spec.fields())
            .any(|field| field.transform != Transform::Void && is_source(&field.source_ids));
        let sorted = self
            .table
            .sort_orders()
            .iter()
            .filter(|order| order.id() == self.table.default_sort_order_id())
            .any(|order| order.fields().iter().any(|field| is_source(&field.source_ids)));
        let what = if partitioned {
            "the table's partitions are"
        } else if sorted {
            "the table's sort order is"
        } else if self.is_identifier(id) {
            "the table's primary key is"
        } else {
            return Ok(());
        };
        Err(SqlError::new(
            SqlState::DependentObjectsStillExist,
            format!("cannot drop column {name:?} because {what} made of it"),
        ))
    }

    fn is_identifier(&self, id: i64) -> bool {
        self.document
            .get("identifier-field-ids")
            .and_then(Value::as_array)
            .is_some_and(|ids| ids.iter().any(|known| known.as_i64() == Some(id)))
    }

    /// Gives a column another name.
    pub(super) fn rename(&mut self, from: &str, to: &str) -> SqlResult<()> {
        check_name(to)?;
        let at = self.place(from)?;
        let own = self.name(at);
        let others: Vec<String> = self.names().into_iter().filter(|name| *name != own).collect();
        check_new_name(others.iter(), to).map_err(|error| SqlError {
            message: format!("column {to:?} of relation already exists"),
            ..error
        })?;
        self.changed |= own != to;
        self.field(at)?.insert("name".to_owned(), Value::from(to));
        Ok(())
    }

    /// Gives a column a wider type.
    pub(super) fn retype(
        &mut self,
        name: &str,
        wanted: &arrow::datatypes::DataType,
    ) -> SqlResult<()> {
        let at = self.place(name)?;
        let mut no_ids = 0;
        let wanted = types::iceberg_type(name, wanted, &mut no_ids)?;
        let now = self.fields().get(at).and_then(|field| field.get("type")).cloned();
        let now = now.unwrap_or_default();
        if now == wanted {
            return Ok(());
        }
        let (Some(from), Some(to)) = (now.as_str(), wanted.as_str()) else {
            return Err(cannot_retype(name, &now, &wanted));
        };
        let wider = match (decimal(from), decimal(to)) {
            (Some((precision, scale)), Some((wider, same))) => scale == same && wider >= precision,
            _ => matches!((from, to), ("int", "long") | ("float", "double")),
        };
        if !wider {
            return Err(cannot_retype(name, &now, &wanted));
        }
        let same = decimal(from).is_some() && decimal(from) == decimal(to);
        self.changed |= !same;
        self.field(at)?.insert("type".to_owned(), wanted);
        Ok(())
    }

    /// Says whether a column may be null; whether its rows allow that is the caller's to know.
    pub(super) fn set_required(&mut self, name: &str, required: bool) -> SqlResult<()> {
        let at = self.place(name)?;
        if !required && self.is_identifier(self.id(at)) {
            return Err(SqlError::new(
                SqlState::InvalidTableDefinition,
                format!("column {name:?} is in a primary key"),
            ));
        }
        self.changed |= self.is_required(at) != required;
        self.field(at)?.insert("required".to_owned(), Value::Bool(required));
        Ok(())
    }

    /// Sets or takes away the comment of a column.
    pub(super) fn set_doc(&mut self, name: &str, doc: Option<&str>) -> SqlResult<()> {
        let at = self.place(name)?;
        let field = self.field(at)?;
        let before = field.get("doc").and_then(Value::as_str).map(str::to_owned);
        match doc {
            Some(doc) => field.insert("doc".to_owned(), Value::from(doc)),
            None => field.shift_remove("doc"),
        };
        self.changed |= before.as_deref() != doc;
        Ok(())
    }
}

/// Sets or takes away the comment of a column in a schema's document.
pub(super) fn document_with_doc(
    schema: &Schema,
    name: &str,
    doc: Option<&str>,
) -> SqlResult<Option<Value>> {
    let mut document: Value = serde_json::from_str(schema.json())
        .map_err(|error| broken(format!("the schema cannot be read: {error}")))?;
    let fields = document.get_mut("fields").and_then(Value::as_array_mut);
    let field = fields.into_iter().flatten().find(|field| {
        field.get("name").and_then(Value::as_str).is_some_and(|own| own.eq_ignore_ascii_case(name))
    });
    let Some(field) = field.and_then(Value::as_object_mut) else {
        return Err(SqlError::new(
            SqlState::UndefinedColumn,
            format!("column {name:?} does not exist"),
        ));
    };
    if field.get("doc").and_then(Value::as_str) == doc {
        return Ok(None);
    }
    match doc {
        Some(doc) => field.insert("doc".to_owned(), Value::from(doc)),
        None => field.shift_remove("doc"),
    };
    Ok(Some(document))
}

fn text<'v>(field: &'v Value, key: &str) -> &'v str {
    field.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn decimal(text: &str) -> Option<(u32, u32)> {
    let inner = text.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',')?;
    Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}

fn cannot_retype(name: &str, from: &Value, to: &Value) -> SqlError {
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    SqlError::unsupported(format_args!(
        "changing column {name:?} from {} to {}",
        shown(from),
        shown(to)
    ))
    .with_hint(
        "int becomes bigint, real becomes double precision, and a numeric gets more digits before its \
         point; for other changes add a column and copy",
    )
}

fn broken(message: String) -> SqlError {
    SqlError::new(SqlState::DataCorrupted, message)
}
