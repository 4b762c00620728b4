//! The live files of a snapshot, from its manifests.

use std::sync::Arc;

use apache_iceberg::spec::{
    self, DataContentType, DataFileFormat, FormatVersion, Manifest, ManifestContentType,
    ManifestEntry, ManifestEntryRef, ManifestFile, ManifestList, ManifestStatus,
};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};

use super::deletes::index::DeleteIndex;
use crate::base::limits::{MANIFEST_CACHE_BYTES, MANIFESTS_AT_ONCE};
use crate::iceberg::io::Files;
use crate::iceberg::location::LocationPolicy;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::spec::failure;

/// A live data file.
#[derive(Clone, Debug)]
pub struct LiveFile {
    /// Its place among the live files of the snapshot.
    pub index: u32,
    /// Its partition spec.
    pub spec_id: i32,
    /// Its data sequence number, by which deletions apply to it.
    pub sequence: Option<i64>,
    entry: ManifestEntryRef,
}

/// The live files of a snapshot.
#[derive(Default, Debug)]
pub(super) struct Live {
    pub(super) files: Vec<LiveFile>,
    pub(super) deletes: DeleteIndex,
}

impl std::ops::Deref for LiveFile {
    type Target = ManifestEntry;

    fn deref(&self) -> &ManifestEntry {
        &self.entry
    }
}

/// Manifests in memory by location: a manifest never changes.
#[derive(Debug)]
pub(super) struct ManifestCache {
    manifests: quick_cache::sync::Cache<String, Arc<Manifest>, Weight>,
}

#[derive(Clone, Debug)]
struct Weight;

impl quick_cache::Weighter<String, Arc<Manifest>> for Weight {
    fn weight(&self, key: &String, manifest: &Arc<Manifest>) -> u64 {
        // An entry with bounds of a dozen columns takes about this much.
        const ENTRY_BYTES: u64 = 2048;
        key.len() as u64 + ENTRY_BYTES * (1 + manifest.entries().len() as u64)
    }
}

impl Default for ManifestCache {
    fn default() -> Self {
        Self {
            manifests: quick_cache::sync::Cache::with_weighter(1024, MANIFEST_CACHE_BYTES, Weight),
        }
    }
}

impl ManifestCache {
    async fn get(
        &self,
        files: &Files,
        policy: &LocationPolicy,
        file: &ManifestFile,
    ) -> SqlResult<Arc<Manifest>> {
        if let Some(known) = self.manifests.get(&file.manifest_path) {
            return Ok(known);
        }
        if file.key_metadata.is_some() {
            return Err(SqlError::unsupported("reading an encrypted table"));
        }
        let bytes = read(files, policy, &file.manifest_path).await?;
        let manifest = Manifest::parse_avro(&bytes).map_err(|error| failure(&error))?;
        let manifest = Arc::new(manifest);
        self.manifests.insert(file.manifest_path.clone(), Arc::clone(&manifest));
        Ok(manifest)
    }
}

/// Reads a file that table metadata name, which must lie where tables of the warehouse may.
async fn read(files: &Files, policy: &LocationPolicy, location: &str) -> SqlResult<Bytes> {
    files.check_location(policy, location)?;
    Ok(files.read(location).await?)
}

/// Finds the live files of a snapshot.
///
/// # Errors
/// `FeatureNotSupported` for files that are not read, `DataCorrupted` for manifests that cannot be read.
pub(super) async fn live_files(
    cache: &ManifestCache,
    files: &Files,
    policy: &LocationPolicy,
    table: &spec::TableMetadata,
    snapshot: &spec::Snapshot,
) -> SqlResult<Live> {
    let list = snapshot.manifest_list();
    if list.is_empty() {
        return Err(SqlError::unsupported("reading a snapshot without a manifest list"));
    }
    let bytes = read(files, policy, list).await?;
    // A table may have been upgraded since; snapshots of format version 1 have no sequence number.
    let version = match snapshot.sequence_number() {
        0 => FormatVersion::V1,
        _ => table.format_version(),
    };
    let list =
        ManifestList::parse_with_version(&bytes, version).map_err(|error| failure(&error))?;
    let mut pending = Vec::new();
    for manifest in list.consume_entries() {
        if manifest.has_added_files() || manifest.has_existing_files() {
            pending.push(async move {
                let found = cache.get(files, policy, &manifest).await?;
                Ok::<_, SqlError>((manifest, found))
            });
        }
    }
    let read: Vec<(ManifestFile, Arc<Manifest>)> =
        futures::stream::iter(pending).buffered(MANIFESTS_AT_ONCE).try_collect().await?;
    let mut live = Live::default();
    for (file, manifest) in read {
        for entry in manifest.entries().iter().filter(|entry| entry.is_alive()) {
            check(entry)?;
            let (spec_id, sequence) = (file.partition_spec_id, sequence(entry, &file));
            let entry = Arc::clone(entry);
            match (file.content, entry.content_type()) {
                (ManifestContentType::Data, DataContentType::Data) => {
                    policy.check(entry.file_path())?;
                    let index = u32::try_from(live.files.len()).map_err(|_| {
                        let message = "the table has too many data files";
                        SqlError::new(SqlState::ProgramLimitExceeded, message)
                    })?;
                    live.files.push(LiveFile { index, spec_id, sequence, entry });
                }
                (ManifestContentType::Deletes, DataContentType::PositionDeletes)
                | (ManifestContentType::Deletes, DataContentType::EqualityDeletes) => {
                    live.deletes.add(table, entry, spec_id, sequence)?;
                }
                _ => return Err(misplaced(&entry, &file)),
            }
        }
    }
    Ok(live)
}

/// An entry's data sequence number. Only a new entry, or one from before sequence numbers, may leave it to
/// the list.
fn sequence(entry: &ManifestEntry, manifest: &ManifestFile) -> Option<i64> {
    let inherits = entry.status() == ManifestStatus::Added || manifest.sequence_number == 0;
    entry.sequence_number().or_else(|| inherits.then_some(manifest.sequence_number))
}

fn misplaced(entry: &ManifestEntry, manifest: &ManifestFile) -> SqlError {
    SqlError::new(
        SqlState::DataCorrupted,
        format!(
            "the manifest {} is of {} and holds {}, which is not",
            manifest.manifest_path,
            manifest.content,
            entry.file_path()
        ),
    )
}

fn check(entry: &ManifestEntry) -> SqlResult<()> {
    let data = entry.content_type() == DataContentType::Data;
    if data && entry.file_format() != DataFileFormat::Parquet {
        return Err(SqlError::unsupported(format_args!(
            "reading {}, which is {:?} and not Parquet,",
            entry.file_path(),
            entry.file_format()
        )));
    }
    if entry.data_file().key_metadata().is_some() {
        return Err(SqlError::new(
            SqlState::FeatureNotSupported,
            format!("{} is encrypted", entry.file_path()),
        ));
    }
    Ok(())
}
