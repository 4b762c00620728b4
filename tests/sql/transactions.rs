//! Transactions: one commit or none, their own writes, savepoints, conflicts.

use nunatak::sql::error::SqlState;
use nunatak::sql::outcome::TransactionStatus;

use crate::console::{Sql, fails, message, ok};

async fn commits(sql: &Sql) -> String {
    ok(&mut sql.on("lake"), "SELECT count(*) FROM system.log('main')").await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tables_are_one_commit_and_seen_before_it() {
    let sql = Sql::new().await;
    let (mut one, mut two) = (sql.on("lake"), sql.on("lake"));
    ok(&mut one, "CREATE TABLE a AS SELECT 1 AS x").await;
    let before = commits(&sql).await;
    ok(&mut one, "BEGIN").await;
    assert_eq!(one.transaction(), TransactionStatus::Active);
    ok(&mut one, "INSERT INTO a VALUES (2)").await;
    ok(&mut one, "INSERT INTO a VALUES (3)").await;
    ok(&mut one, "CREATE SCHEMA main.deep").await;
    ok(&mut one, "CREATE TABLE main.deep.b AS SELECT x + 10 AS y FROM a").await;
    ok(&mut one, "CREATE VIEW v AS SELECT sum(x) AS total FROM a").await;
    assert_eq!(ok(&mut one, "SELECT y FROM main.deep.b ORDER BY y").await, "11\n12\n13");
    assert_eq!(ok(&mut one, "SELECT total FROM v").await, "6");
    assert_eq!(ok(&mut one, "SELECT count(*) FROM system.snapshots('a')").await, "3");
    // Nobody else sees anything.
    assert_eq!(ok(&mut two, "SELECT count(*) FROM a").await, "1");
    assert_eq!(fails(&mut two, "SELECT * FROM v").await.state, SqlState::UndefinedTable);
    assert_eq!(commits(&sql).await, before);
    assert_eq!(ok(&mut one, "COMMIT").await, "COMMIT");
    assert_eq!(one.transaction(), TransactionStatus::Idle);
    assert_eq!(ok(&mut two, "SELECT total FROM v").await, "6");
    assert_eq!(ok(&mut two, "SELECT count(*) FROM main.deep.b").await, "3");
    let after: usize = commits(&sql).await.parse().unwrap();
    assert_eq!(after, before.parse::<usize>().unwrap() + 1);
    assert_eq!(ok(&mut two, "SELECT sum(x) FROM a AT REF 'main~1'").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolled_back_transaction_leaves_nothing() {
    let sql = Sql::new().await;
    let mut one = sql.on("lake");
    ok(&mut one, "CREATE TABLE a AS SELECT 1 AS x").await;
    let before = commits(&sql).await;
    ok(&mut one, "BEGIN; INSERT INTO a VALUES (2); CREATE TABLE b AS SELECT 1 AS x").await;
    ok(&mut one, "ALTER TABLE a RENAME TO c").await;
    assert_eq!(ok(&mut one, "SELECT count(*) FROM c").await, "2");
    assert_eq!(fails(&mut one, "SELECT * FROM a").await.state, SqlState::UndefinedTable);
    assert_eq!(one.transaction(), TransactionStatus::Failed);
    assert_eq!(fails(&mut one, "SELECT 1").await.state, SqlState::InFailedTransaction);
    assert_eq!(ok(&mut one, "COMMIT").await, "ROLLBACK");
    assert_eq!(ok(&mut one, "SELECT count(*) FROM a").await, "1");
    assert_eq!(fails(&mut one, "SELECT * FROM b").await.state, SqlState::UndefinedTable);
    assert_eq!(commits(&sql).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_swap_names_as_dbt_does() {
    let sql = Sql::new().await;
    let mut one = sql.on("lake");
    ok(&mut one, "CREATE TABLE t AS SELECT 1 AS x").await;
    ok(&mut one, "BEGIN").await;
    ok(&mut one, "CREATE TABLE t__tmp AS SELECT 2 AS x").await;
    ok(&mut one, "ALTER TABLE t RENAME TO t__backup").await;
    ok(&mut one, "ALTER TABLE t__tmp RENAME TO t").await;
    assert_eq!(ok(&mut one, "SELECT x FROM t").await, "2");
    ok(&mut one, "DROP TABLE t__backup").await;
    ok(&mut one, "COMMIT").await;
    assert_eq!(ok(&mut one, "SELECT x FROM t").await, "2");
    assert_eq!(fails(&mut one, "SELECT * FROM t__backup").await.state, SqlState::UndefinedTable);
    assert_eq!(ok(&mut one, "SELECT x FROM t AT REF 'main~1'").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_writer_of_a_table_fails_and_of_another_does_not() {
    let sql = Sql::new().await;
    let (mut one, mut two, mut three) = (sql.on("lake"), sql.on("lake"), sql.on("lake"));
    ok(&mut one, "CREATE TABLE a AS SELECT 1 AS x; CREATE TABLE b AS SELECT 1 AS x").await;
    ok(&mut one, "BEGIN; INSERT INTO a VALUES (2)").await;
    ok(&mut two, "BEGIN; INSERT INTO b VALUES (2)").await;
    ok(&mut three, "BEGIN; INSERT INTO b VALUES (3); INSERT INTO a VALUES (3)").await;
    assert_eq!(ok(&mut one, "COMMIT").await, "COMMIT");
    assert_eq!(ok(&mut two, "COMMIT").await, "COMMIT");
    assert_eq!(fails(&mut three, "COMMIT").await.state, SqlState::SerializationFailure);
    assert_eq!(three.transaction(), TransactionStatus::Idle);
    assert_eq!(ok(&mut one, "SELECT sum(x) FROM a").await, "3");
    assert_eq!(ok(&mut one, "SELECT sum(x) FROM b").await, "3");
    // Two that make one table.
    ok(&mut one, "BEGIN; CREATE TABLE c AS SELECT 1 AS x").await;
    ok(&mut two, "CREATE TABLE c AS SELECT 2 AS x").await;
    assert_eq!(fails(&mut one, "COMMIT").await.state, SqlState::SerializationFailure);
    assert_eq!(ok(&mut one, "SELECT x FROM c").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_stand_still_until_the_end() {
    let sql = Sql::new().await;
    let (mut one, mut two) = (sql.on("lake"), sql.on("lake"));
    ok(&mut one, "CREATE TABLE t AS SELECT 1 AS a; CREATE BRANCH side").await;
    ok(&mut one, "BEGIN").await;
    assert_eq!(ok(&mut one, "SELECT count(*) FROM t").await, "1");
    ok(&mut two, "INSERT INTO t VALUES (2); INSERT INTO side.t VALUES (5)").await;
    assert_eq!(ok(&mut one, "SELECT count(*) FROM t").await, "1");
    // A ref is pinned when it is first read.
    assert_eq!(ok(&mut one, "SELECT count(*) FROM side.t").await, "2");
    // What was read before is the base: the row of the other is not lost, the commit is refused.
    ok(&mut one, "INSERT INTO t VALUES (3)").await;
    assert_eq!(ok(&mut one, "SELECT sum(a) FROM t").await, "4");
    assert_eq!(fails(&mut one, "COMMIT").await.state, SqlState::SerializationFailure);
    assert_eq!(ok(&mut one, "SELECT sum(a) FROM t").await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn savepoints_undo_what_came_after_them() {
    let sql = Sql::new().await;
    let mut one = sql.on("lake");
    ok(&mut one, "CREATE TABLE t AS SELECT 1 AS a").await;
    assert_eq!(fails(&mut one, "SAVEPOINT s").await.state, SqlState::NoActiveTransaction);
    ok(&mut one, "BEGIN; INSERT INTO t VALUES (2)").await;
    ok(&mut one, "SAVEPOINT s").await;
    ok(&mut one, "INSERT INTO t VALUES (4)").await;
    ok(&mut one, "DROP TABLE t").await;
    assert_eq!(fails(&mut one, "SELECT * FROM t").await.state, SqlState::UndefinedTable);
    ok(&mut one, "ROLLBACK TO SAVEPOINT s").await;
    assert_eq!(ok(&mut one, "SELECT sum(a) FROM t").await, "3");
    ok(&mut one, "INSERT INTO t VALUES (8)").await;
    ok(&mut one, "ROLLBACK TO s; INSERT INTO t VALUES (16); RELEASE SAVEPOINT s").await;
    assert_eq!(fails(&mut one, "ROLLBACK TO s").await.state, SqlState::InvalidSavepoint);
    ok(&mut one, "ROLLBACK").await;
    ok(&mut one, "BEGIN; SAVEPOINT s; INSERT INTO t VALUES (32); ROLLBACK TO s").await;
    ok(&mut one, "INSERT INTO t VALUES (64); COMMIT").await;
    assert_eq!(ok(&mut one, "SELECT sum(a) FROM t").await, "65");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_branch_is_written_and_refs_are_left_alone() {
    let sql = Sql::new().await;
    let mut one = sql.on("lake");
    ok(&mut one, "CREATE TABLE t AS SELECT 1 AS a; CREATE BRANCH side").await;
    ok(&mut one, "BEGIN; INSERT INTO t VALUES (2)").await;
    assert_eq!(
        fails(&mut one, "INSERT INTO side.t VALUES (2)").await.state,
        SqlState::FeatureNotSupported
    );
    ok(&mut one, "ROLLBACK; BEGIN").await;
    assert_eq!(
        fails(&mut one, "CREATE BRANCH other").await.state,
        SqlState::InvalidTransactionState
    );
    ok(&mut one, "ROLLBACK; BEGIN READ ONLY").await;
    assert_eq!(fails(&mut one, "INSERT INTO t VALUES (2)").await.state, SqlState::ReadOnly);
    ok(&mut one, "ROLLBACK; BEGIN; INSERT INTO t VALUES (2)").await;
    // What is not committed has no log and no difference.
    assert_eq!(
        fails(&mut one, "SELECT * FROM system.diff('side', 'main')").await.state,
        SqlState::FeatureNotSupported
    );
    ok(&mut one, "ROLLBACK").await;
    assert_eq!(ok(&mut one, "SELECT count(*) FROM t").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_made_in_a_transaction_is_a_branch_at_its_end() {
    let sql = Sql::new().await;
    let (mut one, mut two) = (sql.on("lake"), sql.on("lake"));
    ok(&mut one, "CREATE TABLE t AS SELECT 1 AS a").await;
    ok(&mut one, "BEGIN; CREATE SCHEMA IF NOT EXISTS ingest").await;
    assert_eq!(ok(&mut one, "SELECT count(*) FROM ingest.t").await, "1");
    assert!(fails(&mut two, "SELECT * FROM ingest.t").await.state == SqlState::UndefinedTable);
    ok(&mut one, "INSERT INTO ingest.t VALUES (2); COMMIT").await;
    assert_eq!(ok(&mut two, "SELECT count(*) FROM ingest.t").await, "2");
    assert_eq!(ok(&mut two, "SELECT count(*) FROM main.t").await, "1");
    ok(&mut one, "BEGIN; CREATE SCHEMA gone; ROLLBACK").await;
    assert!(fails(&mut two, "SELECT * FROM gone.t").await.state == SqlState::UndefinedTable);
    ok(&mut one, "BEGIN; CREATE SCHEMA IF NOT EXISTS ingest; COMMIT").await;
    ok(&mut one, "BEGIN; DROP SCHEMA ingest CASCADE").await;
    assert!(fails(&mut one, "SELECT * FROM ingest.t").await.state == SqlState::UndefinedTable);
    ok(&mut one, "ROLLBACK").await;
    assert_eq!(ok(&mut one, "SELECT count(*) FROM ingest.t").await, "2");
    ok(&mut one, "BEGIN; DROP SCHEMA ingest CASCADE; COMMIT").await;
    assert!(fails(&mut two, "SELECT * FROM ingest.t").await.state == SqlState::UndefinedTable);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_inserts_leave_one_new_metadata_file() {
    let sql = Sql::new().await;
    let mut one = sql.on("lake");
    ok(&mut one, "CREATE TABLE t AS SELECT 1 AS a").await;
    ok(&mut one, "BEGIN").await;
    for number in 0..30 {
        ok(&mut one, &format!("INSERT INTO t VALUES ({number})")).await;
    }
    ok(&mut one, "COMMIT").await;
    assert_eq!(ok(&mut one, "SELECT count(*), sum(a) FROM t").await, "31 436");
    assert_eq!(ok(&mut one, "SELECT count(*) FROM system.snapshots('t')").await, "31");
    ok(&mut one, "INSERT INTO t VALUES (1)").await;
    assert_eq!(ok(&mut one, "SELECT count(*) FROM t").await, "32");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_one_commit_or_none() {
    let sql = Sql::new().await;
    let mut one = sql.on("lake");
    let count = |text: &str| text.parse::<usize>().unwrap();
    let before = count(&commits(&sql).await);
    let text = "CREATE TABLE a AS SELECT 1 AS x; INSERT INTO a VALUES (2); CREATE TABLE b (y int)";
    message(&mut one, text).await.unwrap();
    assert_eq!(count(&commits(&sql).await), before + 1);
    let text = "INSERT INTO a VALUES (3); INSERT INTO nowhere VALUES (1)";
    assert_eq!(message(&mut one, text).await.unwrap_err().state, SqlState::UndefinedTable);
    assert_eq!(one.transaction(), TransactionStatus::Idle);
    assert_eq!(ok(&mut one, "SELECT sum(x) FROM a").await, "3");
    // Branches are no part of it: what stands before is committed, what follows is another group.
    let text =
        "INSERT INTO a VALUES (4); CREATE BRANCH side; INSERT INTO side.a VALUES (5); SELECT 1";
    message(&mut one, text).await.unwrap();
    assert_eq!(ok(&mut one, "SELECT sum(x) FROM a").await, "7");
    assert_eq!(ok(&mut one, "SELECT sum(x) FROM side.a").await, "12");
    // A transaction that is begun in a message lasts beyond it.
    message(&mut one, "INSERT INTO a VALUES (8); BEGIN; INSERT INTO a VALUES (16)").await.unwrap();
    assert_eq!(one.transaction(), TransactionStatus::Active);
    ok(&mut one, "ROLLBACK").await;
    assert_eq!(ok(&mut one, "SELECT sum(x) FROM a").await, "7");
    message(&mut one, "BEGIN; INSERT INTO a VALUES (8); COMMIT; SELECT 1").await.unwrap();
    assert_eq!(one.transaction(), TransactionStatus::Idle);
    assert_eq!(ok(&mut one, "SELECT sum(x) FROM a").await, "15");
}
