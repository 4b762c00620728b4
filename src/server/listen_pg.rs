//! Accepts connections of PostgreSQL clients until told to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::listen::ACCEPT_PAUSE;
use crate::base::limits::{DRAIN_SECONDS, PG_CONNECTIONS_MAX};
use crate::pgwire::door::Door;

/// Connections that are open at the same time, those included that only say what they want: more are
/// closed unheard.
const OPEN_MAX: usize = PG_CONNECTIONS_MAX * 2;

/// Serves until `stop` ends; then finishes the statements that run, at most [`DRAIN_SECONDS`].
pub async fn serve(listener: TcpListener, door: Arc<Door>, stop: impl Future<Output = ()>) {
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < OPEN_MAX => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!("TCP_NODELAY was not set: {error}");
                    }
                    connections.spawn(Arc::clone(&door).serve(stream, stopped.clone()));
                }
                Ok(_) => tracing::warn!("{OPEN_MAX} connections are open: another one was closed"),
                Err(error) => {
                    tracing::warn!("a connection was not accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(ended) = connections.join_next() => log(ended),
            () = &mut stop => break,
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let drained = tokio::time::timeout(Duration::from_secs(DRAIN_SECONDS), async {
        while let Some(ended) = connections.join_next().await {
            log(ended);
        }
    });
    if drained.await.is_err() {
        tracing::warn!("statements were still running after {DRAIN_SECONDS} s and are cut off");
        connections.shutdown().await;
    }
}

fn log(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!("a connection failed: {error}");
    }
}
