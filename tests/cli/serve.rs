//! Starting and stopping a server, and its settings.

use crate::process::{Server, command};

fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let output =
        command(folder.path(), arguments).envs(variables.iter().copied()).output().unwrap();
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_server_keeps_what_it_was_told_and_stops_with_0() {
    let server = Server::start();
    server.out(&["branch", "create", "work"]);
    let before = server.json(&["ref-log"]);
    let (code, folder) = server.stop();
    assert_eq!(code, Some(0));
    let server = Server::start_in(folder);
    assert_eq!(server.json(&["ref-log"]), before);
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let server = Server::start();
    let (code, message) = server.failure(&[
        "serve",
        "--http",
        "127.0.0.1:0",
        "--pg",
        "127.0.0.1:0",
        "--flight",
        "127.0.0.1:0",
    ]);
    assert_eq!(code, 1, "{message}");
}

#[test]
fn addresses_of_other_machines_are_refused() {
    let (code, _, message) = run(&["serve", "--http", "0.0.0.0:0"], &[]);
    assert_eq!(code, 1);
    assert!(message.contains("no authentication yet"), "{message}");
    let (code, _, message) = run(&["serve", "--store", "postgres://x/y"], &[]);
    assert_eq!(code, 1);
    assert!(message.contains("not supported yet"), "{message}");
}

#[test]
fn config_shows_values_and_sources() {
    let (code, out, _) = run(
        &["config", "--http", "127.0.0.1:9"],
        &[
            ("NUNATAK_LOG_LEVEL", "warn"),
            ("NUNATAK_S3_ACCESS_KEY_ID", "me"),
            ("NUNATAK_S3_SECRET_ACCESS_KEY", "hush"),
        ],
    );
    assert_eq!(code, 0);
    let line = |name: &str| {
        let line = out.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("http"), "http 127.0.0.1:9 flag");
    assert_eq!(line("log_level"), "log_level warn environment NUNATAK_LOG_LEVEL");
    assert_eq!(line("store"), "store sqlite default");
    assert!(line("s3.secret_access_key").contains("********"));
    assert!(!out.contains("hush"), "{out}");
}

#[test]
fn without_a_server_the_message_says_how_to_start_one() {
    // Port 9 of the loopback address: nothing listens there.
    let (code, _, message) = run(&["branch", "list"], &[("NUNATAK_URL", "http://127.0.0.1:9")]);
    assert_eq!(code, 1);
    assert!(message.contains("nunatak serve"), "{message}");
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [&["brunch"][..], &["branch", "create"], &["--url", "nonsense", "log"]] {
        let (code, _, message) = run(arguments, &[]);
        assert_eq!(code, 2, "{message}");
    }
}
