//! Versions of tables.

use super::*;

#[test]
fn every_way_to_write_a_version_behind_a_table() {
    for (written, read) in [
        ("AT COMMIT '9f31c2aa'", "@commit:9f31c2aa"),
        ("at commit 9f31c2aa", "@commit:9f31c2aa"),
        ("AT COMMIT 9e31c2aa", "@commit:9e31c2aa"),
        ("AT BRANCH ingest", "@branch:ingest"),
        ("AT BRANCH Ingest", "@branch:ingest"),
        ("AT BRANCH \"Ingest\"", "@branch:Ingest"),
        ("AT BRANCH 'Ingest'", "@branch:Ingest"),
        ("AT BRANCH ingest/2026-11", "@branch:ingest/2026-11"),
        ("AT BRANCH 2026-11", "@branch:2026-11"),
        ("AT TAG 'model-4.2'", "@tag:model-4.2"),
        ("AT TAG model-4.2", "@tag:model-4.2"),
        ("AT TAG $x$it's$x$", "@tag:it's"),
        ("AT REF 'main~2'", "@ref:main~2"),
        ("AT REF main~2", "@ref:main~2"),
        ("AT REF main@{2026-11-20T08:00:00.5Z}~1", "@ref:main@{2026-11-20T08:00:00.5Z}~1"),
        ("AT SNAPSHOT 8123456789012345678", "@snapshot:8123456789012345678"),
        ("AT SNAPSHOT '123'", "@snapshot:123"),
        ("AT TIMESTAMP '2026-11-20 08:00'", "@timestamp:2026-11-20 08:00"),
        ("AT TIMESTAMP TIMESTAMP '2026-11-20'", "@timestamp:2026-11-20"),
        ("AT (COMMIT => '9f31c2aa')", "@commit:9f31c2aa"),
        ("AT(TIMESTAMP => '2026-11-20')", "@timestamp:2026-11-20"),
        ("AT (BRANCH ingest)", "@branch:ingest"),
        ("/* x */ AT -- y\n TAG 'z'", "@tag:z"),
        ("FOR VERSION AS OF 123", "@snapshot:123"),
        ("FOR VERSION AS OF 'v1'", "@ref:v1"),
        ("for system_version as of 'v1'", "@ref:v1"),
        ("FOR SYSTEM_TIME AS OF '2026-11-20'", "@timestamp:2026-11-20"),
        ("FOR TIMESTAMP AS OF TIMESTAMP '2026-11-20 08:00 UTC'", "@timestamp:2026-11-20 08:00 UTC"),
        (
            "FOR SYSTEM_TIME AS OF TIMESTAMP WITH TIME ZONE '2026-11-20 08:00'",
            "@timestamp:2026-11-20 08:00",
        ),
        ("VERSION AS OF 123", "@snapshot:123"),
        ("VERSION AS OF 'v1'", "@ref:v1"),
        ("TIMESTAMP AS OF '2026-11-20'", "@timestamp:2026-11-20"),
    ] {
        for (before, plain, alias) in [
            ("", "orders", "orders"),
            ("sales.", "Orders", "Orders"),
            ("\"lake\".ingest.", "\"Or \"\"ders\"", "\"Or \"\"ders\""),
        ] {
            let name = plain.trim_matches('"').replace("\"\"", "\"");
            let name = if plain.starts_with('"') { name } else { name.to_lowercase() };
            let prefix = before.replace('"', "");
            let sql = format!("SELECT * FROM {before}{plain} {written} WHERE id = 1");
            assert_eq!(tables(&sql), [format!("{prefix}{name}{read} {alias}")], "{sql}");
            for own in ["o", "AS o", "AS o (a, b)"] {
                let sql = format!("SELECT * FROM {before}{plain} {written} {own} WHERE o.id = 1");
                assert_eq!(tables(&sql), [format!("{prefix}{name}{read} o")], "{sql}");
            }
            let sql = format!("SELECT * FROM {before}{plain} {written}");
            assert_eq!(tables(&sql), [format!("{prefix}{name}{read} {alias}")], "{sql}");
        }
    }
}

