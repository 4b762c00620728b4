//! Local files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind as IoKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use super::{missing, taken, too_long};
use crate::base::error::{Error, ErrorKind, Result};
use crate::base::limits::METADATA_FILE_BYTES_MAX;

/// Files above which one call for the whole file system is cheaper than one for each file.
const SYNC_SINGLE_MAX: usize = 16;

pub(super) fn failure(location: &str, error: std::io::Error) -> Error {
    match error.kind() {
        IoKind::NotFound => missing(location),
        IoKind::AlreadyExists => taken(location),
        IoKind::InvalidFilename => {
            Error::invalid(format!("Invalid location {location}: it is too long"))
                .with_source(error)
        }
        IoKind::StorageFull | IoKind::QuotaExceeded => {
            Error::new(ErrorKind::Unavailable, format!("No space is left for {location}"))
                .with_source(error)
        }
        _ => Error::internal(format!("Cannot access file {location}")).with_source(error),
    }
}

pub(super) fn read(location: &str, path: &Path) -> Result<Bytes> {
    let fail = |error| failure(location, error);
    let no_file = || Error::invalid(format!("{location} is not a file"));
    // Asked before it is opened: to open a pipe waits for whoever writes to it.
    if !std::fs::metadata(path).map_err(fail)?.is_file() {
        return Err(no_file());
    }
    let file = open_to_read(path).map_err(fail)?;
    let about = file.metadata().map_err(fail)?;
    if !about.is_file() {
        return Err(no_file());
    }
    if about.len() > METADATA_FILE_BYTES_MAX {
        return Err(too_long(location));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).unwrap_or(0));
    file.take(METADATA_FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > METADATA_FILE_BYTES_MAX {
        return Err(too_long(location));
    }
    Ok(Bytes::from(bytes))
}

/// Opens a file without waiting, should it have become a pipe meanwhile.
fn open_to_read(path: &Path) -> std::io::Result<File> {
    let flags =
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, rustix::fs::Mode::empty())?))
}

pub(super) fn write_unsynced(location: &str, path: &Path, bytes: &[u8]) -> Result<()> {
    let fail = |error| failure(location, error);
    let mut file = open_new(location, path)?;
    if let Err(error) = file.write_all(bytes) {
        // Ours alone and of no use: nobody was told of it.
        std::fs::remove_file(path).map_err(fail)?;
        return Err(fail(error));
    }
    Ok(())
}

/// Opens a file that must not be there, making directories where they are missing.
fn open_new(location: &str, path: &Path) -> Result<File> {
    let open = || OpenOptions::new().write(true).create_new(true).open(path);
    match (open(), path.parent()) {
        (Ok(file), _) => Ok(file),
        (Err(error), Some(parent)) if error.kind() == IoKind::NotFound => {
            std::fs::create_dir_all(parent).map_err(|error| failure(location, error))?;
            open().map_err(|error| failure(location, error))
        }
        (Err(error), _) => Err(failure(location, error)),
    }
}

/// A name beside a file for its bytes in the making, used once.
fn beside(path: &Path) -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{number}.part", std::process::id()));
    path.with_file_name(name)
}

pub(super) fn create(location: &str, path: &Path, bytes: &[u8]) -> Result<()> {
    let fail = |error| failure(location, error);
    if path.try_exists().map_err(fail)? {
        return Err(taken(location));
    }
    // Readers see all of the file or nothing: it gets its name once its bytes are durable. Linking,
    // unlike renaming, never replaces a file that came first.
    let part = beside(path);
    let written = write_part(location, &part, bytes)
        .and_then(|()| std::fs::hard_link(&part, path).map_err(fail));
    let removed = std::fs::remove_file(&part).map_err(fail);
    written?;
    removed?;
    sync_directories(location, path)
}

fn write_part(location: &str, part: &Path, bytes: &[u8]) -> Result<()> {
    let fail = |error| failure(location, error);
    if let Some(parent) = part.parent() {
        std::fs::create_dir_all(parent).map_err(fail)?;
    }
    let mut file = File::create(part).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    file.sync_data().map_err(fail)
}

pub(super) fn restore(location: &str, path: &Path, bytes: &[u8]) -> Result<bool> {
    let fail = |error| failure(location, error);
    match std::fs::read(path) {
        Ok(found) if found == bytes => return Ok(false),
        Ok(_) => {}
        Err(error) if error.kind() == IoKind::NotFound => {}
        Err(error) => return Err(fail(error)),
    }
    rewrite(location, path, bytes)?;
    Ok(true)
}

