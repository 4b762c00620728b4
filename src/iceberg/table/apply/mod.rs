//! Applying a commit to table metadata.
//!
//! Pure: the same inputs give the same document. Requirements are checked first, then every update is
//! carried out on a copy; on an error nothing of it is left.

mod refs;
mod schema;
mod settings;
mod sort;
mod spec;
mod statistics;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::metadata::TableMetadata;
use super::requirement::TableRequirement;
use super::snapshot::MetadataLogEntry;
use super::update::TableUpdate;
use crate::base::clock::Timestamp;
use crate::base::error::{Error, Result};

/// How far a timestamp may lie before one that it must follow: clocks of two machines differ.
const TOLERANCE_MS: i64 = 60_000;
/// Former metadata files that are kept in the log where the table does not say.
const PREVIOUS_VERSIONS_DEFAULT: usize = 100;

/// Applies a commit to a table that exists.
///
/// `base_location` is where `base` is stored; it becomes the newest entry of the metadata log. If the
/// updates change nothing, `base` comes back as it is; [`apply_if_changed`] tells the two apart.
///
/// # Errors
/// `Conflict` for a requirement that fails or a snapshot that is stale, `InvalidInput` for an update
/// that cannot be.
pub fn apply(
    base: &TableMetadata,
    base_location: &str,
    requirements: &[TableRequirement],
    updates: &[TableUpdate],
    now: Timestamp,
) -> Result<TableMetadata> {
    let changed = apply_if_changed(base, Some(base_location), requirements, updates, now)?;
    Ok(changed.unwrap_or_else(|| base.clone()))
}

/// As [`apply`]; `None` if the updates change nothing. Without a location the metadata log gets no entry:
/// `base` was never stored.
///
/// # Errors
/// As [`apply`].
pub fn apply_if_changed(
    base: &TableMetadata,
    base_location: Option<&str>,
    requirements: &[TableRequirement],
    updates: &[TableUpdate],
    now: Timestamp,
) -> Result<Option<TableMetadata>> {
    requirements.iter().try_for_each(|requirement| requirement.check(Some(base)))?;
    let now_ms = now.as_millis().max(base.last_updated_ms);
    let mut builder = Builder::new(base.clone(), now_ms);
    updates.iter().try_for_each(|update| builder.update(update))?;
    if !builder.changed {
        return Ok(None);
    }
    if let Some(location) = base_location {
        builder.log_previous(MetadataLogEntry::new(base.last_updated_ms, location.to_owned()));
    }
    builder.finish().map(Some)
}

/// Metadata in the making.
#[derive(Debug)]
pub(super) struct Builder {
    metadata: TableMetadata,
    now_ms: i64,
    changed: bool,
    /// Whether the default spec and order must be checked against the schema again.
    structure_changed: bool,
    last_added_schema: Option<i32>,
    last_added_spec: Option<i32>,
    last_added_order: Option<i32>,
    added_schemas: BTreeSet<i32>,
    added_specs: BTreeSet<i32>,
    added_orders: BTreeSet<i32>,
    added_snapshots: BTreeSet<i64>,
    /// Added snapshots that were main's for a while.
    main_snapshots: BTreeSet<i64>,
    snapshots_removed: bool,
    /// The UUID of a table that is being created, unless an update gives it one.
    uuid_proposed: Option<Arc<str>>,
}

impl Builder {
    pub(super) fn new(metadata: TableMetadata, now_ms: i64) -> Self {
        Self {
            metadata,
            now_ms,
            changed: false,
            structure_changed: false,
            last_added_schema: None,
            last_added_spec: None,
            last_added_order: None,
            added_schemas: BTreeSet::new(),
            added_specs: BTreeSet::new(),
            added_orders: BTreeSet::new(),
            added_snapshots: BTreeSet::new(),
            main_snapshots: BTreeSet::new(),
            snapshots_removed: false,
            uuid_proposed: None,
        }
    }

    /// For a table that is being created, whose UUID is only a proposal.
    pub(super) fn for_new_table(mut metadata: TableMetadata, now_ms: i64) -> Self {
        let uuid_proposed = metadata.uuid.take();
        Self { uuid_proposed, ..Self::new(metadata, now_ms) }
    }

