//! Sort orders.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::json::{self, Node, deserialize_raw};
use super::partition::{read_sources, replace_sources};
use super::schema::Schema;
use super::transform::Transform;
use crate::base::error::{Error, Result};

/// One field of a sort order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SortField {
    /// The columns it comes from.
    pub source_ids: Vec<i32>,
    /// How values come from the source.
    pub transform: Transform,
    /// `asc` or `desc`.
    pub direction: String,
    /// `nulls-first` or `nulls-last`.
    pub null_order: String,
}

impl fmt::Display for SortField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sources: Vec<String> = self.source_ids.iter().map(ToString::to_string).collect();
        let nulls = self.null_order.replace('-', " ").to_uppercase();
        let direction = self.direction.to_uppercase();
        write!(f, "{}({}) {direction} {nulls}", self.transform, sources.join(", "))
    }
}

/// A sort order with its document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SortOrder {
    id: i32,
    fields: Vec<SortField>,
    raw: Arc<str>,
}

deserialize_raw!(SortOrder);

impl SortOrder {
    /// The order without fields, number 0.
    #[must_use]
    pub fn unsorted() -> Self {
        Self { id: 0, fields: Vec::new(), raw: Arc::from(r#"{"order-id":0,"fields":[]}"#) }
    }

    /// Reads a sort order.
    ///
    /// # Errors
    /// `InvalidInput` for a missing or mistyped field.
    pub fn parse(text: &str) -> Result<Self> {
        let value = json::parse("sort order", text)?;
        let node = Node::of("sort order", &value)?;
        let fields = node
            .array("fields")?
            .iter()
            .map(|item| {
                let node = Node::of("sort field", item)?;
                Ok(SortField {
                    source_ids: read_sources(node)?,
                    transform: Transform::read(node.string("transform")?),
                    direction: one_of(node.string("direction")?, &["asc", "desc"])
                        .ok_or_else(|| invalid(node, "direction", "sort direction"))?,
                    null_order: one_of(node.string("null-order")?, &["nulls-first", "nulls-last"])
                        .ok_or_else(|| invalid(node, "null-order", "null order"))?,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Self { id: node.int("order-id")?, fields, raw: json::compact(text) })
    }

    /// Its number in the table; 0 is the unsorted one.
    #[must_use]
    pub const fn id(&self) -> i32 {
        self.id
    }

    /// The fields in order.
    #[must_use]
    pub fn fields(&self) -> &[SortField] {
        &self.fields
    }

    /// The document, compact.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.raw
    }

    /// The same order under another number.
    ///
    /// # Errors
    /// `InvalidInput` never for an order that was parsed.
    pub fn with_id(&self, id: i32) -> Result<Self> {
        if id == self.id {
            return Ok(self.clone());
        }
        let mut value = json::parse("sort order", &self.raw)?;
        if let Some(map) = value.as_object_mut() {
            map.insert("order-id".to_owned(), Value::from(id));
        }
        Ok(Self { id, fields: self.fields.clone(), raw: Arc::from(value.to_string()) })
    }

    /// The same order over columns that got other ids.
    ///
    /// # Errors
    /// `InvalidInput` for a source that has no new id.
    pub fn with_sources(&self, ids: &BTreeMap<i32, i32>) -> Result<Self> {
        let mut order = self.clone();
        for field in &mut order.fields {
            let shown = field.to_string();
            for source in &mut field.source_ids {
                *source = *ids.get(source).ok_or_else(|| missing_source(&shown))?;
            }
        }
        let mut value = json::parse("sort order", &self.raw)?;
        replace_sources(&mut value, order.fields.iter().map(|field| field.source_ids.as_slice()));
        order.raw = Arc::from(value.to_string());
        Ok(order)
    }

    /// Checks the rules that tie the number 0 to the unsorted order.
    ///
    /// # Errors
    /// `InvalidInput`.
    pub fn check_id(&self) -> Result<()> {
        match (self.fields.is_empty(), self.id) {
            (true, 0) => Ok(()),
            (true, _) => Err(Error::invalid("Unsorted order ID must be 0")),
            (false, 0) => Err(Error::invalid("Sort order ID 0 is reserved for unsorted order")),
            (false, _) => Ok(()),
        }
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
            field.transform.check()?;
            for source in &field.source_ids {
                let entry = index.get(*source).ok_or_else(|| missing_source(&field.to_string()))?;
                if !entry.field_type.is_primitive() {
                    return Err(Error::invalid(format!(
                        "Cannot sort by non-primitive source field: {}",
                        entry.field_type
                    )));
                }
                if !field.transform.can_transform(entry.field_type) {
                    return Err(Error::invalid(format!(
                        "Invalid source type {} for transform: {}",
                        entry.field_type, field.transform
                    )));
                }
            }
        }
        Ok(())
    }
}

fn missing_source(field: &str) -> Error {
    Error::invalid(format!("Cannot find source column for sort field: {field}"))
}

fn one_of(text: &str, allowed: &[&str]) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    allowed.contains(&lower.as_str()).then_some(lower)
}

fn invalid(node: Node<'_>, key: &str, what: &str) -> Error {
    let text = node.string_opt(key).ok().flatten().unwrap_or_default();
    Error::invalid(format!("Invalid {what}: {text}"))
}
