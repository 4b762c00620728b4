//! Bytes as no good client sends them, and sequences that no library lets one write.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::server::Server;

/// A connection without any rules.
pub(crate) struct Raw(TcpStream);

pub(crate) type Message = (u8, Vec<u8>);

pub(crate) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind], &length[..], body].concat()
}

fn startup(body: &[u8]) -> Vec<u8> {
    message(0, body)[1..].to_vec()
}

pub(crate) fn parse(name: &str, text: &str, types: &[u32]) -> Vec<u8> {
    let count = u16::try_from(types.len()).unwrap().to_be_bytes();
    let types: Vec<u8> = types.iter().flat_map(|oid| oid.to_be_bytes()).collect();
    message(b'P', &[name.as_bytes(), b"\0", text.as_bytes(), b"\0", &count, &types].concat())
}

pub(crate) fn bind(
    portal: &str,
    statement: &str,
    format: u16,
    values: &[&[u8]],
    results: u16,
) -> Vec<u8> {
    let mut body = [portal.as_bytes(), b"\0", statement.as_bytes(), b"\0\0\x01"].concat();
    body.extend(format.to_be_bytes());
    body.extend(u16::try_from(values.len()).unwrap().to_be_bytes());
    for value in values {
        body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(*value);
    }
    body.extend([0, 1]);
    body.extend(results.to_be_bytes());
    message(b'B', &body)
}

pub(crate) fn execute(portal: &str, rows: u32) -> Vec<u8> {
    message(b'E', &[portal.as_bytes(), b"\0", &rows.to_be_bytes()].concat())
}

pub(crate) fn sync() -> Vec<u8> {
    message(b'S', b"")
}

impl Raw {
    async fn open(server: &Server) -> Self {
        Self(TcpStream::connect(server.address).await.unwrap())
    }

