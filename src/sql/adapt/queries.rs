//! Parts of queries: set operations, joins, recursive ones.

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, FunctionArg, FunctionArgExpr, Ident, JoinConstraint, JoinOperator, LimitClause,
    Query, Select, SelectItem, SetExpr, TableAlias, TableFactor, TableWithJoins, TimezoneInfo,
    TypedString, With,
};

use super::calls::plain_name;
use super::integers::written;
use super::made::{cast, number};
use crate::sql::error::{SqlError, SqlResult};
use crate::sql::made::query;

pub(super) fn body(expr: &SetExpr) -> SqlResult<()> {
    match expr {
        SetExpr::Select(select) => selected(select),
        SetExpr::SetOperation { left, right, .. } => {
            body(left)?;
            body(right)
        }
        _ => Ok(()),
    }
}

fn selected(select: &Select) -> SqlResult<()> {
    select.from.iter().try_for_each(joins)
}

/// A column that a join merges is that of the left side for the planner, which has none there.
pub(super) fn joins(tables: &TableWithJoins) -> SqlResult<()> {
    for join in &tables.joins {
        let (JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)) = &join.join_operator
        else {
            continue;
        };
        if matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural) {
            return Err(SqlError::unsupported("USING or NATURAL in a RIGHT or FULL JOIN")
                .with_hint("write ON, and coalesce() of both columns"));
        }
    }
    Ok(())
}

/// `WITH RECURSIVE t(n) AS (SELECT 1 …)`: the planner wants the names in the first query.
pub(super) fn recursive_columns(with: Option<&mut With>) -> SqlResult<()> {
    let Some(with) = with.filter(|with| with.recursive) else { return Ok(()) };
    for cte in &mut with.cte_tables {
        if cte.alias.columns.is_empty() {
            continue;
        }
        let SetExpr::SetOperation { left, .. } = cte.query.body.as_mut() else { continue };
        let columns = std::mem::take(&mut cte.alias.columns);
        let Some(select) = first(left).filter(|select| select.projection.len() == columns.len())
        else {
            return Err(SqlError::unsupported("this list of columns of a recursive query"));
        };
        for (item, column) in select.projection.iter_mut().zip(columns) {
            let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item
            else {
                return Err(SqlError::unsupported("* in a recursive query with columns"));
            };
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: column.name };
        }
    }
    Ok(())
}

fn first(expr: &mut SetExpr) -> Option<&mut Select> {
    match expr {
        SetExpr::Select(select) => Some(select),
        SetExpr::SetOperation { left, .. } => first(left),
        SetExpr::Query(query) => first(&mut query.body),
        _ => None,
    }
}

/// `FETCH FIRST 2 ROWS ONLY` as `LIMIT 2`.
pub(super) fn fetch(query: &mut Query) -> SqlResult<()> {
    let Some(fetch) = query.fetch.take() else { return Ok(()) };
    if fetch.with_ties || fetch.percent {
        return Err(SqlError::unsupported("FETCH … WITH TIES or PERCENT"));
    }
    let rows = fetch.quantity.unwrap_or_else(|| number("1"));
    match &mut query.limit_clause {
        None => {
            query.limit_clause = Some(LimitClause::LimitOffset {
                limit: Some(rows),
                offset: None,
                limit_by: Vec::new(),
            });
        }
        Some(LimitClause::LimitOffset { limit: limit @ None, .. }) => *limit = Some(rows),
        Some(_) => return Err(SqlError::syntax("multiple LIMIT clauses not allowed")),
    }
    Ok(())
}

/// `FROM generate_series(…)` with a column of the type and the name that PostgreSQL gives it.
pub(super) fn series(factor: &mut TableFactor) {
    let TableFactor::Table { name, alias, args: Some(args), with_ordinality: false, .. } = factor
    else {
        return;
    };
    if plain_name(name).as_deref() != Some("generate_series") {
        return;
    }
    let kinds: Vec<Option<Kind>> = args
        .args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => kind(expr),
            _ => None,
        })
        .collect();
    // An interval follows the two ends.
    let kind = match kinds.as_slice() {
        [Some(Kind::Integer), others @ ..] => {
            others.iter().all(|kind| *kind == Some(Kind::Integer)).then_some(Kind::Integer)
        }
        [Some(one), Some(other), ..] if one == other => Some(*one),
        _ => None,
    };
    // The rows of a function are known by its name (`bind`).
    let value = Expr::Identifier(Ident::with_quote('"', "generate_series"));
    let value = match kind {
        Some(Kind::Integer) => cast(value, DataType::Int(None)),
        Some(Kind::Date) => cast(value, DataType::Timestamp(Some(6), TimezoneInfo::Tz)),
        Some(Kind::Time) => {
            args.args.iter_mut().for_each(nanoseconds);
            cast(value, DataType::Timestamp(Some(6), TimezoneInfo::None))
        }
        None => return,
    };
    let table = alias.take();
    let called = Ident::with_quote('"', "generate_series");
    let (table, column) = match table {
        Some(mut alias) if alias.columns.len() == 1 => {
            let column = alias.columns.remove(0).name;
            (alias.name, column)
        }
        Some(alias) if alias.columns.is_empty() => (alias.name.clone(), alias.name),
        Some(other) => {
            *alias = Some(other);
            return;
        }
        None => (called.clone(), called),
    };
    let item = SelectItem::ExprWithAlias { expr: value, alias: column };
    let from = TableWithJoins { relation: factor.clone(), joins: Vec::new() };
    *factor = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query(vec![item], vec![from], None)),
        alias: Some(TableAlias { explicit: true, name: table, columns: Vec::new() }),
        sample: None,
    };
}

/// What a series is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Integer,
    Date,
    /// Timestamps without a zone.
    Time,
}

const LOCAL: [TimezoneInfo; 2] = [TimezoneInfo::None, TimezoneInfo::WithoutTimeZone];

/// The planner's own series of times is one of nanoseconds.
fn nanoseconds(argument: &mut FunctionArg) {
    if let FunctionArg::Unnamed(FunctionArgExpr::Expr(
        Expr::Cast { data_type, .. } | Expr::TypedString(TypedString { data_type, .. }),
    )) = argument
        && let DataType::Timestamp(digits, _) = data_type
    {
        *digits = Some(9);
    }
}

fn kind(expr: &Expr) -> Option<Kind> {
    match expr {
        Expr::Cast { data_type: DataType::Date, .. } => Some(Kind::Date),
        Expr::TypedString(text) if text.data_type == DataType::Date => Some(Kind::Date),
        Expr::Cast { data_type: DataType::Timestamp(_, zone), .. } if LOCAL.contains(zone) => {
            Some(Kind::Time)
        }
        Expr::TypedString(TypedString { data_type: DataType::Timestamp(_, zone), .. })
            if LOCAL.contains(zone) =>
        {
            Some(Kind::Time)
        }
        other => {
            let number = written(other)?;
            i32::try_from(number).is_ok().then_some(Kind::Integer)
        }
    }
}
