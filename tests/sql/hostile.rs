//! Texts that nobody writes: too long, too deep, cut off.

use super::*;
use nunatak::base::limits::SERVER_STACK_BYTES;

const DEPTH: usize = 100_000;

#[test]
fn depth_is_refused_and_not_run_into() {
    let chain = |word: &str| format!("SELECT 1 {}", word.repeat(DEPTH));
    let prefix = |word: &str| format!("SELECT {} 1", word.repeat(DEPTH));
    let nested =
        |open: &str, close: &str| format!("SELECT {}1{}", open.repeat(DEPTH), close.repeat(DEPTH));
    for sql in [
        nested("(", ")"),
        nested("ARRAY[", "]"),
        nested("[", "]"),
        nested("CASE WHEN ", " THEN 1 END"),
        nested("CASE WHEN a > 0 THEN ", " END"),
        format!("SELECT {}1{}", "CASE WHEN a THEN 0 ELSE ".repeat(30), " END".repeat(30)),
        format!("SELECT {}1{}", "CASE a WHEN 1 THEN (".repeat(30), ") END".repeat(30)),
        nested("(SELECT ", ")"),
        nested("f(", ")"),
        nested("CAST(", " AS int)"),
        nested("EXISTS (SELECT ", ")"),
        format!("SELECT {}", "(".repeat(DEPTH)),
        format!("SELECT * FROM {}t", "(".repeat(DEPTH)),
        format!("SELECT * FROM {}t{}", "(SELECT * FROM ".repeat(DEPTH), ") s".repeat(DEPTH)),
        format!("SELECT * FROM {}t{}", "(t JOIN ".repeat(DEPTH), " ON true)".repeat(DEPTH)),
        format!("{}SELECT 1{}", "WITH a AS (".repeat(DEPTH), ") SELECT 1".repeat(DEPTH)),
        chain("+ 1 "),
        chain("::int "),
        chain("AND 1 "),
        chain("IS NULL "),
        chain("AT TIME ZONE 'x' "),
        chain("COLLATE x "),
        chain("UNION SELECT 1 "),
        chain("[1]"),
        chain(", 2 ").replace("SELECT 1", "SELECT 1 IN (1") + &"+ 1".repeat(DEPTH) + ")",
        format!("SELECT 1::int{}", "[]".repeat(DEPTH)),
        prefix("NOT "),
        prefix("- "),
        prefix("+ "),
        prefix("~ "),
        prefix("INTERVAL "),
        "EXPLAIN ".repeat(DEPTH),
        "PREPARE x AS ".repeat(DEPTH),
        format!("SELECT CASE WHEN {} THEN 1 END", "a = 1 OR ".repeat(DEPTH)),
    ] {
        let error = refused(&sql);
        assert!(
            matches!(error.state, SqlState::ProgramLimitExceeded | SqlState::SyntaxError),
            "{}: {error:?}",
            sql.chars().take(60).collect::<String>()
        );
    }
    assert_eq!(refused(&nested("(", ")")).state, SqlState::ProgramLimitExceeded);
}

#[test]
fn depth_within_the_limits_is_fine() {
    let nested = |open: &str, close: &str, depth: usize| {
        format!("SELECT {}1{}", open.repeat(depth), close.repeat(depth))
    };
    for sql in [
        nested("(", ")", 90),
        nested("(SELECT ", ")", 16),
        nested("f(", ")", 16),
        nested("CASE WHEN ", " THEN 1 END", 90),
        nested("CASE WHEN a > 0 THEN ", " END", 17),
        nested("CASE WHEN a > 0 THEN 0 ELSE ", " END", 17),
        nested("CAST(", " AS int)", 11),
        format!("SELECT 1 {}", "+ 1 ".repeat(490)),
        format!("SELECT 1 {}", "::int ".repeat(490)),
        format!("SELECT 1 {}", "UNION SELECT 1 ".repeat(490)),
        format!("SELECT a = 1 {} FROM t AT TAG x", "OR a = 1 ".repeat(240)),
        format!("SELECT * FROM {}t{}", "(SELECT * FROM ".repeat(16), ") s".repeat(16)),
        format!(
            "SELECT * FROM {}t AT TAG x{} WHERE true AT TAG y",
            "(SELECT * FROM ".repeat(16),
            ") s, u".repeat(16)
        ),
    ] {
        let statement = move || {
            let parsed = one(&sql);
            assert_eq!(parsed.text, sql.trim_end());
            // What follows does these, too.
            let copy = parsed.clone();
            if let Body::Standard(statement) = &copy.body {
                assert!(!statement.to_string().is_empty());
            }
            drop(copy);
        };
        let thread = std::thread::Builder::new().stack_size(SERVER_STACK_BYTES);
        thread.spawn(statement).unwrap().join().unwrap();
    }
}

