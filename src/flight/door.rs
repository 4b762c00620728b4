//! What all calls share, and the service that answers them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use tokio::sync::{Semaphore, watch};

use super::handles::{Bounds, Table};
use super::prepared::Prepared;
use super::rows::Pending;
use super::service::Service;
use super::transaction::Transaction;
use crate::base::clock::SharedClock;
use crate::base::entropy::SharedEntropy;
use crate::base::limits::{
    FLIGHT_MESSAGE_BYTES_MAX, FLIGHT_PREPARED_BYTES_MAX, FLIGHT_PREPARED_IDLE_SECONDS,
    FLIGHT_PREPARED_MAX, FLIGHT_RESULT_IDLE_SECONDS, FLIGHT_RESULTS_MAX, FLIGHT_STATEMENTS_MAX,
    FLIGHT_TRANSACTION_IDLE_SECONDS, FLIGHT_TRANSACTIONS_MAX,
};
use crate::sql::door::Database;
use crate::telemetry::metrics::Metrics;

/// What the door needs.
pub struct Parts {
    /// Where statements run.
    pub database: Arc<dyn Database>,
    /// The database of a client that names none.
    pub default_database: String,
    /// Tells what is idle.
    pub clock: SharedClock,
    /// Makes handles.
    pub entropy: SharedEntropy,
    /// Counts statements.
    pub metrics: Arc<Metrics>,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("default_database", &self.default_database)
            .finish_non_exhaustive()
    }
}

/// The door for clients of Flight SQL.
#[derive(Clone)]
pub struct Door {
    shared: Arc<Shared>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { transactions, prepared, results, .. } = self.shared.as_ref();
        f.debug_struct("Door")
            .field("transactions", &transactions.len())
            .field("prepared", &prepared.len())
            .field("results", &results.len())
            .finish_non_exhaustive()
    }
}

/// What all calls share.
pub(super) struct Shared {
    pub(super) database: Arc<dyn Database>,
    pub(super) default_database: String,
    pub(super) transactions: Table<Transaction>,
    pub(super) prepared: Table<Prepared>,
    pub(super) results: Table<Pending>,
    pub(super) places: Arc<Semaphore>,
    pub(super) metrics: Arc<Metrics>,
    cut: watch::Sender<bool>,
}

/// How much of what clients hold there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeldCounts {
    /// Open transactions.
    pub transactions: usize,
    /// Prepared statements.
    pub prepared: usize,
    /// Results that wait to be read, or are read.
    pub results: usize,
}

impl Door {
    /// A door to a database.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { database, default_database, clock, entropy, metrics } = parts;
        let table = |bounds: Bounds| (bounds, Arc::clone(&clock), Arc::clone(&entropy));
        let (bounds, of_clock, of_entropy) = table(Bounds {
            what: "transactions",
            advice: "it has ended, or it was idle for too long and is rolled back",
            count: FLIGHT_TRANSACTIONS_MAX,
            bytes: usize::MAX,
            idle: Duration::from_secs(FLIGHT_TRANSACTION_IDLE_SECONDS),
        });
        let transactions = Table::new(bounds, of_clock, of_entropy);
        let (bounds, of_clock, of_entropy) = table(Bounds {
            what: "prepared statements",
            advice: "prepare it again",
            count: FLIGHT_PREPARED_MAX,
            bytes: FLIGHT_PREPARED_BYTES_MAX,
            idle: Duration::from_secs(FLIGHT_PREPARED_IDLE_SECONDS),
        });
        let prepared = Table::new(bounds, of_clock, of_entropy);
        let (bounds, of_clock, of_entropy) = table(Bounds {
            what: "results",
            advice: "it was read, or nobody read it for too long; run the statement again",
            count: FLIGHT_RESULTS_MAX,
            bytes: usize::MAX,
            idle: Duration::from_secs(FLIGHT_RESULT_IDLE_SECONDS),
        });
        let results = Table::new(bounds, of_clock, of_entropy);
        Self {
            shared: Arc::new(Shared {
                database,
                default_database,
                transactions,
                prepared,
                results,
                places: Arc::new(Semaphore::new(FLIGHT_STATEMENTS_MAX)),
                metrics,
                cut: watch::Sender::new(false),
            }),
        }
    }

    /// What answers calls. Nobody is asked for a password: the caller sees to it that only programs of this
    /// machine can connect.
    #[must_use]
    pub fn service(&self) -> FlightServiceServer<Service> {
        FlightServiceServer::new(Service::new(Arc::clone(&self.shared)))
            .max_decoding_message_size(FLIGHT_MESSAGE_BYTES_MAX)
    }

    /// Drops what clients hold and did not use for too long. To be called now and then.
    pub fn sweep(&self) {
        self.shared.results.sweep();
        self.shared.prepared.sweep();
        self.shared.transactions.sweep();
    }

    /// What clients hold.
    #[must_use]
    pub fn held(&self) -> HeldCounts {
        HeldCounts {
            transactions: self.shared.transactions.len(),
            prepared: self.shared.prepared.len(),
            results: self.shared.results.len(),
        }
    }

    /// Waits until no statement runs and nothing is read, then drops all that clients hold. Open
    /// transactions are rolled back by that.
    pub async fn finish(&self) {
        let all = u32::try_from(FLIGHT_STATEMENTS_MAX).unwrap_or(u32::MAX);
        if let Ok(permits) = self.shared.places.acquire_many(all).await {
            // Nothing can start any more.
            permits.forget();
        }
        self.clear();
    }

    /// Ends all that runs, at once.
    pub fn cut(&self) {
        self.shared.cut.send_replace(true);
        self.clear();
    }

    fn clear(&self) {
        self.shared.results.clear();
        self.shared.prepared.clear();
        self.shared.transactions.clear();
    }
}

impl Shared {
    /// Waits until everything is to end at once.
    pub(super) async fn is_cut(&self) {
        let mut cut = self.cut.subscribe();
        if cut.wait_for(|cut| *cut).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
