//! The tree against plain maps: properties, golden vectors, damaged and hostile bytes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "tree/golden.rs"]
mod golden;
#[path = "tree/hostile.rs"]
mod hostile;
#[path = "tree/laws.rs"]
mod laws;
#[path = "tree/model.rs"]
mod model;
#[path = "tree/reading.rs"]
mod reading;
