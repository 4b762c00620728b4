//! COPY, as a session carries it out.

use bytes::Bytes;
use futures::StreamExt as _;
use nunatak::sql::copy::CopyDirection;
use nunatak::sql::error::{SqlError, SqlState};
use nunatak::sql::session::Session;

use crate::console::{Sql, fails, ok};

/// Sends data in pieces of so many bytes; the number of rows.
async fn copy(
    session: &mut Session,
    text: &str,
    data: &[u8],
    size: usize,
) -> Result<u64, SqlError> {
    let statement = session.parse(text)?.remove(0);
    assert_eq!(Session::copies(&statement), Some(CopyDirection::In));
    session.copy_in_columns(&statement).await?;
    let pieces: Vec<_> = data.chunks(size).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    session.copy_in(&statement, futures::stream::iter(pieces).boxed()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_every_type_are_one_commit() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(
        &mut session,
        "CREATE TABLE t (a int, b bigint, c real, d float8, e numeric(9, 2), f boolean, g text, h bytea, i date, \
         j time, k timestamp, l timestamptz, m int[])",
    )
    .await;
    let row = "1\t-2\t1.5\t1e3\t3.145\tyes\ta\\tb\\\\\t\\\\x0aff\t2024-02-29\t12:34:56.789\t2024-02-29 01:02:03\t\
               2024-02-29 01:02:03+02\t{1,NULL,3}\n";
    let nulls = "\\N\t".repeat(12) + "\\N\n";
    for size in [1, 7, 10_000] {
        let data = format!("{row}{nulls}");
        assert_eq!(
            copy(&mut session, "COPY t FROM STDIN", data.as_bytes(), size).await.unwrap(),
            2
        );
    }
    let expected = "1 -2 1.5 1000.0 3.15 true a\tb\\ 0aff 2024-02-29 12:34:56.789 2024-02-29T01:02:03 \
                    2024-02-28T23:02:03Z [1, NULL, 3]";
    let shown = ok(&mut session, "SELECT DISTINCT * FROM t WHERE a = 1").await;
    assert_eq!(shown, expected);
    assert_eq!(ok(&mut session, "SELECT count(*), count(g) FROM t").await, "6 3");
    assert_eq!(ok(&mut session, "SELECT count(*) FROM system.snapshots('t')").await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_with_all_its_options() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t (id int NOT NULL, s text, u text)").await;
    let all = "SELECT id, s, u FROM t ORDER BY id";
    let cases: [(&str, &str, &str); 6] = [
        (
            "(FORMAT csv, HEADER)",
            "x,y,z\n1,a,\"\"\n2,,\"b,\"\"c\"\"\nd\"\n",
            "1 a \n2 NULL b,\"c\"\nd",
        ),
        ("(FORMAT csv, HEADER match)", "id,s,u\n1,,\n", "1 NULL NULL"),
        (
            "(FORMAT csv, DELIMITER ';', QUOTE '''', ESCAPE '\\', NULL '-')",
            "1;'a\\'b';-\r\n2;;'-'\r\n",
            "1 a'b NULL\n2  -",
        ),
        ("(FORMAT csv, FORCE_NOT_NULL (s), FORCE_NULL (u))", "1,,\"\"", "1  NULL"),
        ("WITH CSV HEADER NULL AS 'none' DELIMITER AS '|'", "a|b|c\n1|none|\n", "1 NULL "),
        (
            "(FORMAT text, DELIMITER '|', NULL 'NIL', HEADER)",
            "h\n1|NIL|ü\\n\n\\.\nrest",
            "1 NULL ü\n",
        ),
    ];
    for (options, data, expected) in cases {
        let text = format!("COPY t FROM STDIN {options}");
        copy(&mut session, &text, data.as_bytes(), 3).await.unwrap();
        assert_eq!(ok(&mut session, all).await, expected, "{options}");
        ok(&mut session, "TRUNCATE t").await;
    }
    assert_eq!(copy(&mut session, "COPY t (u, id) FROM STDIN", b"x\t1\n", 2).await.unwrap(), 1);
    assert_eq!(ok(&mut session, all).await, "1 NULL x");
    ok(&mut session, "CREATE TEMP TABLE p (a int); TRUNCATE t").await;
    assert_eq!(copy(&mut session, "COPY p FROM STDIN", b"1\n2\n", 1).await.unwrap(), 2);
    assert_eq!(ok(&mut session, "SELECT sum(a) FROM p").await, "3");
    assert_eq!(copy(&mut session, "COPY t FROM STDIN", b"", 1).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_data_change_nothing_and_say_where() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t (id int NOT NULL, s text)").await;
    for (options, data, state, message) in [
        ("", &b"1\ta\nx\tb\n"[..], SqlState::InvalidTextRepresentation, "line 2, column id"),
        ("", b"1\n", SqlState::BadCopyFileFormat, "missing data for column \"s\" (COPY t, line 1)"),
        ("", b"1\ta\tb\n", SqlState::BadCopyFileFormat, "extra data after last expected column"),
        ("", b"1\ta\n\n", SqlState::InvalidTextRepresentation, "line 2"),
        (
            "",
            b"99999999999\ta\n",
            SqlState::NumericValueOutOfRange,
            "out of range for type integer",
        ),
        ("", b"1\t\xff\n", SqlState::CharacterNotInRepertoire, "invalid byte sequence"),
        ("", b"1\ta\\000\n", SqlState::CharacterNotInRepertoire, "invalid byte sequence"),
        ("", b"\\N\ta\n", SqlState::NotNullViolation, "\"id\""),
        ("", b"1\ta\r\n2\tb\n", SqlState::BadCopyFileFormat, "literal newline"),
        (
            "(FORMAT csv)",
            b"1,\"a\n2,b\n",
            SqlState::BadCopyFileFormat,
            "unterminated CSV quoted field",
        ),
        (
            "(FORMAT csv, HEADER match)",
            b"id,x\n1,a\n",
            SqlState::BadCopyFileFormat,
            "got \"x\", expected \"s\"",
        ),
        (
            "(FORMAT csv, HEADER match)",
            b"id\n1\n",
            SqlState::BadCopyFileFormat,
            "wrong number of fields",
        ),
    ] {
        let text = format!("COPY t FROM STDIN {options}");
        let error = copy(&mut session, &text, data, 5).await.unwrap_err();
        assert_eq!(error.state, state, "{data:?}: {error:?}");
        assert!(error.message.contains(message), "{error:?}");
    }
    // A client that gives up.
    let statement = session.parse("COPY t FROM STDIN").unwrap().remove(0);
    let gone = SqlError::new(SqlState::QueryCanceled, "COPY from stdin failed: enough");
    let data = vec![Ok(Bytes::from_static(b"1\ta\n")), Err(gone.clone())];
    let error = session.copy_in(&statement, futures::stream::iter(data).boxed()).await;
    assert_eq!(error.unwrap_err(), gone);
    assert_eq!(ok(&mut session, "SELECT count(*) FROM t").await, "0");
    assert_eq!(ok(&mut session, "SELECT count(*) FROM system.snapshots('t')").await, "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_statements_say_so() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t (a int, s text); CREATE VIEW v AS SELECT a FROM t").await;
    for (text, state) in [
        ("COPY nobody FROM STDIN", SqlState::UndefinedTable),
        ("COPY v FROM STDIN", SqlState::WrongObjectType),
        ("COPY t (b) FROM STDIN", SqlState::UndefinedColumn),
        ("COPY t (a, a) FROM STDIN", SqlState::DuplicateColumn),
        ("COPY t FROM STDIN (FORMAT binary)", SqlState::FeatureNotSupported),
        ("COPY t FROM STDIN (FORMAT xml)", SqlState::InvalidParameterValue),
        ("COPY t FROM STDIN (FORMAT csv, FORMAT csv)", SqlState::SyntaxError),
        ("COPY t FROM STDIN (nothing)", SqlState::SyntaxError),
        ("COPY t FROM STDIN (DELIMITER 'ab')", SqlState::FeatureNotSupported),
        ("COPY t FROM STDIN (DELIMITER 'a')", SqlState::InvalidParameterValue),
        ("COPY t FROM STDIN (DELIMITER E'\\n')", SqlState::InvalidParameterValue),
        ("COPY t FROM STDIN (QUOTE '\"')", SqlState::FeatureNotSupported),
        ("COPY t FROM STDIN (FORMAT csv, QUOTE ',')", SqlState::InvalidParameterValue),
        ("COPY t FROM STDIN (FORMAT csv, NULL ',')", SqlState::InvalidParameterValue),
        ("COPY t FROM STDIN (FORMAT csv, FORCE_QUOTE *)", SqlState::FeatureNotSupported),
        ("COPY t FROM STDIN (FORMAT csv, FORCE_NULL (b))", SqlState::UndefinedColumn),
        ("COPY t FROM STDIN (ENCODING 'latin1')", SqlState::FeatureNotSupported),
        ("COPY t FROM STDIN (FREEZE)", SqlState::FeatureNotSupported),
    ] {
        let error = copy(&mut session, text, b"", 1).await.unwrap_err();
        assert_eq!(error.state, state, "{text}: {error:?}");
    }
    for (text, state) in [
        ("COPY t FROM '/etc/passwd'", SqlState::FeatureNotSupported),
        ("COPY t TO PROGRAM 'rm'", SqlState::FeatureNotSupported),
        ("COPY t FROM STDIN WHERE a > 1", SqlState::FeatureNotSupported),
        ("COPY (SELECT 1) FROM STDIN", SqlState::SyntaxError),
        ("COPY (DELETE FROM t) TO STDOUT", SqlState::FeatureNotSupported),
        ("COPY (SELECT 1 TO STDOUT", SqlState::SyntaxError),
        ("COPY t", SqlState::SyntaxError),
        ("COPY", SqlState::SyntaxError),
        ("COPY t FROM STDIN (FORMAT csv", SqlState::SyntaxError),
        ("COPY t FROM STDIN CSV HEADER what", SqlState::SyntaxError),
        // Over a door without a way for data.
        ("COPY t FROM STDIN", SqlState::FeatureNotSupported),
        ("COPY t TO STDOUT", SqlState::FeatureNotSupported),
    ] {
        let error = fails(&mut session, text).await;
        assert_eq!(error.state, state, "{text}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_rows_have_a_bound() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "CREATE TABLE t (s text)").await;
    let mut large = vec![b'x'; 20 * 1024 * 1024];
    large.push(b'\n');
    assert_eq!(copy(&mut session, "COPY t FROM STDIN", &large, 1 << 20).await.unwrap(), 1);
    assert_eq!(ok(&mut session, "SELECT length(s) FROM t").await, "20971520");
    let endless: Vec<u8> = vec![b'x'; 70 * 1024 * 1024];
    let error = copy(&mut session, "COPY t FROM STDIN", &endless, 1 << 20).await.unwrap_err();
    assert_eq!(error.state, SqlState::ProgramLimitExceeded);
    let rows = "1\n".repeat(100_000);
    ok(&mut session, "CREATE TABLE n (a int)").await;
    assert_eq!(
        copy(&mut session, "COPY n FROM STDIN", rows.as_bytes(), 65_536).await.unwrap(),
        100_000
    );
    assert_eq!(ok(&mut session, "SELECT sum(a) FROM n").await, "100000");
}
