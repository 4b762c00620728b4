//! A database that does what the text of a statement says, and remembers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream;
use nunatak::sql::door::{Cancel, Connection, Database, Ingest};
use nunatak::sql::error::{SqlError, SqlResult, SqlState};
use nunatak::sql::outcome::{Description, Outcome, RowStream, TransactionStatus, Value};
use nunatak::sql::syntax::statement::{Body, Parsed, VersionStatement};

use crate::values;

/// What happened.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Batches that endless streams made.
    pub(crate) batches: AtomicU64,
    /// Streams that were dropped.
    pub(crate) dropped: AtomicU64,
    /// Statements that ended because they were canceled.
    pub(crate) canceled: AtomicU64,
    /// Sessions that were dropped.
    pub(crate) closed: AtomicU64,
}

impl Log {
    /// Waits until a count is reached.
    pub(crate) async fn reaches(&self, count: impl Fn(&Self) -> &AtomicU64, wanted: u64) {
        let waited = tokio::time::timeout(std::time::Duration::from_secs(20), async {
            while count(self).load(Ordering::SeqCst) < wanted {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        });
        assert!(waited.await.is_ok(), "not reached: {wanted} in {self:?}");
    }
}

#[derive(Debug, Default)]
pub(crate) struct Scripted {
    pub(crate) log: Arc<Log>,
}

#[async_trait]
impl Database for Scripted {
    async fn connect(
        &self,
        database: &str,
        user: &str,
        settings: &BTreeMap<String, String>,
    ) -> SqlResult<Box<dyn Connection>> {
        if !matches!(database, "lake" | "lake@ingest") {
            return Err(SqlError::new(
                SqlState::InvalidCatalogName,
                format!("database \"{database}\" does not exist"),
            )
            .with_hint("Connect to lake or lake@<ref>."));
        }
        let mut settings = settings.clone();
        settings.insert("server_version".to_owned(), "16.0".to_owned());
        settings.insert("session_authorization".to_owned(), user.to_owned());
        Ok(Box::new(Session {
            log: Arc::clone(&self.log),
            settings,
            status: TransactionStatus::Idle,
        }))
    }
}

struct Session {
    log: Arc<Log>,
    settings: BTreeMap<String, String>,
    status: TransactionStatus,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.log.closed.fetch_add(1, Ordering::SeqCst);
    }
}

/// Counts its end.
struct Counted(Arc<Log>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

fn numbers() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]))
}

fn batch(from: i64, to: i64) -> RecordBatch {
    let values: ArrayRef = Arc::new(Int64Array::from_iter_values(from..to));
    RecordBatch::try_new(numbers(), vec![values]).unwrap()
}

impl Session {
    fn count(&self, count: i64) -> RowStream {
        let guard = Counted(Arc::clone(&self.log));
        stream::iter((0..count).step_by(10))
            .map(move |from| {
                let _ = &guard;
                Ok(batch(from, (from + 10).min(count)))
            })
            .boxed()
    }

    fn endless(&self) -> RowStream {
        let guard = Counted(Arc::clone(&self.log));
        stream::repeat_with(move || {
            guard.0.batches.fetch_add(1, Ordering::SeqCst);
            Ok(batch(0, 1000))
        })
        .boxed()
    }

