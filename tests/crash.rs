//! The real binary, killed, starved and stopped under load: what it acknowledged stays, whatever happens.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "crash/disk_full.rs"]
mod disk_full;
#[path = "crash/http.rs"]
mod http;
#[path = "crash/kill.rs"]
mod kill;
#[path = "crash/ledger.rs"]
mod ledger;
#[path = "crash/load.rs"]
mod load;
#[path = "crash/power_loss.rs"]
mod power_loss;
#[path = "crash/process.rs"]
mod process;
#[path = "crash/refusals.rs"]
mod refusals;
#[path = "crash/start.rs"]
mod start;
#[path = "crash/terminate.rs"]
mod terminate;
