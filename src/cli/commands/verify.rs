//! `nunatak verify`: checks a whole data directory, without a server.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::cli::error::Failed;
use crate::cli::output::Output;
use crate::server;
use crate::server::config::Flags;

/// Problems that are printed at most.
const SHOWN_MAX: usize = 100;

/// Verifies a data directory. Progress goes to standard error, the result to `out`.
///
/// # Errors
/// If the directory cannot be read, or if anything in it is wrong.
pub fn run(flags: &Flags, out: &mut Output<'_>) -> Result<(), Failed> {
    let config = server::config::load(flags)?;
    // Hidden by itself where standard error is no terminal.
    let bar = ProgressBar::new_spinner().with_style(ProgressStyle::default_spinner());
    let report = server::verify::run(&config, &mut |what| {
        bar.set_message(what.to_owned());
        bar.tick();
    });
    bar.finish_and_clear();
    let report = report?;
    let problems: Vec<&String> = report.problems.iter().take(SHOWN_MAX).collect();
    out.object(&json!({
        "verified": report.problems.is_empty(),
        "warehouses": report.warehouses,
        "refs": report.refs,
        "commits": report.commits,
        "ref_log_rows": report.log_rows,
        "tree_nodes": report.nodes,
        "content_objects": report.objects,
        "metadata_files": report.files,
        "problems": problems,
    }))?;
    match report.problems.len() {
        0 => Ok(()),
        count => Err(Failed::new(format!(
            "{count} problems in {}; keep a copy of the directory before anything else",
            config.data_dir.display()
        ))),
    }
}
