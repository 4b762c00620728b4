//! What happens around every request, whichever door it came in by.
//!
//! One layer ([`stack`]) in a fixed order: request id, foreign web pages refused, panics caught,
//! failures written in the door's form, measured, logged. The other files hold one step each.

pub mod origin;
pub mod render;
pub mod request_id;
pub mod stack;
