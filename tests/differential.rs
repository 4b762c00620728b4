//! Random statements, answered by Nunatak (over the wire) and by PostgreSQL: rows and errors must be the same.
//!
//! What Nunatak refuses as not supported is counted; more than a few in a hundred fail the test, as does any
//! other difference. `DIFFERENTIAL_STATEMENTS=20000` tries more, `DIFFERENTIAL_SEED=7` others.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]
#![expect(clippy::format_push_string, reason = "texts of statements are put together")]
#![expect(clippy::print_stderr, reason = "what was refused is worth seeing, and no failure")]

#[path = "differential/blocks.rs"]
mod blocks;
#[path = "differential/changes.rs"]
mod changes;
#[path = "differential/compare.rs"]
mod compare;
#[path = "differential/expressions.rs"]
mod expressions;
#[path = "differential/files.rs"]
mod files;
#[path = "slt/lake.rs"]
mod lake;
#[path = "differential/lookups.rs"]
mod lookups;
#[path = "differential/nested.rs"]
mod nested;
#[path = "differential/postgres.rs"]
mod postgres;
#[path = "differential/queries.rs"]
mod queries;
#[path = "differential/random.rs"]
mod random;
#[path = "differential/tables.rs"]
mod tables;

use std::collections::BTreeMap;

use compare::{Answer, Verdict, ask, verdict};
use lake::Lake;
use nested::{Made, Maker};
use postgres::Postgres;
use queries::Select;
use random::Random;
use tables::Table;
use tokio_postgres::{Client, Config, NoTls};

/// Statements of each kind that are tried.
const QUERIES: usize = 1500;
const NESTED: usize = 700;
const CHANGES: usize = 60;
/// Of a hundred statements, so many may be refused.
const REFUSED_PERCENT_MAX: usize = 8;
/// Differences after which it is enough.
const FAILURES_MAX: usize = 12;

#[expect(clippy::disallowed_methods, reason = "who looks for a fault may ask for more")]
fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Both servers.
struct Pair {
    ours: Client,
    theirs: Client,
    refused: BTreeMap<String, (usize, String)>,
    failures: Vec<String>,
    tried: usize,
    _lake: Lake,
    _postgres: Postgres,
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(async move {
        drop(connection.await);
    });
    client
}

impl Pair {
    async fn start() -> Self {
        let postgres = Postgres::start();
        let theirs = connect(&postgres.database("differential").await).await;
        let lake = Lake::new().await;
        let address = lake.listen().await;
        let mut config = Config::new();
        config.host("127.0.0.1").port(address.port()).user("ann").dbname("lake");
        Self {
            ours: connect(&config).await,
            theirs,
            refused: BTreeMap::new(),
            failures: Vec::new(),
            tried: 0,
            _lake: lake,
            _postgres: postgres,
        }
    }

    /// Runs a statement that must work on both.
    async fn both(&self, text: &str) {
        for client in [&self.theirs, &self.ours] {
            if let Err(error) = client.batch_execute(text).await {
                panic!("{text}: {error:?}");
            }
        }
    }

    async fn answers(&self, text: &str) -> (Answer, Answer) {
        tokio::join!(ask(&self.theirs, text), ask(&self.ours, text))
    }

    async fn judge(&self, text: &str, ordered: bool) -> (Verdict, Answer, Answer) {
        let (theirs, ours) = self.answers(text).await;
        (verdict(&theirs, &ours, ordered), theirs, ours)
    }

    fn note_refusal(&mut self, text: &str, answer: &Answer) {
        if let Answer::Failed { message, .. } = answer {
            let kind: String = message.chars().take(90).collect();
            self.refused.entry(kind).or_insert_with(|| (0, text.to_owned())).0 += 1;
        }
    }

    fn note_failure(&mut self, text: &str, theirs: &Answer, ours: &Answer) {
        self.failures.push(format!(
            "{text}\n PostgreSQL:\n{}\n Nunatak:\n{}",
            theirs.shown(ours),
            ours.shown(theirs)
        ));
    }

    async fn query(&mut self, select: Select) {
        self.tried += 1;
        let (verdict, theirs, ours) = self.judge(&select.text(), select.ordered.is_some()).await;
        match verdict {
            Verdict::Same => {}
            Verdict::Refused => self.note_refusal(&select.text(), &ours),
            Verdict::Different => {
                let (text, theirs, ours) = self.shrink(select, theirs, ours).await;
                self.note_failure(&text, &theirs, &ours);
            }
        }
    }

    async fn nested(&mut self, made: &Made) {
        self.tried += 1;
        let (verdict, theirs, ours) = self.judge(&made.text, made.ordered).await;
        match verdict {
            Verdict::Same => {}
            Verdict::Refused => self.note_refusal(&made.text, &ours),
            Verdict::Different => self.note_failure(&made.text, &theirs, &ours),
        }
    }

