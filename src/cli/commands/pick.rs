//! `nunatak revert` and `nunatak cherry-pick`: what one commit changed, brought to a branch.

use reqwest::Method;
use serde_json::json;

use super::merge::report;
use crate::cli::Session;
use crate::cli::client::escape;
use crate::cli::error::Failed;

/// Which commit, and where.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The commit: any ref expression.
    #[arg(value_name = "COMMIT")]
    commit: String,
    /// The branch that gets the new commit.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    onto: String,
    /// The commit message.
    #[arg(long, short)]
    message: Option<String>,
    /// Refuse if the branch's head is another.
    #[arg(long, value_name = "COMMIT")]
    expected_head: Option<String>,
}

/// Asks the server to make one of `resource`, which is `reverts` or `cherry-picks`.
///
/// # Errors
/// What the server refuses; exit code 3 for conflicts.
pub async fn run(args: Args, resource: &str, session: &mut Session<'_>) -> Result<(), Failed> {
    let mut body = json!({ "commit": args.commit, "onto": args.onto });
    if let Some(message) = args.message {
        body["message"] = message.into();
    }
    if let Some(head) = args.expected_head {
        body["expected_head"] = head.into();
    }
    let url = format!("/{}/{resource}", escape(&session.warehouse));
    let reply = session.client.send(Method::POST, &url, Some(&body), None).await?;
    report(session, &reply, false)
}
