//! Cursors and prepared statements of SQL, as clients of the protocol use them.

use futures::TryStreamExt as _;
use tokio_postgres::types::Type;

use crate::copy::{query, server};
use crate::raw::{Message, Raw, bind, code, execute, message, parse, sync};
use crate::server::code as code_of;

fn describe(target: &str) -> Vec<u8> {
    message(b'D', &[target.as_bytes(), b"\0"].concat())
}

/// The tags in messages.
fn tags(messages: &[Message]) -> Vec<String> {
    let tags = messages.iter().filter(|(kind, _)| *kind == b'C');
    tags.map(|(_, body)| String::from_utf8_lossy(body).trim_end_matches('\0').to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_a_portal_and_fetch_has_columns() {
    let (_lake, server) = server().await;
    let mut raw = Raw::session(&server).await;
    raw.send(&query("BEGIN; DECLARE \"C\" CURSOR FOR SELECT x, 'a' || x AS y FROM generate_series(1, 9) g(x); FETCH 2 FROM \"C\"; MOVE 3 \"C\""))
        .await;
    let (seen, _) = raw.until_ready().await;
    assert_eq!(tags(&seen), ["BEGIN", "DECLARE CURSOR", "FETCH 2", "MOVE 3"]);
    // As psycopg asks what a cursor has.
    raw.send(&[describe("PC"), sync()].concat()).await;
    let (seen, _) = raw.until_ready().await;
    assert_eq!(seen.first().unwrap().0, b'T');
    assert!(String::from_utf8_lossy(&seen.first().unwrap().1).contains('y'));
    raw.send(&[describe("Pnone"), sync()].concat()).await;
    assert_eq!(code(raw.until_ready().await.0.first().unwrap()), "34000");
    raw.send(&query(
        "ROLLBACK; BEGIN; DECLARE \"C\" CURSOR FOR SELECT x FROM generate_series(1, 9) g(x)",
    ))
    .await;
    raw.until_ready().await;
    // Portals and cursors have their names from one place.
    raw.send(&[parse("", "SELECT 1", &[]), bind("C", "", 0, &[], 0), sync()].concat()).await;
    assert_eq!(code(&raw.until_ready().await.0[1]), "42P03");
    raw.send(&query(
        "ROLLBACK; BEGIN; DECLARE c CURSOR FOR SELECT x FROM generate_series(1, 9) g(x)",
    ))
    .await;
    raw.until_ready().await;
    // Described as a statement, bound in binary, and run twice: the second time for another cursor.
    raw.send(
        &[parse("f", "FETCH 2 FROM c", &[]), describe("Sf"), bind("", "f", 0, &[], 1)].concat(),
    )
    .await;
    raw.send(&[describe("P"), execute("", 0), sync()].concat()).await;
    let (seen, _) = raw.until_ready().await;
    let kinds: String = seen.iter().map(|(kind, _)| char::from(*kind)).collect();
    assert_eq!(kinds, "1tT2TDDC");
    assert_eq!(tags(&seen), ["FETCH 2"]);
    assert_eq!(seen[5].1, [&[0, 1, 0, 0, 0, 4][..], &1_i32.to_be_bytes()].concat());
    raw.send(&query("CLOSE c; DECLARE c CURSOR FOR SELECT 'text'::text, 2")).await;
    raw.until_ready().await;
    raw.send(&[bind("", "f", 0, &[], 0), describe("P"), execute("", 0), sync()].concat()).await;
    let (seen, _) = raw.until_ready().await;
    assert_eq!(seen[2].1, b"\0\x02\0\0\0\x04text\0\0\0\x012");
    // Closed by a message, it is gone for statements, too.
    raw.send(&[message(b'C', b"Pc\0"), sync(), query("FETCH c")].concat()).await;
    raw.until_ready().await;
    assert_eq!(code(raw.until_ready().await.0.first().unwrap()), "34000");
    // Without its cursor it has no columns and fails when it is run.
    raw.send(
        &[query("ROLLBACK"), bind("", "f", 0, &[], 0), describe("P"), execute("", 0), sync()]
            .concat(),
    )
    .await;
    raw.until_ready().await;
    assert_eq!(raw.kinds().await, "2nEZI");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_cursor_says_so_where_the_protocol_does_not() {
    let (_lake, server) = server().await;
    let mut raw = Raw::session(&server).await;
    raw.send(&query("BEGIN; DECLARE c BINARY CURSOR FOR SELECT 7; FETCH c")).await;
    let (seen, _) = raw.until_ready().await;
    let row = seen.iter().find(|(kind, _)| *kind == b'D').unwrap();
    assert_eq!(row.1.len(), 2 + 4 + usize::from(row.1[5]));
    assert!(row.1.ends_with(&[0, 0, 7]), "{row:?}");
    let columns = seen.iter().find(|(kind, _)| *kind == b'T').unwrap();
    assert!(columns.1.ends_with(&[0, 1]), "{columns:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_takes_parameters() {
    let (_lake, server) = server().await;
    let mut client = server.client().await;
    let transaction = client.transaction().await.unwrap();
    let text = "DECLARE c SCROLL CURSOR FOR SELECT x FROM generate_series(1, 9) g(x) WHERE x > $1";
    let declare = transaction.prepare(text).await.unwrap();
    assert_eq!(declare.params(), [Type::INT4]);
    transaction.execute(&declare, &[&4_i32]).await.unwrap();
    let rows = transaction.query("FETCH 2 FROM c", &[]).await.unwrap();
    let got: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(got, [5, 6]);
    assert_eq!(transaction.execute("MOVE BACKWARD ALL FROM c", &[]).await.unwrap(), 1);
    // In pages that the client sets, and the rest of an abandoned page is passed over.
    let portal = transaction.bind("FETCH 4 FROM c", &[]).await.unwrap();
    assert_eq!(transaction.query_portal(&portal, 1).await.unwrap().len(), 1);
    drop(portal);
    let rows = transaction.query("FETCH ALL FROM c", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>(), [9]);
    transaction.commit().await.unwrap();
    assert_eq!(code_of(client.simple_query("FETCH c").await), "34000");
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_prepared_by_messages_are_deallocated_by_statements() {
    let (_lake, server) = server().await;
    let client = server.client().await;
    client.simple_query("PREPARE p AS SELECT $1 || '!'").await.unwrap();
    let rows = client.query("EXECUTE p ('a')", &[]).await.unwrap();
    assert_eq!(rows[0].get::<_, String>(0), "a!");
    let execute = client.prepare("EXECUTE p ($1)").await.unwrap();
    assert_eq!(execute.params(), [Type::TEXT]);
    let rows = client.query_raw(&execute, ["b"]).await.unwrap().try_collect::<Vec<_>>().await;
    assert_eq!(rows.unwrap()[0].get::<_, String>(0), "b!");
    let mut raw = Raw::session(&server).await;
    raw.send(&[parse("s", "SELECT 1", &[]), parse("t", "SELECT 1", &[]), sync()].concat()).await;
    raw.until_ready().await;
    raw.send(&query("DEALLOCATE s")).await;
    assert_eq!(tags(&raw.until_ready().await.0), ["DEALLOCATE"]);
    raw.send(&query("DEALLOCATE s")).await;
    assert_eq!(code(raw.until_ready().await.0.first().unwrap()), "26000");
    raw.send(&[query("DEALLOCATE ALL"), bind("", "t", 0, &[], 0), sync()].concat()).await;
    raw.until_ready().await;
    assert_eq!(code(raw.until_ready().await.0.first().unwrap()), "26000");
}

/// As JDBC reads with a fetch size: a portal that is resumed, with other statements in between.
#[tokio::test(flavor = "multi_thread")]
async fn portals_of_real_queries_are_resumed() {
    let (_lake, server) = server().await;
    let mut client = server.client().await;
    client
        .simple_query("INSERT INTO t SELECT x, 'old' FROM generate_series(1, 30000) g(x)")
        .await
        .unwrap();
    let transaction = client.transaction().await.unwrap();
    let query = transaction.prepare("SELECT id, s FROM t WHERE id > $1 ORDER BY id").await.unwrap();
    let portal = transaction.bind(&query, &[&100_i32]).await.unwrap();
    let mut seen = Vec::new();
    loop {
        let rows = transaction.query_portal(&portal, 7000).await.unwrap();
        if rows.is_empty() {
            break;
        }
        assert!(rows.iter().all(|row| row.get::<_, &str>(1) == "old"));
        seen.extend(rows.iter().map(|row| row.get::<_, i32>(0)));
        transaction.execute("UPDATE t SET s = 'new', id = id + 1", &[]).await.unwrap();
    }
    assert_eq!(seen, (101..=30000).collect::<Vec<_>>());
    let new = transaction.query_one("SELECT min(id), max(s) FROM t", &[]).await.unwrap();
    assert_eq!((new.get::<_, i32>(0), new.get::<_, &str>(1)), (6, "new"));
    transaction.rollback().await.unwrap();
}
