//! `nunatak ls`: what a ref holds.

use crate::cli::Session;
use crate::cli::client::escape;
use crate::cli::error::Failed;
use crate::cli::output::{path, text};

/// What to list.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Any ref expression.
    #[arg(value_name = "REF")]
    at: String,
    /// A namespace or one table: levels separated by dots.
    #[arg(value_name = "PATH")]
    path: Option<String>,
    /// Also what the namespaces below hold.
    #[arg(long, short)]
    recursive: bool,
}

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub async fn run(args: Args, session: &mut Session<'_>) -> Result<(), Failed> {
    let mut url = format!(
        "/{}/contents?ref={}&recursive={}",
        escape(&session.warehouse),
        escape(&args.at),
        args.recursive
    );
    if let Some(path) = &args.path {
        url = format!("{url}&path={}", escape(path));
    }
    let list = session.client.list(&url, None).await?;
    session.out.list(
        &list,
        &[
            ("kind", |item| text(&item["kind"])),
            ("path", |item| path(&item["path"])),
            ("metadata", |item| text(&item["metadata_location"])),
        ],
    )
}
