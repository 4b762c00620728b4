//! Snapshots, refs to them, and the small records around them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::json::{self, Node, deserialize_raw};
use crate::base::error::{Error, Result};

/// The branch whose snapshot is the table's current one.
pub const MAIN_BRANCH: &str = "main";

/// A snapshot with its document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// Its id.
    pub id: i64,
    /// The snapshot before it.
    pub parent_id: Option<i64>,
    /// Order of changes; 0 in format version 1.
    pub sequence_number: i64,
    /// When it was made, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The schema it was written with.
    pub schema_id: Option<i32>,
    /// Where its list of manifests is; very old snapshots embed the list.
    pub manifest_list: Option<String>,
    /// What it did: `append`, `overwrite`, `delete`, `replace`.
    pub operation: Option<String>,
    /// First row id given to its new rows (format version 3).
    pub first_row_id: Option<i64>,
    /// How many row ids it takes (format version 3).
    pub added_rows: Option<i64>,
    raw: Arc<str>,
}

deserialize_raw!(Snapshot);

impl Snapshot {
    /// Reads a snapshot.
    ///
    /// # Errors
    /// `InvalidInput` for a missing or mistyped field.
    pub fn parse(text: &str) -> Result<Self> {
        let value = json::parse("snapshot", text)?;
        let node = Node::of("table version", &value)?;
        let mut operation = None;
        if let Some(summary) = value.get("summary") {
            if !summary.is_object() {
                return Err(Error::invalid(format!(
                    "Cannot parse summary from non-object value: {summary}"
                )));
            }
            let summary = node.string_map("summary")?;
            operation = summary.get("operation").cloned();
        }
        let manifest_list = node.string_opt("manifest-list")?.map(str::to_owned);
        if manifest_list.is_none() {
            node.strings("manifests")?;
        }
        let snapshot = Self {
            id: node.long("snapshot-id")?,
            parent_id: node.long_opt("parent-snapshot-id")?,
            sequence_number: node.long_opt("sequence-number")?.unwrap_or(0),
            timestamp_ms: node.long("timestamp-ms")?,
            schema_id: node.int_opt("schema-id")?,
            manifest_list,
            operation,
            first_row_id: node.long_opt("first-row-id")?,
            added_rows: node.long_opt("added-rows")?,
            raw: json::compact(text),
        };
        node.string_opt("key-id")?;
        // Early writers gave negative ids too; -1 alone means "no snapshot" in old documents.
        if snapshot.id == -1 || snapshot.sequence_number < 0 {
            return Err(Error::invalid(format!(
                "Invalid snapshot: id {} or sequence number {}",
                snapshot.id, snapshot.sequence_number
            )));
        }
        snapshot.check_rows()?;
        Ok(snapshot)
    }

    fn check_rows(&self) -> Result<()> {
        match (self.first_row_id, self.added_rows) {
            (Some(first), _) if first < 0 => {
                Err(Error::invalid(format!("Invalid first-row-id (cannot be negative): {first}")))
            }
            (_, Some(rows)) if rows < 0 => {
                Err(Error::invalid(format!("Invalid added-rows (cannot be negative): {rows}")))
            }
            (Some(_), None) => {
                Err(Error::invalid("Invalid added-rows (required when first-row-id is set): null"))
            }
            _ => Ok(()),
        }
    }

    /// The document, compact.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.raw
    }

    /// The summary, `operation` included; read from the document at each call.
    #[must_use]
    pub fn summary(&self) -> BTreeMap<String, String> {
        let value: Value = serde_json::from_str(&self.raw).unwrap_or_default();
        let Some(Value::Object(map)) = value.get("summary") else { return BTreeMap::new() };
        map.iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect()
    }
}

/// Branch or tag of a table (not of the warehouse).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SnapshotRefKind {
    /// Moves with commits.
    Branch,
    /// Stays.
    Tag,
}

/// A named snapshot with its retention. Equal if all fields are, in whatever order they were written.
#[derive(Clone, Debug)]
pub struct SnapshotRef {
    /// The snapshot.
    pub snapshot_id: i64,
    /// Branch or tag.
    pub kind: SnapshotRefKind,
    /// Retention and fields that are not known.
    settings: Map<String, Value>,
    raw: Arc<str>,
}

impl PartialEq for SnapshotRef {
    fn eq(&self, other: &Self) -> bool {
        self.snapshot_id == other.snapshot_id
            && self.kind == other.kind
            && self.settings == other.settings
    }
}

impl Eq for SnapshotRef {}

deserialize_raw!(SnapshotRef);

impl SnapshotRef {
    /// A branch without retention rules.
    #[must_use]
    pub fn branch(snapshot_id: i64) -> Self {
        let raw = format!(r#"{{"snapshot-id":{snapshot_id},"type":"branch"}}"#);
        let kind = SnapshotRefKind::Branch;
        Self { snapshot_id, kind, settings: Map::new(), raw: Arc::from(raw) }
    }

    /// Reads a ref.
    ///
    /// # Errors
    /// `InvalidInput` for a missing or mistyped field, or retention that the kind does not have.
    pub fn parse(text: &str) -> Result<Self> {
        let value = json::parse("snapshot reference", text)?;
        let node = Node::of("snapshot reference", &value)?;
        let snapshot_id = node.long("snapshot-id")?;
        let kind = match node.string("type")?.to_ascii_lowercase().as_str() {
            "branch" => SnapshotRefKind::Branch,
            "tag" => SnapshotRefKind::Tag,
            other => {
                return Err(Error::invalid(format!("Invalid snapshot ref type: {other}")));
            }
        };
        let keep = node.int_opt("min-snapshots-to-keep")?.map(i64::from);
        let snapshot_age = node.long_opt("max-snapshot-age-ms")?;
        let ref_age = node.long_opt("max-ref-age-ms")?;
        let is_tag = kind == SnapshotRefKind::Tag;
        let problem = if is_tag && keep.is_some() {
            Some("Tags do not support setting minSnapshotsToKeep")
        } else if is_tag && snapshot_age.is_some() {
            Some("Tags do not support setting maxSnapshotAgeMs")
        } else if keep.is_some_and(|value| value <= 0) {
            Some("Min snapshots to keep must be greater than 0")
        } else if snapshot_age.is_some_and(|value| value <= 0) {
            Some("Max snapshot age must be greater than 0 ms")
        } else if ref_age.is_some_and(|value| value <= 0) {
            Some("Max reference age must be greater than 0")
        } else {
            None
        };
        match problem {
            Some(problem) => Err(Error::invalid(problem)),
            None => {
                let settings = node.others(&["snapshot-id", "type"]);
                Ok(Self { snapshot_id, kind, settings, raw: json::compact(text) })
            }
        }
    }

    /// The document, compact.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.raw
    }

