//! `nunatak log`: the commits of a ref.

use crate::cli::Session;
use crate::cli::client::escape;
use crate::cli::error::Failed;
use crate::cli::output::{short, text};

/// Which commits.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the log starts: any ref expression [default: the default branch].
    #[arg(value_name = "REF")]
    from: Option<String>,
    /// Commits at most.
    #[arg(long, short = 'n', default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Only commits by this author.
    #[arg(long)]
    author: Option<String>,
    /// Only commits at or after this time, such as 2026-11-20T08:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only commits at or before this time.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only commits that changed this table or namespace.
    #[arg(long)]
    path: Option<String>,
    /// Only commits with this property, or this value of it; may be repeated.
    #[arg(long, value_name = "NAME[=VALUE]")]
    property: Vec<String>,
    /// Only first parents.
    #[arg(long)]
    first_parent: bool,
}

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub async fn run(args: Args, session: &mut Session<'_>) -> Result<(), Failed> {
    let mut path =
        format!("/{}/commits?first_parent={}", escape(&session.warehouse), args.first_parent);
    let filters = [
        ("ref", args.from),
        ("author", args.author),
        ("since", args.since),
        ("until", args.until),
        ("path", args.path),
    ];
    let filters = filters
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .chain(args.property.into_iter().map(|value| ("property", value)));
    for (name, value) in filters {
        path = format!("{path}&{name}={}", escape(&value));
    }
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let list = session.client.list(&path, Some(limit)).await?;
    session.out.list(
        &list,
        &[
            ("commit", |item| short(&item["id"])),
            ("time", |item| text(&item["committed_at"])),
            ("author", |item| text(&item["author"])),
            ("message", |item| text(&item["message"])),
        ],
    )
}
