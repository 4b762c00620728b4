//! `nunatak sql` without a terminal.

use std::io::Write as _;
use std::process::{Output, Stdio};

use insta::assert_snapshot;

use crate::process::{Server, command};

fn piped(server: &Server, arguments: &[&str], text: &str) -> Output {
    let mut child = command(server.folder.path(), arguments)
        .env("NUNATAK_URL", &server.url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn one_shot() {
    let server = Server::start();
    assert_snapshot!(server.out(&["sql", "SELECT 1 AS one, NULL AS none, '' AS empty, ' x' AS blank"]), @r"
    one  none  empty  blank
    1    NULL          x
    (1 row)
    ");
    assert_snapshot!(server.out(&["sql", "CREATE BRANCH work; SELECT name, kind FROM system.refs; SELECT 1 AS n WHERE false"]), @r"
    CREATE BRANCH
    name  kind
    main  branch
    work  branch
    (2 rows)

    n
    (0 rows)
    ");
    let shown = server.json(&["sql", "SELECT 1 AS one"]);
    assert_eq!(shown["results"][0]["rows"][0][0], 1);
    assert_snapshot!(server.out(&["sql", "--database", "lake@work", "SELECT current_database() AS d"]), @r"
    d
    lake@work
    (1 row)
    ");
    // What a terminal would obey is not passed on.
    assert!(!server.out(&["sql", "SELECT chr(27) || '[31mred'"]).contains('\u{1b}'));
}

#[test]
fn files_and_standard_input() {
    let server = Server::start();
    let file = server.folder.path().join("some.sql");
    std::fs::write(&file, "-- a file\nCREATE BRANCH work;\nSELECT 2 AS two;\n").unwrap();
    assert_snapshot!(server.out(&["sql", "-f", "some.sql"]), @r"
    CREATE BRANCH
    two
    2
    (1 row)
    ");
    for arguments in [&["sql"][..], &["sql", "-f", "-"]] {
        let output = piped(&server, arguments, "SELECT 3 AS three;");
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "three\n3\n(1 row)\n");
    }
    assert_eq!(server.out(&["sql"]), "");
    let (code, message) = server.failure(&["sql", "-f", "absent.sql"]);
    assert_eq!(code, 1);
    assert!(message.contains("absent.sql"), "{message}");
    assert_eq!(server.failure(&["sql", "SELECT 1", "-f", "some.sql"]).0, 2);
}

#[test]
fn errors_say_the_sqlstate() {
    let server = Server::start();
    let (code, message) = server.failure(&["sql", "SELECT 1; CREATE BRANCH main"]);
    assert_eq!(code, 1);
    assert_snapshot!(message, @r"
    error: the branch 'main' exists already (SQLSTATE 42710)
      in statement 2
    ");
    let (code, message) = server.failure(&["sql", "-d", "none", "SELECT 1"]);
    assert_eq!(code, 1);
    assert!(message.contains("(SQLSTATE 3D000)") && message.contains("\nhint: "), "{message}");
}