#[test]
fn length_is_fine_where_it_is_no_depth() {
    let list: Vec<String> = (0..DEPTH).map(|number| number.to_string()).collect();
    assert_eq!(
        tables(&format!("SELECT * FROM t AT TAG x WHERE id IN ({})", list.join(", "))),
        ["t@tag:x t"]
    );
    let rows = vec!["(1, 'a', -2.5, CASE WHEN 1 = 1 THEN NULL END, '?'::date)"; 20_000].join(",");
    assert!(tables(&format!("INSERT INTO t VALUES {rows}")).is_empty());
    let arms = "WHEN a = 1 THEN 'x' ".repeat(20_000);
    assert_eq!(tables(&format!("SELECT CASE {arms} END FROM t")), ["t"]);
    let columns = vec!["a.b AS c"; 20_000].join(",");
    assert_eq!(tables(&format!("SELECT {columns} FROM t")), ["t"]);
    let read = vec!["t AT TAG x"; 20_000].join(",");
    assert_eq!(tables(&format!("SELECT * FROM {read}")).len(), 20_000);
    let queries = vec!["(SELECT * FROM t WHERE true AT TAG x)"; 20_000].join(",");
    assert_eq!(tables(&format!("SELECT * FROM {queries}")).len(), 20_000);
}

#[test]
fn texts_have_limits() {
    assert_eq!(parse(&"SELECT 1;".repeat(10_000)).unwrap().len(), 10_000);
    let error = refused(&"SELECT 1;".repeat(10_001));
    assert_eq!(error.state, SqlState::ProgramLimitExceeded);
    let error = refused(&" ".repeat(16 * 1024 * 1024 + 1));
    assert_eq!(error.state, SqlState::ProgramLimitExceeded);
    assert_eq!(parse(&";".repeat(1_000_000)).unwrap(), []);
}

#[test]
fn failing_takes_no_longer_than_succeeding() {
    for open in ["CAST(", "f(", "(", "EXTRACT(", "SUBSTRING(", "CASE WHEN "] {
        for depth in [3, 8, 30, 100] {
            let sql = format!("SELECT {}", open.repeat(depth));
            assert!(parse(&sql).is_err(), "{sql}");
            let sql = format!("SELECT * FROM {}", open.repeat(depth));
            assert!(parse(&sql).is_err(), "{sql}");
        }
    }
}

#[test]
fn cut_off_anywhere_nothing_breaks() {
    let cut = [
        "SELECT 'ä' || \"ö\", $$x$$, $1, E'\\n' FROM sales.orders AT COMMIT '9f31c2aa' AS o (a, b), \
         LATERAL (SELECT * FROM t WHERE x AT TIME ZONE 'utc' > now() AT TAG \"model-4.2\") s \
         WHERE EXISTS (SELECT 1 FROM u FOR VERSION AS OF 12) ORDER BY 1 LIMIT 3 AT (REF => 'main~3');",
        "WITH RECURSIVE a (x) AS (SELECT * FROM a UNION ALL SELECT 1), b AS NOT MATERIALIZED (SELECT 2) \
         INSERT INTO t (a) SELECT * FROM b ON CONFLICT DO UPDATE SET a = 1 RETURNING *",
        "MERGE INTO t AS d USING s AT BRANCH a/b ON d.id = s.id WHEN MATCHED THEN UPDATE SET a = s.a \
         WHEN NOT MATCHED THEN INSERT (a) VALUES (s.a)",
        "MERGE BRANCH \"ingest\" INTO main DRY RUN WITH (squash = true, message = 'it''s', strategy = ours)",
        "CREATE BRANCH IF NOT EXISTS ingest/2026-11 FROM main@{2026-11-20T08:00:00Z}~2; SHOW DIFF a b",
        "COMMENT ON COLUMN a.b.c IS $dbt$it's$dbt$; COPY t (a, b) FROM STDIN WITH (FORMAT csv); COMMIT",
        "CREATE TABLE IF NOT EXISTS n (a int NOT NULL PRIMARY KEY, b numeric(10, 2)[] DEFAULT ARRAY[1]);",
        "DECLARE \"C\" BINARY INSENSITIVE NO SCROLL CURSOR WITH HOLD FOR SELECT * FROM t AT TAG x; FETCH \
         BACKWARD -12 FROM c; MOVE ABSOLUTE 3 IN c; FETCH RELATIVE +1 c; FETCH FORWARD ALL FROM c; CLOSE ALL",
        "PREPARE p (int, numeric(10, 2)[], timestamp with time zone) AS INSERT INTO t VALUES ($1, $2, $3); \
         EXECUTE p (1, (SELECT 2), now()); EXECUTE p; DEALLOCATE PREPARE p; DEALLOCATE ALL; DISCARD ALL",
        "ALTER TABLE a ADD COLUMN b int, DROP COLUMN c; DROP TABLE IF EXISTS a, b CASCADE; TRUNCATE a",
    ];
    for sql in cut {
        for end in 0..=sql.len() {
            for start in [0, end / 2] {
                if let Some(part) = sql.get(start..end) {
                    let _outcome = parse(part).map(|parsed| parsed.len());
                }
            }
        }
    }
}
