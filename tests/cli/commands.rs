//! What the client commands print, and how they end.

use insta::assert_snapshot;

use crate::process::Server;

#[test]
fn refs() {
    let server = Server::start();
    assert_snapshot!(server.out(&["branch", "create", "ingest/x"]), @"");
    assert_snapshot!(server.out(&["tag", "create", "v1", "--from", "main"]), @"");
    assert_snapshot!(server.out(&["branch", "list"]), @"");
    assert_snapshot!(server.out(&["branch", "delete", "ingest/x"]), @"");
    assert_snapshot!(server.out(&["branch", "restore", "ingest/x"]), @"");
    assert_snapshot!(server.out(&["reset", "ingest/x", "--to", "v1"]), @"");
    assert_snapshot!(server.out(&["tag", "delete", "v1"]), @"");
    assert_snapshot!(server.out(&["ref-log"]), @"");
}

#[test]
fn history() {
    let server = Server::start();
    assert_snapshot!(server.out(&["log"]), @"");
    assert_snapshot!(server.out(&["show", "main"]), @"");
    server.out(&["branch", "create", "work"]);
    assert_snapshot!(server.out(&["merge", "work", "--into", "main"]), @"");
    assert_snapshot!(server.out(&["merge", "work", "--into", "main", "--dry-run"]), @"");
    assert_snapshot!(server.out(&["diff", "main", "work", "--depth", "tables"]), @"");
    assert_snapshot!(server.out(&["ls", "main"]), @"");
}

#[test]
fn warehouses() {
    let server = Server::start();
    server.out(&["warehouse", "create", "second", "--client-gc", "allow"]);
    server.out(&["warehouse", "set", "second", "--client-gc", "deny"]);
    let shown = server.json(&["warehouse", "show", "second"]);
    assert_eq!(shown["client_gc"], "deny");
    let list = server.json(&["warehouse", "list"]);
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    assert_eq!(server.json(&["-w", "second", "branch", "list"])["items"][0]["name"], "main");
    assert_snapshot!(server.out(&["warehouse", "delete", "second"]), @"");
}

#[test]
fn failures() {
    let server = Server::start();
    let (code, message) = server.failure(&["branch", "show", "absent"]);
    assert_eq!(code, 1);
    assert_snapshot!(message, @"");
    let (code, message) = server.failure(&["branch", "create", "main"]);
    assert_eq!(code, 3);
    assert_snapshot!(message, @"");
    let head = "ab".repeat(32);
    let (code, _) = server.failure(&["reset", "main", "--to", "main", "--expected-head", &head]);
    assert_eq!(code, 3);
    let (code, message) = server.failure(&["-w", "none", "log"]);
    assert_eq!(code, 1);
    assert_snapshot!(message, @"");
}
