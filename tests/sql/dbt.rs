//! What dbt sends.

use super::*;

#[test]
fn every_shape_parses() {
    let one_each = [
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "select distinct nspname from pg_namespace",
        "create schema if not exists \"ingest\"",
        "select 'lake' as database, tablename as name, schemaname as schema, 'table' as type from pg_tables \
         where schemaname ilike 'x' union all select 'lake' as database, viewname as name, schemaname as \
         schema, 'view' as type from pg_views where schemaname ilike 'x'",
        "create table \"lake\".\"ingest\".\"raw\" (\"id\" integer,\"name\" text,\"joined\" date,\"balance\" float8, \
         \"updated_at\" timestamp without time zone)",
        "insert into \"lake\".\"ingest\".\"raw\" (\"id\", \"at\") values (1,'x'::timestamp),(3,NULL)",
        "create view \"lake\".\"ingest\".\"v__dbt_tmp\" as ( select * from \"lake\".\"ingest\".\"raw\" where status = 'x' );",
        "alter table \"lake\".\"ingest\".\"a\" rename to \"b\"",
        "alter table \"lake\".\"ingest\".\"a\" add column \"extra_col\" integer",
        "drop view if exists \"lake\".\"ingest\".\"a\" cascade",
        "drop table if exists \"ut__dbt_tmp1\" cascade",
        "truncate table \"lake\".\"ingest\".\"raw\"",
        "select * from ( select *, md5(coalesce(cast(order_id as varchar ), '') || '|' || coalesce(cast(now()::timestamp \
         without time zone as varchar ), '') ) as dbt_scd_id, coalesce(nullif(now()::timestamp without time zone, \
         now()::timestamp without time zone), null) as dbt_valid_to from ( select * from raw ) sbq ) as s where false limit 0",
        "select column_name, data_type, character_maximum_length from \"lake\".INFORMATION_SCHEMA.columns where \
         table_name = 'x' order by ordinal_position",
        "-- back compat for old kwarg name\n merge into \"lake\".\"ingest\".\"m\" as DBT_INTERNAL_DEST using \"t\" as \
         DBT_INTERNAL_SOURCE on ((DBT_INTERNAL_SOURCE.id = DBT_INTERNAL_DEST.id)) when matched then update set \"a\" = \
         DBT_INTERNAL_SOURCE.\"a\" when not matched then insert (\"id\", \"a\") values (\"id\", \"a\")",
        "create index if not exists \"b\" on \"lake\".\"ingest\".\"c\" (id)",
        "analyze \"lake\".\"ingest\".\"c\"",
        "grant select on \"lake\".\"ingest\".\"c\" to postgres;",
        "create temporary table \"t\" as ( with a as ( -- Fixture\n select cast(1 as integer) as \"id\", cast(null as double \
         precision) as \"b\" ) select c.id, count(o.id) as n from a c left join a o on o.id = c.id group by c.id )",
        "select count(*) as failures, count(*) != 0 as should_warn from ( select * from a where v not in ( 'x','y' ) ) t",
        "select case tbl.relkind when 'v' then 'VIEW' else 'TABLE' end, pg_catalog.format_type(col.atttypid, col.atttypmod), \
         pg_get_userbyid(tbl.relowner) from pg_catalog.pg_namespace sch join pg_catalog.pg_class tbl on tbl.relnamespace = sch.oid",
    ];
    for sql in one_each {
        let parsed = one(sql);
        assert!(matches!(parsed.body, Body::Standard(_)), "{sql}");
    }
}

#[test]
fn several_statements_in_one_text() {
    let parsed = parse(
        "delete from \"t\" as DBT_INTERNAL_DEST where (a, b) in ( select distinct a, b from \"s\" as S );\n\
         insert into \"t\" (\"a\") ( select \"a\" from \"s\" ); ; -- the end",
    )
    .unwrap();
    let texts: Vec<&str> = parsed.iter().map(|parsed| parsed.text.as_str()).collect();
    assert_eq!(
        texts,
        [
            "delete from \"t\" as DBT_INTERNAL_DEST where (a, b) in ( select distinct a, b from \"s\" as S )",
            "insert into \"t\" (\"a\") ( select \"a\" from \"s\" )",
        ]
    );
    assert_eq!(parse(" -- nothing\n /* at all */ ; ").unwrap(), []);
    assert_eq!(parse("").unwrap(), []);
}

#[test]
fn comments_may_be_dollar_quoted() {
    for (sql, text) in [
        ("comment on table \"a\".\"b\" is $dbt$it's a contract$dbt$;", Some("it's a contract")),
        ("comment on column a.b.c is $dbt$$dbt$", Some("")),
        ("comment on column a.b.c is null", None),
    ] {
        let Body::Standard(statement) = one(sql).body else { panic!("{sql}") };
        let ast::Statement::Comment { comment, .. } = *statement else { panic!("{sql}") };
        assert_eq!(comment.as_deref(), text);
    }
    for sql in ["COPY t (a, b) FROM STDIN", "COPY t FROM STDIN WITH (FORMAT csv);"] {
        assert!(matches!(one(sql).body, Body::Own(_)), "{sql}");
    }
}
