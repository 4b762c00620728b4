//! Wires a server: store, files, catalog, router.

use std::fmt;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::config::Config;
use crate::auth::context::OpContext;
use crate::base::clock::{SharedClock, SystemClock};
use crate::base::entropy::{OsEntropy, SharedEntropy};
use crate::base::error::{Error, ErrorKind, Result};
use crate::base::limits::METADATA_CACHE_BYTES;
use crate::base::name::WarehouseName;
use crate::catalog::files::{TableFiles, restore_files};
use crate::catalog::warehouses::NewWarehouse;
use crate::catalog::{Catalog, CatalogOptions};
use crate::iceberg::cache::MetadataCache;
use crate::iceberg::io::Files;
use crate::rest::state::AppState;
use crate::sql::door::Database;
use crate::sql::engine::Engine;
use crate::store::interface::MetaStore;
use crate::store::metered::{MeteredStore, StoreMetrics};
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::telemetry::metrics::Metrics;

/// The warehouse that a fresh data directory has.
const FIRST_WAREHOUSE: &str = "lake";

/// Who made what was there before anybody asked.
const SYSTEM: &str = "system";

/// The file of the metadata store below the data directory.
const STORE_FILE: &str = "catalog.sqlite";

/// The parts of a running server.
pub struct Parts {
    /// What handlers share.
    pub state: AppState,
    /// The store, for its checkpoints.
    pub store: Arc<MeteredStore<SqliteStore>>,
    /// What SQL clients connect to.
    pub database: Arc<dyn Database>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("state", &self.state)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// Where the metadata store of a data directory is.
#[must_use]
pub fn store_path(data_dir: &Path) -> std::path::PathBuf {
    data_dir.join(STORE_FILE)
}

/// Opens everything, puts back files that a crash took, and makes the first warehouse if there is none.
///
/// # Errors
/// `Unavailable` if the data directory cannot be written or another server uses it; `Corrupt` if its
/// store is damaged.
pub async fn build(config: &Config) -> Result<Parts> {
    std::fs::create_dir_all(&config.data_dir).map_err(|error| {
        Error::new(
            ErrorKind::Unavailable,
            format!("the data directory {} cannot be made: {error}", config.data_dir.display()),
        )
        .with_source(error)
    })?;
    let clock: SharedClock = Arc::new(SystemClock::new());
    let metrics =
        Arc::new(Metrics::new().map_err(|error| {
            Error::internal("the metrics cannot be registered").with_source(error)
        })?);
    let sqlite = SqliteStore::open(&store_path(&config.data_dir), SqliteOptions::default())?;
    let observed: Arc<dyn StoreMetrics> = Arc::new(Observed(Arc::clone(&metrics)));
    let store = Arc::new(MeteredStore::new(sqlite, observed, Arc::clone(&clock)));

    let files = Files::new(config.object_store.clone());
    let restored = restore_files(store.as_ref(), &files)?;
    if restored > 0 {
        tracing::warn!(restored, "put back metadata files that were not on disk");
    }
    let files = Arc::new(TableFiles::new(
        files,
        MetadataCache::new(METADATA_CACHE_BYTES),
        tokio::runtime::Handle::current(),
    ));
    let options = CatalogOptions {
        allowed_locations: config.allowed_locations.clone(),
        warehouse_root: config.warehouse_location.clone(),
        default_warehouse: WarehouseName::parse(FIRST_WAREHOUSE)?,
    };
    let entropy: SharedEntropy = Arc::new(OsEntropy::default());
    let shared: Arc<dyn MetaStore> = Arc::<MeteredStore<SqliteStore>>::clone(&store);
    let catalog = Catalog::open(shared, files, Arc::clone(&clock), Arc::clone(&entropy), options)?;
    first_warehouse(&catalog).await?;
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let engine = Engine::new(Arc::clone(&catalog), threads)
        .map_err(|error| Error::internal("the SQL engine did not start").with_source(error))?;
    let database = engine.databases();
    Ok(Parts { state: AppState { catalog, engine, clock, entropy, metrics }, store, database })
}

/// A fresh data directory gets a warehouse; a directory whose warehouse was deleted on purpose is not
/// fresh, unless it was the only one: the default warehouse cannot be deleted.
async fn first_warehouse(catalog: &Catalog) -> Result<()> {
    let name = catalog.options().default_warehouse.clone();
    let context = OpContext::for_actor(SYSTEM);
    match catalog.warehouse(&name) {
        Ok(_) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound(_)) => {
            let new = NewWarehouse { name, location: None, client_gc: false };
            catalog.warehouse_create(&context, new).await.map(drop)
        }
        Err(error) => Err(error),
    }
}

/// Hands what the store measures to the metrics.
#[derive(Debug)]
struct Observed(Arc<Metrics>);

impl StoreMetrics for Observed {
    fn observe(&self, method: &'static str, micros: u64, ok: bool) {
        self.0.store_call(method, !ok, Duration::from_micros(micros));
    }
}
