//! `nunatak branch`: refs that move.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::tag::list_refs;
use crate::cli::Session;
use crate::cli::client::{escape, refused};
use crate::cli::error::Failed;

/// What to do with branches.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them.
    List {
        /// Only names that start like this.
        #[arg(long, default_value = "")]
        prefix: String,
    },
    /// Make one, without copying anything.
    Create {
        /// Its name.
        name: String,
        /// Where it points: any ref expression [default: the default branch].
        #[arg(long, value_name = "REF")]
        from: Option<String>,
    },
    /// Show one.
    Show {
        /// Its name.
        name: String,
    },
    /// Remove one. It can be restored.
    Delete {
        /// Its name.
        name: String,
        /// Even if it holds commits that no other ref holds.
        #[arg(long)]
        force: bool,
        /// Refuse if its head is another.
        #[arg(long, value_name = "COMMIT")]
        expected_head: Option<String>,
    },
    /// Point one at another commit.
    Reset {
        /// Its name.
        name: String,
        /// Any ref expression.
        #[arg(long, value_name = "REF")]
        to: String,
        /// Refuse if its head is another.
        #[arg(long, value_name = "COMMIT")]
        expected_head: Option<String>,
    },
    /// Bring a deleted one back.
    Restore {
        /// Its name.
        name: String,
        /// Any ref expression [default: where it pointed when it was deleted].
        #[arg(long, value_name = "REF")]
        to: Option<String>,
    },
}

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failed> {
    let base = format!("/{}/branches", escape(&session.warehouse));
    let Session { client, out, .. } = session;
    let one = |name: &str| format!("{base}/{}", escape(name));
    match command {
        Command::List { prefix } => list_refs(session, &base, &prefix).await,
        Command::Create { name, from } => {
            let mut body = json!({ "name": name });
            if let Some(from) = from {
                body["from"] = from.into();
            }
            let made = client.call(Method::POST, &base, Some(&body)).await?;
            out.object(&made)
        }
        Command::Show { name } => {
            let found = client.call(Method::GET, &one(&name), None).await?;
            out.object(&found)
        }
        Command::Delete { name, force, expected_head } => {
            let path = format!("{}?force={force}", one(&name));
            let head = expected_head.as_deref();
            let reply = client.send(Method::DELETE, &path, None, head).await?;
            if !reply.status.is_success() {
                return Err(refused(&reply));
            }
            if out.is_json() {
                return out.json(&Value::Null);
            }
            out.line(&format!("deleted branch {name}; bring it back with `branch restore {name}`"))
        }
        Command::Reset { name, to, expected_head } => {
            reset(session, &name, &to, expected_head.as_deref()).await
        }
        Command::Restore { name, to } => {
            let mut body = json!({});
            if let Some(to) = to {
                body["to"] = to.into();
            }
            let path = format!("{}/restore", one(&name));
            let back = client.call(Method::POST, &path, Some(&body)).await?;
            out.object(&back)
        }
    }
}

/// Points a branch at another commit.
///
/// # Errors
/// What the server refuses.
pub async fn reset(
    session: &mut Session<'_>,
    name: &str,
    to: &str,
    expected_head: Option<&str>,
) -> Result<(), Failed> {
    let mut body = json!({ "to": to });
    if let Some(head) = expected_head {
        body["expected_head"] = head.into();
    }
    let path = format!("/{}/branches/{}/reset", escape(&session.warehouse), escape(name));
    let moved = session.client.call(Method::POST, &path, Some(&body)).await?;
    session.out.object(&moved)
}
