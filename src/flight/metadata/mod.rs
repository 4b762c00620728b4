//! What clients ask about the server and what is on it: databases, schemas, tables, types, abilities.
//!
//! Names come from `information_schema`, asked like any client asks it. Iceberg has no keys, so there are none.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow_flight::sql::{CommandGetCatalogs, CommandGetTableTypes};
use futures::stream;

use super::caller::Caller;
use super::door::Shared;
use super::error::{FlightResult, internal};
use super::rows::{DataStream, encoded};

mod abilities;
mod objects;
mod types;

pub(super) use abilities::{columns as sql_info_columns, info as sql_info};
pub(super) use objects::{schemas, tables};
pub(super) use types::{columns as type_columns, types};

/// Kinds of tables, as clients know them.
const TABLE: &str = "TABLE";
const VIEW: &str = "VIEW";

/// The one catalog that a session sees: its database.
pub(super) async fn catalogs(
    shared: &Shared,
    caller: &Caller,
    query: CommandGetCatalogs,
) -> FlightResult<DataStream> {
    // Tells if it is not there.
    drop(shared.own(caller).await?);
    let mut builder = query.into_builder();
    builder.append(caller.database.as_str());
    one(builder.build())
}

/// Tables and views.
pub(super) fn table_types(query: CommandGetTableTypes) -> FlightResult<DataStream> {
    let mut builder = query.into_builder();
    builder.append(TABLE);
    builder.append(VIEW);
    one(builder.build())
}

/// The columns of primary keys, as the protocol says them.
pub(super) fn primary_key_columns() -> SchemaRef {
    schema([
        ("catalog_name", DataType::Utf8, true),
        ("db_schema_name", DataType::Utf8, true),
        ("table_name", DataType::Utf8, false),
        ("column_name", DataType::Utf8, false),
        ("key_name", DataType::Utf8, true),
        ("key_sequence", DataType::Int32, false),
    ])
}

/// The columns of foreign keys, as the protocol says them.
pub(super) fn foreign_key_columns() -> SchemaRef {
    schema([
        ("pk_catalog_name", DataType::Utf8, true),
        ("pk_db_schema_name", DataType::Utf8, true),
        ("pk_table_name", DataType::Utf8, false),
        ("pk_column_name", DataType::Utf8, false),
        ("fk_catalog_name", DataType::Utf8, true),
        ("fk_db_schema_name", DataType::Utf8, true),
        ("fk_table_name", DataType::Utf8, false),
        ("fk_column_name", DataType::Utf8, false),
        ("key_sequence", DataType::Int32, false),
        ("fk_key_name", DataType::Utf8, true),
        ("pk_key_name", DataType::Utf8, true),
        ("update_rule", DataType::UInt8, false),
        ("delete_rule", DataType::UInt8, false),
    ])
}

fn schema<const N: usize>(columns: [(&str, DataType, bool); N]) -> SchemaRef {
    let fields = columns.map(|(name, data_type, nullable)| Field::new(name, data_type, nullable));
    Arc::new(Schema::new(fields.to_vec()))
}

/// An answer without rows.
pub(super) fn no_rows(columns: SchemaRef) -> DataStream {
    encoded(columns, stream::empty())
}

fn one<E: Into<Answer>>(batch: E) -> FlightResult<DataStream> {
    let batch = batch.into().0.map_err(|error| internal(format!("the answer: {error}")))?;
    Ok(encoded(batch.schema(), stream::iter([Ok(batch)])))
}

/// An answer that the library's builders made, or why they did not.
struct Answer(Result<RecordBatch, String>);

impl From<Result<RecordBatch, ArrowError>> for Answer {
    fn from(batch: Result<RecordBatch, ArrowError>) -> Self {
        Self(batch.map_err(|error| error.to_string()))
    }
}

impl From<Result<RecordBatch, arrow_flight::error::FlightError>> for Answer {
    fn from(batch: Result<RecordBatch, arrow_flight::error::FlightError>) -> Self {
        Self(batch.map_err(|error| error.to_string()))
    }
}
