//! Runs a server from its first line to its last.

use std::io::Write;
use std::sync::Arc;

use super::build::{Parts, build};
use super::config::Config;
use super::listen;
use super::shutdown::Signals;
use super::tasks::Tasks;
use crate::base::error::{Error, Result};
use crate::rest::middleware::origin::Hosts;
use crate::rest::router::router;
use crate::telemetry::init;

/// How a server ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// After its requests were answered.
    Drained,
    /// At once, because it was told twice.
    AtOnce,
}

/// Serves until SIGTERM or SIGINT. Prints `listening http ADDRESS` when it answers.
///
/// # Errors
/// Everything that keeps a server from starting.
pub async fn run(config: &Config, out: &mut dyn Write) -> Result<Ended> {
    init::init(&config.log_level, config.log_format)?;
    let mut signals = Signals::take()?;
    let parts = build(config).await?;
    let (listener, bound) = listen::bind(config.http).await?;
    let tasks = Tasks::start(&parts);
    let router = router(parts.state.clone(), Hosts { bound: Some(bound.ip()) });
    writeln!(out, "listening http {bound}")
        .and_then(|()| out.flush())
        .map_err(|error| Error::internal("standard output is closed").with_source(error))?;
    tracing::info!(address = %bound, data_dir = %config.data_dir.display(), "started");

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let mut serving = tokio::spawn(listen::serve(listener, router, async move {
        // A dropped sender stops the server too.
        drop(stopped.await);
    }));
    tokio::select! {
        () = signals.next() => {}
        failed = &mut serving => {
            return Err(Error::internal(format!("the listener ended by itself: {failed:?}")));
        }
    }
    tracing::info!("stopping: finishing the requests in flight");
    drop(stop);
    tokio::select! {
        ended = async {
            if let Err(error) = serving.await {
                tracing::error!("the listener failed: {error}");
            }
            close(parts, tasks).await;
        } => {
            let () = ended;
            tracing::info!("stopped");
            Ok(Ended::Drained)
        }
        () = signals.next() => Ok(Ended::AtOnce),
    }
}

/// Ends what runs beside requests: tasks, the last sync of files, the committer.
async fn close(parts: Parts, tasks: Tasks) {
    tasks.stop().await;
    if let Err(error) = parts.state.catalog.sync_files().await {
        tracing::warn!("the last sync of metadata files failed: {}", error.chain());
    }
    let catalog = Arc::clone(&parts.state.catalog);
    if let Err(error) = tokio::task::spawn_blocking(move || catalog.close()).await {
        tracing::error!("the committer did not end: {error}");
    }
}
