//! The command line against a real server process.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "cli/commands.rs"]
mod commands;
#[path = "cli/process.rs"]
mod process;
#[path = "cli/serve.rs"]
mod serve;
#[path = "cli/sql.rs"]
mod sql;
