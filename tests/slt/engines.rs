//! What can answer a statement of a test file. Another door is one more variant.

use async_trait::async_trait;
use futures::TryStreamExt as _;
use nunatak::sql::error::SqlError;
use nunatak::sql::outcome::Outcome;
use nunatak::sql::session::Session;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::text;

/// A connection.
pub(crate) enum Connection {
    /// A session in this process.
    Session(Box<Session>),
    /// A client of PostgreSQL's protocol: of Nunatak, or of PostgreSQL itself.
    Wire { client: Client, name: &'static str },
}

impl Connection {
    /// Connects a client.
    pub(crate) async fn wire(config: &Config, name: &'static str) -> Result<Self, Failure> {
        let (client, connection) = config.connect(NoTls).await.map_err(Failure::from)?;
        tokio::spawn(async move {
            drop(connection.await);
        });
        Ok(Self::Wire { client, name })
    }
}

/// An error, shown as `42P01: relation "t" does not exist`.
#[derive(Debug, thiserror::Error)]
#[error("{state}: {message}")]
pub(crate) struct Failure {
    state: String,
    message: String,
}

impl From<SqlError> for Failure {
    fn from(error: SqlError) -> Self {
        Self { state: error.state.code().to_owned(), message: error.message }
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(told) => {
                Self { state: told.code().code().to_owned(), message: told.message().to_owned() }
            }
            None => Self { state: "client".to_owned(), message: error.to_string() },
        }
    }
}

#[async_trait]
impl AsyncDB for Connection {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
        match self {
            Self::Session(session) => run(session, sql).await,
            Self::Wire { client, .. } => ask(client, sql).await,
        }
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        match self {
            Self::Session(_) => "nunatak",
            Self::Wire { name, .. } => name,
        }
    }
}

async fn run(session: &mut Session, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
    let mut output = DBOutput::StatementComplete(0);
    for statement in session.parse(sql)? {
        output = match session.execute(&statement, &[]).await? {
            Outcome::Done { tag } => DBOutput::StatementComplete(count(&tag)),
            Outcome::Rows { columns, rows } => {
                let batches: Vec<_> = rows.try_collect().await.inspect_err(|_| session.failed())?;
                DBOutput::Rows {
                    types: vec![DefaultColumnType::Any; columns.fields().len()],
                    rows: batches.iter().flat_map(text::rows).collect(),
                }
            }
        };
    }
    Ok(output)
}

/// The number at the end of a tag such as `INSERT 0 3`.
fn count(tag: &str) -> u64 {
    tag.rsplit(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

async fn ask(client: &Client, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
    let messages = client.simple_query(sql).await?;
    let mut types = None;
    let mut rows = Vec::new();
    let mut completed = 0;
    for message in messages {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                types = Some(vec![DefaultColumnType::Any; columns.len()]);
                rows.clear();
            }
            SimpleQueryMessage::Row(row) => {
                let cell = |at| match row.get(at) {
                    None => "NULL".to_owned(),
                    Some("") => "(empty)".to_owned(),
                    Some(text) => text.to_owned(),
                };
                rows.push((0..row.len()).map(cell).collect());
            }
            SimpleQueryMessage::CommandComplete(count) => completed = count,
            _ => {}
        }
    }
    Ok(match types {
        Some(types) => DBOutput::Rows { types, rows },
        None => DBOutput::StatementComplete(completed),
    })
}