    /// Carries out one update.
    pub(super) fn update(&mut self, update: &TableUpdate) -> Result<()> {
        match update {
            TableUpdate::AssignUuid(uuid) => self.assign_uuid(uuid),
            TableUpdate::UpgradeFormatVersion(version) => self.upgrade_format_version(*version),
            TableUpdate::AddSchema(schema) => self.add_schema(schema).map(drop),
            TableUpdate::SetCurrentSchema(id) => self.set_current_schema(*id),
            TableUpdate::RemoveSchemas(ids) => self.remove_schemas(ids),
            TableUpdate::AddSpec(spec) => self.add_spec(spec).map(drop),
            TableUpdate::SetDefaultSpec(id) => self.set_default_spec(*id),
            TableUpdate::RemovePartitionSpecs(ids) => self.remove_specs(ids),
            TableUpdate::AddSortOrder(order) => self.add_sort_order(order).map(drop),
            TableUpdate::SetDefaultSortOrder(id) => self.set_default_sort_order(*id),
            TableUpdate::AddSnapshot(snapshot) => self.add_snapshot(snapshot),
            TableUpdate::SetSnapshotRef(name, reference) => self.set_ref(name, reference),
            TableUpdate::RemoveSnapshots(ids) => self.remove_snapshots(ids),
            TableUpdate::RemoveSnapshotRef(name) => self.remove_ref(name),
            TableUpdate::SetLocation(location) => self.set_location(location),
            TableUpdate::SetProperties(properties) => self.set_properties(properties),
            TableUpdate::RemoveProperties(names) => self.remove_properties(names),
            TableUpdate::SetStatistics(file) => self.set_statistics(file),
            TableUpdate::RemoveStatistics(id) => self.remove_statistics(*id),
            TableUpdate::SetPartitionStatistics(file) => self.set_partition_statistics(file),
            TableUpdate::RemovePartitionStatistics(id) => self.remove_partition_statistics(*id),
            TableUpdate::AddEncryptionKey(key) => self.add_encryption_key(key),
            TableUpdate::RemoveEncryptionKey(id) => self.remove_encryption_key(id),
        }
    }

    /// Checks that the updates of a creation made everything that a table needs.
    pub(super) fn require_table(&mut self) -> Result<()> {
        if self.metadata.schemas.is_empty() {
            return Err(Error::invalid("Cannot create a table without a schema"));
        }
        if self.metadata.location.is_empty() {
            return Err(Error::invalid("Cannot create a table without a location"));
        }
        self.structure_changed = true;
        Ok(())
    }

    /// Appends a former metadata file to the log and cuts the log to what the table keeps.
    fn log_previous(&mut self, entry: MetadataLogEntry) {
        let keep = self
            .metadata
            .properties
            .get("write.metadata.previous-versions-max")
            .and_then(|text| text.trim().parse::<i64>().ok())
            .map_or(PREVIOUS_VERSIONS_DEFAULT, |max| usize::try_from(max.max(1)).unwrap_or(1));
        let log = Arc::make_mut(&mut self.metadata.metadata_log);
        let excess = (log.len() + 1).saturating_sub(keep);
        log.drain(..excess.min(log.len()));
        log.push(entry);
    }

    /// Checks what must hold for the whole and gives the document out.
    pub(super) fn finish(mut self) -> Result<TableMetadata> {
        if self.structure_changed {
            self.check_structure()?;
        }
        self.correct_snapshot_log()?;
        let metadata = &mut self.metadata;
        metadata.last_updated_ms = self.now_ms;
        if metadata.uuid.is_none() {
            metadata.uuid = self.uuid_proposed.take();
        }
        if metadata.format_version > 1 && metadata.uuid.is_none() {
            return Err(Error::invalid(format!(
                "UUID is required in format v{}",
                metadata.format_version
            )));
        }
        Ok(self.metadata)
    }

    fn check_structure(&self) -> Result<()> {
        let metadata = &self.metadata;
        let schema = metadata.current_schema().ok_or_else(|| {
            Error::invalid(format!(
                "Cannot set current schema to unknown schema: {}",
                metadata.current_schema_id
            ))
        })?;
        if metadata.specs.is_empty() {
            return Err(Error::invalid("Partition specs cannot be null or empty"));
        }
        if metadata.sort_orders.is_empty() {
            return Err(Error::invalid("Sort orders cannot be null or empty"));
        }
        let spec = metadata.spec(metadata.default_spec_id);
        spec.ok_or_else(|| unknown_spec(metadata.default_spec_id))?.check_compatibility(schema)?;
        let order = metadata.sort_order(metadata.default_sort_order_id);
        order
            .ok_or_else(|| unknown_order(metadata.default_sort_order_id))?
            .check_compatibility(schema)
    }
}

fn unknown_spec(id: i32) -> Error {
    Error::invalid(format!("Cannot set default partition spec to unknown spec: {id}"))
}

fn unknown_order(id: i32) -> Error {
    Error::invalid(format!("Cannot set default sort order to unknown sort order: {id}"))
}
