//! Why a command failed, in words that say what to do, and with which exit code.

/// Any failure but the two below.
pub const FAILED: u8 = 1;
/// The arguments are wrong.
pub const USAGE: u8 = 2;
/// A conflict: somebody must decide something first.
pub const CONFLICT: u8 = 3;

/// A failed command.
#[derive(Debug)]
pub struct Failed {
    /// What to print.
    pub message: String,
    /// The exit code.
    pub code: u8,
}

impl Failed {
    /// A failure with exit code 1.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: FAILED }
    }

    /// Wrong usage that the parser of arguments cannot see.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: USAGE }
    }
}

impl From<crate::base::error::Error> for Failed {
    fn from(error: crate::base::error::Error) -> Self {
        Self::new(error.chain())
    }
}

impl From<std::io::Error> for Failed {
    fn from(error: std::io::Error) -> Self {
        Self::new(format!("the answer cannot be written: {error}"))
    }
}
