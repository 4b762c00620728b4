//! `nunatak sql`: runs statements given as an argument, in a file or by standard input, or asks for them.

use std::io::{IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::cli::Session;
use crate::cli::client::Reply;
use crate::cli::error::{CONFLICT, FAILED, Failed};
use crate::cli::output::Output;

mod complete;
mod interactive;

/// How long a statement may take before a sign of life is shown.
const QUIET: Duration = Duration::from_millis(400);
/// How often the sign of life moves.
const TICK: Duration = Duration::from_millis(120);

/// PostgreSQL's condition for a conflict with somebody else.
const SERIALIZATION_FAILURE: &str = "40001";

/// Which statements, and where.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Without statements and on a terminal, they are asked for: end each with a semicolon; \
                        \\? helps, \\q quits."
)]
pub struct Args {
    /// The statements, separated by semicolons.
    #[arg(value_name = "SQL")]
    sql: Option<String>,
    /// Read them from this file; `-` is standard input.
    #[arg(long, short, value_name = "FILE", conflicts_with = "sql")]
    file: Option<PathBuf>,
    /// The warehouse, or a warehouse and a ref: lake, lake@ingest [default: --warehouse].
    #[arg(long, short, value_name = "DATABASE")]
    database: Option<String>,
}

/// Where statements run: sent with each request, and as the last one left it.
#[derive(Clone, Debug)]
struct Place {
    database: String,
    search_path: Option<Value>,
    settings: Value,
}

impl Place {
    fn request(&self, sql: &str) -> Value {
        let mut body = json!({ "sql": sql, "database": self.database, "settings": self.settings });
        if let Some(path) = &self.search_path {
            body["search_path"] = path.clone();
        }
        body
    }

    /// Goes on where an answer says that its session ended.
    fn follow(&mut self, answer: &Value) {
        let session = &answer["session"];
        if let Some(database) = session["database"].as_str() {
            database.clone_into(&mut self.database);
            self.search_path = Some(session["search_path"].clone());
            self.settings = session["settings"].clone();
        }
    }
}

/// Runs the command.
///
/// # Errors
/// What the server refuses, with its SQLSTATE; exit code 3 for a conflict.
pub async fn run(args: Args, session: &mut Session<'_>) -> Result<(), Failed> {
    let place = Place {
        database: args.database.unwrap_or_else(|| session.warehouse.clone()),
        search_path: None,
        settings: json!({}),
    };
    let text = match (args.sql, args.file) {
        (Some(sql), _) => sql,
        (None, Some(file)) if file != Path::new("-") => std::fs::read_to_string(&file)
            .map_err(|error| Failed::new(format!("{} cannot be read: {error}", file.display())))?,
        (None, None) if std::io::stdin().is_terminal() => {
            return interactive::run(place, session).await;
        }
        (None, _) => {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failed::new(format!("standard input cannot be read: {error}")))?;
            text
        }
    };
    let answer = ask(&place, &text, session).await?;
    show(&answer, &mut session.out)
}

/// Sends statements and waits for the answer, with a sign of life on a terminal.
async fn ask(place: &Place, sql: &str, session: &Session<'_>) -> Result<Value, Failed> {
    let body = place.request(sql);
    let asked = session.client.sql(&body);
    let life = async {
        tokio::time::sleep(QUIET).await;
        let _spinner = Spinner::new();
        std::future::pending::<()>().await;
    };
    let reply = tokio::select! {
        reply = asked => reply?,
        () = life => return Err(Failed::new("the wait for the answer ended by itself")),
    };
    if reply.status.is_success() { Ok(reply.body) } else { Err(refused(&reply)) }
}

/// A sign of life; it shows nothing where standard error is no terminal.
struct Spinner(ProgressBar);

impl Spinner {
    fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} running, {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Self(bar)
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Writes the results: tables for people, or the API's JSON.
pub(super) fn show(answer: &Value, out: &mut Output<'_>) -> Result<(), Failed> {
    if out.is_json() {
        return out.json(answer);
    }
    let results = answer["results"].as_array().map_or(&[][..], Vec::as_slice);
    for (index, result) in results.iter().enumerate() {
        let Some(columns) = result["columns"].as_array() else {
            out.line(result["tag"].as_str().unwrap_or_default())?;
            continue;
        };
        let header: Vec<String> = columns.iter().map(|column| cell(&column["name"])).collect();
        let rows: Vec<Vec<String>> = result["rows"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|row| row.as_array().into_iter().flatten().map(cell).collect())
            .collect();
        let count = rows.len();
        out.grid(&header, &rows)?;
        out.line(&format!("({count} row{})", if count == 1 { "" } else { "s" }))?;
        if index.saturating_add(1) < results.len() {
            out.line("")?;
        }
    }
    Ok(())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A refused statement as a failure of the command.
pub(super) fn refused(reply: &Reply) -> Failed {
    let body = &reply.body;
    let mut message = body["detail"]
        .as_str()
        .map_or_else(|| format!("the server answered {}", reply.status), str::to_owned);
    let state = body["sqlstate"].as_str();
    if let Some(state) = state {
        message = format!("{message} (SQLSTATE {state})");
    }
    if let Some(position) = body["position"].as_u64() {
        message = format!("{message}\n  at character {position}");
    }
    if let Some(index) = body["statement"].as_u64().filter(|index| *index > 0) {
        let number = index.saturating_add(1);
        message = format!("{message}\n  in statement {number}");
    }
    if let Some(hint) = body["hint"].as_str() {
        message = format!("{message}\nhint: {hint}");
    }
    let code = if state == Some(SERIALIZATION_FAILURE) { CONFLICT } else { FAILED };
    Failed { message, code }
}
