//! Rows of temporary tables. `DELETE` and `UPDATE`: the rows that stay, and those that changed, make the table
//! anew.
//!
//! Both are queries over the table. A row is deleted or changed if the condition is true; where it is null
//! the row stays as it is.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, Expr, FromTable, Ident, Insert, ObjectName, Query,
    Select, SelectItem, SetExpr, Statement, TableFactor, TableObject, TableWithJoins, Update,
    Value as Literal, With,
};

use super::table::select_all;
use super::{done, rows, temp};
use crate::sql::bind::{folded, parts_of};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::{Description, Outcome, Value};
use crate::sql::session::{Session, parameters, with_values};
use crate::sql::temp::TempTable;

/// The temporary table that an `INSERT` is about.
pub(super) fn inserted(
    session: &Session,
    insert: &Insert,
) -> SqlResult<Option<(String, Arc<TempTable>)>> {
    match &insert.table {
        TableObject::TableName(name) => temp::named(session, name),
        TableObject::TableFunction(_) => Ok(None),
    }
}

/// The temporary table that a statement changes rows of.
pub(super) fn changed(
    session: &Session,
    statement: &Statement,
) -> SqlResult<Option<(String, Arc<TempTable>)>> {
    let factor = match statement {
        Statement::Delete(delete) => match from(delete) {
            [one] => &one.relation,
            _ => return Ok(None),
        },
        Statement::Update(update) => &update.table.relation,
        Statement::Merge(merge) => &merge.table,
        _ => return Ok(None),
    };
    match factor {
        TableFactor::Table { name, .. } => temp::named(session, name),
        _ => Ok(None),
    }
}

