//! What every handler gets: the catalog, SQL, and the seams of time, randomness and measurement.
//!
//! Holds no per-request data and no configuration that a handler could branch on.

use std::fmt;
use std::sync::Arc;

use crate::base::clock::SharedClock;
use crate::base::entropy::SharedEntropy;
use crate::catalog::Catalog;
use crate::sql::engine::Engine;
use crate::telemetry::metrics::Metrics;

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The use cases.
    pub catalog: Arc<Catalog>,
    /// SQL.
    pub engine: Arc<Engine>,
    /// Time.
    pub clock: SharedClock,
    /// Randomness, for request ids.
    pub entropy: SharedEntropy,
    /// Counters and histograms.
    pub metrics: Arc<Metrics>,
}

impl fmt::Debug for AppState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AppState").finish_non_exhaustive()
    }
}
