//! Table metadata: parsing, changing, checking and writing it.
//!
//! The rules are those of the Iceberg specification and, where it is silent, of the Java reference
//! implementation, its error texts included, because clients and the compatibility kit compare them.

pub mod apply;
pub mod create;
pub(super) mod json;
pub mod metadata;
pub(super) mod parse;
pub mod partition;
pub mod requirement;
pub mod schema;
pub mod snapshot;
pub mod sort;
pub mod transform;
pub mod types;
pub mod update;
mod write;
