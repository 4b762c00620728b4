//! The kernel by itself: committer, tree and SQLite store at a million keys, no HTTP and no table files.
//!
//! `cargo bench --bench kernel -- [FOLDER] [--keys N] [--only PART] [--clients N]`. Every part checks what it measured: commits on
//! the branch, locations in the tree, items of a diff. Timings are printed, never asserted.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program that prints and stops")]

mod support;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nunatak::base::clock::{SharedClock, SystemClock, Timestamp};
use nunatak::base::error::Error;
use nunatak::base::hash::Digest;
use nunatak::base::ids::{CommitId, ContentId, WarehouseId};
use nunatak::base::name::{ContentPath, NamespacePath, RefName};
use nunatak::store::interface::MetaStore;
use nunatak::store::records::{RefAction, RefKind, WarehouseRecord};
use nunatak::store::sqlite::{SqliteOptions, SqliteStore};
use nunatak::version::committer::{
    Change, ChangeContext, ChangeError, CommitRequest, Committed, Committer, FileSafety, FileSink,
    NewFile, Proposal, RefChange, RefRequest, WarehouseRequest, Write,
};
use nunatak::version::content::Object;
use nunatak::version::diff::{Renames, TreeSource as _, differences};
use nunatak::version::merge::{MergeOptions, merge_commits};
use nunatak::version::reader::HistoryReader;
use nunatak::version::repository::Repository;
use nunatak::version::snapshot::Snapshot;

use self::support::{Watch, grouped, head, median, quantile, row};

/// As in the server's binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TABLES_PER_NAMESPACE: usize = 1000;
/// Namespaces that one commit of the preparation fills.
const NAMESPACES_AT_ONCE: usize = 20;
const ROUND: Duration = Duration::from_secs(3);
const ROUNDS: usize = 3;
const REFS: usize = 50_000;
const REF_CLIENTS: usize = 16;
const PAGE: usize = 1000;

/// A reproducible sequence of numbers (xorshift64*).
#[derive(Clone, Debug)]
struct Sequence(u64);

impl Sequence {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let word = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(word).unwrap_or(0) % bound.max(1)
    }
}

/// Writes nothing: files are measured with the server.
#[derive(Debug)]
struct NoFiles;

impl FileSink for NoFiles {
    fn write(&self, files: &[NewFile]) -> Vec<Result<FileSafety, Error>> {
        files.iter().map(|_| Ok(FileSafety::Durable)).collect()
    }
}

struct With<F>(F);

impl<F: FnMut(&Snapshot) -> Result<Vec<Write>, ChangeError> + Send> Change for With<F> {
    fn evaluate(&mut self, base: &Snapshot, _: &ChangeContext) -> Result<Proposal, ChangeError> {
        let writes = (self.0)(base)?;
        Ok(Proposal { writes, message: "set the table's state".to_owned(), ..Proposal::default() })
    }
}

fn content_id(path: &[String]) -> ContentId {
    let digest = Digest::of(path.join("/").as_bytes());
    ContentId::new(digest.as_bytes()[..16].try_into().unwrap())
}

fn table_path(number: usize) -> Vec<String> {
    let (namespace, table) = (number / TABLES_PER_NAMESPACE, number % TABLES_PER_NAMESPACE);
    vec![format!("namespace_{namespace:04}"), format!("table_{table:04}")]
}

fn location(table: usize, version: &str) -> String {
    let path = table_path(table).join("/");
    format!("file:///warehouse/lake/{path}-5f3a9c1e/metadata/{version}.metadata.json")
}

fn put(table: usize, version: &str) -> Write {
    let path = table_path(table);
    let object = Object::Table { metadata_location: location(table, version) };
    Write::Put { id: content_id(&path), path, object }
}

/// As a table commit does it: reads what is there, keeps its id, writes the new state.
fn change_table(base: &Snapshot, table: usize, version: &str) -> Result<Vec<Write>, ChangeError> {
    let mut path = table_path(table);
    let name = path.pop().unwrap();
    let content = ContentPath::new(NamespacePath::new(path)?, name)?;
    let found = base.content(&content)?.ok_or_else(|| Error::internal("no such table"))?;
    base.object(&found)?;
    let path = found.entry.path;
    let object = Object::Table { metadata_location: location(table, version) };
    Ok(vec![Write::Put { path, id: found.entry.id, object }])
}

