//! Signals that end the server.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::base::error::{Error, Result};

/// SIGTERM and SIGINT, from the moment of its making on.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Starts to take the signals.
    ///
    /// # Errors
    /// `Internal` if the system refuses.
    pub fn take() -> Result<Self> {
        let of = |kind| {
            signal(kind)
                .map_err(|error| Error::internal("signals cannot be taken").with_source(error))
        };
        Ok(Self {
            terminate: of(SignalKind::terminate())?,
            interrupt: of(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next signal.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
