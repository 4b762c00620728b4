//! Statements that change something. Each is one commit on one branch; what is not carried out says so.

use arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{AlterTableOperation, ObjectType, SetExpr, Statement, With};

use super::error::{SqlError, SqlResult, SqlState};
use super::outcome::{Description, Outcome, Value};
use super::session::Session;
use crate::base::error::ErrorKind;

mod change;
pub(super) mod ingest;
mod rows;
mod schema;
mod table;
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
        Statement::Insert(insert) => rows::insert(session, insert, with, values).await,
        Statement::Delete(_) | Statement::Update(_) | Statement::Merge(_) => {
            change::execute(session, statement, with, values).await
        }
        Statement::Truncate(truncate) => rows::truncate(session, truncate).await,
        Statement::CreateView(create) => view::create(session, create).await,
        Statement::AlterTable(alter) => match alter.operations.as_slice() {
            [AlterTableOperation::RenameTable { table_name }] if !alter.only => {
                schema::rename(session, &alter.name, table_name, alter.if_exists).await
            }
            _ => Err(SqlError::unsupported("this ALTER TABLE")
                .with_hint("ALTER TABLE … RENAME TO … is; columns are changed by REST clients")),
        },
        other => Err(unsupported(other)),
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
            return change::describe(session, statement, with, hints).await;
        }
        Statement::Insert(insert) => return rows::describe(session, insert, with, hints).await,
        _ => {}
    }
    let parameters = hints.iter().map(|hint| hint.clone().unwrap_or(DataType::Utf8)).collect();
    Ok(Description { parameters, columns: None })
}

fn unsupported(statement: &Statement) -> SqlError {
    let text = statement.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    SqlError::unsupported(format_args!("the statement {}", words.join(" ").to_uppercase()))
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

fn wrong_kind(name: &str, wanted: &str) -> SqlError {
    SqlError::new(SqlState::WrongObjectType, format!("\"{name}\" is not a {wanted}"))
}
