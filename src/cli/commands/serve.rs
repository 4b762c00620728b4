//! `nunatak serve`: runs a server until it is told to stop.

use std::io::Write;

use crate::base::limits::{SERVER_STACK_BYTES, STRAY_READS_SECONDS};
use crate::cli::error::{FAILED, Failed};
use crate::server;
use crate::server::config::Flags;
use crate::server::run::Ended;

/// The threads of a server.
///
/// # Errors
/// If the system has none.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(SERVER_STACK_BYTES)
        .enable_all()
        .build()
        .map_err(|error| Failed::new(format!("no runtime: {error}")))
}

/// Runs a server.
///
/// # Errors
/// Everything that keeps a server from starting.
pub fn run(flags: &Flags, out: &mut dyn Write) -> Result<(), Failed> {
    let config = server::config::load(flags)?;
    let runtime = runtime()?;
    match runtime.block_on(server::run::run(&config, out))? {
        Ended::Drained => {
            // Every change is answered and durable by now; a read that hangs, such as on a dead network
            // drive, must not keep the process.
            runtime.shutdown_timeout(std::time::Duration::from_secs(STRAY_READS_SECONDS));
            Ok(())
        }
        Ended::AtOnce => {
            // What still runs is abandoned: this was asked for twice.
            runtime.shutdown_background();
            Err(Failed { message: "stopped at once by a second signal".to_owned(), code: FAILED })
        }
    }
}
