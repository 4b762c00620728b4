//! Table files: writing them for the committer, reading them through the cache, confining them to the
//! locations that are allowed, and making local ones durable.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::warehouses::Warehouse;
use super::{Catalog, CatalogOptions};
use crate::base::error::{Error, ErrorKind, Result};
use crate::iceberg::cache::MetadataCache;
use crate::iceberg::io::Files;
use crate::iceberg::location::LocationPolicy;
use crate::store::interface::MetaStore;
use crate::version::committer::{FileSafety, FileSink, NewFile};

/// Pending files that one sync takes at most.
const SYNC_BATCH: usize = 4096;

/// Table files of all warehouses.
#[derive(Debug)]
pub struct TableFiles {
    files: Files,
    cache: MetadataCache,
    runtime: tokio::runtime::Handle,
}

impl TableFiles {
    /// Makes access to files. Remote files are written on this runtime.
    #[must_use]
    pub fn new(files: Files, cache: MetadataCache, runtime: tokio::runtime::Handle) -> Self {
        Self { files, cache, runtime }
    }

    /// Reading and writing by location.
    #[must_use]
    pub const fn io(&self) -> &Files {
        &self.files
    }

    /// Metadata in memory.
    #[must_use]
    pub const fn cache(&self) -> &MetadataCache {
        &self.cache
    }

    /// Where the tables of a warehouse may lie.
    ///
    /// # Errors
    /// `InvalidInput` if an allowed location is malformed.
    pub fn policy(
        &self,
        warehouse: &Warehouse,
        options: &CatalogOptions,
    ) -> Result<LocationPolicy> {
        let roots = std::iter::once(warehouse.location.as_str())
            .chain(options.allowed_locations.iter().map(String::as_str));
        LocationPolicy::new(roots)
    }

    /// Checks the location of a new warehouse: a URL below the server's root or an allowed location.
    /// Returns it without a trailing slash.
    ///
    /// # Errors
    /// `InvalidInput`.
    pub fn check_root(&self, location: &str, options: &CatalogOptions) -> Result<String> {
        let roots = std::iter::once(options.warehouse_root.as_str())
            .chain(options.allowed_locations.iter().map(String::as_str));
        let policy = LocationPolicy::new(roots)?;
        let normal = self.files.check_location(&policy, location)?;
        Ok(normal.to_string())
    }

    async fn write_remote(&self, files: &[NewFile]) -> Vec<Result<FileSafety>> {
        let writes = files.iter().map(|file| async {
            self.files.create(&file.location, file.bytes.clone()).await?;
            Ok(FileSafety::Durable)
        });
        futures::future::join_all(writes).await
    }
}

impl FileSink for TableFiles {
    fn write(&self, files: &[NewFile]) -> Vec<Result<FileSafety>> {
        let remote: Vec<NewFile> =
            files.iter().filter(|file| !Files::is_local(&file.location)).cloned().collect();
        let mut remote = if remote.is_empty() {
            Vec::new().into_iter()
        } else {
            self.runtime.block_on(self.write_remote(&remote)).into_iter()
        };
        files
            .iter()
            .map(|file| {
                if Files::is_local(&file.location) {
                    self.files.write_local_unsynced(&file.location, &file.bytes)?;
                    return Ok(FileSafety::Visible);
                }
                remote.next().unwrap_or_else(|| Err(Error::internal("a file write has no outcome")))
            })
            .collect()
    }
}

/// Properties that say where parts of a table or view lie.
pub(super) const PATH_PROPERTIES: [&str; 2] = ["write.metadata.path", "write.data.path"];

impl Catalog {
    /// Checks the places that properties from a client name, symbolic links included.
    ///
    /// # Errors
    /// `InvalidInput` for one that is malformed or lies elsewhere.
    pub(super) fn check_path_properties(
        &self,
        policy: &LocationPolicy,
        properties: &BTreeMap<String, String>,
    ) -> Result<()> {
        for location in PATH_PROPERTIES.iter().filter_map(|key| properties.get(*key)) {
            self.files.io().check_location(policy, location)?;
        }
        Ok(())
    }

    /// Makes pending local files durable and forgets their bytes; returns how many. Called every
    /// moment by a background task, and once before a server stops.
    ///
    /// # Errors
    /// `Unavailable` if a file cannot be synced; its bytes are kept then.
    pub async fn sync_files(&self) -> Result<usize> {
        let pending = self.repository.store().begin_read()?.pending_files(None, SYNC_BATCH)?;
        if pending.is_empty() {
            return Ok(0);
        }
        let files = Arc::clone(&self.files);
        let (sequences, batch): (Vec<u64>, Vec<(String, Bytes)>) =
            pending.into_iter().map(|file| (file.sequence, (file.location, file.bytes))).unzip();
        let count = sequences.len();
        tokio::task::spawn_blocking(move || -> Result<()> {
            let locations: Vec<&str> =
                batch.iter().map(|(location, _)| location.as_str()).collect();
            match files.files.sync_local(&locations) {
                // Somebody took a file away: put it back from the bytes kept here. The others are as
                // little durable as before.
                Err(error) if matches!(error.kind(), ErrorKind::NotFound(_)) => {
                    for (location, bytes) in &batch {
                        files.files.restore_local(location, bytes)?;
                    }
                    files.files.sync_local(&locations)
                }
                // What the system failed to write it may call written when asked again: write it anew.
                Err(error) => {
                    tracing::warn!(error = error.chain(), "metadata files were not synced");
                    batch.iter().try_for_each(|(location, bytes)| {
                        files.files.rewrite_local(location, bytes)
                    })
                }
                Ok(()) => Ok(()),
            }
        })
        .await
        .map_err(|error| Error::internal("syncing files failed").with_source(error))??;
        self.committer.files_synced(sequences).await?;
        Ok(count)
    }
}

/// Puts back local files that a crash took after their commits were acknowledged; returns how many.
/// Called before a server answers.
///
/// # Errors
/// If the store cannot be read or a file cannot be written.
pub fn restore_files(store: &dyn MetaStore, files: &Files) -> Result<usize> {
    let mut after = None;
    let mut restored = 0;
    loop {
        let pending = store.begin_read()?.pending_files(after, SYNC_BATCH)?;
        let Some(last) = pending.last() else { return Ok(restored) };
        after = Some(last.sequence);
        for file in &pending {
            if files.restore_local(&file.location, &file.bytes)? {
                restored += 1;
            }
        }
    }
}
