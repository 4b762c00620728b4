//! Runs a server from its first line to its last.

use std::fmt::Write as _;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::build::{Parts, build};
use super::config::Config;
use super::shutdown::Signals;
use super::tasks::Tasks;
use super::{listen, listen_flight, listen_pg};
use crate::base::error::{Error, Result};
use crate::flight::door as flight;
use crate::pgwire::door::Door;
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

/// Serves until SIGTERM or SIGINT. Prints `listening http ADDRESS`, `listening pg ADDRESS` and
/// `listening flight ADDRESS` when it answers, all at once.
///
/// # Errors
/// Everything that keeps a server from starting.
pub async fn run(config: &Config, out: &mut dyn Write) -> Result<Ended> {
    run_until(config, out, std::future::pending()).await
}

/// As [`run`], or until something else ends it, which drains as SIGTERM does.
///
/// # Errors
/// As [`run`].
pub async fn run_until(
    config: &Config,
    out: &mut dyn Write,
    enough: impl Future<Output = ()>,
) -> Result<Ended> {
    init::init(&config.log_level, config.log_format)?;
    let mut signals = Signals::take()?;
    let parts = build(config).await?;
    let (listener, bound) = listen::bind(config.http, "--http").await?;
    let pg = Pg::open(config, &parts).await?;
    let flight = Flight::open(config, &parts).await?;
    let tasks = Tasks::start(&parts);
    let router = router(parts.state.clone(), Hosts { bound: Some(bound.ip()) });
    let mut lines = format!("listening http {bound}\n");
    if let Some(pg) = &pg {
        writeln!(lines, "listening pg {}", pg.bound)
            .map_err(|_| Error::internal("a line cannot be written"))?;
    }
    if let Some(flight) = &flight {
        writeln!(lines, "listening flight {}", flight.bound)
            .map_err(|_| Error::internal("a line cannot be written"))?;
    }
    // In one piece: who reads only the first line may close the other end after it.
    out.write_all(lines.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| Error::internal("standard output is closed").with_source(error))?;
    tracing::info!(address = %bound, data_dir = %config.data_dir.display(), "started");

    let (stop, stopped) = watch::channel(());
    let until = |mut stopped: watch::Receiver<()>| async move {
        // A dropped sender stops the server.
        drop(stopped.changed().await);
    };
    let http = listen::serve(listener, router, until(stopped.clone()));
    let stopped_pg = stopped.clone();
    let pg = async move {
        match pg {
            Some(pg) => listen_pg::serve(pg.listener, pg.door, until(stopped_pg)).await,
            None => until(stopped_pg).await,
        }
    };
    let metrics = Arc::clone(&parts.state.metrics);
    let flight = async move {
        match flight {
            Some(Flight { listener, door, .. }) => {
                listen_flight::serve(listener, door, metrics, until(stopped)).await;
            }
            None => until(stopped).await,
        }
    };
    let (mut serving, mut serving_pg) = (tokio::spawn(http), tokio::spawn(pg));
    let mut serving_flight = tokio::spawn(flight);
    tokio::select! {
        () = signals.next() => {}
        () = enough => {}
        failed = &mut serving => {
            return Err(Error::internal(format!("the listener ended by itself: {failed:?}")));
        }
        failed = &mut serving_pg => {
            return Err(Error::internal(format!("the pg listener ended by itself: {failed:?}")));
        }
        failed = &mut serving_flight => {
            return Err(Error::internal(format!(
                "the flight listener ended by itself: {failed:?}"
            )));
        }
    }
    tracing::info!("stopping: finishing the requests in flight");
    drop(stop);
    tokio::select! {
        ended = async {
            let (http, pg, flight) =
                futures::future::join3(serving, serving_pg, serving_flight).await;
            for ended in [http, pg, flight] {
                if let Err(error) = ended {
                    tracing::error!("a listener failed: {error}");
                }
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

/// The door for clients of PostgreSQL, before it answers.
struct Pg {
    listener: TcpListener,
    bound: SocketAddr,
    door: Arc<Door>,
}

impl Pg {
    async fn open(config: &Config, parts: &Parts) -> Result<Option<Self>> {
        let Some(address) = config.pg else { return Ok(None) };
        let (listener, bound) = listen::bind(address, "--pg").await?;
        let entropy = Arc::clone(&parts.state.entropy);
        let door = Arc::new(Door::new(Arc::clone(&parts.database), entropy));
        Ok(Some(Self { listener, bound, door }))
    }
}

/// The door for clients of Flight SQL, before it answers.
struct Flight {
    listener: TcpListener,
    bound: SocketAddr,
    door: flight::Door,
}

impl Flight {
    async fn open(config: &Config, parts: &Parts) -> Result<Option<Self>> {
        let Some(address) = config.flight else { return Ok(None) };
        let (listener, bound) = listen::bind(address, "--flight").await?;
        let door = flight::Door::new(flight::Parts {
            database: Arc::clone(&parts.database),
            default_database: parts.state.engine.default_database().to_owned(),
            clock: Arc::clone(&parts.state.clock),
            entropy: Arc::clone(&parts.state.entropy),
            metrics: Arc::clone(&parts.state.metrics),
        });
        Ok(Some(Self { listener, bound, door }))
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
