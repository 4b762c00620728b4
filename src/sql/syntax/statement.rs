//! What a text turns into.

use datafusion::sql::sqlparser::ast;

use super::named::NamedStatement;
use super::own::OwnStatement;

/// One statement of a text.
#[derive(Clone, PartialEq, Debug)]
pub struct Parsed {
    /// Its text, without the semicolon.
    pub text: String,
    /// What it is.
    pub body: Body,
}

impl Parsed {
    /// Whether it changes rows and answers them (`RETURNING`).
    #[must_use]
    pub fn is_returning(&self) -> bool {
        matches!(&self.body, Body::Standard(body) if returns(body))
    }

    /// The command tag of its rows, if it has so many.
    #[must_use]
    pub fn tag(&self, rows: u64) -> String {
        match &self.body {
            Body::Standard(body) => match body.as_ref() {
                ast::Statement::Explain { .. } => "EXPLAIN".to_owned(),
                ast::Statement::ShowVariable { .. } => "SHOW".to_owned(),
                other => format!("{} {rows}", verb(other)),
            },
            Body::Own(_) if self.fetched().is_some() => format!("FETCH {rows}"),
            Body::Own(_) | Body::Version(_) => format!("SELECT {rows}"),
        }
    }

    /// As a statement about cursors or prepared statements.
    pub(in crate::sql) fn named(&self) -> Option<&NamedStatement> {
        match &self.body {
            Body::Own(own) => match own.as_ref() {
                OwnStatement::Named(named) => Some(named),
                _ => None,
            },
            Body::Standard(_) | Body::Version(_) => None,
        }
    }

    /// The cursor whose rows it fetches; `None` for a statement that is no `FETCH`.
    #[must_use]
    pub fn fetched(&self) -> Option<&str> {
        match self.named() {
            Some(NamedStatement::Fetch { cursor, .. }) => Some(cursor),
            _ => None,
        }
    }

    /// The prepared statement that it forgets, `Some(None)` for all of them; `None` for a statement that is
    /// no `DEALLOCATE`.
    #[must_use]
    pub fn deallocated(&self) -> Option<Option<&str>> {
        match self.named() {
            Some(NamedStatement::Deallocate { name }) => Some(name.as_deref()),
            _ => None,
        }
    }

    /// What it leaves in its session for later statements, if it does nothing else: a cursor that outlives
    /// its transaction, a prepared statement, a temporary table.
    #[must_use]
    pub fn left_behind(&self) -> Option<&'static str> {
        if let Body::Standard(body) = &self.body
            && matches!(body.as_ref(), ast::Statement::CreateTable(table) if table.temporary)
        {
            return Some("CREATE TEMP TABLE");
        }
        match self.named() {
            Some(NamedStatement::Declare(declare)) if declare.hold => Some("a cursor WITH HOLD"),
            Some(NamedStatement::Prepare { .. }) => Some("PREPARE"),
            _ => None,
        }
    }
}

/// Whether a statement changes rows and answers them.
fn returns(statement: &ast::Statement) -> bool {
    match statement {
        ast::Statement::Insert(insert) => insert.returning.is_some(),
        ast::Statement::Update(update) => update.returning.is_some(),
        ast::Statement::Delete(delete) => delete.returning.is_some(),
        ast::Statement::Query(query) => match query.body.as_ref() {
            ast::SetExpr::Insert(inner)
            | ast::SetExpr::Update(inner)
            | ast::SetExpr::Delete(inner) => returns(inner),
            _ => false,
        },
        _ => false,
    }
}

/// The tag of a statement without the number of rows.
fn verb(statement: &ast::Statement) -> &'static str {
    match statement {
        ast::Statement::Insert(_) => "INSERT 0",
        ast::Statement::Update(_) => "UPDATE",
        ast::Statement::Delete(_) => "DELETE",
        ast::Statement::Query(query) => match query.body.as_ref() {
            ast::SetExpr::Insert(inner)
            | ast::SetExpr::Update(inner)
            | ast::SetExpr::Delete(inner) => verb(inner),
            _ => "SELECT",
        },
        _ => "SELECT",
    }
}

/// What a statement is.
#[derive(Clone, PartialEq, Debug)]
pub enum Body {
    /// SQL as PostgreSQL knows it.
    Standard(Box<ast::Statement>),
    /// A statement about branches, tags and commits.
    Version(VersionStatement),
    /// SQL as PostgreSQL knows it and the parser does not.
    Own(Box<OwnStatement>),
}

/// A statement about branches, tags and commits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VersionStatement {
    /// `CREATE BRANCH [IF NOT EXISTS] b [FROM ref]`
    CreateBranch {
        /// The new branch.
        name: String,
        /// Whether an existing one is no error.
        if_not_exists: bool,
        /// What it starts from; the branch in use if not given.
        from: Option<String>,
    },
    /// `DROP BRANCH [IF EXISTS] b [CASCADE]`
    DropBranch {
        /// The branch.
        name: String,
        /// Whether a missing one is no error.
        if_exists: bool,
        /// Whether unmerged work goes with it.
        cascade: bool,
    },
    /// `ASSIGN BRANCH b TO ref`
    AssignBranch {
        /// The branch.
        name: String,
        /// Where it is to point.
        to: String,
    },
    /// `CREATE TAG [IF NOT EXISTS] t [FROM ref]`
    CreateTag {
        /// The new tag.
        name: String,
        /// Whether an existing one is no error.
        if_not_exists: bool,
        /// What it points at; the branch in use if not given.
        from: Option<String>,
    },
    /// `DROP TAG [IF EXISTS] t`
    DropTag {
        /// The tag.
        name: String,
        /// Whether a missing one is no error.
        if_exists: bool,
    },
    /// `USE BRANCH b`, `USE REFERENCE ref`, `USE TAG t`
    Use {
        /// The ref expression.
        reference: String,
    },
    /// `MERGE BRANCH a INTO b [DRY RUN] [WITH (name = value, …)]`
    Merge {
        /// What is merged.
        source: String,
        /// The branch it is merged into.
        into: String,
        /// Whether it is only tried.
        dry_run: bool,
        /// `squash`, `message`, `strategy`, `isolation`, `expected_head`; names in lower case.
        options: Vec<(String, String)>,
    },
    /// `CHERRY PICK COMMIT '…' INTO b`
    CherryPick {
        /// The commit.
        commit: String,
        /// The branch.
        into: String,
    },
    /// `REVERT COMMIT '…' ON b`
    Revert {
        /// The commit.
        commit: String,
        /// The branch.
        on: String,
    },
    /// `SHOW BRANCHES`
    ShowBranches,
    /// `SHOW TAGS`
    ShowTags,
    /// `SHOW LOG [ref]`
    ShowLog {
        /// Where it starts; the branch in use if not given.
        of: Option<String>,
    },
    /// `SHOW DIFF a b`
    ShowDiff {
        /// The old state.
        from: String,
        /// The new state.
        to: String,
    },
}