pub(super) fn rewrite(location: &str, path: &Path, bytes: &[u8]) -> Result<()> {
    let part = beside(path);
    write_part(location, &part, bytes)?;
    std::fs::rename(&part, path).map_err(|error| failure(location, error))?;
    sync_directories(location, path)
}

pub(super) fn sync(paths: &[(&str, PathBuf)]) -> Result<()> {
    if paths.len() > SYNC_SINGLE_MAX && cfg!(target_os = "linux") {
        return sync_file_systems(paths);
    }
    let mut directories = BTreeMap::new();
    for (location, path) in paths {
        let file = File::open(path).map_err(|error| failure(location, error))?;
        file.sync_data().map_err(|error| failure(location, error))?;
        for directory in path.ancestors().skip(1) {
            directories.entry(directory).or_insert(*location);
        }
    }
    directories
        .into_iter()
        .try_for_each(|(directory, location)| sync_directory(location, directory))
}

/// One call for each file system that holds one of the files.
#[cfg(target_os = "linux")]
fn sync_file_systems(paths: &[(&str, PathBuf)]) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let mut seen = BTreeSet::new();
    for (location, path) in paths {
        let about = std::fs::metadata(path).map_err(|error| failure(location, error))?;
        if seen.insert(about.dev()) {
            let file = File::open(path).map_err(|error| failure(location, error))?;
            rustix::fs::syncfs(&file).map_err(|error| failure(location, error.into()))?;
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn sync_file_systems(paths: &[(&str, PathBuf)]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for (location, path) in paths {
        let file = File::open(path).map_err(|error| failure(location, error))?;
        file.sync_all().map_err(|error| failure(location, error))?;
        if let Some(parent) = path.parent()
            && seen.insert(parent)
        {
            sync_directories(location, path)?;
        }
    }
    Ok(())
}

/// Makes the names of a file and of the directories above it durable.
fn sync_directories(location: &str, path: &Path) -> Result<()> {
    path.ancestors().skip(1).try_for_each(|directory| sync_directory(location, directory))
}

fn sync_directory(location: &str, directory: &Path) -> Result<()> {
    match File::open(directory).and_then(|directory| directory.sync_all()) {
        Ok(()) => Ok(()),
        // A directory that may not be read is far above; one that cannot be synced has nothing to sync.
        Err(error)
            if matches!(
                error.kind(),
                IoKind::PermissionDenied | IoKind::InvalidInput | IoKind::Unsupported
            ) =>
        {
            Ok(())
        }
        Err(error) => Err(failure(location, error)),
    }
}

/// Checks that what exists of a path lies, links followed, below one of the roots.
pub(super) fn check_links(
    location: &str,
    path: &Path,
    roots: impl Iterator<Item = PathBuf>,
) -> Result<()> {
    let real = real_path(location, path)?;
    for root in roots {
        // A path is compared with the root it was written below.
        if path.starts_with(&root) && real.starts_with(real_path(location, &root)?) {
            return Ok(());
        }
    }
    Err(Error::invalid(format!(
        "Invalid location {location:?}: a symbolic link leads out of the warehouse's location"
    )))
}

/// The path with the links of its existing part followed.
fn real_path(location: &str, path: &Path) -> Result<PathBuf> {
    for ancestor in path.ancestors() {
        // A link to nowhere exists as a link: it must not count as a missing directory.
        match std::fs::symlink_metadata(ancestor) {
            Ok(_) => {}
            Err(error) if matches!(error.kind(), IoKind::NotFound | IoKind::NotADirectory) => {
                continue;
            }
            Err(error) => return Err(failure(location, error)),
        }
        let real = match std::fs::canonicalize(ancestor) {
            Ok(real) => real,
            Err(error) if error.kind() == IoKind::NotFound => {
                return Err(Error::invalid(format!(
                    "Invalid location {location:?}: a symbolic link on its way is broken"
                )));
            }
            Err(error) => return Err(failure(location, error)),
        };
        let rest = path.strip_prefix(ancestor).unwrap_or(Path::new(""));
        return Ok(if rest.as_os_str().is_empty() { real } else { real.join(rest) });
    }
    Ok(path.to_owned())
}
