//! The server as clients meet it: HTTP/1.1 over loopback against the release binary.
//!
//! `cargo bench --bench rest -- [FOLDER] [--refs N] [--only PART] [--binary FILE]`. The load comes from this process
//! and shares the machine's cores, so it writes bytes and looks for little more than lengths. Refused
//! requests are counted and printed; what was acknowledged is read back.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints and stops")]

#[path = "rest/load.rs"]
mod load;
#[path = "rest/process.rs"]
mod process;
mod support;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use self::load::{Client, Load, drive, get, post};
use self::process::Process;
use self::support::{Watch, grouped, head, median, row};

const ROUND: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;
const TABLES: usize = 64;
const SNAPSHOTS: usize = 100;
const PAGE: usize = 1000;
const BRANCH_CLIENTS: usize = 16;
const MANAGEMENT: &str = "/api/v1/warehouses/lake";
/// Where Iceberg clients of `lake@main` go.
const MAIN: &str = "/iceberg/v1/lake~main";

struct Arguments {
    folder: PathBuf,
    binary: PathBuf,
    refs: usize,
    only: Option<String>,
}

impl Arguments {
    fn read() -> Self {
        let mut read = Self {
            folder: std::env::temp_dir(),
            binary: PathBuf::from(env!("CARGO_BIN_EXE_nunatak")),
            refs: 50_000,
            only: None,
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                // What cargo adds.
                "--bench" => {}
                "--refs" => read.refs = words.next().and_then(|word| word.parse().ok()).unwrap(),
                "--binary" => read.binary = PathBuf::from(words.next().unwrap()),
                "--only" => read.only = words.next(),
                folder => read.folder = PathBuf::from(folder),
            }
        }
        read
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

fn main() {
    let mut words = std::env::args().skip(1);
    if words.next().as_deref() == Some("--static") {
        process::serve_file(&PathBuf::from(words.next().unwrap()));
        return;
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(run(&Arguments::read()));
}

async fn run(arguments: &Arguments) {
    let scratch = tempfile::tempdir_in(&arguments.folder).unwrap();
    head("REST", scratch.path());
    let serve = |name: &str| {
        let data = scratch.path().join(name);
        Process::serve(&arguments.binary, &data)
    };
    if arguments.wants("start") {
        starts(&serve).await;
    }
    let server = serve("data");
    let bench = Bench::prepare(server.address(), server).await;
    let mut commits = bench.count_commits().await;
    if arguments.wants("commits") {
        for clients in [1, 8, 32] {
            commits += bench.commits(scratch.path(), clients, Spread::OverTables).await;
        }
        commits += bench.commits(scratch.path(), 8, Spread::OneTable).await;
        assert_eq!(bench.count_commits().await, commits, "commits on the branch");
    }
    if arguments.wants("load") {
        bench.loads(scratch.path()).await;
    }
    if arguments.wants("refs") {
        bench.refs(scratch.path(), arguments.refs).await;
    }
    println!(
        "\nLoad {} at the end; the server used at most {:.0} MB of memory.",
        support::load(),
        bench.server.status("VmHWM")
    );
    drop(bench);
    let watch = Watch::start();
    let again = serve("data");
    let start = again.start_millis();
    again.stop();
    println!(
        "Started again on these data in {start:.0} ms, stopped after {:.0} ms.",
        watch.millis()
    );
}

async fn starts(serve: &dyn Fn(&str) -> Process) {
    let (mut fresh, mut again, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..5 {
        let folder = format!("start-{number}");
        let server = serve(&folder);
        fresh.push(server.start_millis());
        tokio::time::sleep(Duration::from_millis(500)).await;
        memory.push(server.status("VmRSS"));
        server.stop();
        let server = serve(&folder);
        again.push(server.start_millis());
        server.stop();
    }
    row(
        "start to the `listening` line",
        &format!("{:.0} ms", median(&again)),
        "100 ms",
        &format!("{:.0} ms with an empty data directory", median(&fresh)),
    );
    row("idle resident memory", &format!("{:.1} MB", median(&memory)), "30 MB", "");
}

/// Which tables clients commit to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    OverTables,
    OneTable,
}

struct Bench {
    server: Process,
    address: SocketAddr,
    uuids: Arc<Vec<String>>,
}

impl Bench {
    async fn prepare(address: SocketAddr, server: Process) -> Self {
        let mut client = Client::connect(address).await;
        let namespace = json!({"namespace": ["bench"], "properties": {}});
        client.json(&post(&format!("{MAIN}/namespaces"), &namespace)).await;
        let mut uuids = Vec::new();
        for table in 0..TABLES {
            let field = |id: usize, name: &str, kind: &str| json!({"id": id, "name": name, "required": false, "type": kind});
            let body = json!({
                "name": format!("table_{table:02}"),
                "schema": {"type": "struct", "schema-id": 0, "fields": [
                    field(1, "id", "long"), field(2, "ordered_at", "timestamptz"),
                    field(3, "customer", "string"), field(4, "amount", "decimal(12, 2)"),
                ]},
            });
            let made = client.json(&post(&format!("{MAIN}/namespaces/bench/tables"), &body)).await;
            uuids.push(made["metadata"]["table-uuid"].as_str().unwrap().to_owned());
        }
        Self { server, address, uuids: Arc::new(uuids) }
    }

    /// Commits on the main branch, as its log lists them.
    async fn count_commits(&self) -> usize {
        let mut client = Client::connect(self.address).await;
        let mut count = 0;
        let mut token = String::new();
        loop {
            let path = format!("{MANAGEMENT}/commits?ref=main&limit=10000{token}");
            let page = client.json(&get(&path)).await;
            count += page["items"].as_array().unwrap().len();
            match page["next_page_token"].as_str() {
                Some(next) => token = format!("&page_token={next}"),
                None => return count,
            }
        }
    }

    /// Commits `set-properties` for a while; returns how many were acknowledged.
    async fn commits(&self, folder: &std::path::Path, clients: usize, spread: Spread) -> usize {
        let mut rounds: Vec<(Load, f64)> = Vec::new();
        for round in 0..ROUNDS {
            let limit = support::bare_syncs(folder, Duration::from_millis(500));
            let uuids = Arc::clone(&self.uuids);
            let request = move |client: usize, number: usize| {
                let table = table_of(spread, clients, client, number);
                let body = json!({
                    "requirements": [{"type": "assert-table-uuid", "uuid": uuids[table]}],
                    "updates": [{"action": "set-properties", "updates": {
                        property(spread, clients, client): format!("{round}-{number}"),
                    }}],
                });
                post(&table_path(table), &body)
            };
            let load = drive(self.address, self.server.id(), clients, ROUND, 200, request).await;
            self.check(spread, clients, round, &load).await;
            rounds.push((load, limit));
        }
        let limit = median(&rounds.iter().map(|(_, limit)| *limit).collect::<Vec<_>>());
        let loads: Vec<&Load> = rounds.iter().map(|(load, _)| load).collect();
        let (what, aim) = match (spread, clients) {
            (Spread::OneTable, _) => ("one table", "1,500"),
            (Spread::OverTables, 32) => ("64 tables", "4,000"),
            (Spread::OverTables, _) => ("64 tables", ""),
        };
        let written: Vec<f64> = loads.iter().map(|load| load.bytes_written()).collect();
        row(
            &format!("table commits/s to {what}, {clients} clients"),
            &format!("{}; {} bytes written", Load::describe(&loads), grouped(median(&written))),
            aim,
            &format!("{} bare syncs/s: {:.2}x", grouped(limit), Load::rate_of(&loads) / limit),
        );
        loads.iter().map(|load| load.answered()).sum()
    }

    /// Reads back what each client wrote last to each table.
    async fn check(&self, spread: Spread, clients: usize, round: usize, load: &Load) {
        if load.refused > 0 {
            return;
        }
        let mut reader = Client::connect(self.address).await;
        for client in 0..clients {
            let count = load.answered_to(client);
            let mut last = std::collections::BTreeMap::new();
            for number in count.saturating_sub(TABLES)..count {
                last.insert(table_of(spread, clients, client, number), number);
            }
            for (table, number) in last {
                let loaded = reader.json(&get(&table_path(table))).await;
                let found = &loaded["metadata"]["properties"][property(spread, clients, client)];
                assert_eq!(found, &Value::from(format!("{round}-{number}")), "table {table}");
            }
        }
    }

    /// Loads a table with many snapshots, beside a server of the same bytes that does nothing else.
    async fn loads(&self, folder: &std::path::Path) {
        let mut client = Client::connect(self.address).await;
        let path = table_path(0);
        let before = client.json(&get(&path)).await;
        let body = snapshots(&before, &self.uuids[0]);
        let after = client.json(&post(&path, &body)).await;
        assert_eq!(after["metadata"]["snapshots"].as_array().unwrap().len(), SNAPSHOTS);
        let bytes = client.bytes(&get(&path)).await;
        let file = folder.join("table.json");
        std::fs::write(&file, &bytes).unwrap();
        let fixed = Process::serve_file(&file);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let asked = get(&path);
            let request = move |_, _| asked.clone();
            ours.push(drive(self.address, self.server.id(), 16, ROUND, 200, request.clone()).await);
            theirs.push(drive(fixed.address(), fixed.id(), 16, ROUND, 200, request).await);
        }
        assert_eq!(client.bytes(&get(&path)).await, bytes, "the answer changed");
        let (ours, theirs): (Vec<&Load>, Vec<&Load>) =
            (ours.iter().collect(), theirs.iter().collect());
        row(
            &format!("loadTable/s, 16 clients, {} bytes", grouped(bytes.len() as f64)),
            &Load::describe(&ours),
            "20,000, or 0.5x",
            &format!(
                "a server of one fixed answer: {}; {:.2}x",
                Load::describe(&theirs),
                Load::rate_of(&ours) / Load::rate_of(&theirs)
            ),
        );
        fixed.stop();
    }

    /// Makes branches, then reads them in pages.
    async fn refs(&self, folder: &std::path::Path, count: usize) {
        let limit = support::bare_syncs(folder, Duration::from_millis(500));
        let request = |client: usize, number: usize| {
            let name = format!("work/{:06}", number * BRANCH_CLIENTS + client);
            post(&format!("{MANAGEMENT}/branches"), &json!({"name": name}))
        };
        let each = count.div_ceil(BRANCH_CLIENTS);
        let load =
            load::drive_count(self.address, self.server.id(), BRANCH_CLIENTS, each, 201, request)
                .await;
        let loads = [&load];
        row(
            &format!(
                "branches created/s, {BRANCH_CLIENTS} clients, {} of them",
                grouped(count as f64)
            ),
            &Load::describe(&loads),
            "2,000",
            &format!("{} bare syncs/s: {:.2}x", grouped(limit), Load::rate_of(&loads) / limit),
        );
        let mut client = Client::connect(self.address).await;
        for (what, path, list) in [
            ("refs", format!("{MANAGEMENT}/refs?limit={PAGE}"), "items"),
            (
                "refs as namespaces",
                format!("/iceberg/v1/lake/namespaces?pageToken=&pageSize={PAGE}"),
                "namespaces",
            ),
        ] {
            let mut times = Vec::new();
            for _ in 0..50 {
                let watch = Watch::start();
                let bytes = client.bytes(&get(&path)).await;
                times.push(watch.millis());
                let page: Value = serde_json::from_slice(&bytes).unwrap();
                assert_eq!(page[list].as_array().unwrap().len(), PAGE.min(count + 1));
            }
            row(
                &format!("first page ({PAGE}) of {} {what}", grouped(count as f64)),
                &format!("{:.2} ms", median(&times)),
                "20 ms",
                "",
            );
        }
    }
}

fn table_path(table: usize) -> String {
    format!("{MAIN}/namespaces/bench/tables/table_{table:02}")
}

/// Every client has tables of its own, so that what it wrote last must stand there.
fn table_of(spread: Spread, clients: usize, client: usize, number: usize) -> usize {
    match spread {
        Spread::OverTables => (number * clients + client) % (TABLES - TABLES % clients),
        Spread::OneTable => TABLES - 1,
    }
}

fn property(spread: Spread, clients: usize, client: usize) -> String {
    match spread {
        Spread::OverTables => format!("bench.clients-{clients}"),
        Spread::OneTable => format!("bench.client-{client}"),
    }
}

/// One commit that gives a table its snapshots.
fn snapshots(table: &Value, uuid: &str) -> Value {
    let written = table["metadata"]["last-updated-ms"].as_u64().unwrap();
    let location = table["metadata"]["location"].as_str().unwrap();
    let snapshot = |number: usize| {
        let id = 3_000_000_000_000_000_000_u64 + number as u64 * 7_919;
        let mut snapshot = json!({
            "snapshot-id": id,
            "sequence-number": number + 1,
            "timestamp-ms": written + number as u64,
            "manifest-list": format!("{location}/metadata/snap-{id}-1-6a1f0c52-8c1e-4e9b-9d54-0d2f6a1b7c3e.avro"),
            "summary": {
                "operation": "append", "added-data-files": "4", "added-records": "120400",
                "added-files-size": "18350080", "changed-partition-count": "1",
                "total-records": format!("{}", 120_400 * (number + 1)),
                "total-data-files": format!("{}", 4 * (number + 1)),
                "total-delete-files": "0", "total-position-deletes": "0", "total-equality-deletes": "0",
            },
            "schema-id": 0,
        });
        if number > 0 {
            snapshot["parent-snapshot-id"] = json!(id - 7_919);
        }
        snapshot
    };
    let made: Vec<Value> = (0..SNAPSHOTS).map(snapshot).collect();
    let last = made.last().unwrap()["snapshot-id"].clone();
    let mut updates: Vec<Value> = made
        .into_iter()
        .map(|snapshot| json!({"action": "add-snapshot", "snapshot": snapshot}))
        .collect();
    updates.push(json!({
        "action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": last,
    }));
    json!({"requirements": [{"type": "assert-table-uuid", "uuid": uuid}], "updates": updates})
}
