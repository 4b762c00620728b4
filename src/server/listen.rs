//! Accepts connections and serves HTTP/1.1 on them until told to stop.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use crate::base::error::{Error, ErrorKind, Result};
use crate::base::limits::{DRAIN_SECONDS, REQUEST_HEAD_SECONDS_MAX};

/// How long to wait after the system refused to give a connection (such as: too many open files).
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Binds an address that `flag` chooses; port 0 picks a free one.
///
/// # Errors
/// `Unavailable` if it is in use or not of this machine.
pub async fn bind(address: SocketAddr, flag: &str) -> Result<(TcpListener, SocketAddr)> {
    let failed = |error: std::io::Error| {
        let hint = if error.kind() == std::io::ErrorKind::AddrInUse {
            format!(
                "; another server may be running: stop it, or choose another address with {flag}"
            )
        } else {
            String::new()
        };
        Error::new(ErrorKind::Unavailable, format!("cannot listen on {address}: {error}{hint}"))
            .with_source(error)
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Serves until `stop` ends; then finishes the requests in flight, at most [`DRAIN_SECONDS`].
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => connection(stream, router.clone(), &graceful),
                Err(error) => {
                    tracing::warn!("a connection was not accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    let drained = tokio::time::timeout(Duration::from_secs(DRAIN_SECONDS), graceful.shutdown());
    if drained.await.is_err() {
        tracing::warn!("requests were still running after {DRAIN_SECONDS} s and are cut off");
    }
}

fn connection(stream: TcpStream, router: Router, graceful: &GracefulShutdown) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!("TCP_NODELAY was not set: {error}");
    }
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(REQUEST_HEAD_SECONDS_MAX))
        .keep_alive(true)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let serving = graceful.watch(serving);
    tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::debug!("a connection ended early: {error}");
        }
    });
}
