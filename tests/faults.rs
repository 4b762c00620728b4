//! The catalog on a store that fails at each call in each way, and on files that cannot be written:
//! every change happens as a whole or not at all, no answer is wrong, and the next request is served.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "faults/enumeration.rs"]
mod enumeration;
#[path = "faults/files.rs"]
mod files;
#[path = "faults/groups.rs"]
mod groups;
#[path = "faults/operations.rs"]
mod operations;
#[path = "faults/readers.rs"]
mod readers;
#[path = "faults/world.rs"]
mod world;
