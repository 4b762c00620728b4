//! Several statements of the extended protocol before one `Sync`: one transaction, as in PostgreSQL.

use crate::copy::{query, server};
use crate::raw::{Raw, bind, code, execute, message, parse, sync};
use crate::server::Server;

fn run(text: &str) -> Vec<u8> {
    [parse("", text, &[]), bind("", "", 0, &[], 0), execute("", 0)].concat()
}

/// How many commits `main` has.
async fn commits(server: &Server) -> i64 {
    let client = server.client().await;
    client.query_one("SELECT count(*) FROM system.log('main')", &[]).await.unwrap().get(0)
}

async fn rows(server: &Server) -> i64 {
    let client = server.client().await;
    client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn all_up_to_sync_is_one_commit() {
    let (_lake, server) = server().await;
    let mut raw = Raw::session(&server).await;
    let before = commits(&server).await;
    let insert = |id: u32| run(&format!("INSERT INTO t VALUES ({id}, 'x')"));
    let several = [insert(1), insert(2), run("SELECT count(*) FROM t"), insert(3), sync()].concat();
    raw.send(&several).await;
    assert_eq!(raw.kinds().await, "12C12C12DC12CZI");
    assert_eq!((commits(&server).await, rows(&server).await), (before + 1, 3));
    // One by itself is a commit of its own, also where its portal is closed at once.
    let close = message(b'C', b"P\0");
    raw.send(&[insert(4), sync(), insert(5), close.clone(), sync()].concat()).await;
    assert_eq!(raw.kinds().await, "12CZI");
    assert_eq!(raw.kinds().await, "12C3ZI");
    assert_eq!((commits(&server).await, rows(&server).await), (before + 3, 5));
    // Nobody sees anything before Sync, not even after Flush.
    raw.send(&[insert(6), insert(7), message(b'H', b"")].concat()).await;
    let answered: Vec<u8> = [raw.next().await, raw.next().await, raw.next().await]
        .into_iter()
        .map(|message| message.unwrap().0)
        .collect();
    assert_eq!(answered, b"12C");
    assert_eq!(rows(&server).await, 5);
    raw.send(&sync()).await;
    assert_eq!(raw.kinds().await, "12CZI");
    assert_eq!((commits(&server).await, rows(&server).await), (before + 4, 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_undoes_everything_since_the_last_sync() {
    let (_lake, server) = server().await;
    let mut raw = Raw::session(&server).await;
    let before = commits(&server).await;
    raw.send(
        &[run("INSERT INTO t VALUES (1, 'x')"), run("INSERT INTO t VALUES (NULL, 'x')")].concat(),
    )
    .await;
    raw.send(&[run("INSERT INTO t VALUES (2, 'x')"), sync()].concat()).await;
    let (seen, state) = raw.until_ready().await;
    assert_eq!((code(seen.last().unwrap()).as_str(), state), ("23502", b'I'));
    assert_eq!((commits(&server).await, rows(&server).await), (before, 0));
    // The next ones are not concerned.
    raw.send(&[run("INSERT INTO t VALUES (3, 'x')"), sync()].concat()).await;
    assert_eq!(raw.kinds().await, "12CZI");
    // A client that goes before Sync has done nothing.
    raw.send(&[run("INSERT INTO t VALUES (4, 'x')"), run("SELECT 1"), message(b'H', b"")].concat())
        .await;
    assert_eq!(raw.next().await.unwrap().0, b'1');
    raw.send(&message(b'X', b"")).await;
    while raw.next().await.is_some() {}
    let mut gone = Raw::session(&server).await;
    gone.send(&run("INSERT INTO t VALUES (5, 'x')")).await;
    drop(gone);
    assert_eq!((commits(&server).await, rows(&server).await), (before + 1, 1));
    // The commit itself may fail: two transactions on one table.
    let (mut one, mut two) = (Raw::session(&server).await, Raw::session(&server).await);
    for raw in [&mut one, &mut two] {
        raw.send(&[run("UPDATE t SET s = 'y'"), run("SELECT 1"), message(b'H', b"")].concat())
            .await;
        for expected in b"12C12DC" {
            assert_eq!(raw.next().await.unwrap().0, *expected);
        }
    }
    one.send(&sync()).await;
    assert_eq!(one.kinds().await, "ZI");
    two.send(&sync()).await;
    let (seen, state) = two.until_ready().await;
    assert_eq!((code(seen.first().unwrap()).as_str(), state), ("40001", b'I'));
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_and_branches_in_a_pipeline() {
    let (_lake, server) = server().await;
    let mut raw = Raw::session(&server).await;
    let before = commits(&server).await;
    let insert = |id: u32| run(&format!("INSERT INTO t VALUES ({id}, 'x')"));
    // What came before BEGIN belongs to the transaction.
    raw.send(&[insert(1), run("BEGIN"), insert(2), sync()].concat()).await;
    assert_eq!(raw.kinds().await, "12C12C12CZT");
    assert_eq!(rows(&server).await, 0);
    raw.send(&[insert(3), run("ROLLBACK"), insert(4), insert(5), sync()].concat()).await;
    assert_eq!(raw.kinds().await, "12C12C12C12CZI");
    assert_eq!((commits(&server).await, rows(&server).await), (before + 1, 2));
    raw.send(
        &[run("BEGIN"), insert(6), run("COMMIT"), insert(7), run("SELECT 1 / 0"), sync()].concat(),
    )
    .await;
    let (seen, _) = raw.until_ready().await;
    assert_eq!(code(seen.last().unwrap()), "22012");
    assert_eq!((commits(&server).await, rows(&server).await), (before + 2, 3));
    // No savepoint without BEGIN, as in PostgreSQL.
    raw.send(&[insert(8), run("SAVEPOINT s"), sync()].concat()).await;
    assert_eq!(code(raw.until_ready().await.0.last().unwrap()), "25P01");
    assert_eq!(rows(&server).await, 3);
    // A statement about branches ends the transaction before it.
    raw.send(
        &[insert(9), run("CREATE BRANCH b"), insert(10), run("SELECT 1 / 0"), sync()].concat(),
    )
    .await;
    assert_eq!(code(raw.until_ready().await.0.last().unwrap()), "22012");
    assert_eq!(rows(&server).await, 4);
    // What cannot be part of one stands alone, or fails.
    raw.send(&[run("DISCARD ALL"), sync()].concat()).await;
    assert_eq!(raw.kinds().await, "12CZI");
    // A cursor lives as long as the pipeline; a message of the simple protocol ends it.
    raw.send(
        &[run("SELECT 1"), run("DECLARE c CURSOR FOR SELECT x FROM generate_series(1, 5) g(x)")]
            .concat(),
    )
    .await;
    raw.send(
        &[run("FETCH 2 FROM c"), insert(11), query("FETCH 2 FROM c"), query("FETCH c")].concat(),
    )
    .await;
    assert_eq!(raw.kinds().await, "12DC12C12DDC12CTDDCZI");
    assert_eq!(code(raw.until_ready().await.0.first().unwrap()), "34000");
    assert_eq!(rows(&server).await, 5);
}