    pub(crate) async fn session(server: &Server) -> Self {
        let mut raw = Self::open(server).await;
        raw.send(&startup(b"\0\x03\0\0user\0ann\0database\0lake\0\0")).await;
        assert_eq!(raw.until_ready().await.0.first().unwrap().0, b'R');
        raw
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn next(&mut self) -> Option<Message> {
        let read = tokio::time::timeout(Duration::from_secs(20), async {
            let kind = self.0.read_u8().await.ok()?;
            let length = usize::try_from(self.0.read_u32().await.ok()?).unwrap();
            let mut body = vec![0; length - 4];
            self.0.read_exact(&mut body).await.ok()?;
            Some((kind, body))
        });
        read.await.unwrap()
    }

    /// Messages until the server is ready, and its state.
    pub(crate) async fn until_ready(&mut self) -> (Vec<Message>, u8) {
        let mut seen = Vec::new();
        loop {
            let (kind, body) = self.next().await.unwrap();
            if kind == b'Z' {
                return (seen, body[0]);
            }
            seen.push((kind, body));
        }
    }

    /// What the server says before it closes the connection.
    async fn until_closed(&mut self) -> Vec<Message> {
        let mut seen = Vec::new();
        while let Some(message) = self.next().await {
            seen.push(message);
        }
        seen
    }

    pub(crate) async fn kinds(&mut self) -> String {
        let (seen, state) = self.until_ready().await;
        let kinds: String = seen.iter().map(|(kind, _)| char::from(*kind)).collect();
        format!("{kinds}Z{}", char::from(state))
    }
}

/// The code in a message `ErrorResponse`.
#[track_caller]
pub(crate) fn code(message: &Message) -> String {
    assert_eq!(message.0, b'E', "{}", String::from_utf8_lossy(&message.1));
    let fields = message.1.split(|byte| *byte == 0);
    let code = fields.filter_map(|field| field.strip_prefix(b"C")).next().unwrap();
    String::from_utf8(code.to_vec()).unwrap()
}

/// The code with which a value in text is refused.
pub(crate) async fn bound_text(server: &Server, oid: u32, text: &str) -> String {
    let mut raw = Raw::session(server).await;
    let bound = bind("", "", 0, &[text.as_bytes()], 0);
    raw.send(&[parse("", "echo $1", &[oid]), bound, sync()].concat()).await;
    let (seen, _) = raw.until_ready().await;
    code(seen.last().unwrap())
}

/// Gives a value and gets it back in text and in binary.
pub(crate) async fn echo(
    server: &Server,
    oid: u32,
    format: u16,
    value: &[u8],
) -> (Vec<u8>, Vec<u8>) {
    let mut raw = Raw::session(server).await;
    let mut got = Vec::new();
    for result in [0, 1] {
        let bound = bind("", "", format, &[value], result);
        raw.send(&[parse("", "echo $1", &[oid]), bound, execute("", 0), sync()].concat()).await;
        let (seen, _) = raw.until_ready().await;
        let Some((_, row)) = seen.iter().find(|(kind, _)| *kind == b'D') else {
            panic!("type {oid}: {}", String::from_utf8_lossy(&seen.last().unwrap().1))
        };
        got.push(row[6..].to_vec());
    }
    let binary = got.pop().unwrap();
    (got.pop().unwrap(), binary)
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_refused_and_disturbs_nobody() {
    let server = Server::start().await;
    let client = server.client().await;
    for garbage in [
        &b"POST / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"\0\0\0\x04",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\0\0\0\x08\0\x02\0\0",
        b"\0\0\0\x09\0\x03\0\0x",
        b"\0\0\0\x0e\0\x03\0\0user\0\xff",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ] {
        let mut raw = Raw::open(&server).await;
        raw.send(garbage).await;
        let said = raw.until_closed().await;
        assert!(
            matches!(code(&said[0]).as_str(), "08P01" | "0A000" | "28000" | "22021"),
            "{garbage:?}"
        );
    }
    assert!(client.simple_query("insert").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn encryption_is_refused_and_goes_on_in_the_clear() {
    let server = Server::start().await;
    let mut raw = Raw::open(&server).await;
    for request in [80_877_103_u32, 80_877_104] {
        raw.send(&startup(&request.to_be_bytes())).await;
        assert_eq!(raw.0.read_u8().await.unwrap(), b'N');
    }
    // Version 3.2 and an option of the protocol: told what is understood instead.
    raw.send(&startup(b"\0\x03\0\x02user\0ann\0database\0lake\0_pq_.x\0y\0\0")).await;
    let (seen, state) = raw.until_ready().await;
    assert_eq!((seen[0].0, state), (b'v', b'I'));
    assert_eq!(seen[0].1, b"\0\x03\0\0\0\0\0\x01_pq_.x\0");
    assert_eq!(seen[1].0, b'R');
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_no_messages_end_the_connection() {
    let server = Server::start().await;
    for bad in [&b"Q\0\0\0\x03"[..], b"Q\x7f\xff\xff\xff", b"Q\xff\xff\xff\xff", b"?\0\0\0\x04"] {
        let mut raw = Raw::session(&server).await;
        raw.send(bad).await;
        let said = raw.until_closed().await;
        assert_eq!(code(said.last().unwrap()), "08P01", "{bad:?}");
    }
    // Cut off in the middle.
    let mut raw = Raw::session(&server).await;
    raw.send(b"Q\0\0\0\x20sel").await;
    drop(raw);
    server.log.reaches(|log| &log.closed, 5).await;
    // A password that nobody asked for.
    let mut raw = Raw::session(&server).await;
    raw.send(&message(b'p', b"x\0")).await;
    assert_eq!(code(raw.until_closed().await.last().unwrap()), "08P01");
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_with_wrong_parts_end_themselves_only() {
    let server = Server::start().await;
    let mut raw = Raw::session(&server).await;
    raw.send(&message(b'Q', b"no end")).await;
    assert_eq!(raw.kinds().await, "EZI");
    raw.send(&[message(b'B', b"\0\0\0\x01"), message(b'H', b""), sync()].concat()).await;
    assert_eq!(raw.kinds().await, "EZI");
    raw.send(&message(b'F', b"\0\0\0\0\0\0\0\0\0\0")).await;
    assert_eq!(raw.kinds().await, "EZI");
    // What belongs to a COPY that is not under way.
    raw.send(&[message(b'd', b"1\n"), message(b'c', b""), message(b'Q', b"insert\0")].concat())
        .await;
    assert_eq!(raw.kinds().await, "CZI");
    raw.send(&message(b'Q', b"\0")).await;
    assert_eq!(raw.kinds().await, "IZI");
    raw.send(&message(b'X', b"")).await;
    assert!(raw.until_closed().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_a_pipeline_skips_to_the_next_sync() {
    let server = Server::start().await;
    let mut raw = Raw::session(&server).await;
    let run = |text: &str| [parse("", text, &[]), bind("", "", 0, &[], 0), execute("", 0)].concat();
    let pipeline = [run("insert"), run("boom"), run("count 1"), message(b'Q', b"insert\0"), sync()];
    raw.send(&pipeline.concat()).await;
    raw.send(&[run("count 2"), sync()].concat()).await;
    assert_eq!(raw.kinds().await, "12C12EZI");
    assert_eq!(raw.kinds().await, "12DDCZI");
    raw.send(&[run("begin"), sync(), run("boom"), sync(), run("rollback"), sync()].concat()).await;
    assert_eq!(raw.kinds().await, "12CZT");
    assert_eq!(raw.kinds().await, "12EZE");
    assert_eq!(raw.kinds().await, "12CZI");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_statements_and_portals() {
    let server = Server::start().await;
    let mut raw = Raw::session(&server).await;
    let describe = |target: &str| message(b'D', &[target.as_bytes(), b"\0"].concat());
    let close = |target: &str| message(b'C', &[target.as_bytes(), b"\0"].concat());
    raw.send(&[parse("s", "echo $1 $2", &[23, 0]), describe("Ss"), sync()].concat()).await;
    let (seen, _) = raw.until_ready().await;
    // The second type was left open.
    assert_eq!(seen[1], (b't', b"\0\x02\0\0\0\x17\0\0\0\x19".to_vec()));
    assert_eq!(seen[2].0, b'T');
    for (bytes, expected) in [
        (parse("s", "insert", &[]), "42P05"),
        (bind("p", "none", 0, &[], 0), "26000"),
        (bind("p", "s", 0, &[b"1"], 0), "08P01"),
        (execute("p", 0), "34000"),
        (describe("Pp"), "34000"),
        (describe("Snone"), "26000"),
    ] {
        raw.send(&[bytes, sync()].concat()).await;
        assert_eq!(code(&raw.until_ready().await.0[0]), expected);
    }
    // A portal lives as long as its transaction, here until Sync.
    let bound = bind("p", "s", 0, &[b"1", b"x"], 0);
    raw.send(&[bound.clone(), describe("Pp"), bound.clone(), sync()].concat()).await;
    let (seen, _) = raw.until_ready().await;
    assert_eq!(code(&seen[2]), "42P03");
    raw.send(&[bound, close("Pp"), close("Pnone"), execute("p", 0), sync()].concat()).await;
    assert_eq!(raw.kinds().await, "233EZI");
    raw.send(&[close("Ss"), parse("s", "insert", &[]), describe("Ss"), sync()].concat()).await;
    assert_eq!(raw.kinds().await, "31tnZI");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_stops_at_its_limit() {
    let server = Server::start().await;
    let mut raw = Raw::session(&server).await;
    let start = [parse("", "count 4", &[]), bind("", "", 0, &[], 0)].concat();
    let steps = [execute("", 2), execute("", 2), execute("", 2), execute("", 0), sync()].concat();
    raw.send(&[start, steps].concat()).await;
    assert_eq!(raw.kinds().await, "12DDsDDsCCZI");
    let twice =
        [parse("", "insert", &[]), bind("", "", 0, &[], 0), execute("", 0), execute("", 0), sync()];
    raw.send(&twice.concat()).await;
    assert_eq!(raw.kinds().await, "12CEZI");
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_settings_are_told() {
    let server = Server::start().await;
    let mut raw = Raw::session(&server).await;
    raw.send(&message(b'Q', b"set TimeZone=+02:00\0")).await;
    let (seen, _) = raw.until_ready().await;
    assert_eq!(seen[1].0, b'S', "{seen:?}");
}

/// A client that does not read holds back the stream, and costs no memory.
#[tokio::test(flavor = "multi_thread")]
async fn rows_wait_for_a_client_that_does_not_read() {
    let server = Server::start().await;
    let mut raw = Raw::session(&server).await;
    raw.send(&message(b'Q', b"endless\0")).await;
    server.log.reaches(|log| &log.batches, 3).await;
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let made = server.log.batches.load(std::sync::atomic::Ordering::SeqCst);
        if made == before {
            break;
        }
        before = made;
    }
    // No more than what the sockets of both sides hold.
    assert!(before < 10_000, "{before} batches were made");
    drop(raw);
    server.log.reaches(|log| &log.dropped, 1).await;
}
