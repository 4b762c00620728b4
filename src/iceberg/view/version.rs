//! Versions of a view: what it selects, in one or more SQL dialects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::base::error::{Error, Result};
use crate::iceberg::table::json::{self, Node, deserialize_raw};

/// One way to write down what a view selects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Representation {
    /// `sql`, or a kind that is not known.
    pub kind: String,
    /// The SQL text.
    pub sql: Option<String>,
    /// The dialect it is written in.
    pub dialect: Option<String>,
    value: Value,
}

impl Representation {
    fn read(value: &Value) -> Result<Self> {
        let node = Node::of("view representation", value)?;
        let kind = node.string("type")?.to_ascii_lowercase();
        let (sql, dialect) = if kind == "sql" {
            (Some(node.string("sql")?.to_owned()), Some(node.string("dialect")?.to_owned()))
        } else {
            (None, None)
        };
        Ok(Self { kind, sql, dialect, value: value.clone() })
    }
}

/// A version of a view with its document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ViewVersion {
    /// Its number in the view.
    pub id: i32,
    /// The schema of what it selects.
    pub schema_id: i32,
    /// When it was made, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// What made it.
    pub summary: BTreeMap<String, String>,
    /// What it selects.
    pub representations: Vec<Representation>,
    /// The catalog of names without one.
    pub default_catalog: Option<String>,
    /// The namespace of names without one.
    pub default_namespace: Vec<String>,
    other: Map<String, Value>,
    raw: Arc<str>,
}

deserialize_raw!(ViewVersion);

const KNOWN: [&str; 7] = [
    "version-id",
    "schema-id",
    "timestamp-ms",
    "summary",
    "representations",
    "default-catalog",
    "default-namespace",
];

impl ViewVersion {
    /// Reads a version.
    ///
    /// # Errors
    /// `InvalidInput` for a missing or mistyped field.
    pub fn parse(text: &str) -> Result<Self> {
        let value = json::parse("view version", text)?;
        let mut version = Self::read(&value)?;
        version.raw = json::compact(text);
        Ok(version)
    }

    /// Reads a version from a request to create a view: what the server gives out may be missing.
    fn parse_sparse(text: &str) -> Result<Self> {
        let mut value = json::parse("view version", text)?;
        let Some(map) = value.as_object_mut() else {
            return Err(Error::invalid("Cannot parse view version from a non-object"));
        };
        let defaults = [
            ("version-id", Value::from(1)),
            ("schema-id", Value::from(-1)),
            ("timestamp-ms", Value::from(0)),
            ("summary", Value::Object(Map::new())),
            ("default-namespace", Value::Array(Vec::new())),
        ];
        for (key, default) in defaults {
            if map.get(key).is_none_or(Value::is_null) {
                map.insert(key.to_owned(), default);
            }
        }
        let mut version = Self::read(&value)?;
        version.raw = Arc::from(value.to_string());
        Ok(version)
    }

    fn read(value: &Value) -> Result<Self> {
        let node = Node::of("view version", value)?;
        Ok(Self {
            id: node.int("version-id")?,
            schema_id: node.int("schema-id")?,
            timestamp_ms: node.long("timestamp-ms")?,
            summary: node.string_map("summary")?,
            representations: node
                .array("representations")?
                .iter()
                .map(Representation::read)
                .collect::<Result<_>>()?,
            default_catalog: node.string_opt("default-catalog")?.map(str::to_owned),
            default_namespace: node.strings("default-namespace")?,
            other: node.others(&KNOWN),
            raw: Arc::from(""),
        })
    }

    /// The document, compact.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.raw
    }

    /// The same version with other numbers and another time.
    ///
    /// # Errors
    /// `InvalidInput` never for a version that was parsed.
    pub fn with(&self, id: i32, schema_id: i32, timestamp_ms: i64) -> Result<Self> {
        if (id, schema_id, timestamp_ms) == (self.id, self.schema_id, self.timestamp_ms) {
            return Ok(self.clone());
        }
        let mut value = json::parse("view version", &self.raw)?;
        if let Some(map) = value.as_object_mut() {
            map.insert("version-id".to_owned(), Value::from(id));
            map.insert("schema-id".to_owned(), Value::from(schema_id));
            map.insert("timestamp-ms".to_owned(), Value::from(timestamp_ms));
        }
        let raw = Arc::from(value.to_string());
        Ok(Self { id, schema_id, timestamp_ms, raw, ..self.clone() })
    }

    /// Whether both would behave the same, whatever their numbers and times.
    #[must_use]
    pub fn same_version(&self, other: &Self) -> bool {
        self.summary == other.summary
            && self.representations == other.representations
            && self.default_catalog == other.default_catalog
            && self.default_namespace == other.default_namespace
            && self.schema_id == other.schema_id
            && self.other == other.other
    }

    /// The SQL dialects it is written in, in lower case.
    ///
    /// # Errors
    /// `InvalidInput` for a dialect with two texts.
    pub fn dialects(&self) -> Result<BTreeSet<String>> {
        let mut dialects = BTreeSet::new();
        for dialect in self.representations.iter().filter_map(|item| item.dialect.as_ref()) {
            let dialect = dialect.to_lowercase();
            if !dialects.insert(dialect.clone()) {
                return Err(Error::invalid(format!(
                    "Invalid view version: Cannot add multiple queries for dialect {dialect}"
                )));
            }
        }
        Ok(dialects)
    }
}

/// A version as a request to create a view brings it: numbers, time, summary and default namespace may
/// be missing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestedVersion(pub(super) ViewVersion);

deserialize_raw!(RequestedVersion);

impl RequestedVersion {
    /// Reads a version.
    ///
    /// # Errors
    /// `InvalidInput` for a mistyped field or missing representations.
    pub fn parse(text: &str) -> Result<Self> {
        ViewVersion::parse_sparse(text).map(Self)
    }
}

/// When a version became the current one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VersionLogEntry {
    /// When.
    pub timestamp_ms: i64,
    /// Which.
    pub version_id: i32,
    raw: Option<Arc<str>>,
}

impl VersionLogEntry {
    /// Makes an entry.
    #[must_use]
    pub const fn new(timestamp_ms: i64, version_id: i32) -> Self {
        Self { timestamp_ms, version_id, raw: None }
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// `InvalidInput` for a missing or mistyped field.
    pub fn parse(text: &str) -> Result<Self> {
        let value = json::parse("view history entry", text)?;
        let node = Node::of("view history entry", &value)?;
        Ok(Self {
            timestamp_ms: node.long("timestamp-ms")?,
            version_id: node.int("version-id")?,
            raw: (node.0.len() > 2).then(|| json::compact(text)),
        })
    }

    /// The document.
    #[must_use]
    pub fn json(&self) -> String {
        match &self.raw {
            Some(raw) => raw.to_string(),
            None => format!(
                r#"{{"timestamp-ms":{},"version-id":{}}}"#,
                self.timestamp_ms, self.version_id
            ),
        }
    }
}
