//! Statements and their results in files (`tests/slt/*/*.slt`), answered by every door and, where they are
//! plain SQL (`tests/slt/postgres`), by PostgreSQL itself, which is what they are measured by.
//!
//! Each file starts in an empty warehouse. `SLT=joins` runs only the files whose name holds that.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "slt/engines.rs"]
mod engines;
#[path = "slt/flight.rs"]
mod flight;
#[path = "slt/lake.rs"]
mod lake;
#[path = "differential/postgres.rs"]
mod postgres;
#[path = "slt/text.rs"]
mod text;

use std::path::{Path, PathBuf};

use engines::Connection;
use lake::Lake;
use postgres::Postgres;
use sqllogictest::{MakeConnection, Runner};

#[expect(clippy::disallowed_methods, reason = "who looks for a fault may name the file")]
fn files(folder: &str) -> Vec<PathBuf> {
    let wanted = std::env::var("SLT").unwrap_or_default();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt").join(folder);
    let mut files: Vec<PathBuf> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.file_stem().unwrap().to_str().unwrap().contains(&wanted));
    files.sort();
    files
}

/// Runs one file; what it failed with.
async fn run<M>(connect: M, file: &Path, failures: &mut Vec<String>)
where
    M: MakeConnection<Conn = Connection>,
{
    // Every record is tried: one wrong answer does not hide the next.
    let mut runner = Runner::new(connect);
    for record in sqllogictest::parse_file(file).unwrap() {
        if let Err(error) = runner.run_async(record).await {
            failures.push(error.to_string());
        }
    }
}

#[track_caller]
fn check(failures: &[String]) {
    assert!(failures.is_empty(), "{} failures\n\n{}", failures.len(), failures.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_answers_them() {
    let mut failures = Vec::new();
    for file in [files("postgres"), files("nunatak")].concat() {
        let lake = Lake::new().await;
        let connect = || async {
            let session = lake.engine.session("lake", "ann").map_err(engines::Failure::from)?;
            Ok(Connection::Session(Box::new(session)))
        };
        run(connect, &file, &mut failures).await;
    }
    check(&failures);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_for_postgresql_answers_them() {
    let mut failures = Vec::new();
    for file in [files("postgres"), files("nunatak")].concat() {
        let lake = Lake::new().await;
        let address = lake.listen().await;
        let mut config = tokio_postgres::Config::new();
        config.host("127.0.0.1").port(address.port()).user("ann").dbname("lake");
        let connect = || Connection::wire(&config, "nunatak");
        run(connect, &file, &mut failures).await;
    }
    check(&failures);
}

/// Files about what a session keeps from one statement to the next; over Flight each has its own.
const OF_SESSIONS: [&str; 7] =
    ["settings", "names", "branches", "prepared", "cursors", "merges", "returning"];

#[tokio::test(flavor = "multi_thread")]
async fn the_door_for_flight_answers_them() {
    let mut failures = Vec::new();
    for file in [files("postgres"), files("nunatak")].concat() {
        let name = file.file_stem().unwrap().to_str().unwrap();
        if OF_SESSIONS.contains(&name) {
            continue;
        }
        let lake = Lake::new().await;
        let address = flight::listen(&lake).await;
        run(|| Connection::flight(address), &file, &mut failures).await;
    }
    check(&failures);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_answers_plain_sql_the_same() {
    let postgres = Postgres::start();
    let mut failures = Vec::new();
    for (number, file) in files("postgres").iter().enumerate() {
        let config = postgres.database(&format!("file{number}")).await;
        let connect = || Connection::wire(&config, "postgresql");
        run(connect, file, &mut failures).await;
    }
    check(&failures);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_parameters_and_more_are_bound_in_their_order() {
    let lake = Lake::new().await;
    let address = lake.listen().await;
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(address.port()).user("ann").dbname("lake");
    let Connection::Wire { client, .. } = Connection::wire(&config, "nunatak").await.unwrap()
    else {
        panic!("not the wire");
    };
    let letters: Vec<String> = ('a'..='l').map(String::from).collect();
    let values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
        letters.iter().map(|letter| letter as _).collect();
    let places: Vec<String> = (1..=12).map(|number| format!("${number}::text")).collect();
    let text = format!("SELECT {}", places.join(" || "));
    let row = client.query_one(&text, &values).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "abcdefghijkl");
}
