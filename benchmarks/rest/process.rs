//! The servers that are measured, each a process of its own.

use std::convert::Infallible;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bytes::Bytes;
use hyper::body::Body;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use crate::support::Watch;

/// A server that answers. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    address: SocketAddr,
    start_millis: f64,
}

impl Process {
    /// Starts Nunatak on a data directory and waits until it answers.
    pub(crate) fn serve(binary: &Path, data: &Path) -> Self {
        let mut command = Command::new(binary);
        command.arg("serve").arg("--data-dir").arg(data).args(["--http", "127.0.0.1:0"]);
        command.args(["--pg", "127.0.0.1:0"]);
        command.args(["--log-level", "warn"]);
        Self::start(command)
    }

    /// Starts a server of one file.
    pub(crate) fn serve_file(file: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg("--static").arg(file);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let watch = Watch::start();
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = loop {
            let line = lines.next().unwrap().unwrap();
            if let Some(address) = line.strip_prefix("listening http ") {
                break address.parse().unwrap();
            }
        };
        let start_millis = watch.millis();
        // Nobody may have to wait for this pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, start_millis }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// From the start of the process to the line that it answers.
    pub(crate) fn start_millis(&self) -> f64 {
        self.start_millis
    }

    /// A field of the process's status, in MB.
    pub(crate) fn status(&self, field: &str) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        let kib: f64 = line.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
        kib / 1024.0
    }

    /// Ends it as an operator would, and waits.
    pub(crate) fn stop(self) {}
}

impl Drop for Process {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-TERM", &id]).status();
        if !told.is_ok_and(|status| status.success()) && self.child.kill().is_err() {
            return;
        }
        if let Err(error) = self.child.wait() {
            println!("a server did not end: {error}");
        }
    }
}

/// Serves the bytes of a file to whoever asks for anything: the least that a server can do.
pub(crate) fn serve_file(file: &Path) {
    let bytes = Bytes::from(std::fs::read(file).unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("listening http {}", listener.local_addr().unwrap());
        std::io::stdout().flush().unwrap();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let answer = service_fn(move |_| {
                    let bytes = bytes.clone();
                    async move {
                        let mut response = hyper::Response::new(Whole(Some(bytes)));
                        let kind = hyper::header::HeaderValue::from_static("application/json");
                        response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
                        Ok::<_, Infallible>(response)
                    }
                });
                let builder = hyper::server::conn::http1::Builder::new();
                drop(builder.serve_connection(TokioIo::new(stream), answer).await);
            });
        }
    });
}

/// A body of one piece.
struct Whole(Option<Bytes>);

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(self.0.take().map(|bytes| Ok(hyper::body::Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        let length = self.0.as_ref().map_or(0, Bytes::len);
        hyper::body::SizeHint::with_exact(length as u64)
    }
}