    /// Leaves out parts of a query as long as the answers differ.
    async fn shrink(
        &self,
        select: Select,
        theirs: Answer,
        ours: Answer,
    ) -> (String, Answer, Answer) {
        let mut best = (select, theirs, ours);
        'again: loop {
            for smaller in best.0.smaller() {
                let (verdict, theirs, ours) =
                    self.judge(&smaller.text(), smaller.ordered.is_some()).await;
                if verdict == Verdict::Different {
                    best = (smaller, theirs, ours);
                    continue 'again;
                }
            }
            return (best.0.text(), best.1, best.2);
        }
    }

    /// A statement that changes a table, and what the table holds then.
    async fn change(&mut self, text: &str, table: &str) {
        self.tried += 1;
        let rows = format!("select * from {table}");
        let (changed, theirs, ours) = {
            // Undone by PostgreSQL where it is refused here.
            self.theirs.batch_execute("begin").await.unwrap();
            let theirs = ask(&self.theirs, text).await;
            let ours = ask(&self.ours, text).await;
            let changed = verdict(&theirs, &ours, false);
            let end = if changed == Verdict::Same { "commit" } else { "rollback" };
            self.theirs.batch_execute(end).await.unwrap();
            (changed, theirs, ours)
        };
        match changed {
            Verdict::Refused => self.note_refusal(text, &ours),
            Verdict::Different => self.note_failure(text, &theirs, &ours),
            Verdict::Same => {}
        }
        let (after, theirs, ours) = self.judge(&rows, false).await;
        if after != Verdict::Same {
            self.note_failure(&format!("{text}; {rows}"), &theirs, &ours);
        }
    }

    fn report(&self) {
        let refused: usize = self.refused.values().map(|(count, _)| count).sum();
        eprintln!("{} statements, {refused} refused as not supported", self.tried);
        for (message, (count, text)) in &self.refused {
            eprintln!("{count:5}  {message}\n       {text}");
        }
        assert!(
            self.failures.is_empty(),
            "{} differences\n\n{}",
            self.failures.len(),
            self.failures.join("\n\n")
        );
        assert!(
            refused * 100 <= self.tried * REFUSED_PERCENT_MAX,
            "{refused} of {} statements are not supported",
            self.tried
        );
    }
}

async fn fill(pair: &Pair, tables: &[Table], random: &mut Random) {
    for table in tables {
        pair.both(&table.create()).await;
        if let Some(rows) = table.fill(random) {
            pair.both(&rows).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_answer_as_in_postgresql() {
    let mut pair = Pair::start().await;
    let mut random = Random::new(setting("DIFFERENTIAL_SEED", 1).try_into().unwrap());
    let tables = tables::tables();
    fill(&pair, &tables, &mut random).await;
    for _ in 0..setting("DIFFERENTIAL_STATEMENTS", QUERIES) {
        pair.query(queries::query(&tables, &mut random)).await;
        if pair.failures.len() >= FAILURES_MAX {
            break;
        }
    }
    pair.report();
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_of_queries_answer_as_in_postgresql() {
    let mut pair = Pair::start().await;
    let mut random = Random::new(setting("DIFFERENTIAL_SEED", 1).try_into().unwrap());
    let mut tables = files::tables();
    for table in &tables {
        for statement in files::fill(table, &mut random) {
            pair.both(&statement).await;
        }
    }
    for (view, query) in files::views() {
        pair.both(&format!("create view {} as {query}", view.name)).await;
        tables.push(view);
    }
    for _ in 0..setting("DIFFERENTIAL_STATEMENTS", NESTED) {
        let made = Maker::new(&tables, &mut random).query(2, &[], None);
        pair.nested(&made).await;
        if pair.failures.len() >= FAILURES_MAX {
            break;
        }
    }
    pair.report();
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_leave_what_they_leave_in_postgresql() {
    let mut pair = Pair::start().await;
    let mut random = Random::new(setting("DIFFERENTIAL_SEED", 1).try_into().unwrap());
    let tables = tables::tables();
    fill(&pair, &tables, &mut random).await;
    let rounds = setting("DIFFERENTIAL_STATEMENTS", CHANGES);
    for round in 0..rounds {
        // A fresh copy once in a while: it would be empty or full else.
        if round % 12 == 0 {
            let start = "drop table if exists work; create table work as select * from big1";
            pair.both(start).await;
        }
        let target = Table { name: "work", ..tables[0].clone() };
        let text = changes::change(&target, &tables, &mut random);
        pair.change(&text, "work").await;
        if pair.failures.len() >= FAILURES_MAX {
            break;
        }
    }
    pair.report();
}