#[test]
fn each_table_has_its_own() {
    assert_eq!(
        tables(
            "SELECT … FROM sales.orders AT COMMIT '9f31c2aa' o \
             JOIN sales.orders AT BRANCH ingest n USING (id)"
        ),
        ["sales.orders@commit:9f31c2aa o", "sales.orders@branch:ingest n"]
    );
    for (sql, read) in [
        ("SELECT * FROM a, b AT TAG 'x', c", vec!["a", "b@tag:x b", "c"]),
        ("SELECT * FROM a, b AT TAG 'x'", vec!["a", "b@tag:x b"]),
        ("SELECT * FROM a NATURAL JOIN b AT TAG x", vec!["a", "b@tag:x b"]),
        ("SELECT * FROM (a AT TAG x JOIN b AT TAG y ON true) AS j", vec!["a@tag:x a", "b@tag:y b"]),
        ("SELECT * FROM a JOIN b USING (id), c AT TAG x WHERE true", vec!["a", "b", "c@tag:x c"]),
        ("SELECT * FROM f(1, 2) g, c AT TAG x", vec!["f g", "c@tag:x c"]),
        ("SELECT * FROM ONLY t AT TAG x", vec!["t@tag:x t"]),
        ("SELECT * FROM (SELECT * FROM t AT TAG x) s, u", vec!["t@tag:x t", "u"]),
        ("SELECT (SELECT max(id) FROM t AT TAG x) FROM u", vec!["t@tag:x t", "u"]),
        (
            "SELECT * FROM u WHERE EXISTS (SELECT 1 FROM t AT TAG x WHERE t.id = u.id)",
            vec!["u", "t@tag:x t"],
        ),
        (
            "SELECT 1 FROM a AT TAG x UNION ALL SELECT 1 FROM b AT TAG y",
            vec!["a@tag:x a", "b@tag:y b"],
        ),
        ("INSERT INTO t SELECT * FROM s AT TAG x WHERE true", vec!["s@tag:x s"]),
        ("DELETE FROM t USING s AT TAG x WHERE t.id = s.id", vec!["t", "s@tag:x s"]),
        ("DELETE FROM t WHERE id IN (SELECT id FROM t AT TAG x)", vec!["t", "t@tag:x t"]),
        ("UPDATE t SET a = s.a FROM s AT TAG x WHERE t.id = s.id", vec!["t", "s@tag:x s"]),
        (
            "MERGE INTO t USING s AT TAG x ON t.id = s.id WHEN MATCHED THEN UPDATE SET a = s.a",
            vec!["t", "s@tag:x s"],
        ),
        ("COPY (SELECT * FROM t AT TAG x) TO STDOUT", vec!["t@tag:x t"]),
        ("EXPLAIN SELECT * FROM t AT TAG x", vec!["t@tag:x t"]),
        ("SELECT * FROM at AT TAG x at", vec!["at@tag:x at"]),
        ("SELECT * FROM t AT TAG x FOR UPDATE", vec!["t@tag:x t"]),
        ("SELECT * FROM a WHERE x IS DISTINCT FROM y", vec!["a"]),
    ] {
        assert_eq!(tables(sql), read, "{sql}");
    }
}

