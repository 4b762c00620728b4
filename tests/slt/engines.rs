//! What can answer a statement of a test file. Another door is one more variant.

use std::net::SocketAddr;

use arrow_flight::error::FlightError;
use arrow_flight::sql::EndTransaction;
use arrow_flight::sql::client::FlightSqlServiceClient;
use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt as _;
use nunatak::sql::error::SqlError;
use nunatak::sql::outcome::Outcome;
use nunatak::sql::session::Session;
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};
use tonic::transport::{Channel, Endpoint};

use crate::text;

/// A connection.
pub(crate) enum Connection {
    /// A session in this process.
    Session(Box<Session>),
    /// A client of PostgreSQL's protocol: of Nunatak, or of PostgreSQL itself.
    Wire { client: Client, name: &'static str },
    /// A client of Arrow Flight SQL, with its transaction.
    Flight(Box<Flight>),
}

/// A client of Arrow Flight SQL. Each statement has a session of its own, a transaction has one for all.
pub(crate) struct Flight {
    client: FlightSqlServiceClient<Channel>,
    transaction: Option<Bytes>,
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

    /// Connects a client of Arrow Flight SQL.
    pub(crate) async fn flight(address: SocketAddr) -> Result<Self, Failure> {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        let mut client = FlightSqlServiceClient::new(endpoint.connect().await.unwrap());
        client.set_header("database", "lake");
        client.set_header("username", "ann");
        Ok(Self::Flight(Box::new(Flight { client, transaction: None })))
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
            Self::Flight(flight) => flight.run(sql).await,
        }
    }

    async fn shutdown(&mut self) {}

    fn engine_name(&self) -> &str {
        match self {
            Self::Session(_) => "nunatak",
            Self::Wire { name, .. } => name,
            Self::Flight(_) => "flight",
        }
    }
}

impl From<FlightError> for Failure {
    fn from(error: FlightError) -> Self {
        let FlightError::Tonic(status) = error else {
            return Self { state: "client".to_owned(), message: error.to_string() };
        };
        let told = status.message().split_once(" (SQLSTATE ");
        let (message, state) = told.unwrap_or((status.message(), "none"));
        Self { state: state.chars().take(5).collect(), message: message.to_owned() }
    }
}

impl Flight {
    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
        let end = match (sql.trim().to_ascii_uppercase().as_str(), &self.transaction) {
            ("BEGIN", None) => {
                let begun = self.client.begin_transaction().await?;
                self.transaction = Some(begun);
                return Ok(DBOutput::StatementComplete(0));
            }
            ("COMMIT", Some(_)) => Some(EndTransaction::Commit),
            ("ROLLBACK", Some(_)) => Some(EndTransaction::Rollback),
            _ => None,
        };
        if let Some(end) = end
            && let Some(transaction) = self.transaction.take()
        {
            self.client.end_transaction(transaction, end).await?;
            return Ok(DBOutput::StatementComplete(0));
        }
        let info = self.client.execute(sql.to_owned(), self.transaction.clone()).await?;
        if info.endpoint.is_empty() {
            let count = u64::try_from(info.total_records).unwrap_or_default();
            return Ok(DBOutput::StatementComplete(count));
        }
        let mut columns = 0;
        let mut rows = Vec::new();
        for ticket in info.endpoint.into_iter().filter_map(|endpoint| endpoint.ticket) {
            let mut stream = self.client.do_get(ticket).await?;
            while let Some(batch) = stream.try_next().await? {
                rows.extend(text::rows(&batch));
            }
            columns = stream.schema().map_or(0, |schema| schema.fields().len());
        }
        Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; columns], rows })
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
