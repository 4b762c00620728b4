//! The contract of the metadata store, run on every store, and what only one of them promises.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

use std::sync::Arc;

use nunatak::base::clock::SystemClock;
use nunatak::store::fault::FaultStore;
use nunatak::store::interface::MetaStore;
use nunatak::store::memory::MemoryStore;
use nunatak::store::metered::{MeteredStore, Totals};
use nunatak::store::sqlite::{SqliteOptions, SqliteStore};

#[path = "store/fault.rs"]
mod fault_store;
#[path = "store/golden.rs"]
mod golden;
#[path = "store/sqlite.rs"]
mod sqlite_store;

/// A store with what must outlive it.
struct Held<S> {
    store: S,
    _folder: Option<tempfile::TempDir>,
}

impl<S: MetaStore> Held<S> {
    fn store(&self) -> &dyn MetaStore {
        &self.store
    }
}

fn new_memory() -> Held<MemoryStore> {
    Held { store: MemoryStore::new(), _folder: None }
}

fn new_sqlite() -> Held<SqliteStore> {
    let folder = tempfile::tempdir().unwrap();
    let store =
        SqliteStore::open(&folder.path().join("meta.sqlite"), SqliteOptions::default()).unwrap();
    Held { store, _folder: Some(folder) }
}

/// Without a plan nothing fails.
fn new_fault() -> Held<FaultStore<MemoryStore>> {
    Held { store: FaultStore::new(MemoryStore::new()), _folder: None }
}

fn new_metered() -> Held<MeteredStore<Arc<MemoryStore>>> {
    let inner = Arc::new(MemoryStore::new());
    let clock = Arc::new(SystemClock::new());
    Held { store: MeteredStore::new(inner, Arc::new(Totals::default()), clock), _folder: None }
}

nunatak::store_contract!(memory, crate::new_memory);
nunatak::store_contract!(sqlite, crate::new_sqlite);
nunatak::store_contract!(fault, crate::new_fault);
nunatak::store_contract!(metered, crate::new_metered);

/// A case that is not in the list of `store_contract!` would never run.
#[test]
fn every_case_is_listed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/conformance");
    let list = std::fs::read_to_string(folder.join("mod.rs")).unwrap();
    let mut cases = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines() {
            let Some(rest) = line.strip_prefix("pub fn ") else { continue };
            let Some((name, "store: &dyn MetaStore) -> StoreResult<()> {")) = rest.split_once('(')
            else {
                continue;
            };
            cases += 1;
            let listed = list.lines().any(|line| line.trim() == format!("{name},"));
            assert!(listed, "{name} is not listed");
        }
    }
    assert!(cases > 30, "{cases}");
}
