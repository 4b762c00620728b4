//! Measurement and logging: metric handles and the set-up of the log.
//!
//! Knows nothing of what is measured; labels are bounded sets (route templates, never paths).

pub mod init;
pub mod metrics;
