//! The commands, one a file but for those that differ in a word.

use super::Session;
use super::args::Command;
use super::error::Failed;

pub mod branch;
pub mod config;
pub mod demo;
pub mod diff;
pub mod log;
pub mod ls;
pub mod merge;
pub mod pick;
pub mod ref_log;
pub mod reset;
pub mod serve;
pub mod show;
pub mod sql;
pub mod tag;
pub mod verify;
pub mod warehouse;

/// Runs a client command.
///
/// # Errors
/// With what went wrong and the exit code.
pub async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failed> {
    match command {
        Command::Serve(_) | Command::Demo(_) | Command::Config(_) | Command::Verify(_) => {
            Err(Failed::new("this command needs no connection"))
        }
        Command::Warehouse(command) => warehouse::run(command, session).await,
        Command::Branch(command) => branch::run(command, session).await,
        Command::Tag(command) => tag::run(command, session).await,
        Command::Log(args) => log::run(args, session).await,
        Command::Show(args) => show::run(args, session).await,
        Command::Diff(args) => diff::run(args, session).await,
        Command::Merge(args) => merge::run(args, session).await,
        Command::Revert(args) => pick::run(args, "reverts", session).await,
        Command::CherryPick(args) => pick::run(args, "cherry-picks", session).await,
        Command::Reset(args) => reset::run(args, session).await,
        Command::RefLog(args) => ref_log::run(args, session).await,
        Command::Ls(args) => ls::run(args, session).await,
        Command::Sql(args) => sql::run(args, session).await,
    }
}
