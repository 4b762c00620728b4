//! The messages of one session, one after another; the simple protocol.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use ::pgwire::messages::PgWireBackendMessage as Answer;
use ::pgwire::messages::response::{
    CommandComplete, EmptyQueryResponse, ErrorResponse, NoticeResponse, ReadyForQuery,
    TransactionStatus as WireStatus,
};
use ::pgwire::messages::startup::{Authentication, BackendKeyData, ParameterStatus, SecretKey};
use futures::FutureExt as _;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

use super::cancel::Key;
use super::door::{last_words, stop, stopped};
use super::error::{WireError, WireResult, code};
use super::extended::{Portal, Prepared};
use super::input::{Frame, Input, NoMessage};
use super::output::Output;
use super::request::{Format, Request};
use super::rows::{Columns, Cursor};
use crate::sql::door::{Cancel, Connection};
use crate::sql::error::SqlError;
use crate::sql::outcome::{Outcome, TransactionStatus, Value};
use crate::sql::syntax::statement::Parsed;

/// Settings that a client is told, at the start and whenever one changes.
const REPORTED: &[&str] = &[
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "search_path",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
];

/// Why a request was not carried out.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The client is told.
    Error(WireError),
    /// There is nobody to tell.
    Gone,
}

impl From<WireError> for Trouble {
    fn from(error: WireError) -> Self {
        Self::Error(error)
    }
}

impl From<SqlError> for Trouble {
    fn from(error: SqlError) -> Self {
        Self::Error(error.into())
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        tracing::debug!("a connection broke: {error}");
        Self::Gone
    }
}

/// Whether the conversation goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    Message,
    End,
}

/// One session.
pub(super) struct Conversation {
    pub(super) input: Input<OwnedReadHalf>,
    pub(super) output: Output<OwnedWriteHalf>,
    pub(super) session: Box<dyn Connection>,
    pub(super) key: Key,
    pub(super) statements: BTreeMap<String, Arc<Prepared>>,
    pub(super) portals: BTreeMap<String, Portal>,
    reported: BTreeMap<&'static str, String>,
    /// After an error in the extended protocol, until `Sync`.
    skipping: bool,
    /// Nothing is under way: the last thing told was `ReadyForQuery`.
    at_rest: bool,
}

impl Conversation {
    pub(super) fn new(
        input: Input<OwnedReadHalf>,
        output: Output<OwnedWriteHalf>,
        session: Box<dyn Connection>,
        key: Key,
    ) -> Self {
        Self {
            input,
            output,
            session,
            key,
            statements: BTreeMap::new(),
            portals: BTreeMap::new(),
            reported: BTreeMap::new(),
            skipping: false,
            at_rest: false,
        }
    }

    /// Greets the client and answers it until one of both ends.
    pub(super) async fn run(mut self, mut stopping: watch::Receiver<bool>) {
        let mut next = self.greet().await;
        loop {
            match next {
                Ok(Next::Message) => {}
                Ok(Next::End) => return self.output.close().await,
                Err(Trouble::Gone) => return,
                Err(Trouble::Error(error)) => return last_words(&mut self.output, &error).await,
            }
            next = match self.frame(&mut stopping).await {
                Ok(frame) => match self.is_one_of_several(&frame, &mut stopping).await {
                    Ok(several) => self.message(frame, several).await,
                    Err(gone) => Err(gone),
                },
                Err(NoMessage::Gone) => Err(Trouble::Gone),
                Err(NoMessage::Broken(error)) => Err(error.into()),
            };
        }
    }

    /// The next message, or that the server stops: at rest at once, else when nothing is there to do.
    async fn frame(&mut self, stopping: &mut watch::Receiver<bool>) -> Result<Frame, NoMessage> {
        if self.at_rest && *stopping.borrow() {
            return Err(NoMessage::Broken(stopped()));
        }
        tokio::select! {
            biased;
            frame = self.input.frame() => frame,
            () = stop(stopping) => Err(NoMessage::Broken(stopped())),
        }
    }

