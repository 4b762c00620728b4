//! Making tables.

use nunatak::base::name::RefExpr;
use nunatak::catalog::OpContext;
use nunatak::catalog::address::{Scope, ViewOf};
use nunatak::iceberg::table::metadata::TableMetadata;
use nunatak::sql::error::SqlState;

use crate::console::{Sql, fails, ok};

/// The metadata of a table in the namespace `default` of `main`.
pub(crate) async fn metadata(sql: &Sql, name: &str) -> std::sync::Arc<TableMetadata> {
    let catalog = sql.lake.catalog();
    let name_of = nunatak::base::name::WarehouseName::parse("lake").unwrap();
    let warehouse = catalog.warehouse(&name_of).unwrap();
    let scope = Scope { warehouse, view: ViewOf::Ref(RefExpr::parse("main").unwrap()) };
    let context = OpContext::for_actor("ann");
    let loaded = catalog.table_load(&context, &scope, &["default".to_owned()], name).await;
    loaded.unwrap().1.metadata
}

pub(crate) async fn schema(sql: &Sql, name: &str) -> String {
    metadata(sql, name).await.current_schema().unwrap().json().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_has_partitions_properties_and_comments() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(
        &mut session,
        "CREATE TABLE t (id bigint NOT NULL, ts timestamptz COMMENT 'when', \"Größe\" text, n numeric(9, 2)) \
         PARTITIONED BY (day(ts), bucket(16, id), truncate(4, \"Größe\"), n) COMMENT 'it''s ours' \
         TBLPROPERTIES ('write.parquet.compression-codec' = 'snappy', 'x' = 7)",
    )
    .await;
    let table = metadata(&sql, "t").await;
    let spec = table.spec(table.default_spec_id()).unwrap().json().to_owned();
    for part in [
        r#""source-id":2,"name":"ts_day","transform":"day""#,
        r#""source-id":1,"name":"id_bucket","transform":"bucket[16]""#,
        r#""source-id":3,"name":"Größe_trunc","transform":"truncate[4]""#,
        r#""source-id":4,"name":"n","transform":"identity""#,
    ] {
        assert!(spec.contains(part), "{spec}");
    }
    let property = |name: &str| table.properties().get(name).map(String::as_str);
    assert_eq!(property("comment"), Some("it's ours"));
    assert_eq!(property("write.parquet.compression-codec"), Some("snappy"));
    assert_eq!(property("x"), Some("7"));
    assert!(table.current_schema().unwrap().json().contains(r#""doc":"when""#));
    ok(&mut session, "INSERT INTO t VALUES (1, '2026-11-21 10:00:00+00', 'abcdef', 1.5)").await;
    assert_eq!(ok(&mut session, "SELECT id, n FROM t WHERE n = 1.5").await, "1 1.50");
    let files = "SELECT count(*) FROM system.snapshots('t')";
    assert_eq!(ok(&mut session, files).await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_from_a_query_takes_the_same_clauses_in_any_order() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    let tag = ok(
        &mut session,
        "CREATE TABLE t USING iceberg TBLPROPERTIES ('format-version' = '1') PARTITIONED BY (k) WITH (y = on) AS \
         SELECT * FROM (VALUES (1, 'a'), (2, 'b')) v(k, s)",
    )
    .await;
    assert_eq!(tag, "SELECT 2");
    let table = metadata(&sql, "t").await;
    assert_eq!(table.format_version(), 1);
    assert_eq!(table.properties().get("y").map(String::as_str), Some("on"));
    assert_eq!(table.spec(table.default_spec_id()).unwrap().fields().len(), 1);
    ok(&mut session, "CREATE TABLE u (x, \"Y\") AS SELECT k, s, 7 AS z FROM t WITH DATA").await;
    assert_eq!(ok(&mut session, "SELECT x, \"Y\", z FROM u ORDER BY x").await, "1 a 7\n2 b 7");
    assert_eq!(
        ok(&mut session, "CREATE TABLE e AS SELECT * FROM u WITH NO DATA").await,
        "SELECT 0"
    );
    assert_eq!(ok(&mut session, "SELECT count(*) FROM e").await, "0");
    ok(&mut session, "CREATE TABLE e2 AS (SELECT * FROM u AT BRANCH main LIMIT 1) WITH NO DATA")
        .await;
    assert_eq!(ok(&mut session, "SELECT count(*) FROM e2").await, "0");
    let error = fails(&mut session, "CREATE TABLE w (a, b) AS SELECT 1").await;
    assert_eq!(error.state, SqlState::SyntaxError);
    let error = fails(&mut session, "CREATE TABLE w (a, a) AS SELECT 1, 2").await;
    assert_eq!(error.state, SqlState::SyntaxError);
}

#[tokio::test(flavor = "multi_thread")]
async fn types_are_kept_or_refused() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(
        &mut session,
        "CREATE TABLE t (a smallint, b integer, c bigint, d real, e float, f double precision, g numeric(38, 10), \
         h boolean, i text, j varchar, k bytea, l date, m time, n timestamp, o timestamptz, p int[], q character varying, \
         r float(24), s decimal(5))",
    )
    .await;
    let schema = schema(&sql, "t").await;
    let types: Vec<&str> = schema.split("\"type\":").skip(2).collect();
    let expected = [
        "\"int\"",
        "\"int\"",
        "\"long\"",
        "\"float\"",
        "\"double\"",
        "\"double\"",
        "\"decimal(38,",
        "\"boolean\"",
        "\"string\"",
        "\"string\"",
        "\"binary\"",
        "\"date\"",
        "\"time\"",
        "\"timestamp\"",
        "\"timestamptz\"",
        "{",
        "\"list\"",
        "\"string\"",
        "\"float\"",
        "\"decimal(5,",
    ];
    assert_eq!(types.len(), expected.len(), "{schema}");
    for (found, expected) in types.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found} {expected}");
    }
    for refused in [
        "varchar(10)",
        "char(3)",
        "char",
        "numeric",
        "numeric(39, 2)",
        "numeric(3, 4)",
        "numeric(0)",
        "json",
        "jsonb",
        "uuid",
        "interval",
        "timestamp(3)",
        "time with time zone",
        "time(0)",
        "serial",
        "int[][]",
        "xml",
        "money",
        "float(54)",
        "float(0)",
        "bit(3)",
        "sales.mood",
    ] {
        let error = fails(&mut session, &format!("CREATE TABLE x (a {refused})")).await;
        assert!(
            matches!(
                error.state,
                SqlState::FeatureNotSupported
                    | SqlState::InvalidParameterValue
                    | SqlState::SyntaxError
            ),
            "{refused}: {error:?}"
        );
    }
    assert_eq!(fails(&mut session, "SELECT * FROM x").await.state, SqlState::UndefinedTable);
}

