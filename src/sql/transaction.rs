//! Transactions: begin, commit, rollback, savepoints; groups of statements that came in one message.
//!
//! A transaction reads every ref as it was when it first asked, writes to one branch, sees its own writes,
//! and becomes one commit. What it wrote to storage before a rollback stays there until garbage
//! collection.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{Set, Statement, TransactionAccessMode, TransactionMode};

use super::bind::folded;
use super::error::{SqlError, SqlResult, SqlState};
use super::kept::Kept;
use super::outcome::{Outcome, TransactionStatus};
use super::session::Session;
use super::temp::TempTables;
use crate::auth::context::OpContext;
use crate::base::limits::SAVEPOINTS_MAX;
use crate::catalog::Catalog;
use crate::catalog::transaction::Savepoint;

/// An open transaction.
#[derive(Debug)]
pub(super) struct Transaction {
    catalog: Arc<Catalog>,
    /// Whether it was not begun by the client: then its end comes with the message's.
    group: bool,
    failed: bool,
    read_only: bool,
    /// Oldest first; names may repeat.
    savepoints: Vec<Saved>,
    /// What the session had before it.
    before: Kept,
}

/// A savepoint.
#[derive(Debug)]
struct Saved {
    name: String,
    catalog: Option<Savepoint>,
    temp: TempTables,
    /// How many cursors the session had declared.
    cursors: u64,
}

impl Transaction {
    fn new(catalog: &Catalog, group: bool, before: Kept) -> Self {
        Self {
            before,
            catalog: catalog.begin(),
            group,
            failed: false,
            read_only: false,
            savepoints: Vec::new(),
        }
    }

    /// A transaction around the statements of one message.
    pub(super) fn group(catalog: &Catalog, before: Kept) -> Self {
        Self::new(catalog, true, before)
    }

    /// What the session had before it.
    pub(super) const fn before(&self) -> &Kept {
        &self.before
    }

    /// What the session had before it.
    pub(super) fn into_before(self) -> Kept {
        self.before
    }

    /// The same transaction, to read in.
    pub(super) fn share(&self) -> Self {
        let catalog = Arc::clone(&self.catalog);
        Self {
            catalog,
            group: false,
            failed: false,
            read_only: true,
            savepoints: Vec::new(),
            before: self.before.clone(),
        }
    }

    /// The catalog as the transaction sees it.
    pub(super) const fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    pub(super) const fn is_group(&self) -> bool {
        self.group
    }

    pub(super) const fn is_read_only(&self) -> bool {
        self.read_only
    }

    pub(super) const fn status(&self) -> TransactionStatus {
        if self.failed { TransactionStatus::Failed } else { TransactionStatus::Active }
    }

    /// After an error: a group is over, a transaction waits for its end.
    pub(super) fn fail(mut self) -> Option<Self> {
        self.failed = true;
        if self.group { None } else { Some(self) }
    }

    /// Publishes what was done.
    ///
    /// # Errors
    /// `SerializationFailure` if somebody else changed the same; nothing happened then.
    pub(super) async fn commit(self, ctx: &OpContext) -> SqlResult<()> {
        self.catalog.publish(ctx).await?;
        Ok(())
    }

    fn take_modes(&mut self, modes: &[TransactionMode]) {
        for mode in modes {
            // Every level of isolation is at least what was asked for.
            if let TransactionMode::AccessMode(access) = mode {
                self.read_only = matches!(access, TransactionAccessMode::ReadOnly);
            }
        }
    }

    fn savepoint(&self, name: &str) -> SqlResult<usize> {
        self.savepoints.iter().rposition(|saved| saved.name == name).ok_or_else(|| {
            SqlError::new(
                SqlState::InvalidSavepoint,
                format!("savepoint \"{name}\" does not exist"),
            )
        })
    }
}

/// Whether a `SET` is about the transaction.
pub(super) const fn concerns(set: &Set) -> bool {
    matches!(set, Set::SetTransaction { snapshot: None, session: false, .. })
}

