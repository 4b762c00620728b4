//! Types and fields of a schema, as far as a catalog looks into them.
//!
//! A type that is not known is kept as it is written: loaded metadata may hold one, a new schema may not.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::json::Node;
use crate::base::error::{Error, Result};

/// A type.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Type {
    /// A type written as a string: primitives, `variant`, `geometry(...)` and what is not known.
    Named(String),
    /// A struct.
    Struct(Vec<Field>),
    /// A list.
    List {
        /// Field id of the elements.
        element_id: i32,
        /// Whether elements are never null.
        element_required: bool,
        /// Their type.
        element: Box<Type>,
    },
    /// A map.
    Map {
        /// Field id of the keys.
        key_id: i32,
        /// Their type.
        key: Box<Type>,
        /// Field id of the values.
        value_id: i32,
        /// Whether values are never null.
        value_required: bool,
        /// Their type.
        value: Box<Type>,
    },
    /// A structure that is not known.
    Opaque(Value),
}

/// A field of a struct.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its id, unique in the schema.
    pub id: i32,
    /// Its name, unique in the struct.
    pub name: String,
    /// Whether it is never null.
    pub required: bool,
    /// Its type.
    pub field_type: Type,
    /// A comment.
    pub doc: Option<String>,
    /// The value of rows written before the field was added.
    pub initial_default: Option<Value>,
    /// The value of rows that do not name the field.
    pub write_default: Option<Value>,
    /// Fields of the document that are not known.
    other: Map<String, Value>,
}

const NAMES: [&str; 16] = [
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "timestamp_ns",
    "timestamptz_ns",
    "string",
    "uuid",
    "binary",
    "unknown",
    "variant",
];

impl Type {
    /// Reads a type.
    ///
    /// # Errors
    /// `InvalidInput` for a missing or mistyped field.
    pub(super) fn read(value: &Value) -> Result<Self> {
        match value {
            Value::String(name) => Ok(Self::Named(normal_name(name))),
            Value::Object(map) => Self::read_nested(Node(map), value),
            other => Err(Error::invalid(format!("Cannot parse type from json: {other}"))),
        }
    }

    fn read_nested(node: Node<'_>, whole: &Value) -> Result<Self> {
        match node.string("type")? {
            "struct" => Ok(Self::Struct(read_fields(node)?)),
            "list" => Ok(Self::List {
                element_id: node.int("element-id")?,
                element_required: node.boolean("element-required")?,
                element: Box::new(Self::read(node.require("element")?)?),
            }),
            "map" => Ok(Self::Map {
                key_id: node.int("key-id")?,
                key: Box::new(Self::read(node.require("key")?)?),
                value_id: node.int("value-id")?,
                value_required: node.boolean("value-required")?,
                value: Box::new(Self::read(node.require("value")?)?),
            }),
            _ => Ok(Self::Opaque(whole.clone())),
        }
    }

    /// The name without parameters, for a type written as a string.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => name.split(['(', '[']).next(),
            Self::Struct(_) | Self::List { .. } | Self::Map { .. } | Self::Opaque(_) => None,
        }
    }

    /// Whether columns of this type can be a key, a partition source or a sort source.
    #[must_use]
    pub fn is_primitive(&self) -> bool {
        self.name().is_some_and(|name| name != "variant")
    }

    /// Whether the specification (version 3) knows this type; nested types are not looked into.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match self {
            Self::Named(name) => {
                NAMES.contains(&name.as_str())
                    || decimal(name).is_some_and(|(precision, _)| precision <= 38)
                    || fixed(name).is_some()
                    || matches!(self.name(), Some("geometry" | "geography"))
            }
            Self::Struct(_) | Self::List { .. } | Self::Map { .. } => true,
            Self::Opaque(_) => false,
        }
    }

    /// The first format version that has this type.
    #[must_use]
    pub fn format_version_min(&self) -> i32 {
        match self.name() {
            Some(
                "timestamp_ns" | "timestamptz_ns" | "variant" | "unknown" | "geometry"
                | "geography",
            ) => 3,
            _ => 1,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => f.write_str(name),
            Self::Struct(fields) => {
                f.write_str("struct<")?;
                for (at, field) in fields.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{field}")?;
                }
                f.write_str(">")
            }
            Self::List { element, .. } => write!(f, "list<{element}>"),
            Self::Map { key, value, .. } => write!(f, "map<{key}, {value}>"),
            Self::Opaque(value) => write!(f, "{value}"),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let need = if self.required { "required" } else { "optional" };
        write!(f, "{}: {}: {need} {}", self.id, self.name, self.field_type)
    }
}

/// Reads the fields of a struct or schema.
pub(super) fn read_fields(node: Node<'_>) -> Result<Vec<Field>> {
    node.array("fields")?
        .iter()
        .map(|value| {
            let node = Node::of("struct field", value)?;
            Ok(Field {
                id: node.int("id")?,
                name: node.string("name")?.to_owned(),
                required: node.boolean("required")?,
                field_type: Type::read(node.require("type")?)?,
                doc: node.string_opt("doc")?.map(str::to_owned),
                initial_default: node.get("initial-default").cloned(),
                write_default: node.get("write-default").cloned(),
                other: node.others(&[
                    "id",
                    "name",
                    "required",
                    "type",
                    "doc",
                    "initial-default",
                    "write-default",
                ]),
            })
        })
        .collect()
}

