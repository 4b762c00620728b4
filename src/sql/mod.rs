//! SQL over every branch: parsing with versions, names in both views, reading Iceberg tables, sessions.
//!
//! Knows no wire protocol: the doors (PostgreSQL wire, HTTP) speak to [`session::Session`]. DataFusion
//! and the SQL parser are named nowhere else. Whatever a statement asks for and is not carried out is an
//! error with a SQLSTATE; nothing is ignored.

mod adapt;
mod aggregates;
mod arrays;
mod bind;
mod casts;
mod checked;
mod comparisons;
mod connect;
pub mod copy;
mod datetime;
mod domains;
pub mod door;
mod empty_texts;
pub mod engine;
pub mod error;
mod extract;
mod extremes;
mod functions;
mod growth;
mod headings;
mod kept;
mod made;
mod named;
mod names;
mod numeric;
mod operators;
pub mod outcome;
pub mod parameter;
mod pg;
mod relation;
mod rounding;
mod rules;
pub mod scan;
mod semantics;
pub mod session;
mod settings;
pub mod spec;
mod stack;
mod statements;
pub mod syntax;
mod system;
mod tables;
mod temp;
mod templates;
mod time_digits;
mod transaction;
mod type_of;
mod types;
mod versions;
mod walk;
pub mod write;
mod zones;
