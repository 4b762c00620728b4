//! Iceberg tables and views: documents, updates, requirements, files and locations.

#[path = "iceberg/actions.rs"]
mod actions;
#[path = "iceberg/create.rs"]
mod create;
#[path = "iceberg/documents.rs"]
mod documents;
#[path = "iceberg/files.rs"]
mod files;
#[path = "iceberg/hostile.rs"]
mod hostile;
#[path = "iceberg/refusals.rs"]
mod refusals;
#[path = "iceberg/requirements.rs"]
mod requirements;
#[path = "iceberg/snapshots.rs"]
mod snapshots;
#[path = "iceberg/support.rs"]
mod support;
#[path = "iceberg/views.rs"]
mod views;
#[path = "iceberg/wire.rs"]
mod wire;
