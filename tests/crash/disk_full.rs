//! A disk with no room for the store: refused in words, nothing acknowledged is lost, and room mends it.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::load::table_body;
use crate::process::{Server, command, verify};

/// A server whose files cannot grow beyond so many blocks of 512 bytes, as if the disk were full.
fn limited(data: &std::path::Path, blocks: u32) -> Command {
    let program = command(
        data,
        "serve",
        &["--http", "127.0.0.1:0", "--pg", "127.0.0.1:0", "--log-level", "off"],
    );
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""))
        .arg("sh")
        .arg(program.get_program())
        .args(program.get_args())
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null());
    shell
}

fn set(value: u32) -> Value {
    let padding = "x".repeat(2000);
    json!({ "requirements": [], "updates": [
        { "action": "set-properties", "updates": { "n": value.to_string(), "padding": padding } },
    ]})
}

fn number(loaded: &Value) -> u32 {
    loaded["metadata"]["properties"]["n"].as_str().map_or(0, |text| text.parse().unwrap())
}

#[test]
fn without_room_changes_are_refused_and_none_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let table = "/iceberg/v1/lake~main/namespaces/s/tables/t";
    let server = Server::spawn(&mut limited(data, 4000));
    let mut client = server.client();
    let namespace = json!({ "namespace": ["s"] });
    client.must("POST", "/iceberg/v1/lake~main/namespaces", Some(&namespace));
    client.must("POST", "/iceberg/v1/lake~main/namespaces/s/tables", Some(&table_body("t")));
    let (mut stored, mut refused) = (0, 0);
    for value in 1..10_000 {
        let answer = client.call("POST", table, Some(&set(value))).unwrap();
        if answer.ok() {
            stored = value;
            continue;
        }
        // 503: it did not happen. 500 with this type: nobody knows.
        let unknown = answer.body["error"]["type"] == "CommitStateUnknownException";
        assert!(answer.status == 503 || unknown, "{answer:?}");
        // Reading goes on, and shows what was acknowledged.
        let loaded = client.must("GET", table, None);
        let found = number(&loaded);
        assert!(found == stored || (unknown && found == value), "{stored}, {value}: {found}");
        // Settled by reading it.
        stored = found;
        refused += 1;
        if refused == 5 {
            break;
        }
    }
    assert!(stored > 10 && refused == 5, "{stored} stored, {refused} refused");
    server.kill();
    verify(data);
    let server = Server::start(data);
    let mut client = server.client();
    let loaded = client.must("GET", table, None);
    assert_eq!(number(&loaded), stored);
    client.must("POST", table, Some(&set(20_000)));
    drop(client);
    assert_eq!(server.terminate(), Some(0));
    verify(data);
}
