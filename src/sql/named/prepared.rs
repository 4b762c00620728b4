//! Prepared statements: `PREPARE`, `EXECUTE`, `DEALLOCATE`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType as SqlType, Expr as Written, SelectItem, Statement, Value as Literal,
};
use futures::StreamExt as _;

use crate::base::clock::Timestamp;
use crate::base::limits::SQL_PREPARED_MAX;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::made::query;
use crate::sql::outcome::{Description, Outcome, Value};
use crate::sql::parameter::type_of_text;
use crate::sql::session::{Session, parameters, with_values};
use crate::sql::syntax::statement::Parsed;

/// The prepared statements of a session.
pub(in crate::sql) type PreparedStatements = Arc<BTreeMap<String, Arc<PreparedStatement>>>;

/// A prepared statement.
#[derive(Debug)]
pub(in crate::sql) struct PreparedStatement {
    statement: Arc<Parsed>,
    /// The types of its parameters that were written out; they are the first ones.
    declared: Vec<SqlType>,
    /// The types of all of them.
    parameters: Vec<DataType>,
    /// The whole `PREPARE`.
    pub(in crate::sql) text: String,
    pub(in crate::sql) prepared_at: Timestamp,
}

impl PreparedStatement {
    /// What it runs.
    pub(in crate::sql) fn statement(&self) -> &Parsed {
        &self.statement
    }

    /// The types of its parameters.
    pub(in crate::sql) fn parameters(&self) -> &[DataType] {
        &self.parameters
    }
}

/// `PREPARE p [(type, …)] AS statement`
pub(super) async fn prepare(
    session: &mut Session,
    text: &str,
    name: &str,
    types: &[SqlType],
    statement: &Arc<Parsed>,
) -> SqlResult<Outcome> {
    if session.prepared.contains_key(name) {
        return Err(SqlError::new(
            SqlState::DuplicateStatement,
            format!("prepared statement \"{name}\" already exists"),
        ));
    }
    if session.prepared.len() >= SQL_PREPARED_MAX {
        return Err(SqlError::new(
            SqlState::ProgramLimitExceeded,
            format!("a session has at most {SQL_PREPARED_MAX} prepared statements"),
        )
        .with_hint("DEALLOCATE those that are not used any more"));
    }
    let hints = declared(session, types).await?;
    let described = Box::pin(session.describe_open(statement, &hints)).await?;
    let prepared = PreparedStatement {
        statement: Arc::clone(statement),
        declared: types.to_vec(),
        parameters: described.parameters,
        text: text.to_owned(),
        prepared_at: session.engine.catalog.clock().now(),
    };
    Arc::make_mut(&mut session.prepared).insert(name.to_owned(), Arc::new(prepared));
    done("PREPARE")
}

/// `EXECUTE p [(value, …)]`
pub(super) async fn execute(
    session: &mut Session,
    name: &str,
    arguments: &[Written],
    values: &[Value],
) -> SqlResult<Outcome> {
    let prepared = existing(session, name)?;
    check_count(&prepared, name, arguments)?;
    let given = evaluate(session, &prepared, arguments, values).await?;
    Box::pin(session.execute_open(&prepared.statement, &given)).await
}

/// The shape of an `EXECUTE`.
pub(super) async fn describe(
    session: &mut Session,
    name: &str,
    arguments: &[Written],
    hints: &[Option<DataType>],
) -> SqlResult<Description> {
    // One that is not there is an error of the execution, as in PostgreSQL.
    let Some(prepared) = session.prepared.get(name).cloned() else {
        return Ok(Description::default());
    };
    check_count(&prepared, name, arguments)?;
    let types: Vec<_> = prepared.parameters.iter().cloned().map(Some).collect();
    let described = Box::pin(session.describe_open(&prepared.statement, &types)).await?;
    let own = if arguments.is_empty() {
        Vec::new()
    } else {
        // A parameter that is a value by itself has the type of its place.
        let mut hints = hints.to_vec();
        for (argument, kind) in arguments.iter().zip(&prepared.parameters) {
            crate::sql::statements::hint(&mut hints, argument, kind);
        }
        parameters(&selected(session, &prepared, arguments).await?, &hints)?
    };
    Ok(Description { parameters: own, columns: described.columns })
}

/// `DEALLOCATE [PREPARE] p`, `DEALLOCATE ALL`
pub(super) fn deallocate(session: &mut Session, name: Option<&str>) -> SqlResult<Outcome> {
    match name {
        None => {
            session.prepared = PreparedStatements::default();
            done("DEALLOCATE ALL")
        }
        Some(name) => match Arc::make_mut(&mut session.prepared).remove(name) {
            Some(_) => done("DEALLOCATE"),
            None => Err(missing(name)),
        },
    }
}

/// The types that are written out, as the planner has them.
async fn declared(session: &mut Session, types: &[SqlType]) -> SqlResult<Vec<Option<DataType>>> {
    if types.is_empty() {
        return Ok(Vec::new());
    }
    let null = || Written::Value(Literal::Null.into());
    let items = types.iter().map(|kind| item(null(), Some(kind))).collect();
    let plan = session.plan(Statement::Query(Box::new(query(items, Vec::new(), None)))).await?;
    let plan = with_values(plan, &[])?;
    Ok(plan.schema().fields().iter().map(|field| Some(field.data_type().clone())).collect())
}