struct House {
    folder: PathBuf,
    store: Arc<SqliteStore>,
    repository: Arc<Repository>,
    committer: Committer,
    warehouse: WarehouseId,
    keys: usize,
}

impl House {
    async fn open(folder: &Path, keys: usize) -> Self {
        let path = folder.join("metadata.sqlite");
        let store = Arc::new(SqliteStore::open(&path, SqliteOptions::default()).unwrap());
        let repository = Arc::new(Repository::new(Arc::<SqliteStore>::clone(&store)));
        let clock: SharedClock = Arc::new(SystemClock::new());
        let committer =
            Committer::start(Arc::clone(&repository), Arc::new(NoFiles), clock).unwrap();
        let record = WarehouseRecord {
            id: WarehouseId(0),
            name: "lake".to_owned(),
            location: "file:///warehouse".to_owned(),
            default_branch: "main".to_owned(),
            client_gc: false,
            created_at: Timestamp::from_micros(0),
        };
        let request = WarehouseRequest::Create { record, actor: "bench".to_owned() };
        let warehouse = committer.change_warehouse(request).await.unwrap().unwrap().id;
        Self { folder: folder.to_owned(), store, repository, committer, warehouse, keys }
    }

    async fn commit(
        &self,
        branch: &str,
        change: impl FnMut(&Snapshot) -> Result<Vec<Write>, ChangeError> + Send + 'static,
    ) -> Committed {
        let request = CommitRequest {
            warehouse: self.warehouse,
            branch: RefName::parse(branch).unwrap(),
            author: "bench".to_owned(),
            committer: "bench".to_owned(),
            message: None,
            properties: BTreeMap::new(),
            expected_head: None,
            worked_out_at: None,
            merge_parent: None,
            action: RefAction::Commit,
            idempotency: None,
            change: Box::new(With(change)),
        };
        self.committer.commit(request).await.unwrap()
    }

    async fn branch(&self, name: String, to: CommitId) {
        let request = RefRequest {
            warehouse: self.warehouse,
            name: RefName::parse(&name).unwrap(),
            actor: "bench".to_owned(),
            reason: "created".to_owned(),
            change: RefChange::Create { kind: RefKind::Branch, to },
        };
        self.committer.change_ref(request).await.unwrap();
    }

    fn head(&self, branch: &str) -> CommitId {
        self.repository.reference(self.warehouse, branch).unwrap().unwrap().commit
    }

    fn generation(&self, branch: &str) -> u64 {
        let head = self.head(branch);
        self.repository.commit(self.warehouse, head).unwrap().commit.generation
    }

    /// The store's bytes on the disk, the write-ahead log moved into the file.
    fn file_bytes(&self) -> u64 {
        self.store.checkpoint().unwrap();
        std::fs::metadata(self.store.path()).unwrap().len()
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments = Arguments::read();
    let scratch = tempfile::tempdir_in(&arguments.folder).unwrap();
    head("Kernel", scratch.path());
    let house = Arc::new(House::open(scratch.path(), arguments.keys).await);
    let stop = checkpoints(&house);
    build(&house).await;
    if arguments.wants("commits") {
        commits(&house, &arguments.crowds).await;
    }
    if arguments.wants("diff") {
        diffs(&house).await;
    }
    if arguments.wants("merge") {
        merges(&house).await;
    }
    if arguments.wants("refs") {
        refs(&house).await;
    }
    stop.store(true, Ordering::SeqCst);
    println!("\nLoad {} at the end.", support::load());
    let committer = house.committer.clone();
    tokio::task::spawn_blocking(move || committer.close()).await.unwrap();
}

struct Arguments {
    folder: PathBuf,
    keys: usize,
    only: Option<String>,
    crowds: Vec<usize>,
}

impl Arguments {
    fn read() -> Self {
        let mut read = Self {
            folder: std::env::temp_dir(),
            keys: 1_000_000,
            only: None,
            crowds: vec![1, 8, 64],
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                // What cargo adds.
                "--bench" => {}
                "--keys" => read.keys = words.next().and_then(|word| word.parse().ok()).unwrap(),
                "--only" => read.only = words.next(),
                "--clients" => {
                    read.crowds =
                        words.next().and_then(|word| word.parse().ok()).into_iter().collect();
                }
                folder => read.folder = PathBuf::from(folder),
            }
        }
        read
    }

