//! What a server acknowledged, and whether it is still there.

use std::collections::{BTreeMap, BTreeSet};

use parking_lot::Mutex;
use serde_json::Value;

use crate::http::Client;

/// Items of one page of the log.
const LOG_PAGE: usize = 1000;

/// A counter that one writer raises in one table of one branch: (branch, table, property).
pub(crate) type Counter = (String, String, String);

/// What a counter may read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The last value that was acknowledged.
    pub(crate) acknowledged: u64,
    /// A value sent later whose answer never came.
    pub(crate) in_doubt: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct Recorded {
    /// Acknowledged commits by branch, in the order of the answers, since the last check.
    pub(crate) commits: BTreeMap<String, Vec<String>>,
    pub(crate) branches: BTreeSet<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) counters: BTreeMap<Counter, Reading>,
    /// Metadata files of acknowledged states.
    pub(crate) files: BTreeSet<String>,
    /// Acknowledged requests in all.
    pub(crate) acknowledged: usize,
    /// Commits of rounds that were checked before.
    old: BTreeMap<String, Vec<String>>,
}

/// Shared by the writers.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Recorded>);

impl Ledger {
    pub(crate) fn with<T>(&self, use_it: impl FnOnce(&mut Recorded) -> T) -> T {
        use_it(&mut self.0.lock())
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.0.lock().acknowledged
    }

    /// Records an acknowledged commit.
    pub(crate) fn commit(&self, branch: &str, id: &str) {
        self.with(|all| {
            all.acknowledged += 1;
            all.commits.entry(branch.to_owned()).or_default().push(id.to_owned());
        });
    }

    /// Says that a value is about to be sent, and the answer may get lost.
    pub(crate) fn send(&self, counter: &Counter, value: u64) {
        self.with(|all| {
            all.counters.entry(counter.clone()).or_default().in_doubt = Some(value);
        });
    }

    /// Says what the answer was: the value is there, or it is not and never will be.
    pub(crate) fn answered(&self, counter: &Counter, stored: bool) {
        self.with(|all| {
            let reading = all.counters.entry(counter.clone()).or_default();
            let value = reading.in_doubt.take();
            if let (true, Some(value)) = (stored, value) {
                reading.acknowledged = value;
            }
        });
    }

    /// Checks everything against a server that was started again; returns how much was checked. What was
    /// in doubt is settled by what is read, unless `none_in_doubt` says that it must not have happened.
    #[track_caller]
    pub(crate) fn check(&self, client: &mut Client, none_in_doubt: bool) -> usize {
        let mut all = self.0.lock();
        let mut checked = 0;
        for (branch, ids) in std::mem::take(&mut all.commits) {
            check_ancestors(client, &branch, ids.iter().collect());
            checked += ids.len();
            all.old.entry(branch).or_default().extend(ids);
        }
        for branch in &all.branches {
            let path = format!("/api/v1/warehouses/lake/branches/{branch}");
            client.must("GET", &path, None);
        }
        for (tag, commit) in &all.tags {
            let found = client.must("GET", &format!("/api/v1/warehouses/lake/tags/{tag}"), None);
            assert_eq!(found["head"], **commit, "tag {tag}");
        }
        check_counters(client, &mut all.counters, none_in_doubt);
        for location in std::mem::take(&mut all.files) {
            let path = location.strip_prefix("file://").unwrap();
            let text = std::fs::read(path);
            let text = text.unwrap_or_else(|error| panic!("acknowledged {location}: {error}"));
            let metadata: Value = serde_json::from_slice(&text).unwrap();
            assert_eq!(metadata["format-version"], 2, "{location}");
        }
        checked
    }

    /// Checks the commits of all rounds again.
    #[track_caller]
    pub(crate) fn check_all_commits(&self, client: &mut Client) -> usize {
        let all = self.0.lock();
        for (branch, ids) in &all.old {
            check_ancestors(client, branch, ids.iter().collect());
        }
        all.old.values().map(Vec::len).sum()
    }
}

#[track_caller]
fn check_counters(
    client: &mut Client,
    counters: &mut BTreeMap<Counter, Reading>,
    none_in_doubt: bool,
) {
    let mut tables: BTreeMap<(String, String), Value> = BTreeMap::new();
    for ((branch, table, property), reading) in counters {
        let loaded = tables.entry((branch.clone(), table.clone())).or_insert_with(|| {
            let path = format!("/iceberg/v1/lake~{branch}/namespaces/s/tables/{table}");
            let answer = client.call("GET", &path, None).unwrap();
            if answer.ok() { answer.body } else { Value::Null }
        });
        let value = &loaded["metadata"]["properties"][property.as_str()];
        let found: u64 = value.as_str().map_or(0, |value| value.parse().unwrap());
        let possible =
            found == reading.acknowledged || (!none_in_doubt && reading.in_doubt == Some(found));
        assert!(possible, "{branch} {table} {property}: {reading:?}, but it reads {found}");
        *reading = Reading { acknowledged: found, in_doubt: None };
    }
}

/// Walks a branch's log until every one of these commits was seen.
#[track_caller]
fn check_ancestors(client: &mut Client, branch: &str, mut wanted: BTreeSet<&String>) {
    let base = format!("/api/v1/warehouses/lake/commits?ref={branch}&limit={LOG_PAGE}");
    let mut path = base.clone();
    while !wanted.is_empty() {
        let page = client.must("GET", &path, None);
        for item in page["items"].as_array().unwrap() {
            wanted.remove(&item["id"].as_str().unwrap().to_owned());
        }
        match page["next_page_token"].as_str() {
            Some(token) => path = format!("{base}&page_token={token}"),
            None => break,
        }
    }
    assert!(wanted.is_empty(), "acknowledged on {branch} and lost: {wanted:?}");
}
