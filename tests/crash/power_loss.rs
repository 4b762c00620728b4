//! Files that a power loss took: acknowledged, visible, but not yet on the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nunatak::store::interface::MetaStore as _;
use nunatak::store::sqlite::{SqliteOptions, SqliteStore};

use crate::kill::{burst, writers};
use crate::ledger::Ledger;
use crate::load::prepare;
use crate::process::{Server, verify};

/// Metadata files that are not known to be durable.
fn pending(data: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let path = data.join("catalog.sqlite");
    let store = SqliteStore::open_read_only(&path, SqliteOptions::default()).unwrap();
    let mut read = store.begin_read().unwrap();
    let files = read.pending_files(None, 10_000).unwrap();
    files
        .into_iter()
        .map(|file| {
            let path = PathBuf::from(file.location.strip_prefix("file://").unwrap());
            (path, file.bytes.to_vec())
        })
        .collect()
}

/// Removes, cuts short or blanks every file, and removes directories that held nothing older.
fn take_away(files: &[(PathBuf, Vec<u8>)]) {
    for (at, (path, bytes)) in files.iter().enumerate() {
        let directory = path.parent().unwrap();
        let Ok(entries) = std::fs::read_dir(directory) else { continue };
        let all_new = entries
            .map(|entry| entry.unwrap().path())
            .all(|path| files.iter().any(|(pending, _)| *pending == path));
        match at % 3 {
            _ if all_new => std::fs::remove_dir_all(directory).unwrap(),
            0 => std::fs::remove_file(path).unwrap(),
            1 => std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap(),
            _ => std::fs::write(path, vec![0; bytes.len()]).unwrap(),
        }
    }
}

#[test]
fn files_that_a_power_loss_took_are_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let ledger = Arc::new(Ledger::default());
    let mut server = Server::start(&data);
    prepare(&mut server.client(), writers());
    let (mut round, mut lost) = (0, 0);
    // The server may have synced everything just before it was killed; then try again.
    while lost < 20 {
        round += 1;
        assert!(round < 50, "files are synced as soon as they are written");
        let busy = burst(&server, &ledger, round, round, 60);
        server.kill();
        for writer in busy {
            writer.join().unwrap();
        }
        let files = pending(&data);
        take_away(&files);
        lost += files.len();
        verify(&data);
        server = Server::start(&data);
        for (path, bytes) in &files {
            assert_eq!(std::fs::read(path).unwrap(), *bytes, "{}", path.display());
        }
        ledger.check(&mut server.client(), false);
    }
}
