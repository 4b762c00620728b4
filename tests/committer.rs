//! The committer over real stores: groups, failures that stay alone, trees that are rebuilt, answers
//! that were lost.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

#[path = "committer/changes.rs"]
mod changes;
#[path = "committer/failures.rs"]
mod failures;
#[path = "committer/groups.rs"]
mod groups;
#[path = "committer/house.rs"]
mod house;
