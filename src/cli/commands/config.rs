//! `nunatak config`: shows the settings in force.

use serde_json::{Value, json};

use crate::cli::error::Failed;
use crate::cli::output::{Output, text};
use crate::server;
use crate::server::config::Flags;

/// Shows every setting, its value and its source; secrets are masked.
///
/// # Errors
/// If a setting is wrong.
pub fn run(flags: &Flags, out: &mut Output<'_>) -> Result<(), Failed> {
    let config = server::config::load(flags)?;
    let items: Vec<Value> = config
        .shown
        .iter()
        .map(|shown| {
            json!({
                "name": shown.name,
                "value": shown.values.join(", "),
                "source": shown.source.to_string(),
            })
        })
        .collect();
    out.list(
        &json!({ "items": items }),
        &[
            ("setting", |item| text(&item["name"])),
            ("value", |item| text(&item["value"])),
            ("source", |item| text(&item["source"])),
        ],
    )
}
