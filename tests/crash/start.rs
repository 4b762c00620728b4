//! `kill -9` while a server starts, on a fresh directory and on one with files to put back.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use nunatak::base::entropy::SeededEntropy;

use crate::load::{below, prepare};
use crate::process::{Server, serve, verify};

/// Longer than a start takes on a quiet machine.
const START_MICROS: u64 = 120_000;

/// Starts a server and kills it at some moment, ready or not.
fn start_and_kill(data: &std::path::Path, random: &SeededEntropy) {
    let mut child = serve(data).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(Duration::from_micros(below(random, START_MICROS)));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_start_that_was_killed_is_made_good_by_the_next() {
    let random = SeededEntropy::new(7);
    for fresh in 0..6 {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        for _ in 0..=fresh {
            start_and_kill(&data, &random);
        }
        let server = Server::start(&data);
        let mut client = server.client();
        let warehouses = client.must("GET", "/api/v1/warehouses", None);
        assert_eq!(warehouses["items"].as_array().unwrap().len(), 1, "{warehouses}");
        prepare(&mut client, 2);
        server.kill();
        // What was acknowledged just now is not synced: each of these starts puts it back anew.
        for _ in 0..3 {
            start_and_kill(&data, &random);
            verify(&data);
        }
        let server = Server::start(&data);
        server.client().must("GET", "/iceberg/v1/lake~w1/namespaces/s/tables/own1", None);
        drop(server);
        verify(&data);
    }
}
