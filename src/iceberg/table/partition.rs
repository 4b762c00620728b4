//! Partition specs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::json::{self, Node, deserialize_raw};
use super::schema::Schema;
use super::transform::Transform;
use super::types::{Index, Type};
use crate::base::error::{Error, Result};

/// The id below the first partition field id.
pub const LAST_ASSIGNED_NONE: i32 = 999;

/// One field of a partition spec.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionField {
    /// The columns it comes from: one, or several for a transform of several arguments.
    pub source_ids: Vec<i32>,
    /// Its id; `None` until it was added to a table.
    pub field_id: Option<i32>,
    /// Its name.
    pub name: String,
    /// How values come from the source.
    pub transform: Transform,
}

impl fmt::Display for PartitionField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<String> = self.source_ids.iter().map(ToString::to_string).collect();
        let id = self.field_id.map_or_else(|| "?".to_owned(), |id| id.to_string());
        write!(f, "{id}: {}: {}({})", self.name, self.transform, sources.join(", "))
    }
}

/// A partition spec with its document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionSpec {
    id: i32,
    fields: Vec<PartitionField>,
    raw: Arc<str>,
}

deserialize_raw!(PartitionSpec);

impl PartitionSpec {
    /// The spec without fields, number 0.
    #[must_use]
    pub fn unpartitioned() -> Self {
        Self { id: 0, fields: Vec::new(), raw: Arc::from(r#"{"spec-id":0,"fields":[]}"#) }
    }

    /// Reads a spec; field ids may be missing from all fields, not from some.
    ///
    /// # Errors
    /// `InvalidInput` for a missing or mistyped field.
    pub fn parse(text: &str) -> Result<Self> {
        let value = json::parse("partition spec", text)?;
        let node = Node::of("spec", &value)?;
        let id = node.int_opt("spec-id")?;
        let fields = read_fields(node.require("fields")?)?;
        let raw = if id.is_some() { json::compact(text) } else { render(value, 0, None) };
        Ok(Self { id: id.unwrap_or(0), fields, raw })
    }

    /// Reads the bare list of fields that format version 1 has as `partition-spec`.
    ///
    /// # Errors
    /// `InvalidInput` for a missing or mistyped field.
    pub fn parse_fields(text: &str) -> Result<Self> {
        let value = json::parse("partition spec", text)?;
        let fields = read_fields(&value)?;
        let whole = serde_json::json!({ "spec-id": 0, "fields": value });
        Ok(Self { id: 0, fields, raw: Arc::from(whole.to_string()) })
    }

    /// Its number in the table.
    #[must_use]
    pub const fn id(&self) -> i32 {
        self.id
    }

    /// The fields in order.
    #[must_use]
    pub fn fields(&self) -> &[PartitionField] {
        &self.fields
    }

    /// The document, compact.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.raw
    }

    /// The bare list of fields, as format version 1 writes it.
    #[must_use]
    pub fn fields_json(&self) -> String {
        let value: Value = serde_json::from_str(&self.raw).unwrap_or_default();
        value.get("fields").map_or_else(|| "[]".to_owned(), Value::to_string)
    }

    /// The highest field id; 999 if there is none.
    #[must_use]
    pub fn last_assigned_field_id(&self) -> i32 {
        self.fields
            .iter()
            .filter_map(|field| field.field_id)
            .max()
            .unwrap_or(LAST_ASSIGNED_NONE)
            .max(LAST_ASSIGNED_NONE)
    }

    /// Whether both partition in the same way under the same names.
    #[must_use]
    pub fn compatible_with(&self, other: &Self) -> bool {
        self.fields.len() == other.fields.len()
            && self.fields.iter().zip(&other.fields).all(|(one, two)| {
                one.source_ids == two.source_ids
                    && one.transform == two.transform
                    && one.name == two.name
            })
    }

    /// Whether field ids count up from 1000, as format version 1 needs.
    #[must_use]
    pub fn has_sequential_ids(&self) -> bool {
        self.fields.iter().zip(1000..).all(|(field, id)| field.field_id == Some(id))
    }

    /// The same spec with another number and these field ids.
    ///
    /// # Errors
    /// `InvalidInput` never for a spec that was parsed.
    pub fn with_ids(&self, id: i32, field_ids: &[i32]) -> Result<Self> {
        let unchanged = self.id == id
            && self.fields.iter().zip(field_ids).all(|(field, id)| field.field_id == Some(*id));
        if unchanged {
            return Ok(self.clone());
        }
        let mut spec = self.clone();
        spec.id = id;
        for (field, id) in spec.fields.iter_mut().zip(field_ids) {
            field.field_id = Some(*id);
        }
        spec.raw = render(json::parse("partition spec", &self.raw)?, id, Some(field_ids));
        Ok(spec)
    }

    /// The same spec over columns that got other ids.
    ///
    /// # Errors
    /// `InvalidInput` for a source that has no new id.
    pub fn with_sources(&self, ids: &BTreeMap<i32, i32>) -> Result<Self> {
        let mut spec = self.clone();
        for field in &mut spec.fields {
            let shown = field.to_string();
            for source in &mut field.source_ids {
                *source = *ids.get(source).ok_or_else(|| missing_source(&shown))?;
            }
        }
        let mut value = json::parse("partition spec", &self.raw)?;
        replace_sources(&mut value, spec.fields.iter().map(|field| field.source_ids.as_slice()));
        spec.raw = Arc::from(value.to_string());
        Ok(spec)
    }

    /// Checks names and ids against each other and names against the columns of a schema, for a new
    /// spec.
    ///
    /// # Errors
    /// `InvalidInput` that names the rule.
    pub fn check_names(&self, index: &Index<'_>) -> Result<()> {
        let mut names = BTreeSet::new();
        let mut ids = BTreeSet::new();
        for field in &self.fields {
            if let Some(id) = field.field_id
                && !ids.insert(id)
            {
                return Err(Error::invalid(format!("Cannot use partition field id twice: {id}")));
            }
            let name = &field.name;
            let refuse = |text: &str| Err(Error::invalid(format!("{text}: {name}")));
            if let Some(column) = index.id_of(name)
                && !field.source_ids.contains(&column)
                && field.source_ids.iter().any(|source| index.get(*source).is_some())
            {
                return refuse(
                    "Cannot create identity partition sourced from different field in schema",
                );
            }
            if name.is_empty() {
                return refuse("Cannot use empty partition name");
            }
            if !names.insert(name.as_str()) {
                return refuse("Cannot use partition name more than once");
            }
            field.transform.check()?;
        }
        Ok(())
    }

    /// Checks that every source is a column that the transform applies to.
    ///
    /// # Errors
    /// `InvalidInput` that names the field.
    pub fn check_compatibility(&self, schema: &Schema) -> Result<()> {
        if self.fields.is_empty() {
            return Ok(());
        }
        let index = schema.index()?;
        for field in &self.fields {
            if field.transform == Transform::Void {
                continue;
            }
            for source in &field.source_ids {
                let entry = index.get(*source).ok_or_else(|| missing_source(&field.to_string()))?;
                if !entry.field_type.is_primitive() {
                    return Err(Error::invalid(format!(
                        "Cannot partition by non-primitive source field: {}",
                        entry.field_type
                    )));
                }
                if !field.transform.can_transform(entry.field_type) {
                    return Err(Error::invalid(format!(
                        "Invalid source type {} for transform: {}",
                        entry.field_type, field.transform
                    )));
                }
                let outer = index
                    .parents(*source)
                    .find(|(_, parent)| !matches!(parent.field_type, Type::Struct(_)));
                if let Some((_, parent)) = outer {
                    return Err(Error::invalid(format!(
                        "Invalid partition field parent: {}",
                        parent.field_type
                    )));
                }
            }
        }
        Ok(())
    }
}

fn missing_source(field: &str) -> Error {
    Error::invalid(format!("Cannot find source column for partition field: {field}"))
}

fn read_fields(value: &Value) -> Result<Vec<PartitionField>> {
    let Value::Array(items) = value else {
        return Err(Error::invalid(format!(
            "Cannot parse partition spec fields, not an array: {value}"
        )));
    };
    let fields = items
        .iter()
        .map(|item| {
            let node = Node::of("partition field", item)?;
            Ok(PartitionField {
                source_ids: read_sources(node)?,
                field_id: node.int_opt("field-id")?,
                name: node.string("name")?.to_owned(),
                transform: Transform::read(node.string("transform")?),
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let missing = fields.iter().filter(|field| field.field_id.is_none()).count();
    if missing != 0 && missing != fields.len() {
        return Err(Error::invalid(format!(
            "Cannot parse spec with missing field IDs: {missing} missing of {} fields.",
            fields.len()
        )));
    }
    Ok(fields)
}

/// `source-id`, or `source-ids` for transforms of several arguments.
pub(super) fn read_sources(node: Node<'_>) -> Result<Vec<i32>> {
    match node.ints_opt("source-ids")? {
        Some(ids) if !ids.is_empty() => Ok(ids),
        _ => Ok(vec![node.int("source-id")?]),
    }
}

fn render(mut value: Value, id: i32, field_ids: Option<&[i32]>) -> Arc<str> {
    if let Some(Value::Array(fields)) = value.get_mut("fields") {
        for (field, id) in fields.iter_mut().zip(field_ids.unwrap_or_default()) {
            if let Some(map) = field.as_object_mut() {
                map.insert("field-id".to_owned(), Value::from(*id));
            }
        }
    }
    if let Some(map) = value.as_object_mut() {
        map.insert("spec-id".to_owned(), Value::from(id));
    }
    Arc::from(value.to_string())
}

/// Writes new source ids into the fields of a spec or sort order.
pub(super) fn replace_sources<'a>(value: &mut Value, sources: impl Iterator<Item = &'a [i32]>) {
    let Some(Value::Array(fields)) = value.get_mut("fields") else { return };
    for (field, sources) in fields.iter_mut().zip(sources) {
        let Some(map) = field.as_object_mut() else { continue };
        if map.get("source-ids").is_some_and(Value::is_array) {
            map.insert("source-ids".to_owned(), Value::from(sources.to_vec()));
        }
        if map.contains_key("source-id")
            && let Some(first) = sources.first()
        {
            map.insert("source-id".to_owned(), Value::from(*first));
        }
    }
}