/// Carries out a statement about transactions; `None` for another.
pub(super) async fn execute(
    session: &mut Session,
    statement: &Statement,
) -> SqlResult<Option<Outcome>> {
    let tag = match statement {
        Statement::StartTransaction { modes, statements, exception, .. }
            if statements.is_empty() && exception.is_none() =>
        {
            begin(session, modes);
            "BEGIN"
        }
        Statement::Commit { chain: false, end: false, modifier: None } => commit(session).await?,
        Statement::Rollback { chain: false, savepoint: None } => {
            if let Some(transaction) = session.transaction.take() {
                session.put_back(transaction.before);
            }
            "ROLLBACK"
        }
        Statement::Commit { chain: true, .. } | Statement::Rollback { chain: true, .. } => {
            return Err(SqlError::unsupported("AND CHAIN"));
        }
        Statement::Rollback { chain: false, savepoint: Some(name) } => {
            let transaction = block(session, "ROLLBACK TO SAVEPOINT")?;
            let at = transaction.savepoint(&folded(name))?;
            transaction.savepoints.truncate(at + 1);
            transaction.failed = false;
            if let Some(saved) = transaction.savepoints.last() {
                if let Some(savepoint) = &saved.catalog {
                    transaction.catalog.rollback_to(savepoint);
                }
                let (temp, cursors) = (saved.temp.clone(), saved.cursors);
                session.temp = temp;
                session.cursors.back_to(cursors);
            }
            "ROLLBACK"
        }
        Statement::Savepoint { name } => {
            let (temp, cursors) = (session.temp.clone(), session.cursors.mark());
            let transaction = block(session, "SAVEPOINT")?;
            if transaction.savepoints.len() >= SAVEPOINTS_MAX {
                return Err(SqlError::new(
                    SqlState::ProgramLimitExceeded,
                    format!("a transaction has at most {SAVEPOINTS_MAX} savepoints"),
                ));
            }
            let catalog = transaction.catalog.savepoint();
            transaction.savepoints.push(Saved { name: folded(name), catalog, temp, cursors });
            "SAVEPOINT"
        }
        Statement::ReleaseSavepoint { name } => {
            let transaction = block(session, "RELEASE SAVEPOINT")?;
            let at = transaction.savepoint(&folded(name))?;
            transaction.savepoints.truncate(at);
            "RELEASE"
        }
        Statement::Set(Set::SetTransaction { modes, .. }) => {
            // Outside of a transaction it concerns nothing; PostgreSQL warns.
            if let Some(transaction) = &mut session.transaction {
                transaction.take_modes(modes);
            }
            "SET"
        }
        _ => return Ok(None),
    };
    Ok(Some(Outcome::Done { tag: tag.to_owned() }))
}

fn begin(session: &mut Session, modes: &[TransactionMode]) {
    // In a transaction already, PostgreSQL warns and goes on. What came before in the same message belongs
    // to the transaction.
    let before = session.keep();
    let mut transaction = session
        .transaction
        .take()
        .unwrap_or_else(|| Transaction::new(&session.engine.catalog, false, before));
    transaction.group = false;
    transaction.take_modes(modes);
    session.transaction = Some(transaction);
}

async fn commit(session: &mut Session) -> SqlResult<&'static str> {
    match session.transaction.take() {
        Some(transaction) if transaction.failed => {
            session.put_back(transaction.before);
            Ok("ROLLBACK")
        }
        Some(transaction) => {
            let before = transaction.before.clone();
            let done = transaction.commit(&session.ctx).await;
            session.end_of_transaction(done.is_ok(), before);
            done.map(|()| "COMMIT")
        }
        // Outside of a transaction PostgreSQL warns.
        None => Ok("COMMIT"),
    }
}

fn block<'s>(session: &'s mut Session, what: &str) -> SqlResult<&'s mut Transaction> {
    session.transaction.as_mut().filter(|transaction| !transaction.group).ok_or_else(|| {
        SqlError::new(
            SqlState::NoActiveTransaction,
            format!("{what} can only be used in transaction blocks"),
        )
    })
}
