//! Whole statements, run in a session on a real catalog.

use std::sync::Arc;

use nunatak::sql::error::SqlState;

use crate::console::{Sql, fails, ok};

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_is_built_compared_and_merged() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    assert_eq!(ok(&mut session, "CREATE SCHEMA ingest").await, "CREATE SCHEMA");
    ok(&mut session, "CREATE TABLE ingest.orders (id bigint NOT NULL, amount float8, status text)")
        .await;
    let tag = ok(
        &mut session,
        "INSERT INTO ingest.orders VALUES (1, 10.5, 'paid'), (2, NULL, 'open'), (3, 7, 'paid')",
    )
    .await;
    assert_eq!(tag, "INSERT 0 3");
    assert_eq!(
        ok(&mut session, "SELECT * FROM ingest.orders ORDER BY id").await,
        "1 10.5 paid\n2 NULL open\n3 7.0 paid"
    );
    assert_eq!(fails(&mut session, "SELECT * FROM orders").await.state, SqlState::UndefinedTable);
    let report = ok(&mut session, "MERGE BRANCH ingest INTO main").await;
    assert!(report.contains("added"), "{report}");
    assert_eq!(ok(&mut session, "SELECT count(*) FROM orders").await, "3");
    ok(&mut session, "INSERT INTO ingest.orders (id) VALUES (4)").await;
    let compared = "SELECT count(*) FROM ingest.orders n LEFT JOIN main.orders o USING (id) \
                    WHERE o.id IS NULL";
    assert_eq!(ok(&mut session, compared).await, "1");
    assert_eq!(
        ok(
            &mut session,
            "SELECT (SELECT count(*) FROM orders AT BRANCH ingest), count(*) FROM orders"
        )
        .await,
        "4 3"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_commit_can_be_read_again() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake@main");
    ok(&mut session, "CREATE TABLE t AS SELECT 1 AS a").await;
    ok(&mut session, "CREATE TAG first").await;
    ok(&mut session, "INSERT INTO t VALUES (2)").await;
    let log = ok(&mut session, "SELECT commit_id FROM system.log('main')").await;
    let commits: Vec<&str> = log.lines().collect();
    let at = |commit: &str| format!("SELECT sum(a) FROM t AT COMMIT '{commit}'");
    assert_eq!(ok(&mut session, &at(commits[0])).await, "3");
    assert_eq!(ok(&mut session, &at(&commits[1][..12])).await, "1");
    assert_eq!(ok(&mut session, "SELECT sum(a) FROM t AT TAG first").await, "1");
    assert_eq!(ok(&mut session, "SELECT sum(a) FROM t AT REF 'main~1'").await, "1");
    assert_eq!(
        ok(&mut session, "SELECT o.a, n.a FROM t AT TAG first o JOIN t n ON n.a = o.a + 1").await,
        "1 2"
    );
    assert_eq!(fails(&mut session, &at(commits[2])).await.state, SqlState::UndefinedTable);
    assert_eq!(
        fails(&mut session, "SELECT * FROM t AT BRANCH first").await.state,
        SqlState::WrongObjectType
    );
    assert_eq!(
        fails(&mut session, "SELECT * FROM t AT TAG nothing").await.state,
        SqlState::UndefinedObject
    );
    assert_eq!(
        fails(&mut session, "INSERT INTO t AT TAG first VALUES (3)").await.state,
        SqlState::ReadOnly
    );
    let mut tag = sql.on("lake@first");
    assert_eq!(ok(&mut tag, "SELECT sum(a) FROM t").await, "1");
    assert_eq!(
        fails(&mut tag, "INSERT INTO t VALUES (3)").await.state,
        SqlState::InvalidParameterValue
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_of_rows_is_one_commit() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "SET nunatak.message = 'nightly load'").await;
    ok(&mut session, "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(n, s)").await;
    let log = ok(&mut session, "SELECT message FROM system.log('main')").await;
    assert_eq!(log.lines().collect::<Vec<_>>()[0], "nightly load");
    assert_eq!(log.lines().count(), 2, "{log}");
    assert_eq!(ok(&mut session, "SELECT n, s FROM t ORDER BY n DESC").await, "2 b\n1 a");
    assert_eq!(ok(&mut session, "SELECT count(*) FROM system.snapshots('t')").await, "1");
    assert_eq!(ok(&mut session, "TRUNCATE TABLE t").await, "TRUNCATE TABLE");
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t").await, "0");
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t AT REF 'main~1'").await, "2");
    assert_eq!(fails(&mut session, "CREATE TABLE t (a int)").await.state, SqlState::DuplicateTable);
    assert_eq!(ok(&mut session, "CREATE TABLE IF NOT EXISTS t (a int)").await, "CREATE TABLE");
    ok(&mut session, "ALTER TABLE t RENAME TO u; DROP TABLE u; DROP TABLE IF EXISTS u").await;
    assert_eq!(fails(&mut session, "DROP TABLE u").await.state, SqlState::UndefinedTable);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_mean_the_same_on_every_branch() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE SCHEMA ingest; SET search_path = ingest").await;
    ok(&mut session, "CREATE TABLE t AS SELECT 1 AS a UNION ALL SELECT 2").await;
    ok(
        &mut session,
        "CREATE VIEW v AS WITH t AS (SELECT a FROM ingest.t WHERE a > 1) SELECT t.a FROM t",
    )
    .await;
    assert_eq!(ok(&mut session, "SELECT * FROM v").await, "2");
    ok(&mut session, "MERGE BRANCH ingest INTO main").await;
    ok(&mut session, "INSERT INTO main.t VALUES (3)").await;
    assert_eq!(ok(&mut session, "SELECT * FROM main.v ORDER BY a").await, "2\n3");
    assert_eq!(ok(&mut session, "SELECT * FROM ingest.v").await, "2");
    assert_eq!(ok(&mut session, "SELECT count(*) FROM main.v AT REF 'main~1'").await, "1");
    assert_eq!(
        ok(&mut session, "SELECT (SELECT count(*) FROM ingest.v), count(*) FROM main.v").await,
        "1 2"
    );
    assert_eq!(
        fails(&mut session, "CREATE VIEW w AS SELECT * FROM main.t").await.state,
        SqlState::FeatureNotSupported
    );
    ok(&mut session, "CREATE OR REPLACE VIEW v AS SELECT 7 AS a; CREATE VIEW w AS SELECT * FROM v")
        .await;
    assert_eq!(ok(&mut session, "SELECT * FROM w").await, "7");
    // A view that comes to read itself is an error, not the end of the server.
    ok(&mut session, "CREATE OR REPLACE VIEW v AS SELECT * FROM w").await;
    assert_eq!(fails(&mut session, "SELECT * FROM w").await.state, SqlState::ProgramLimitExceeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_common_table_expressions_hide_tables_only_after_them() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t AS SELECT 5 AS a").await;
    assert_eq!(ok(&mut session, "WITH t AS (SELECT a + 1 AS a FROM t) SELECT a FROM t").await, "6");
    assert_eq!(ok(&mut session, "SELECT main.t.a FROM main.t WHERE lake.main.t.a = 5").await, "5");
    assert_eq!(
        ok(
            &mut session,
            "SELECT a FROM t WHERE EXISTS (WITH t AS (SELECT 1 AS b) SELECT b FROM t)"
        )
        .await,
        "5"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_carried_out_says_so_and_changes_nothing() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t AS SELECT 1 AS a, 'x' AS s").await;
    for text in [
        "CREATE TABLE x (a int UNIQUE)",
        "CREATE TABLE x (a int DEFAULT 3)",
        "CREATE TABLE x (a varchar(3))",
        "CREATE TABLE x (a numeric)",
        "INSERT INTO t VALUES (1, 'y') RETURNING $1",
        "MERGE INTO t USING (SELECT 1 AS b) u ON a = b WHEN MATCHED THEN DELETE RETURNING a",
        "INSERT INTO t VALUES (1, 'y') ON CONFLICT DO NOTHING",
        "SELECT * FROM t FOR UPDATE",
        "SELECT * FROM t TABLESAMPLE BERNOULLI (1)",
        "SELECT a INTO x FROM t",
        "COPY t FROM STDIN",
        "GRANT SELECT ON t TO bob",
        "CREATE INDEX i ON t (a)",
        "EXPLAIN ANALYZE INSERT INTO t VALUES (2, 'y')",
    ] {
        let error = fails(&mut session, text).await;
        assert!(
            matches!(error.state, SqlState::FeatureNotSupported | SqlState::SyntaxError),
            "{text}: {error:?}"
        );
    }
    for (text, state) in [
        ("INSERT INTO t VALUES (1)", None),
        ("INSERT INTO t VALUES (1, 'y', 3)", Some(SqlState::SyntaxError)),
        ("INSERT INTO t (a, a) VALUES (1, 2)", Some(SqlState::SyntaxError)),
        ("INSERT INTO t (b) VALUES (1)", Some(SqlState::UndefinedColumn)),
        ("INSERT INTO t (a) SELECT 1.7", Some(SqlState::DatatypeMismatch)),
        ("INSERT INTO t (a) SELECT s FROM t", Some(SqlState::DatatypeMismatch)),
        ("SET unknown_thing = 1", Some(SqlState::UndefinedObject)),
        ("SET timezone = 'Europe/Berlin'", Some(SqlState::InvalidParameterValue)),
        ("SELECT nothing FROM t", Some(SqlState::UndefinedColumn)),
        ("SELECT nothing(a) FROM t", Some(SqlState::UndefinedFunction)),
        ("SELECT * FROM system.nothing", Some(SqlState::UndefinedTable)),
        ("SELECT * FROM system.log(1)", Some(SqlState::InvalidParameterValue)),
        ("DROP VIEW t", Some(SqlState::WrongObjectType)),
    ] {
        match state {
            None => drop(ok(&mut session, text).await),
            Some(state) => {
                let error = fails(&mut session, text).await;
                assert_eq!(error.state, state, "{text}: {error:?}");
            }
        }
    }
    assert_eq!(ok(&mut session, "SELECT a, s FROM t ORDER BY s").await, "1 x\n1 NULL");
    let _ = &sql.lake;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_have_zones_and_columns_have_names() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    assert_eq!(
        ok(&mut session, "SELECT now() > TIMESTAMPTZ '2026-01-01 00:00:00+00'").await,
        "true"
    );
    ok(
        &mut session,
        "CREATE TABLE t AS SELECT CAST('2026-11-21 10:00:00+02' AS TIMESTAMPTZ) AS at",
    )
    .await;
    assert_eq!(ok(&mut session, "SELECT at FROM t").await, "2026-11-21T08:00:00Z");
    let statement = &session.parse("SELECT count(*), 1, lower('A'), 1 + 1, count(*)").unwrap()[0];
    let described = session.describe(statement, &[]).await.unwrap();
    let columns = described.columns.unwrap();
    let names: Vec<&str> = columns.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["count", "?column?", "lower", "?column?", "count"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_null_in_a_required_column_is_refused() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t (a int NOT NULL, b int)").await;
    for text in ["INSERT INTO t VALUES (NULL, 1)", "INSERT INTO t (b) VALUES (1)"] {
        assert_eq!(fails(&mut session, text).await.state, SqlState::NotNullViolation, "{text}");
    }
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn appends_from_many_sessions_all_stay() {
    let sql = Arc::new(Sql::new().await);
    ok(&mut sql.on("lake"), "CREATE TABLE t (a int)").await;
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let sql = Arc::clone(&sql);
            tokio::spawn(async move {
                let mut session = sql.on("lake");
                for round in 0..3 {
                    ok(&mut session, &format!("INSERT INTO t VALUES ({})", writer * 10 + round))
                        .await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(ok(&mut sql.on("lake"), "SELECT count(*), count(DISTINCT a) FROM t").await, "24 24");
}
