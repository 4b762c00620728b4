//! The door of Arrow Flight SQL over a warehouse.

use std::net::SocketAddr;
use std::sync::Arc;

use nunatak::base::clock::{ManualClock, Timestamp};
use nunatak::base::entropy::SeededEntropy;
use nunatak::flight::door::{Door, Parts};
use nunatak::server::listen_flight;
use nunatak::telemetry::metrics::Metrics;
use tokio::net::TcpListener;

use crate::lake::Lake;

/// Opens the door; it stays open as long as the runtime.
pub(crate) async fn listen(lake: &Lake) -> SocketAddr {
    let metrics = Arc::new(Metrics::new().unwrap());
    let start = Timestamp::parse("2026-11-21T08:00:00Z").unwrap();
    let door = Door::new(Parts {
        database: lake.engine.databases(),
        default_database: lake.engine.default_database().to_owned(),
        clock: Arc::new(ManualClock::new(start)),
        entropy: Arc::new(SeededEntropy::new(11)),
        metrics: Arc::clone(&metrics),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listen_flight::serve(listener, door, metrics, std::future::pending::<()>()));
    address
}
