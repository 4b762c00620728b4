//! Reading a table at one snapshot: which files it has, what is known of them, and the plan that reads them.
//!
//! Manifests are read with the Iceberg library; the files by DataFusion's Parquet source, which brings
//! statistics, partitions, and filters that grow while a query runs. Columns are found by field id
//! ([`adapter`]), never by name or position. Rows that delete files delete are not read ([`deletes`]).
//!
//! Statements that change rows read a table [`with_row_ids`](provider::IcebergTable::with_row_ids), and
//! the files that they write anew with [`only`](provider::IcebergTable::only).

pub mod adapter;
mod defaults;
pub mod deletes;
pub mod files;
pub mod provider;
mod readers;
mod row_ids;
mod sifted;
mod statistics;
mod unlimited;

pub use row_ids::{ROW_FILE, ROW_POSITION};