#[test]
fn at_the_end_it_is_for_every_table() {
    for (sql, read) in [
        ("SELECT * FROM a JOIN b ON a.x = b.x AT TAG 'v'", vec!["a@tag:v a", "b@tag:v b"]),
        ("SELECT * FROM a x JOIN b y USING (id) AT TAG 'v'", vec!["a@tag:v x", "b@tag:v y"]),
        ("SELECT * FROM a x AT TAG 'v'", vec!["a@tag:v x"]),
        ("SELECT * FROM a AS x AT TAG 'v'", vec!["a@tag:v x"]),
        (
            "SELECT * FROM a, b WHERE a.x = b.x AT BRANCH v/1",
            vec!["a@branch:v/1 a", "b@branch:v/1 b"],
        ),
        ("SELECT * FROM a, b AT TAG o WHERE true AT TAG v", vec!["a@tag:v a", "b@tag:o b"]),
        ("SELECT * FROM a ORDER BY 1 LIMIT 3 FOR VERSION AS OF 'v';", vec!["a@ref:v a"]),
        ("SELECT * FROM a GROUP BY at AT TAG 'v'", vec!["a@tag:v a"]),
        ("SELECT * FROM a WHERE x IS DISTINCT FROM y AT TAG v", vec!["a@tag:v a"]),
        (
            "SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.x = a.x) AT TAG v",
            vec!["a@tag:v a", "b@tag:v b"],
        ),
        (
            "SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.x = a.x AT TAG v)",
            vec!["a", "b@tag:v b"],
        ),
        (
            "SELECT * FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.x = a.x AT TAG i) AT TAG v",
            vec!["a@tag:v a", "b@tag:i b"],
        ),
        (
            "SELECT * FROM a UNION SELECT * FROM b WHERE true AT TAG v",
            vec!["a@tag:v a", "b@tag:v b"],
        ),
        ("(SELECT * FROM a) UNION (SELECT * FROM b) AT TAG v", vec!["a@tag:v a", "b@tag:v b"]),
        (
            "SELECT * FROM ((SELECT * FROM a) UNION (SELECT * FROM b) AT TAG v) s, c",
            vec!["a@tag:v a", "b@tag:v b", "c"],
        ),
        ("CREATE TABLE n AS SELECT * FROM a WHERE true AT TAG v", vec!["a@tag:v a"]),
        ("CREATE TABLE n AS (SELECT * FROM a WHERE true) AT TAG v", vec!["a@tag:v a"]),
        ("CREATE TEMP TABLE n AS (SELECT * FROM a WHERE true AT TAG v)", vec!["a@tag:v a"]),
        ("INSERT INTO n (x) SELECT * FROM a o WHERE true AT TAG v", vec!["a@tag:v o"]),
        ("EXPLAIN SELECT * FROM a WHERE true AT TAG v", vec!["a@tag:v a"]),
        ("EXPLAIN ANALYZE SELECT * FROM a WHERE true AT TAG v", vec!["a@tag:v a"]),
        ("CREATE VIEW w AS SELECT * FROM a WHERE true AT TAG v", vec!["a@tag:v a"]),
        ("CREATE OR REPLACE VIEW w AS SELECT * FROM a AT TAG v", vec!["a@tag:v a"]),
        ("DECLARE c CURSOR FOR SELECT * FROM a WHERE true AT TAG v", vec!["a@tag:v a"]),
        ("SELECT * FROM f(1) g, a WHERE true AT TAG v", vec!["f g", "a@tag:v a"]),
    ] {
        assert_eq!(tables(sql), read, "{sql}");
    }
}

#[test]
fn names_of_with_queries_have_none() {
    for (sql, read) in [
        ("WITH o AS (SELECT * FROM o) SELECT * FROM o AT TAG v", vec!["o@tag:v o", "o"]),
        (
            "WITH o AS (SELECT * FROM o) SELECT * FROM o, p WHERE true AT TAG v",
            vec!["o@tag:v o", "o", "p@tag:v p"],
        ),
        (
            "WITH o AS (SELECT * FROM x), p AS (SELECT * FROM o) SELECT * FROM p z AT TAG v",
            vec!["x@tag:v x", "o", "p z"],
        ),
        (
            "WITH o AS (SELECT * FROM x) SELECT * FROM s.o WHERE true AT TAG v",
            vec!["x@tag:v x", "s.o@tag:v o"],
        ),
        (
            "WITH o AS (SELECT * FROM x) SELECT * FROM \"O\", O WHERE true AT TAG v",
            vec!["x@tag:v x", "O@tag:v \"O\"", "O"],
        ),
        (
            "WITH RECURSIVE o AS (SELECT * FROM x UNION ALL SELECT * FROM o) SELECT * FROM o AT TAG v",
            vec!["x@tag:v x", "o", "o"],
        ),
        (
            "SELECT * FROM (WITH o AS (SELECT * FROM x) SELECT * FROM o) s, o WHERE true AT TAG v",
            vec!["x@tag:v x", "o", "o@tag:v o"],
        ),
        (
            "WITH o AS (SELECT * FROM x WHERE true AT TAG i) SELECT * FROM o JOIN y ON true AT TAG v",
            vec!["x@tag:i x", "o", "y@tag:v y"],
        ),
    ] {
        let mut found = tables(sql);
        let mut read: Vec<String> = read.into_iter().map(str::to_owned).collect();
        found.sort();
        read.sort();
        assert_eq!(found, read, "{sql}");
    }
    let error = refused("WITH o AS (SELECT * FROM x) SELECT * FROM o AT TAG v JOIN y ON true");
    assert_eq!(error.state, SqlState::SyntaxError);
    assert!(error.message.contains("WITH query"), "{error}");
}

