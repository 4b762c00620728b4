//! Commits, refs and history over the tree and the metadata store.
//!
//! Knows no HTTP, no SQL and no Iceberg metadata: a table is a [`content::Object`] with a location.
//! All state changes go through the [`committer`]; everything else reads.
//! Start at [`snapshot`] (one state), [`commit`] (how states are chained) and [`committer`].

pub mod codec;
pub mod commit;
pub mod committer;
pub mod conflict;
pub mod content;
pub mod diff;
mod edits;
pub mod error;
pub mod fsck;
pub mod graph;
pub mod history;
pub mod key;
pub mod merge;
pub mod operations;
pub mod pick;
pub mod reader;
pub mod ref_log;
pub mod repository;
pub mod snapshot;
pub mod working;
