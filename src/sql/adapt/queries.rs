//! Parts of queries: set operations, joins, recursive ones.

use datafusion::sql::sqlparser::ast::{
    JoinConstraint, JoinOperator, Select, SelectItem, SetExpr, TableWithJoins, With,
};

use crate::sql::error::{SqlError, SqlResult};

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