#[tokio::test(flavor = "multi_thread")]
async fn constraints_are_enforced_kept_or_refused() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    // As dbt writes a contract.
    ok(
        &mut session,
        "create table \"lake\".\"main\".\"c\" ( \"id\" integer not null primary key, v text )",
    )
    .await;
    assert_eq!(session.take_notices().len(), 1);
    assert!(schema(&sql, "c").await.contains(r#""identifier-field-ids":[1]"#));
    ok(&mut session, "CREATE TABLE d (a int, b text, PRIMARY KEY (b, a) NOT ENFORCED)").await;
    assert_eq!(session.take_notices().len(), 0);
    assert!(schema(&sql, "d").await.contains(r#""identifier-field-ids":[2,1]"#));
    let error = fails(&mut session, "INSERT INTO d VALUES (1, NULL)").await;
    assert_eq!(error.state, SqlState::NotNullViolation);
    for (text, state) in [
        ("a int UNIQUE", SqlState::FeatureNotSupported),
        ("a int CHECK (a > 0)", SqlState::FeatureNotSupported),
        ("a int REFERENCES d", SqlState::FeatureNotSupported),
        ("a int, FOREIGN KEY (a) REFERENCES d (a)", SqlState::FeatureNotSupported),
        ("a int DEFAULT 7", SqlState::FeatureNotSupported),
        ("a int GENERATED ALWAYS AS IDENTITY", SqlState::FeatureNotSupported),
        ("a text COLLATE \"de\"", SqlState::FeatureNotSupported),
        ("a float PRIMARY KEY", SqlState::FeatureNotSupported),
        ("a int PRIMARY KEY, b int PRIMARY KEY", SqlState::InvalidTableDefinition),
        ("a int, PRIMARY KEY (b)", SqlState::UndefinedColumn),
        ("a int, PRIMARY KEY (a, a)", SqlState::DuplicateColumn),
        ("a int NULL NOT NULL", SqlState::SyntaxError),
        ("a int, a text", SqlState::DuplicateColumn),
        ("a int, \"A\" text", SqlState::DuplicateColumn),
        ("\"\" int", SqlState::SyntaxError),
    ] {
        let error = fails(&mut session, &format!("CREATE TABLE x ({text})")).await;
        assert_eq!(error.state, state, "{text}: {error:?}");
    }
    ok(&mut session, "CREATE TABLE x (a int DEFAULT NULL, b int NULL)").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_clauses_say_so() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    for (clause, state) in [
        ("PARTITIONED BY (nothing)", SqlState::UndefinedColumn),
        ("PARTITIONED BY (a + 1)", SqlState::SyntaxError),
        ("PARTITIONED BY (bucket(a))", SqlState::SyntaxError),
        ("PARTITIONED BY (bucket(0, a))", SqlState::SyntaxError),
        ("PARTITIONED BY (bucket(4, a), bucket(8, a))", SqlState::InvalidParameterValue),
        ("PARTITIONED BY (day(a))", SqlState::InvalidParameterValue),
        ("PARTITIONED BY (md5(s))", SqlState::SyntaxError),
        ("PARTITIONED BY (a) PARTITIONED BY (s)", SqlState::SyntaxError),
        ("PARTITION BY RANGE (a)", SqlState::SyntaxError),
        ("WITH ('format-version' = 3)", SqlState::FeatureNotSupported),
        ("WITH ('format-version' = 'two')", SqlState::InvalidParameterValue),
        ("WITH (a = 1, a = 2)", SqlState::SyntaxError),
        ("WITH (a = 1) TBLPROPERTIES ('a' = '2')", SqlState::SyntaxError),
        ("WITH (a = NULL)", SqlState::SyntaxError),
        ("WITH ('uuid' = 'x')", SqlState::InvalidParameterValue),
        ("WITH (location = 'file:///etc')", SqlState::InvalidParameterValue),
        ("INHERITS (x)", SqlState::FeatureNotSupported),
        ("ON COMMIT DROP", SqlState::InvalidTableDefinition),
        ("TABLESPACE fast", SqlState::FeatureNotSupported),
        ("PARTITIONED BY (a", SqlState::SyntaxError),
        ("WITH (a = ", SqlState::SyntaxError),
        ("COMMENT", SqlState::SyntaxError),
        ("WITH NO DATA", SqlState::SyntaxError),
    ] {
        let error = fails(&mut session, &format!("CREATE TABLE x (a int, s text) {clause}")).await;
        assert_eq!(error.state, state, "{clause}: {error:?}");
    }
    assert_eq!(fails(&mut session, "SELECT * FROM x").await.state, SqlState::UndefinedTable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_like_another() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t (a int NOT NULL, b text COMMENT 'x') PARTITIONED BY (a)")
        .await;
    ok(&mut session, "CREATE TABLE u (LIKE t)").await;
    let schema = schema(&sql, "u").await;
    assert!(schema.contains(r#""required":true"#) && !schema.contains("doc"), "{schema}");
    ok(&mut session, "CREATE VIEW v AS SELECT b, 1.5 AS n FROM t; CREATE TABLE w (LIKE main.v)")
        .await;
    assert_eq!(ok(&mut session, "SELECT b, n FROM w").await, "");
    ok(&mut session, "CREATE TEMP TABLE x (LIKE t); INSERT INTO x VALUES (1, 'y')").await;
    assert_eq!(ok(&mut session, "SELECT * FROM x").await, "1 y");
    let error = fails(&mut session, "CREATE TABLE y (LIKE t INCLUDING ALL)").await;
    assert_eq!(error.state, SqlState::SyntaxError);
    assert_eq!(
        fails(&mut session, "CREATE TABLE y (LIKE nobody)").await.state,
        SqlState::UndefinedTable
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn very_many_columns() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    let columns: Vec<String> = (0..1600).map(|at| format!("c{at} int")).collect();
    ok(&mut session, &format!("CREATE TABLE t ({})", columns.join(", "))).await;
    ok(&mut session, "INSERT INTO t (c0, c1599) VALUES (1, 2)").await;
    assert_eq!(ok(&mut session, "SELECT c0 + c1599 FROM t").await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_schema_of_a_new_table_is_looked_at() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake@main");
    ok(&mut session, "CREATE TABLE t (a int); CREATE SCHEMA s; SET search_path = s, \"default\"")
        .await;
    ok(&mut session, "CREATE TABLE t (b int)").await;
    assert_eq!(fails(&mut session, "CREATE TABLE t (b int)").await.state, SqlState::DuplicateTable);
    ok(&mut session, "CREATE TABLE IF NOT EXISTS t (b int)").await;
    assert_eq!(session.take_notices(), ["relation \"t\" already exists, skipping"]);
    ok(&mut session, "SELECT b FROM s.t; SELECT a FROM \"default\".t").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_dropped_is_named_by_its_kind() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t (a int); CREATE VIEW v AS SELECT a FROM t").await;
    let error = fails(&mut session, "DROP TABLE v").await;
    assert_eq!(error.state, SqlState::WrongObjectType);
    assert!(error.message.ends_with("v\" is not a table"), "{error:?}");
    assert_eq!(fails(&mut session, "DROP VIEW IF EXISTS t").await.state, SqlState::WrongObjectType);
    let error = fails(&mut session, "ALTER VIEW t RENAME TO u").await;
    assert_eq!(error.state, SqlState::WrongObjectType);
    ok(&mut session, "ALTER VIEW v RENAME TO \"W\"; SELECT * FROM \"W\"").await;
    // The view stays, and cannot be read until there is a table again.
    ok(&mut session, "DROP TABLE t CASCADE").await;
    assert_eq!(fails(&mut session, "SELECT * FROM \"W\"").await.state, SqlState::UndefinedTable);
    ok(&mut session, "DROP VIEW \"W\"; DROP VIEW IF EXISTS \"W\"").await;
    assert_eq!(session.take_notices().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_move_between_schemas_of_a_ref() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake@main");
    ok(&mut session, "CREATE SCHEMA s; CREATE TABLE t AS SELECT 1 AS a").await;
    assert_eq!(ok(&mut session, "ALTER TABLE t SET SCHEMA s").await, "ALTER TABLE");
    assert_eq!(ok(&mut session, "SELECT a FROM s.t").await, "1");
    assert_eq!(fails(&mut session, "SELECT a FROM t").await.state, SqlState::UndefinedTable);
    assert_eq!(
        fails(&mut session, "ALTER TABLE s.t SET SCHEMA nowhere").await.state,
        SqlState::InvalidSchemaName
    );
    ok(&mut session, "ALTER TABLE IF EXISTS nothing SET SCHEMA s").await;
    let mut both = sql.on("lake");
    ok(&mut both, "CREATE SCHEMA other").await;
    assert_eq!(
        fails(&mut both, "ALTER TABLE main.s.t SET SCHEMA other").await.state,
        SqlState::InvalidParameterValue
    );
}
