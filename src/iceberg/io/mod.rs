//! Reading and writing metadata files, by the scheme of their location.
//!
//! Local files are always there; object stores by feature. Nothing is ever overwritten but by
//! [`Files::restore_local`], which puts back what a crash took. Errors name the location.

mod local;
mod stores;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload};
use parking_lot::RwLock;

use super::location::{LocationPolicy, NormalLocation};
use crate::base::error::{Entity, Error, ErrorKind, Result};
use crate::base::limits::METADATA_FILE_BYTES_MAX;

/// Access to files in local directories and object stores.
#[derive(Debug)]
pub struct Files {
    /// How to reach object stores: `s3.endpoint`, `s3.access-key-id` and the like.
    options: BTreeMap<String, String>,
    /// One client for each bucket that was used.
    stores: RwLock<BTreeMap<(String, String), Arc<dyn ObjectStore>>>,
}

/// A file in a store.
#[derive(Clone, Debug)]
pub struct ObjectAt {
    /// Names the store: scheme and bucket.
    pub store_url: String,
    /// The store.
    pub store: Arc<dyn ObjectStore>,
    /// The file's path in the store.
    pub path: object_store::path::Path,
}

impl Files {
    /// Makes access with options for object stores, by their Iceberg names (`s3.endpoint`,
    /// `s3.access-key-id`, `s3.secret-access-key`, `s3.session-token`, `s3.region`,
    /// `s3.path-style-access`).
    #[must_use]
    pub fn new(options: BTreeMap<String, String>) -> Self {
        Self { options, stores: RwLock::new(BTreeMap::new()) }
    }

    /// Settings by which clients reach the same object stores, by their Iceberg names: endpoint, region,
    /// path style. Never credentials.
    #[must_use]
    pub fn client_settings(&self) -> BTreeMap<String, String> {
        stores::client_settings(&self.options)
    }

    /// Whether a location is a local file or directory.
    #[must_use]
    pub fn is_local(location: &str) -> bool {
        NormalLocation::parse(location).is_ok_and(|normal| normal.is_local())
    }

    /// Reads a file.
    ///
    /// # Errors
    /// `NotFound(File)` if it is missing; `InvalidInput` if it is longer than
    /// [`METADATA_FILE_BYTES_MAX`] or no file, or for a malformed location.
    pub async fn read(&self, location: &str) -> Result<Bytes> {
        let normal = NormalLocation::parse(location)?;
        if let Some(path) = normal.local_path() {
            let name = location.to_owned();
            return blocking(move || local::read(&name, &path)).await;
        }
        let (store, path) = self.object(&normal)?;
        let found = store.get(&path).await.map_err(|error| stores::failure(location, error))?;
        if found.meta.size > METADATA_FILE_BYTES_MAX {
            return Err(too_long(location));
        }
        found.bytes().await.map_err(|error| stores::failure(location, error))
    }

    /// Reads a metadata file and unpacks it if it is compressed with gzip.
    ///
    /// # Errors
    /// As [`Files::read`]; `InvalidInput` for a damaged archive.
    pub async fn read_metadata(&self, location: &str) -> Result<Bytes> {
        let bytes = self.read(location).await?;
        let named = location.ends_with(".gz.metadata.json") || location.ends_with(".json.gz");
        if named || bytes.starts_with(&[0x1f, 0x8b]) { unpack(location, &bytes) } else { Ok(bytes) }
    }

    /// Writes a new file; on `Ok` it is complete and durable.
    ///
    /// # Errors
    /// `AlreadyExists(File)` if there is one; nothing is changed then. In an object store a file with the
    /// same bytes counts as this write.
    pub async fn create(&self, location: &str, bytes: Bytes) -> Result<()> {
        let normal = NormalLocation::parse(location)?;
        if let Some(path) = normal.local_path() {
            let name = location.to_owned();
            return blocking(move || local::create(&name, &path, &bytes)).await;
        }
        let (store, path) = self.object(&normal)?;
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let payload = PutPayload::from_bytes(bytes.clone());
        match store.put_opts(&path, payload, options).await {
            Ok(_) => Ok(()),
            // The client repeats a request whose answer was lost; the first one may have done it.
            Err(object_store::Error::AlreadyExists { .. }) => {
                if self.read(location).await? == bytes { Ok(()) } else { Err(taken(location)) }
            }
            Err(error) => Err(stores::write_failure(location, error)),
        }
    }

    /// Whether there is a file.
    ///
    /// # Errors
    /// If it cannot be told.
    pub async fn exists(&self, location: &str) -> Result<bool> {
        let normal = NormalLocation::parse(location)?;
        if let Some(path) = normal.local_path() {
            let name = location.to_owned();
            return blocking(move || {
                path.try_exists().map_err(|error| local::failure(&name, error))
            })
            .await;
        }
        let (store, path) = self.object(&normal)?;
        match store.head(&path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(stores::failure(location, error)),
        }
    }

    /// Whether a local file is known to be missing; one call to the file system. Files elsewhere are not
    /// looked for.
    #[must_use]
    pub fn is_missing_local(location: &str) -> bool {
        let Some(path) = location.strip_prefix("file:") else { return false };
        let path = path.strip_prefix("//").unwrap_or(path);
        std::path::Path::new(path).symlink_metadata().is_err_and(|error| {
            matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
        })
    }

