//! What dbt asks `pg_catalog` and `information_schema`.

use nunatak::sql::error::SqlState;
use nunatak::sql::session::Session;

use crate::console::{Sql, fails, ok};

/// A branch with tables and a view, beside one that is not asked for.
pub(crate) async fn lake() -> (Sql, Session) {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    for statement in [
        "CREATE SCHEMA ingest",
        "CREATE TABLE ingest.orders (id bigint NOT NULL, amount numeric(10,2), status text, \
         at timestamp, d date, f float8, b boolean, i integer)",
        "CREATE TABLE ingest.customers (id integer, name text)",
        "CREATE VIEW ingest.open_orders AS SELECT id, status FROM ingest.orders",
        "CREATE SCHEMA other",
        "CREATE TABLE other.hidden (a integer)",
        "CREATE TABLE main.t1 (a integer, b text)",
        "CREATE SCHEMA ingest.sales",
        "CREATE TABLE ingest.sales.eu (x integer)",
        "CREATE SCHEMA main.ops",
        "CREATE TABLE main.ops.runs (y integer)",
    ] {
        ok(&mut session, statement).await;
    }
    (sql, session)
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_schemas() {
    let (_sql, mut session) = lake().await;
    let all = ok(&mut session, "select distinct nspname from pg_namespace order by 1").await;
    assert_eq!(
        all.lines().collect::<Vec<_>>(),
        ["information_schema", "ingest", "main", "main.ops", "other", "pg_catalog"]
    );
    for (condition, found) in [
        ("nspname = 'ingest'", "ingest"),
        ("nspname like 'ingest%'", "ingest\ningest.sales"),
        ("nspname like 'ingest.%'", "ingest.sales"),
        ("nspname ilike 'INGEST'", "ingest"),
        ("nspname = 'ingest.sales'", "ingest.sales"),
        ("nspname ~ '^(ingest.*)$'", "ingest\ningest.sales"),
        ("nspname in ('other', 'nothing')", "other"),
        ("nspname = any(array['other', 'main'])", "main\nother"),
        ("upper(nspname) = upper('Ingest.Sales')", "ingest.sales"),
        ("nspname = 'main' or nspname = 'other'", "main\nother"),
        ("nspname = 'nothing'", ""),
        ("nspname = any(current_schemas(false))", "main"),
    ] {
        let text = format!("select nspname from pg_namespace where {condition} order by 1");
        assert_eq!(ok(&mut session, &text).await, found, "{condition}");
    }
    assert_eq!(
        ok(
            &mut session,
            "select schema_name from information_schema.schemata where catalog_name = 'lake' \
            and schema_name = 'ingest'"
        )
        .await,
        "ingest"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn dbt_lists_relations() {
    let (_sql, mut session) = lake().await;
    let text = "select 'lake' as database, tablename as name, schemaname as schema, 'table' as type \
                from pg_tables where schemaname ilike 'ingest' union all select 'lake' as database, \
                viewname as name, schemaname as schema, 'view' as type from pg_views where schemaname \
                ilike 'ingest' union all select 'lake' as database, matviewname as name, schemaname as \
                schema, 'materialized_view' as type from pg_matviews where schemaname ilike 'ingest'";
    let mut lines: Vec<String> = ok(&mut session, text).await.lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(
        lines,
        ["lake customers ingest table", "lake open_orders ingest view", "lake orders ingest table"]
    );
    let with_functions = format!(
        "{text} union all select distinct 'lake' as database, proname as name, ns.nspname as schema, \
         'function' as type from pg_proc join pg_namespace as ns on pronamespace = ns.oid where \
         ns.nspname ilike 'ingest'"
    );
    assert_eq!(ok(&mut session, &with_functions).await.lines().count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn dbt_asks_for_columns() {
    let (_sql, mut session) = lake().await;
    let text = "select column_name, data_type, character_maximum_length, numeric_precision, \
                numeric_scale from \"lake\".INFORMATION_SCHEMA.columns where table_name = 'orders' \
                and table_schema = 'ingest' order by ordinal_position";
    assert_eq!(
        ok(&mut session, text).await,
        "id bigint NULL 64 0\n\
         amount numeric NULL 10 2\n\
         status text NULL NULL NULL\n\
         at timestamp without time zone NULL NULL NULL\n\
         d date NULL NULL NULL\n\
         f double precision NULL 53 NULL\n\
         b boolean NULL NULL NULL\n\
         i integer NULL 32 0"
    );
    let unqualified = "select column_name, data_type from INFORMATION_SCHEMA.columns where \
                       table_name = 't1' order by ordinal_position";
    assert_eq!(ok(&mut session, unqualified).await, "a integer\nb text");
}

#[tokio::test(flavor = "multi_thread")]
async fn dbt_asks_what_depends_on_what() {
    let (_sql, mut session) = lake().await;
    let text = "select distinct dependent_namespace.nspname as dependent_schema, \
        dependent_class.relname as dependent_name, referenced_namespace.nspname as referenced_schema, \
        referenced_class.relname as referenced_name \
        from pg_class as dependent_class join pg_namespace as dependent_namespace on \
        dependent_namespace.oid = dependent_class.relnamespace join pg_depend as dependent_depend on \
        dependent_depend.refobjid = dependent_class.oid and dependent_depend.classid = \
        'pg_rewrite'::regclass and dependent_depend.refclassid = 'pg_class'::regclass and \
        dependent_depend.deptype = 'i' join pg_depend as joining_depend on joining_depend.objid = \
        dependent_depend.objid and joining_depend.classid = 'pg_rewrite'::regclass and \
        joining_depend.refclassid = 'pg_class'::regclass and joining_depend.refobjid != \
        dependent_depend.refobjid join pg_class as referenced_class on referenced_class.oid = \
        joining_depend.refobjid join pg_namespace as referenced_namespace on referenced_namespace.oid \
        = referenced_class.relnamespace where dependent_namespace.nspname not in ('information_schema') \
        order by dependent_schema, dependent_name, referenced_schema, referenced_name";
    assert_eq!(ok(&mut session, text).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn dbt_makes_its_documentation() {
    let (_sql, mut session) = lake().await;
    let text = |condition: &str| {
        format!(
            "select 'lake' as table_database, sch.nspname as table_schema, tbl.relname as table_name, \
             case tbl.relkind when 'v' then 'VIEW' when 'm' then 'MATERIALIZED VIEW' else 'BASE TABLE' \
             end as table_type, tbl_desc.description as table_comment, col.attname as column_name, \
             col.attnum as column_index, pg_catalog.format_type(col.atttypid, col.atttypmod) as \
             column_type, col_desc.description as column_comment, pg_get_userbyid(tbl.relowner) as \
             table_owner from pg_catalog.pg_namespace sch join pg_catalog.pg_class tbl on \
             tbl.relnamespace = sch.oid join pg_catalog.pg_attribute col on col.attrelid = tbl.oid left \
             outer join pg_catalog.pg_description tbl_desc on (tbl_desc.objoid = tbl.oid and \
             tbl_desc.objsubid = 0) left outer join pg_catalog.pg_description col_desc on \
             (col_desc.objoid = tbl.oid and col_desc.objsubid = col.attnum) where ({condition}) and not \
             pg_is_other_temp_schema(sch.oid) and tbl.relpersistence in ('p', 'u') and tbl.relkind in \
             ('r', 'v', 'm', 'f', 'p') and col.attnum > 0 and not col.attisdropped order by sch.nspname, \
             tbl.relname, col.attnum"
        )
    };
    let whole = ok(&mut session, &text("(upper(sch.nspname) = upper('ingest'))")).await;
    assert_eq!(
        whole.lines().take(5).collect::<Vec<_>>(),
        [
            "lake ingest customers BASE TABLE NULL id 1 integer NULL ann",
            "lake ingest customers BASE TABLE NULL name 2 text NULL ann",
            "lake ingest open_orders VIEW NULL id 1 bigint NULL ann",
            "lake ingest open_orders VIEW NULL status 2 text NULL ann",
            "lake ingest orders BASE TABLE NULL id 1 bigint NULL ann",
        ]
    );
    assert_eq!(whole.lines().count(), 12);
    let some = ok(
        &mut session,
        &text(
            "(upper(sch.nspname) = upper('ingest') and upper(tbl.relname) = upper('orders')) or \
             (upper(sch.nspname) = upper('other') and upper(tbl.relname) = upper('hidden'))",
        ),
    )
    .await;
    assert_eq!(some.lines().count(), 9, "{some}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_an_error() {
    let (_sql, mut session) = lake().await;
    for text in [
        "select * from pg_catalog.pg_nothing",
        "select * from information_schema.nothing",
        "select * from lake.pg_catalog.nothing",
    ] {
        assert_eq!(fails(&mut session, text).await.state, SqlState::UndefinedTable, "{text}");
    }
    assert_eq!(
        fails(&mut session, "select * from pg_class at branch main").await.state,
        SqlState::FeatureNotSupported
    );
}
