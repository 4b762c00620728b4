//! From a text to statements: versions after table names, the statements about branches, the rest by the
//! parser's PostgreSQL dialect.
//!
//! Pure: knows no catalog. A versioned table name comes out as a name whose last part carries the version
//! (see [`at`]), because the parser's own tree has no place for it.

mod apply;
pub mod at;
mod clause;
pub mod copy;
mod definition;
mod dialect;
mod lexemes;
pub mod named;
pub(in crate::sql) mod nothing;
pub mod own;
mod parse;
mod refs;
mod scan;
pub mod statement;
mod words;

pub use parse::parse;
