//! `DELETE`, `UPDATE` and `MERGE INTO`, with what PostgreSQL makes of them.

use std::sync::Arc;

use nunatak::sql::error::SqlState;
use nunatak::sql::session::Session;

use crate::console::{Sql, fails, message, ok};

async fn table(session: &mut Session) {
    ok(session, "CREATE TABLE t (id int, k int, s text)").await;
    ok(
        session,
        "INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, NULL, 'c'), (4, 40, NULL), (5, 20, 'e')",
    )
    .await;
    ok(session, "INSERT INTO t VALUES (6, 60, 'f'), (7, NULL, 'g')").await;
}

async fn ids(session: &mut Session) -> String {
    ok(session, "SELECT id FROM t ORDER BY id").await.replace('\n', " ")
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_deleted_where_the_condition_is_true() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    table(&mut session).await;
    // Null is not true: those rows stay.
    assert_eq!(ok(&mut session, "DELETE FROM t WHERE k <> 20").await, "DELETE 3");
    assert_eq!(ids(&mut session).await, "2 3 5 7");
    assert_eq!(ok(&mut session, "DELETE FROM t WHERE false").await, "DELETE 0");
    assert_eq!(ok(&mut session, "DELETE FROM t x WHERE x.k = 20 AND x.id = 5").await, "DELETE 1");
    assert_eq!(ok(&mut session, "DELETE FROM main.t WHERE main.t.id = 3").await, "DELETE 1");
    assert_eq!(ids(&mut session).await, "2 7");
    assert_eq!(ok(&mut session, "DELETE FROM t").await, "DELETE 2");
    assert_eq!(ids(&mut session).await, "");
    assert_eq!(ok(&mut session, "DELETE FROM t").await, "DELETE 0");
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t AT REF 'main~4'").await, "7");
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_in_a_deletion_mean_what_they_say() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    table(&mut session).await;
    ok(&mut session, "CREATE TABLE gone AS SELECT * FROM (VALUES (2), (2), (6), (99)) v (x)").await;
    ok(&mut session, "CREATE TABLE nulls AS SELECT * FROM (VALUES (1), (NULL)) v (x)").await;
    let delete = "DELETE FROM t WHERE id NOT IN (SELECT x FROM nulls)";
    assert_eq!(ok(&mut session, delete).await, "DELETE 0");
    let delete = "DELETE FROM t WHERE id IN (SELECT x FROM gone)";
    assert_eq!(ok(&mut session, delete).await, "DELETE 2");
    assert_eq!(ids(&mut session).await, "1 3 4 5 7");
    let delete = "DELETE FROM t WHERE (id, k) IN (SELECT id, k FROM t WHERE id = 4)";
    assert_eq!(ok(&mut session, delete).await, "DELETE 1");
    let delete = "DELETE FROM t WHERE EXISTS (SELECT 1 FROM nulls WHERE nulls.x = t.id)";
    assert_eq!(ok(&mut session, delete).await, "DELETE 1");
    let delete = "DELETE FROM t WHERE id = (SELECT max(id) FROM t)";
    assert_eq!(ok(&mut session, delete).await, "DELETE 1");
    assert_eq!(ids(&mut session).await, "3 5");
    ok(&mut session, "INSERT INTO gone VALUES (3), (3)").await;
    let delete = "DELETE FROM t USING gone g, gone h WHERE g.x = t.id AND h.x = g.x";
    assert_eq!(ok(&mut session, delete).await, "DELETE 1");
    assert_eq!(ids(&mut session).await, "5");
    // What held before can be read.
    let select =
        "SELECT count(*) FROM t AT REF 'main~1' a LEFT JOIN t b ON a.id = b.id WHERE b.id IS NULL";
    assert_eq!(ok(&mut session, select).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_updated_once() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    table(&mut session).await;
    assert_eq!(ok(&mut session, "UPDATE t SET k = k + 1, s = upper(s)").await, "UPDATE 7");
    let select = "SELECT k, s FROM t ORDER BY id";
    let expected = "11 A\n21 B\nNULL C\n41 NULL\n21 E\n61 F\nNULL G";
    assert_eq!(ok(&mut session, select).await, expected);
    // Values are those before the statement: columns swap.
    assert_eq!(ok(&mut session, "UPDATE t SET id = k, k = id WHERE id = 1").await, "UPDATE 1");
    assert_eq!(ok(&mut session, "SELECT id, k FROM t WHERE s = 'A'").await, "11 1");
    ok(
        &mut session,
        "CREATE TABLE n AS SELECT * FROM (VALUES (2, 'x'), (2, 'x'), (5, 'y')) v (i, w)",
    )
    .await;
    // Several matches: one of them counts, and the row is counted once.
    let update = "UPDATE t SET s = n.w FROM n WHERE n.i = t.id";
    assert_eq!(ok(&mut session, update).await, "UPDATE 2");
    assert_eq!(
        ok(&mut session, "SELECT id, s FROM t WHERE s IN ('x', 'y') ORDER BY 1").await,
        "2 x\n5 y"
    );
    assert_eq!(
        ok(&mut session, "UPDATE t SET s = NULL, k = DEFAULT WHERE id = 2").await,
        "UPDATE 1"
    );
    assert_eq!(ok(&mut session, "SELECT k, s FROM t WHERE id = 2").await, "NULL NULL");
    assert_eq!(ok(&mut session, "UPDATE t SET (k, s) = (8, 'z') WHERE id = 2").await, "UPDATE 1");
    assert_eq!(ok(&mut session, "SELECT k, s FROM t WHERE id = 2").await, "8 z");
    let update = "UPDATE t SET k = (SELECT max(i) FROM n WHERE n.i = t.id) WHERE id IN (2, 3)";
    assert_eq!(ok(&mut session, update).await, "UPDATE 2");
    assert_eq!(
        ok(&mut session, "SELECT id, k FROM t WHERE id IN (2, 3) ORDER BY 1").await,
        "2 2\n3 NULL"
    );
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t").await, "7");
    for (text, state) in [
        ("UPDATE t SET k = 1, k = 2", SqlState::SyntaxError),
        ("UPDATE t SET nothing = 1", SqlState::UndefinedColumn),
        ("UPDATE t SET k = s", SqlState::DatatypeMismatch),
        ("UPDATE t SET k = 1 RETURNING id / 0", SqlState::DivisionByZero),
        ("UPDATE nowhere SET k = 1", SqlState::UndefinedTable),
        ("UPDATE t AT TAG x SET k = 1", SqlState::ReadOnly),
        ("DELETE FROM t AT REF 'main~1'", SqlState::ReadOnly),
        ("DELETE FROM t WHERE nothing = 1", SqlState::UndefinedColumn),
    ] {
        let error = fails(&mut session, text).await;
        assert!(error.state == state || error.state == SqlState::SyntaxError, "{text}: {error:?}");
    }
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t").await, "7");
}

const MERGE: &str = "MERGE INTO t USING s AS src ON t.id = src.id \
     WHEN MATCHED AND src.op = 'd' THEN DELETE \
     WHEN MATCHED THEN UPDATE SET k = src.k, s = src.op || t.s \
     WHEN NOT MATCHED AND src.op <> 'd' THEN INSERT (id, k) VALUES (src.id, src.k)";

#[tokio::test(flavor = "multi_thread")]
async fn merges_do_what_the_first_clause_says() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    table(&mut session).await;
    ok(
        &mut session,
        "CREATE TABLE s AS SELECT * FROM (VALUES (1, 100, 'u'), (2, 200, 'd'), (8, 800, 'u'), (9, 900, 'd'), (NULL, 5, 'u')) v (id, k, op)",
    )
    .await;
    assert_eq!(ok(&mut session, MERGE).await, "MERGE 4");
    let select = "SELECT id, k, s FROM t ORDER BY id NULLS LAST, k";
    let expected =
        "1 100 ua\n3 NULL c\n4 40 NULL\n5 20 e\n6 60 f\n7 NULL g\n8 800 NULL\nNULL 5 NULL";
    assert_eq!(ok(&mut session, select).await, expected);
    // A second row for one of the table.
    ok(&mut session, "INSERT INTO s VALUES (1, 1, 'u')").await;
    let error = fails(&mut session, MERGE).await;
    assert_eq!(error.state, SqlState::CardinalityViolation);
    assert_eq!(ok(&mut session, select).await, expected);
    let merge = "MERGE INTO main.t AS d USING (SELECT id, k FROM s WHERE k > 100) AS x ON d.id = x.id \
         WHEN NOT MATCHED BY SOURCE AND d.id < 6 THEN UPDATE SET s = 'old' \
         WHEN NOT MATCHED BY SOURCE AND d.id IS NOT NULL THEN DELETE \
         WHEN MATCHED THEN UPDATE SET s = 'met' \
         WHEN NOT MATCHED THEN INSERT VALUES (x.id, x.k, 'new')";
    assert_eq!(ok(&mut session, merge).await, "MERGE 9");
    let expected =
        "1 100 old\n2 200 new\n3 NULL old\n4 40 old\n5 20 old\n8 800 met\n9 900 new\nNULL 5 NULL";
    assert_eq!(ok(&mut session, select).await, expected);
    // Where only one side can be seen, names without a qualifier are that side's.
    let merge = "MERGE INTO t USING (SELECT 77 AS id, 7 AS k) q ON t.id = q.id \
         WHEN NOT MATCHED AND k = 7 THEN INSERT (id, k) VALUES (id, k + 1)";
    assert_eq!(ok(&mut session, merge).await, "MERGE 1");
    assert_eq!(ok(&mut session, "SELECT k FROM t WHERE id = 77").await, "8");
    let merge = "MERGE INTO t USING (SELECT 1 AS id) q ON t.id = q.id \
         WHEN NOT MATCHED BY SOURCE AND id = 77 THEN DELETE";
    assert_eq!(ok(&mut session, merge).await, "MERGE 1");
    let merge = "MERGE INTO t USING s ON t.id = s.id WHEN NOT MATCHED THEN UPDATE SET k = 1";
    assert_eq!(fails(&mut session, merge).await.state, SqlState::SyntaxError);
    let merge = "MERGE INTO t USING (SELECT 1 AS id) q ON t.id = q.id WHEN MATCHED THEN UPDATE SET k = 1 / (t.k - 100)";
    assert!(fails(&mut session, merge).await.message.to_lowercase().contains("divi"));
    assert_eq!(ok(&mut session, select).await, expected);
    // What a clause that does not hold would compute is not computed.
    let merge = "MERGE INTO t USING (SELECT 1 AS id) q ON t.id = q.id \
         WHEN MATCHED AND t.k = 100 THEN DELETE WHEN MATCHED THEN UPDATE SET k = 1 / (t.k - 100)";
    assert_eq!(ok(&mut session, merge).await, "MERGE 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_part_of_a_transaction() {
    let sql = Sql::new().await;
    let (mut session, mut other) = (sql.on("lake"), sql.on("lake"));
    table(&mut session).await;
    ok(&mut session, "BEGIN").await;
    ok(&mut session, "DELETE FROM t WHERE id > 5").await;
    ok(&mut session, "UPDATE t SET k = 0 WHERE id = 1").await;
    ok(&mut session, "INSERT INTO t VALUES (10, 1, 'n')").await;
    ok(&mut session, "DELETE FROM t WHERE id = 2").await;
    assert_eq!(ids(&mut session).await, "1 3 4 5 10");
    assert_eq!(ids(&mut other).await, "1 2 3 4 5 6 7");
    ok(&mut session, "COMMIT").await;
    assert_eq!(ids(&mut other).await, "1 3 4 5 10");
    let text = "DELETE FROM t WHERE id IN (SELECT 3); INSERT INTO t SELECT 3, 3, 'again'";
    message(&mut session, text).await.unwrap();
    assert_eq!(ok(&mut session, "SELECT s FROM t WHERE id = 3").await, "again");
    assert_eq!(ok(&mut session, "SELECT s FROM t AT REF 'main~1' WHERE id = 3").await, "c");
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_of_one_table_all_come_to_an_end() {
    let sql = Arc::new(Sql::new().await);
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t AS SELECT * FROM generate_series(1, 40) g (id)").await;
    ok(&mut session, "CREATE TABLE n AS SELECT 0 AS n").await;
    let mut tasks = Vec::new();
    for writer in 0..4 {
        let sql = Arc::clone(&sql);
        tasks.push(tokio::spawn(async move {
            let mut session = sql.on("lake");
            for step in 0..5 {
                let id = writer * 10 + step;
                ok(&mut session, &format!("DELETE FROM t WHERE id = {id}")).await;
                ok(&mut session, "UPDATE n SET n = n + 1").await;
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(ok(&mut session, "SELECT n FROM n").await, "20");
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t").await, "21");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_without_rows_to_change_stay() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    table(&mut session).await;
    let files = "SELECT file_path FROM system.files('t')";
    let before = ok(&mut session, files).await;
    let kept = before.lines().count();
    assert_eq!(kept, 2);
    ok(&mut session, "DELETE FROM t WHERE id = 6").await;
    let after = ok(&mut session, files).await;
    assert_eq!(before.lines().filter(|path| after.contains(path)).count(), 1);
    // All rows of a file: nothing is written.
    ok(&mut session, "DELETE FROM t WHERE id = 7").await;
    assert_eq!(ok(&mut session, files).await.lines().count(), 1);
    assert_eq!(ids(&mut session).await, "1 2 3 4 5");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clause_with_stands_before_changes_too() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    table(&mut session).await;
    let with = "WITH w AS (SELECT id FROM t WHERE k = 20)";
    assert_eq!(
        ok(&mut session, &format!("{with} DELETE FROM t USING w WHERE w.id = t.id")).await,
        "DELETE 2"
    );
    let update =
        "WITH w AS (SELECT 1 AS id, 'w' AS s) UPDATE t SET s = w.s FROM w WHERE w.id = t.id";
    assert_eq!(ok(&mut session, update).await, "UPDATE 1");
    let insert = "WITH w AS (SELECT 50 AS id) INSERT INTO t (id) SELECT id FROM w";
    assert_eq!(ok(&mut session, insert).await, "INSERT 0 1");
    assert_eq!(ids(&mut session).await, "1 3 4 6 7 50");
}

#[tokio::test(flavor = "multi_thread")]
async fn tuples_are_looked_up_in_queries() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    table(&mut session).await;
    let select =
        "SELECT id FROM t WHERE (id, k) IN (SELECT x.id, x.k FROM t x WHERE x.id < 4) ORDER BY id";
    // A null is equal to nothing.
    assert_eq!(ok(&mut session, select).await, "1\n2");
    // Nothing is surely not in a set with an unknown row, unless it differs in what is known.
    let select = "SELECT id FROM t WHERE (id, k) NOT IN (SELECT id, k FROM t)";
    assert_eq!(ok(&mut session, select).await, "");
    let select = "SELECT id FROM t WHERE (id, k) NOT IN (SELECT id, k FROM t WHERE id < 3) ORDER BY id LIMIT 1";
    assert_eq!(ok(&mut session, select).await, "3");
    // Where null and false differ it is no condition to rewrite.
    fails(&mut session, "SELECT (id, k) IN (SELECT id, k FROM t) FROM t").await;
    fails(&mut session, "SELECT id FROM t WHERE (id, k) IN (SELECT id FROM t)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_have_the_types_of_their_columns() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    table(&mut session).await;
    for (text, types) in [
        ("INSERT INTO t VALUES ($1, $2, $3)", "[Int32, Int32, Utf8]"),
        ("INSERT INTO t (s, id) VALUES ($1, $2), ($3, 4)", "[Utf8, Int32, Utf8]"),
        ("UPDATE t SET k = $1, s = $2 WHERE id = $3", "[Int32, Utf8, Int32]"),
        ("DELETE FROM t WHERE id = $1 AND s LIKE $2", "[Int32, Utf8]"),
        (
            "MERGE INTO t USING (SELECT 1 AS i) q ON t.id = q.i WHEN MATCHED THEN UPDATE SET k = $1",
            "[Int32]",
        ),
    ] {
        let statement = &session.parse(text).unwrap()[0];
        let described = session.describe(statement, &[]).await.unwrap();
        let found = format!("{:?}", described.parameters).replace("Utf8View", "Utf8");
        assert_eq!(found, types, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_a_change_answers_are_told_before() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    table(&mut session).await;
    for (text, types, columns) in [
        ("INSERT INTO t VALUES ($1, $2, $3) RETURNING id, upper(s) AS u", 3, "id Int32, u Utf8"),
        ("UPDATE t SET k = $1 WHERE id = $2 RETURNING t.k + 1", 2, "?column? Int32"),
        ("DELETE FROM t WHERE id = $1 RETURNING t.*", 1, "id Int32, k Int32, s Utf8"),
    ] {
        let statement = &session.parse(text).unwrap()[0];
        let described = session.describe(statement, &[]).await.unwrap();
        assert_eq!(described.parameters.len(), types, "{text}");
        let told = described.columns.unwrap();
        let told =
            told.fields().iter().map(|field| format!("{} {}", field.name(), field.data_type()));
        assert_eq!(told.collect::<Vec<_>>().join(", "), columns, "{text}");
    }
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t").await, "7");
}
