//! Durable state behind traits: [`interface`] is the contract, [`records`] the rows.
//!
//! Decides nothing about versions or tables. Drivers (`rusqlite`) stay inside this module.

pub mod interface;
pub mod records;
