//! Writers that change many tables and the same tables, on their own branches and on `main`.
//!
//! Each writer raises counters only it writes, so what may be read after a crash is known exactly.

use std::sync::Arc;

use nunatak::base::entropy::{Entropy, SeededEntropy};
use serde_json::{Value, json};

use crate::http::{Answer, Client};
use crate::ledger::{Counter, Ledger};

/// Tables of `main` that everybody writes to.
const SHARED_TABLES: u64 = 3;

/// A number below `end`.
pub(crate) fn below(random: &SeededEntropy, end: u64) -> u64 {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    u64::from_le_bytes(bytes) % end
}

pub(crate) fn table_body(name: &str) -> Value {
    json!({ "name": name, "schema": {
        "type": "struct", "schema-id": 0,
        "fields": [{ "id": 1, "name": "id", "required": true, "type": "long" }],
    }})
}

/// Makes what the writers write to; once for a data directory.
#[track_caller]
pub(crate) fn prepare(client: &mut Client, writers: u64) {
    client.must("POST", "/iceberg/v1/lake~main/namespaces", Some(&json!({ "namespace": ["s"] })));
    let tables = "/iceberg/v1/lake~main/namespaces/s/tables";
    for table in 0..SHARED_TABLES {
        client.must("POST", tables, Some(&table_body(&format!("shared{table}"))));
    }
    for writer in 0..writers {
        client.must("POST", tables, Some(&table_body(&format!("own{writer}"))));
    }
    for writer in 0..writers {
        let branch = json!({ "name": format!("w{writer}") });
        client.must("POST", "/api/v1/warehouses/lake/branches", Some(&branch));
    }
}

/// Why a writer stopped.
pub(crate) enum Stopped {
    /// The connection was cut: the server is gone or stops.
    Cut,
}

/// One writer of one round.
pub(crate) struct Writer {
    number: u64,
    round: u64,
    made: u64,
    random: SeededEntropy,
    ledger: Arc<Ledger>,
    client: Client,
}

impl Writer {
    pub(crate) fn new(
        number: u64,
        round: u64,
        seed: u64,
        ledger: Arc<Ledger>,
        client: Client,
    ) -> Self {
        let random = SeededEntropy::new(seed ^ (number << 32) ^ (round << 40));
        Self { number, round, made: 0, random, ledger, client }
    }

    /// Writes until the server is gone.
    pub(crate) fn run(mut self) {
        loop {
            let done = match below(&self.random, 20) {
                0..10 => {
                    let table = format!("shared{}", below(&self.random, SHARED_TABLES));
                    self.raise("main", &table)
                }
                10..15 => self.raise(&format!("w{}", self.number), &format!("own{}", self.number)),
                15 | 16 => self.new_table(),
                17 | 18 => self.merge(),
                _ => self.new_refs(),
            };
            if let Err(Stopped::Cut) = done {
                return;
            }
        }
    }

    fn call(&mut self, method: &str, path: &str, body: &Value) -> Result<Answer, Stopped> {
        self.client.call(method, path, Some(body)).map_err(|_| Stopped::Cut)
    }

    /// Sets this writer's property of a table to its next value.
    fn raise(&mut self, branch: &str, table: &str) -> Result<(), Stopped> {
        let property = format!("w{}", self.number);
        let counter: Counter = (branch.to_owned(), table.to_owned(), property.clone());
        let value = self.next(&counter);
        self.ledger.send(&counter, value);
        let path = format!("/iceberg/v1/lake~{branch}/namespaces/s/tables/{table}");
        let updates = json!({ property: value.to_string() });
        let body = json!({
            "requirements": [],
            "updates": [{ "action": "set-properties", "updates": updates }],
        });
        let answer = self.call("POST", &path, &body)?;
        self.refused_at_most_by_conflict(&answer);
        self.ledger.answered(&counter, answer.ok());
        self.committed(branch, &answer);
        Ok(())
    }

    /// The next value of a counter.
    fn next(&self, counter: &Counter) -> u64 {
        self.ledger.with(|all| all.counters.get(counter).map_or(0, |at| at.acknowledged)) + 1
    }

    fn new_table(&mut self) -> Result<(), Stopped> {
        let branch = format!("w{}", self.number);
        self.made += 1;
        let name = format!("new{}_{}_{}", self.number, self.round, self.made);
        let path = format!("/iceberg/v1/lake~{branch}/namespaces/s/tables");
        let answer = self.call("POST", &path, &table_body(&name))?;
        assert!(answer.ok(), "{answer:?}");
        self.committed(&branch, &answer);
        Ok(())
    }

    /// Merges this writer's branch; `main` then has the counter as the branch has it.
    fn merge(&mut self) -> Result<(), Stopped> {
        let (source, table) = (format!("w{}", self.number), format!("own{}", self.number));
        let there: Counter = (source.clone(), table.clone(), source.clone());
        let value = self.next(&there) - 1;
        let counter: Counter = ("main".to_owned(), table, source.clone());
        self.ledger.send(&counter, value);
        let body = json!({ "source": source, "into": "main" });
        let answer = self.call("POST", "/api/v1/warehouses/lake/merges", &body)?;
        assert!(answer.ok(), "{answer:?}");
        self.ledger.answered(&counter, true);
        if let Some(id) = answer.body["commit"].as_str() {
            self.ledger.commit("main", id);
        }
        Ok(())
    }

    /// A branch and a tag of `main`.
    fn new_refs(&mut self) -> Result<(), Stopped> {
        self.made += 1;
        let name = format!("b{}_{}_{}", self.number, self.round, self.made);
        let answer =
            self.call("POST", "/api/v1/warehouses/lake/branches", &json!({ "name": name }))?;
        assert!(answer.ok(), "{answer:?}");
        let head = answer.body["head"].as_str().unwrap().to_owned();
        self.ledger.with(|all| {
            all.acknowledged += 1;
            all.branches.insert(name.clone());
        });
        let tag = format!("t{name}");
        let body = json!({ "name": tag, "from": head });
        let answer = self.call("POST", "/api/v1/warehouses/lake/tags", &body)?;
        assert!(answer.ok(), "{answer:?}");
        self.ledger.with(|all| {
            all.acknowledged += 1;
            all.tags.insert(tag, head);
        });
        Ok(())
    }

    fn refused_at_most_by_conflict(&self, answer: &Answer) {
        let expected = answer.ok() || answer.status == 409;
        assert!(expected, "writer {}: {answer:?}", self.number);
    }

    fn committed(&self, branch: &str, answer: &Answer) {
        if let (true, Some(id)) = (answer.ok(), &answer.commit) {
            self.ledger.commit(branch, id);
            let location = answer.body["metadata-location"].as_str().unwrap().to_owned();
            self.ledger.with(|all| all.files.insert(location));
        }
    }
}
