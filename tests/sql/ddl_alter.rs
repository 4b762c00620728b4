//! Changing tables: columns, properties, comments.

use nunatak::sql::error::SqlState;

use crate::console::{Sql, fails, ok};
use crate::ddl::{metadata, schema};

#[tokio::test(flavor = "multi_thread")]
async fn columns_come_go_and_change() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t (id int NOT NULL, s text, n numeric(5, 2), f real)").await;
    ok(&mut session, "INSERT INTO t VALUES (1, 'a', 1.5, 2.5)").await;
    let commits = ok(&mut session, "SELECT count(*) FROM system.log('main')").await;
    let tag = ok(
        &mut session,
        "ALTER TABLE t ADD COLUMN extra text COMMENT 'new', ADD \"Größe\" bigint, DROP COLUMN s, \
         RENAME COLUMN id TO key, ALTER COLUMN n TYPE numeric(9, 2), ALTER f TYPE double precision",
    );
    let error = tag.await;
    assert_eq!(error, "ALTER TABLE");
    let after = ok(&mut session, "SELECT count(*) FROM system.log('main')").await;
    assert_eq!(after.parse::<i32>().unwrap(), commits.parse::<i32>().unwrap() + 1);
    assert_eq!(ok(&mut session, "SELECT * FROM t").await, "1 1.50 2.5 NULL NULL");
    // A dropped column does not come back under its name.
    ok(&mut session, "ALTER TABLE t ADD COLUMN s text; INSERT INTO t (key, s) VALUES (2, 'new')")
        .await;
    assert_eq!(ok(&mut session, "SELECT key, s FROM t ORDER BY key").await, "1 NULL\n2 new");
    let schema = schema(&sql, "t").await;
    assert!(schema.contains(r#""id":7,"name":"s""#), "{schema}");
    assert_eq!(ok(&mut session, "SELECT s FROM t AT REF 'main~3'").await, "a");
    ok(&mut session, "ALTER TABLE t ALTER COLUMN key TYPE bigint, ALTER COLUMN key DROP NOT NULL")
        .await;
    ok(&mut session, "INSERT INTO t (key) VALUES (NULL), (9000000000)").await;
    assert_eq!(ok(&mut session, "SELECT count(*), max(key) FROM t").await, "4 9000000000");
    for (text, state) in [
        ("ADD COLUMN s int", SqlState::DuplicateColumn),
        ("ADD COLUMN \"S\" int", SqlState::DuplicateColumn),
        ("ADD COLUMN x int NOT NULL", SqlState::NotNullViolation),
        ("ADD COLUMN x int DEFAULT 7", SqlState::FeatureNotSupported),
        ("ADD COLUMN x varchar(3)", SqlState::FeatureNotSupported),
        ("ADD COLUMN x int PRIMARY KEY", SqlState::FeatureNotSupported),
        ("DROP COLUMN nothing", SqlState::UndefinedColumn),
        ("RENAME COLUMN s TO \"KEY\"", SqlState::DuplicateColumn),
        ("RENAME COLUMN nothing TO x", SqlState::UndefinedColumn),
        ("ALTER COLUMN key TYPE int", SqlState::FeatureNotSupported),
        ("ALTER COLUMN key TYPE text", SqlState::FeatureNotSupported),
        ("ALTER COLUMN n TYPE numeric(9, 3)", SqlState::FeatureNotSupported),
        ("ALTER COLUMN n TYPE numeric(8, 2)", SqlState::FeatureNotSupported),
        ("ALTER COLUMN n TYPE numeric(9, 2) USING n", SqlState::FeatureNotSupported),
        ("ALTER COLUMN key SET NOT NULL", SqlState::NotNullViolation),
        ("ALTER COLUMN key SET DEFAULT 1", SqlState::FeatureNotSupported),
        ("ADD CONSTRAINT c CHECK (key > 0)", SqlState::FeatureNotSupported),
        ("OWNER TO bob", SqlState::FeatureNotSupported),
        ("ADD COLUMN y int, DROP COLUMN nothing", SqlState::UndefinedColumn),
        ("ADD COLUMN y int, RENAME TO z", SqlState::FeatureNotSupported),
    ] {
        let error = fails(&mut session, &format!("ALTER TABLE t {text}")).await;
        assert_eq!(error.state, state, "{text}: {error:?}");
    }
    ok(&mut session, "ALTER TABLE t ADD COLUMN IF NOT EXISTS s int, DROP COLUMN IF EXISTS nothing")
        .await;
    assert_eq!(session.take_notices().len(), 2);
    ok(&mut session, "DELETE FROM t WHERE key IS NULL; ALTER TABLE t ALTER key SET NOT NULL").await;
    let error = fails(&mut session, "INSERT INTO t (key) VALUES (NULL)").await;
    assert_eq!(error.state, SqlState::NotNullViolation);
    assert_eq!(
        fails(&mut session, "ALTER TABLE nobody ADD x int").await.state,
        SqlState::UndefinedTable
    );
    ok(&mut session, "ALTER TABLE IF EXISTS nobody ADD COLUMN x int").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_table_is_made_of_stays() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(
        &mut session,
        "CREATE TABLE t (a int, b int, c int PRIMARY KEY, d int) PARTITIONED BY (bucket(4, a))",
    )
    .await;
    for column in ["a", "c"] {
        let error =
            fails(&mut session, &format!("ALTER TABLE t DROP COLUMN {column} CASCADE")).await;
        assert_eq!(error.state, SqlState::DependentObjectsStillExist, "{column}");
    }
    let error = fails(&mut session, "ALTER TABLE t ALTER c DROP NOT NULL").await;
    assert_eq!(error.state, SqlState::InvalidTableDefinition);
    ok(&mut session, "ALTER TABLE t DROP b, DROP d CASCADE, RENAME a TO x, ALTER x TYPE bigint")
        .await;
    ok(&mut session, "INSERT INTO t VALUES (34, 1)").await;
    assert_eq!(ok(&mut session, "SELECT x, c FROM t WHERE x = 34").await, "34 1");
    ok(&mut session, "CREATE TABLE one (a int)").await;
    let error = fails(&mut session, "ALTER TABLE one DROP a").await;
    assert_eq!(error.state, SqlState::FeatureNotSupported);
    ok(&mut session, "ALTER TABLE one ADD b int NOT NULL").await;
    let error = fails(&mut session, "INSERT INTO one (a) VALUES (1)").await;
    assert_eq!(error.state, SqlState::NotNullViolation);
}

#[tokio::test(flavor = "multi_thread")]
async fn properties_are_set_and_reset() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t (a int) WITH ('format-version' = 1)").await;
    ok(&mut session, "ALTER TABLE t SET TBLPROPERTIES ('a' = '1', 'b' = '2')").await;
    ok(&mut session, "ALTER TABLE t SET (c = 3, 'format-version' = 2)").await;
    let table = metadata(&sql, "t").await;
    assert_eq!(table.format_version(), 2);
    let keys = |table: &nunatak::iceberg::table::metadata::TableMetadata| -> String {
        let known = ["a", "b", "c"];
        known.iter().filter(|key| table.properties().contains_key(**key)).copied().collect()
    };
    assert_eq!(keys(&table), "abc");
    ok(&mut session, "ALTER TABLE t RESET (a, nothing)").await;
    ok(&mut session, "ALTER TABLE t UNSET TBLPROPERTIES ('b')").await;
    assert_eq!(keys(&*metadata(&sql, "t").await), "c");
    for (text, state) in [
        ("UNSET TBLPROPERTIES ('b')", SqlState::UndefinedObject),
        ("SET ('format-version' = 1)", SqlState::InvalidParameterValue),
        ("SET ('format-version' = 3)", SqlState::FeatureNotSupported),
        ("SET (location = 'file:///etc')", SqlState::FeatureNotSupported),
        ("RESET ()", SqlState::SyntaxError),
        ("RESET (a", SqlState::SyntaxError),
    ] {
        let error = fails(&mut session, &format!("ALTER TABLE t {text}")).await;
        assert_eq!(error.state, state, "{text}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_stay_until_they_are_taken_away() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t (a int, \"B c\" text); CREATE VIEW v AS SELECT a FROM t")
        .await;
    ok(&mut session, "comment on table \"lake\".\"main\".\"t\" is $dbt$it's \"ours\" — ü$dbt$")
        .await;
    ok(&mut session, "COMMENT ON COLUMN main.t.\"B c\" IS 'letters'").await;
    let table = metadata(&sql, "t").await;
    assert_eq!(table.properties().get("comment").map(String::as_str), Some("it's \"ours\" — ü"));
    assert!(schema(&sql, "t").await.contains(r#""doc":"letters""#));
    ok(&mut session, "COMMENT ON TABLE t IS NULL; COMMENT ON COLUMN t.\"B c\" IS ''").await;
    assert!(!metadata(&sql, "t").await.properties().contains_key("comment"));
    assert!(!schema(&sql, "t").await.contains("doc"));
    ok(&mut session, "COMMENT ON VIEW v IS 'seen'; COMMENT ON COLUMN v.a IS 'first'").await;
    assert_eq!(ok(&mut session, "SELECT count(*) FROM v").await, "0");
    ok(&mut session, "COMMENT ON SCHEMA main IS 'all of it'").await;
    for (text, state) in [
        ("TABLE v IS 'x'", SqlState::WrongObjectType),
        ("VIEW t IS 'x'", SqlState::WrongObjectType),
        ("TABLE nobody IS 'x'", SqlState::UndefinedTable),
        ("COLUMN t.nothing IS 'x'", SqlState::UndefinedColumn),
        ("COLUMN a IS 'x'", SqlState::SyntaxError),
        ("DATABASE lake IS 'x'", SqlState::FeatureNotSupported),
        ("VIEW v IS", SqlState::SyntaxError),
    ] {
        let error = fails(&mut session, &format!("COMMENT ON {text}")).await;
        assert_eq!(error.state, state, "{text}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn upkeep_is_done_or_said_not_to_be() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t (a int)").await;
    assert_eq!(ok(&mut session, "analyze \"lake\".\"main\".\"t\"").await, "ANALYZE");
    assert_eq!(fails(&mut session, "ANALYZE nobody").await.state, SqlState::UndefinedTable);
    for text in [
        "CREATE INDEX i ON t (a)",
        "VACUUM t",
        "GRANT SELECT ON t TO bob",
        "REVOKE SELECT ON t FROM bob",
        "DROP INDEX i",
    ] {
        let error = fails(&mut session, text).await;
        assert_eq!(error.state, SqlState::FeatureNotSupported, "{text}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn several_tables_are_dropped_in_one_commit() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE a (x int); CREATE TABLE b (x int); CREATE TEMP TABLE c (x int)")
        .await;
    let commits = ok(&mut session, "SELECT count(*) FROM system.log('main')").await;
    assert_eq!(fails(&mut session, "DROP TABLE a, nobody").await.state, SqlState::UndefinedTable);
    assert_eq!(ok(&mut session, "SELECT count(*) FROM a").await, "0");
    ok(&mut session, "DROP TABLE a, b, c").await;
    let after = ok(&mut session, "SELECT count(*) FROM system.log('main')").await;
    assert_eq!(after.parse::<i32>().unwrap(), commits.parse::<i32>().unwrap() + 1);
    for name in ["a", "b", "c"] {
        let error = fails(&mut session, &format!("SELECT * FROM {name}")).await;
        assert_eq!(error.state, SqlState::UndefinedTable);
    }
}
