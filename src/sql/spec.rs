//! The bridge from this project's table documents to the types of the Iceberg library.
//!
//! Documents keep what they do not know; the library's types cannot. What it cannot hold (a variant, a
//! geometry, a field of a later version) is an error here, so that no data are read or written with half
//! of their meaning.

use std::sync::Arc;

use apache_iceberg::arrow::schema_to_arrow_schema;
use apache_iceberg::spec;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde_json::{Value, json};

use super::error::{SqlError, SqlResult, SqlState};
use crate::iceberg::table::metadata::TableMetadata;

/// Types of the specification that the library does not have.
const UNKNOWN_TYPES: [&str; 4] = ["variant", "unknown", "geometry", "geography"];

/// The library's form of a table's metadata.
///
/// # Errors
/// `FeatureNotSupported` if the library cannot hold it.
pub fn table(metadata: &TableMetadata) -> SqlResult<Arc<spec::TableMetadata>> {
    let json = metadata.to_json();
    let unsupported = |what: &str| {
        SqlError::new(
            SqlState::FeatureNotSupported,
            format!(
                "the table at {} has a feature that SQL cannot read: {what}",
                metadata.location()
            ),
        )
    };
    let document =
        || serde_json::from_slice::<Value>(&json).map_err(|error| unsupported(&error.to_string()));
    let table: spec::TableMetadata = match serde_json::from_slice(&json) {
        Ok(table) => table,
        Err(error) => {
            let mut document = document()?;
            if let Some(column) = unknown_type(&document) {
                return Err(unsupported(&column));
            }
            complete_snapshots(&mut document);
            serde_json::from_value(document).map_err(|_| unsupported(&error.to_string()))?
        }
    };
    // The library forgets a default that it cannot read.
    let word = b"\"initial-default\"";
    if json.windows(word.len()).any(|part| part == word) {
        let document = document()?;
        let schemas = document.get("schemas").and_then(Value::as_array);
        for schema in schemas.into_iter().flatten().chain(document.get("schema")) {
            let id = schema.get("schema-id").and_then(Value::as_i64).unwrap_or_default();
            let id = i32::try_from(id).unwrap_or_default();
            let known = table.schema_by_id(id).unwrap_or_else(|| table.current_schema());
            if let Some(lost) = lost_default(schema, known) {
                return Err(unsupported(&format!("the initial default of column {lost}")));
            }
        }
    }
    Ok(Arc::new(table))
}

/// Snapshots from before an upgrade may lack what the library wants of younger ones.
fn complete_snapshots(document: &mut Value) {
    let snapshots = document.get_mut("snapshots").and_then(Value::as_array_mut);
    for snapshot in snapshots.into_iter().flatten().filter_map(Value::as_object_mut) {
        snapshot.entry("sequence-number").or_insert(json!(0));
        snapshot.entry("summary").or_insert(json!({ "operation": "append" }));
    }
}

/// The first column with a type that the library does not have, and the type.
fn unknown_type(document: &Value) -> Option<String> {
    match document {
        Value::Object(members) => {
            let found = ["type", "element", "key", "value"].into_iter().find_map(|member| {
                let name = members.get(member).and_then(Value::as_str)?;
                UNKNOWN_TYPES.into_iter().find(|unknown| name.starts_with(unknown))
            });
            match (found, members.get("name").and_then(Value::as_str)) {
                (Some(found), Some(name)) => Some(format!("column {name} of the type {found}")),
                (Some(found), None) => Some(format!("a column of the type {found}")),
                (None, _) => {
                    let parts = members.iter().filter(|(key, _)| *key != "properties");
                    parts.map(|(_, inner)| inner).find_map(unknown_type)
                }
            }
        }
        Value::Array(items) => items.iter().find_map(unknown_type),
        _ => None,
    }
}

/// A field of a schema document whose initial default the library does not have.
fn lost_default(document: &Value, schema: &spec::Schema) -> Option<String> {
    match document {
        Value::Object(members) => {
            let default = members.get("initial-default").filter(|default| !default.is_null());
            if default.is_some() {
                let id = members.get("id").and_then(Value::as_i64);
                let id = id.and_then(|id| i32::try_from(id).ok());
                let found = id.and_then(|id| schema.field_by_id(id));
                if found.is_none_or(|field| field.initial_default.is_none()) {
                    let name = members.get("name").and_then(Value::as_str);
                    return Some(name.unwrap_or_default().to_owned());
                }
            }
            members.values().find_map(|inner| lost_default(inner, schema))
        }
        Value::Array(items) => items.iter().find_map(|inner| lost_default(inner, schema)),
        _ => None,
    }
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
