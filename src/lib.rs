#![doc = include_str!("ARCHITECTURE.md")]

pub mod auth;
pub mod base;
pub mod catalog;
pub mod cli;
pub mod flight;
pub mod iceberg;
pub mod pgwire;
pub mod rest;
pub mod server;
pub mod sql;
pub mod store;
pub mod telemetry;
pub mod tree;
pub mod version;
