//! A server with the door only, over a warehouse in a temporary directory, and clients of it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::util::display::array_value_to_string;
use arrow_flight::FlightInfo;
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::TryStreamExt as _;
use nunatak::auth::context::OpContext;
use nunatak::base::clock::{ManualClock, SharedClock, Timestamp};
use nunatak::base::entropy::{SeededEntropy, SharedEntropy};
use nunatak::base::name::WarehouseName;
use nunatak::catalog::files::TableFiles;
use nunatak::catalog::warehouses::NewWarehouse;
use nunatak::catalog::{Catalog, CatalogOptions};
use nunatak::flight::door::{Door, HeldCounts, Parts};
use nunatak::iceberg::cache::MetadataCache;
use nunatak::iceberg::io::Files;
use nunatak::server::listen_flight;
use nunatak::sql::engine::Engine;
use nunatak::store::memory::MemoryStore;
use nunatak::telemetry::metrics::Metrics;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) door: Door,
    pub(crate) metrics: Arc<Metrics>,
    /// What the door takes for the time; nothing else looks at it.
    pub(crate) idle: Arc<ManualClock>,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
    _directory: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let start = Timestamp::parse("2026-11-21T08:00:00Z").unwrap();
        let clock: SharedClock = Arc::new(ManualClock::new(start));
        let entropy: SharedEntropy = Arc::new(SeededEntropy::new(7));
        let name = WarehouseName::parse("lake").unwrap();
        let files = TableFiles::new(
            Files::new(BTreeMap::new()),
            MetadataCache::default(),
            tokio::runtime::Handle::current(),
        );
        let options = CatalogOptions {
            allowed_locations: Vec::new(),
            warehouse_root: format!("file://{}", directory.path().display()),
            default_warehouse: name.clone(),
        };
        let store = Arc::new(MemoryStore::new());
        let catalog =
            Catalog::open(store, Arc::new(files), clock, Arc::clone(&entropy), options).unwrap();
        let new = NewWarehouse { name, location: None, client_gc: false };
        catalog.warehouse_create(&OpContext::for_actor("ann"), new).await.unwrap();
        let engine = Engine::new(catalog, 2).unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let idle = Arc::new(ManualClock::new(start));
        let idle_clock: SharedClock = Arc::<ManualClock>::clone(&idle);
        let door = Door::new(Parts {
            database: engine.databases(),
            default_database: engine.default_database().to_owned(),
            clock: idle_clock,
            entropy,
            metrics: Arc::clone(&metrics),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let serving = tokio::spawn(listen_flight::serve(
            listener,
            door.clone(),
            Arc::clone(&metrics),
            async move { drop(stopped.await) },
        ));
        Self { address, door, metrics, idle, stop, serving, _directory: directory }
    }

    pub(crate) async fn channel(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub(crate) async fn client(&self) -> Client {
        Client { inner: FlightSqlServiceClient::new(self.channel().await) }
    }

    /// Says that it is to stop; the future ends with it.
    pub(crate) fn stop(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.serving
    }

    /// Lets nobody use anything for some time.
    pub(crate) fn idle_for(&self, seconds: u64) {
        self.idle.advance(Duration::from_secs(seconds));
        self.door.sweep();
    }

    /// Waits until clients hold this much.
    pub(crate) async fn holds(&self, wanted: HeldCounts) {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while self.door.held() != wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "{wanted:?} was not reached: {:?}", self.door);
    }
}

pub(crate) const NOTHING: HeldCounts = HeldCounts { transactions: 0, prepared: 0, results: 0 };

pub(crate) struct Client {
    pub(crate) inner: FlightSqlServiceClient<Channel>,
}

impl Client {
    pub(crate) async fn info(&mut self, text: &str) -> Result<FlightInfo, Status> {
        self.inner.execute(text.to_owned(), None).await.map_err(status)
    }

    pub(crate) async fn read(&mut self, info: &FlightInfo) -> Result<Vec<RecordBatch>, Status> {
        let mut batches = Vec::new();
        for endpoint in &info.endpoint {
            let stream =
                self.inner.do_get(endpoint.ticket.clone().unwrap()).await.map_err(status)?;
            batches.extend(stream.try_collect::<Vec<_>>().await.map_err(status)?);
        }
        Ok(batches)
    }

    pub(crate) async fn query(&mut self, text: &str) -> Result<Vec<RecordBatch>, Status> {
        let info = self.info(text).await?;
        self.read(&info).await
    }

    /// The rows of a query, as text.
    pub(crate) async fn rows(&mut self, text: &str) -> Vec<String> {
        shown(&self.query(text).await.unwrap())
    }

    pub(crate) async fn update(&mut self, text: &str) -> Result<i64, Status> {
        self.inner.execute_update(text.to_owned(), None).await.map_err(status)
    }
}

pub(crate) fn shown(batches: &[RecordBatch]) -> Vec<String> {
    let mut rows = Vec::new();
    for batch in batches {
        for row in 0..batch.num_rows() {
            let values = batch.columns().iter().map(|column| {
                if column.is_null(row) {
                    "∅".to_owned()
                } else {
                    array_value_to_string(column, row).unwrap()
                }
            });
            rows.push(values.collect::<Vec<_>>().join("|"));
        }
    }
    rows
}

/// What the server told, out of the client's wrapping.
pub(crate) fn status(error: impl Into<FlightError>) -> Status {
    match error.into() {
        FlightError::Tonic(status) => *status,
        other => Status::internal(format!("not told by the server: {other:?}")),
    }
}

/// Checks the code and the SQLSTATE of an error that the server told.
#[track_caller]
pub(crate) fn refused<T>(result: Result<T, Status>, code: Code, sqlstate: &str) -> String {
    let Err(error) = result else { panic!("not refused") };
    assert_eq!(error.code(), code, "{error:?}");
    assert!(error.message().contains(&format!("SQLSTATE {sqlstate}")), "{error:?}");
    error.message().to_owned()
}
