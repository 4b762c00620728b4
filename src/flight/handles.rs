//! What clients hold by a handle: bounded, found by a name that cannot be guessed, dropped when idle.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use tonic::Status;

use super::error::{FlightResult, wrong};
use crate::base::clock::SharedClock;
use crate::base::entropy::SharedEntropy;
use crate::sql::error::{SqlError, SqlState};

/// Bounds of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// What is in it, in the plural.
    pub(super) what: &'static str,
    /// What a client may do about a handle that is not there.
    pub(super) advice: &'static str,
    pub(super) count: usize,
    pub(super) bytes: usize,
    pub(super) idle: Duration,
}

/// Things by their handles.
pub(super) struct Table<T> {
    bounds: Bounds,
    clock: SharedClock,
    entropy: SharedEntropy,
    held: Mutex<Held<T>>,
}

struct Held<T> {
    entries: BTreeMap<Bytes, Entry<T>>,
    bytes: usize,
}

struct Entry<T> {
    value: Arc<T>,
    bytes: usize,
    used: Duration,
}

impl<T> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

impl<T> Table<T> {
    pub(super) fn new(bounds: Bounds, clock: SharedClock, entropy: SharedEntropy) -> Self {
        let held = Held { entries: BTreeMap::new(), bytes: 0 };
        Self { bounds, clock, entropy, held: Mutex::new(held) }
    }

    /// Keeps something; answers its handle. `bytes` counts what it holds of the client's.
    pub(super) fn insert(&self, value: Arc<T>, bytes: usize) -> FlightResult<Bytes> {
        let mut handle = [0; 16];
        self.entropy.fill(&mut handle);
        let handle = Bytes::copy_from_slice(&handle);
        let used = self.clock.monotonic();
        let mut held = self.held.lock();
        let too_many = held.entries.len() >= self.bounds.count;
        if too_many || held.bytes.saturating_add(bytes) > self.bounds.bytes {
            return Err(self.full());
        }
        held.bytes += bytes;
        held.entries.insert(handle.clone(), Entry { value, bytes, used });
        Ok(handle)
    }

    /// Finds something, which counts as a use.
    pub(super) fn get(&self, handle: &[u8]) -> FlightResult<Arc<T>> {
        let now = self.clock.monotonic();
        let mut held = self.held.lock();
        let entry = held.entries.get_mut(handle).ok_or_else(|| self.unknown())?;
        entry.used = now;
        Ok(Arc::clone(&entry.value))
    }

    /// Counts other bytes for something that is kept.
    pub(super) fn weigh(&self, handle: &[u8], bytes: usize) -> FlightResult<()> {
        let mut held = self.held.lock();
        let before = held.entries.get(handle).ok_or_else(|| self.unknown())?.bytes;
        let all = held.bytes.saturating_sub(before).saturating_add(bytes);
        if all > self.bounds.bytes {
            return Err(self.full());
        }
        held.bytes = all;
        if let Some(entry) = held.entries.get_mut(handle) {
            entry.bytes = bytes;
        }
        Ok(())
    }

    /// Takes something out.
    pub(super) fn take(&self, handle: &[u8]) -> FlightResult<Arc<T>> {
        let mut held = self.held.lock();
        let entry = held.entries.remove(handle).ok_or_else(|| self.unknown())?;
        held.bytes = held.bytes.saturating_sub(entry.bytes);
        Ok(entry.value)
    }

    /// Drops what was idle for too long. What somebody works with is in use.
    pub(super) fn sweep(&self) {
        let now = self.clock.monotonic();
        let mut held = self.held.lock();
        for entry in held.entries.values_mut() {
            if Arc::strong_count(&entry.value) > 1 {
                entry.used = now;
            }
        }
        let idle: Vec<Bytes> = held
            .entries
            .iter()
            .filter(|(_, entry)| now.saturating_sub(entry.used) >= self.bounds.idle)
            .map(|(handle, _)| handle.clone())
            .collect();
        let mut dropped = Vec::with_capacity(idle.len());
        for handle in idle {
            if let Some(entry) = held.entries.remove(&handle) {
                held.bytes = held.bytes.saturating_sub(entry.bytes);
                dropped.push(entry);
            }
        }
        // Whatever ends with them ends without the lock.
        drop(held);
        if !dropped.is_empty() {
            tracing::debug!(
                what = self.bounds.what,
                count = dropped.len(),
                "dropped what was idle"
            );
        }
    }

    /// Drops everything.
    pub(super) fn clear(&self) {
        let mut held = self.held.lock();
        let dropped = std::mem::take(&mut held.entries);
        held.bytes = 0;
        drop(held);
        drop(dropped);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.held.lock().entries.len()
    }

    fn full(&self) -> Status {
        let Bounds { what, count, .. } = self.bounds;
        let error = SqlError::new(
            SqlState::ProgramLimitExceeded,
            format!("the server keeps at most {count} {what}, and memory for them has a bound"),
        );
        super::error::status(&error.with_hint("Close those that are not used, or try again later."))
    }

    fn unknown(&self) -> Status {
        let Bounds { what, advice, .. } = self.bounds;
        wrong(
            SqlState::UndefinedObject,
            format!("this is none of the {what} that the server keeps: {advice}"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{ManualClock, Timestamp};
    use crate::base::entropy::SeededEntropy;

    fn table() -> (Table<&'static str>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp::from_micros(0)));
        let bounds = Bounds {
            what: "things",
            advice: "make it again",
            count: 2,
            bytes: 10,
            idle: Duration::from_secs(60),
        };
        let shared: SharedClock = Arc::<ManualClock>::clone(&clock);
        (Table::new(bounds, shared, Arc::new(SeededEntropy::new(1))), clock)
    }

    #[test]
    fn what_is_idle_goes_and_what_is_used_stays() {
        let (table, clock) = table();
        let idle = table.insert(Arc::new("idle"), 1).unwrap();
        let used = table.insert(Arc::new("used"), 1).unwrap();
        let working = table.get(&used).unwrap();
        clock.advance(Duration::from_secs(61));
        table.sweep();
        assert!(table.get(&idle).unwrap_err().message().contains("make it again"));
        drop(working);
        clock.advance(Duration::from_secs(59));
        table.sweep();
        assert_eq!(*table.get(&used).unwrap(), "used");
        clock.advance(Duration::from_secs(60));
        table.sweep();
        assert_eq!(table.len(), 0);
    }

    #[test]
    fn count_and_bytes_have_bounds() {
        let (table, _) = table();
        let first = table.insert(Arc::new("a"), 9).unwrap();
        assert!(table.insert(Arc::new("b"), 2).is_err());
        let second = table.insert(Arc::new("b"), 1).unwrap();
        assert!(table.insert(Arc::new("c"), 0).is_err());
        assert!(table.weigh(&second, 2).is_err());
        assert_eq!(*table.take(&first).unwrap(), "a");
        table.weigh(&second, 10).unwrap();
        assert!(table.take(&first).is_err());
    }
}
