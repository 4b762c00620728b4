//! Who may cancel what: the keys of connections and the statements that run on them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use parking_lot::Mutex;

use crate::base::entropy::SharedEntropy;
use crate::sql::door::{Cancel, Canceler, cancel_signal};

/// The keys of all connections.
#[derive(Debug)]
pub(super) struct Keys {
    next: AtomicI32,
    entropy: SharedEntropy,
    open: Mutex<BTreeMap<i32, Entry>>,
}

#[derive(Debug)]
struct Entry {
    secret: i32,
    running: Arc<Running>,
}

/// The statement that runs on a connection.
#[derive(Debug, Default)]
pub(super) struct Running(Mutex<Option<Arc<Canceler>>>);

/// The key of one connection; gone when it is dropped.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) process: i32,
    pub(super) secret: i32,
    pub(super) running: Arc<Running>,
    keys: Arc<Keys>,
}

impl Keys {
    pub(super) fn new(entropy: SharedEntropy) -> Self {
        Self { next: AtomicI32::new(1), entropy, open: Mutex::default() }
    }

    /// A key that no other open connection has.
    pub(super) fn open(self: &Arc<Self>) -> Key {
        let mut secret = [0; 4];
        self.entropy.fill(&mut secret);
        let secret = i32::from_be_bytes(secret);
        let running = Arc::new(Running::default());
        let mut open = self.open.lock();
        let process = loop {
            let process = self.next.fetch_add(1, Ordering::Relaxed);
            if process > 0 && !open.contains_key(&process) {
                break process;
            }
        };
        open.insert(process, Entry { secret, running: Arc::clone(&running) });
        Key { process, secret, running, keys: Arc::clone(self) }
    }

    /// Cancels what runs there, if the key fits; says nothing, as PostgreSQL.
    pub(super) fn cancel(&self, process: i32, secret: i32) {
        let running = match self.open.lock().get(&process) {
            Some(entry) if entry.secret == secret => Arc::clone(&entry.running),
            _ => return,
        };
        running.cancel();
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.keys.open.lock().remove(&self.process);
    }
}

impl Running {
    /// Starts a statement; the one before can no longer be canceled.
    pub(super) fn start(&self) -> Cancel {
        let (canceler, cancel) = cancel_signal();
        *self.0.lock() = Some(Arc::new(canceler));
        cancel
    }

    pub(super) fn end(&self) {
        *self.0.lock() = None;
    }

    pub(super) fn cancel(&self) {
        if let Some(canceler) = self.0.lock().as_ref() {
            canceler.cancel();
        }
    }
}
