//! What a session has to live through: statements beyond all measure, too little memory, damaged files.

use std::time::Duration;

use futures::StreamExt as _;
use nunatak::base::limits::SERVER_STACK_BYTES;
use nunatak::sql::engine::Engine;
use nunatak::sql::error::SqlState;
use nunatak::sql::outcome::Outcome;
use nunatak::sql::session::Session;

use crate::console::{Sql, fails, ok, run};

/// On a thread with a stack as the server's have.
fn as_in_the_server(test: impl Future<Output = ()> + Send + 'static) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).thread_stack_size(SERVER_STACK_BYTES).enable_all();
    let runtime = runtime.build().unwrap();
    runtime.block_on(runtime.spawn(test)).unwrap();
}

#[test]
fn long_lists_are_answered() {
    as_in_the_server(async {
        let sql = Sql::new().await;
        let mut session = sql.on("lake");
        ok(&mut session, "CREATE TABLE t AS SELECT x FROM generate_series(1, 300000) g(x)").await;
        let list: Vec<String> = (1..=100_000).map(|number| (number * 3).to_string()).collect();
        let text = format!("SELECT count(*) FROM t WHERE x IN ({})", list.join(", "));
        assert_eq!(ok(&mut session, &text).await, "100000");
        let text = format!("SELECT count(*) FROM t WHERE x NOT IN ({})", list.join(", "));
        assert_eq!(ok(&mut session, &text).await, "200000");
        let rows: Vec<String> = list.iter().map(|number| format!("({number})")).collect();
        let text =
            format!("SELECT count(*) FROM (VALUES {}) v(x) JOIN t USING (x)", rows.join(","));
        assert_eq!(ok(&mut session, &text).await, "100000");
        let text = format!("INSERT INTO t VALUES {}", rows.join(","));
        assert_eq!(ok(&mut session, &text).await, "INSERT 0 100000");
    });
}

#[test]
fn deep_statements_are_answered_or_refused() {
    let shapes = |depth: usize| {
        let nested = |open: &str, close: &str| {
            format!("SELECT {}x{} FROM t", open.repeat(depth), close.repeat(depth))
        };
        [
            nested("(", ")"),
            nested("CASE WHEN x > 0 THEN ", " END"),
            nested("abs(", ")"),
            nested("CAST(", " AS bigint)"),
            nested("- ", ""),
            nested("", " + 1"),
            nested("(SELECT ", ")"),
            nested("coalesce(NULL, ", ")"),
            format!("SELECT x FROM {}t{}", "(SELECT x FROM ".repeat(depth), ") s".repeat(depth)),
            format!("SELECT x FROM t{}", " UNION ALL SELECT x FROM t".repeat(depth)),
            format!("SELECT x FROM t{}", " INTERSECT SELECT x FROM t".repeat(depth)),
            format!("SELECT x FROM t WHERE x = 1{}", " OR x = 1".repeat(depth)),
            format!("SELECT x FROM t WHERE NOT (x = 2{})", " AND x = 1".repeat(depth)),
            format!(
                "SELECT x FROM t WHERE {}true{}",
                "EXISTS (SELECT 1 WHERE ".repeat(depth),
                ")".repeat(depth)
            ),
            format!(
                "SELECT x FROM t WHERE {}true{}",
                "x IN (SELECT x FROM t WHERE ".repeat(depth),
                ")".repeat(depth)
            ),
            format!(
                "{}SELECT 1 AS x{}",
                "WITH a AS (".repeat(depth),
                ") SELECT x FROM a".repeat(depth)
            ),
            format!("SELECT t.x FROM t{}", " CROSS JOIN t AS u".repeat(depth)),
            format!("SELECT x::text {} FROM t", "|| 'a' ".repeat(depth)),
        ]
    };
    as_in_the_server(async move {
        let sql = Sql::new().await;
        let mut session = sql.on("lake");
        ok(&mut session, "CREATE TABLE t AS SELECT 1::bigint AS x").await;
        for depth in [3, 15, 60, 220, 5_000] {
            for text in shapes(depth) {
                let shown: String = text.chars().take(60).collect();
                let Err(error) = run(&mut session, &text).await else { continue };
                let fine = match error.state {
                    SqlState::FeatureNotSupported => true,
                    SqlState::ProgramLimitExceeded => depth > 3,
                    // Two tables of one name in the last shape but one.
                    _ => text.contains("CROSS JOIN"),
                };
                assert!(fine, "{depth} times {shown}: {error:?}");
            }
        }
        assert_eq!(ok(&mut session, "SELECT x FROM t").await, "1");
    });
}

/// Rows of about 100 bytes each.
const WIDE: &str = "SELECT x, repeat('x', 80) || x AS s FROM generate_series(1, 500000) g(x)";

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_more_memory_goes_to_disk_or_fails() {
    let sql = Sql::new().await;
    ok(&mut sql.on("lake"), &format!("CREATE TABLE t AS {WIDE}")).await;
    let engine =
        Engine::with_memory(std::sync::Arc::clone(sql.lake.catalog()), 2, 48 * 1024 * 1024)
            .unwrap();
    let mut session = engine.session("lake", "ann").unwrap();
    // A sort that does not fit is put on disk, and is right.
    let sorted = "SELECT count(*), sum(CASE WHEN s >= before THEN 0 ELSE 1 END) FROM \
                  (SELECT s, lag(s) OVER (ORDER BY s) AS before FROM t) o";
    assert_eq!(ok(&mut session, sorted).await, "500000 1");
    // Groups are put on disk where the engine can.
    let grouped = "SELECT count(*), sum(n) FROM (SELECT s, count(*) AS n FROM t GROUP BY s) g";
    either(&mut session, grouped, "500000 500000").await;
    // What cannot is an error that says so, and the next one has all of the memory again.
    let joined = "SELECT count(*) FROM t a FULL JOIN t b ON a.s = b.s AND a.x % 7 = b.x % 7";
    either(&mut session, joined, "500000").await;
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t").await, "500000");
    let error = fails(&mut session, "CREATE TEMP TABLE u AS SELECT *, x::bigint a, x::bigint b, x::bigint c, x::bigint d, x::bigint e, x::bigint f FROM t").await;
    assert_eq!(error.state, SqlState::OutOfMemory, "{error:?}");
    released(&engine).await;
}

