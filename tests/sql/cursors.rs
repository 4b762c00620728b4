//! Cursors and prepared statements in sessions: rows as they are asked for, states that stand still, limits.
//! Where the moves of a cursor lead to is compared with PostgreSQL in `tests/slt/postgres/cursors.slt`.

use arrow::datatypes::DataType;
use futures::StreamExt as _;
use nunatak::base::limits::SQL_CURSORS_MAX;
use nunatak::sql::error::SqlState;
use nunatak::sql::outcome::Outcome;
use nunatak::sql::session::Session;

use crate::console::{Sql, fails, message, ok};

/// More rows than anybody could collect.
const ENDLESS: &str = "SELECT x FROM generate_series(1, 1000000000000) g(x)";

async fn fetched(session: &mut Session, text: &str) -> nunatak::sql::outcome::RowStream {
    let statement = session.parse(text).unwrap().remove(0);
    match session.execute(&statement, &[]).await.unwrap() {
        Outcome::Rows { rows, .. } => rows,
        Outcome::Done { tag } => panic!("{tag}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_made_as_they_are_asked_for() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, &format!("BEGIN; DECLARE c CURSOR FOR {ENDLESS}")).await;
    assert_eq!(ok(&mut session, "FETCH 2 FROM c").await, "1\n2");
    assert_eq!(ok(&mut session, "MOVE 20000 IN c").await, "MOVE 20000");
    assert_eq!(ok(&mut session, "FETCH c").await, "20003");
    // Rows that nobody took count as read: the cursor stands where the statement leads.
    let mut rows = fetched(&mut session, "FETCH 30000 FROM c").await;
    assert!(rows.next().await.unwrap().unwrap().num_rows() < 30_000);
    drop(rows);
    assert_eq!(ok(&mut session, "FETCH c").await, "50004");
    // Two at once cannot both be right.
    let mut first = fetched(&mut session, "FETCH 30000 FROM c").await;
    first.next().await.unwrap().unwrap();
    assert_eq!(ok(&mut session, "FETCH c").await, "80005");
    let error = first.next().await.unwrap().unwrap_err();
    assert_eq!(error.state, SqlState::NotInPrerequisiteState);
    assert!(first.next().await.is_none());
    ok(&mut session, "COMMIT").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_cursor_reads_stands_still() {
    let sql = Sql::new().await;
    let (mut one, mut two) = (sql.on("lake"), sql.on("lake"));
    ok(&mut one, "CREATE TABLE t AS SELECT x FROM generate_series(1, 50000) g(x)").await;
    ok(&mut one, "CREATE TAG first; CREATE TEMP TABLE own AS SELECT 1 AS x").await;
    ok(&mut one, "INSERT INTO t VALUES (0)").await;
    ok(&mut one, "BEGIN").await;
    ok(&mut one, "DECLARE c CURSOR FOR SELECT x FROM t ORDER BY x").await;
    ok(&mut one, "DECLARE tagged CURSOR FOR SELECT x FROM t AT TAG first ORDER BY x").await;
    ok(&mut one, "DECLARE every CURSOR FOR SELECT count(*) FROM t JOIN t u USING (x) AT TAG first")
        .await;
    ok(&mut one, "DECLARE temporary CURSOR FOR SELECT x FROM own").await;
    ok(
        &mut one,
        "DECLARE names CURSOR FOR SELECT tablename FROM pg_tables WHERE schemaname = 'main'",
    )
    .await;
    assert_eq!(ok(&mut one, "FETCH 2 FROM c").await, "0\n1");
    // Somebody drops the table; the transaction empties its own.
    ok(&mut two, "DROP TABLE t; CREATE TABLE other (a int)").await;
    ok(&mut one, "INSERT INTO own VALUES (2); CREATE TABLE third (a int)").await;
    assert_eq!(ok(&mut one, "FETCH 2 FROM c").await, "2\n3");
    assert_eq!(ok(&mut one, "MOVE ALL FROM c").await, "MOVE 49997");
    assert_eq!(ok(&mut one, "FETCH tagged").await, "1");
    assert_eq!(ok(&mut one, "FETCH every").await, "50000");
    assert_eq!(ok(&mut one, "FETCH ALL FROM temporary").await, "1");
    assert_eq!(ok(&mut one, "FETCH ALL FROM names").await, "t");
    ok(&mut one, "ROLLBACK").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_cursor_outlives_the_table() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "BEGIN; CREATE TABLE t AS SELECT x FROM generate_series(1, 30000) g(x)").await;
    ok(&mut session, "DECLARE h SCROLL CURSOR WITH HOLD FOR SELECT x FROM t ORDER BY x").await;
    ok(&mut session, "COMMIT; DROP TABLE t").await;
    assert_eq!(ok(&mut session, "FETCH h").await, "1");
    assert_eq!(ok(&mut session, "FETCH LAST FROM h").await, "30000");
    assert_eq!(ok(&mut session, "FETCH ABSOLUTE 15000 FROM h").await, "15000");
    assert_eq!(ok(&mut session, "MOVE BACKWARD ALL FROM h").await, "MOVE 14999");
    let shown =
        "SELECT name, is_holdable, is_scrollable, creation_time > '2026-01-01' FROM pg_cursors";
    assert_eq!(ok(&mut session, shown).await, "h true true true");
    ok(&mut session, "CLOSE h").await;
    assert_eq!(fails(&mut session, "FETCH h").await.state, SqlState::InvalidCursorName);
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_in_a_message_of_several_statements() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    let text = "DECLARE c CURSOR FOR SELECT 7; FETCH c";
    assert_eq!(message(&mut session, text).await.unwrap(), "7");
    assert_eq!(fails(&mut session, "FETCH c").await.state, SqlState::InvalidCursorName);
    // One that fails takes its cursors along, held ones, too.
    let text = "DECLARE h CURSOR WITH HOLD FOR SELECT 7; SELECT nothing";
    assert!(message(&mut session, text).await.is_err());
    assert_eq!(fails(&mut session, "FETCH h").await.state, SqlState::InvalidCursorName);
    let text = "DECLARE h CURSOR WITH HOLD FOR SELECT 7; SELECT 1";
    assert_eq!(message(&mut session, text).await.unwrap(), "1");
    assert_eq!(ok(&mut session, "FETCH h").await, "7");
    // Neither is it closed by errors outside of a transaction.
    fails(&mut session, "SELECT nothing").await;
    assert_eq!(ok(&mut session, "FETCH h").await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_have_limits() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "BEGIN").await;
    for number in 0..SQL_CURSORS_MAX {
        ok(&mut session, &format!("DECLARE c{number} CURSOR FOR SELECT 1")).await;
    }
    let error = fails(&mut session, "DECLARE more CURSOR FOR SELECT 1").await;
    assert_eq!(error.state, SqlState::ProgramLimitExceeded);
    ok(&mut session, "ROLLBACK; BEGIN").await;
    // What a cursor keeps to go back has an end, and the cursor with it.
    let wide = "SELECT repeat('x', 20000), x FROM generate_series(1, 1000000) g(x)";
    ok(&mut session, &format!("DECLARE c SCROLL CURSOR FOR {wide}; SAVEPOINT s")).await;
    let error = fails(&mut session, "MOVE ALL FROM c").await;
    assert!(
        matches!(error.state, SqlState::ProgramLimitExceeded | SqlState::OutOfMemory),
        "{error:?}"
    );
    ok(&mut session, "ROLLBACK TO s").await;
    assert_eq!(fails(&mut session, "FETCH c").await.state, SqlState::NotInPrerequisiteState);
    ok(&mut session, "ROLLBACK").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fetch_has_the_time_of_a_statement() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, &format!("BEGIN; DECLARE c CURSOR FOR {ENDLESS}")).await;
    ok(&mut session, "SET LOCAL statement_timeout = '200ms'").await;
    assert_eq!(ok(&mut session, "FETCH c").await, "1");
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(ok(&mut session, "FETCH c").await, "2");
    let mut rows = fetched(&mut session, "FETCH ALL FROM c").await;
    let error = loop {
        if let Err(error) = rows.next().await.unwrap() {
            break error;
        }
    };
    assert_eq!(error.state, SqlState::QueryCanceled);
}

#[tokio::test(flavor = "multi_thread")]
async fn prepared_statements_know_their_parameters() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t (id bigint, amount numeric(20, 4), d date)").await;
    ok(&mut session, "PREPARE p AS INSERT INTO t VALUES ($1, $2, $3)").await;
    // Digits are kept where the type of the place has fewer; a parameter of the EXECUTE goes through.
    ok(&mut session, "EXECUTE p (1, 1.2345, '2026-11-21'); EXECUTE p (2, '2.5', NULL)").await;
    let statement = session.parse("EXECUTE p ($1, 3, $2)").unwrap().remove(0);
    let described = session.describe(&statement, &[]).await.unwrap();
    assert_eq!(described.parameters, [DataType::Int64, DataType::Date32]);
    assert_eq!(described.columns, None);
    let values = [Some(3_i64).into(), nunatak::sql::outcome::Value::Date32(Some(0))];
    session.execute(&statement, &values).await.unwrap();
    let rows = "1 1.2345 2026-11-21\n2 2.5000 NULL\n3 3.0000 1970-01-01";
    assert_eq!(ok(&mut session, "SELECT * FROM t ORDER BY id").await, rows);
    let types = "SELECT parameter_types, statement FROM pg_prepared_statements";
    assert_eq!(
        ok(&mut session, types).await,
        "[bigint, numeric, date] PREPARE p AS INSERT INTO t VALUES ($1, $2, $3)"
    );
    let error = fails(&mut session, "EXECUTE p (true, 1, NULL)").await;
    assert_eq!(error.state, SqlState::DatatypeMismatch);
    // It is a write where writes are not allowed, and is undone as others.
    ok(&mut session, "BEGIN READ ONLY").await;
    assert_eq!(fails(&mut session, "EXECUTE p (1, 1, NULL)").await.state, SqlState::ReadOnly);
    ok(&mut session, "ROLLBACK").await;
    // What it reads may be at a version, and is found anew each time.
    ok(&mut session, "CREATE TAG old").await;
    ok(&mut session, "PREPARE q AS SELECT count(*) FROM t AT TAG old WHERE id < $1").await;
    ok(&mut session, "DELETE FROM t").await;
    assert_eq!(ok(&mut session, "EXECUTE q (3)").await, "2");
    ok(&mut session, "DROP TABLE t").await;
    assert_eq!(fails(&mut session, "EXECUTE p (1, 1, NULL)").await.state, SqlState::UndefinedTable);
    assert_eq!(ok(&mut session, "EXECUTE q (100)").await, "3");
}
