//! What pgJDBC, SQLAlchemy and DBeaver ask.

use crate::console::{ok, run};
use crate::pg_tools::lake;

#[tokio::test(flavor = "multi_thread")]
async fn every_question_is_answered() {
    let (_sql, mut session) = lake().await;
    let oid = |name: &str| format!("SELECT 'ingest.{name}'::regclass::oid");
    let orders = ok(&mut session, &oid("orders")).await;
    let view = ok(&mut session, &oid("open_orders")).await;
    let mut failed = Vec::new();
    for line in include_str!("pg_clients.txt").lines().filter(|line| !line.starts_with('#')) {
        let (client, text) = line.split_once('\t').unwrap();
        let text = text.replace("{orders}", &orders).replace("{view}", &view);
        if let Err(error) = run(&mut session, &text).await {
            failed.push(format!("{client}\n  {text}\n  {error:?}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// The answer to the question of a client that holds a text.
async fn answer(holds: &str) -> String {
    let (_sql, mut session) = lake().await;
    let mut lines = include_str!("pg_clients.txt").lines();
    let line = lines.find(|line| line.contains(holds)).unwrap();
    let (_, text) = line.split_once('\t').unwrap();
    ok(&mut session, text).await
}

#[tokio::test(flavor = "multi_thread")]
async fn jdbc_lists_tables() {
    assert_eq!(
        answer("d.classoid = 'pg_class'::regclass) WHERE c.relnamespace = n.oid AND n.nspname LIKE 'ingest' AND c.relname LIKE '%'").await,
        "lake ingest customers TABLE NULL     \n\
         lake ingest orders TABLE NULL     \n\
         lake ingest open_orders VIEW NULL     "
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn jdbc_lists_columns() {
    let columns = answer("LEFT JOIN pg_catalog.pg_attrdef def").await;
    let lines: Vec<&str> = columns.lines().collect();
    assert_eq!(lines.len(), 8);
    assert_eq!(lines[0], "lake ingest orders id 20 true -1 8 -1 1 NULL NULL NULL NULL 0 b");
    assert_eq!(
        lines[1],
        "lake ingest orders amount 1700 false 655366 -1 -1 2 NULL NULL NULL NULL 0 b"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dbeaver_lists_schemas_and_columns() {
    let schemas = answer("d.classoid='pg_namespace'::regclass ORDER BY nspname").await;
    let names: Vec<&str> = schemas.lines().map(|line| line.split(' ').nth(2).unwrap()).collect();
    assert_eq!(names, ["information_schema", "ingest", "main", "main.ops", "other", "pg_catalog"]);
    assert!(schemas.lines().all(|line| line.split(' ').next() == line.split(' ').nth(1)));
    assert!(answer("db.* FROM").await.contains(" lake 10 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlalchemy_lists_columns() {
    let columns = answer("AS identity_options").await;
    assert_eq!(columns.lines().count(), 8, "{columns}");
    assert_eq!(columns.lines().next().unwrap(), "id bigint NULL true orders NULL  NULL NULL");
}