fn normal_name(name: &str) -> String {
    let lower = name.trim().to_ascii_lowercase();
    if let Some((precision, scale)) = decimal(&lower) {
        return format!("decimal({precision}, {scale})");
    }
    if let Some(length) = fixed(&lower) {
        return format!("fixed[{length}]");
    }
    // Parameters of geometry and geography are names that keep their case.
    if lower.starts_with("geo") { name.trim().to_owned() } else { lower }
}

fn decimal(name: &str) -> Option<(u32, u32)> {
    let inner = name.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',')?;
    Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}

fn fixed(name: &str) -> Option<u32> {
    name.strip_prefix("fixed[")?.strip_suffix(']')?.trim().parse().ok()
}

/// One field anywhere in a schema.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its type.
    pub field_type: &'a Type,
    /// Whether it is never null.
    pub required: bool,
    /// The field around it.
    pub parent: Option<i32>,
    /// The field itself, unless it is an element, key or value.
    pub field: Option<&'a Field>,
}

/// Every field of a schema by id and by full name (`a.b`, `list.element`, `map.value.c`).
#[derive(Debug, Default)]
pub struct Index<'a> {
    by_id: BTreeMap<i32, Entry<'a>>,
    by_name: BTreeMap<String, i32>,
    names: BTreeMap<i32, String>,
    short: BTreeMap<String, i32>,
}

impl<'a> Index<'a> {
    /// Indexes fields.
    ///
    /// # Errors
    /// `InvalidInput` for an id or a full name that stands for two fields.
    pub fn build(fields: &'a [Field]) -> Result<Self> {
        let mut index = Self::default();
        index.add_fields(fields, "", "", None)?;
        for (name, id) in std::mem::take(&mut index.short) {
            index.by_name.entry(name).or_insert(id);
        }
        Ok(index)
    }

    fn add_fields(
        &mut self,
        fields: &'a [Field],
        prefix: &str,
        short_prefix: &str,
        parent: Option<i32>,
    ) -> Result<()> {
        for field in fields {
            let entry = Entry {
                field_type: &field.field_type,
                required: field.required,
                parent,
                field: Some(field),
            };
            let (name, short) = (join(prefix, &field.name), join(short_prefix, &field.name));
            self.add(field.id, &name, &short, entry)?;
        }
        Ok(())
    }

    fn add(&mut self, id: i32, name: &str, short: &str, entry: Entry<'a>) -> Result<()> {
        if self.by_id.insert(id, entry).is_some() {
            return Err(Error::invalid(format!(
                "Invalid schema: multiple fields for id {id}: {} and {name}",
                self.names.get(&id).map_or("", String::as_str)
            )));
        }
        if let Some(other) = self.by_name.insert(name.to_owned(), id) {
            return Err(Error::invalid(format!(
                "Invalid schema: multiple fields for name {name}: {other} and {id}"
            )));
        }
        self.names.insert(id, name.to_owned());
        if short != name {
            self.short.entry(short.to_owned()).or_insert(id);
        }
        match entry.field_type {
            Type::Struct(fields) => self.add_fields(fields, name, short, Some(id)),
            Type::List { element_id, element_required, element } => {
                let inner = (&**element, *element_required);
                self.add_part(*element_id, inner, (name, short, "element"), id)
            }
            Type::Map { key_id, key, value_id, value_required, value } => {
                self.add_part(*key_id, (&**key, true), (name, short, "key"), id)?;
                let inner = (&**value, *value_required);
                self.add_part(*value_id, inner, (name, short, "value"), id)
            }
            Type::Named(_) | Type::Opaque(_) => Ok(()),
        }
    }

    fn add_part(
        &mut self,
        id: i32,
        (field_type, required): (&'a Type, bool),
        (name, short, part): (&str, &str, &str),
        parent: i32,
    ) -> Result<()> {
        let entry = Entry { field_type, required, parent: Some(parent), field: None };
        let full = join(name, part);
        // `list.field` is understood for `list.element.field`; keys are always named.
        let is_struct = matches!(field_type, Type::Struct(_));
        let short = if is_struct && part != "key" { short.to_owned() } else { join(short, part) };
        self.add(id, &full, &short, entry)
    }

    /// A field by id.
    #[must_use]
    pub fn get(&self, id: i32) -> Option<Entry<'a>> {
        self.by_id.get(&id).copied()
    }

    /// The id of a full name.
    #[must_use]
    pub fn id_of(&self, name: &str) -> Option<i32> {
        self.by_name.get(name).copied()
    }

    /// The full name of an id.
    #[must_use]
    pub fn name_of(&self, id: i32) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    /// All fields in the order of their ids.
    pub fn entries(&self) -> impl Iterator<Item = (i32, Entry<'a>)> + '_ {
        self.by_id.iter().map(|(id, entry)| (*id, *entry))
    }

    /// The fields around a field, innermost first.
    pub fn parents(&self, id: i32) -> impl Iterator<Item = (i32, Entry<'a>)> + '_ {
        let step = |id: i32| self.get(id).and_then(|entry| entry.parent);
        std::iter::successors(step(id), move |id| step(*id))
            .filter_map(|id| self.get(id).map(|entry| (id, entry)))
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}
