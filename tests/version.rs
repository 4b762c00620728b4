//! History over an in-memory world: the commit graph, logs, diffs, merges.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "version/diff.rs"]
mod diff;
#[path = "version/fsck.rs"]
mod fsck;
#[path = "version/golden.rs"]
mod golden;
#[path = "version/graph.rs"]
mod graph;
#[path = "version/history.rs"]
mod history;
#[path = "version/laws.rs"]
mod laws;
#[path = "version/merge.rs"]
mod merge;
#[path = "version/world.rs"]
mod world;
