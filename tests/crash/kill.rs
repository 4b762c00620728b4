//! `kill -9` under load, again and again on one data directory.
//!
//! `NUNATAK_CRASH_ROUNDS` and `NUNATAK_CRASH_SEED` choose how often and which moments.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nunatak::base::entropy::{OsEntropy, SeededEntropy, uuid_v4};

use crate::ledger::Ledger;
use crate::load::{Writer, below, prepare};
use crate::process::{Server, verify};

const WRITERS: u64 = 6;
const ROUNDS: u64 = 12;
/// A round ends at some acknowledgement up to this one.
const ACKNOWLEDGEMENTS_MAX: u64 = 250;

#[expect(clippy::disallowed_methods, reason = "a test may be told how long to run")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Starts the writers and waits for so many acknowledgements more; the writers go on.
pub(crate) fn burst(
    server: &Server,
    ledger: &Arc<Ledger>,
    round: u64,
    seed: u64,
    until: usize,
) -> Vec<thread::JoinHandle<()>> {
    let writers: Vec<_> = (0..WRITERS)
        .map(|number| {
            let writer = Writer::new(number, round, seed, Arc::clone(ledger), server.client());
            thread::spawn(move || writer.run())
        })
        .collect();
    let target = ledger.acknowledged() + until;
    while ledger.acknowledged() < target {
        // A writer that fails ends the round; joining it says why.
        if writers.iter().any(thread::JoinHandle::is_finished) {
            break;
        }
        thread::yield_now();
    }
    writers
}

pub(crate) const fn writers() -> u64 {
    WRITERS
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9() {
    let rounds = setting("NUNATAK_CRASH_ROUNDS").unwrap_or(ROUNDS);
    let seed = setting("NUNATAK_CRASH_SEED")
        .unwrap_or_else(|| uuid_v4(&OsEntropy::default()).as_u64_pair().0);
    println!("NUNATAK_CRASH_ROUNDS={rounds} NUNATAK_CRASH_SEED={seed}");
    let random = SeededEntropy::new(seed);
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let ledger = Arc::new(Ledger::default());
    let mut server = Server::start(&data);
    prepare(&mut server.client(), WRITERS);
    for round in 1..=rounds {
        let until = 1 + below(&random, ACKNOWLEDGEMENTS_MAX);
        let writers =
            burst(&server, &ledger, round, seed, usize::try_from(until).unwrap_or(usize::MAX));
        thread::sleep(Duration::from_micros(below(&random, 3_000)));
        server.kill();
        for writer in writers {
            writer.join().unwrap();
        }
        let verified = verify(&data);
        server = Server::start(&data);
        let checked = ledger.check(&mut server.client(), false);
        let verified: Vec<&str> = verified.split_whitespace().collect();
        println!("round {round}: {checked} acknowledged commits are there; {}", verified.join(" "));
    }
    let checked = ledger.check_all_commits(&mut server.client());
    println!(
        "{rounds} rounds: {} acknowledgements, {checked} commits, none lost",
        ledger.acknowledged()
    );
    assert_eq!(server.terminate(), Some(0));
    println!("{}", verify(&data));
}