/// Runs a query that may need more memory than there is.
async fn either(session: &mut Session, text: &str, expected: &str) {
    match run(session, text).await {
        Ok(answer) => assert_eq!(answer, expected, "{text}"),
        Err(error) => assert_eq!(error.state, SqlState::OutOfMemory, "{text}: {error:?}"),
    }
}

/// Waits until nothing holds memory any more.
async fn released(engine: &Engine) {
    let waited = tokio::time::timeout(Duration::from_secs(20), async {
        while engine.memory_reserved() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(waited.await.is_ok(), "{} bytes are held", engine.memory_reserved());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_be_too_large_is_not_begun() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t AS SELECT x, 'row' AS s FROM generate_series(1, 9000) g(x)")
        .await;
    for text in [
        "SELECT repeat(s, 2000000000) FROM t",
        "SELECT repeat('abc', x::bigint * 1000000000) FROM t",
        "SELECT repeat('x', 2000000000)",
        "SELECT length(repeat(s, 500000)) FROM t",
        "SELECT lpad(s, 2000000000) FROM t",
        "SELECT rpad(s, 2000000000, 'y') FROM t",
        "SELECT array_repeat(s, 1000000000000) FROM t",
        "SELECT range(0, x * 1000000000000) FROM t",
    ] {
        let error = fails(&mut session, text).await;
        assert!(
            matches!(error.state, SqlState::ProgramLimitExceeded | SqlState::FeatureNotSupported),
            "{text}: {error:?}"
        );
    }
    let large = "SELECT length(repeat('abc', 1000000)), sum(length(repeat(s, 1000))) FROM t";
    assert_eq!(ok(&mut session, large).await, "3000000 27000000");
    assert_eq!(
        ok(&mut session, "SELECT lpad('a', 3, 'x'), rpad('a', 3), repeat('a', -1)").await,
        "xxa a   "
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_gives_back_what_it_held() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, &format!("CREATE TEMP TABLE t AS {WIDE}; BEGIN")).await;
    ok(&mut session, "DECLARE c SCROLL CURSOR FOR SELECT s FROM t ORDER BY s; MOVE 1000 c").await;
    ok(&mut session, "CREATE TABLE u AS SELECT * FROM t").await;
    assert!(sql.engine.memory_reserved() > 1_000_000);
    drop(session);
    released(&sql.engine).await;
    let mut session = sql.on("lake");
    for table in ["t", "u"] {
        let error = fails(&mut session, &format!("SELECT * FROM {table}")).await;
        assert_eq!(error.state, SqlState::UndefinedTable);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_an_error_with_its_name() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    for damage in ["cut", "empty", "garbage", "gone", "inside"] {
        ok(
            &mut session,
            "CREATE TABLE t AS SELECT x, 'a' || x AS s FROM generate_series(1, 100000) g(x)",
        )
        .await;
        ok(&mut session, "INSERT INTO t SELECT x, 'b' || x FROM generate_series(1, 100000) g(x)")
            .await;
        let files = ok(&mut session, "SELECT file_path FROM system.files('t')").await;
        let location = files.lines().next().unwrap();
        let path = location.strip_prefix("file://").unwrap();
        let bytes = std::fs::read(path).unwrap();
        match damage {
            "cut" => std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap(),
            "empty" => std::fs::write(path, b"").unwrap(),
            "garbage" => std::fs::write(path, vec![7; bytes.len()]).unwrap(),
            "gone" => std::fs::remove_file(path).unwrap(),
            _ => {
                let mut bytes = bytes.clone();
                let pages = 4..bytes.len() / 2;
                for byte in bytes[pages].iter_mut().step_by(7) {
                    *byte ^= 0x5a;
                }
                std::fs::write(path, bytes).unwrap();
            }
        }
        let name = path.rsplit('/').next().unwrap();
        for text in
            ["SELECT sum(x), max(s) FROM t", "SELECT * FROM t", "SELECT s FROM t WHERE x = 77"]
        {
            let error = fails(&mut session, text).await;
            assert_eq!(error.state, SqlState::DataCorrupted, "{damage} {text}: {error:?}");
            // Where bytes in the middle are others, the decoder knows no names.
            let named = error.message.contains(name);
            assert!(named || damage == "inside", "{damage} {text}: {error:?}");
        }
        let error = fails(&mut session, "CREATE TABLE u AS SELECT * FROM t").await;
        assert_eq!(error.state, SqlState::DataCorrupted, "{damage}: {error:?}");
        assert_eq!(fails(&mut session, "SELECT * FROM u").await.state, SqlState::UndefinedTable);
        // Rows that came before the error end in it.
        let statement = session.parse("SELECT x FROM t").unwrap().remove(0);
        let Outcome::Rows { mut rows, .. } = session.execute(&statement, &[]).await.unwrap() else {
            panic!("no rows");
        };
        let failed = loop {
            match rows.next().await {
                None => break false,
                Some(Ok(_)) => {}
                Some(Err(_)) => break true,
            }
        };
        assert!(failed, "{damage}");
        assert_eq!(ok(&mut session, "SELECT 1").await, "1");
        ok(&mut session, "DROP TABLE t").await;
    }
}
