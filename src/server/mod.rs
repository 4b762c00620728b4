//! Puts the parts together and runs them: configuration, wiring, listening, background work, shutdown.
//!
//! The only place that reads the environment and files of settings, and that chooses implementations.
//! Start at [`run`].

pub mod build;
pub mod config;
pub mod listen;
pub mod listen_flight;
pub mod listen_pg;
pub mod run;
pub mod shutdown;
pub mod tasks;
pub mod verify;
