//! Clients that go without a word, and messages that lie.

use std::sync::Arc;
use std::time::Duration;

use nunatak::sql::engine::Engine;

use crate::copy::query;
use crate::lake::Lake;
use crate::raw::{Raw, bind, code, execute, message, parse, sync};
use crate::server::Server;

struct Place {
    _lake: Lake,
    engine: Arc<Engine>,
    server: Server,
}

impl Place {
    async fn new() -> Self {
        let lake = Lake::new().await;
        let engine = Engine::new(Arc::clone(lake.catalog()), 2).unwrap();
        let server = Server::of(engine.databases()).await;
        let client = server.client().await;
        client.simple_query("CREATE TABLE t (id int NOT NULL, s text)").await.unwrap();
        Self { _lake: lake, engine, server }
    }

    /// Waits until what the clients did is over.
    async fn at_rest(&self) {
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while self.engine.memory_reserved() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "{} bytes are held", self.engine.memory_reserved());
    }

    async fn commits(&self) -> i64 {
        let client = self.server.client().await;
        client.query_one("SELECT count(*) FROM system.log('main')", &[]).await.unwrap().get(0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_in_a_transaction_leaves_nothing() {
    let place = Place::new().await;
    let before = place.commits().await;
    let begun = "BEGIN; CREATE TEMP TABLE own AS SELECT x, 'row ' || x AS s FROM generate_series(1, 100000) g(x); \
                 INSERT INTO t SELECT x, s FROM own; CREATE TABLE u AS SELECT 1 AS a; \
                 DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT s FROM own ORDER BY s; MOVE 5000 c";
    let endless = "SELECT * FROM generate_series(1, 1000000000000)";
    // At rest in it; with a query under way; with a COPY under way; before the end of a pipeline.
    let ends = [
        Vec::new(),
        query(endless),
        query("FETCH ALL FROM c; COPY t FROM STDIN"),
        query("COPY t FROM STDIN"),
        [query("COPY t FROM STDIN"), message(b'd', b"1\tx\n")].concat(),
        [parse("", "COMMIT", &[]), bind("", "", 0, &[], 0)].concat(),
        [parse("", "DELETE FROM t", &[]), bind("", "", 0, &[], 0), execute("", 0)].concat(),
        b"Q\0\0\0\x0bCOMM".to_vec(),
    ];
    for end in ends {
        let mut raw = Raw::session(&place.server).await;
        raw.send(&query(begun)).await;
        assert_eq!(raw.until_ready().await.1, b'T');
        assert!(place.engine.memory_reserved() > 1_000_000);
        raw.send(&end).await;
        if !end.is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        drop(raw);
        place.at_rest().await;
    }
    assert_eq!(place.commits().await, before);
    let client = place.server.client().await;
    assert_eq!(client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get::<_, i64>(0), 0);
    for gone in ["own", "u"] {
        assert!(client.simple_query(&format!("SELECT * FROM {gone}")).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lengths_that_lie_end_one_connection() {
    let place = Place::new().await;
    let other = place.server.client().await;
    // Too short: what is left over is no message. Too long: the next message is taken for a part of it.
    let short = [&b"Q\0\0\0\x08"[..], b"SELECT 1\0"].concat();
    let long = [&b"Q\0\0\0\x13"[..], b"SELECT 1\0", &sync(), b"?"].concat();
    for lying in [short, long] {
        let mut raw = Raw::session(&place.server).await;
        raw.send(&lying).await;
        raw.send(&[0x7f; 40]).await;
        let mut last = None;
        while let Some(message) = raw.next().await {
            last = Some(message);
        }
        assert_eq!(code(&last.unwrap()), "08P01");
    }
    // One byte over the limit.
    let over = u32::try_from(nunatak::base::limits::PG_MESSAGE_BYTES_MAX + 1).unwrap();
    let mut raw = Raw::session(&place.server).await;
    raw.send(&[&b"Q"[..], &over.to_be_bytes()].concat()).await;
    assert_eq!(code(&raw.next().await.unwrap()), "08P01");
    assert!(raw.next().await.is_none());
    // A Close that claims to be endless holds up nothing and keeps no memory.
    let mut raw = Raw::session(&place.server).await;
    let insert =
        [parse("", "INSERT INTO t VALUES (1, 'x')", &[]), bind("", "", 0, &[], 0)].concat();
    raw.send(&[&insert[..], &execute("", 0), b"C\x7f\xff\xff\xff"].concat()).await;
    for expected in b"12C" {
        assert_eq!(raw.next().await.unwrap().0, *expected);
    }
    assert_eq!(code(&raw.next().await.unwrap()), "08P01");
    assert!(raw.next().await.is_none());
    let rows = other.query_one("SELECT count(*) FROM t", &[]).await.unwrap();
    assert_eq!(rows.get::<_, i64>(0), 0);
}
