//! The prompt: lines are edited and remembered, statements sent when a semicolon ends them.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};

use super::complete::is_complete;
use super::{Place, ask, show};
use crate::base::limits::CLIENT_HISTORY_MAX;
use crate::cli::Session;
use crate::cli::error::Failed;
use crate::server::config;

/// The file of remembered statements below the user's data directory.
const HISTORY: &str = "nunatak/sql_history";

const HELP: &str = "\
End a statement with a semicolon; it may have several lines.
  \\q   quit (also Ctrl-D)
  \\?   this help
Ctrl-C drops what is typed, or ends the statement that runs.
Statements about versions: SHOW BRANCHES; CREATE BRANCH b; USE BRANCH b; MERGE BRANCH b INTO main;
SHOW LOG; SHOW DIFF main b; SELECT … FROM t AT TAG 'v1';";

type Lines = Editor<(), FileHistory>;

/// What came from the prompt.
enum Typed {
    Line(String),
    /// Ctrl-C.
    Dropped,
    /// Ctrl-D.
    End,
}

/// Asks for statements until there are no more.
///
/// # Errors
/// If the terminal cannot be used or the answer cannot be written; a refused statement is shown and the
/// next one asked for.
pub(super) async fn run(mut place: Place, session: &mut Session<'_>) -> Result<(), Failed> {
    let history = config::user_data_dir().map(|folder| folder.join(HISTORY));
    let mut lines = open(history.as_deref())?;
    let mut text = String::new();
    loop {
        let sign = if text.is_empty() { "=>" } else { "->" };
        let prompt = format!("{}{sign} ", place.database);
        // Not on this thread: it drives the connection meanwhile.
        let (back, typed) = tokio::task::spawn_blocking(move || {
            let typed = lines.readline(&prompt);
            (lines, typed)
        })
        .await
        .map_err(|error| Failed::new(format!("the prompt failed: {error}")))?;
        lines = back;
        match understood(typed)? {
            Typed::End => break,
            Typed::Dropped => text.clear(),
            Typed::Line(line) => {
                if text.is_empty() {
                    match line.trim() {
                        "" => continue,
                        "\\q" | "quit" | "exit" => break,
                        "\\?" | "help" => {
                            HELP.lines().try_for_each(|line| session.out.line(line))?;
                            continue;
                        }
                        other if other.starts_with('\\') => {
                            complain(&format!("there is no command {other}; \\? lists them"));
                            continue;
                        }
                        _ => {}
                    }
                } else {
                    text.push('\n');
                }
                text.push_str(&line);
                if is_complete(&text) {
                    let statement = std::mem::take(&mut text);
                    remember(&mut lines, &statement, history.as_deref());
                    answer(&mut place, &statement, session).await?;
                }
            }
        }
    }
    Ok(())
}

fn open(history: Option<&Path>) -> Result<Lines, Failed> {
    let failed = |error: ReadlineError| Failed::new(format!("the terminal: {error}"));
    let settings = Config::builder().max_history_size(CLIENT_HISTORY_MAX).map_err(failed)?.build();
    let mut lines = Lines::with_config(settings).map_err(failed)?;
    if let Some(path) = history.filter(|path| path.exists())
        && let Err(error) = lines.load_history(path)
    {
        complain(&format!("{} cannot be read: {error}", path.display()));
    }
    Ok(lines)
}

fn understood(typed: rustyline::Result<String>) -> Result<Typed, Failed> {
    match typed {
        Ok(line) => Ok(Typed::Line(line)),
        Err(ReadlineError::Interrupted) => Ok(Typed::Dropped),
        Err(ReadlineError::Eof) => Ok(Typed::End),
        Err(error) => Err(Failed::new(format!("the terminal: {error}"))),
    }
}

/// Keeps a statement for later; a history that cannot be written is no reason to stop.
fn remember(lines: &mut Lines, statement: &str, history: Option<&Path>) {
    let added = lines.add_history_entry(statement).unwrap_or(false);
    let Some(path) = history.map(PathBuf::from).filter(|_| added) else { return };
    let kept = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .map_err(ReadlineError::from)
        .and_then(|()| lines.append_history(&path));
    if let Err(error) = kept {
        complain(&format!("the statement is not remembered in {}: {error}", path.display()));
    }
}

/// Runs one text and shows what comes of it.
async fn answer(
    place: &mut Place,
    statement: &str,
    session: &mut Session<'_>,
) -> Result<(), Failed> {
    let asked = tokio::select! {
        asked = ask(place, statement, session) => Some(asked),
        _ = tokio::signal::ctrl_c() => None,
    };
    match asked {
        Some(Ok(answer)) => {
            place.follow(&answer);
            show(&answer, &mut session.out)
        }
        Some(Err(failed)) => {
            complain(&failed.message);
            Ok(())
        }
        None => {
            complain("ended; if the statement changes something, look whether it did");
            Ok(())
        }
    }
}

fn complain(message: &str) {
    // Standard error may be closed; there is nobody left to tell then.
    drop(writeln!(std::io::stderr(), "error: {message}"));
}
