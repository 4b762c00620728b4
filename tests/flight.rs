//! The door for clients of Flight SQL, over a real warehouse: a real client over a socket, and raw messages.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::panic, reason = "a test that cannot go on fails")]

#[path = "flight/hostile.rs"]
mod hostile;
#[path = "flight/ingest.rs"]
mod ingest;
#[path = "flight/metadata.rs"]
mod metadata;
#[path = "flight/prepared.rs"]
mod prepared;
#[path = "flight/server.rs"]
mod server;
#[path = "flight/statements.rs"]
mod statements;
#[path = "flight/transactions.rs"]
mod transactions;
