//! View metadata: parsing, changing, checking and writing it.
//!
//! As for tables: documents are kept verbatim where they are not understood, and the rules are those of
//! the specification and the Java reference implementation.

pub mod apply;
pub mod create;
pub mod metadata;
pub mod update;
pub mod version;
