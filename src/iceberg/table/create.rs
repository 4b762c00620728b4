//! Making the metadata of a new table.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::apply::Builder;
use super::metadata::{FORMAT_VERSION_DEFAULT, FORMAT_VERSION_MAX, TableMetadata};
use super::partition::{LAST_ASSIGNED_NONE, PartitionSpec};
use super::requirement::TableRequirement;
use super::schema::{Schema, assign_fresh_ids};
use super::sort::SortOrder;
use super::update::TableUpdate;
use crate::base::clock::Timestamp;
use crate::base::entropy::{Entropy, uuid_v4};
use crate::base::error::{Error, Result};

/// Properties that are computed and never stored.
pub const RESERVED_PROPERTIES: [&str; 9] = [
    "format-version",
    "uuid",
    "snapshot-count",
    "current-snapshot-id",
    "current-snapshot-summary",
    "current-snapshot-timestamp-ms",
    "current-schema",
    "default-partition-spec",
    "default-sort-order",
];

/// Properties of commits that must be numbers.
const COMMIT_NUMBERS: [&str; 4] = [
    "commit.retry.num-retries",
    "commit.retry.min-wait-ms",
    "commit.retry.max-wait-ms",
    "commit.retry.total-timeout-ms",
];

/// What a table is created from.
#[derive(Clone, Debug)]
pub struct NewTable {
    /// The columns; their ids are given out anew.
    pub schema: Schema,
    /// How it is partitioned, in ids of `schema`.
    pub spec: Option<PartitionSpec>,
    /// How it is sorted, in ids of `schema`.
    pub sort_order: Option<SortOrder>,
    /// Its root.
    pub location: String,
    /// Its properties; `format-version` chooses the format version and is not stored.
    pub properties: BTreeMap<String, String>,
}

/// Makes the metadata of a new table.
///
/// # Errors
/// `InvalidInput` for a schema, spec, sort order or property that cannot be.
pub fn create(request: &NewTable, uuid: uuid::Uuid, now: Timestamp) -> Result<TableMetadata> {
    let format_version = match request.properties.get("format-version") {
        None => FORMAT_VERSION_DEFAULT,
        Some(text) => text.trim().parse().map_err(|_| {
            Error::invalid(format!("Cannot parse property format-version: '{text}' is no number"))
        })?,
    };
    check_format_version(format_version)?;
    check_commit_properties(&request.properties)?;
    check_metrics_properties(&request.properties, &request.schema)?;
    let fresh = assign_fresh_ids(&request.schema)?;
    let spec = match &request.spec {
        Some(spec) => {
            let ids: Vec<i32> = (1000..).take(spec.fields().len()).collect();
            spec.with_sources(&fresh.ids)?.with_ids(0, &ids)?
        }
        None => PartitionSpec::unpartitioned(),
    };
    let order = match &request.sort_order {
        Some(order) => {
            order.check_id()?;
            order.with_sources(&fresh.ids)?
        }
        None => SortOrder::unsorted(),
    };
    let mut builder = Builder::new(nothing(format_version, uuid), now.as_millis());
    builder.set_location(&request.location)?;
    let schema_id = builder.add_schema(&Arc::new(fresh.schema))?;
    builder.set_current_schema(schema_id)?;
    let spec_id = builder.add_spec(&spec)?;
    builder.set_default_spec(spec_id)?;
    let order_id = builder.add_sort_order(&order)?;
    builder.set_default_sort_order(order_id)?;
    builder.set_properties(&persisted(&request.properties))?;
    builder.finish()
}

/// Makes the metadata of a staged table from the commit that creates it; ids stay as sent.
///
/// # Errors
/// `InvalidInput` for updates that do not make a table or requirements other than `assert-create`.
pub fn create_from_updates(
    requirements: &[TableRequirement],
    updates: &[TableUpdate],
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<TableMetadata> {
    let invalid: Vec<_> =
        requirements.iter().filter(|item| **item != TableRequirement::Create).collect();
    if !invalid.is_empty() {
        return Err(Error::invalid(format!("Invalid create requirements: {invalid:?}")));
    }
    let format_version = updates
        .iter()
        .find_map(|update| match update {
            TableUpdate::UpgradeFormatVersion(version) => Some(*version),
            _ => None,
        })
        .unwrap_or(FORMAT_VERSION_DEFAULT);
    check_format_version(format_version)?;
    let empty = nothing(format_version, uuid_v4(entropy));
    let mut builder = Builder::for_new_table(empty, now.as_millis());
    updates.iter().try_for_each(|update| builder.update(update))?;
    builder.require_table()?;
    builder.finish()
}

fn check_format_version(version: i32) -> Result<()> {
    if (1..=FORMAT_VERSION_MAX).contains(&version) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "Unsupported format version: v{version} (supported: v{FORMAT_VERSION_MAX})"
    )))
}

/// A table without anything.
fn nothing(format_version: i32, uuid: uuid::Uuid) -> TableMetadata {
    TableMetadata {
        format_version,
        uuid: Some(Arc::from(uuid.to_string())),
        location: Arc::from(""),
        last_sequence_number: 0,
        last_updated_ms: 0,
        last_column_id: 0,
        current_schema_id: 0,
        schemas: Arc::default(),
        default_spec_id: 0,
        specs: Arc::default(),
        last_partition_id: LAST_ASSIGNED_NONE,
        default_sort_order_id: 0,
        sort_orders: Arc::default(),
        properties: Arc::default(),
        current_snapshot_id: None,
        next_row_id: 0,
        encryption_keys: Arc::default(),
        refs: Arc::default(),
        snapshots: Arc::default(),
        statistics: Arc::default(),
        partition_statistics: Arc::default(),
        snapshot_log: Arc::default(),
        metadata_log: Arc::default(),
        other: Arc::default(),
    }
}

/// The properties that a new table keeps.
fn persisted(properties: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut kept: BTreeMap<String, String> = properties
        .iter()
        .filter(|(key, _)| !RESERVED_PROPERTIES.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    kept.entry("write.parquet.compression-codec".to_owned()).or_insert_with(|| "zstd".to_owned());
    kept
}

fn check_commit_properties(properties: &BTreeMap<String, String>) -> Result<()> {
    for name in COMMIT_NUMBERS {
        let Some(text) = properties.get(name) else { continue };
        match text.trim().parse::<i32>() {
            Ok(number) if number >= 0 => {}
            Ok(_) => {
                return Err(Error::invalid(format!(
                    "Table property {name} must have non negative integer value"
                )));
            }
            Err(_) => {
                return Err(Error::invalid(format!(
                    "Table property {name} must have integer value"
                )));
            }
        }
    }
    Ok(())
}

fn check_metrics_properties(properties: &BTreeMap<String, String>, schema: &Schema) -> Result<()> {
    const PREFIX: &str = "write.metadata.metrics.column.";
    let index = schema.index()?;
    for key in properties.keys() {
        if let Some(column) = key.strip_prefix(PREFIX)
            && index.id_of(column).is_none()
        {
            return Err(Error::invalid(format!(
                "Invalid metrics config, could not find column {column} from table prop {key} in \
                 schema"
            )));
        }
    }
    Ok(())
}
