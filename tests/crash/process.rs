//! Starts and ends servers on one data directory.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::http::Client;

/// A command of the binary, without this process's environment.
pub(crate) fn command(data: &Path, subcommand: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nunatak"));
    command.arg(subcommand).arg("--data-dir").arg(data).args(more);
    command.env_clear().stdin(Stdio::null());
    command
}

/// `serve` on any free port.
pub(crate) fn serve(data: &Path) -> Command {
    command(
        data,
        "serve",
        &["--http", "127.0.0.1:0", "--pg", "127.0.0.1:0", "--flight", "127.0.0.1:0"],
    )
}

/// Verifies a data directory; it must be sound.
#[track_caller]
pub(crate) fn verify(data: &Path) -> String {
    let output = command(data, "verify", &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", all(&output));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn all(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{} {}{}", output.status, text(&output.stdout), text(&output.stderr))
}

/// A running server; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
}

impl Server {
    #[track_caller]
    pub(crate) fn start(data: &Path) -> Self {
        Self::spawn(&mut serve(data))
    }

    #[track_caller]
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address =
            lines.find_map(|line| line.unwrap().strip_prefix("listening http ").map(str::to_owned));
        let Some(address) = address else { panic!("the server did not start: {:?}", child.wait()) };
        Self { child, address }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(&self.address).unwrap()
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; the exit code.
    pub(crate) fn terminate(mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(&id).status().unwrap().success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