fn item(expr: Written, kind: Option<&SqlType>) -> SelectItem {
    SelectItem::UnnamedExpr(match kind {
        Some(kind) => Written::Cast {
            kind: CastKind::Cast,
            expr: Box::new(expr),
            data_type: kind.clone(),
            array: false,
            format: None,
        },
        None => expr,
    })
}

/// A query of one row: the values of an `EXECUTE`.
async fn selected(
    session: &mut Session,
    prepared: &PreparedStatement,
    arguments: &[Written],
) -> SqlResult<LogicalPlan> {
    let items = arguments
        .iter()
        .enumerate()
        .map(|(at, argument)| item(argument.clone(), prepared.declared.get(at)))
        .collect();
    session.plan(Statement::Query(Box::new(query(items, Vec::new(), None)))).await
}

/// The values of an `EXECUTE`, in the types of the parameters.
async fn evaluate(
    session: &mut Session,
    prepared: &PreparedStatement,
    arguments: &[Written],
    values: &[Value],
) -> SqlResult<Vec<Value>> {
    if arguments.is_empty() {
        return Ok(Vec::new());
    }
    let plan = with_values(selected(session, prepared, arguments).await?, values)?;
    let mut exprs = Vec::with_capacity(arguments.len());
    for (at, wanted) in prepared.parameters.iter().enumerate().take(arguments.len()) {
        let (qualifier, field) = plan.schema().qualified_field(at);
        let column = Expr::Column(Column::from((qualifier, field)));
        let kind = field.data_type();
        let text = match arguments.get(at) {
            Some(Written::Value(value)) => match &value.value {
                Literal::SingleQuotedString(text) | Literal::EscapedStringLiteral(text) => {
                    Some(text)
                }
                _ => None,
            },
            _ => None,
        };
        let expr = if kind == wanted || prepared.declared.get(at).is_some() {
            column
        } else if wanted.is_decimal() && (kind.is_decimal() || kind.is_integer()) {
            // It keeps its digits: those of its place could round it.
            column
        } else if let Some(text) = text {
            let read = type_of_text(text, wanted).unwrap_or_else(|| wanted.clone());
            cast(column, read)
        } else {
            check_assignable(at, kind, wanted)?;
            cast(column, wanted.clone())
        };
        exprs.push(expr.alias(format!("v{at}")));
    }
    let plan = LogicalPlanBuilder::from(plan).project(exprs)?.build()?;
    let plan = with_values(plan, &[])?;
    let mut rows = session.stream(plan).await?;
    let mut found = None;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        if batch.num_rows() == 0 {
            continue;
        }
        if found.is_some() || batch.num_rows() > 1 {
            return Err(not_one_row());
        }
        let row = batch.columns().iter().map(|column| Value::try_from_array(column, 0));
        found = Some(row.collect::<Result<Vec<_>, _>>()?);
    }
    found.ok_or_else(not_one_row)
}

fn not_one_row() -> SqlError {
    SqlError::new(SqlState::CardinalityViolation, "the values of EXECUTE are one row")
}

/// Whether a value may stand for a parameter without a cast, as PostgreSQL has it for assignments.
fn check_assignable(at: usize, from: &DataType, to: &DataType) -> SqlResult<()> {
    let number = |kind: &DataType| kind.is_numeric() || kind.is_null();
    let fine = from.is_null()
        || to.is_null()
        || to.is_string()
        || (number(from) && number(to))
        || (from.is_temporal() && to.is_temporal())
        || (from.is_nested() && to.is_nested())
        || (from.is_binary() && to.is_binary());
    if fine {
        return Ok(());
    }
    Err(SqlError::new(
        SqlState::DatatypeMismatch,
        format!(
            "parameter ${} of type {} cannot be coerced to the expected type {}",
            at + 1,
            crate::sql::operators::type_name(from),
            crate::sql::operators::type_name(to),
        ),
    )
    .with_hint("You will need to rewrite or cast the expression."))
}

fn check_count(prepared: &PreparedStatement, name: &str, arguments: &[Written]) -> SqlResult<()> {
    let (wanted, given) = (prepared.parameters.len(), arguments.len());
    if wanted == given {
        return Ok(());
    }
    Err(SqlError::syntax(format!("wrong number of parameters for prepared statement \"{name}\""))
        .with_hint(format!("Expected {wanted} parameters but got {given}.")))
}

fn existing(session: &Session, name: &str) -> SqlResult<Arc<PreparedStatement>> {
    session.prepared.get(name).cloned().ok_or_else(|| missing(name))
}

fn missing(name: &str) -> SqlError {
    SqlError::new(
        SqlState::InvalidStatementName,
        format!("prepared statement \"{name}\" does not exist"),
    )
}

fn done(tag: &str) -> SqlResult<Outcome> {
    Ok(Outcome::Done { tag: tag.to_owned() })
}
