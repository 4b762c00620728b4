//! What psql sends for its commands.

use std::collections::BTreeMap;

use nunatak::sql::session::Session;

use crate::console::{ok, run};
use crate::pg_tools::lake;

/// The statements of a command, with the OIDs in them.
async fn statements(session: &mut Session) -> Vec<(String, String)> {
    let mut oids = BTreeMap::new();
    for (word, name) in [("{orders}", "orders"), ("{view}", "open_orders")] {
        let text = format!(
            "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE \
             n.nspname = 'ingest' AND relname = '{name}'"
        );
        oids.insert(word, ok(session, &text).await);
    }
    let lines = include_str!("pg_psql.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (command, text) = line.split_once('\t').unwrap();
            let text =
                oids.iter().fold(text.to_owned(), |text, (word, oid)| text.replace(word, oid));
            (command.to_owned(), text)
        })
        .collect()
}

/// The answers to all statements of a command, one after another.
async fn answers(session: &mut Session, command: &str) -> Vec<String> {
    let mut answers = Vec::new();
    for (of, text) in statements(session).await {
        if of == command {
            answers.push(ok(session, &text).await);
        }
    }
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_is_answered() {
    let (_sql, mut session) = lake().await;
    let mut failed = Vec::new();
    for (command, text) in statements(&mut session).await {
        if let Err(error) = run(&mut session, &text).await {
            failed.push(format!("{command}\n  {text}\n  {error:?}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists() {
    let (_sql, mut session) = lake().await;
    for (command, answer) in [
        ("\\d", "main t1 table ann"),
        ("\\dt", "main t1 table ann"),
        ("\\dt ingest.*", "ingest customers table ann\ningest orders table ann"),
        ("\\dn", "ingest ann\nmain ann\nmain.ops ann\nother ann"),
        ("\\dv", ""),
        ("\\di", ""),
        ("\\df", ""),
        ("\\dT", ""),
        ("\\dA", "iceberg Table"),
        ("\\l", "lake ann UTF8 C C NULL libc NULL"),
        ("\\du", "ann false true false false true -1 NULL [] false false"),
    ] {
        assert_eq!(answers(&mut session, command).await, [answer], "{command}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_table() {
    let (_sql, mut session) = lake().await;
    let answers = answers(&mut session, "\\d ingest.orders").await;
    assert_eq!(answers[0].split(' ').skip(1).collect::<Vec<_>>(), ["ingest", "orders"]);
    assert_eq!(answers[1], "0 r false false false false false false false  0  p d iceberg");
    assert_eq!(
        answers[2],
        "id bigint NULL true NULL  \n\
         amount numeric(10,2) NULL false NULL  \n\
         status text NULL false NULL  \n\
         at timestamp without time zone NULL false NULL  \n\
         d date NULL false NULL  \n\
         f double precision NULL false NULL  \n\
         b boolean NULL false NULL  \n\
         i integer NULL false NULL  "
    );
    assert!(answers[3..].iter().all(String::is_empty), "{answers:?}");
    // By its name alone it is not found: its schema is not in the search path.
    let by_name = "SELECT c.oid FROM pg_catalog.pg_class c WHERE c.relname OPERATOR(pg_catalog.~) \
                   '^(orders)$' COLLATE pg_catalog.default AND pg_catalog.pg_table_is_visible(c.oid)";
    assert_eq!(ok(&mut session, by_name).await, "");
    ok(&mut session, "SET search_path = ingest").await;
    assert_eq!(ok(&mut session, by_name).await.lines().count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_view() {
    let (_sql, mut session) = lake().await;
    let text = statements(&mut session).await;
    let (_, text) = text.iter().find(|(_, text)| text.contains("pg_get_viewdef(")).unwrap();
    let query = ok(&mut session, text).await;
    assert!(query.starts_with("SELECT id, status FROM "), "{query}");
    let listed =
        "SELECT definition FROM pg_views WHERE viewname = 'open_orders' AND schemaname = 'ingest'";
    assert_eq!(ok(&mut session, listed).await, query);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_oids() {
    let (_sql, mut session) = lake().await;
    for (text, answer) in [
        ("SELECT 'ingest.orders'::regclass", "ingest.orders"),
        ("SELECT 't1'::regclass, 'MAIN.T1'::pg_catalog.regclass::text", "t1 t1"),
        ("SELECT 'pg_class'::regclass::oid", "1259"),
        (
            "SELECT 'ingest.orders'::regclass::oid = c.oid FROM pg_class c WHERE c.oid = \
          'ingest.orders'::regclass",
            "true",
        ),
        ("SELECT c.oid::regclass FROM pg_class c WHERE relname = 't1'", "t1"),
        (
            "SELECT relnamespace::regnamespace, c.oid::regclass::text FROM pg_class c WHERE oid = \
          'other.hidden'::regclass",
            "other other.hidden",
        ),
        (
            "SELECT to_regclass('ingest.nothing'), to_regclass('ingest.orders')",
            "NULL ingest.orders",
        ),
        (
            "SELECT atttypid::regtype FROM pg_attribute WHERE attrelid = 'ingest.orders'::regclass \
          AND attnum = 2",
            "numeric",
        ),
        ("SELECT 'integer'::regtype::oid, 'int8'::regtype", "23 bigint"),
        (
            "SELECT format_type(1700, 655366), format_type(1015, NULL)",
            "numeric(10,2) character varying[]",
        ),
        (
            "SELECT pg_table_is_visible('t1'::regclass), pg_table_is_visible('ingest.orders'::regclass)",
            "true false",
        ),
        (
            "SELECT current_schema(), current_schemas(true), current_database()",
            "main [pg_catalog, main] lake",
        ),
        (
            "SELECT pg_catalog.version() LIKE 'PostgreSQL %', pg_catalog.quote_ident('a b')",
            "true \"a b\"",
        ),
        // A schema that no list shows unless it is named.
        (
            "SELECT n.nspname, c.relname FROM pg_class c LEFT JOIN pg_namespace n ON c.relnamespace = n.oid \
          WHERE c.oid = '\"ingest.sales\".eu'::regclass",
            "ingest.sales eu",
        ),
        (
            "SELECT n.nspname FROM pg_namespace n WHERE n.oid = (SELECT relnamespace FROM pg_class WHERE \
          oid = 'ingest.orders'::regclass)",
            "ingest",
        ),
    ] {
        assert_eq!(ok(&mut session, text).await, answer, "{text}");
    }
    let error = run(&mut session, "SELECT 'nothing'::regclass").await.unwrap_err();
    assert_eq!(error.state.code(), "42P01");
}
