//! Writing to an Iceberg table: rows become data files, data files become one snapshot.
//!
//! Knows nothing of SQL, of sessions and of branches. What comes out are the requirements and updates of
//! a commit, which whoever asked hands to the catalog; until that commit, nothing that was written here is
//! part of any table. Start reading at [`SnapshotWrite`].
//!
//! Invariants: a file is written once, under a name that nobody else has, and is durable before a manifest
//! names it. What a snapshot does not change it carries over as it is, delete files included.

mod bounds;
mod columns;
mod data;
mod manifests;
mod parquet_file;
mod partitions;
mod paths;
mod snapshot;
mod summary;
mod transforms;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use apache_iceberg::spec as library;

pub use columns::table_arrow_schema;

use super::error::{SqlError, SqlResult};
use super::outcome::RowStream;
use super::spec;
use crate::base::clock::Timestamp;
use crate::base::entropy::SharedEntropy;
use crate::iceberg::io::Files;
use crate::iceberg::table::metadata::TableMetadata;
use crate::iceberg::table::requirement::TableRequirement;
use crate::iceberg::table::update::TableUpdate;

/// A data file that was written and is not yet part of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataFile {
    file: library::DataFile,
    form: Form,
}

/// What a data file was written for; in another form of the table it would be read wrongly.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Form {
    table: uuid::Uuid,
    schema_id: i32,
    spec_id: i32,
}

impl DataFile {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &str {
        self.file.file_path()
    }

    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.file.record_count()
    }

    /// How long it is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.file.file_size_in_bytes()
    }

    /// What a manifest says of it: partition, sizes, counts, bounds.
    #[must_use]
    pub fn entry(&self) -> &library::DataFile {
        &self.file
    }
}

/// What a commit to the table has to ask for, and what it will have done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TableUpdates {
    /// What is taken for granted.
    pub requirements: Vec<TableRequirement>,
    /// What changes; empty if there is nothing to change, and then no commit is needed.
    pub updates: Vec<TableUpdate>,
    /// The new snapshot.
    pub snapshot_id: Option<i64>,
    /// Rows of the files that were added.
    pub rows_added: u64,
    /// Rows of the files that were removed.
    pub rows_removed: u64,
    /// Files that were added.
    pub files_added: u64,
    /// Data files that were removed.
    pub files_removed: u64,
}

impl TableUpdates {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }
}

/// One write to one table as it is described by a metadata document.
#[derive(Clone)]
pub struct SnapshotWrite<'a> {
    files: &'a Files,
    metadata: &'a TableMetadata,
    table: Arc<library::TableMetadata>,
    entropy: &'a SharedEntropy,
    now: Timestamp,
}

impl fmt::Debug for SnapshotWrite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotWrite")
            .field("location", &self.metadata.location())
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

impl<'a> SnapshotWrite<'a> {
    /// Prepares a write. Nothing is read or written yet.
    ///
    /// # Errors
    /// `FeatureNotSupported` for a table of format version 3, and for one that the Iceberg library cannot
    /// hold.
    pub fn new(
        files: &'a Files,
        metadata: &'a TableMetadata,
        entropy: &'a SharedEntropy,
        now: Timestamp,
    ) -> SqlResult<Self> {
        if metadata.format_version() > 2 {
            return Err(SqlError::unsupported(format_args!(
                "writing to a table of format version {}",
                metadata.format_version()
            )));
        }
        let table = spec::table(metadata)?;
        Ok(Self { files, metadata, table, entropy, now })
    }

    fn form(&self) -> Form {
        Form {
            table: self.table.uuid(),
            schema_id: self.table.current_schema_id(),
            spec_id: self.table.default_partition_spec_id(),
        }
    }

    /// Writes rows as data files of the table's current schema and default partition spec. The columns of
    /// the rows stand in the order of [`table_arrow_schema`] and have its types, or other encodings of
    /// them (string views, dictionaries). No rows make no files.
    ///
    /// If it fails, files that were written before stay behind, unknown to any table.
    ///
    /// # Errors
    /// `NotNullViolation`, `DatatypeMismatch`, what the stream of rows ends with, what the table's
    /// properties ask for and is not known, and failures of the storage.
    pub async fn write_data(&self, rows: RowStream) -> SqlResult<Vec<DataFile>> {
        data::write(self, rows).await
    }

    /// A snapshot with more files.
    ///
    /// # Errors
    /// `SerializationFailure` for files that were written for other columns or partitions than the table
    /// has; if the current snapshot cannot be read or the new one not be written.
    pub async fn append(&self, added: Vec<DataFile>) -> SqlResult<TableUpdates> {
        snapshot::change(self, added, &snapshot::Removal::Nothing).await
    }

    /// A snapshot in which files stand in place of others, which are named by their paths.
    ///
    /// # Errors
    /// As [`SnapshotWrite::append`]; `InternalError` for a path that is not in the current snapshot.
    pub async fn overwrite(
        &self,
        added: Vec<DataFile>,
        removed: &BTreeSet<String>,
    ) -> SqlResult<TableUpdates> {
        snapshot::change(self, added, &snapshot::Removal::Files(removed)).await
    }

    /// A snapshot without any files. Nothing changes in a table that has none.
    ///
    /// # Errors
    /// As [`SnapshotWrite::append`].
    pub async fn delete_all(&self) -> SqlResult<TableUpdates> {
        snapshot::change(self, Vec::new(), &snapshot::Removal::Everything).await
    }
}
