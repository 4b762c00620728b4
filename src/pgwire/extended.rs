//! The extended protocol: statements that are prepared, portals that are bound, run and resumed.

use std::sync::Arc;

use ::pgwire::messages::PgWireBackendMessage as Answer;
use ::pgwire::messages::data::{NoData, ParameterDescription};
use ::pgwire::messages::extendedquery::{
    BindComplete, CloseComplete, ParseComplete, PortalSuspended,
};
use ::pgwire::messages::response::EmptyQueryResponse;
use arrow::datatypes::{DataType, SchemaRef};

use super::conversation::{Conversation, Trouble};
use super::error::{WireError, WireResult, code};
use super::request::{Bind, Format, Target};
use super::rows::{Columns, Cursor};
use super::types::{self, parameter};
use crate::base::limits::{PG_PORTALS_MAX, PG_STATEMENTS_MAX};
use crate::sql::door::Cancel;
use crate::sql::outcome::{Description, Outcome, Value};
use crate::sql::syntax::statement::Parsed;

/// A parameter of a prepared statement.
#[derive(Clone, PartialEq, Debug)]
struct Parameter {
    /// The type that the client writes.
    oid: u32,
    /// The type that the session takes.
    kind: DataType,
}

/// A prepared statement.
#[derive(Debug)]
pub(super) struct Prepared {
    /// Nothing for an empty text.
    statement: Option<Arc<Parsed>>,
    parameters: Vec<Parameter>,
    columns: Option<SchemaRef>,
}

/// A bound statement.
pub(super) struct Portal {
    bound: Arc<Bound>,
    state: State,
}

/// What a portal runs, and how it answers.
#[derive(Debug)]
struct Bound {
    prepared: Arc<Prepared>,
    /// What the client was told of the rows.
    columns: Option<Columns>,
    formats: Vec<Format>,
}

impl Bound {
    /// The command tag of so many rows.
    fn tag(&self, rows: u64) -> String {
        let statement = self.prepared.statement.as_ref();
        statement.map_or_else(|| format!("SELECT {rows}"), |statement| statement.tag(rows))
    }
}

enum State {
    Bound(Vec<Value>),
    Open(Cursor),
    /// All rows were sent.
    Ended,
    /// It had no rows.
    Done,
}

impl Conversation {
    pub(super) async fn parse(
        &mut self,
        name: String,
        text: &str,
        types: Vec<u32>,
    ) -> Result<(), Trouble> {
        if name.is_empty() {
            self.statements.remove("");
        } else if self.statements.contains_key(&name) {
            return Err(WireError::new(
                code::DUPLICATE_STATEMENT,
                format!("prepared statement \"{name}\" already exists"),
            )
            .into());
        }
        if self.statements.len() >= PG_STATEMENTS_MAX {
            return Err(too_many("prepared statements", PG_STATEMENTS_MAX).into());
        }
        let mut statements = self.session.parse(text)?;
        if statements.len() > 1 {
            return Err(WireError::new(
                code::SYNTAX,
                "cannot insert multiple commands into a prepared statement",
            )
            .into());
        }
        let statement = statements.pop();
        let hints = types.iter().map(|oid| types::hint(*oid)).collect::<WireResult<Vec<_>>>()?;
        let description = match &statement {
            Some(statement) => self.session.describe(statement, &hints).await?,
            None => Description::default(),
        };
        let parameters = parameters(&types, hints, description.parameters)?;
        if let Some(columns) = &description.columns {
            // What cannot be sent is said before anything runs.
            Columns::new(columns, &[])?;
        }
        let prepared = Prepared { statement, parameters, columns: description.columns };
        self.statements.insert(name, Arc::new(prepared));
        self.output.put(&Answer::ParseComplete(ParseComplete::new()))?;
        Ok(())
    }