    /// Whether a statement that is to be executed is followed by more before the next `Sync`: then all of them
    /// are carried out together or not at all. One that stands alone needs no transaction around it.
    async fn is_one_of_several(
        &mut self,
        frame: &Frame,
        stopping: &mut watch::Receiver<bool>,
    ) -> Result<bool, Trouble> {
        let open = self.session.transaction() != TransactionStatus::Idle;
        if frame.kind != b'E' || self.skipping || open {
            return Ok(false);
        }
        loop {
            match self.input.next_is_sync() {
                Some(sync) => return Ok(!sync),
                None => self.output.flush().await?,
            }
            tokio::select! {
                biased;
                more = self.input.more() => match more {
                    Ok(()) => {}
                    Err(NoMessage::Gone) => return Err(Trouble::Gone),
                    Err(NoMessage::Broken(error)) => return Err(error.into()),
                },
                () = stop(stopping) => return Err(stopped().into()),
            }
        }
    }

    async fn greet(&mut self) -> Result<Next, Trouble> {
        self.output.put(&Answer::Authentication(Authentication::Ok))?;
        self.report()?;
        let key = BackendKeyData::new(self.key.process, SecretKey::I32(self.key.secret));
        self.output.put(&Answer::BackendKeyData(key))?;
        self.ready().await?;
        Ok(Next::Message)
    }

    /// Answers one message. An error that is not fatal has been told when this returns.
    async fn message(&mut self, frame: Frame, several: bool) -> Result<Next, Trouble> {
        let extended = Request::is_extended(frame.kind);
        if self.skipping && !matches!(frame.kind, b'S' | b'X') {
            return Ok(Next::Message);
        }
        self.at_rest = false;
        let done = AssertUnwindSafe(self.answer(frame, several)).catch_unwind().await;
        self.key.running.end();
        let error = match done {
            Ok(Err(Trouble::Error(error))) if !error.fatal => error,
            Ok(other) => return other,
            Err(_) => WireError::panicked(),
        };
        self.session.failed();
        self.output.put(&Answer::ErrorResponse(ErrorResponse::new(error.fields())))?;
        if extended {
            self.skipping = true;
            self.output.flush().await?;
        } else {
            self.ready().await?;
        }
        Ok(Next::Message)
    }

    async fn answer(&mut self, frame: Frame, several: bool) -> Result<Next, Trouble> {
        match Request::read(frame)? {
            Request::Query(text) => self.query(&text).await?,
            Request::Parse { name, text, types } => self.parse(name, &text, types).await?,
            Request::Bind(bind) => self.bind(bind)?,
            Request::Describe(target) => self.describe(&target)?,
            Request::Execute { portal, rows } => {
                if several {
                    self.session.begin_group();
                }
                self.execute_portal(portal, rows).await?;
            }
            Request::Close(target) => self.close(&target)?,
            Request::Flush => self.output.flush().await?,
            Request::Sync => {
                self.skipping = false;
                self.session.end_group().await?;
                self.ready().await?;
            }
            Request::Terminate => return Ok(Next::End),
            Request::Copy => {}
        }
        if self.output.is_full() {
            self.output.flush().await?;
        }
        Ok(Next::Message)
    }

    /// Runs the statements of a text, all or none of them; the first error ends it.
    async fn query(&mut self, text: &str) -> Result<(), Trouble> {
        self.statements.remove("");
        self.portals.remove("");
        let statements = self.session.parse(text)?;
        if statements.is_empty() {
            self.output.put(&Answer::EmptyQueryResponse(EmptyQueryResponse::new()))?;
        }
        let cancel = self.key.running.start();
        // A change whose answer cannot be sent is undone.
        let many = statements.len() > 1 || statements.iter().any(|one| one.is_returning());
        for statement in statements {
            if many {
                self.session.begin_group();
            }
            if let Some(direction) = self.session.copies(&statement) {
                self.copy(&statement, direction, &cancel).await?;
                continue;
            }
            match self.execute(&statement, &[], &cancel).await? {
                Outcome::Done { tag } => self.complete(tag)?,
                Outcome::Rows { columns, rows } => {
                    let columns = Columns::new(&columns, self.simple_formats(&statement))?;
                    self.output.put(&Answer::RowDescription(columns.description()))?;
                    let mut cursor = Cursor::new(columns, rows, self.session.as_ref());
                    let sent = self.send_rows(&mut cursor, 0, &cancel).await?.rows;
                    self.complete(statement.tag(sent))?;
                }
            }
        }
        self.session.end_group().await?;
        self.key.running.end();
        self.ready().await
    }

