//! `nunatak tag`: refs that never move.

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::Session;
use crate::cli::client::escape;
use crate::cli::error::Failed;
use crate::cli::output::{short, text};

/// What to do with tags.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them.
    List {
        /// Only names that start like this.
        #[arg(long, default_value = "")]
        prefix: String,
    },
    /// Make one.
    Create {
        /// Its name.
        name: String,
        /// Where it points: any ref expression [default: the default branch].
        #[arg(long, value_name = "REF")]
        from: Option<String>,
    },
    /// Remove one.
    Delete {
        /// Its name.
        name: String,
    },
}

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failed> {
    let base = format!("/{}/tags", escape(&session.warehouse));
    let Session { client, out, .. } = session;
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
        Command::Delete { name } => {
            client.call(Method::DELETE, &format!("{base}/{}", escape(&name)), None).await?;
            if out.is_json() {
                return out.json(&Value::Null);
            }
            out.line(&format!("deleted tag {name}"))
        }
    }
}

/// Shows a list of refs.
///
/// # Errors
/// What the server refuses.
pub async fn list_refs(session: &mut Session<'_>, path: &str, prefix: &str) -> Result<(), Failed> {
    let path = format!("{path}?prefix={}", escape(prefix));
    let list = session.client.list(&path, None).await?;
    session.out.list(
        &list,
        &[
            ("name", |item| text(&item["name"])),
            ("head", |item| short(&item["head"])),
            ("created", |item| text(&item["created_at"])),
        ],
    )
}
