//! Parsed and serialized metadata by location. Files never change, so an entry is never stale.

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::io::Files;
use super::table::metadata::TableMetadata;
use super::view::metadata::ViewMetadata;
use crate::base::error::{Error, ErrorKind, Result};
use crate::base::limits::METADATA_CACHE_BYTES;

/// A document in both forms.
#[derive(Clone, Debug)]
pub struct Cached<T> {
    /// Parsed.
    pub metadata: Arc<T>,
    /// Serialized, compact.
    pub json: Bytes,
}

#[derive(Clone, Debug)]
enum Entry {
    Table(Cached<TableMetadata>),
    View(Cached<ViewMetadata>),
}

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<String, Entry> for Weight {
    fn weight(&self, key: &String, entry: &Entry) -> u64 {
        let json = match entry {
            Entry::Table(cached) => cached.json.len(),
            Entry::View(cached) => cached.json.len(),
        };
        // The parsed form holds the text of its parts again, and small structures around it.
        (json * 3 + key.len() + 2048) as u64
    }
}

/// Metadata of tables and views by location, within a budget of bytes.
#[derive(Debug)]
pub struct MetadataCache {
    entries: Cache<String, Entry, Weight>,
}

impl Default for MetadataCache {
    fn default() -> Self {
        Self::new(METADATA_CACHE_BYTES)
    }
}

impl MetadataCache {
    /// Makes an empty cache that keeps so many bytes.
    #[must_use]
    pub fn new(bytes_max: u64) -> Self {
        let expected = usize::try_from(bytes_max / 32_768).unwrap_or(1024).max(16);
        Self { entries: Cache::with_weighter(expected, bytes_max, Weight) }
    }

    /// The metadata of a table; reads the file at most once however many ask for it.
    ///
    /// # Errors
    /// As [`Files::read`]; `Corrupt` if the file holds no table metadata.
    pub async fn table(&self, files: &Files, location: &str) -> Result<Cached<TableMetadata>> {
        let entry = self.load(location, async {
            let bytes = files.read_metadata(location).await?;
            Ok(Entry::Table(parse_table(location, &bytes)?))
        });
        match entry.await? {
            Entry::Table(cached) => Ok(cached),
            Entry::View(_) => Err(Error::corrupt(format!("{location} holds a view, not a table"))),
        }
    }

    /// The metadata of a view; reads the file at most once however many ask for it.
    ///
    /// # Errors
    /// As [`Files::read`]; `Corrupt` if the file holds no view metadata.
    pub async fn view(&self, files: &Files, location: &str) -> Result<Cached<ViewMetadata>> {
        let entry = self.load(location, async {
            let bytes = files.read_metadata(location).await?;
            Ok(Entry::View(parse_view(location, &bytes)?))
        });
        match entry.await? {
            Entry::View(cached) => Ok(cached),
            Entry::Table(_) => Err(Error::corrupt(format!("{location} holds a table, not a view"))),
        }
    }

    /// The metadata of a table whose file is not written yet and holds these bytes.
    ///
    /// # Errors
    /// `Corrupt` if they are no table metadata.
    pub fn table_from(&self, location: &str, bytes: &Bytes) -> Result<Cached<TableMetadata>> {
        if let Some(cached) = self.table_if_cached(location) {
            return Ok(cached);
        }
        let cached = parse_table(location, bytes)?;
        self.entries.insert(location.to_owned(), Entry::Table(cached.clone()));
        Ok(cached)
    }

    /// The metadata of a view whose file is not written yet and holds these bytes.
    ///
    /// # Errors
    /// `Corrupt` if they are no view metadata.
    pub fn view_from(&self, location: &str, bytes: &Bytes) -> Result<Cached<ViewMetadata>> {
        if let Some(cached) = self.view_if_cached(location) {
            return Ok(cached);
        }
        let cached = parse_view(location, bytes)?;
        self.entries.insert(location.to_owned(), Entry::View(cached.clone()));
        Ok(cached)
    }

    async fn load(
        &self,
        location: &str,
        read: impl Future<Output = Result<Entry>>,
    ) -> Result<Entry> {
        self.entries.get_or_insert_async(location, read).await
    }

    /// A table's metadata if it is here, without waiting.
    #[must_use]
    pub fn table_if_cached(&self, location: &str) -> Option<Cached<TableMetadata>> {
        match self.entries.get(location)? {
            Entry::Table(cached) => Some(cached),
            Entry::View(_) => None,
        }
    }

    /// A view's metadata if it is here, without waiting.
    #[must_use]
    pub fn view_if_cached(&self, location: &str) -> Option<Cached<ViewMetadata>> {
        match self.entries.get(location)? {
            Entry::View(cached) => Some(cached),
            Entry::Table(_) => None,
        }
    }

    /// Adds a table's metadata that was just written to a location.
    pub fn insert_table(&self, location: &str, metadata: Arc<TableMetadata>, json: Bytes) {
        self.entries.insert(location.to_owned(), Entry::Table(Cached { metadata, json }));
    }

    /// Adds a view's metadata that was just written to a location.
    pub fn insert_view(&self, location: &str, metadata: Arc<ViewMetadata>, json: Bytes) {
        self.entries.insert(location.to_owned(), Entry::View(Cached { metadata, json }));
    }

    /// Forgets a location, because its file is gone.
    pub fn remove(&self, location: &str) {
        self.entries.remove(location);
    }
}

fn parse_table(location: &str, bytes: &Bytes) -> Result<Cached<TableMetadata>> {
    let metadata = TableMetadata::parse(bytes).map_err(|e| damaged(location, e))?;
    let json = metadata.to_json();
    Ok(Cached { metadata: Arc::new(metadata), json })
}

fn parse_view(location: &str, bytes: &Bytes) -> Result<Cached<ViewMetadata>> {
    let metadata = ViewMetadata::parse(bytes).map_err(|e| damaged(location, e))?;
    let json = metadata.to_json();
    Ok(Cached { metadata: Arc::new(metadata), json })
}

/// A file that the catalog points at must be readable; whatever it holds is not the asker's mistake.
fn damaged(location: &str, error: Error) -> Error {
    match error.kind() {
        ErrorKind::InvalidInput => {
            Error::corrupt(format!("Metadata file {location} is damaged: {}", error.message()))
                .with_source(error)
        }
        _ => error,
    }
}
