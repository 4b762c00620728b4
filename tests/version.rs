//! History over an in-memory world: the commit graph, logs, diffs, merges.

#[path = "version/diff.rs"]
mod diff;
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