    async fn run(&mut self, text: &str, values: &[Value], cancel: Cancel) -> SqlResult<Outcome> {
        let done = |tag: &str| Ok(Outcome::Done { tag: tag.to_owned() });
        let rows = |columns, rows| Ok(Outcome::Rows { columns, rows });
        let ends = matches!(text, "commit" | "rollback");
        if self.status == TransactionStatus::Failed && !ends {
            return Err(SqlError::new(SqlState::InFailedTransaction, "aborted"));
        }
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match word {
            "begin" | "start" => {
                self.status = TransactionStatus::Active;
                done("BEGIN")
            }
            "commit" | "rollback" => {
                self.status = TransactionStatus::Idle;
                done(&text.to_uppercase())
            }
            "insert" => done("INSERT 0 3"),
            "set" => {
                let (name, value) = rest.split_once('=').unwrap();
                self.settings.insert(name.to_owned(), value.to_owned());
                done("SET")
            }
            "boom" => Err(SqlError {
                state: SqlState::UndefinedTable,
                message: "relation \"boom\" does not exist".to_owned(),
                hint: Some("Make it.".to_owned()),
                position: Some(15),
            }),
            "panic" => panic!("as told"),
            "late" => rows(
                numbers(),
                stream::iter([
                    Ok(batch(0, 3)),
                    Err(SqlError::new(SqlState::DataException, "too late")),
                ])
                .boxed(),
            ),
            "late-panic" => {
                let panicking = stream::once(async { panic!("as told") });
                rows(numbers(), stream::iter([Ok(batch(0, 3))]).chain(panicking).boxed())
            }
            "wait" => {
                cancel.canceled().await;
                self.log.canceled.fetch_add(1, Ordering::SeqCst);
                Err(SqlError::new(SqlState::QueryCanceled, "canceling statement"))
            }
            "nap" => {
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                done("NAP")
            }
            "none" => rows(numbers(), stream::empty().boxed()),
            "count" => rows(numbers(), self.count(rest.parse().unwrap())),
            "endless" => rows(numbers(), self.endless()),
            "echo" | "lie" => values::echoed(values),
            "types" => values::all_types(),
            other => Err(SqlError::syntax(format!("syntax error at {other:?}"))),
        }
    }
}

#[async_trait]
impl Connection for Session {
    fn parse(&self, text: &str) -> SqlResult<Vec<Arc<Parsed>>> {
        let texts = text.split(';').map(str::trim).filter(|text| !text.is_empty());
        texts
            .map(|text| {
                if text == "nonsense" {
                    return Err(SqlError::syntax("syntax error at \"nonsense\""));
                }
                let body = Body::Version(VersionStatement::ShowBranches);
                Ok(Arc::new(Parsed { text: text.to_lowercase(), body }))
            })
            .collect()
    }

    async fn describe(
        &mut self,
        statement: &Parsed,
        hints: &[Option<DataType>],
    ) -> SqlResult<Description> {
        let word = statement.text.split(' ').next().unwrap_or_default();
        if self.status == TransactionStatus::Failed && !matches!(word, "commit" | "rollback") {
            return Err(SqlError::new(SqlState::InFailedTransaction, "aborted"));
        }
        let count = statement.text.matches('$').count();
        let hint = |at: usize| hints.get(at).cloned().flatten().unwrap_or(DataType::Utf8);
        let parameters: Vec<DataType> = (0..count.max(hints.len())).map(hint).collect();
        let columns = match word {
            "count" | "endless" | "late" | "late-panic" | "none" | "lie" => Some(numbers()),
            "echo" => Some(values::echo_columns(&parameters)),
            "types" => Some(values::type_columns()),
            "boom" if statement.text == "boom early" => {
                return Err(SqlError::new(SqlState::UndefinedTable, "no such table"));
            }
            _ => None,
        };
        Ok(Description { parameters, columns })
    }

    async fn execute(
        &mut self,
        statement: &Parsed,
        parameters: &[Value],
        cancel: Cancel,
    ) -> SqlResult<Outcome> {
        let outcome = self.run(&statement.text, parameters, cancel).await;
        if outcome.is_err() {
            self.failed();
        }
        outcome
    }

    async fn ingest(&mut self, _: Ingest, _: RowStream) -> SqlResult<u64> {
        Err(SqlError::unsupported("ingestion"))
    }

    fn begin_group(&mut self) {}

    async fn end_group(&mut self) -> SqlResult<()> {
        Ok(())
    }

    fn failed(&mut self) {
        if self.status == TransactionStatus::Active {
            self.status = TransactionStatus::Failed;
        }
    }

    fn transaction(&self) -> TransactionStatus {
        self.status
    }

    fn setting(&self, name: &str) -> Option<String> {
        let found = self.settings.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(found.1.clone())
    }
}
