//! Settings: what they hold, and until when.

use std::collections::BTreeMap;

use nunatak::sql::error::SqlState;

use crate::console::{Sql, fails, ok};

#[tokio::test(flavor = "multi_thread")]
async fn settings_follow_transactions() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(
        &mut session,
        "SET application_name = 'first'; BEGIN; SET LOCAL application_name = 'second'",
    )
    .await;
    assert_eq!(ok(&mut session, "SHOW application_name").await, "second");
    ok(&mut session, "COMMIT").await;
    assert_eq!(ok(&mut session, "SHOW application_name").await, "first");
    ok(&mut session, "BEGIN; SET application_name = 'third'; SET search_path = x; ROLLBACK").await;
    assert_eq!(ok(&mut session, "SHOW application_name").await, "first");
    assert_eq!(ok(&mut session, "SHOW search_path").await, "main");
    ok(&mut session, "BEGIN; SET application_name = 'third'; COMMIT").await;
    assert_eq!(ok(&mut session, "SHOW application_name").await, "third");
    let mut session = sql.on("lake");
    ok(&mut session, "SET LOCAL application_name = 'x'").await;
    assert_eq!(session.take_notices().len(), 1);
    assert_eq!(ok(&mut session, "SHOW application_name").await, "");
    ok(&mut session, "SET search_path = a, b; SET statement_timeout = '90s'; RESET ALL").await;
    assert_eq!(ok(&mut session, "SHOW search_path").await, "main");
    assert_eq!(ok(&mut session, "SHOW statement_timeout").await, "0");
    ok(&mut session, "CREATE TEMP TABLE t (a int); SET search_path = x").await;
    assert_eq!(ok(&mut session, "DISCARD ALL").await, "DISCARD ALL");
    assert_eq!(fails(&mut session, "SELECT * FROM main.t").await.state, SqlState::UndefinedTable);
    ok(&mut session, "BEGIN").await;
    assert_eq!(fails(&mut session, "DISCARD ALL").await.state, SqlState::InvalidTransactionState);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_kept_or_refused() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    for (set, name, shown) in [
        ("SET statement_timeout = 5000", "statement_timeout", "5s"),
        ("SET statement_timeout TO '1.5min'", "statement_timeout", "90s"),
        ("SET lock_timeout = '10s'", "lock_timeout", "10s"),
        ("SET extra_float_digits = 3", "extra_float_digits", "3"),
        ("SET TIME ZONE 'UTC'", "TimeZone", "UTC"),
        ("SET TIME ZONE LOCAL", "TimeZone", "UTC"),
        ("SET NAMES 'utf8'", "client_encoding", "UTF8"),
        ("SET client_encoding = 'SQL_ASCII'", "client_encoding", "UTF8"),
        ("SET datestyle = 'ISO, DMY'", "datestyle", "ISO, MDY"),
        (
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
            "transaction_isolation",
            "repeatable read",
        ),
        ("RESET statement_timeout", "statement_timeout", "0"),
    ] {
        assert_eq!(ok(&mut session, set).await, set.split(' ').next().unwrap(), "{set}");
        assert_eq!(ok(&mut session, &format!("SHOW {name}")).await, shown, "{set}");
    }
    for (text, state) in [
        ("SET statement_timeout = 'soon'", SqlState::InvalidParameterValue),
        ("SET statement_timeout = '1000d'", SqlState::InvalidParameterValue),
        ("SET extra_float_digits = 4", SqlState::InvalidParameterValue),
        ("SET TimeZone = 'Europe/Berlin'", SqlState::InvalidParameterValue),
        ("SET client_encoding = 'LATIN1'", SqlState::InvalidParameterValue),
        ("SET IntervalStyle = 'iso_8601'", SqlState::InvalidParameterValue),
        ("SET bytea_output = 'escape'", SqlState::InvalidParameterValue),
        ("SET standard_conforming_strings = off", SqlState::InvalidParameterValue),
        ("SET idle_in_transaction_session_timeout = 5", SqlState::InvalidParameterValue),
        ("SET nothing = 1", SqlState::UndefinedObject),
        ("RESET nothing", SqlState::UndefinedObject),
        ("SHOW nothing", SqlState::UndefinedObject),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", SqlState::FeatureNotSupported),
    ] {
        assert_eq!(fails(&mut session, text).await.state, state, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_ends_when_its_time_is_over() {
    let sql = Sql::new().await;
    let mut session = sql.on("lake");
    ok(&mut session, "SET statement_timeout = '50ms'").await;
    let long = "SELECT count(*) FROM generate_series(1, 100000) a(x), generate_series(1, 100000) b(y) \
                WHERE (x::bigint * y) % 7 = 3";
    assert_eq!(fails(&mut session, long).await.state, SqlState::QueryCanceled);
    let error = fails(&mut session, &format!("CREATE TABLE t AS {long}")).await;
    assert_eq!(error.state, SqlState::QueryCanceled);
    ok(&mut session, "SET statement_timeout = 0").await;
    assert_eq!(fails(&mut session, "SELECT * FROM t").await.state, SqlState::UndefinedTable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_zone_at_the_start_is_no_reason_to_refuse() {
    let sql = Sql::new().await;
    let databases = sql.engine.databases();
    for (zone, known) in [
        ("Europe/Berlin", true),
        ("America/New_York", true),
        ("GMT+02:00", true),
        ("UTC", true),
        ("Nowhere/Land", false),
    ] {
        let given = BTreeMap::from([("TimeZone".to_owned(), zone.to_owned())]);
        match databases.connect("lake", "ann", &given).await {
            Ok(connection) => {
                assert!(known, "{zone}");
                assert_eq!(connection.setting("TimeZone").as_deref(), Some("UTC"));
            }
            Err(error) => assert!(!known, "{zone}: {error:?}"),
        }
    }
}
