//! The store in memory: the strictest one, for tests and for trying out.
//!
//! Serializable: one writer at a time works on a copy of what it touches and publishes it whole. Checks
//! every clause of the contract, also those that a database would let pass. Knows no disk; nothing
//! survives the value. Start reading at [`state`](self) for what is kept, `write` for the rules.

mod read;
mod state;
mod write;

use std::sync::Arc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use self::read::MemoryTxn;
use self::state::State;
use self::write::Draft;
use super::interface::{
    Capabilities, Certainty, MetaStore, ReadTxn, StoreError, StoreResult, WriteTxn,
};
use super::records::Location;
use crate::base::limits;

/// A metadata store that lives as long as the value.
#[derive(Debug, Default)]
pub struct MemoryStore {
    /// What readers see.
    published: RwLock<Arc<State>>,
    /// Held by the one writer.
    writer: Mutex<()>,
    /// Which thread writes, to tell a thread that waits for itself.
    writing: Mutex<Option<ThreadId>>,
}

impl MemoryStore {
    /// Makes an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl MetaStore for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { exclusive: true }
    }

    fn begin_read(&self) -> StoreResult<Box<dyn ReadTxn + '_>> {
        Ok(Box::new(MemoryTxn::new(Arc::clone(&self.published.read()))))
    }

    fn begin_write(&self) -> StoreResult<Box<dyn WriteTxn + '_>> {
        if *self.writing.lock() == Some(thread::current().id()) {
            return Err(StoreError::Contract(
                "this thread has a write open already and would wait for itself".to_owned(),
            ));
        }
        let wait = Duration::from_secs(limits::STORE_WRITE_WAIT_SECONDS);
        let guard = self.writer.try_lock_for(wait).ok_or_else(|| StoreError::Unavailable {
            message: format!("a write has waited {wait:?} for the one before it"),
            certainty: Certainty::NotDone,
        })?;
        *self.writing.lock() = Some(thread::current().id());
        let state = State::clone(&self.published.read());
        Ok(Box::new(MemoryTxn::new(Draft::new(self, guard, state))))
    }

    fn blobs_get(&self, locations: &[Location]) -> StoreResult<Vec<Bytes>> {
        let state = Arc::clone(&self.published.read());
        locations.iter().map(|location| state.blob(*location)).collect()
    }
}
