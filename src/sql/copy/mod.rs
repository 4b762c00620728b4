//! `COPY`: rows between a client and a table, in PostgreSQL's text and CSV formats.
//!
//! Knows no protocol: bytes come in as a stream and rows go out as batches with the options by which the
//! door writes them. Rows are read and converted as they arrive and go straight into data files; nothing is
//! a part of the table before the end was seen, and then all of it is one commit.

mod convert;
mod fields;
mod input;
mod lines;
mod options;
mod session;

use std::fmt;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use futures::stream::BoxStream;

use super::error::SqlResult;
use super::outcome::RowStream;

pub(super) use convert::shown;
pub use options::{CopyFormat, CopyOptions, Selected};

/// What a client sends: pieces cut anywhere, or the error that ends them.
pub type CopyData = BoxStream<'static, SqlResult<Bytes>>;

/// Which way a statement copies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CopyDirection {
    /// From the client into a table.
    In,
    /// To the client.
    Out,
}

/// Rows on their way to the client.
pub struct CopyOut {
    /// Their columns.
    pub columns: SchemaRef,
    /// The rows.
    pub rows: RowStream,
    /// How they are written.
    pub options: CopyOptions,
}

impl fmt::Debug for CopyOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyOut").field("columns", &self.columns).finish_non_exhaustive()
    }
}
