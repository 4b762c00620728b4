//! The metadata document of one table.
//!
//! Cheap to clone: every list is shared until it is changed. The typed view holds what a catalog decides
//! on; each schema, spec, order, snapshot and file record carries its own JSON text, and top-level fields
//! that are not known are kept in [`TableMetadata::other_fields`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::partition::PartitionSpec;
use super::schema::Schema;
use super::snapshot::{
    EncryptionKey, MetadataLogEntry, Snapshot, SnapshotLogEntry, SnapshotRef, StatisticsFile,
};
use super::sort::SortOrder;

/// The newest format version that is understood.
pub const FORMAT_VERSION_MAX: i32 = 3;
/// The format version of a table that asks for none.
pub const FORMAT_VERSION_DEFAULT: i32 = 2;

/// The metadata of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TableMetadata {
    pub(super) format_version: i32,
    pub(super) uuid: Option<Arc<str>>,
    pub(super) location: Arc<str>,
    pub(super) last_sequence_number: i64,
    pub(super) last_updated_ms: i64,
    pub(super) last_column_id: i32,
    pub(super) current_schema_id: i32,
    pub(super) schemas: Arc<Vec<Arc<Schema>>>,
    pub(super) default_spec_id: i32,
    pub(super) specs: Arc<Vec<Arc<PartitionSpec>>>,
    pub(super) last_partition_id: i32,
    pub(super) default_sort_order_id: i32,
    pub(super) sort_orders: Arc<Vec<Arc<SortOrder>>>,
    pub(super) properties: Arc<BTreeMap<String, String>>,
    pub(super) current_snapshot_id: Option<i64>,
    pub(super) next_row_id: i64,
    pub(super) encryption_keys: Arc<Vec<EncryptionKey>>,
    pub(super) refs: Arc<BTreeMap<String, SnapshotRef>>,
    pub(super) snapshots: Arc<Vec<Arc<Snapshot>>>,
    pub(super) statistics: Arc<Vec<StatisticsFile>>,
    pub(super) partition_statistics: Arc<Vec<StatisticsFile>>,
    pub(super) snapshot_log: Arc<Vec<SnapshotLogEntry>>,
    pub(super) metadata_log: Arc<Vec<MetadataLogEntry>>,
    pub(super) other: Arc<Vec<(String, Arc<str>)>>,
}

impl TableMetadata {
    /// 1, 2 or 3.
    #[must_use]
    pub const fn format_version(&self) -> i32 {
        self.format_version
    }

    /// The table's UUID as written; only a table of format version 1 may have none.
    #[must_use]
    pub fn uuid(&self) -> Option<&str> {
        self.uuid.as_deref()
    }

    /// The table's root, without a trailing slash.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The highest sequence number given out.
    #[must_use]
    pub const fn last_sequence_number(&self) -> i64 {
        self.last_sequence_number
    }

    /// When this document was made, in milliseconds since 1970.
    #[must_use]
    pub const fn last_updated_ms(&self) -> i64 {
        self.last_updated_ms
    }

    /// The highest field id given out.
    #[must_use]
    pub const fn last_column_id(&self) -> i32 {
        self.last_column_id
    }

    /// The number of the current schema.
    #[must_use]
    pub const fn current_schema_id(&self) -> i32 {
        self.current_schema_id
    }

    /// All schemas.
    #[must_use]
    pub fn schemas(&self) -> &[Arc<Schema>] {
        &self.schemas
    }

    /// A schema by number.
    #[must_use]
    pub fn schema(&self, id: i32) -> Option<&Arc<Schema>> {
        self.schemas.iter().find(|schema| schema.id() == id)
    }

    /// The current schema; parsing makes sure that it is there.
    #[must_use]
    pub fn current_schema(&self) -> Option<&Arc<Schema>> {
        self.schema(self.current_schema_id)
    }

    /// The number of the spec for new files.
    #[must_use]
    pub const fn default_spec_id(&self) -> i32 {
        self.default_spec_id
    }

    /// All partition specs.
    #[must_use]
    pub fn specs(&self) -> &[Arc<PartitionSpec>] {
        &self.specs
    }

    /// A partition spec by number.
    #[must_use]
    pub fn spec(&self, id: i32) -> Option<&Arc<PartitionSpec>> {
        self.specs.iter().find(|spec| spec.id() == id)
    }

    /// The highest partition field id given out.
    #[must_use]
    pub const fn last_partition_id(&self) -> i32 {
        self.last_partition_id
    }

    /// The number of the sort order for new files.
    #[must_use]
    pub const fn default_sort_order_id(&self) -> i32 {
        self.default_sort_order_id
    }

    /// All sort orders.
    #[must_use]
    pub fn sort_orders(&self) -> &[Arc<SortOrder>] {
        &self.sort_orders
    }

    /// A sort order by number.
    #[must_use]
    pub fn sort_order(&self, id: i32) -> Option<&Arc<SortOrder>> {
        self.sort_orders.iter().find(|order| order.id() == id)
    }

    /// The table's properties.
    #[must_use]
    pub fn properties(&self) -> &BTreeMap<String, String> {
        &self.properties
    }

    /// The current snapshot's id, unless the table is empty.
    #[must_use]
    pub const fn current_snapshot_id(&self) -> Option<i64> {
        self.current_snapshot_id
    }

    /// The current snapshot.
    #[must_use]
    pub fn current_snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.current_snapshot_id.and_then(|id| self.snapshot(id))
    }

    /// The row id that the next new row gets (format version 3).
    #[must_use]
    pub const fn next_row_id(&self) -> i64 {
        self.next_row_id
    }

    /// Wrapped encryption keys.
    #[must_use]
    pub fn encryption_keys(&self) -> &[EncryptionKey] {
        &self.encryption_keys
    }

    /// Branches and tags of the table.
    #[must_use]
    pub fn refs(&self) -> &BTreeMap<String, SnapshotRef> {
        &self.refs
    }

    /// All snapshots.
    #[must_use]
    pub fn snapshots(&self) -> &[Arc<Snapshot>] {
        &self.snapshots
    }

    /// A snapshot by id.
    #[must_use]
    pub fn snapshot(&self, id: i64) -> Option<&Arc<Snapshot>> {
        // The newest ones are asked for most.
        self.snapshots.iter().rev().find(|snapshot| snapshot.id == id)
    }

    /// Statistics files.
    #[must_use]
    pub fn statistics(&self) -> &[StatisticsFile] {
        &self.statistics
    }

    /// Partition statistics files.
    #[must_use]
    pub fn partition_statistics(&self) -> &[StatisticsFile] {
        &self.partition_statistics
    }

    /// Which snapshot was current when.
    #[must_use]
    pub fn snapshot_log(&self) -> &[SnapshotLogEntry] {
        &self.snapshot_log
    }

    /// Metadata files before this one.
    #[must_use]
    pub fn metadata_log(&self) -> &[MetadataLogEntry] {
        &self.metadata_log
    }

    /// Top-level fields that are not known, with their JSON text.
    #[must_use]
    pub fn other_fields(&self) -> &[(String, Arc<str>)] {
        &self.other
    }

    /// Gives a UUID to a table of format version 1 that has none.
    pub fn ensure_uuid(&mut self, uuid: &str) {
        if self.uuid.is_none() {
            self.uuid = Some(Arc::from(uuid));
        }
    }
}
