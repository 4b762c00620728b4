//! A cheap generator of HTTP/1.1 load: bytes out, status and length of what comes in.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{self, Watch, grouped, median, quantile};

const HEADERS: &str = "Host: 127.0.0.1\r\nAccept: application/json\r\n";

/// The bytes of a GET request.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\n{HEADERS}\r\n").into_bytes()
}

/// The bytes of a POST request.
pub(crate) fn post(path: &str, body: &Value) -> Vec<u8> {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\n{HEADERS}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    body_at: usize,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, received: Vec::with_capacity(256 * 1024), body_at: 0 }
    }

    /// Sends a request and reads the whole answer; returns its status.
    pub(crate) async fn send(&mut self, request: &[u8]) -> u16 {
        self.stream.write_all(request).await.unwrap();
        self.received.clear();
        let head = loop {
            self.read().await;
            if let Some(end) = self.received.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        self.body_at = head;
        let (status, length) = parse(&self.received[..head]);
        while self.received.len() < head + length {
            self.read().await;
        }
        assert_eq!(self.received.len(), head + length, "more came than was announced");
        status
    }

    async fn read(&mut self) {
        let count = self.stream.read_buf(&mut self.received).await.unwrap();
        assert!(count > 0, "the server closed the connection");
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &[u8] {
        &self.received[self.body_at..]
    }

    /// A request that must succeed, and the bytes it answers.
    pub(crate) async fn bytes(&mut self, request: &[u8]) -> Vec<u8> {
        let status = self.send(request).await;
        let answer = String::from_utf8_lossy(self.body());
        assert!((200..300).contains(&status), "{status}: {answer}");
        self.body().to_vec()
    }

    /// A request that must succeed, and the document it answers.
    pub(crate) async fn json(&mut self, request: &[u8]) -> Value {
        serde_json::from_slice(&self.bytes(request).await).unwrap()
    }
}

/// Status and body length of an answer. Every answer of ours announces its length.
fn parse(head: &[u8]) -> (u16, usize) {
    let text = std::str::from_utf8(head).unwrap();
    let status = text.get(9..12).and_then(|digits| digits.parse().ok()).unwrap();
    let mut length = 0;
    for line in text.split("\r\n").skip(1) {
        let Some((name, value)) = line.split_once(':') else { continue };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
        assert!(!name.eq_ignore_ascii_case("transfer-encoding"), "an answer without a length");
    }
    (status, length)
}

/// What a load came to.
#[derive(Debug)]
pub(crate) struct Load {
    /// Milliseconds of each answered request, by client.
    millis: Vec<Vec<f64>>,
    seconds: f64,
    cpu_millis: f64,
    bytes: f64,
    /// Requests that were answered with another status than the right one.
    pub(crate) refused: usize,
}

impl Load {
    /// Requests answered as they should be.
    pub(crate) fn answered(&self) -> usize {
        self.millis.iter().map(Vec::len).sum()
    }

    pub(crate) fn answered_to(&self, client: usize) -> usize {
        self.millis[client].len()
    }

    /// Bytes that the server had written to the disk, for each request.
    pub(crate) fn bytes_written(&self) -> f64 {
        self.bytes / self.answered().max(1) as f64
    }

    fn rate(&self) -> f64 {
        self.answered() as f64 / self.seconds
    }

    fn latency(&self, share: f64) -> f64 {
        quantile(&self.millis.concat(), share)
    }

    /// The median rate of several rounds.
    pub(crate) fn rate_of(loads: &[&Self]) -> f64 {
        median(&loads.iter().map(|load| load.rate()).collect::<Vec<_>>())
    }

    /// Rates, latencies, cost and refusals of several rounds.
    pub(crate) fn describe(loads: &[&Self]) -> String {
        let over = |value: &dyn Fn(&Self) -> f64| {
            median(&loads.iter().map(|load| value(load)).collect::<Vec<_>>())
        };
        let rounds: Vec<String> = loads.iter().map(|load| grouped(load.rate())).collect();
        format!(
            "{} (rounds {}); p50 {:.2} ms, p99 {:.2} ms; {:.0} µs of processor each; {} refused",
            grouped(Self::rate_of(loads)),
            rounds.join(", "),
            over(&|load| load.latency(0.5)),
            over(&|load| load.latency(0.99)),
            over(&|load| load.cpu_millis * 1e3 / load.answered().max(1) as f64),
            loads.iter().map(|load| load.refused).sum::<usize>(),
        )
    }
}

/// Sends requests on so many connections for a while. `process` is the server's.
pub(crate) async fn drive(
    address: SocketAddr,
    process: u32,
    clients: usize,
    length: Duration,
    status: u16,
    request: impl Fn(usize, usize) -> Vec<u8> + Send + Sync + 'static,
) -> Load {
    let until = move |watch: &Watch, _: usize| watch.elapsed() < length;
    run(address, process, clients, status, until, request).await
}

/// Sends so many requests on each connection.
pub(crate) async fn drive_count(
    address: SocketAddr,
    process: u32,
    clients: usize,
    each: usize,
    status: u16,
    request: impl Fn(usize, usize) -> Vec<u8> + Send + Sync + 'static,
) -> Load {
    run(address, process, clients, status, move |_, number| number < each, request).await
}

async fn run(
    address: SocketAddr,
    process: u32,
    clients: usize,
    right: u16,
    go_on: impl Fn(&Watch, usize) -> bool + Copy + Send + 'static,
    request: impl Fn(usize, usize) -> Vec<u8> + Send + Sync + 'static,
) -> Load {
    let request = Arc::new(request);
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(Client::connect(address).await);
    }
    let process = process.to_string();
    let (bytes, cpu) = (support::bytes_written(&process), support::cpu_millis(&process));
    let watch = Arc::new(Watch::start());
    let mut tasks = Vec::new();
    for (number, mut client) in connections.into_iter().enumerate() {
        let (request, watch) = (Arc::clone(&request), Arc::clone(&watch));
        tasks.push(tokio::spawn(async move {
            let (mut millis, mut refused) = (Vec::new(), 0);
            while go_on(&watch, millis.len() + refused) {
                let bytes = request(number, millis.len() + refused);
                let start = watch.millis();
                let status = client.send(&bytes).await;
                if status == right {
                    millis.push(watch.millis() - start);
                    continue;
                }
                if refused == 0 {
                    let answer = String::from_utf8_lossy(client.body());
                    println!("refused: {status} {}", answer.get(..300).unwrap_or(&answer));
                }
                refused += 1;
            }
            (millis, refused)
        }));
    }
    let (mut millis, mut refused) = (Vec::new(), 0);
    for task in tasks {
        let done = task.await.unwrap();
        millis.push(done.0);
        refused += done.1;
    }
    Load {
        millis,
        seconds: watch.seconds(),
        cpu_millis: support::cpu_millis(&process) - cpu,
        bytes: support::bytes_written(&process).saturating_sub(bytes) as f64,
        refused,
    }
}
