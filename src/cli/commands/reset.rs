//! `nunatak reset`: points a branch at another commit.

use super::branch;
use crate::cli::Session;
use crate::cli::error::Failed;

/// Which branch, and where to.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The branch.
    #[arg(value_name = "BRANCH")]
    branch: String,
    /// Any ref expression.
    #[arg(long, value_name = "REF")]
    to: String,
    /// Refuse if its head is another.
    #[arg(long, value_name = "COMMIT")]
    expected_head: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub async fn run(args: Args, session: &mut Session<'_>) -> Result<(), Failed> {
    branch::reset(session, &args.branch, &args.to, args.expected_head.as_deref()).await
}
