//! The contract of the metadata store, run on every store, and what only one of them promises.

use nunatak::store::interface::MetaStore;
use nunatak::store::memory::MemoryStore;
use nunatak::store::sqlite::{SqliteOptions, SqliteStore};

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

nunatak::store_contract!(memory, crate::new_memory);
nunatak::store_contract!(sqlite, crate::new_sqlite);
