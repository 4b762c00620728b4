//! The door for clients of PostgreSQL over a scripted database: a real client and raw bytes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::panic, reason = "a test that cannot go on fails")]

#[path = "wire/bad_days.rs"]
mod bad_days;
#[path = "wire/copy.rs"]
mod copy;
#[path = "wire/cursors.rs"]
mod cursors;
#[path = "wire/database.rs"]
mod database;
#[path = "wire/extended.rs"]
mod extended;
#[expect(dead_code, reason = "tests of SQL use the rest of it")]
#[path = "sql/lake.rs"]
mod lake;
#[path = "wire/pipeline.rs"]
mod pipeline;
#[path = "wire/raw.rs"]
mod raw;
#[path = "wire/server.rs"]
mod server;
#[path = "wire/session.rs"]
mod session;
#[path = "wire/values.rs"]
mod values;
