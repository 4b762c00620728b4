//! What may be written on the command line.

use clap::{Parser, Subcommand};

use super::commands::{
    branch, demo, diff, log, ls, merge, pick, ref_log, reset, show, sql, tag, warehouse,
};
use crate::server::config::Flags;

/// A version-controlled catalog for Apache Iceberg tables.
#[derive(Debug, Parser)]
#[command(
    name = "nunatak",
    version,
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 conflict.\n\
                  Environment: NUNATAK_URL, NUNATAK_TOKEN and NUNATAK_WAREHOUSE for client commands; \
                  every setting of the server as NUNATAK_… (see `nunatak config`)."
)]
pub struct Cli {
    /// Answer with the API's JSON instead of a table.
    #[arg(long, global = true)]
    pub json: bool,
    /// The server [default: NUNATAK_URL, else <http://127.0.0.1:8181>].
    #[arg(long, global = true, value_name = "URL")]
    pub url: Option<String>,
    /// The warehouse [default: NUNATAK_WAREHOUSE, else lake].
    #[arg(long, short = 'w', global = true, value_name = "NAME")]
    pub warehouse: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a server.
    Serve(Box<Flags>),
    /// Tell the story of an ingest branch on real data, from an empty directory.
    Demo(demo::Args),
    /// Show the settings that a server would run with, and where each comes from.
    Config(Box<Flags>),
    /// Check a data directory that no server has open: history, tree, ref log, metadata files.
    Verify(Box<Flags>),
    /// Work with warehouses.
    #[command(subcommand)]
    Warehouse(warehouse::Command),
    /// Work with branches.
    #[command(subcommand)]
    Branch(branch::Command),
    /// Work with tags.
    #[command(subcommand)]
    Tag(tag::Command),
    /// List the commits of a ref, newest first.
    Log(log::Args),
    /// Show one commit and what it changed.
    Show(show::Args),
    /// List what differs between two refs.
    Diff(diff::Args),
    /// Merge a ref into a branch.
    Merge(merge::Args),
    /// Undo a commit with a new one.
    Revert(pick::Args),
    /// Repeat a commit on a branch.
    CherryPick(pick::Args),
    /// Point a branch at another commit.
    Reset(reset::Args),
    /// List how refs moved, newest first.
    RefLog(ref_log::Args),
    /// List what a ref holds.
    Ls(ls::Args),
    /// Run SQL over any branch, tag or commit.
    Sql(sql::Args),
}