    pub(super) fn bind(&mut self, bind: Bind) -> Result<(), Trouble> {
        let prepared = Arc::clone(self.prepared(&bind.statement)?);
        let values = values(&prepared, &bind)?;
        let columns = match self.columns(&prepared) {
            Some(columns) => Some(Columns::new(&columns, &bind.result_formats)?),
            None => None,
        };
        if bind.portal.is_empty() {
            self.portals.remove("");
        } else if self.portals.contains_key(&bind.portal)
            || self.session.cursor(&bind.portal).is_some()
        {
            return Err(WireError::new(
                code::DUPLICATE_PORTAL,
                format!("cursor \"{}\" already exists", bind.portal),
            )
            .into());
        }
        if self.portals.len() >= PG_PORTALS_MAX {
            return Err(too_many("portals", PG_PORTALS_MAX).into());
        }
        let state = State::Bound(values);
        let bound = Arc::new(Bound { prepared, columns, formats: bind.result_formats });
        self.portals.insert(bind.portal, Portal { bound, state });
        self.output.put(&Answer::BindComplete(BindComplete::new()))?;
        Ok(())
    }

    pub(super) fn describe(&mut self, target: &Target) -> Result<(), Trouble> {
        let columns = match target {
            Target::Statement(name) => {
                let prepared = Arc::clone(self.prepared(name)?);
                let types = prepared.parameters.iter().map(|parameter| parameter.oid).collect();
                self.output.put(&Answer::ParameterDescription(ParameterDescription::new(types)))?;
                match self.columns(&prepared) {
                    Some(columns) => Some(Columns::new(&columns, &[])?),
                    None => None,
                }
            }
            Target::Portal(name) => match self.portals.get(name) {
                Some(portal) => portal.bound.columns.clone(),
                // A cursor that a statement declared is a portal, too.
                None => {
                    let cursor = self.session.cursor(name).ok_or_else(|| no_portal(name))?;
                    Some(Columns::new(&cursor.columns, &[])?)
                }
            },
        };
        let answer = match columns {
            Some(columns) => Answer::RowDescription(columns.description()),
            None => Answer::NoData(NoData::new()),
        };
        self.output.put(&answer)?;
        Ok(())
    }

    /// Runs a portal, or goes on with it. After an error it is gone.
    pub(super) async fn execute_portal(
        &mut self,
        name: String,
        rows: usize,
    ) -> Result<(), Trouble> {
        let Portal { bound, state } = self.portals.remove(&name).ok_or_else(|| no_portal(&name))?;
        let cancel = self.key.running.start();
        let state = match state {
            State::Bound(values) => self.open(&name, &bound, &values, &cancel).await?,
            State::Done => {
                return Err(WireError::new(
                    code::NOT_IN_PREREQUISITE_STATE,
                    format!("portal \"{name}\" cannot be run"),
                )
                .into());
            }
            state => state,
        };
        let state = match state {
            State::Open(mut cursor) => {
                let limit = u64::try_from(rows).unwrap_or(u64::MAX);
                let sent = self.send_rows(&mut cursor, limit, &cancel).await?;
                if sent.ended {
                    self.complete(bound.tag(sent.rows))?;
                    State::Ended
                } else {
                    self.output.put(&Answer::PortalSuspended(PortalSuspended::new()))?;
                    State::Open(cursor)
                }
            }
            State::Ended => {
                self.complete(bound.tag(0))?;
                State::Ended
            }
            other => other,
        };
        self.key.running.end();
        self.portals.insert(name, Portal { bound, state });
        Ok(())
    }

    /// Starts a portal; what has no rows is complete with it.
    async fn open(
        &mut self,
        name: &str,
        bound: &Bound,
        values: &[Value],
        cancel: &Cancel,
    ) -> Result<State, Trouble> {
        let Some(statement) = &bound.prepared.statement else {
            self.output.put(&Answer::EmptyQueryResponse(EmptyQueryResponse::new()))?;
            return Ok(State::Done);
        };
        if let Some(direction) = self.session.copies(statement) {
            self.copy(statement, direction, cancel).await?;
            return Ok(State::Done);
        }
        let outcome = self.execute(statement, values, cancel).await?;
        match (outcome, &bound.columns) {
            (Outcome::Done { tag }, _) => {
                self.complete(tag)?;
                Ok(State::Done)
            }
            (Outcome::Rows { columns, rows }, Some(told)) => {
                let columns = Columns::new(&columns, &bound.formats)?;
                if !told.same_types(&columns) {
                    return Err(WireError::unsupported(
                        "a prepared statement whose columns changed since",
                    )
                    .with_hint("Prepare it again.")
                    .into());
                }
                Ok(State::Open(Cursor::new(columns, rows, self.session.as_ref())))
            }
            (Outcome::Rows { .. }, None) => Err(WireError::new(
                code::INTERNAL,
                format!("portal \"{name}\" has rows that were not announced"),
            )
            .into()),
        }
    }