    /// The word for its kind.
    #[must_use]
    pub const fn kind_name(&self) -> &'static str {
        match self.kind {
            SnapshotRefKind::Branch => "branch",
            SnapshotRefKind::Tag => "tag",
        }
    }
}

/// A statistics file or partition statistics file of one snapshot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatisticsFile {
    /// The snapshot.
    pub snapshot_id: i64,
    /// Where the file is.
    pub path: String,
    raw: Arc<str>,
}

deserialize_raw!(StatisticsFile);

impl StatisticsFile {
    /// Reads either kind.
    ///
    /// # Errors
    /// `InvalidInput` for a missing or mistyped field.
    pub fn parse(text: &str) -> Result<Self> {
        let value = json::parse("statistics file", text)?;
        let node = Node::of("statistics file", &value)?;
        node.long("file-size-in-bytes")?;
        Ok(Self {
            snapshot_id: node.long("snapshot-id")?,
            path: node.string("statistics-path")?.to_owned(),
            raw: json::compact(text),
        })
    }

    /// Checks what a statistics file has beyond a partition statistics file.
    ///
    /// # Errors
    /// `InvalidInput` for a missing or mistyped field.
    pub(super) fn check_blobs(&self) -> Result<()> {
        let value = json::parse("statistics file", &self.raw)?;
        let node = Node::of("statistics file", &value)?;
        node.long("file-footer-size-in-bytes")?;
        node.array("blob-metadata")?;
        Ok(())
    }

    /// The document, compact.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.raw
    }
}

/// A wrapped encryption key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EncryptionKey {
    /// Its id.
    pub key_id: String,
    raw: Arc<str>,
}

deserialize_raw!(EncryptionKey);

impl EncryptionKey {
    /// Reads a key.
    ///
    /// # Errors
    /// `InvalidInput` for a missing or mistyped field.
    pub fn parse(text: &str) -> Result<Self> {
        let value = json::parse("encryption key", text)?;
        let node = Node::of("encryption key", &value)?;
        node.string("encrypted-key-metadata")?;
        Ok(Self { key_id: node.string("key-id")?.to_owned(), raw: json::compact(text) })
    }

    /// The document, compact.
    #[must_use]
    pub fn json(&self) -> &str {
        &self.raw
    }
}

/// When a snapshot became the current one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotLogEntry {
    /// When.
    pub timestamp_ms: i64,
    /// Which.
    pub snapshot_id: i64,
    raw: Option<Arc<str>>,
}

impl SnapshotLogEntry {
    /// Makes an entry.
    #[must_use]
    pub const fn new(timestamp_ms: i64, snapshot_id: i64) -> Self {
        Self { timestamp_ms, snapshot_id, raw: None }
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// `InvalidInput` for a missing or mistyped field.
    pub fn parse(text: &str) -> Result<Self> {
        let value = json::parse("snapshot log entry", text)?;
        let node = Node::of("snapshot log entry", &value)?;
        Ok(Self {
            timestamp_ms: node.long("timestamp-ms")?,
            snapshot_id: node.long("snapshot-id")?,
            raw: (node.0.len() > 2).then(|| json::compact(text)),
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match &self.raw {
            Some(raw) => out.extend_from_slice(raw.as_bytes()),
            None => {
                let Self { timestamp_ms, snapshot_id, .. } = self;
                let text =
                    format!(r#"{{"timestamp-ms":{timestamp_ms},"snapshot-id":{snapshot_id}}}"#);
                out.extend_from_slice(text.as_bytes());
            }
        }
    }
}

/// A metadata file that this one replaced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MetadataLogEntry {
    /// When that file was last updated.
    pub timestamp_ms: i64,
    /// Where it is.
    pub file: String,
    raw: Option<Arc<str>>,
}

impl MetadataLogEntry {
    /// Makes an entry.
    #[must_use]
    pub const fn new(timestamp_ms: i64, file: String) -> Self {
        Self { timestamp_ms, file, raw: None }
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// `InvalidInput` for a missing or mistyped field.
    pub fn parse(text: &str) -> Result<Self> {
        let value = json::parse("metadata log entry", text)?;
        let node = Node::of("metadata log entry", &value)?;
        Ok(Self {
            timestamp_ms: node.long("timestamp-ms")?,
            file: node.string("metadata-file")?.to_owned(),
            raw: (node.0.len() > 2).then(|| json::compact(text)),
        })
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match &self.raw {
            Some(raw) => out.extend_from_slice(raw.as_bytes()),
            None => {
                let head = format!(r#"{{"timestamp-ms":{},"metadata-file":"#, self.timestamp_ms);
                out.extend_from_slice(head.as_bytes());
                json::write_string(out, &self.file);
                out.push(b'}');
            }
        }
    }
}
