//! `nunatak ref-log`: how refs moved.

use crate::cli::Session;
use crate::cli::client::escape;
use crate::cli::error::Failed;
use crate::cli::output::{short, text};

/// Which movements.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only of this branch or tag.
    #[arg(value_name = "REF")]
    name: Option<String>,
    /// Movements at most.
    #[arg(long, short = 'n', default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub async fn run(args: Args, session: &mut Session<'_>) -> Result<(), Failed> {
    let mut path = format!("/{}/ref-log", escape(&session.warehouse));
    if let Some(name) = &args.name {
        path = format!("{path}?ref={}", escape(name));
    }
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let list = session.client.list(&path, Some(limit)).await?;
    session.out.list(
        &list,
        &[
            ("no", |item| text(&item["sequence"])),
            ("time", |item| text(&item["at"])),
            ("ref", |item| text(&item["name"])),
            ("action", |item| text(&item["action"])),
            ("from", |item| short(&item["from"])),
            ("to", |item| short(&item["to"])),
            ("actor", |item| text(&item["actor"])),
            ("reason", |item| text(&item["reason"])),
        ],
    )
}
