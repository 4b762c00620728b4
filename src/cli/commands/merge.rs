//! `nunatak merge`: merges a ref into a branch.

use clap::ValueEnum;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::cli::Session;
use crate::cli::client::{Reply, escape, refused};
use crate::cli::error::{CONFLICT, Failed};
use crate::cli::output::{path, short, text};

/// Which merge.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What is merged: any ref expression.
    #[arg(value_name = "SOURCE")]
    source: String,
    /// The branch that it is merged into.
    #[arg(long, value_name = "BRANCH")]
    into: String,
    /// Only say what would happen.
    #[arg(long)]
    dry_run: bool,
    /// Make a commit that does not name the source as a parent.
    #[arg(long)]
    squash: bool,
    /// The commit message.
    #[arg(long, short)]
    message: Option<String>,
    /// Refuse if the target's head is another.
    #[arg(long, value_name = "COMMIT")]
    expected_head: Option<String>,
    /// What to do with conflicts that --ours and --theirs do not name.
    #[arg(long, default_value = "fail")]
    strategy: Strategy,
    /// Keep the target's side of this table or namespace; may be repeated.
    #[arg(long, value_name = "PATH")]
    ours: Vec<String>,
    /// Take the source's side of this table or namespace; may be repeated.
    #[arg(long, value_name = "PATH")]
    theirs: Vec<String>,
}

/// What to do with conflicts.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Strategy {
    /// List them, move nothing.
    Fail,
    /// Keep the target's side.
    Ours,
    /// Take the source's side.
    Theirs,
}

/// Runs the command.
///
/// # Errors
/// What the server refuses; exit code 3 for conflicts.
pub async fn run(args: Args, session: &mut Session<'_>) -> Result<(), Failed> {
    let strategy = match args.strategy {
        Strategy::Fail => "fail",
        Strategy::Ours => "ours",
        Strategy::Theirs => "theirs",
    };
    let resolutions: Vec<Value> = args
        .ours
        .iter()
        .map(|path| (path, "ours"))
        .chain(args.theirs.iter().map(|path| (path, "theirs")))
        .map(|(path, take)| json!({ "path": path.split('.').collect::<Vec<_>>(), "take": take }))
        .collect();
    let mut body = json!({
        "source": args.source,
        "into": args.into,
        "dry_run": args.dry_run,
        "squash": args.squash,
        "strategy": strategy,
        "resolutions": resolutions,
    });
    if let Some(message) = args.message {
        body["message"] = message.into();
    }
    if let Some(head) = args.expected_head {
        body["expected_head"] = head.into();
    }
    let url = format!("/{}/merges", escape(&session.warehouse));
    let reply = session.client.send(Method::POST, &url, Some(&body), None).await?;
    report(session, &reply, args.dry_run)
}

/// Shows what a merge, revert or cherry-pick did.
///
/// # Errors
/// What the server refused; exit code 3 for conflicts.
pub fn report(session: &mut Session<'_>, reply: &Reply, dry_run: bool) -> Result<(), Failed> {
    let conflicts = reply.body["conflicts"].as_array();
    if reply.status == StatusCode::CONFLICT && conflicts.is_some() {
        let rows = conflicts.map_or(&[][..], Vec::as_slice);
        if session.out.is_json() {
            session.out.json(&reply.body)?;
        } else {
            session.out.table(
                rows,
                &[
                    ("conflict", |item| path(&item["path"])),
                    ("reason", |item| text(&item["reason"])),
                ],
            )?;
        }
        let mut failed = refused(reply);
        failed.code = CONFLICT;
        failed.message.push_str(
            "; decide each with --ours PATH or --theirs PATH, or all with --strategy ours|theirs",
        );
        return Err(failed);
    }
    if !reply.status.is_success() {
        return Err(refused(reply));
    }
    if session.out.is_json() {
        return session.out.json(&reply.body);
    }
    let changes = reply.body["changes"].as_array().map_or(&[][..], Vec::as_slice);
    if !changes.is_empty() {
        session.out.table(
            changes,
            &[
                ("action", |item| text(&item["action"])),
                ("path", |item| path(&item["path"])),
                ("reason", |item| text(&item["reason"])),
            ],
        )?;
    }
    let last = match (&reply.body["commit"], dry_run) {
        (Value::Null, true) => "dry run: nothing moved".to_owned(),
        (Value::Null, false) => "nothing to do: nothing moved".to_owned(),
        (commit, _) => format!("commit {}", short(commit)),
    };
    session.out.line(&last)
}
