//! The changes that a commit to a table asks for.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::json::{self, Node, deserialize_raw};
use super::parse::Fields;
use super::partition::PartitionSpec;
use super::schema::Schema;
use super::snapshot::{EncryptionKey, Snapshot, SnapshotRef, StatisticsFile};
use super::sort::SortOrder;
use crate::base::error::{Error, Result};

/// One change, by its `action` in the REST specification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TableUpdate {
    /// `assign-uuid`
    AssignUuid(String),
    /// `upgrade-format-version`
    UpgradeFormatVersion(i32),
    /// `add-schema`; the deprecated `last-column-id` is worked out anew.
    AddSchema(Arc<Schema>),
    /// `set-current-schema`; -1 is the one added last.
    SetCurrentSchema(i32),
    /// `add-spec`
    AddSpec(Arc<PartitionSpec>),
    /// `set-default-spec`; -1 is the one added last.
    SetDefaultSpec(i32),
    /// `add-sort-order`
    AddSortOrder(Arc<SortOrder>),
    /// `set-default-sort-order`; -1 is the one added last.
    SetDefaultSortOrder(i32),
    /// `add-snapshot`
    AddSnapshot(Arc<Snapshot>),
    /// `set-snapshot-ref`
    SetSnapshotRef(String, SnapshotRef),
    /// `remove-snapshots`
    RemoveSnapshots(Vec<i64>),
    /// `remove-snapshot-ref`
    RemoveSnapshotRef(String),
    /// `set-location`
    SetLocation(String),
    /// `set-properties`
    SetProperties(BTreeMap<String, String>),
    /// `remove-properties`
    RemoveProperties(Vec<String>),
    /// `set-statistics`
    SetStatistics(StatisticsFile),
    /// `remove-statistics`
    RemoveStatistics(i64),
    /// `set-partition-statistics`
    SetPartitionStatistics(StatisticsFile),
    /// `remove-partition-statistics`
    RemovePartitionStatistics(i64),
    /// `remove-partition-specs`
    RemovePartitionSpecs(Vec<i32>),
    /// `remove-schemas`
    RemoveSchemas(Vec<i32>),
    /// `add-encryption-key`
    AddEncryptionKey(EncryptionKey),
    /// `remove-encryption-key`
    RemoveEncryptionKey(String),
}

deserialize_raw!(TableUpdate);

/// Fields of updates that are documents of their own and kept as text.
const DOCUMENTS: [&str; 8] = [
    "schema",
    "spec",
    "sort-order",
    "snapshot",
    "statistics",
    "partition-statistics",
    "encryption-key",
    "view-version",
];

impl TableUpdate {
    /// Reads one update.
    ///
    /// # Errors
    /// `InvalidInput` for an action that tables do not have, or a missing or mistyped field.
    pub fn parse(text: &str) -> Result<Self> {
        let update = Update::parse(text)?;
        let values = update.values()?;
        let node = Node(&values);
        Ok(match update.action(node)?.as_str() {
            "assign-uuid" => Self::AssignUuid(node.string("uuid")?.to_owned()),
            "upgrade-format-version" => Self::UpgradeFormatVersion(node.int("format-version")?),
            "add-schema" => {
                node.int_opt("last-column-id")?;
                Self::AddSchema(Arc::new(Schema::parse(update.document("schema")?)?))
            }
            "set-current-schema" => Self::SetCurrentSchema(node.int("schema-id")?),
            "add-spec" => Self::AddSpec(Arc::new(PartitionSpec::parse(update.document("spec")?)?)),
            "set-default-spec" => Self::SetDefaultSpec(node.int("spec-id")?),
            "add-sort-order" => {
                Self::AddSortOrder(Arc::new(SortOrder::parse(update.document("sort-order")?)?))
            }
            "set-default-sort-order" => Self::SetDefaultSortOrder(node.int("sort-order-id")?),
            "add-snapshot" => {
                Self::AddSnapshot(Arc::new(Snapshot::parse(update.document("snapshot")?)?))
            }
            "set-snapshot-ref" => read_set_ref(node)?,
            "remove-snapshots" => Self::RemoveSnapshots(read_snapshot_ids(node)?),
            "remove-snapshot-ref" => Self::RemoveSnapshotRef(node.string("ref-name")?.to_owned()),
            "set-location" => Self::SetLocation(node.string("location")?.to_owned()),
            "set-properties" => Self::SetProperties(read_properties(node)?),
            "remove-properties" => Self::RemoveProperties(read_removals(node)?),
            "set-statistics" => {
                let file = StatisticsFile::parse(update.document("statistics")?)?;
                file.check_blobs()?;
                Self::SetStatistics(file)
            }
            "remove-statistics" => Self::RemoveStatistics(node.long("snapshot-id")?),
            "set-partition-statistics" => Self::SetPartitionStatistics(StatisticsFile::parse(
                update.document("partition-statistics")?,
            )?),
            "remove-partition-statistics" => {
                Self::RemovePartitionStatistics(node.long("snapshot-id")?)
            }
            "remove-partition-specs" => Self::RemovePartitionSpecs(node.ints("spec-ids")?),
            "remove-schemas" => Self::RemoveSchemas(node.ints("schema-ids")?),
            "add-encryption-key" => {
                Self::AddEncryptionKey(EncryptionKey::parse(update.document("encryption-key")?)?)
            }
            "remove-encryption-key" => Self::RemoveEncryptionKey(node.string("key-id")?.to_owned()),
            other => return Err(unknown_action(other, "table")),
        })
    }
}

