//! A PostgreSQL of one's own: in a temporary directory, on a socket there, gone at the end.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokio_postgres::{Config, NoTls};

/// How often a server that starts is asked, and how long between.
const TRIES_MAX: usize = 400;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// A running server.
pub(crate) struct Postgres {
    directory: tempfile::TempDir,
    binaries: PathBuf,
}

impl Postgres {
    /// Starts one.
    pub(crate) fn start() -> Self {
        let Some(binaries) = binaries() else {
            panic!("PostgreSQL is not installed: tests/tools/setup.sh does that")
        };
        let directory = tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").unwrap();
        if root() {
            let done =
                Command::new("chown").arg("postgres").arg(directory.path()).status().unwrap();
            assert!(done.success());
        }
        let postgres = Self { directory, binaries };
        let data = postgres.data();
        let data = data.to_str().unwrap();
        postgres.run(
            "initdb",
            &["-D", data, "-A", "trust", "-U", "postgres", "-N", "--locale=C", "-E", "UTF8"],
        );
        let options = format!(
            "-c listen_addresses='' -k {} -c fsync=off -c timezone=UTC -c max_connections=20 \
             -c shared_buffers=16MB -c autovacuum=off -c jit=off",
            postgres.directory.path().display()
        );
        postgres.run("pg_ctl", &["-D", data, "-o", &options, "-l", "/dev/null", "-w", "start"]);
        postgres
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Runs one of PostgreSQL's programs, which refuse to run as root.
    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.binaries.join(program);
        let mut command = if root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]);
            command.arg(&program);
            command
        } else {
            Command::new(&program)
        };
        let status = command
            .args(arguments)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "{} {arguments:?}: {status}", program.display());
    }

    fn config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config.host_path(self.directory.path()).user("postgres").dbname(database);
        config
    }

    /// Makes a database, empty.
    pub(crate) async fn database(&self, name: &str) -> Config {
        let mut tries = 0;
        let (client, connection) = loop {
            match self.config("postgres").connect(NoTls).await {
                Ok(connected) => break connected,
                Err(error) => assert!(tries < TRIES_MAX, "{error}"),
            }
            tries += 1;
            tokio::time::sleep(BETWEEN_TRIES).await;
        };
        let serving = tokio::spawn(connection);
        client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
        drop(client);
        drop(serving.await);
        self.config(name)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let data = self.data();
        if data.join("postmaster.pid").exists() {
            self.run("pg_ctl", &["-D", data.to_str().unwrap(), "-m", "immediate", "-w", "stop"]);
        }
    }
}

fn root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.starts_with(b"0\n")
}

/// The folder of the newest version.
fn binaries() -> Option<PathBuf> {
    let versions = Path::new("/usr/lib/postgresql").read_dir().ok()?;
    versions
        .filter_map(|entry| {
            let folder = entry.ok()?.path();
            let version: u32 = folder.file_name()?.to_str()?.parse().ok()?;
            folder.join("bin/initdb").is_file().then_some((version, folder.join("bin")))
        })
        .max()
        .map(|(_, folder)| folder)
}