    /// Makes `metadata` and `data` below a local table location, because some engines expect them;
    /// object stores need no directories.
    ///
    /// # Errors
    /// If a directory cannot be made.
    pub async fn make_table_directories(&self, location: &str) -> Result<()> {
        let Some(path) = NormalLocation::parse(location)?.local_path() else { return Ok(()) };
        let name = location.to_owned();
        blocking(move || {
            for part in ["metadata", "data"] {
                std::fs::create_dir_all(path.join(part))
                    .map_err(|error| local::failure(&name, error))?;
            }
            Ok(())
        })
        .await
    }

    /// Writes a new local file without making it durable, directories included. Blocks.
    ///
    /// Until [`Files::sync_local`] a power loss may take it or leave it cut short; the caller keeps the
    /// bytes elsewhere until then and puts them back with [`Files::restore_local`].
    ///
    /// # Errors
    /// `AlreadyExists(File)` if there is one, `InvalidInput` for a location that is not local.
    pub fn write_local_unsynced(&self, location: &str, bytes: &[u8]) -> Result<()> {
        local::write_unsynced(location, &local_path(location)?, bytes)
    }

    /// Makes local files and the directories that name them durable. Blocks.
    ///
    /// # Errors
    /// `NotFound(File)` if one is missing; then nothing is known about the others.
    pub fn sync_local<S: AsRef<str>>(&self, locations: &[S]) -> Result<()> {
        let paths = locations
            .iter()
            .map(|location| Ok((location.as_ref(), local_path(location.as_ref())?)))
            .collect::<Result<Vec<_>>>()?;
        local::sync(&paths)
    }

    /// Puts a local file back after a crash: a file that is missing or holds other bytes is replaced
    /// durably. Returns whether that was needed. Blocks.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn restore_local(&self, location: &str, bytes: &[u8]) -> Result<bool> {
        local::restore(location, &local_path(location)?, bytes)
    }

    /// Puts a local file in place of the one that is there, durably. Blocks.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn rewrite_local(&self, location: &str, bytes: &[u8]) -> Result<()> {
        local::rewrite(location, &local_path(location)?, bytes)
    }

    /// Checks a location against a policy, and for local ones also that no symbolic link on the way
    /// leads out of it. Blocks for a few file system calls.
    ///
    /// # Errors
    /// `InvalidInput` for a location that is malformed or lies elsewhere.
    pub fn check_location(
        &self,
        policy: &LocationPolicy,
        location: &str,
    ) -> Result<NormalLocation> {
        let normal = policy.check(location)?;
        if let Some(path) = normal.local_path() {
            let roots = policy.roots.iter().filter_map(NormalLocation::local_path);
            local::check_links(location, &path, roots)?;
        }
        Ok(normal)
    }

    /// Where a file is for those who read parts of it: the store, and the file's path inside.
    ///
    /// # Errors
    /// `InvalidInput` for a malformed location; `Unsupported` for a kind of store that is not built in.
    pub fn object_at(&self, location: &str) -> Result<ObjectAt> {
        let normal = NormalLocation::parse(location)?;
        if let Some(path) = normal.local_path() {
            let path = object_store::path::Path::from_absolute_path(path)
                .map_err(|error| Error::invalid(format!("Invalid location {location}: {error}")))?;
            let store: Arc<dyn ObjectStore> = Arc::new(object_store::local::LocalFileSystem::new());
            return Ok(ObjectAt { store_url: "file://".to_owned(), store, path });
        }
        let (store, path) = self.object(&normal)?;
        let store_url = format!("{}://{}", normal.scheme(), normal.authority());
        Ok(ObjectAt { store_url, store, path })
    }

    fn object(
        &self,
        location: &NormalLocation,
    ) -> Result<(Arc<dyn ObjectStore>, object_store::path::Path)> {
        let path = object_store::path::Path::parse(location.key())
            .map_err(|error| Error::invalid(format!("Invalid location {location}: {error}")))?;
        let key = (location.scheme().to_owned(), location.authority().to_owned());
        if let Some(store) = self.stores.read().get(&key) {
            return Ok((Arc::clone(store), path));
        }
        let store = stores::open(location, &self.options)?;
        let mut stores = self.stores.write();
        Ok((Arc::clone(stores.entry(key).or_insert(store)), path))
    }
}

fn local_path(location: &str) -> Result<std::path::PathBuf> {
    NormalLocation::parse(location)?
        .local_path()
        .ok_or_else(|| Error::invalid(format!("{location} is not a local file")))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal("A file operation ended early").with_source(error)),
    }
}

fn too_long(location: &str) -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        format!("File {location} is longer than {METADATA_FILE_BYTES_MAX} bytes"),
    )
}

fn missing(location: &str) -> Error {
    Error::not_found(Entity::File, format!("File does not exist: {location}"))
}

fn taken(location: &str) -> Error {
    Error::new(ErrorKind::AlreadyExists(Entity::File), format!("File already exists: {location}"))
}

fn unpack(location: &str, bytes: &[u8]) -> Result<Bytes> {
    let mut out = Vec::new();
    flate2::read::MultiGzDecoder::new(bytes)
        .take(METADATA_FILE_BYTES_MAX + 1)
        .read_to_end(&mut out)
        .map_err(|error| Error::invalid(format!("Cannot unpack {location}: {error}")))?;
    if out.len() as u64 > METADATA_FILE_BYTES_MAX {
        return Err(too_long(location));
    }
    Ok(Bytes::from(out))
}