#[test]
fn what_only_looks_like_a_version_is_left_alone() {
    for sql in [
        "SELECT ts AT TIME ZONE 'utc' FROM t",
        "SELECT ts AT TIME ZONE 'utc' AT TIME ZONE 'cet' FROM t",
        "SELECT at FROM t at",
        "SELECT at branch FROM t",
        "SELECT * FROM ONLY t",
        "DELETE FROM ONLY t",
        "SELECT x AS at, tag FROM t",
        "SELECT at.branch FROM t AS at",
        "SELECT t.at tag FROM t",
        "SELECT * FROM t at (tag, branch)",
        "SELECT * FROM t at (branch)",
        "SELECT * FROM t at JOIN u ON at.id = u.id",
        "SELECT 'FROM t AT TAG x' FROM t -- AT TAG 'x'",
        "SELECT \"AT\" FROM t /* AT TAG 'x' */",
        "SELECT * FROM t FOR UPDATE",
        "SELECT * FROM t version",
        "SELECT * FROM t timestamp WHERE true",
        "SELECT version FROM t ORDER BY version",
        "SELECT timestamp '2026-01-01' AS of FROM t",
        "SELECT * FROM t WHERE at = 3 ORDER BY at LIMIT 5",
        "SELECT EXTRACT(year FROM at) FROM t",
        "SELECT SUBSTRING(a FROM 2), TRIM(BOTH 'x' FROM b) FROM t",
    ] {
        let statement = one(sql);
        assert_eq!(statement.text, sql.split(" --").next().unwrap().split(" /*").next().unwrap());
        let Body::Standard(statement) = statement.body else { panic!("{sql}") };
        for table in sources(&statement) {
            assert!(!table.contains('@'), "{sql}: {table}");
        }
        assert!(!statement.to_string().contains(SEPARATOR));
    }
}

#[test]
fn a_write_to_a_version_is_refused() {
    for sql in [
        "INSERT INTO t AT BRANCH x VALUES (1)",
        "INSERT INTO s.t AT TAG x (a) SELECT 1",
        "UPDATE t AT TAG x SET a = 1",
        "UPDATE ONLY t AT TAG x SET a = 1",
        "DELETE FROM t AT TAG x",
        "DELETE FROM ONLY t AT TAG x WHERE true",
        "MERGE INTO t AT TAG x USING s ON true WHEN MATCHED THEN DELETE",
        "TRUNCATE t AT TAG x",
        "TRUNCATE TABLE t AT TAG x",
        "DROP TABLE t AT TAG x",
        "DROP TABLE IF EXISTS a, t AT TAG x CASCADE",
        "DROP VIEW t AT TAG x",
        "ALTER TABLE t AT TAG x ADD COLUMN a int",
        "ALTER TABLE IF EXISTS t FOR VERSION AS OF 'x' ADD COLUMN a int",
        "CREATE TABLE t AT TAG x (a int)",
        "CREATE TABLE IF NOT EXISTS t AT TAG x AS SELECT 1",
        "CREATE VIEW t AT TAG x AS SELECT 1",
        "COMMENT ON TABLE t AT TAG x IS 'a'",
        "SELECT 1 INTO t AT TAG x",
        "UPDATE t SET a = 1 WHERE true AT TAG x",
        "DELETE FROM t WHERE true AT TAG x",
        "WITH d AS (DELETE FROM t AT TAG x RETURNING *) SELECT * FROM d",
    ] {
        let error = refused(sql);
        assert_eq!(error.state, SqlState::ReadOnly, "{sql}: {error:?}");
        assert!(error.position.is_some(), "{sql}");
    }
}

