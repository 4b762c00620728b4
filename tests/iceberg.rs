//! Iceberg tables and views: documents, updates, requirements, files and locations.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::needless_pass_by_value,
    reason = "`json!` makes values, tests read best with them"
)]

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
#[path = "iceberg/laws.rs"]
mod laws;
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
