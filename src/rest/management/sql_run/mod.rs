//! `POST /api/v1/sql`: runs statements in a session of one request.
//!
//! Knows no SQL: `sql::session` parses and runs, this endpoint writes down what comes of it. Rows are
//! never cut: an answer that grows too large is an error. A transaction does not outlive the request.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::model::Problem;
use crate::rest::error::Answer;
use crate::rest::extract;
use crate::rest::extract::Context;
use crate::rest::state::AppState;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::{Outcome, TransactionStatus, Value};
use crate::sql::session::Session;
use crate::sql::syntax::statement::Parsed;

mod arrow_stream;
mod cell;
mod column;
mod failure;
mod json;
mod parameter;

use self::failure::failed;
use self::json::Writer;

/// What is run, and where.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SqlRun)]
pub struct Body {
    /// One or several statements, separated by semicolons. They run in order, in one session.
    sql: String,
    /// A warehouse (`lake`) or a warehouse and a ref (`lake@ingest`, `lake@main~2`); the default
    /// warehouse if it is left out.
    database: Option<String>,
    /// The schemas in which names without one are looked for.
    search_path: Option<Vec<String>>,
    /// Settings, as `SET` takes them.
    #[serde(default)]
    settings: std::collections::BTreeMap<String, String>,
    /// Values for `$1`, `$2`, …: null, booleans, numbers, strings. A string becomes what its place needs
    /// (a date, a decimal); only with a single statement.
    #[serde(default)]
    #[schema(value_type = Vec<serde_json::Value>)]
    parameters: Vec<Box<RawValue>>,
}

/// A column of a result.
#[derive(Debug, ToSchema)]
pub struct SqlColumn {
    /// Its name; several columns may have the same.
    pub name: String,
    /// Its type, as PostgreSQL names it: `bigint`, `numeric(10,2)`, `text[]`, …
    #[schema(rename = "type")]
    pub kind: String,
}

/// What one statement came to.
#[derive(Debug, ToSchema)]
pub struct SqlResultSet {
    /// The columns; absent if the statement has no rows.
    pub columns: Option<Vec<SqlColumn>>,
    /// The rows, each an array of values in the order of the columns. Integers and finite floats are
    /// numbers (`bigint` has 64 bits: read it with a parser that keeps them), other floats the strings
    /// `NaN`, `Infinity`, `-Infinity`; decimals are strings with all their digits; dates, times and
    /// timestamps are ISO 8601 strings, those with a time zone in UTC (RFC 3339, with `Z`); bytes are `\x`
    /// and hexadecimal digits; lists are arrays, structs objects, maps arrays of `[key, value]`.
    #[schema(value_type = Option<Vec<Vec<serde_json::Value>>>)]
    pub rows: Option<Vec<Vec<serde_json::Value>>>,
    /// PostgreSQL's command tag: `SELECT 3`, `CREATE BRANCH`.
    pub tag: String,
}

/// The session after the last statement; given back with the next request, that one goes on from here.
#[derive(Debug, ToSchema)]
pub struct SqlSession {
    /// The database: `USE` may have changed its ref.
    pub database: String,
    /// The schemas in which names without one are looked for.
    pub search_path: Vec<String>,
    /// Other settings that were changed.
    pub settings: std::collections::BTreeMap<String, String>,
}

/// The answer to statements.
#[derive(Debug, ToSchema)]
pub struct SqlAnswer {
    /// One for each statement.
    pub results: Vec<SqlResultSet>,
    /// The session after the last statement.
    pub session: SqlSession,
}

/// Problem details of a statement.
#[derive(Debug, serde::Serialize, ToSchema)]
pub struct SqlProblem {
    /// The usual members.
    #[serde(flatten)]
    pub problem: Problem,
    /// The condition, as PostgreSQL numbers them.
    pub sqlstate: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Where in the text, in characters from 1.
    pub position: Option<usize>,
    /// Which statement failed, from 0. Absent if none was run.
    pub statement: Option<usize>,
}