#[test]
fn a_version_is_never_ignored() {
    for sql in [
        "SELECT 1 AT TAG x",
        "SELECT * FROM f(1) AT TAG x",
        "SELECT * FROM f(1) AT TAG x, t",
        "SELECT * FROM t AT TAG x WHERE true AT TAG y",
        "SELECT * FROM t AT TAG x AT TAG y",
        "SELECT * FROM t AT TAG",
        "SELECT * FROM t AT TAG WHERE",
        "SELECT * FROM t AT TAG ",
        "SELECT * FROM t AT COMMIT",
        "SELECT * FROM t AT TIMESTAMP x",
        "SELECT * FROM t AT TIMESTAMP now()",
        "SELECT * FROM t AT (TAG 'x'",
        "SELECT * FROM t AT BRANCH $1",
        "SELECT * FROM t VERSION AS OF v",
        "SELECT * FROM t FOR VERSION AS OF",
        "SELECT * FROM t AT TAG 'x' LIMIT 1 AT",
        "SELECT * FROM t WHERE true AT TAG x LIMIT 1",
        "SELECT * FROM t o AT TAG x WHERE true",
        "SELECT * FROM a x CROSS JOIN b y AT TAG v",
        "SELECT * FROM a WHERE true AT TAG x UNION SELECT * FROM b",
        "SELECT * FROM (a JOIN b ON true AT TAG x)",
        "SELECT f(a AT TAG x) FROM a",
        "SELECT a AT TAG x FROM a",
        "SELECT (a AT TAG x) FROM a",
        "SELECT * FROM a WHERE ((SELECT 1 FROM b) + 2 AT TAG x) > 1",
        "CREATE TABLE n (a int) AT TAG x",
        "CREATE INDEX i ON t AT TAG x (a)",
        "INSERT INTO t VALUES (1) AT TAG x",
        "INSERT INTO t SELECT * FROM s WHERE true ON CONFLICT DO NOTHING AT TAG x",
        "TABLE t AT TAG x",
        "SELECT * FROM 't' WHERE true AT TAG x",
        "ALTER TABLE a RENAME TO b AT TAG x",
        "GRANT SELECT ON t AT TAG x TO u",
    ] {
        let error = refused(sql);
        assert_ne!(error.state, SqlState::InternalError, "{sql}: {error:?}");
    }
    let error = refused("SELECT * FROM t WHERE true AT TAG x LIMIT 1");
    assert_eq!(error.state, SqlState::SyntaxError);
    assert_eq!(error.position, Some(28), "{error:?}");
    assert!(error.hint.is_some());
    let error = refused("SELECT 'ä' FROM t AT SNAPSHOT 'x'");
    assert_eq!((error.state, error.position), (SqlState::InvalidParameterValue, Some(31)));
}

#[test]
fn a_name_cannot_be_forged() {
    let forged = at::encode("t", &At { kind: AtKind::Tag, value: "x".to_owned() });
    for sql in [
        format!("SELECT * FROM \"{forged}\""),
        format!("SELECT \"{forged}\" FROM t"),
        format!("DROP TABLE \"{forged}\""),
        format!("SELECT * FROM '{forged}'"),
        format!("SELECT * FROM $${forged}$$"),
        format!("INSERT INTO '{forged}' VALUES (1)"),
        format!("DROP TABLE '{forged}'"),
    ] {
        let error = refused(&sql);
        assert_eq!(error.state, SqlState::SyntaxError, "{sql:?}: {error:?}");
    }
    // As a value it is a character like any other.
    assert_eq!(tables(&format!("SELECT '{forged}', E'\\x1f' FROM t")), ["t"]);
}
