//! Data directories that a server must not use, or cannot.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::json;

use crate::load::table_body;
use crate::process::{Server, all, command, serve, verify};

/// What a server that must not start says.
#[track_caller]
fn refused(data: &Path) -> String {
    let output = serve(data).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", all(&output));
    assert!(output.stdout.is_empty(), "{}", all(&output));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_second_server_on_the_same_directory_is_refused_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let said = refused(folder.path());
    assert!(said.contains("is in use by another nunatak process"), "{said}");
    let verified = command(folder.path(), "verify", &[]).output().unwrap();
    assert_eq!(verified.status.code(), Some(1), "{}", all(&verified));
    assert!(all(&verified).contains("is in use by another nunatak process"));
    let body = json!({ "name": "work" });
    server.client().must("POST", "/api/v1/warehouses/lake/branches", Some(&body));
    server.kill();
    // The lock of a killed server is gone with it.
    let server = Server::start(folder.path());
    server.client().must("GET", "/api/v1/warehouses/lake/branches/work", None);
}

#[test]
fn a_file_in_place_of_the_directory_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::write(&data, "not a directory").unwrap();
    let said = refused(&data);
    assert!(said.contains(&format!("the data directory {} cannot be made", data.display())));
    assert_eq!(std::fs::read(&data).unwrap(), b"not a directory");
}

#[test]
fn a_directory_in_place_of_the_store_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("catalog.sqlite")).unwrap();
    let said = refused(folder.path());
    assert!(said.contains("catalog.sqlite"), "{said}");
}

#[test]
fn a_store_that_is_no_database_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let text = "something else entirely\n".repeat(400);
    std::fs::write(&path, &text).unwrap();
    let said = refused(folder.path());
    assert!(said.contains("not a database"), "{said}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_read_only_directory_is_named() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
    // The superuser may write anyway: then there is nothing to refuse.
    if std::fs::write(folder.path().join("probe"), "").is_err() {
        let said = refused(folder.path());
        assert!(said.contains("catalog.sqlite"), "{said}");
        assert!(said.to_lowercase().contains("permission denied"), "{said}");
    }
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_warehouse_that_cannot_be_written_fails_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    let mut client = server.client();
    let namespace = json!({ "namespace": ["s"] });
    client.must("POST", "/iceberg/v1/lake~main/namespaces", Some(&namespace));
    // A file where the tables' directories should be: no table can be made.
    let warehouse = folder.path().join("warehouse");
    drop(std::fs::remove_dir_all(&warehouse));
    std::fs::write(&warehouse, "in the way").unwrap();
    let tables = "/iceberg/v1/lake~main/namespaces/s/tables";
    let answer = client.call("POST", tables, Some(&table_body("t"))).unwrap();
    assert!(answer.status >= 400, "{answer:?}");
    assert!(answer.commit.is_none(), "{answer:?}");
    // What needs no file goes on.
    let body = json!({ "name": "work" });
    client.must("POST", "/api/v1/warehouses/lake/branches", Some(&body));
    std::fs::remove_file(&warehouse).unwrap();
    client.must("POST", tables, Some(&table_body("t")));
    drop(client);
    assert_eq!(server.terminate(), Some(0));
    verify(folder.path());
}