    /// To close what is not there is no error.
    pub(super) fn close(&mut self, target: &Target) -> Result<(), Trouble> {
        match target {
            Target::Statement(name) => drop(self.statements.remove(name)),
            Target::Portal(name) => {
                if self.portals.remove(name).is_none() {
                    self.session.close_cursor(name);
                }
            }
        }
        self.output.put(&Answer::CloseComplete(CloseComplete::new()))?;
        Ok(())
    }

    /// The columns of a statement as they are now: a cursor of the same name may be another one since.
    fn columns(&self, prepared: &Prepared) -> Option<SchemaRef> {
        let fetched = prepared.statement.as_ref().and_then(|statement| statement.fetched());
        match fetched {
            Some(name) => self.session.cursor(name).map(|cursor| cursor.columns),
            None => prepared.columns.clone(),
        }
    }

    fn prepared(&self, name: &str) -> WireResult<&Arc<Prepared>> {
        self.statements.get(name).ok_or_else(|| {
            let what = if name.is_empty() {
                "unnamed prepared statement does not exist".to_owned()
            } else {
                format!("prepared statement \"{name}\" does not exist")
            };
            WireError::new(code::NO_SUCH_STATEMENT, what)
        })
    }
}

fn no_portal(name: &str) -> WireError {
    WireError::new(code::NO_SUCH_PORTAL, format!("portal \"{name}\" does not exist"))
}

fn too_many(what: &str, limit: usize) -> WireError {
    WireError::new(code::LIMIT, format!("a connection keeps at most {limit} {what}"))
        .with_hint("Close those that are not used.")
}

/// What the client named comes first, then what the session found.
fn parameters(
    named: &[u32],
    hints: Vec<Option<DataType>>,
    found: Vec<DataType>,
) -> WireResult<Vec<Parameter>> {
    let count = named.len().max(found.len());
    let mut hints = hints.into_iter();
    let mut found = found.into_iter();
    (0..count)
        .map(|at| {
            let (hint, found) = (hints.next().flatten(), found.next());
            let named = named.get(at).copied().filter(|_| hint.is_some());
            let kind = found.or(hint).ok_or_else(|| {
                WireError::new(
                    code::INDETERMINATE_TYPE,
                    format!("could not determine data type of parameter ${}", at + 1),
                )
            })?;
            let oid = match named {
                Some(oid) => oid,
                None => types::of_parameter(&kind)?,
            };
            Ok(Parameter { oid, kind })
        })
        .collect()
}

fn values(prepared: &Prepared, bind: &Bind) -> WireResult<Vec<Value>> {
    let (given, wanted) = (bind.parameters.len(), prepared.parameters.len());
    if given != wanted {
        return Err(WireError::protocol(format!(
            "bind message supplies {given} parameters, but prepared statement \"{}\" requires {wanted}",
            bind.statement
        )));
    }
    let formats = &bind.parameter_formats;
    if !matches!(formats.len(), 0 | 1) && formats.len() != given {
        return Err(WireError::protocol(format!(
            "bind message has {} parameter formats but {given} parameters",
            formats.len()
        )));
    }
    let format = |at: usize| match formats.as_slice() {
        [] => Format::Text,
        [one] => *one,
        each => each.get(at).copied().unwrap_or(Format::Text),
    };
    prepared
        .parameters
        .iter()
        .zip(&bind.parameters)
        .enumerate()
        .map(|(at, (parameter, bytes))| {
            parameter::read(parameter.oid, &parameter.kind, format(at), bytes.as_deref()).map_err(
                |mut error| {
                    error.message = format!("parameter ${}: {}", at + 1, error.message);
                    error
                },
            )
        })
        .collect()
}
