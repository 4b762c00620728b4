//! The door for clients of Arrow Flight SQL (ADBC, JDBC): queries, updates, ingestion and metadata over gRPC.
//!
//! Knows nothing of tables or of what statements mean: it reads calls, asks [`sql::door`](crate::sql::door)
//! and sends rows. Binds nothing and listens nowhere; that is up to the server. Start at [`door::Door`] and
//! `service`, which has one method for each call.
//!
//! Flight knows no sessions. A statement runs in a session of its own, a transaction in the one that its
//! handle stands for. What clients hold by a handle (transactions, prepared statements, results that wait to
//! be read) is in tables with a bound, and dropped when nobody has used it for a while.
//!
//! Invariants:
//! - a statement is run once, when its `FlightInfo` is asked for or its update is put; to read a result runs
//!   nothing again;
//! - a statement that changes something is finished even if its client has gone; everything else ends then;
//! - nothing that a client sends ends more than its own call.

mod caller;
mod cancel;
pub mod door;
mod error;
mod handles;
mod info;
mod ingest;
mod metadata;
mod parameters;
mod prepared;
mod rows;
mod run;
mod service;
mod transaction;
