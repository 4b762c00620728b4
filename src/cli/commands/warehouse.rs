//! `nunatak warehouse`: versioned collections of tables.

use clap::{Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

use crate::cli::Session;
use crate::cli::client::escape;
use crate::cli::error::Failed;
use crate::cli::output::text;

/// What to do with warehouses.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List them.
    List,
    /// Make one, with the branch main.
    Create {
        /// Its name.
        name: String,
        /// URL below which its tables will lie.
        #[arg(long, value_name = "URL")]
        location: Option<String>,
        /// Whether clients may expire snapshots and delete files.
        #[arg(long)]
        client_gc: Option<ClientGc>,
    },
    /// Show one.
    Show {
        /// Its name.
        name: String,
    },
    /// Change one.
    Set {
        /// Its name.
        name: String,
        /// Whether clients may expire snapshots and delete files.
        #[arg(long)]
        client_gc: ClientGc,
    },
    /// Remove an empty one.
    Delete {
        /// Its name.
        name: String,
    },
}

/// Whether clients may expire snapshots and delete files.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ClientGc {
    /// They may not.
    Deny,
    /// They may.
    Allow,
}

impl ClientGc {
    const fn word(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allow => "allow",
        }
    }
}

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub async fn run(command: Command, session: &mut Session<'_>) -> Result<(), Failed> {
    let Session { client, out, .. } = session;
    match command {
        Command::List => {
            let list = client.list("", None).await?;
            out.list(
                &list,
                &[
                    ("name", |item| text(&item["name"])),
                    ("default branch", |item| text(&item["default_branch"])),
                    ("client gc", |item| text(&item["client_gc"])),
                    ("location", |item| text(&item["location"])),
                ],
            )
        }
        Command::Create { name, location, client_gc } => {
            let mut body = json!({ "name": name });
            if let Some(location) = location {
                body["location"] = location.into();
            }
            if let Some(client_gc) = client_gc {
                body["client_gc"] = client_gc.word().into();
            }
            let made = client.call(Method::POST, "", Some(&body)).await?;
            out.object(&made)
        }
        Command::Show { name } => {
            let path = format!("/{}", escape(&name));
            let found = client.call(Method::GET, &path, None).await?;
            out.object(&found)
        }
        Command::Set { name, client_gc } => {
            let path = format!("/{}", escape(&name));
            let body = json!({ "client_gc": client_gc.word() });
            let changed = client.call(Method::PATCH, &path, Some(&body)).await?;
            out.object(&changed)
        }
        Command::Delete { name } => {
            client.call(Method::DELETE, &format!("/{}", escape(&name)), None).await?;
            if out.is_json() {
                return out.json(&Value::Null);
            }
            out.line(&format!("deleted warehouse {name}"))
        }
    }
}
