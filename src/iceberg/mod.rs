//! Iceberg tables and views as a REST catalog needs them: documents that are changed and written back.
//!
//! Metadata is kept as JSON text with a typed view of what a catalog decides on, so that a field, type
//! or structure which this program does not know survives every commit byte for byte. All of it is pure
//! but [`io`]. Nothing here knows branches, the metadata store or HTTP.
//!
//! Start reading at [`table::metadata`], then [`table::apply`].

pub mod cache;
pub mod io;
pub mod location;
pub mod table;
pub mod view;
pub mod wire;
