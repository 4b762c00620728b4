//! Accepts connections of Flight SQL clients until told to stop.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{Stream, stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;
use tonic::transport::Server;
use tonic::transport::server::{Connected, TcpConnectInfo};

use super::listen::ACCEPT_PAUSE;
use crate::base::limits::{
    DRAIN_SECONDS, FLIGHT_CALLS_MAX, FLIGHT_CONNECTIONS_MAX, FLIGHT_HEADER_BYTES_MAX,
    FLIGHT_SWEEP_SECONDS,
};
use crate::flight::door::Door;
use crate::telemetry::metrics::Metrics;

/// How often a connection on which nothing moves is asked whether its client is still there.
const ALIVE: Duration = Duration::from_secs(60);
/// How long a client may take to close a connection after the server said that nothing more comes.
const LINGER: Duration = Duration::from_secs(5);
/// Bytes that a call may send ahead of what was read of it, and all calls of one connection.
const WINDOW_BYTES: u32 = 1024 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;

/// Serves until `stop` ends; then finishes the statements that run, at most [`DRAIN_SECONDS`]. Meanwhile
/// drops what clients do not use any more.
pub async fn serve(
    listener: TcpListener,
    door: Door,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()>,
) {
    let (stopping, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(FLIGHT_CALLS_MAX)
        .http2_max_header_list_size(FLIGHT_HEADER_BYTES_MAX)
        .http2_keepalive_interval(Some(ALIVE))
        .add_service(door.service())
        .serve_with_incoming_shutdown(incoming(listener, metrics), async move {
            drop(stopped.await);
        });
    let mut serving = std::pin::pin!(serving);
    let mut sweep = tokio::time::interval(Duration::from_secs(FLIGHT_SWEEP_SECONDS));
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            ended = &mut serving => return log(ended),
            _ = sweep.tick() => door.sweep(),
            () = &mut stop => break,
        }
    }
    drop(stopping);
    let drained = tokio::time::timeout(Duration::from_secs(DRAIN_SECONDS), async {
        log(serving.await);
        door.finish().await;
    });
    if drained.await.is_err() {
        tracing::warn!("statements were still running after {DRAIN_SECONDS} s and are cut off");
        door.cut();
    }
}

fn log(ended: Result<(), tonic::transport::Error>) {
    if let Err(error) = ended {
        tracing::error!("the Flight door failed: {error}");
    }
}

/// Connections as they come, no more at a time than there are places.
fn incoming(
    listener: TcpListener,
    metrics: Arc<Metrics>,
) -> impl Stream<Item = io::Result<Connection>> {
    let places = Arc::new(Semaphore::new(FLIGHT_CONNECTIONS_MAX));
    stream::unfold((listener, places, metrics), |(listener, places, metrics)| async move {
        let place = Arc::clone(&places).acquire_owned().await.ok()?;
        let stream = loop {
            match listener.accept().await {
                Ok((stream, _)) => break stream,
                Err(error) => {
                    tracing::warn!("a connection was not accepted: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("TCP_NODELAY was not set: {error}");
        }
        metrics.sql_connection("flight", true);
        let metrics_of = Arc::clone(&metrics);
        let connection = Connection { stream, closing: None, metrics: metrics_of, _place: place };
        Some((Ok(connection), (listener, places, metrics)))
    })
}

/// A connection that has a place, and is counted.
struct Connection {
    stream: TcpStream,
    /// Once all was sent: until when the client may take to close its end.
    closing: Option<Pin<Box<Sleep>>>,
    metrics: Arc<Metrics>,
    _place: OwnedSemaphorePermit,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.metrics.sql_connection("flight", false);
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Says that nothing more comes, and waits a little for the client to have read it: a connection that
    /// is closed while its client still sends takes away what the client has not read yet.
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.closing.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.closing = Some(Box::pin(tokio::time::sleep(LINGER)));
        }
        let mut bytes = [0; 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.stream).poll_read(context, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
        }
        match &mut self.closing {
            Some(closing) => closing.as_mut().poll(context).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}