    fn wants(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

/// Moves the write-ahead log every second, as the server does.
fn checkpoints(house: &Arc<House>) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let (store, stopped) = (Arc::clone(&house.store), Arc::clone(&stop));
    std::thread::spawn(move || {
        while !stopped.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_secs(1));
            store.checkpoint().unwrap();
        }
    });
    stop
}

async fn build(house: &House) {
    let watch = Watch::start();
    let namespaces = house.keys / TABLES_PER_NAMESPACE;
    let named = move |_: &Snapshot| {
        let one = |number: usize| {
            let path = vec![table_path(number * TABLES_PER_NAMESPACE).swap_remove(0)];
            let object = Object::Namespace { properties: BTreeMap::new() };
            Write::Put { id: content_id(&path), path, object }
        };
        Ok((0..namespaces).map(one).collect())
    };
    house.commit("main", named).await;
    for from in (0..namespaces).step_by(NAMESPACES_AT_ONCE) {
        let to = (from + NAMESPACES_AT_ONCE).min(namespaces);
        let tables = from * TABLES_PER_NAMESPACE..to * TABLES_PER_NAMESPACE;
        let filled = move |_: &Snapshot| Ok(tables.clone().map(|table| put(table, "v0")).collect());
        house.commit("main", filled).await;
    }
    let seconds = watch.seconds();
    let (rate, bytes) =
        (house.keys as f64 / seconds, house.file_bytes() as f64 / house.keys as f64);
    row(
        &format!("tree of {} tables, by commits of 20,000", grouped(rate * seconds)),
        &format!("{} keys/s", grouped(rate)),
        "",
        &format!("{seconds:.1} s, {bytes:.0} bytes in the file per key"),
    );
}

/// What one client did: latencies in milliseconds, and what it wrote last to each table.
#[derive(Default)]
struct Done {
    millis: Vec<f64>,
    last: HashMap<usize, String>,
}

async fn commits(house: &Arc<House>, crowds: &[usize]) {
    let mut results: HashMap<usize, Vec<[f64; 6]>> = HashMap::new();
    for round in 0..ROUNDS {
        for &clients in crowds {
            let limit = support::bare_syncs(&house.folder, Duration::from_millis(500));
            let [rate, p50, p99, bytes, cpu] = commit_round(house, clients, round).await;
            results.entry(clients).or_default().push([rate, p50, p99, bytes, cpu, limit]);
        }
    }
    for &clients in crowds {
        let rounds = results.remove(&clients).unwrap();
        let column = |index: usize| {
            let values: Vec<f64> =
                rounds.iter().filter_map(|round| round.get(index)).copied().collect();
            median(&values)
        };
        let (rate, limit) = (column(0), column(5));
        let all: Vec<String> = rounds.iter().map(|round| grouped(round[0])).collect();
        row(
            &format!("commits/s to one branch, {clients} clients"),
            &format!(
                "{} (rounds {}); p50 {:.2} ms, p99 {:.2} ms; {} bytes written and {:.0} µs of processor per commit",
                grouped(rate),
                all.join(", "),
                column(1),
                column(2),
                grouped(column(3)),
                column(4),
            ),
            if clients == 64 { "8,000" } else { "" },
            &format!("{} bare syncs/s: {:.2}x", grouped(limit), rate / limit),
        );
    }
}