/// An update of a table or view, split into its fields.
pub(in crate::iceberg) struct Update<'a>(Fields<'a>);

impl<'a> Update<'a> {
    pub(in crate::iceberg) fn parse(text: &'a str) -> Result<Self> {
        if !text.trim_start().starts_with('{') {
            return Err(Error::invalid("Cannot parse metadata update from non-object value"));
        }
        Fields::parse("metadata update", text.as_bytes()).map(Self)
    }

    /// The fields that are not documents of their own.
    pub(in crate::iceberg) fn values(&self) -> Result<serde_json::Map<String, Value>> {
        self.0
            .0
            .iter()
            .filter(|(key, _)| !DOCUMENTS.contains(&key.as_ref()))
            .map(|(key, raw)| Ok((key.to_string(), json::parse("metadata update", raw.get())?)))
            .collect()
    }

    pub(in crate::iceberg) fn action(&self, node: Node<'_>) -> Result<String> {
        match node.string_opt("action")? {
            Some(action) => Ok(action.to_ascii_lowercase()),
            None => Err(Error::invalid("Cannot parse metadata update. Missing field: action")),
        }
    }

    pub(in crate::iceberg) fn document(&self, key: &str) -> Result<&'a str> {
        self.0.text(key).ok_or_else(|| Error::invalid(format!("Cannot parse missing field: {key}")))
    }
}

pub(in crate::iceberg) fn unknown_action(action: &str, of: &str) -> Error {
    Error::invalid(format!("Cannot apply metadata update to a {of}: unknown action {action}"))
}

fn read_set_ref(node: Node<'_>) -> Result<TableUpdate> {
    let mut document = node.0.clone();
    document.retain(|key, value| key != "action" && key != "ref-name" && !value.is_null());
    if let Some(kind) = document.get_mut("type")
        && let Some(text) = kind.as_str()
    {
        *kind = Value::from(text.to_ascii_lowercase());
    }
    let text = Value::Object(document).to_string();
    let name = node.string("ref-name")?.to_owned();
    Ok(TableUpdate::SetSnapshotRef(name, SnapshotRef::parse(&text)?))
}

/// `snapshot-ids`, or the single `snapshot-id` of early clients.
fn read_snapshot_ids(node: Node<'_>) -> Result<Vec<i64>> {
    if node.get("snapshot-ids").is_some() {
        return node.longs("snapshot-ids");
    }
    match node.long_opt("snapshot-id")? {
        Some(id) => Ok(vec![id]),
        None => Err(Error::invalid("Invalid set of snapshot ids to remove: must be non-null")),
    }
}

/// `updates`, or `updated` of early clients.
pub(in crate::iceberg) fn read_properties(node: Node<'_>) -> Result<BTreeMap<String, String>> {
    let legacy = node.get("updates").is_none() && node.get("updated").is_some();
    node.string_map(if legacy { "updated" } else { "updates" })
}

/// `removals`, or `removed` of early clients.
pub(in crate::iceberg) fn read_removals(node: Node<'_>) -> Result<Vec<String>> {
    let legacy = node.get("removals").is_none() && node.get("removed").is_some();
    node.strings(if legacy { "removed" } else { "removals" })
}