    /// How the simple protocol sends rows: in text, unless they are of a cursor that says otherwise.
    fn simple_formats(&self, statement: &Parsed) -> &'static [Format] {
        let cursor = statement.fetched().and_then(|name| self.session.cursor(name));
        if cursor.is_some_and(|cursor| cursor.binary) { &[Format::Binary] } else { &[] }
    }

    /// Forgets statements that were prepared by messages, as `DEALLOCATE` asks. What is left of it to do,
    /// the session does.
    fn deallocate(&mut self, statement: &Parsed) -> bool {
        if self.session.transaction() == TransactionStatus::Failed {
            return false;
        }
        match statement.deallocated() {
            Some(Some(name)) => !name.is_empty() && self.statements.remove(name).is_some(),
            Some(None) => {
                self.statements.retain(|name, _| name.is_empty());
                false
            }
            None => false,
        }
    }

    /// Runs a statement. When the client has gone it is canceled, and its end awaited.
    pub(super) async fn execute(
        &mut self,
        statement: &Parsed,
        values: &[Value],
        cancel: &Cancel,
    ) -> Result<Outcome, Trouble> {
        if cancel.is_canceled() {
            return Err(WireError::canceled().into());
        }
        if self.deallocate(statement) {
            return Ok(Outcome::Done { tag: "DEALLOCATE".to_owned() });
        }
        let mut running = self.session.execute(statement, values, cancel.clone());
        tokio::select! {
            biased;
            outcome = &mut running => return outcome.map_err(Trouble::from),
            () = self.input.gone() => {}
        }
        self.key.running.cancel();
        if let Err(error) = running.await {
            tracing::debug!("the statement of a client that has gone: {error}");
        }
        Err(Trouble::Gone)
    }

    pub(super) fn complete(&mut self, tag: String) -> WireResult<()> {
        self.notices()?;
        if tag == "DISCARD ALL" {
            self.statements.clear();
            self.portals.clear();
        }
        self.output.put(&Answer::CommandComplete(CommandComplete::new(tag)))
    }

    /// Tells what statements said beside their answers.
    fn notices(&mut self) -> WireResult<()> {
        for text in self.session.take_notices() {
            let fields = WireError::new(code::SUCCESS, text).fields_of("NOTICE");
            self.output.put(&Answer::NoticeResponse(NoticeResponse::new(fields)))?;
        }
        Ok(())
    }

    /// Tells changed settings and the state, and sends everything.
    async fn ready(&mut self) -> Result<(), Trouble> {
        let status = match self.session.transaction() {
            TransactionStatus::Idle => WireStatus::Idle,
            TransactionStatus::Active => WireStatus::Transaction,
            TransactionStatus::Failed => WireStatus::Error,
        };
        if status != WireStatus::Transaction {
            // Portals live as long as their transaction.
            self.portals.clear();
        }
        self.notices()?;
        self.report()?;
        self.output.put(&Answer::ReadyForQuery(ReadyForQuery::new(status)))?;
        self.output.flush().await?;
        self.at_rest = true;
        Ok(())
    }

    fn report(&mut self) -> WireResult<()> {
        for name in REPORTED {
            let Some(value) = self.session.setting(name) else { continue };
            if self.reported.get(name) == Some(&value) {
                continue;
            }
            let status = ParameterStatus::new((*name).to_owned(), value.replace('\0', ""));
            self.output.put(&Answer::ParameterStatus(status))?;
            self.reported.insert(name, value);
        }
        Ok(())
    }
}
