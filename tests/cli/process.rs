//! Runs the binary in a folder of its own, without this process's environment.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

pub(crate) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nunatak"));
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

pub(crate) struct Server {
    child: Child,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::start_in(tempfile::tempdir().unwrap())
    }

    pub(crate) fn start_in(folder: tempfile::TempDir) -> Self {
        let mut child = command(
            folder.path(),
            &["serve", "--http", "127.0.0.1:0", "--pg", "127.0.0.1:0", "--flight", "127.0.0.1:0"],
        )
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| line.unwrap().strip_prefix("listening http ").map(str::to_owned))
            .unwrap();
        Self { child, folder, url: format!("http://{address}") }
    }

    /// Runs a client command.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        command(self.folder.path(), arguments).env("NUNATAK_URL", &self.url).output().unwrap()
    }

    /// What a client command that must succeed prints.
    #[track_caller]
    pub(crate) fn out(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        redact(&String::from_utf8(output.stdout).unwrap())
    }

    /// Exit code and message of a client command that must fail.
    #[track_caller]
    pub(crate) fn failure(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        (output.status.code().unwrap(), redact(&String::from_utf8(output.stderr).unwrap()))
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let output = self.run(&[&["--json"], arguments].concat());
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Sends SIGTERM and waits; the exit code and the folder.
    pub(crate) fn stop(mut self) -> (Option<i32>, tempfile::TempDir) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(&id).status().unwrap().success());
        let code = self.child.wait().unwrap().code();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        (code, folder)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Ids and times become placeholders of the same length, so that tables keep their form.
fn redact(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.') {
            word.push(c);
            continue;
        }
        let hex = word.len() >= 12 && word.chars().all(|c| c.is_ascii_hexdigit());
        let time = word.len() == 27 && word.ends_with('Z');
        let fill = if hex { 'x' } else { 't' };
        if hex || time {
            out.extend(std::iter::repeat_n(fill, word.len().min(27)));
        } else {
            out.push_str(&word);
        }
        word.clear();
        if c != '\0' {
            out.push(c);
        }
    }
    out
}
