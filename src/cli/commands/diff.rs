//! `nunatak diff`: what differs between two refs.

use clap::ValueEnum;
use serde_json::Value;

use crate::cli::Session;
use crate::cli::client::escape;
use crate::cli::error::Failed;
use crate::cli::output::{Column, path, text};

/// Which refs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// One side: any ref expression.
    #[arg(value_name = "FROM")]
    from: String,
    /// The other side: any ref expression.
    #[arg(value_name = "TO")]
    to: String,
    /// How much is told.
    #[arg(long, default_value = "keys")]
    depth: Depth,
}

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Depth {
    /// Which names differ.
    Keys,
    /// Also what the tables are on each side.
    Tables,
}

/// The columns of a diff.
pub const COLUMNS: &[Column] = &[
    ("change", |item| text(&item["change"])),
    ("kind", |item| text(&item["kind"])),
    ("path", named),
];

const TABLE_COLUMNS: &[Column] = &[
    ("change", |item| text(&item["change"])),
    ("kind", |item| text(&item["kind"])),
    ("path", named),
    ("rows", |item| both(item, "total_records")),
    ("files", |item| both(item, "total_files")),
    ("bytes", |item| both(item, "total_bytes")),
    ("snapshots", |item| both(item, "snapshots")),
    ("schema", |item| both(item, "schema_id")),
];

fn named(item: &Value) -> String {
    match item.get("renamed_from") {
        Some(from) => format!("{} -> {}", path(from), path(&item["path"])),
        None => path(&item["path"]),
    }
}

/// A number on both sides: `3 -> 5`, or one number where they agree.
fn both(item: &Value, name: &str) -> String {
    let side = |side: &str| match &item[side]["table"][name] {
        Value::Null => "-".to_owned(),
        other => text(other),
    };
    let (from, to) = (side("from"), side("to"));
    if from == to { from } else { format!("{from} -> {to}") }
}

/// Runs the command.
///
/// # Errors
/// What the server refuses.
pub async fn run(args: Args, session: &mut Session<'_>) -> Result<(), Failed> {
    let (depth, columns) = match args.depth {
        Depth::Keys => ("keys", COLUMNS),
        Depth::Tables => ("tables", TABLE_COLUMNS),
    };
    let path = format!(
        "/{}/diff?from={}&to={}&depth={depth}",
        escape(&session.warehouse),
        escape(&args.from),
        escape(&args.to)
    );
    let list = session.client.list(&path, None).await?;
    session.out.list(&list, columns)
}
