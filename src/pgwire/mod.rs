//! The door for clients of PostgreSQL: its wire protocol, version 3.0.
//!
//! Knows nothing of tables or of what statements mean: it reads messages, calls
//! [`sql::door`](crate::sql::door) and writes answers. Spawns nothing and binds nothing; that is up to
//! the server. Start at [`door::Door::serve`].
//!
//! Invariants:
//! - nothing that a client sends ends more than its own connection; a message that cannot be read is an
//!   error with PostgreSQL's code;
//! - rows go out as they are made, and no faster than the client reads them;
//! - a value that a type of PostgreSQL cannot carry is an error, never another value.

mod cancel;
mod conversation;
mod copy;
pub mod door;
mod error;
mod extended;
mod input;
mod output;
mod request;
mod rows;
mod startup;
mod types;
