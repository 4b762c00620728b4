//! Statements that change something. Each is one commit on one branch; what is not carried out says so.

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::sql::sqlparser::ast::{ObjectName, ObjectType, Statement, TableObject};

pub(super) use self::copy::{CopyTarget, check_copied, copy_rows, copy_target};
pub(super) use self::rows::column_at as column_place;
pub(super) use self::table::select_all;
use super::error::{SqlError, SqlResult, SqlState};
use super::outcome::{Description, Outcome, Value};
use super::session::Session;
use super::syntax::own::OwnStatement;
use crate::base::error::ErrorKind;

mod alter;
mod columns;
mod comment;
mod copy;
mod partitions;
mod properties;
mod rows;
mod schema;
mod schema_change;
mod table;
mod temp;
mod temp_rows;
mod upkeep;
mod view;

/// Carries out a statement that is no query.
pub(super) async fn execute(
    session: &mut Session,
    statement: &Statement,
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
        Statement::Insert(insert) => {
            if let TableObject::TableName(name) = &insert.table
                && let Some((name, table)) = temp::named(session, name)?
            {
                rows::refuse_options(insert)?;
                return temp::insert(session, name, &table, insert, values).await;
            }
            rows::insert(session, insert, values).await
        }
        Statement::Delete(delete) => match temp_rows::deleted(session, delete)? {
            Some((name, table)) => temp_rows::delete(session, name, &table, delete, values).await,
            None => Err(unsupported(statement)),
        },
        Statement::Update(update) => match temp_rows::updated(session, update)? {
            Some((name, table)) => temp_rows::update(session, name, &table, update, values).await,
            None => Err(unsupported(statement)),
        },
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
    _values: &[Value],
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
    }
}

/// The columns of such a statement, if it has rows.
pub(super) async fn own_columns(
    _session: &mut Session,
    _statement: &OwnStatement,
) -> SqlResult<Option<SchemaRef>> {
    Ok(None)
}

/// Whether such a statement changes anything beside the session.
pub(super) const fn own_changes(statement: &OwnStatement) -> bool {
    match statement {
        OwnStatement::RenameView { .. }
        | OwnStatement::SetSchema { .. }
        | OwnStatement::ResetProperties { .. }
        | OwnStatement::CommentOnView { .. } => true,
        OwnStatement::Copy(copy) => !copy.to,
    }
}

/// The shape of a statement that is no query.
pub(super) async fn describe(
    _session: &mut Session,
    _statement: &Statement,
    hints: &[Option<DataType>],
) -> SqlResult<Description> {
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
