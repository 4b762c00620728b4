//! The vocabulary that every other module shares: ids, names, hashes, time, randomness, errors, limits.
//!
//! Knows nothing of trees, tables, SQL or HTTP, does no I/O and has no async function.
//! Start reading at [`name`] and [`error`].

pub mod clock;
pub mod entropy;
pub mod error;
pub mod hash;
pub mod ids;
pub mod limits;
pub mod name;
pub mod page;
