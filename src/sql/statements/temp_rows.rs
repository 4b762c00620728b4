//! `DELETE` and `UPDATE` of temporary tables: the rows that stay, and those that changed, make the table anew.
//!
//! Both are queries over the table. A row is deleted or changed if the condition is true; where it is null
//! the row stays as it is.

use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, Delete, Expr, FromTable, Ident, ObjectName, Query, Select,
    SelectItem, SetExpr, Statement, TableFactor, TableWithJoins, Update, Value as Literal,
};

use super::rows::{assigned, column_at};
use super::table::select_all;
use super::{done, temp};
use crate::sql::bind::{folded, parts_of};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::{Outcome, Value};
use crate::sql::session::{Session, with_values};
use crate::sql::temp::TempTable;

/// The name of the table that a `DELETE` is about, if that is temporary.
pub(super) fn deleted(
    session: &Session,
    delete: &Delete,
) -> SqlResult<Option<(String, Arc<TempTable>)>> {
    match from(delete) {
        [TableWithJoins { relation: TableFactor::Table { name, .. }, .. }] => {
            temp::named(session, name)
        }
        _ => Ok(None),
    }
}

/// The name of the table that an `UPDATE` is about, if that is temporary.
pub(super) fn updated(
    session: &Session,
    update: &Update,
) -> SqlResult<Option<(String, Arc<TempTable>)>> {
    match &update.table.relation {
        TableFactor::Table { name, .. } => temp::named(session, name),
        _ => Ok(None),
    }
}

fn from(delete: &Delete) -> &[TableWithJoins] {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &delete.from;
    from
}

/// `DELETE FROM temporary-table [USING …] [WHERE …]`
pub(super) async fn delete(
    session: &mut Session,
    name: String,
    table: &TempTable,
    delete: &Delete,
    values: &[Value],
) -> SqlResult<Outcome> {
    let [target] = from(delete) else { return Err(SqlError::unsupported("this form of DELETE")) };
    if !delete.tables.is_empty()
        || delete.returning.is_some()
        || !delete.order_by.is_empty()
        || delete.limit.is_some()
        || !target.joins.is_empty()
    {
        return Err(SqlError::unsupported("this form of DELETE of a temporary table"));
    }
    let condition = match &delete.using {
        None => delete.selection.clone(),
        Some(using) => {
            let found = query(select_all_of(using.clone(), delete.selection.clone())?)?;
            Some(Expr::Exists { subquery: found, negated: false })
        }
    };
    let kept = match condition {
        None => table.emptied(),
        Some(condition) => {
            let plan = session.plan(stay(target, condition)?).await?;
            rows_of(session, table, &table.emptied(), with_values(plan, values)?).await?
        }
    };
    let count = table.rows().saturating_sub(kept.rows());
    session.temp.put(name, kept);
    done(&format!("DELETE {count}"))
}

/// `UPDATE temporary-table SET … [WHERE …]`
pub(super) async fn update(
    session: &mut Session,
    name: String,
    table: &TempTable,
    update: &Update,
    values: &[Value],
) -> SqlResult<Outcome> {
    if update.from.is_some() || update.returning.is_some() || !update.table.joins.is_empty() {
        return Err(SqlError::unsupported("UPDATE … FROM or RETURNING of a temporary table")
            .with_hint("use DELETE and INSERT, or CREATE TABLE instead"));
    }
    let changed = changed(table, update)?;
    let plan = with_values(session.plan(changed).await?, values)?;
    let plan = assigned(plan, &[], table.schema())?;
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
fn changed(table: &TempTable, update: &Update) -> SqlResult<Statement> {
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
        let at = column_at(table.schema(), &column)?;
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
