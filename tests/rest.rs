//! Iceberg REST through the whole router, without sockets: one file per resource.

#![expect(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    reason = "a test that cannot go on panics"
)]

#[path = "rest/app.rs"]
mod app;
#[path = "rest/commits.rs"]
mod commits;
#[path = "rest/config.rs"]
mod config;
#[path = "rest/idempotency.rs"]
mod idempotency;
#[path = "rest/inputs.rs"]
mod inputs;
#[path = "rest/lists.rs"]
mod lists;
#[path = "rest/namespaces.rs"]
mod namespaces;
#[path = "rest/register.rs"]
mod register;
#[path = "rest/tables.rs"]
mod tables;
#[path = "rest/transactions.rs"]
mod transactions;
#[path = "rest/views.rs"]
mod views;
#[path = "rest/warehouse_view.rs"]
mod warehouse_view;
