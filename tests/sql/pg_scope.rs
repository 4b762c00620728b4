//! Nothing is listed that a question does not name.

use nunatak::sql::session::Session;

use crate::console::{Sql, ok};
use crate::pg_tools::lake;

/// The answer to a question, and what was read for it: refs whose namespaces were listed, namespaces whose
/// tables were listed, tables looked up, metadata asked for.
async fn reads(sql: &Sql, session: &mut Session, text: &str) -> (String, [u64; 4]) {
    let before = sql.engine.catalog_reads();
    let answer = ok(session, text).await;
    let after = sql.engine.catalog_reads();
    let mut difference = [0; 4];
    for ((place, after), before) in difference.iter_mut().zip(after).zip(before) {
        *place = after - before;
    }
    (answer, difference)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_reads_what_it_names() {
    let (sql, mut session) = lake().await;
    let oid = ok(&mut session, "SELECT 'ingest.orders'::regclass::oid").await;
    for (text, expected) in [
        ("SELECT nspname FROM pg_namespace WHERE nspname = 'ingest'", [0, 0, 0, 0]),
        ("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_'", [1, 0, 0, 0]),
        ("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'ingest%'", [1, 0, 0, 0]),
        ("SELECT * FROM information_schema.schemata WHERE schema_name = 'other'", [0, 0, 0, 0]),
        ("SELECT tablename FROM pg_tables WHERE schemaname ILIKE 'ingest'", [0, 1, 0, 0]),
        (
            "SELECT tablename FROM pg_tables WHERE schemaname = 'ingest' AND tablename = 'orders'",
            [0, 0, 1, 0],
        ),
        (
            "SELECT * FROM information_schema.columns WHERE table_schema = 'ingest' AND table_name = \
          'orders'",
            [0, 0, 1, 1],
        ),
        (
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'ingest'",
            [0, 1, 0, 3],
        ),
        ("SELECT relname FROM pg_class WHERE oid = {oid}", [0, 0, 1, 0]),
        ("SELECT attname FROM pg_attribute WHERE attrelid = '{oid}'", [0, 0, 1, 1]),
        ("SELECT relname FROM pg_class WHERE oid = 12345", [0, 0, 0, 0]),
        (
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE \
          n.nspname = 'ingest'",
            [0, 1, 0, 0],
        ),
        (
            "SELECT c.relname FROM pg_class c LEFT JOIN pg_namespace n ON n.oid = c.relnamespace WHERE \
          n.nspname ~ '^(ingest)$' AND c.relname ~ '^(orders)$'",
            [0, 0, 1, 0],
        ),
        (
            "SELECT a.attname FROM pg_namespace n, pg_class c, pg_attribute a WHERE n.nspname LIKE \
          'ingest' AND c.relnamespace = n.oid AND a.attrelid = c.oid AND c.relname = 'orders'",
            [0, 0, 2, 1],
        ),
        (
            "SELECT t.table_name, c.column_name FROM information_schema.tables t JOIN \
          information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = \
          t.table_name WHERE t.table_schema = 'other'",
            [0, 2, 0, 1],
        ),
        (
            "SELECT c.relname FROM pg_class c LEFT JOIN pg_class t ON t.oid = c.reltoastrelid WHERE \
          c.oid = {oid}",
            [0, 0, 1, 0],
        ),
        (
            "SELECT n.nspname, d.description FROM pg_namespace n LEFT JOIN pg_description d ON \
          d.objoid = n.oid WHERE n.nspname = 'main'",
            [0, 0, 0, 0],
        ),
        (
            "SELECT t.typname FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace",
            [0, 0, 0, 0],
        ),
        (
            "SELECT n.nspname, c.relname FROM pg_class c LEFT JOIN pg_namespace n ON n.oid = \
          c.relnamespace WHERE pg_table_is_visible(c.oid)",
            [0, 1, 0, 0],
        ),
        ("SELECT tablename FROM pg_tables", [1, 2, 0, 0]),
    ] {
        let text = text.replace("{oid}", &oid);
        let (_, reads) = reads(&sql, &mut session, &text).await;
        assert_eq!(reads, expected, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_named_anywhere_is_found() {
    let (_sql, mut session) = lake().await;
    for (text, answer) in [
        (
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace = (SELECT oid FROM pg_namespace \
          WHERE nspname = 'other')",
            "hidden",
        ),
        (
            "SELECT c.relname FROM pg_class c WHERE c.relnamespace IN (SELECT oid FROM pg_namespace \
          WHERE nspname = 'other')",
            "hidden",
        ),
        (
            "SELECT n.nspname FROM pg_namespace n WHERE EXISTS (SELECT 1 FROM pg_class c WHERE \
          c.relnamespace = n.oid AND c.relname = 'eu') AND n.nspname LIKE 'ingest%'",
            "ingest.sales",
        ),
        (
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE \
          (n.nspname = 'other' AND c.relname = 'hidden') OR (n.nspname = 'main' AND c.relname = 't1') \
          ORDER BY 1",
            "hidden\nt1",
        ),
        (
            "SELECT relname FROM pg_class JOIN (VALUES ('ingest.orders'::regclass::oid), \
          ('other.hidden'::regclass::oid)) v(id) ON oid = v.id ORDER BY 1",
            "hidden\norders",
        ),
        (
            "SELECT count(*) FROM pg_class c LEFT JOIN pg_namespace n ON n.oid = c.relnamespace AND \
          n.nspname = 'other' WHERE c.relname = 't1'",
            "1",
        ),
        (
            "WITH n AS (SELECT oid, nspname FROM pg_namespace) SELECT c.relname FROM pg_class c JOIN n ON \
          n.oid = c.relnamespace WHERE n.nspname = 'other'",
            "hidden",
        ),
        (
            "SELECT nspname, count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
          WHERE nspname IN ('ingest', 'other') GROUP BY nspname ORDER BY 1",
            "ingest 3\nother 1",
        ),
    ] {
        assert_eq!(ok(&mut session, text).await, answer, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_search_path_is_what_is_visible() {
    let (_sql, mut session) = lake().await;
    let tables = "SELECT schemaname, tablename FROM pg_tables ORDER BY 1, 2";
    assert_eq!(ok(&mut session, tables).await, "main t1\nmain.ops runs");
    ok(&mut session, "SET search_path = other, main").await;
    assert_eq!(ok(&mut session, tables).await, "main t1\nmain.ops runs\nother hidden");
    let visible = "SELECT relname FROM pg_class c WHERE pg_table_is_visible(c.oid) ORDER BY 1";
    assert_eq!(ok(&mut session, visible).await, "hidden\nt1");
    assert_eq!(
        ok(&mut session, "SELECT nspname FROM pg_namespace WHERE nspname = ANY(current_schemas(false)) ORDER BY 1").await,
        "main\nother"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ref_view_has_the_namespaces_of_the_ref() {
    let (sql, _) = lake().await;
    let mut session = sql.on("lake@ingest");
    assert_eq!(
        ok(&mut session, "SELECT nspname FROM pg_namespace ORDER BY 1").await,
        "default\ninformation_schema\npg_catalog\nsales"
    );
    assert_eq!(
        ok(
            &mut session,
            "SELECT table_catalog, table_schema, table_name, table_type FROM \
            information_schema.tables ORDER BY 2, 3"
        )
        .await,
        "lake@ingest default customers BASE TABLE\n\
         lake@ingest default open_orders VIEW\n\
         lake@ingest default orders BASE TABLE\n\
         lake@ingest sales eu BASE TABLE"
    );
    assert_eq!(
        ok(
            &mut session,
            "SELECT 'orders'::regclass, 'sales.eu'::regclass, 'default.orders'::regclass"
        )
        .await,
        "orders sales.eu orders"
    );
    assert_eq!(
        ok(&mut session, "SELECT datname FROM pg_database ORDER BY 1").await,
        "lake\nlake@ingest"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_level_with_a_dot_is_quoted() {
    let (_sql, mut session) = lake().await;
    for statement in [
        "CREATE TAG \"v1.0\" FROM ingest",
        "CREATE SCHEMA main.\"\"\"a.b\"\"\"",
        "CREATE TABLE main.\"\"\"a.b\"\"\".t (x integer)",
    ] {
        ok(&mut session, statement).await;
    }
    assert_eq!(
        ok(&mut session, "SELECT nspname FROM pg_namespace WHERE nspname ~ '[.]' ORDER BY 1").await,
        "main.\"a.b\"\nmain.ops\nv1.0"
    );
    assert_eq!(
        ok(&mut session, "SELECT nspname FROM pg_namespace WHERE nspname LIKE '\"v1.0\".%'").await,
        "\"v1.0\".sales"
    );
    assert_eq!(
        ok(&mut session, "SELECT tablename FROM pg_tables WHERE schemaname = '\"v1.0\".sales'")
            .await,
        "eu"
    );
    assert_eq!(
        ok(&mut session, "SELECT count(*) FROM pg_tables WHERE schemaname = 'v1.0'").await,
        "2"
    );
    assert_eq!(
        ok(&mut session, "SELECT tablename FROM pg_tables WHERE schemaname = 'main.\"a.b\"'").await,
        "t"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_are_shown() {
    let sql = Sql::new().await;
    let schema = serde_json::json!([
        { "id": 1, "name": "a", "required": true, "type": "long", "doc": "the key" },
        { "id": 2, "name": "tags", "required": false, "type":
          { "type": "list", "element-id": 3, "element": "string", "element-required": false } }
    ]);
    sql.lake.table(&schema, &serde_json::json!([]), &[("comment", "a table")]).await;
    let mut session = sql.on("lake@main");
    assert_eq!(
        ok(
            &mut session,
            "SELECT objsubid, description FROM pg_description WHERE objoid = \
            't'::regclass ORDER BY 1"
        )
        .await,
        "0 a table\n1 the key"
    );
    assert_eq!(
        ok(
            &mut session,
            "SELECT attname, format_type(atttypid, atttypmod), attnotnull, \
            col_description(attrelid, attnum) FROM pg_attribute WHERE attrelid = 't'::regclass \
            ORDER BY attnum"
        )
        .await,
        "a bigint true the key\ntags text[] false NULL"
    );
    assert_eq!(
        ok(
            &mut session,
            "SELECT obj_description('t'::regclass, 'pg_class'), \
            obj_description('t'::regclass, 'pg_type')"
        )
        .await,
        "a table NULL"
    );
    assert_eq!(
        ok(
            &mut session,
            "SELECT data_type, udt_name FROM information_schema.columns WHERE \
            table_name = 't' AND column_name = 'tags'"
        )
        .await,
        "ARRAY _text"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_sees_what_it_made() {
    let (sql, mut session) = lake().await;
    let text = "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = \
                'ingest' AND table_name = 'fresh'";
    ok(&mut session, "BEGIN").await;
    ok(&mut session, "CREATE TABLE ingest.fresh (a integer)").await;
    assert_eq!(ok(&mut session, text).await, "a integer");
    assert_eq!(ok(&mut sql.on("lake"), text).await, "");
    ok(&mut session, "ROLLBACK").await;
    assert_eq!(ok(&mut session, text).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_tables_are_seen_by_their_session() {
    let (sql, mut session) = lake().await;
    ok(&mut session, "CREATE TEMPORARY TABLE tmp1 AS (SELECT 1::bigint AS a, 'x' AS b)").await;
    let text = "select column_name, data_type from INFORMATION_SCHEMA.columns where table_name = \
                'tmp1' order by ordinal_position";
    assert_eq!(ok(&mut session, text).await, "a bigint\nb text");
    assert_eq!(ok(&mut sql.on("lake"), text).await, "");
    for (text, answer) in [
        (
            "SELECT relpersistence, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = \
          c.relnamespace WHERE c.oid = 'tmp1'::regclass",
            "t pg_temp",
        ),
        ("SELECT tablename FROM pg_tables WHERE schemaname = 'pg_temp'", "tmp1"),
        (
            "SELECT table_type FROM information_schema.tables WHERE table_name = 'tmp1'",
            "LOCAL TEMPORARY",
        ),
        ("SELECT count(*) FROM pg_class WHERE pg_table_is_visible(oid)", "2"),
        ("SELECT count(*) FROM pg_tables WHERE schemaname = 'ingest'", "2"),
    ] {
        assert_eq!(ok(&mut session, text).await, answer, "{text}");
    }
}
