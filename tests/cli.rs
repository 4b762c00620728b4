//! The command line against a real server process.

#[path = "cli/commands.rs"]
mod commands;
#[path = "cli/process.rs"]
mod process;
#[path = "cli/serve.rs"]
mod serve;
