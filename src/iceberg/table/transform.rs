//! Transforms of partition and sort fields.

use std::fmt;

use super::types::Type;
use crate::base::error::{Error, Result};

/// A transform. One that is not known is kept by its text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Transform {
    /// The value itself.
    Identity,
    /// Hash into so many buckets.
    Bucket(i32),
    /// Cut to a width.
    Truncate(i32),
    /// Years since 1970.
    Year,
    /// Months since 1970.
    Month,
    /// Days since 1970.
    Day,
    /// Hours since 1970.
    Hour,
    /// Always null.
    Void,
    /// Not known.
    Other(String),
}

impl Transform {
    /// Reads a transform; never fails, because a new kind may come.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        let width = |prefix: &str| -> Option<i32> {
            let digits = lower.strip_prefix(prefix)?.strip_prefix('[')?.strip_suffix(']')?;
            if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok() } else { None }
        };
        match lower.as_str() {
            "identity" => Self::Identity,
            "year" => Self::Year,
            "month" => Self::Month,
            "day" => Self::Day,
            "hour" => Self::Hour,
            "void" => Self::Void,
            _ => match (width("bucket"), width("truncate")) {
                (Some(count), _) => Self::Bucket(count),
                (_, Some(width)) => Self::Truncate(width),
                (None, None) => Self::Other(text.to_owned()),
            },
        }
    }

    /// Refuses widths that mean nothing.
    ///
    /// # Errors
    /// `InvalidInput` for a width that is missing, 0 or too large.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Bucket(0) => {
                Err(Error::invalid("Invalid number of buckets: 0 (must be > 0)".to_owned()))
            }
            Self::Truncate(0) => {
                Err(Error::invalid("Invalid truncate width: 0 (must be > 0)".to_owned()))
            }
            Self::Bucket(_)
            | Self::Truncate(_)
            | Self::Identity
            | Self::Year
            | Self::Month
            | Self::Day
            | Self::Hour
            | Self::Void => Ok(()),
            Self::Other(text) => {
                let lower = text.to_ascii_lowercase();
                if lower.starts_with("bucket") || lower.starts_with("truncate") {
                    return Err(Error::invalid(format!("Invalid width of transform: {text}")));
                }
                Ok(())
            }
        }
    }

    /// Whether it applies to a type.
    #[must_use]
    pub fn can_transform(&self, source: &Type) -> bool {
        let Some(name) = source.name() else { return false };
        match self {
            Self::Identity => {
                source.is_primitive() && !matches!(name, "geometry" | "geography" | "variant")
            }
            Self::Bucket(_) => matches!(
                name,
                "int"
                    | "long"
                    | "date"
                    | "time"
                    | "timestamp"
                    | "timestamptz"
                    | "timestamp_ns"
                    | "timestamptz_ns"
                    | "string"
                    | "binary"
                    | "fixed"
                    | "decimal"
                    | "uuid"
            ),
            Self::Truncate(_) => matches!(name, "int" | "long" | "string" | "binary" | "decimal"),
            Self::Year | Self::Month | Self::Day => name == "date" || name.starts_with("timestamp"),
            Self::Hour => name.starts_with("timestamp"),
            Self::Void | Self::Other(_) => true,
        }
    }
}

impl fmt::Display for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identity => f.write_str("identity"),
            Self::Bucket(count) => write!(f, "bucket[{count}]"),
            Self::Truncate(width) => write!(f, "truncate[{width}]"),
            Self::Year => f.write_str("year"),
            Self::Month => f.write_str("month"),
            Self::Day => f.write_str("day"),
            Self::Hour => f.write_str("hour"),
            Self::Void => f.write_str("void"),
            Self::Other(text) => f.write_str(text),
        }
    }
}
