//! What only the SQLite store promises: durability, exclusive use, refusal of foreign and newer files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use nunatak::store::conformance::samples::{branch, commit, log_rows, warehouse_new};
use nunatak::store::interface::{Certainty, MetaStore, StoreError};
use nunatak::store::records::Location;
use nunatak::store::sqlite::{SqliteOptions, SqliteStore};
use rusqlite::Connection;
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("meta.sqlite");
    (folder, path)
}

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, SqliteOptions::default())
}

fn open_read_only(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open_read_only(path, SqliteOptions::default())
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Stores a warehouse `lake` with a branch, a commit, a log row and a pack.
fn fill(store: &SqliteStore) {
    let lake = warehouse_new(store, "lake").unwrap();
    let mut txn = store.begin_write().unwrap();
    txn.pack_append(1, &[Bytes::from_static(b"blob"), Bytes::from(vec![3; 100_000])]).unwrap();
    txn.commits_insert(lake, &[commit("a")]).unwrap();
    txn.ref_put(lake, &branch("main", "a")).unwrap();
    txn.ref_log_append(lake, &log_rows(&[("main", 5)])).unwrap();
    txn.commit().unwrap();
}

#[track_caller]
fn assert_filled(store: &dyn MetaStore) {
    let mut txn = store.begin_read().unwrap();
    let lake = txn.warehouse_get("lake").unwrap().unwrap().id;
    assert_eq!(txn.ref_get(lake, "main").unwrap(), Some(branch("main", "a")));
    assert_eq!(txn.commits_get(lake, &[commit("a").id]).unwrap(), [Some(commit("a"))]);
    assert_eq!(txn.ref_log_list(lake, None, None, 9).unwrap(), log_rows(&[("main", 5)]));
    let found = store.blobs_get(&[Location::new(1, 1), Location::new(1, 9)]).unwrap();
    assert_eq!(found, [Bytes::from_static(b"blob"), Bytes::from(vec![3; 100_000])]);
}

#[track_caller]
fn assert_not_done<T>(result: Result<T, StoreError>, says: &str) {
    match result.err() {
        Some(StoreError::Unavailable { message, certainty: Certainty::NotDone }) => {
            assert!(message.contains(says), "{message}");
        }
        other => panic!("expected Unavailable, got {other:?}"),
    }
}

#[track_caller]
fn assert_format<T>(result: Result<T, StoreError>, says: &str) {
    match result.err() {
        Some(StoreError::Format(message)) => assert!(message.contains(says), "{message}"),
        other => panic!("expected Format, got {other:?}"),
    }
}

#[test]
fn what_was_committed_is_there_after_reopening() {
    let (_folder, path) = folder();
    let store = open(&path).unwrap();
    fill(&store);
    assert_filled(&store);
    drop(store);
    for _ in 0..2 {
        let store = open(&path).unwrap();
        assert_filled(&store);
        assert_eq!(store.integrity_problems(10).unwrap(), Vec::<String>::new());
    }
    assert_filled(&open_read_only(&path).unwrap());
}

/// A copy of the files while the store is open is what a killed server leaves behind.
fn crashed_copy(store: &SqliteStore, into: &Path) -> PathBuf {
    let copy = into.join("crashed.sqlite");
    fs::copy(store.path(), &copy).unwrap();
    fs::copy(beside(store.path(), "-wal"), beside(&copy, "-wal")).unwrap();
    copy
}

#[test]
fn a_crashed_store_recovers_what_was_committed() {
    let (folder, path) = folder();
    let store = open(&path).unwrap();
    fill(&store);
    let mut open_txn = store.begin_write().unwrap();
    open_txn.pack_append(2, &[Bytes::from(vec![1; 1_000_000])]).unwrap();
    let copy = crashed_copy(&store, folder.path());
    // Looking changes nothing: neither the file nor the log beside it.
    let before = (fs::read(&copy).unwrap(), fs::read(beside(&copy, "-wal")).unwrap());
    let looking = open_read_only(&copy).unwrap();
    assert_filled(&looking);
    assert_not_done(looking.begin_write().map(drop), "reading only");
    assert_filled(&open_read_only(&copy).unwrap());
    drop(looking);
    assert!(before == (fs::read(&copy).unwrap(), fs::read(beside(&copy, "-wal")).unwrap()));
    let recovered = open(&copy).unwrap();
    assert_filled(&recovered);
    assert_eq!(recovered.begin_write().unwrap().pack_next().unwrap(), 2);
}

#[test]
fn a_torn_log_keeps_every_transaction_before_the_tear() {
    let (folder, path) = folder();
    let store = open(&path).unwrap();
    fill(&store);
    store.checkpoint().unwrap();
    let lake = store.begin_read().unwrap().warehouse_get("lake").unwrap().unwrap().id;
    for seed in ["b", "c", "d", "e"] {
        let mut txn = store.begin_write().unwrap();
        txn.commits_insert(lake, &[commit(seed)]).unwrap();
        txn.ref_put(lake, &branch("main", seed)).unwrap();
        txn.commit().unwrap();
    }
    let copy = crashed_copy(&store, folder.path());
    let wal = fs::read(beside(&copy, "-wal")).unwrap();
    let mut heads = Vec::new();
    for length in (0..=wal.len()).rev().step_by(997) {
        let torn = folder.path().join(format!("torn-{length}.sqlite"));
        fs::copy(&copy, &torn).unwrap();
        fs::write(beside(&torn, "-wal"), &wal[..length]).unwrap();
        let store = open(&torn).unwrap();
        let mut txn = store.begin_read().unwrap();
        let head = txn.ref_get(lake, "main").unwrap().unwrap().commit;
        assert!(txn.commits_get(lake, &[head]).unwrap()[0].is_some(), "{length}");
        if heads.last() != Some(&head) {
            heads.push(head);
        }
    }
    let expected = ["e", "d", "c", "b", "a"].map(|seed| commit(seed).id);
    assert_eq!(heads, expected, "one after the other, none in between");
}

#[test]
fn a_second_server_is_refused() {
    let (_folder, path) = folder();
    let store = open(&path).unwrap();
    assert_not_done(open(&path), "meta.sqlite is in use by another nunatak process");
    assert_not_done(open_read_only(&path), "is in use by another nunatak process");
    fill(&store);
    drop(store);
    let looking = open_read_only(&path).unwrap();
    assert_filled(&open_read_only(&path).unwrap());
    assert_not_done(open(&path), "is in use");
    drop(looking);
    assert_filled(&open(&path).unwrap());
}

#[test]
fn another_name_of_the_file_does_not_get_around_the_lock() {
    let (folder, path) = folder();
    let link = folder.path().join("link.sqlite");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let store = open(&path).unwrap();
    assert_not_done(open(&link), "is in use by another nunatak process");
    assert_not_done(open(&folder.path().join("./meta.sqlite")), "is in use");
    fill(&store);
    drop(store);
    assert_filled(&open(&link).unwrap());
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    fill(&open(&path).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    for _ in 0..2 {
        assert_format(open(&path), "written by a newer nunatak");
        assert_format(open_read_only(&path), "written by a newer nunatak");
    }
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 1).unwrap();
    assert_filled(&open(&path).unwrap());
}

#[test]
fn a_changed_or_unknown_step_is_refused() {
    for (sql, says) in [
        ("UPDATE migrations SET checksum = 'ab'", "other statements"),
        ("INSERT INTO migrations VALUES (2, 'later', 'ab')", "newer nunatak"),
        ("UPDATE migrations SET number = 3", "is missing"),
        ("DELETE FROM migrations", "lists 0 steps"),
    ] {
        let (_folder, path) = folder();
        fill(&open(&path).unwrap());
        Connection::open(&path).unwrap().execute(sql, []).unwrap();
        assert_format(open(&path), says);
        assert_format(open_read_only(&path), says);
    }
}

#[test]
fn a_file_of_another_program_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let before = fs::read(&path).unwrap();
    assert_format(open(&path), "of another program");
    assert_format(open_read_only(&path), "of another program");
    assert!(before == fs::read(&path).unwrap());
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    for text in ["x".repeat(10), "no database ".repeat(1000)] {
        fs::write(&path, &text).unwrap();
        for error in [open(&path).unwrap_err(), open_read_only(&path).unwrap_err()] {
            assert!(matches!(error, StoreError::Corrupt(_)), "{error}");
            assert!(error.to_string().contains("meta.sqlite"), "{error}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn places_without_a_store_are_refused() {
    let (folder, path) = folder();
    assert_not_done(open_read_only(&path), "meta.sqlite");
    assert!(!path.exists(), "looking makes no file");
    assert_not_done(open(&folder.path().join("none/meta.sqlite")), "none/meta.sqlite");
    assert_not_done(open(folder.path()), "is not a file");
    assert_not_done(open_read_only(folder.path()), "is not a file");
    fs::write(&path, "").unwrap();
    assert_format(open_read_only(&path), "start the server once");
    fill(&open(&path).unwrap());
}

#[test]
#[cfg(target_os = "linux")]
fn a_folder_that_takes_no_file_is_refused() {
    // Nobody may make files there, the super-user included.
    assert_not_done(open(Path::new("/proc/meta.sqlite")), "/proc/meta.sqlite");
}

#[test]
fn a_full_disk_undoes_the_write_and_nothing_else() {
    let (_folder, path) = folder();
    let options = SqliteOptions { pages_max: Some(200), ..SqliteOptions::default() };
    let store = SqliteStore::open(&path, options).unwrap();
    fill(&store);
    let file = ("file".to_owned(), Bytes::from(vec![1; 100_000]));
    let add = || {
        let mut txn = store.begin_write()?;
        let numbers = txn.pending_files_add(std::slice::from_ref(&file))?;
        txn.commit().map(|()| numbers)
    };
    let mut kept = Vec::new();
    let error = loop {
        match add() {
            Ok(numbers) => kept.extend(numbers),
            Err(error) => break error,
        }
        assert!(kept.len() < 100);
    };
    assert!(!kept.is_empty());
    assert_not_done(Err::<(), _>(error), "full");
    assert_not_done(add(), "full");
    // What was there is there and can be read.
    assert_filled(&store);
    let there = store.begin_read().unwrap().pending_files(None, 100).unwrap();
    assert_eq!(there.iter().map(|file| file.sequence).collect::<Vec<_>>(), kept);
    // Room again: the same store goes on.
    let mut txn = store.begin_write().unwrap();
    txn.pending_files_remove(&kept).unwrap();
    txn.commit().unwrap();
    assert!(add().unwrap()[0] > kept[0]);
    assert_filled(&store);
}

#[test]
fn a_write_waits_for_the_one_before_it_but_not_for_ever() {
    let (_folder, path) = folder();
    let options =
        SqliteOptions { write_wait: Duration::from_millis(20), ..SqliteOptions::default() };
    let store = SqliteStore::open(&path, options).unwrap();
    let first = store.begin_write().unwrap();
    assert_not_done(store.begin_write().map(drop), "waited");
    drop(first);
    store.begin_write().unwrap().commit().unwrap();
}

#[test]
fn a_foreign_lock_is_unavailable_and_passes() {
    let (_folder, path) = folder();
    let options =
        SqliteOptions { busy_wait: Duration::from_millis(20), ..SqliteOptions::default() };
    let store = SqliteStore::open(&path, options).unwrap();
    fill(&store);
    let foreign = Connection::open(&path).unwrap();
    foreign.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_not_done(store.begin_write().map(drop), "locked");
    assert_filled(&store);
    foreign.execute_batch("ROLLBACK").unwrap();
    store.begin_write().unwrap().commit().unwrap();
}

#[test]
fn a_shortened_file_is_an_error_and_no_crash() {
    let (folder, path) = folder();
    let store = open(&path).unwrap();
    fill(&store);
    drop(store);
    let whole = fs::read(&path).unwrap();
    let mut refused = 0;
    for length in (0..whole.len()).step_by(1021) {
        let cut = folder.path().join(format!("cut-{length}.sqlite"));
        fs::write(&cut, &whole[..length]).unwrap();
        let Ok(store) = open_read_only(&cut) else {
            refused += 1;
            continue;
        };
        if read_everything(&store).is_err() {
            refused += 1;
        }
    }
    assert_eq!(refused, whole.len().div_ceil(1021));
}

#[test]
fn flipped_bytes_are_never_a_crash() {
    let (folder, path) = folder();
    let store = open(&path).unwrap();
    fill(&store);
    drop(store);
    let whole = fs::read(&path).unwrap();
    let mut noticed = 0;
    for at in (0..whole.len()).step_by(if whole.len() > 100_000 { 613 } else { 61 }) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        let file = folder.path().join("damaged.sqlite");
        fs::write(&file, damaged).unwrap();
        if let Ok(store) = open_read_only(&file) {
            let _seen = read_everything(&store);
            noticed +=
                u32::from(!matches!(store.integrity_problems(3), Ok(none) if none.is_empty()));
        } else {
            noticed += 1;
        }
    }
    assert!(noticed > 0);
}

fn read_everything(store: &SqliteStore) -> Result<(), StoreError> {
    let mut txn = store.begin_read()?;
    for warehouse in txn.warehouse_list(None, 100)? {
        txn.ref_list(warehouse.id, None, "", None, 100)?;
        txn.ref_log_list(warehouse.id, None, None, 100)?;
        txn.commits_scan(warehouse.id, None, 100)?;
    }
    txn.pending_files(None, 100)?;
    store.blobs_get(&[Location::new(1, 1), Location::new(1, 9)])?;
    Ok(())
}

#[test]
fn checkpoints_move_the_log_and_keep_it_short() {
    let (_folder, path) = folder();
    let store = open(&path).unwrap();
    fill(&store);
    let pack = [Bytes::from(vec![7; 1_000_000])];
    let mut restarted = 0;
    for _ in 0..60 {
        let mut txn = store.begin_write().unwrap();
        let number = txn.pack_next().unwrap();
        txn.pack_append(number, &pack).unwrap();
        txn.commit().unwrap();
        let done = store.checkpoint().unwrap();
        assert_eq!(done.pages_moved, done.pages_logged, "no reader is in the way");
        restarted += u32::from(done.restarted);
    }
    assert!(restarted > 0 || fs::metadata(beside(&path, "-wal")).unwrap().len() < 20_000_000);
    assert!(fs::metadata(beside(&path, "-wal")).unwrap().len() < 30_000_000);
    assert_filled(&store);
    // A reader in the way is no error; the rest follows when it is gone.
    let mut reader = store.begin_read().unwrap();
    reader.warehouse_get("lake").unwrap();
    let mut txn = store.begin_write().unwrap();
    txn.pack_append(62, &pack).unwrap();
    txn.commit().unwrap();
    store.checkpoint().unwrap();
    drop(reader);
    let done = store.checkpoint().unwrap();
    assert_eq!(done.pages_moved, done.pages_logged);
    drop(store);
    assert_eq!(open_read_only(&path).unwrap().checkpoint().unwrap().pages_logged, 0);
}

#[test]
fn the_settings_are_what_durability_needs() {
    let (_folder, path) = folder();
    let store = open(&path).unwrap();
    fill(&store);
    drop(store);
    let connection = Connection::open(&path).unwrap();
    let text = |name: &str| -> String {
        connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
    };
    let number = |name: &str| -> i64 {
        connection.pragma_query_value(None, name, |row| row.get(0)).unwrap()
    };
    assert_eq!(text("journal_mode"), "wal");
    assert_eq!(number("user_version"), 1);
    assert_eq!(number("application_id"), 0x4e75_6e61);
    assert_eq!(text("integrity_check"), "ok");
}
