//! Writes answers: tables for people, JSON for programs. The only place that prints.

use std::fmt;
use std::io::Write;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

use super::error::Failed;

/// A column of a table: its name, and its cell of an item.
pub type Column = (&'static str, fn(&Value) -> String);

/// Where answers go, and in which form.
pub struct Output<'a> {
    out: &'a mut dyn Write,
    json: bool,
}

impl fmt::Debug for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Output").field("json", &self.json).finish_non_exhaustive()
    }
}

impl<'a> Output<'a> {
    /// Writes to `out`.
    pub fn new(out: &'a mut dyn Write, json: bool) -> Self {
        Self { out, json }
    }

    /// Whether programs read the answer.
    #[must_use]
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Writes the API's JSON.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn json(&mut self, value: &Value) -> Result<(), Failed> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Failed::new(format!("the answer cannot be shown: {error}")))?;
        Ok(writeln!(self.out, "{text}")?)
    }

    /// Writes one line for people.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn line(&mut self, text: &str) -> Result<(), Failed> {
        Ok(writeln!(self.out, "{}", printable(text))?)
    }

    /// Writes a table with columns that only the answer knows; nothing if there are none.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn grid(&mut self, header: &[String], rows: &[Vec<String>]) -> Result<(), Failed> {
        if header.is_empty() {
            return Ok(());
        }
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header.iter().map(|name| printable(name)));
        for row in rows {
            table.add_row(row.iter().map(|cell| printable(cell)));
        }
        for line in table.lines() {
            // A cell may begin with blanks that are its own.
            let line = line.strip_prefix(' ').unwrap_or(&line);
            writeln!(self.out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    /// Writes a list: as JSON, or as a table with these columns of each item.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn list(&mut self, list: &Value, columns: &[Column]) -> Result<(), Failed> {
        if self.json {
            return self.json(list);
        }
        let rows = list["items"].as_array().map_or(&[][..], Vec::as_slice);
        self.table(rows, columns)
    }

    /// Writes a table.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn table(&mut self, rows: &[Value], columns: &[Column]) -> Result<(), Failed> {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(columns.iter().map(|(name, _)| name.to_uppercase()));
        for row in rows {
            table.add_row(columns.iter().map(|(_, cell)| printable(&cell(row))));
        }
        for line in table.lines() {
            writeln!(self.out, "{}", line.trim())?;
        }
        Ok(())
    }

    /// Writes fields of one object, as JSON or one a line.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn object(&mut self, value: &Value) -> Result<(), Failed> {
        if self.json {
            return self.json(value);
        }
        for (name, value) in value.as_object().into_iter().flatten() {
            let shown = match value {
                Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
                Value::Object(members) => members
                    .iter()
                    .map(|(name, value)| format!("{name}={}", text(value)))
                    .collect::<Vec<_>>()
                    .join(", "),
                other => text(other),
            };
            let line = format!("{:<15} {}", format!("{name}:"), printable(&shown));
            writeln!(self.out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A value without quotes; nothing for null.
#[must_use]
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A path as people write it.
#[must_use]
pub fn path(value: &Value) -> String {
    value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join(".")
}

/// The first digits of a commit id: enough to name it.
#[must_use]
pub fn short(value: &Value) -> String {
    text(value).chars().take(12).collect()
}

/// One line, without characters that a terminal obeys.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
