//! Schemas: what they hold, whether two are the same, and giving out fresh field ids.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::json::{self, Node, deserialize_raw};
use super::types::{Field, Index, Type, read_fields};
use crate::base::error::{Error, Result};

/// A schema with its document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schema {
    id: i32,
    fields: Vec<Field>,
    identifier_ids: BTreeSet<i32>,
    other: Map<String, Value>,
    raw: Arc<str>,
}

deserialize_raw!(Schema);

impl Schema {
    /// Reads a schema; without `schema-id` it is 0.
    ///
    /// # Errors
    /// `InvalidInput` for a missing or mistyped field.
    pub fn parse(text: &str) -> Result<Self> {
        let value = json::parse("schema", text)?;
        let mut schema = Self::read(&value)?;
        // Documents without an id (very old ones) get it written out.
        schema.raw = if value.get("schema-id").is_some_and(Value::is_number) {
            json::compact(text)
        } else {
            Arc::from(with_schema_id(value, schema.id).to_string())
        };
        Ok(schema)
    }

    fn read(value: &Value) -> Result<Self> {
        let node = Node::of("schema", value)?;
        if let Some(kind) = node.string_opt("type")?
            && kind != "struct"
        {
            return Err(Error::invalid(format!("Cannot create schema, not a struct type: {kind}")));
        }
        Ok(Self {
            id: node.int_opt("schema-id")?.unwrap_or(0),
            fields: read_fields(node)?,
            identifier_ids: node
                .ints_opt("identifier-field-ids")?
                .unwrap_or_default()
                .into_iter()
                .collect(),
            other: node.others(&["type", "schema-id", "fields", "identifier-field-ids"]),
            raw: Arc::from(""),
        })
    }

    /// Its number in the table.
    #[must_use]
    pub const fn id(&self) -> i32 {
        self.id
    }

    /// The columns.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// Ids of the columns that name a row.
    #[must_use]
    pub const fn identifier_ids(&self) -> &BTreeSet<i32> {
        &self.identifier_ids
    }

    /// The document, compact.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.raw
    }

    /// The same schema under another number.
    ///
    /// # Errors
    /// `InvalidInput` never for a schema that was parsed.
    pub fn with_id(&self, id: i32) -> Result<Self> {
        if id == self.id {
            return Ok(self.clone());
        }
        let value = with_schema_id(json::parse("schema", &self.raw)?, id);
        Ok(Self { id, raw: Arc::from(value.to_string()), ..self.clone() })
    }

    /// Whether both have the same columns and identifier columns, whatever their numbers.
    #[must_use]
    pub fn same_schema(&self, other: &Self) -> bool {
        self.fields == other.fields
            && self.identifier_ids == other.identifier_ids
            && self.other == other.other
    }

    /// The highest field id, 0 without fields.
    #[must_use]
    pub fn highest_field_id(&self) -> i32 {
        fn highest(fields: &[Field]) -> i32 {
            fields.iter().map(|field| field.id.max(in_type(&field.field_type))).max().unwrap_or(0)
        }
        fn in_type(field_type: &Type) -> i32 {
            match field_type {
                Type::Struct(fields) => highest(fields),
                Type::List { element_id, element, .. } => (*element_id).max(in_type(element)),
                Type::Map { key_id, key, value_id, value, .. } => {
                    (*key_id).max(*value_id).max(in_type(key)).max(in_type(value))
                }
                Type::Named(_) | Type::Opaque(_) => 0,
            }
        }
        highest(&self.fields)
    }

    /// Every field by id and name.
    ///
    /// # Errors
    /// `InvalidInput` for ids or names that are not unique.
    pub fn index(&self) -> Result<Index<'_>> {
        Index::build(&self.fields)
    }

    /// Checks a schema that somebody wants to add to a table of this format version.
    ///
    /// # Errors
    /// `InvalidInput` for ids or names that are not unique, unknown types, types or defaults that the
    /// format version does not have, and identifier columns that cannot be any.
    pub fn check_new(&self, format_version: i32) -> Result<()> {
        let index = self.index()?;
        let mut problems = Vec::new();
        for (id, entry) in index.entries() {
            let name = index.name_of(id).unwrap_or_default();
            if !entry.field_type.is_known() {
                return Err(Error::invalid(format!(
                    "Cannot parse type string to primitive: {}",
                    entry.field_type
                )));
            }
            let min = entry.field_type.format_version_min();
            if format_version < min {
                problems.push(format!(
                    "Invalid type for {name}: {} is not supported until v{min}",
                    entry.field_type
                ));
            }
            let default = entry.field.and_then(|field| field.initial_default.as_ref());
            if let Some(default) = default.filter(|_| format_version < 3) {
                problems.push(format!(
                    "Invalid initial default for {name}: non-null default ({default}) is not \
                     supported until v3"
                ));
            }
        }
        if !problems.is_empty() {
            return Err(Error::invalid(format!(
                "Invalid schema for v{format_version}:\n- {}",
                problems.join("\n- ")
            )));
        }
        self.identifier_ids.iter().try_for_each(|id| check_identifier(*id, &index))
    }
}

