//! Sessions as the doors see them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use async_trait::async_trait;

use super::copy::{CopyData, CopyDirection, CopyOut};
use super::door::{Cancel, Connection, CursorShape, Database, Ingest};
use super::engine::Engine;
use super::error::{SqlError, SqlResult, SqlState};
use super::outcome::{Description, Outcome, RowStream, TransactionStatus, Value};
use super::session::{Session, timed_out};
use super::stack::roomy;
use super::syntax::statement::Parsed;
use super::{settings, statements};

/// The databases of an engine.
#[derive(Debug)]
pub(super) struct Databases(pub(super) Arc<Engine>);

#[async_trait]
impl Database for Databases {
    async fn connect(
        &self,
        database: &str,
        user: &str,
        given: &BTreeMap<String, String>,
    ) -> SqlResult<Box<dyn Connection>> {
        let mut session = self.0.session(database, user)?;
        for (name, value) in given {
            let zone = name.eq_ignore_ascii_case("timezone");
            match session.set(name, value) {
                // Drivers send the zone of their machine without being asked. What they are told the zone
                // is, they go by.
                Err(_) if zone && settings::TimeZone::is_known(value) => {
                    session.notice(format!("times are shown and read in UTC, not in {value}"));
                }
                other => other?,
            }
        }
        session.settings_are_initial();
        Ok(Box::new(session))
    }
}

#[async_trait]
impl Connection for Session {
    fn parse(&self, text: &str) -> SqlResult<Vec<Arc<Parsed>>> {
        Self::parse(self, text)
    }

    async fn describe(
        &mut self,
        statement: &Parsed,
        hints: &[Option<DataType>],
    ) -> SqlResult<Description> {
        Self::describe(self, statement, hints).await
    }

    async fn execute(
        &mut self,
        statement: &Parsed,
        parameters: &[Value],
        cancel: Cancel,
    ) -> SqlResult<Outcome> {
        // A statement that changes something is not ended half way: its commit may be on its way. What it
        // reads first is.
        if self.changes(statement) {
            if cancel.is_canceled() {
                return Err(canceled());
            }
            return Self::execute(self, statement, parameters).await;
        }
        let limit = self.statement_timeout();
        let over = async {
            match limit {
                Some(limit) => tokio::time::sleep(limit).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            outcome = Self::execute(self, statement, parameters) => outcome,
            () = over => {
                self.failed();
                Err(timed_out())
            }
            () = cancel.canceled() => {
                self.failed();
                Err(canceled())
            }
        }
    }

    async fn ingest(&mut self, ingest: Ingest, rows: RowStream) -> SqlResult<u64> {
        if Self::transaction(self) == TransactionStatus::Failed {
            return Err(SqlError::new(
                SqlState::InFailedTransaction,
                "current transaction is aborted, commands ignored until end of transaction block",
            ));
        }
        let done = roomy(statements::ingest::ingest(self, &ingest, rows)).await;
        if done.is_err() {
            Self::failed(self);
        }
        done
    }

    fn copies(&self, statement: &Parsed) -> Option<CopyDirection> {
        Self::copies(statement)
    }

    async fn copy_out(&mut self, statement: &Parsed, cancel: Cancel) -> SqlResult<CopyOut> {
        tokio::select! {
            copy = Self::copy_out(self, statement) => copy,
            () = cancel.canceled() => {
                self.failed();
                Err(canceled())
            }
        }
    }

    async fn copy_in_columns(&mut self, statement: &Parsed) -> SqlResult<usize> {
        Self::copy_in_columns(self, statement).await
    }

    async fn copy_in(&mut self, statement: &Parsed, data: CopyData) -> SqlResult<u64> {
        Self::copy_in(self, statement, data).await
    }

    fn take_notices(&mut self) -> Vec<String> {
        Self::take_notices(self)
    }

    fn begin_group(&mut self) {
        Self::begin_group(self);
    }

    async fn end_group(&mut self) -> SqlResult<()> {
        Self::end_group(self).await
    }

    fn failed(&mut self) {
        Self::failed(self);
    }

    fn transaction(&self) -> TransactionStatus {
        Self::transaction(self)
    }

    fn setting(&self, name: &str) -> Option<String> {
        Self::setting(self, name)
    }

    fn cursor(&self, name: &str) -> Option<CursorShape> {
        let cursor = self.cursors.get(name)?;
        Some(CursorShape { columns: Arc::clone(cursor.columns()), binary: cursor.about().binary })
    }

    fn close_cursor(&mut self, name: &str) {
        self.cursors.close(name);
    }
}

/// What a door that keeps no session between requests takes from one and puts into the next.
impl Session {
    /// Sets a setting, as a client does when it connects.
    ///
    /// # Errors
    /// `InvalidParameterValue` for a value that is not carried out, `UndefinedObject` for a name that is
    /// no setting.
    pub fn set(&mut self, name: &str, value: &str) -> SqlResult<()> {
        let values: Vec<String> = if name.eq_ignore_ascii_case("search_path") {
            value.split(',').map(|schema| schema.trim().to_owned()).collect()
        } else {
            vec![value.to_owned()]
        };
        settings::assign(self, name, &values)
    }

    /// Sets the schemas in which names without one are looked for.
    pub fn set_search_path(&mut self, schemas: Vec<String>) {
        self.names.search_path = schemas;
    }

    /// The database as it is now: `USE` may have changed its ref.
    #[must_use]
    pub fn database(&self) -> String {
        self.names.database()
    }

    /// The schemas in which names without one are looked for.
    #[must_use]
    pub fn search_path(&self) -> &[String] {
        &self.names.search_path
    }

    /// Every other setting that is not as it is in a new session.
    #[must_use]
    pub fn changed_settings(&self) -> BTreeMap<String, String> {
        settings::changed(self)
    }
}

fn canceled() -> SqlError {
    SqlError::new(SqlState::QueryCanceled, "canceling statement due to user request")
}
