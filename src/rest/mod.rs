//! The HTTP doors: management API, Iceberg REST, health and metrics.
//!
//! Translates between HTTP and the catalog and decides nothing. Start at [`router`] (every route),
//! [`error`] (how failures look) and [`extract`] (how requests are read).

pub mod error;
pub mod extract;
pub mod iceberg;
pub mod management;
pub mod middleware;
pub mod openapi;
pub mod query;
pub mod router;
pub mod state;
