//! Who acts, and on behalf of which request.
//!
//! Decides nothing yet: an open, loopback-only server has one principal. Every use case of the
//! catalog takes an [`context::OpContext`] first, so that a decision has one place to go.

pub mod context;
