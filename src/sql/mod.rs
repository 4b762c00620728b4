//! SQL over every branch: parsing with versions, names in both views, reading Iceberg tables, sessions.
//!
//! Knows no wire protocol: the doors (PostgreSQL wire, HTTP) speak to [`session::Session`]. DataFusion
//! and the SQL parser are named nowhere else. Whatever a statement asks for and is not carried out is an
//! error with a SQLSTATE; nothing is ignored.

pub mod error;
pub mod outcome;
pub mod spec;
pub mod syntax;
pub mod write;
