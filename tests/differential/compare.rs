//! What two servers answered, and whether it is the same.

use tokio_postgres::{Client, SimpleQueryMessage};

/// An answer: rows of texts, or an error.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Rows(Vec<Vec<Option<String>>>),
    Failed { state: String, message: String },
}

/// Asks a server.
pub(crate) async fn ask(client: &Client, text: &str) -> Answer {
    match client.simple_query(text).await {
        Ok(messages) => Answer::Rows(
            messages
                .into_iter()
                .filter_map(|message| match message {
                    SimpleQueryMessage::Row(row) => Some(
                        (0..row.len()).map(|at| row.get(at).map(canonical)).collect::<Vec<_>>(),
                    ),
                    _ => None,
                })
                .collect(),
        ),
        Err(error) => match error.as_db_error() {
            Some(told) => Answer::Failed {
                state: told.code().code().to_owned(),
                message: told.message().to_owned(),
            },
            None => Answer::Failed { state: "client".to_owned(), message: error.to_string() },
        },
    }
}

/// A number with as many digits as all servers agree on; any other text as it is.
fn canonical(text: &str) -> String {
    let number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
        && text.contains(['.', 'e'])
        && !text.contains([':', ' ']);
    match text.parse::<f64>() {
        // Zero has no sign in Nunatak.
        _ if text == "-0" => "0".to_owned(),
        Ok(value) if number && value == 0.0 => "0".to_owned(),
        Ok(value) if number && value.fract() == 0.0 && value.abs() < 1e15 => format!("{value:.0}"),
        Ok(value) if number => format!("{value:.8e}"),
        _ => text.to_owned(),
    }
}

/// How two answers compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    Same,
    /// Refused as not supported.
    Refused,
    Different,
}

pub(crate) fn verdict(expected: &Answer, actual: &Answer, ordered: bool) -> Verdict {
    match (expected, actual) {
        (_, Answer::Failed { state, .. }) if state == "0A000" => Verdict::Refused,
        // Full joins that it has no way to carry out.
        (Answer::Failed { state, .. }, _) if state == "0A000" => Verdict::Same,
        (Answer::Failed { .. }, Answer::Failed { state, .. }) if !state.starts_with("XX") => {
            Verdict::Same
        }
        (Answer::Rows(expected), Answer::Rows(actual)) => {
            let (mut expected, mut actual) = (expected.clone(), actual.clone());
            if !ordered {
                expected.sort();
                actual.sort();
            }
            if expected == actual { Verdict::Same } else { Verdict::Different }
        }
        _ => Verdict::Different,
    }
}

impl Answer {
    /// What is in this answer and not in another one, in a few lines.
    pub(crate) fn shown(&self, other: &Self) -> String {
        let Self::Rows(rows) = self else {
            let Self::Failed { state, message } = self else { return String::new() };
            return format!("  {state}: {message}");
        };
        let mut rest = match other {
            Self::Rows(rows) => rows.clone(),
            Self::Failed { .. } => Vec::new(),
        };
        let mut own: Vec<_> = rows.clone();
        own.retain(|row| match rest.iter().position(|one| one == row) {
            Some(at) => {
                rest.swap_remove(at);
                false
            }
            None => true,
        });
        own.sort();
        let mut lines = vec![format!("  {} rows; not in the other:", rows.len())];
        lines.extend(own.iter().take(12).map(|row| {
            let cells: Vec<&str> =
                row.iter().map(|cell| cell.as_deref().unwrap_or("NULL")).collect();
            format!("  {}", cells.join(" | "))
        }));
        lines.join("\n")
    }
}
