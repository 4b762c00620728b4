//! The management API in process: real catalog and store, no sockets.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "management/app.rs"]
mod app;
#[path = "management/doors.rs"]
mod doors;
#[path = "management/history.rs"]
mod history;
#[path = "management/openapi.rs"]
mod openapi;
#[path = "management/races.rs"]
mod races;
#[path = "management/refs.rs"]
mod refs;
#[path = "management/requests.rs"]
mod requests;
#[path = "management/sql.rs"]
mod sql;
#[path = "management/warehouses.rs"]
mod warehouses;
