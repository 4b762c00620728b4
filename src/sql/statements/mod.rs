//! Statements that change something. Each is one commit on one branch; what is not carried out says so.

use arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{ObjectName, ObjectType, SetExpr, Statement, With};

pub(super) use self::change::query::hint;
pub(super) use self::copy::{CopyTarget, check_copied, copy_rows, copy_target};
pub(super) use self::rows::column_at as column_place;
pub(super) use self::table::select_all;
use super::error::{SqlError, SqlResult, SqlState};
use super::outcome::{Description, Outcome, Value};
use super::session::Session;
use super::syntax::own::OwnStatement;
use crate::base::error::ErrorKind;

mod alter;
mod change;
mod columns;
mod comment;
mod copy;
pub(super) mod ingest;
mod insert;
mod partitions;
mod properties;
mod returning;
mod rows;
mod schema;
mod schema_change;
pub(super) mod several;
mod table;
mod temp;
mod upkeep;
mod view;

/// The statement that a query with `WITH` stands before, and the clause.
pub(super) fn behind_with(statement: &Statement) -> Option<(&Statement, Option<&With>)> {
    let Statement::Query(query) = statement else { return None };
    match query.body.as_ref() {
        SetExpr::Insert(inner)
        | SetExpr::Update(inner)
        | SetExpr::Delete(inner)
        | SetExpr::Merge(inner) => Some((inner, query.with.as_ref())),
        _ => None,
    }
}

/// Carries out a statement that is no query, with the `WITH` clause that stood before it.
pub(super) async fn execute(
    session: &mut Session,
    statement: &Statement,
    with: Option<&With>,
    values: &[Value],
) -> SqlResult<Outcome> {
    match statement {
        Statement::CreateSchema { .. } => schema::create(session, statement).await,
        Statement::Drop { object_type, .. } => match object_type {
            ObjectType::Schema => schema::drop(session, statement).await,
            ObjectType::Table | ObjectType::View => {
                schema::drop_relations(session, statement).await
            }
            other => Err(SqlError::unsupported(format_args!("DROP {other}"))),
        },
        Statement::CreateTable(create) => table::create(session, create, values).await,
        Statement::Insert(insert) => Box::pin(insert::insert(session, insert, with, values)).await,
        Statement::Delete(_) | Statement::Update(_) | Statement::Merge(_) => {
            Box::pin(change::execute(session, statement, with, values)).await
        }
        Statement::Truncate(truncate) => {
            if let [one] = truncate.table_names.as_slice()
                && let Some((name, table)) = temp::named(session, &one.name)?
            {
                return temp::truncate(session, name, &table);
            }
            rows::truncate(session, truncate).await
        }
        Statement::CreateView(create) => view::create(session, create).await,
        Statement::AlterTable(alter) => alter::alter(session, alter).await,
        Statement::Comment { object_type, object_name, comment, if_exists: false } => {
            comment::comment(session, *object_type, object_name, comment.as_deref()).await
        }
        Statement::Analyze(analyze) => upkeep::analyze(session, analyze),
        other => Err(unsupported(other)),
    }
}

/// Carries out a statement that the parser does not know.
pub(super) async fn execute_own(
    session: &mut Session,
    statement: &OwnStatement,
) -> SqlResult<Outcome> {
    match statement {
        OwnStatement::RenameView { name, if_exists, to } => {
            schema::rename_view(session, name, to, *if_exists).await
        }
        OwnStatement::SetSchema { name, view, if_exists, schema } => {
            schema::set_schema(session, name, *view, schema, *if_exists).await
        }
        OwnStatement::ResetProperties { name, if_exists, must_be_set, keys } => {
            alter::reset(session, name, *if_exists, *must_be_set, keys).await
        }
        OwnStatement::CommentOnView { name, comment } => {
            comment::view(session, name, comment.as_deref()).await
        }
        OwnStatement::Copy(_) => Err(SqlError::unsupported("COPY over this kind of connection")
            .with_hint("connect with a client of PostgreSQL, such as psql")),
        OwnStatement::Named(_) => {
            Err(SqlError::new(SqlState::InternalError, "a statement came to the wrong place"))
        }
    }
}

/// Whether such a statement changes anything beside the session.
pub(super) const fn own_changes(statement: &OwnStatement) -> bool {
    match statement {
        OwnStatement::RenameView { .. }
        | OwnStatement::SetSchema { .. }
        | OwnStatement::ResetProperties { .. }
        | OwnStatement::CommentOnView { .. } => true,
        OwnStatement::Copy(copy) => !copy.to,
        OwnStatement::Named(_) => false,
    }
}

/// The shape of a statement that is no query.
pub(super) async fn describe(
    session: &mut Session,
    statement: &Statement,
    with: Option<&With>,
    hints: &[Option<DataType>],
) -> SqlResult<Description> {
    match statement {
        Statement::Delete(_) | Statement::Update(_) | Statement::Merge(_) => {
            return Box::pin(change::describe(session, statement, with, hints)).await;
        }
        Statement::Insert(insert) => return insert::describe(session, insert, with, hints).await,
        _ => {}
    }
    let parameters = hints.iter().map(|hint| hint.clone().unwrap_or(DataType::Utf8)).collect();
    Ok(Description { parameters, columns: None })
}

fn unsupported(statement: &Statement) -> SqlError {
    let text = statement.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    let error =
        SqlError::unsupported(format_args!("the statement {}", words.join(" ").to_uppercase()));
    match upkeep::instead_of(statement) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// Turns the error of a missing or existing thing into success where `IF [NOT] EXISTS` allows it.
fn allow(
    result: crate::base::error::Result<()>,
    tolerated: impl FnOnce(ErrorKind) -> bool,
) -> SqlResult<()> {
    match result {
        Err(error) if !tolerated(error.kind()) => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn done(tag: &str) -> SqlResult<Outcome> {
    Ok(Outcome::Done { tag: tag.to_owned() })
}

fn not_there(name: &ObjectName) -> SqlError {
    SqlError::new(SqlState::UndefinedTable, format!("relation \"{name}\" does not exist"))
}

fn wrong_kind(name: &str, wanted: &str) -> SqlError {
    SqlError::new(SqlState::WrongObjectType, format!("\"{name}\" is not a {wanted}"))
}