/// Runs statements.
///
/// Several statements are one transaction: one commit, or none if one fails, and the problem says which. A
/// statement about branches and tags ends the transaction before it, and so does COMMIT. At most 100,000 rows and 64 MiB are answered as JSON; more is an error, never a
/// shorter answer. With `Accept: application/vnd.apache.arrow.stream` the rows of a single statement are
/// streamed in Arrow's format without a limit; an error in their midst breaks the connection off.
///
/// # Errors
/// 400 for statements that are wrong or name what is not there; 404 for a database that is not there; 409
/// for conflicts and names that are taken; 406 for what is not supported; 422 for an answer that is too
/// large.
#[utoipa::path(
    post,
    path = "/api/v1/sql",
    operation_id = "sql_run",
    tag = "sql",
    params(
        ("X-Nunatak-Message" = Option<String>, Header, description = "The message of commits that the statements make"),
    ),
    request_body = Body,
    responses(
        (status = 200, description = "What the statements came to", content(
            (SqlAnswer = "application/json"),
            (Vec<u8> = "application/vnd.apache.arrow.stream"),
        )),
        (status = 400, description = "A statement is wrong or names what is not there", body = SqlProblem, content_type = "application/problem+json"),
        (status = 404, description = "The database is not there", body = SqlProblem, content_type = "application/problem+json"),
        (status = 406, description = "Not supported", body = SqlProblem, content_type = "application/problem+json"),
        (status = 409, description = "A conflict, or a name that is taken", body = SqlProblem, content_type = "application/problem+json"),
        (status = 422, description = "More than can be answered", body = SqlProblem, content_type = "application/problem+json"),
        (status = 503, description = "Try again later", body = SqlProblem, content_type = "application/problem+json"),
    )
)]
pub async fn handle(
    State(state): State<AppState>,
    Context(context): Context,
    headers: HeaderMap,
    extract::Json(body): extract::Json<Body>,
) -> Answer<Response> {
    let database = body.database.as_deref().unwrap_or_else(|| state.engine.default_database());
    let mut session =
        state.engine.session_with(context, database).map_err(|error| failed(error, None))?;
    for (name, value) in &body.settings {
        session.set(name, value).map_err(|error| failed(error, None))?;
    }
    if let Some(schemas) = body.search_path {
        session.set_search_path(schemas);
    }
    let statements = session.parse(&body.sql).map_err(|error| failed(error, None))?;
    check_kept(&statements).map_err(|error| failed(error, None))?;
    let values = parameter::read(&mut session, &statements, &body.parameters)
        .await
        .map_err(|error| failed(error, None))?;
    if wants_arrow(&headers) {
        return arrow_stream::answer(session, &statements, &values).await;
    }
    let mut writer = Writer::default();
    for (index, statement) in statements.iter().enumerate() {
        // A change whose answer cannot be written down is undone.
        if statements.len() > 1 || statement.is_returning() {
            session.begin_group();
        }
        run(&mut session, statement, &values, &mut writer)
            .await
            .map_err(|error| failed(error, Some(index)))?;
    }
    session.end_group().await.map_err(|error| failed(error, None))?;
    check_ended(&session).map_err(|error| failed(error, None))?;
    let text = writer.finish(&session).map_err(|error| failed(error, None))?;
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}

/// Runs one statement and writes down what it comes to.
async fn run(
    session: &mut Session,
    statement: &Parsed,
    values: &[Value],
    writer: &mut Writer,
) -> SqlResult<()> {
    match session.execute(statement, values).await? {
        Outcome::Done { tag } => writer.done(&tag),
        Outcome::Rows { columns, mut rows } => {
            writer.start(&columns)?;
            while let Some(batch) = rows.next().await {
                writer.batch(&batch?)?;
            }
            writer.end(statement)
        }
    }
}

/// What nobody could use any more would be done for nothing.
fn check_kept(statements: &[Arc<Parsed>]) -> SqlResult<()> {
    let left = statements.last().and_then(|last| last.left_behind());
    left.map_or(Ok(()), |what| {
        Err(SqlError::new(
            SqlState::FeatureNotSupported,
            format!("{what} has no effect at the end of a request: its session ends with it"),
        )
        .with_hint("send the statements that use it in the same request, or connect as psql does"))
    })
}

/// A transaction that nobody ends would be given up silently.
fn check_ended(session: &Session) -> SqlResult<()> {
    if session.transaction() == TransactionStatus::Idle {
        return Ok(());
    }
    Err(SqlError::new(
        SqlState::InvalidTransactionState,
        "the transaction was not ended and is rolled back: it cannot go on in another request",
    )
    .with_hint("send BEGIN, its statements and COMMIT in one request"))
}

/// Whether the client asks for Arrow: of the two formats, it names this one first.
fn wants_arrow(headers: &HeaderMap) -> bool {
    let named = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    named
        .flat_map(|list| list.split(','))
        .map(|range| range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
        .find(|media| media == arrow_stream::MEDIA_TYPE || media == "application/json")
        .is_some_and(|media| media == arrow_stream::MEDIA_TYPE)
}
