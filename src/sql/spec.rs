//! The bridge from this project's table documents to the types of the Iceberg library.
//!
//! Documents keep what they do not know; the library's types cannot. What it cannot hold (a variant, a
//! geometry, a field of a later version) is an error here, so that no data are read or written with half
//! of their meaning.

use std::sync::Arc;

use apache_iceberg::arrow::schema_to_arrow_schema;
use apache_iceberg::spec;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::error::{SqlError, SqlResult, SqlState};
use crate::iceberg::table::metadata::TableMetadata;

/// The library's form of a table's metadata.
///
/// # Errors
/// `FeatureNotSupported` if the library cannot hold it.
pub fn table(metadata: &TableMetadata) -> SqlResult<Arc<spec::TableMetadata>> {
    serde_json::from_slice(&metadata.to_json()).map(Arc::new).map_err(|error| {
        SqlError::new(
            SqlState::FeatureNotSupported,
            format!(
                "the table at {} has a feature that SQL cannot read: {error}",
                metadata.location()
            ),
        )
    })
}

/// An error of the library.
#[must_use]
pub fn failure(error: &apache_iceberg::Error) -> SqlError {
    let state = match error.kind() {
        apache_iceberg::ErrorKind::FeatureUnsupported => SqlState::FeatureNotSupported,
        apache_iceberg::ErrorKind::DataInvalid => SqlState::DataCorrupted,
        _ => SqlState::InternalError,
    };
    SqlError::new(state, error.message())
}

/// The columns of a schema as queries see them: with field ids, and strings as views, which are read
/// without a copy.
///
/// # Errors
/// `FeatureNotSupported` for a type without a counterpart.
pub fn read_schema(schema: &spec::Schema) -> SqlResult<SchemaRef> {
    let written = schema_to_arrow_schema(schema).map_err(|error| failure(&error))?;
    let fields: Vec<Field> = written
        .fields()
        .iter()
        .map(|field| {
            let data_type = match field.data_type() {
                DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
                DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
                other => other.clone(),
            };
            field.as_ref().clone().with_data_type(data_type)
        })
        .collect();
    Ok(Arc::new(Schema::new(fields)))
}
