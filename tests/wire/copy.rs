//! COPY over the wire, into and out of real tables.

use std::sync::Arc;

use nunatak::sql::engine::Engine;

use crate::lake::Lake;
use crate::raw::{Message, Raw, bind, code, execute, message, parse, sync};
use crate::server::Server;

/// A server over a warehouse with the table `t (id int, s text)`.
pub(crate) async fn server() -> (Lake, Server) {
    let lake = Lake::new().await;
    let engine = Engine::new(Arc::clone(lake.catalog()), 2).unwrap();
    let server = Server::of(engine.databases()).await;
    let client = server.client().await;
    client.simple_query("CREATE TABLE t (id int NOT NULL, s text)").await.unwrap();
    (lake, server)
}

pub(crate) fn query(text: &str) -> Vec<u8> {
    message(b'Q', &[text.as_bytes(), b"\0"].concat())
}

fn data(text: &str) -> Vec<u8> {
    message(b'd', text.as_bytes())
}

fn done() -> Vec<u8> {
    message(b'c', b"")
}

/// Tags, and texts of data, in their order.
fn shown(messages: &[Message]) -> String {
    let parts: Vec<String> = messages
        .iter()
        .filter(|(kind, _)| matches!(kind, b'd' | b'C'))
        .map(|(_, body)| String::from_utf8_lossy(body).trim_end_matches('\0').to_owned())
        .collect();
    parts.join("|")
}

/// The rows of the table.
async fn rows(server: &Server) -> String {
    let mut raw = Raw::session(server).await;
    raw.send(&query("COPY (SELECT * FROM t ORDER BY id) TO STDOUT")).await;
    shown(&raw.until_ready().await.0)
}

#[tokio::test(flavor = "multi_thread")]
async fn data_go_in_and_come_out() {
    let (_lake, server) = server().await;
    let mut raw = Raw::session(&server).await;
    raw.send(&query("COPY t FROM STDIN")).await;
    let (kind, body) = raw.next().await.unwrap();
    assert_eq!((kind, body), (b'G', vec![0, 0, 2, 0, 0, 0, 0]));
    // Cut anywhere, with messages that say nothing in between.
    raw.send(
        &[data("1\ta\\tb"), message(b'H', b""), data("\n2\t\\"), sync(), data("N\n3\tü\n")]
            .concat(),
    )
    .await;
    raw.send(&done()).await;
    let (seen, state) = raw.until_ready().await;
    assert_eq!((shown(&seen).as_str(), state), ("COPY 3", b'I'));
    assert_eq!(rows(&server).await, "1\ta\\tb\n|2\t\\N\n|3\tü\n|COPY 3");
    raw.send(&query("COPY t (s, id) TO STDOUT (FORMAT csv, HEADER, FORCE_QUOTE (id), NULL 'x')"))
        .await;
    let (seen, _) = raw.until_ready().await;
    assert_eq!(seen.first().unwrap().0, b'H');
    let text = shown(&seen);
    assert!(text.starts_with("s,id\n|"), "{text}");
    assert!(text.contains("a\tb,\"1\"\n") && text.contains("|x,\"2\"\n|"), "{text}");
    // Several statements in one message.
    raw.send(&query("COPY t FROM STDIN CSV; SELECT count(*) FROM t; COPY (SELECT 'a\"b', '', NULL::text) TO STDOUT CSV"))
        .await;
    raw.send(&[data("4,x\n"), done()].concat()).await;
    let text = shown(&raw.until_ready().await.0);
    assert_eq!(text, "COPY 1|SELECT 1|\"a\"\"b\",\"\",\n|COPY 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_end_well_leaves_nothing() {
    let (_lake, server) = server().await;
    let mut raw = Raw::session(&server).await;
    for (end, expected) in [
        (message(b'f', b"enough\0"), "57014"),
        ([data("x\ty\n"), done()].concat(), "22P02"),
        ([data("2\n"), done()].concat(), "22P04"),
        ([data("2\ta\tb\n"), data("3\tc\n"), done()].concat(), "22P04"),
    ] {
        raw.send(&query("COPY t FROM STDIN")).await;
        raw.send(&[data("1\ta\n"), end].concat()).await;
        let (seen, state) = raw.until_ready().await;
        assert_eq!(code(seen.last().unwrap()), expected);
        assert_eq!(state, b'I');
    }
    // What cannot be copied into is said before data are asked for.
    raw.send(&query("COPY nobody FROM STDIN")).await;
    assert_eq!(code(raw.until_ready().await.0.first().unwrap()), "42P01");
    // A client that has gone.
    let mut gone = Raw::session(&server).await;
    gone.send(&query("COPY t FROM STDIN")).await;
    gone.next().await.unwrap();
    gone.send(&data("1\ta\n")).await;
    drop(gone);
    // Another message in the middle ends the connection.
    let mut confused = Raw::session(&server).await;
    confused.send(&query("COPY t FROM STDIN")).await;
    confused.next().await.unwrap();
    confused.send(&[data("1\ta\n"), query("SELECT 1")].concat()).await;
    assert_eq!(code(&confused.next().await.unwrap()), "08P01");
    // Inside a transaction it has failed.
    raw.send(&query("BEGIN")).await;
    raw.until_ready().await;
    raw.send(&[query("COPY t FROM STDIN"), data("x\n"), done()].concat()).await;
    assert_eq!(raw.until_ready().await.1, b'E');
    raw.send(&query("ROLLBACK")).await;
    raw.until_ready().await;
    assert_eq!(rows(&server).await, "COPY 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_by_the_extended_protocol() {
    let (_lake, server) = server().await;
    let mut raw = Raw::session(&server).await;
    // As drivers send it: everything ahead, with a Sync that says nothing yet.
    let ahead =
        [parse("", "COPY t FROM STDIN", &[]), bind("", "", 0, &[], 0), execute("", 0), sync()];
    raw.send(&ahead.concat()).await;
    raw.send(&[data("1\ta\n"), done(), sync()].concat()).await;
    assert_eq!(raw.kinds().await, "12GCZI");
    // After an error, data are dropped until Sync.
    raw.send(&ahead.concat()).await;
    raw.send(&[data("x\n"), data("y\n"), done(), sync()].concat()).await;
    let kinds = raw.kinds().await;
    assert!(kinds.starts_with("12GE"), "{kinds}");
    let mut raw = Raw::session(&server).await;
    let out = [parse("", "COPY t TO STDOUT", &[]), bind("", "", 0, &[], 0), execute("", 0), sync()];
    raw.send(&out.concat()).await;
    assert_eq!(raw.kinds().await, "12HdcCZI");
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_are_sent() {
    let (_lake, server) = server().await;
    let mut raw = Raw::session(&server).await;
    raw.send(&query("CREATE TABLE IF NOT EXISTS t (a int)")).await;
    let (seen, _) = raw.until_ready().await;
    assert_eq!(seen.first().unwrap().0, b'N');
    assert!(String::from_utf8_lossy(&seen.first().unwrap().1).contains("already exists, skipping"));
}
