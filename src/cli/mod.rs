//! The command line: one binary that is server and client.
//!
//! A client command speaks the management API and nothing else; it holds no rule of its own. Exit codes:
//! 0 done, 1 failed, 2 wrong usage, 3 conflict (a merge with conflicts, a stale head, a name that is taken).

use std::io::Write;
use std::process::ExitCode;

use clap::Parser as _;

use self::args::{Cli, Command};
use self::client::Client;
use self::error::Failed;
use self::output::Output;
use crate::server;

pub mod args;
pub mod client;
pub mod commands;
pub mod error;
pub mod output;

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = std::io::stdout().lock();
    match run(cli, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            // Standard error may be closed; there is nobody left to tell then.
            drop(writeln!(std::io::stderr(), "error: {}", failed.message));
            ExitCode::from(failed.code)
        }
    }
}

/// What a client command works with.
#[derive(Debug)]
pub struct Session<'a> {
    /// The connection.
    pub client: Client,
    /// The warehouse that is meant.
    pub warehouse: String,
    /// Where answers go.
    pub out: Output<'a>,
}

fn run(cli: Cli, out: &mut dyn Write) -> Result<(), Failed> {
    match &cli.command {
        Command::Serve(flags) => return commands::serve::run(flags, out),
        Command::Demo(args) => return commands::demo::run(args, out),
        Command::Config(flags) => {
            return commands::config::run(flags, &mut Output::new(out, cli.json));
        }
        Command::Verify(flags) => {
            return commands::verify::run(flags, &mut Output::new(out, cli.json));
        }
        _ => {}
    }
    let variables = server::config::client_variables();
    let url = cli.url.or(variables.url).unwrap_or_else(|| client::DEFAULT_URL.to_owned());
    let mut session = Session {
        client: Client::new(&url, variables.token.as_deref())?,
        warehouse: cli
            .warehouse
            .or(variables.warehouse)
            .unwrap_or_else(|| client::DEFAULT_WAREHOUSE.to_owned()),
        out: Output::new(out, cli.json),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failed::new(format!("no runtime: {error}")))?;
    runtime.block_on(commands::run(cli.command, &mut session))
}
