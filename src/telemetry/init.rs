//! Sets up the log: to standard error, as text or JSON lines.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

use crate::base::error::{Error, Result};

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// Reads `text` or `json`.
    ///
    /// # Errors
    /// `InvalidInput` for another word.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            other => {
                Err(Error::invalid(format!("unknown log format '{other}': use 'text' or 'json'")))
            }
        }
    }
}

/// Checks a log level or filter such as `info` or `warn,nunatak=debug`.
///
/// # Errors
/// `InvalidInput` with what is wrong in it.
pub fn check_filter(filter: &str) -> Result<()> {
    EnvFilter::try_new(filter).map(drop).map_err(|error| {
        Error::invalid(format!("invalid log level '{filter}': {error}")).with_source(error)
    })
}

/// Starts logging for the whole process. Does nothing if a log is already set up.
///
/// # Errors
/// `InvalidInput` for a filter that cannot be read.
pub fn init(filter: &str, format: LogFormat) -> Result<()> {
    check_filter(filter)?;
    let filter = EnvFilter::new(filter);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let set = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    drop(set);
    Ok(())
}
