//! Manifests and manifest lists: reading those of the table, writing new ones.
//!
//! The Iceberg library encodes into memory; the bytes are put away by the project's own files, so that
//! they are durable and reach every kind of storage.

use std::sync::Arc;

use apache_iceberg::io::{FileIO, OutputFile};
use apache_iceberg::spec::{
    FormatVersion, Manifest, ManifestContentType, ManifestEntry, ManifestFile, ManifestList,
    ManifestListWriter, ManifestStatus, ManifestWriter, ManifestWriterBuilder, PartitionSpec,
    SchemaRef,
};

use super::SnapshotWrite;
use super::partitions::check_writable;
use crate::iceberg::table::snapshot::Snapshot;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::spec::failure;

/// Where bytes wait in memory; the name means nothing.
const SCRATCH: &str = "memory:/scratch";

/// The manifests of a snapshot.
pub(super) async fn read_list(
    write: &SnapshotWrite<'_>,
    snapshot: &Snapshot,
) -> SqlResult<Vec<ManifestFile>> {
    let Some(location) = &snapshot.manifest_list else {
        return Err(SqlError::unsupported(
            "writing to a table whose snapshot has no manifest list",
        ));
    };
    let bytes = write.files.read(location).await?;
    // A table may have been upgraded since; snapshots of format version 1 have no sequence number.
    let version = match snapshot.sequence_number {
        0 => FormatVersion::V1,
        _ => write.table.format_version(),
    };
    let list = ManifestList::parse_with_version(&bytes, version)
        .map_err(|error| unreadable(location, &error))?;
    Ok(list.entries().to_vec())
}

/// Whether a manifest has files that are part of the table; unknown counts as yes.
pub(super) fn is_live(manifest: &ManifestFile) -> bool {
    manifest.has_added_files() || manifest.has_existing_files()
}

/// A manifest's entries with what they inherit from the list, and how it was written.
pub(super) struct Read {
    pub(super) entries: Vec<Arc<ManifestEntry>>,
    schema: SchemaRef,
    spec: PartitionSpec,
    content: ManifestContentType,
}

/// Reads a manifest.
pub(super) async fn read(write: &SnapshotWrite<'_>, manifest: &ManifestFile) -> SqlResult<Read> {
    let location = &manifest.manifest_path;
    if manifest.key_metadata.as_ref().is_some_and(|key| !key.is_empty()) {
        return Err(SqlError::unsupported("changing an encrypted table"));
    }
    let bytes = write.files.read(location).await?;
    let parsed = Manifest::parse_avro(&bytes).map_err(|error| unreadable(location, &error))?;
    let (entries, metadata) = parsed.into_parts();
    let entries = entries.into_iter().map(|entry| inherit(entry, manifest)).collect();
    Ok(Read {
        entries,
        schema: Arc::clone(metadata.schema()),
        spec: metadata.partition_spec().clone().with_spec_id(manifest.partition_spec_id),
        content: manifest.content,
    })
}

/// Fills in what an entry leaves to the list. Only a new entry, or one from before sequence numbers, may
/// leave its numbers out.
fn inherit(mut entry: Arc<ManifestEntry>, manifest: &ManifestFile) -> Arc<ManifestEntry> {
    let complete = entry.snapshot_id.is_some()
        && entry.sequence_number.is_some()
        && entry.file_sequence_number.is_some();
    if complete {
        return entry;
    }
    let may = entry.status == ManifestStatus::Added || manifest.sequence_number == 0;
    let inherited = may.then_some(manifest.sequence_number);
    let own = Arc::make_mut(&mut entry);
    own.snapshot_id = own.snapshot_id.or(Some(manifest.added_snapshot_id));
    own.sequence_number = own.sequence_number.or(inherited);
    own.file_sequence_number = own.file_sequence_number.or(inherited);
    entry
}

/// Counts what a manifest list of format version 1 may leave open and one of version 2 may not.
pub(super) async fn fill_counts(
    write: &SnapshotWrite<'_>,
    manifest: &mut ManifestFile,
) -> SqlResult<()> {
    let known = manifest.added_files_count.is_some()
        && manifest.existing_files_count.is_some()
        && manifest.deleted_files_count.is_some()
        && manifest.added_rows_count.is_some()
        && manifest.existing_rows_count.is_some()
        && manifest.deleted_rows_count.is_some();
    if known || write.table.format_version() == FormatVersion::V1 {
        return Ok(());
    }
    let read = read(write, manifest).await?;
    let count = |status: ManifestStatus| {
        let entries = read.entries.iter().filter(|entry| entry.status == status);
        entries.fold((0_u32, 0_u64), |(files, rows), entry| {
            (files.saturating_add(1), rows.saturating_add(entry.record_count()))
        })
    };
    let (files, rows) = count(ManifestStatus::Added);
    (manifest.added_files_count, manifest.added_rows_count) = (Some(files), Some(rows));
    let (files, rows) = count(ManifestStatus::Existing);
    (manifest.existing_files_count, manifest.existing_rows_count) = (Some(files), Some(rows));
    let (files, rows) = count(ManifestStatus::Deleted);
    (manifest.deleted_files_count, manifest.deleted_rows_count) = (Some(files), Some(rows));
    Ok(())
}

/// Writes manifests of one snapshot.
pub(super) struct ManifestFiles<'a> {
    write: &'a SnapshotWrite<'a>,
    snapshot_id: i64,
    directory: String,
    /// Makes the names of this snapshot's files unique.
    token: uuid::Uuid,
    written: usize,
}

