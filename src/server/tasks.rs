//! Work in the background: syncing metadata files, moving the store's write-ahead log.
//!
//! A failed round is logged and tried again; nothing is lost meanwhile, because what is not synced stays
//! in the store.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::build::Parts;
use crate::base::limits::{CHECKPOINT_SECONDS, FILE_SYNC_MILLIS};

/// The tasks of one server.
#[derive(Debug)]
pub struct Tasks {
    handles: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

impl Tasks {
    /// Starts all tasks.
    #[must_use]
    pub fn start(parts: &Parts) -> Self {
        let (stop, stopped) = watch::channel(false);
        let catalog = Arc::clone(&parts.state.catalog);
        let syncer = every(Duration::from_millis(FILE_SYNC_MILLIS), stopped.clone(), move || {
            let catalog = Arc::clone(&catalog);
            async move {
                if let Err(error) = catalog.sync_files().await {
                    tracing::warn!("metadata files were not synced: {}", error.chain());
                }
            }
        });
        let store = Arc::clone(&parts.store);
        let checkpoint = every(Duration::from_secs(CHECKPOINT_SECONDS), stopped, move || {
            let store = Arc::clone(&store);
            async move {
                let done = tokio::task::spawn_blocking(move || store.inner().checkpoint()).await;
                match done {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => tracing::warn!("the store was not checkpointed: {error}"),
                    Err(error) => tracing::error!("the checkpoint task failed: {error}"),
                }
            }
        });
        Self { handles: vec![syncer, checkpoint], stop }
    }

    /// Ends the tasks after the round they are in.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for handle in self.handles {
            if let Err(error) = handle.await {
                tracing::error!("a background task failed: {error}");
            }
        }
    }
}

/// Runs something again and again until told to stop.
fn every<F, Fut>(
    pause: Duration,
    mut stopped: watch::Receiver<bool>,
    mut round: F,
) -> JoinHandle<()>
where
    F: FnMut() -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    tokio::spawn(async move {
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => round().await,
                _ = stopped.changed() => return,
            }
        }
    })
}
