//! Durable state behind traits: [`interface`] is the contract, [`records`] the rows.
//!
//! Decides nothing about versions or tables. Drivers (`rusqlite`) stay inside this module. [`sqlite`] is
//! the store of a server by itself, [`memory`] the strict one for tests; [`metered`] and [`fault`] wrap
//! any store; `conformance` is the contract as tests that each store passes.

pub mod interface;
pub mod records;

pub mod memory;
pub mod migrate;
mod range;
pub mod sqlite;

pub mod fault;
pub mod metered;

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
