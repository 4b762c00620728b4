//! Making the metadata of a new view.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::apply::Builder;
use super::metadata::ViewMetadata;
use super::version::RequestedVersion;
use crate::base::clock::Timestamp;
use crate::base::error::{Error, Result};
use crate::iceberg::table::schema::Schema;

/// What a view is created from.
#[derive(Clone, Debug)]
pub struct NewView {
    /// The columns of what it selects; field ids stay, the schema's number becomes 0.
    pub schema: Schema,
    /// What it selects; its number becomes 1.
    pub version: RequestedVersion,
    /// Its root.
    pub location: String,
    /// Its properties.
    pub properties: BTreeMap<String, String>,
}

/// Makes the metadata of a new view.
///
/// # Errors
/// `InvalidInput` for a schema, version or property that cannot be.
pub fn create(request: &NewView, uuid: uuid::Uuid, now: Timestamp) -> Result<ViewMetadata> {
    let version = &request.version.0;
    if version.representations.is_empty() {
        return Err(Error::invalid("Cannot create view without specifying a query"));
    }
    let unsupported: Vec<&str> = version
        .representations
        .iter()
        .filter(|item| item.kind != "sql")
        .map(|item| item.kind.as_str())
        .collect();
    if !unsupported.is_empty() {
        return Err(Error::invalid(format!(
            "Found unsupported view representations: [{}]",
            unsupported.join(", ")
        )));
    }
    let mut builder = Builder::for_new_view(uuid, now.as_millis());
    builder.set_location(&request.location)?;
    builder.set_properties(&request.properties);
    let schema_id = builder.add_schema(&Arc::new(request.schema.clone()))?;
    let made_at = if version.timestamp_ms == 0 { now.as_millis() } else { version.timestamp_ms };
    let version_id = builder.add_version(&version.with(1, schema_id, made_at)?)?;
    builder.set_current_version(version_id)?;
    builder.finish()
}
