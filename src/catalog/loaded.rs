//! Metadata that one change works with: from the shared cache, and kept for as long as the change lives.
//!
//! So a change that touches more tables than the cache holds still comes to an end.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use super::Catalog;
use super::files::TableFiles;
use super::transaction::Private;
use crate::base::error::Result;
use crate::iceberg::cache::Cached;
use crate::iceberg::table::metadata::TableMetadata;
use crate::iceberg::view::metadata::ViewMetadata;

/// Metadata by location.
pub(super) struct Loaded<T> {
    files: Arc<TableFiles>,
    private: Option<Arc<Private>>,
    kept: Mutex<BTreeMap<String, Arc<T>>>,
}

impl Catalog {
    /// Metadata for one change.
    pub(super) fn loaded<T>(&self) -> Arc<Loaded<T>> {
        let (files, private) = (Arc::clone(&self.files), self.private.clone());
        Arc::new(Loaded { files, private, kept: Mutex::default() })
    }
}

impl<T> Loaded<T> {
    /// Whether nobody but a transaction knows this file, and it may never be written.
    pub(super) fn is_private(&self, location: &str) -> bool {
        self.private_file(location).is_some()
    }

    /// What a file holds that nobody but a transaction knows; it may never be written.
    fn private_file(&self, location: &str) -> Option<Bytes> {
        self.private.as_ref().and_then(|private| private.file(location))
    }

    fn keep(&self, location: &str, cached: Cached<T>) {
        self.kept.lock().insert(location.to_owned(), cached.metadata);
    }

    fn kept(&self, location: &str) -> Option<Arc<T>> {
        self.kept.lock().get(location).map(Arc::clone)
    }
}

impl Loaded<TableMetadata> {
    /// A table's metadata if it is in memory.
    pub(super) fn get(&self, location: &str) -> Option<Arc<TableMetadata>> {
        self.kept(location)
            .or_else(|| self.files.cache().table_if_cached(location).map(|cached| cached.metadata))
    }

    /// Adds metadata that is about to be written.
    pub(super) fn remember(&self, location: &str, metadata: Arc<TableMetadata>, json: Bytes) {
        self.files.cache().insert_table(location, metadata, json);
    }

    /// Reads files.
    ///
    /// # Errors
    /// `NotFound(File)`, `Corrupt`, `Unavailable`.
    pub(super) async fn load(&self, locations: &[String]) -> Result<()> {
        for location in locations {
            let cached = match self.private_file(location) {
                Some(bytes) => self.files.cache().table_from(location, &bytes)?,
                None => self.files.cache().table(self.files.io(), location).await?,
            };
            self.keep(location, cached);
        }
        Ok(())
    }
}

impl Loaded<ViewMetadata> {
    /// A view's metadata if it is in memory.
    pub(super) fn get(&self, location: &str) -> Option<Arc<ViewMetadata>> {
        self.kept(location)
            .or_else(|| self.files.cache().view_if_cached(location).map(|cached| cached.metadata))
    }

    /// Adds metadata that is about to be written.
    pub(super) fn remember(&self, location: &str, metadata: Arc<ViewMetadata>, json: Bytes) {
        self.files.cache().insert_view(location, metadata, json);
    }

    /// Reads files.
    ///
    /// # Errors
    /// `NotFound(File)`, `Corrupt`, `Unavailable`.
    pub(super) async fn load(&self, locations: &[String]) -> Result<()> {
        for location in locations {
            let cached = match self.private_file(location) {
                Some(bytes) => self.files.cache().view_from(location, &bytes)?,
                None => self.files.cache().view(self.files.io(), location).await?,
            };
            self.keep(location, cached);
        }
        Ok(())
    }
}
