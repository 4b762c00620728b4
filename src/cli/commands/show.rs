//! `nunatak show`: one commit and what it changed.

use reqwest::Method;

use super::diff;
use crate::cli::Session;
use crate::cli::client::escape;
use crate::cli::error::Failed;

/// Which commit.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A commit id or any other ref expression.
    #[arg(value_name = "COMMIT")]
    commit: String,
}

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub async fn run(args: Args, session: &mut Session<'_>) -> Result<(), Failed> {
    let warehouse = escape(&session.warehouse);
    let path = format!("/{warehouse}/commits/{}", escape(&args.commit));
    let commit = session.client.call(Method::GET, &path, None).await?;
    session.out.object(&commit)?;
    let (Some(id), Some(parent)) = (commit["id"].as_str(), commit["parents"][0].as_str()) else {
        return Ok(());
    };
    if session.out.is_json() {
        return Ok(());
    }
    let path = format!("/{warehouse}/diff?from={}&to={}", escape(parent), escape(id));
    let list = session.client.list(&path, None).await?;
    session.out.line("")?;
    session.out.list(&list, diff::COLUMNS)
}