async fn commit_round(house: &Arc<House>, clients: usize, round: usize) -> [f64; 5] {
    let before = house.generation("main");
    let bytes_before = support::bytes_written("self");
    let cpu_before = support::cpu_millis("self");
    let watch = Arc::new(Watch::start());
    let mut tasks = Vec::new();
    for client in 0..clients {
        let (house, watch) = (Arc::clone(house), Arc::clone(&watch));
        tasks.push(tokio::spawn(async move {
            let mut done = Done::default();
            let mut sequence = Sequence::new((round * 1000 + clients * 100 + client) as u64);
            let owned = house.keys / clients;
            while watch.elapsed() < ROUND {
                // Every client has tables of its own, so that what it wrote last must stand there.
                let table = sequence.below(owned) * clients + client;
                let version = format!("{round}-{client}-{}", done.millis.len());
                let state = version.clone();
                let start = watch.millis();
                // The caller has read the table before it asks for the change, as the catalog does.
                let head = house.head("main");
                let seen = house.repository.snapshot(house.warehouse, head).unwrap();
                change_table(&seen, table, &state).unwrap();
                let change = move |base: &Snapshot| change_table(base, table, &state);
                assert!(house.commit("main", change).await.commit.is_some());
                done.millis.push(watch.millis() - start);
                done.last.insert(table, version);
            }
            done
        }));
    }
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap());
    }
    let seconds = watch.seconds();
    let bytes = support::bytes_written("self") - bytes_before;
    let cpu = support::cpu_millis("self") - cpu_before;
    let millis: Vec<f64> = done.iter().flat_map(|done| done.millis.iter().copied()).collect();
    assert_eq!(house.generation("main") - before, millis.len() as u64, "commits on the branch");
    check_tables(house, &done);
    let (count, bytes) = (millis.len() as f64, bytes as f64);
    [
        count / seconds,
        quantile(&millis, 0.5),
        quantile(&millis, 0.99),
        bytes / count,
        cpu * 1e3 / count,
    ]
}

/// What a fresh repository reads is what was written last.
fn check_tables(house: &House, done: &[Done]) {
    let fresh = fresh(house);
    let snapshot = fresh.snapshot(house.warehouse, house.head("main")).unwrap();
    for (table, version) in done.iter().flat_map(|done| done.last.iter().take(50)) {
        let mut path = table_path(*table);
        let name = path.pop().unwrap();
        let path = ContentPath::new(NamespacePath::new(path).unwrap(), name).unwrap();
        let found = snapshot.content(&path).unwrap().unwrap();
        let object = snapshot.object(&found).unwrap();
        assert_eq!(object.metadata_location(), Some(location(*table, version).as_str()));
    }
}

/// A repository whose caches are empty.
fn fresh(house: &House) -> Arc<Repository> {
    Arc::new(Repository::new(Arc::<SqliteStore>::clone(&house.store)))
}

/// Distinct tables, drawn at random.
fn draw(keys: usize, count: usize, seed: u64) -> Vec<usize> {
    let mut sequence = Sequence::new(seed);
    let mut drawn = std::collections::BTreeSet::new();
    while drawn.len() < count {
        drawn.insert(sequence.below(keys));
    }
    drawn.into_iter().collect()
}

/// A branch from `from` on which one commit changed these tables.
async fn changed(house: &House, name: &str, from: CommitId, tables: Vec<usize>) -> CommitId {
    house.branch(name.to_owned(), from).await;
    let version = name.to_owned();
    let change = move |_: &Snapshot| Ok(tables.iter().map(|table| put(*table, &version)).collect());
    house.commit(name, change).await.head
}

async fn diffs(house: &House) {
    let main = house.head("main");
    for (count, aim) in [(100, "2 ms"), (1000, "")] {
        let (mut cold, mut warm) = (Vec::new(), Vec::new());
        for trial in 0..7 {
            let tables = draw(house.keys, count, 500 + trial);
            let right = changed(house, &format!("diff-{count}-{trial}"), main, tables).await;
            let reader = HistoryReader::new(fresh(house), house.warehouse);
            for (index, times) in [&mut cold, &mut warm].into_iter().enumerate() {
                let watch = Watch::start();
                let (from, to) = (reader.tree(main).unwrap(), reader.tree(right).unwrap());
                let renames = Renames::find(reader.nodes(), from, to).unwrap();
                let found = differences(reader.nodes(), from, to, &renames, None, 10_000).unwrap();
                times.push(watch.millis());
                assert_eq!(found.len(), count, "round {index}");
            }
        }
        row(
            &format!("diff of {count} changed tables among {}", grouped(house.keys as f64)),
            &format!("{:.2} ms", median(&warm)),
            aim,
            &format!("{:.2} ms with no node in memory", median(&cold)),
        );
    }
}

