//! An empty warehouse in memory and a directory, its engine, and a door for clients of PostgreSQL.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use nunatak::base::clock::{ManualClock, SharedClock, Timestamp};
use nunatak::base::entropy::{SeededEntropy, SharedEntropy};
use nunatak::base::name::WarehouseName;
use nunatak::catalog::files::TableFiles;
use nunatak::catalog::warehouses::NewWarehouse;
use nunatak::catalog::{Catalog, CatalogOptions, OpContext};
use nunatak::iceberg::cache::MetadataCache;
use nunatak::iceberg::io::Files;
use nunatak::pgwire::door::Door;
use nunatak::server::listen_pg;
use nunatak::sql::engine::Engine;
use nunatak::store::memory::MemoryStore;
use tokio::net::TcpListener;

pub(crate) struct Lake {
    pub(crate) engine: Arc<Engine>,
    _directory: tempfile::TempDir,
}

impl Lake {
    /// The warehouse `lake` with its branch `main`.
    pub(crate) async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let start = Timestamp::parse("2026-11-21T08:00:00Z").unwrap();
        let clock: SharedClock = Arc::new(ManualClock::new(start));
        let entropy: SharedEntropy = Arc::new(SeededEntropy::new(7));
        let files = TableFiles::new(
            Files::new(BTreeMap::new()),
            MetadataCache::default(),
            tokio::runtime::Handle::current(),
        );
        let name = WarehouseName::parse("lake").unwrap();
        let options = CatalogOptions {
            allowed_locations: Vec::new(),
            warehouse_root: format!("file://{}", directory.path().display()),
            default_warehouse: name.clone(),
        };
        let store = Arc::new(MemoryStore::new());
        let catalog = Catalog::open(store, Arc::new(files), clock, entropy, options).unwrap();
        let new = NewWarehouse { name, location: None, client_gc: false };
        catalog.warehouse_create(&OpContext::for_actor("ann"), new).await.unwrap();
        let engine = Engine::new(catalog, 2).unwrap();
        Self { engine, _directory: directory }
    }

    /// Opens the door; it stays open as long as the runtime.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let door = Door::new(self.engine.databases(), Arc::new(SeededEntropy::new(11)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(listen_pg::serve(listener, Arc::new(door), std::future::pending::<()>()));
        address
    }
}
