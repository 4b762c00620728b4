//! SQL over every branch: parsing with versions, names in both views, reading Iceberg tables, sessions.
//!
//! Knows no wire protocol: the doors (PostgreSQL wire, HTTP) speak to [`session::Session`]. DataFusion
//! and the SQL parser are named nowhere else. Whatever a statement asks for and is not carried out is an
//! error with a SQLSTATE; nothing is ignored.

mod bind;
mod connect;
pub mod copy;
pub mod door;
pub mod engine;
pub mod error;
mod functions;
mod headings;
mod kept;
mod names;
pub mod outcome;
mod relation;
pub mod scan;
pub mod session;
mod settings;
pub mod spec;
mod stack;
mod statements;
pub mod syntax;
mod system;
mod tables;
mod temp;
mod transaction;
mod types;
mod versions;
pub mod write;