async fn merges(house: &House) {
    let main = house.head("main");
    let (mut cold, mut warm, mut landed) = (Vec::new(), Vec::new(), Vec::new());
    for trial in 0..5 {
        let both = draw(house.keys, 2000, 900 + trial);
        let side = |odd: usize| {
            both.iter().enumerate().filter(|(index, _)| index % 2 == odd).map(|(_, t)| *t).collect()
        };
        let (left, right) = (format!("ours-{trial}"), format!("theirs-{trial}"));
        let ours = changed(house, &left, main, side(0)).await;
        let theirs = changed(house, &right, main, side(1)).await;
        let reader = HistoryReader::new(fresh(house), house.warehouse);
        let mut outcome = None;
        for times in [&mut cold, &mut warm] {
            let watch = Watch::start();
            let merged =
                merge_commits(&reader, &reader, ours, theirs, &MergeOptions::default()).unwrap();
            times.push(watch.millis());
            assert!(merged.conflicts.is_empty() && merged.writes.len() == 1000);
            outcome = Some(merged);
        }
        let writes: Vec<Write> = outcome
            .unwrap()
            .writes
            .into_iter()
            .map(|write| {
                let merged = write.result.unwrap();
                Write::Keep { entry: merged.entry, hint: merged.hint }
            })
            .collect();
        let watch = Watch::start();
        house.commit(&left, move |_| Ok(writes.clone())).await;
        landed.push(watch.millis());
    }
    row(
        &format!("merge of 1,000 + 1,000 changed tables among {}", grouped(house.keys as f64)),
        &format!("{:.1} ms", median(&warm)),
        "60 ms",
        &format!(
            "{:.1} ms with no node in memory; the commit of its 1,000 writes {:.1} ms more",
            median(&cold),
            median(&landed)
        ),
    );
}

async fn refs(house: &Arc<House>) {
    let main = house.head("main");
    let limit = support::bare_syncs(&house.folder, Duration::from_millis(500));
    let watch = Arc::new(Watch::start());
    let mut tasks = Vec::new();
    for client in 0..REF_CLIENTS {
        let (house, watch) = (Arc::clone(house), Arc::clone(&watch));
        tasks.push(tokio::spawn(async move {
            let mut millis = Vec::new();
            for number in (client..REFS).step_by(REF_CLIENTS) {
                let start = watch.millis();
                house.branch(format!("work/{number:06}"), main).await;
                millis.push(watch.millis() - start);
            }
            millis
        }));
    }
    let mut millis = Vec::new();
    for task in tasks {
        millis.extend(task.await.unwrap());
    }
    let rate = millis.len() as f64 / watch.seconds();
    row(
        &format!("branches created/s, {REF_CLIENTS} clients, {} of them", grouped(REFS as f64)),
        &format!(
            "{}; p50 {:.2} ms, p99 {:.2} ms",
            grouped(rate),
            quantile(&millis, 0.5),
            quantile(&millis, 0.99)
        ),
        "2,000",
        &format!("{} bare syncs/s: {:.2}x", grouped(limit), rate / limit),
    );
    let times: Vec<f64> = (0..50)
        .map(|_| {
            let watch = Watch::start();
            let mut read = house.store.begin_read().unwrap();
            let page = read.ref_list(house.warehouse, None, "work/", None, PAGE).unwrap();
            assert_eq!(page.len(), PAGE);
            watch.millis()
        })
        .collect();
    let mut after: Option<String> = None;
    let mut count = 0;
    let whole = Watch::start();
    loop {
        let mut read = house.store.begin_read().unwrap();
        let page = read.ref_list(house.warehouse, None, "work/", after.as_deref(), PAGE).unwrap();
        count += page.len();
        match page.last() {
            Some(last) => after = Some(last.name.clone()),
            None => break,
        }
    }
    assert_eq!(count, REFS);
    row(
        &format!("first page ({PAGE}) of {} refs", grouped(REFS as f64)),
        &format!("{:.2} ms", median(&times)),
        "20 ms",
        &format!("all of them in pages: {:.0} ms", whole.millis()),
    );
}