impl<'a> ManifestFiles<'a> {
    pub(super) fn new(write: &'a SnapshotWrite<'a>, snapshot_id: i64) -> Self {
        let metadata = write.metadata;
        let directory = match metadata.properties().get("write.metadata.path") {
            Some(path) => path.trim_end_matches('/').to_owned(),
            None => format!("{}/metadata", metadata.location().trim_end_matches('/')),
        };
        let token = crate::base::entropy::uuid_v4(&**write.entropy);
        Self { write, snapshot_id, directory, token, written: 0 }
    }

    /// The snapshot that the files belong to.
    pub(super) fn snapshot_id(&self) -> i64 {
        self.snapshot_id
    }

    /// Starts a manifest for new data files.
    pub(super) fn start_new(&self) -> SqlResult<OpenManifest> {
        let schema = Arc::clone(self.write.table.current_schema());
        let spec = self.write.table.default_partition_spec().as_ref().clone();
        self.start(schema, spec, ManifestContentType::Data)
    }

    /// Starts a manifest in place of one that was read.
    pub(super) fn start_again(&self, read: &Read) -> SqlResult<OpenManifest> {
        self.start(Arc::clone(&read.schema), read.spec.clone(), read.content)
    }

    fn start(
        &self,
        schema: SchemaRef,
        spec: PartitionSpec,
        content: ManifestContentType,
    ) -> SqlResult<OpenManifest> {
        let values = spec.partition_type(&schema).map_err(|error| failure(&error))?;
        check_writable(&values)?;
        let (io, output) = scratch()?;
        let id = Some(self.snapshot_id);
        let builder = ManifestWriterBuilder::new(output, id, schema, spec);
        let writer = match (self.write.table.format_version(), content) {
            (FormatVersion::V1, ManifestContentType::Data) => builder.build_v1(),
            (FormatVersion::V2, ManifestContentType::Data) => builder.build_v2_data(),
            (FormatVersion::V2, ManifestContentType::Deletes) => builder.build_v2_deletes(),
            (version, _) => {
                return Err(SqlError::unsupported(format_args!(
                    "writing such a manifest in format version {version}"
                )));
            }
        };
        Ok(OpenManifest { io, writer })
    }

    /// Puts a manifest away; answers its entry for the list.
    pub(super) async fn finish(&mut self, open: OpenManifest) -> SqlResult<ManifestFile> {
        let OpenManifest { io, writer } = open;
        let mut manifest = writer.write_manifest_file().await.map_err(|error| failure(&error))?;
        let path = format!("{}/{}-m{}.avro", self.directory, self.token, self.written);
        self.written += 1;
        self.put(&io, &path).await?;
        manifest.manifest_path = path;
        Ok(manifest)
    }

    /// Writes the list; answers where it is.
    pub(super) async fn finish_list(
        &self,
        manifests: Vec<ManifestFile>,
        parent: Option<i64>,
        sequence_number: i64,
    ) -> SqlResult<String> {
        let (io, output) = scratch()?;
        let file = output.writer().await.map_err(|error| failure(&error))?;
        let id = self.snapshot_id;
        let mut writer = match self.write.table.format_version() {
            FormatVersion::V1 => ManifestListWriter::v1(file, id, parent),
            FormatVersion::V2 => ManifestListWriter::v2(file, id, parent, sequence_number),
            FormatVersion::V3 => {
                return Err(SqlError::unsupported("writing to a table of format version 3"));
            }
        };
        writer.add_manifests(manifests.into_iter()).map_err(|error| failure(&error))?;
        writer.close().await.map_err(|error| failure(&error))?;
        let path = format!("{}/snap-{id}-1-{}.avro", self.directory, self.token);
        self.put(&io, &path).await?;
        Ok(path)
    }

    async fn put(&self, io: &FileIO, path: &str) -> SqlResult<()> {
        let input = io.new_input(SCRATCH).map_err(|error| failure(&error))?;
        let bytes = input.read().await.map_err(|error| failure(&error))?;
        Ok(self.write.files.create(path, bytes).await?)
    }
}

/// A manifest that is being written.
pub(super) struct OpenManifest {
    io: FileIO,
    writer: ManifestWriter,
}

impl OpenManifest {
    /// Adds a new file.
    pub(super) fn add(&mut self, file: &super::DataFile) -> SqlResult<()> {
        // A negative sequence number stands for the snapshot's own, whatever it will be.
        self.writer.add_file(file.entry().clone(), -1).map_err(|error| failure(&error))
    }

    /// Takes over an entry of another manifest, as it is or as removed by this snapshot.
    pub(super) fn take_over(&mut self, entry: &ManifestEntry, removed: bool) -> SqlResult<()> {
        let (file, file_sequence) = (entry.data_file.clone(), entry.file_sequence_number);
        let (Some(snapshot), Some(sequence)) = (entry.snapshot_id, entry.sequence_number) else {
            return Err(SqlError::new(
                SqlState::DataCorrupted,
                format!("a manifest does not say when {} was added", entry.file_path()),
            ));
        };
        let taken = if removed {
            self.writer.add_delete_file(file, sequence, file_sequence)
        } else {
            self.writer.add_existing_file(file, snapshot, sequence, file_sequence)
        };
        taken.map_err(|error| failure(&error))
    }
}

fn scratch() -> SqlResult<(FileIO, OutputFile)> {
    let io = FileIO::new_with_memory();
    let output = io.new_output(SCRATCH).map_err(|error| failure(&error))?;
    Ok((io, output))
}

fn unreadable(location: &str, error: &apache_iceberg::Error) -> SqlError {
    SqlError::new(
        SqlState::DataCorrupted,
        format!("{location} cannot be read: {}", error.message()),
    )
}
