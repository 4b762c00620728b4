//! Temporary tables.

use nunatak::sql::error::SqlState;

use crate::console::{Sql, fails, ok};

#[tokio::test(flavor = "multi_thread")]
async fn what_dbt_does_with_a_temporary_table() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE m AS SELECT 1 AS id, 'old' AS s").await;
    let commits = ok(&mut session, "SELECT count(*) FROM system.log('main')").await;
    let tag = ok(
        &mut session,
        "create temporary table \"m__dbt_tmp1\" as ( select * from (values (2, 'new'), (3, null)) v(id, s) )",
    )
    .await;
    assert_eq!(tag, "SELECT 2");
    assert_eq!(ok(&mut session, "SELECT count(*) FROM system.log('main')").await, commits);
    let tag = ok(
        &mut session,
        "insert into \"lake\".\"main\".\"m\" (\"id\", \"s\") ( select \"id\", \"s\" from \"m__dbt_tmp1\" )",
    )
    .await;
    assert_eq!(tag, "INSERT 0 2");
    assert_eq!(ok(&mut session, "SELECT * FROM m ORDER BY id").await, "1 old\n2 new\n3 NULL");
    assert_eq!(
        ok(&mut session, "drop table if exists \"m__dbt_tmp1\" cascade").await,
        "DROP TABLE"
    );
    let error = fails(&mut session, "SELECT * FROM m__dbt_tmp1").await;
    assert_eq!(error.state, SqlState::UndefinedTable);
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_names_hide_those_of_the_catalog() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t AS SELECT 'kept' AS s").await;
    ok(&mut session, "CREATE TEMP TABLE t (n int NOT NULL, s text)").await;
    assert_eq!(
        fails(&mut session, "CREATE TEMP TABLE t (n int)").await.state,
        SqlState::DuplicateTable
    );
    ok(&mut session, "CREATE TEMP TABLE IF NOT EXISTS t (n int)").await;
    assert_eq!(ok(&mut session, "INSERT INTO t VALUES (1, 'x')").await, "INSERT 0 1");
    assert_eq!(
        ok(&mut session, "INSERT INTO pg_temp.t (n) SELECT n + 1 FROM T").await,
        "INSERT 0 1"
    );
    assert_eq!(ok(&mut session, "SELECT t.n, s FROM t ORDER BY 1").await, "1 x\n2 NULL");
    assert_eq!(ok(&mut session, "SELECT s FROM main.t").await, "kept");
    let error = fails(&mut session, "INSERT INTO t VALUES (NULL, 'x')").await;
    assert_eq!(error.state, SqlState::NotNullViolation);
    assert_eq!(
        fails(&mut session, "CREATE VIEW v AS SELECT * FROM t").await.state,
        SqlState::FeatureNotSupported
    );
    // Another session sees nothing of it.
    assert_eq!(ok(&mut sql.on("lake"), "SELECT * FROM t").await, "kept");
    ok(&mut session, "ALTER TABLE t RENAME TO u").await;
    assert_eq!(ok(&mut session, "SELECT * FROM t").await, "kept");
    assert_eq!(ok(&mut session, "SELECT count(*) FROM u").await, "2");
    ok(&mut session, "CREATE TABLE pg_temp.w AS SELECT 1 AS a; DROP TABLE u, w").await;
    assert_eq!(fails(&mut session, "SELECT * FROM u").await.state, SqlState::UndefinedTable);
    assert_eq!(
        fails(&mut session, "SELECT * FROM pg_temp.w").await.state,
        SqlState::UndefinedTable
    );
    for (text, state) in [
        ("CREATE TEMP TABLE main.x (a int)", SqlState::InvalidTableDefinition),
        ("CREATE TEMP TABLE x (a int) PARTITIONED BY (a)", SqlState::FeatureNotSupported),
        ("CREATE TEMP TABLE x (a int UNIQUE)", SqlState::FeatureNotSupported),
        ("CREATE TEMP TABLE x AS SELECT 1 AS a, 2 AS a", SqlState::SyntaxError),
        ("CREATE TEMP TABLE x AS SELECT 1 / 0 AS a", SqlState::DivisionByZero),
    ] {
        let error = fails(&mut session, text).await;
        assert_eq!(error.state, state, "{text}: {error:?}");
    }
    assert_eq!(fails(&mut session, "SELECT * FROM x").await.state, SqlState::UndefinedTable);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_temporary_tables_change() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE keys AS SELECT * FROM (VALUES (2), (5)) v(k)").await;
    ok(&mut session, "CREATE TEMP TABLE t (n int, s text)").await;
    ok(&mut session, "INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL), (NULL, 'd')").await;
    let all = "SELECT n, s FROM t ORDER BY n, s";
    assert_eq!(ok(&mut session, "DELETE FROM t WHERE n IN (SELECT k FROM keys)").await, "DELETE 1");
    assert_eq!(ok(&mut session, all).await, "1 a\n3 NULL\nNULL d");
    let tag =
        ok(&mut session, "UPDATE t AS x SET n = x.n * 10, s = NULL WHERE x.s = 'a' OR n = 1").await;
    assert_eq!(tag, "UPDATE 1");
    assert_eq!(ok(&mut session, all).await, "3 NULL\n10 NULL\nNULL d");
    assert_eq!(ok(&mut session, "DELETE FROM t USING keys WHERE k * 5 = t.n").await, "DELETE 1");
    assert_eq!(ok(&mut session, "UPDATE t SET s = 'all'").await, "UPDATE 2");
    assert_eq!(ok(&mut session, all).await, "3 all\nNULL all");
    assert_eq!(fails(&mut session, "UPDATE t SET x = 1").await.state, SqlState::UndefinedColumn);
    assert_eq!(fails(&mut session, "UPDATE t SET n = 1, n = 2").await.state, SqlState::SyntaxError);
    assert_eq!(ok(&mut session, all).await, "3 all\nNULL all");
    assert_eq!(ok(&mut session, "DELETE FROM t").await, "DELETE 2");
    ok(&mut session, "INSERT INTO t VALUES (1, 'a'); TRUNCATE t").await;
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_takes_temporary_tables_back() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TEMP TABLE t AS SELECT 1 AS a").await;
    ok(&mut session, "BEGIN; INSERT INTO t VALUES (2); CREATE TEMP TABLE u (b int)").await;
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t").await, "2");
    ok(&mut session, "ROLLBACK").await;
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t").await, "1");
    assert_eq!(fails(&mut session, "SELECT * FROM u").await.state, SqlState::UndefinedTable);
    ok(
        &mut session,
        "BEGIN; CREATE TEMP TABLE d (a int) ON COMMIT DROP; CREATE TEMP TABLE e ON COMMIT DELETE ROWS AS SELECT 1 AS a; \
         INSERT INTO t VALUES (2); SELECT * FROM d",
    )
    .await;
    assert_eq!(ok(&mut session, "SELECT count(*) FROM e").await, "1");
    ok(&mut session, "COMMIT").await;
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t").await, "2");
    assert_eq!(ok(&mut session, "SELECT count(*) FROM e").await, "0");
    assert_eq!(fails(&mut session, "SELECT * FROM d").await.state, SqlState::UndefinedTable);
    ok(&mut session, "BEGIN; DROP TABLE t").await;
    fails(&mut session, "SELECT * FROM t").await;
    assert_eq!(ok(&mut session, "COMMIT").await, "ROLLBACK");
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t").await, "2");
    // Outside of a transaction a statement is one.
    ok(&mut session, "CREATE TEMP TABLE x (a int) ON COMMIT DROP").await;
    assert_eq!(fails(&mut session, "SELECT * FROM x").await.state, SqlState::UndefinedTable);
}