fn check_identifier(id: i32, index: &Index<'_>) -> Result<()> {
    let Some(entry) = index.get(id) else {
        return Err(Error::invalid(format!(
            "Cannot add fieldId {id} as an identifier field: field does not exist"
        )));
    };
    let name = entry.field.map_or("", |field| field.name.as_str());
    let refuse = |why: String| {
        Err(Error::invalid(format!("Cannot add field {name} as an identifier field: {why}")))
    };
    if !entry.field_type.is_primitive() {
        return refuse("not a primitive type field".to_owned());
    }
    if !entry.required {
        return refuse("not a required field".to_owned());
    }
    if matches!(entry.field_type.name(), Some("float" | "double")) {
        return refuse("must not be float or double field".to_owned());
    }
    let mut parents: Vec<_> = index.parents(id).collect();
    parents.reverse();
    for (parent_id, parent) in parents {
        let shown = parent
            .field
            .map_or_else(|| format!("{parent_id}: {}", parent.field_type), ToString::to_string);
        if !matches!(parent.field_type, Type::Struct(_)) {
            return refuse(format!("must not be nested in {shown}"));
        }
        if !parent.required {
            return refuse(format!("must not be nested in an optional field {shown}"));
        }
    }
    Ok(())
}

fn with_schema_id(mut value: Value, id: i32) -> Value {
    if let Some(map) = value.as_object_mut() {
        map.insert("schema-id".to_owned(), Value::from(id));
    }
    value
}

/// A schema whose field ids were given out anew.
#[derive(Debug)]
pub struct FreshSchema {
    /// The schema, with number 0.
    pub schema: Schema,
    /// The new id of each old one.
    pub ids: BTreeMap<i32, i32>,
    /// The last id given out.
    pub last_column_id: i32,
}

/// Gives out field ids from 1: all fields of a struct first, then what is inside each of them.
///
/// # Errors
/// `InvalidInput` for a schema whose ids or names are not unique.
pub fn assign_fresh_ids(schema: &Schema) -> Result<FreshSchema> {
    schema.index()?;
    let mut value = with_schema_id(json::parse("schema", &schema.raw)?, 0);
    let mut fresh = Fresh { last: 0, ids: BTreeMap::new() };
    fresh.visit_fields(&mut value);
    if let Some(Value::Array(identifiers)) = value.get_mut("identifier-field-ids") {
        for id in identifiers {
            let old = json::to_int("identifier-field-ids", id)?;
            let new = fresh.ids.get(&old).ok_or_else(|| {
                Error::invalid(format!(
                    "Cannot add fieldId {old} as an identifier field: field does not exist"
                ))
            })?;
            *id = Value::from(*new);
        }
    }
    let mut schema = Schema::read(&value)?;
    schema.raw = Arc::from(value.to_string());
    Ok(FreshSchema { schema, ids: fresh.ids, last_column_id: fresh.last })
}

struct Fresh {
    last: i32,
    ids: BTreeMap<i32, i32>,
}

impl Fresh {
    fn replace(&mut self, map: &mut Map<String, Value>, key: &str) {
        let Some(id) = map.get_mut(key) else { return };
        self.last += 1;
        if let Some(old) = id.as_i64().and_then(|old| i32::try_from(old).ok()) {
            self.ids.insert(old, self.last);
        }
        *id = Value::from(self.last);
    }

    fn visit_fields(&mut self, value: &mut Value) {
        let Some(Value::Array(fields)) = value.get_mut("fields") else { return };
        for field in fields.iter_mut().filter_map(Value::as_object_mut) {
            self.replace(field, "id");
        }
        for field in fields {
            if let Some(field_type) = field.get_mut("type") {
                self.visit(field_type);
            }
        }
    }

    fn visit(&mut self, field_type: &mut Value) {
        let Some(map) = field_type.as_object_mut() else { return };
        let (ids, parts): (&[&str], &[&str]) = match map.get("type").and_then(Value::as_str) {
            Some("struct") => return self.visit_fields(field_type),
            Some("list") => (&["element-id"], &["element"]),
            Some("map") => (&["key-id", "value-id"], &["key", "value"]),
            _ => return,
        };
        for id in ids {
            self.replace(map, id);
        }
        for part in parts {
            if let Some(inner) = map.get_mut(*part) {
                self.visit(inner);
            }
        }
    }
}