/// The parameters of a statement about rows of a temporary table; nothing for another statement.
pub(super) async fn describe(
    session: &mut Session,
    statement: &Statement,
    with: Option<&With>,
    hints: &[Option<DataType>],
) -> SqlResult<Option<Description>> {
    if let Statement::Insert(insert) = statement {
        let Some((_, table)) = inserted(session, insert)? else { return Ok(None) };
        let source = rows::source(insert, with)?;
        return rows::describe_into(session, insert, source, table.schema(), hints).await.map(Some);
    }
    let Some((_, table)) = changed(session, statement)? else { return Ok(None) };
    let queries = match statement {
        Statement::Delete(delete) => kept(delete)?.into_iter().collect(),
        Statement::Update(update) => vec![after(&table, update)?],
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    for query in queries {
        found = parameters(&session.plan(query).await?, hints)?;
    }
    Ok(Some(Description { parameters: found, columns: None }))
}

/// `INSERT INTO temporary-table [(columns)] query`
pub(super) async fn insert(
    session: &mut Session,
    name: String,
    table: &TempTable,
    insert: &Insert,
    with: Option<&With>,
    values: &[Value],
) -> SqlResult<Outcome> {
    let source = rows::source(insert, with)?;
    let plan = session.plan(Statement::Query(source)).await?;
    let plan = with_values(plan, values)?;
    let plan = rows::assigned(plan, &insert.columns, table.schema())?;
    let rows = session.stream(plan).await?;
    let rows = temp::collect(session, table.schema(), rows).await?;
    let count = rows.count();
    session.temp.put(name, table.with(rows));
    temp::end_of_statement(session);
    done(&format!("INSERT 0 {count}"))
}

/// `DELETE` and `UPDATE` of a temporary table.
pub(super) async fn change(
    session: &mut Session,
    name: String,
    table: &TempTable,
    statement: &Statement,
    with: Option<&With>,
    values: &[Value],
) -> SqlResult<Outcome> {
    if with.is_some() {
        return Err(SqlError::unsupported("WITH before a change of a temporary table"));
    }
    match statement {
        Statement::Delete(delete) => self::delete(session, name, table, delete, values).await,
        Statement::Update(update) => self::update(session, name, table, update, values).await,
        _ => Err(SqlError::unsupported("MERGE INTO a temporary table")
            .with_hint("use DELETE and INSERT, or CREATE TABLE instead")),
    }
}

fn from(delete: &Delete) -> &[TableWithJoins] {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    from
}

/// The rows that stay after a `DELETE`; nothing if none does.
fn kept(delete: &Delete) -> SqlResult<Option<Statement>> {
    let [target] = from(delete) else { return Err(SqlError::unsupported("this form of DELETE")) };
    if !delete.tables.is_empty()
        || delete.returning.is_some()
        || !delete.order_by.is_empty()
        || delete.limit.is_some()
        || !target.joins.is_empty()
    {
        return Err(SqlError::unsupported("this form of DELETE of a temporary table"));
    }
    if let Some(using) = &delete.using {
        let found = query(select_all_of(using.clone(), delete.selection.clone())?)?;
        let none = Expr::Exists { subquery: found, negated: true };
        return select_all_of(vec![target.clone()], Some(none)).map(Some);
    }
    delete.selection.clone().map(|condition| stay(target, condition)).transpose()
}

/// `DELETE FROM temporary-table [USING …] [WHERE …]`
async fn delete(
    session: &mut Session,
    name: String,
    table: &TempTable,
    delete: &Delete,
    values: &[Value],
) -> SqlResult<Outcome> {
    let kept = match kept(delete)? {
        None => table.emptied(),
        Some(query) => {
            let plan = session.plan(query).await?;
            rows_of(session, table, &table.emptied(), with_values(plan, values)?).await?
        }
    };
    let count = table.rows().saturating_sub(kept.rows());
    session.temp.put(name, kept);
    done(&format!("DELETE {count}"))
}

/// `UPDATE temporary-table SET … [WHERE …]`
async fn update(
    session: &mut Session,
    name: String,
    table: &TempTable,
    update: &Update,
    values: &[Value],
) -> SqlResult<Outcome> {
    let plan = with_values(session.plan(after(table, update)?).await?, values)?;
    let plan = rows::assigned(plan, &[], table.schema())?;
    let changed = rows_of(session, table, &table.emptied(), plan).await?;
    let count = changed.rows();
    let all = match &update.selection {
        None => changed,
        Some(condition) => {
            let plan = session.plan(stay(&update.table, condition.clone())?).await?;
            rows_of(session, table, &changed, with_values(plan, values)?).await?
        }
    };
    session.temp.put(name, all);
    done(&format!("UPDATE {count}"))
}

/// A table with the rows of a plan behind its own.
async fn rows_of(
    session: &Session,
    table: &TempTable,
    before: &TempTable,
    plan: LogicalPlan,
) -> SqlResult<TempTable> {
    let rows = session.stream(plan).await?;
    Ok(before.with(temp::collect(session, table.schema(), rows).await?))
}

/// The rows of which a condition is not true.
fn stay(target: &TableWithJoins, condition: Expr) -> SqlResult<Statement> {
    let not = Expr::IsNotTrue(Box::new(Expr::Nested(Box::new(condition))));
    select_all_of(vec![target.clone()], Some(not))
}

/// The rows that an `UPDATE` changes, as they are afterwards.
fn after(table: &TempTable, update: &Update) -> SqlResult<Statement> {
    if update.from.is_some() || update.returning.is_some() || !update.table.joins.is_empty() {
        return Err(SqlError::unsupported("UPDATE … FROM or RETURNING of a temporary table")
            .with_hint("use DELETE and INSERT, or CREATE TABLE instead"));
    }
    let TableFactor::Table { name, alias, .. } = &update.table.relation else {
        return Err(SqlError::unsupported("UPDATE of this"));
    };
    let qualifier = match alias {
        Some(alias) => alias.name.clone(),
        None => Ident::with_quote('"', parts_of(name)?.pop().unwrap_or_default()),
    };
    let fields = table.schema().fields();
    let mut exprs: Vec<Expr> = fields
        .iter()
        .map(|field| {
            let column = Ident::with_quote('"', field.name());
            Expr::CompoundIdentifier(vec![qualifier.clone(), column])
        })
        .collect();
    let mut set = Vec::new();
    for Assignment { target, value } in &update.assignments {
        let AssignmentTarget::ColumnName(ObjectName(parts)) = target else {
            return Err(SqlError::unsupported("SET (a, b) = … of a temporary table"));
        };
        let column = parts.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default();
        let at = rows::column_at(table.schema(), &column)?;
        if set.contains(&at) {
            return Err(SqlError::syntax(format!(
                "multiple assignments to same column {column:?}"
            )));
        }
        set.push(at);
        if let Some(expr) = exprs.get_mut(at) {
            *expr = match value {
                Expr::Identifier(ident)
                    if ident.quote_style.is_none()
                        && ident.value.eq_ignore_ascii_case("default") =>
                {
                    Expr::value(Literal::Null)
                }
                other => other.clone(),
            };
        }
    }
    let mut statement = select_all_of(vec![update.table.clone()], update.selection.clone())?;
    let items = fields.iter().zip(exprs).map(|(field, expr)| SelectItem::ExprWithAlias {
        expr,
        alias: Ident::with_quote('"', field.name()),
    });
    select_mut(&mut statement)?.projection = items.collect();
    Ok(statement)
}

/// `SELECT * FROM tables [WHERE condition]`
fn select_all_of(from: Vec<TableWithJoins>, condition: Option<Expr>) -> SqlResult<Statement> {
    let mut statement = select_all(&ObjectName::from(vec![Ident::new("t")]))?;
    let select = select_mut(&mut statement)?;
    select.from = from;
    select.selection = condition;
    Ok(statement)
}

fn lost() -> SqlError {
    SqlError::new(SqlState::InternalError, "a query could not be made")
}

fn query(statement: Statement) -> SqlResult<Box<Query>> {
    match statement {
        Statement::Query(query) => Ok(query),
        _ => Err(lost()),
    }
}

fn select_mut(statement: &mut Statement) -> SqlResult<&mut Select> {
    if let Statement::Query(query) = statement
        && let SetExpr::Select(select) = query.body.as_mut()
    {
        return Ok(select);
    }
    Err(lost())
}
