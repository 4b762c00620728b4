//! What the client commands print, and how they end.

use insta::assert_snapshot;

use crate::process::Server;

#[test]
fn refs() {
    let server = Server::start();
    assert_snapshot!(server.out(&["branch", "create", "ingest/x"]), @r"
    name:           ingest/x
    kind:           branch
    head:           xxxxxxxxxxxxxxxxxxxxxxxxxxx
    created_at:     ttttttttttttttttttttttttttt
    ");
    assert_snapshot!(server.out(&["tag", "create", "v1", "--from", "main"]), @r"
    name:           v1
    kind:           tag
    head:           xxxxxxxxxxxxxxxxxxxxxxxxxxx
    created_at:     ttttttttttttttttttttttttttt
    ");
    assert_snapshot!(server.out(&["branch", "list"]), @r"
    NAME      HEAD          CREATED
    ingest/x  xxxxxxxxxxxx  ttttttttttttttttttttttttttt
    main      xxxxxxxxxxxx  ttttttttttttttttttttttttttt
    ");
    assert_snapshot!(server.out(&["branch", "delete", "ingest/x"]), @"deleted branch ingest/x; bring it back with `branch restore ingest/x`");
    assert_snapshot!(server.out(&["branch", "restore", "ingest/x"]), @r"
    name:           ingest/x
    kind:           branch
    head:           xxxxxxxxxxxxxxxxxxxxxxxxxxx
    created_at:     ttttttttttttttttttttttttttt
    ");
    assert_snapshot!(server.out(&["reset", "ingest/x", "--to", "v1"]), @r"
    name:           ingest/x
    kind:           branch
    head:           xxxxxxxxxxxxxxxxxxxxxxxxxxx
    created_at:     ttttttttttttttttttttttttttt
    ");
    assert_snapshot!(server.out(&["tag", "delete", "v1"]), @"deleted tag v1");
    assert_snapshot!(server.out(&["ref-log"]), @r"
    NO  TIME                         REF       ACTION   FROM          TO            ACTOR      REASON
    6   ttttttttttttttttttttttttttt  v1        delete   xxxxxxxxxxxx                anonymous  deleted
    5   ttttttttttttttttttttttttttt  ingest/x  restore                xxxxxxxxxxxx  anonymous  restored
    4   ttttttttttttttttttttttttttt  ingest/x  delete   xxxxxxxxxxxx                anonymous  deleted
    3   ttttttttttttttttttttttttttt  v1        create                 xxxxxxxxxxxx  anonymous  created from main
    2   ttttttttttttttttttttttttttt  ingest/x  create                 xxxxxxxxxxxx  anonymous  created from main
    1   ttttttttttttttttttttttttttt  main      create                 xxxxxxxxxxxx  system     the warehouse was created
    ");
}

#[test]
fn history() {
    let server = Server::start();
    assert_snapshot!(server.out(&["log"]), @r"
    COMMIT        TIME                         AUTHOR  MESSAGE
    xxxxxxxxxxxx  ttttttttttttttttttttttttttt  system  create warehouse lake
    ");
    assert_snapshot!(server.out(&["show", "main"]), @r"
    id:             xxxxxxxxxxxxxxxxxxxxxxxxxxx
    parents:
    author:         system
    committer:      system
    committed_at:   ttttttttttttttttttttttttttt
    message:        create warehouse lake
    properties:
    generation:     1
    root:           xxxxxxxxxxxxxxxxxxxxxxxxxxx
    ");
    server.out(&["branch", "create", "work"]);
    assert_snapshot!(server.out(&["merge", "work", "--into", "main"]), @"nothing to do: nothing moved");
    assert_snapshot!(server.out(&["merge", "work", "--into", "main", "--dry-run"]), @"dry run: nothing moved");
    assert_snapshot!(server.out(&["diff", "main", "work", "--depth", "tables"]), @"CHANGE  KIND  PATH  ROWS  FILES  BYTES  SNAPSHOTS  SCHEMA");
    assert_snapshot!(server.out(&["ls", "main"]), @"KIND  PATH  METADATA");
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
    assert_snapshot!(server.out(&["warehouse", "delete", "second"]), @"deleted warehouse second");
}

#[test]
fn failures() {
    let server = Server::start();
    let (code, message) = server.failure(&["branch", "show", "absent"]);
    assert_eq!(code, 1);
    assert_snapshot!(message, @"error: branch 'absent' does not exist in warehouse 'lake'");
    let (code, message) = server.failure(&["branch", "create", "main"]);
    assert_eq!(code, 3);
    assert_snapshot!(message, @"error: the branch 'main' exists already");
    let head = "ab".repeat(32);
    let (code, _) = server.failure(&["reset", "main", "--to", "main", "--expected-head", &head]);
    assert_eq!(code, 3);
    let (code, message) = server.failure(&["-w", "none", "log"]);
    assert_eq!(code, 1);
    assert_snapshot!(message, @"error: warehouse 'none' does not exist");
}
