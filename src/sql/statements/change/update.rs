//! `UPDATE table SET … [FROM …] [WHERE …]`

use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, Expr, Ident, ObjectName, TableWithJoins, Update,
    UpdateTableFromKind,
};

use super::query::{Clause, NewValue, Selected};
use super::{Action, Change, Changed, Matches, target};
use crate::sql::bind::parts_of;
use crate::sql::error::{SqlError, SqlResult};
use crate::sql::session::Session;
use crate::sql::statements::rows::column_at;

pub(super) async fn prepare(session: &Session, update: &Update) -> SqlResult<Change> {
    let Update {
        optimizer_hint: None,
        table: TableWithJoins { relation, joins },
        assignments,
        from,
        selection,
        returning,
        or: None,
        limit: None,
        ..
    } = update
    else {
        return Err(SqlError::unsupported("this form of UPDATE"));
    };
    let others = match from {
        None => &[][..],
        Some(UpdateTableFromKind::AfterSet(others)) => others,
        Some(UpdateTableFromKind::BeforeSet(_)) => {
            return Err(SqlError::unsupported("FROM before SET"));
        }
    };
    if !joins.is_empty() {
        return Err(SqlError::unsupported("UPDATE of a join"));
    }
    let (changed, bound) = target(session, relation).await?;
    let mut from = vec![TableWithJoins { relation: bound, joins: Vec::new() }];
    from.extend(others.iter().cloned());
    let values = assigned_values(assignments, &changed)?;
    let clause = Clause { when: None, action: Action::Update, values };
    let selected = Selected::new(&changed, from, selection.clone(), vec![clause]);
    let returning = changed.returning(returning.as_deref(), !others.is_empty())?;
    Ok(Change { changed, selected, matches: Matches::First, tag: "UPDATE", returning })
}

/// The columns of a changed row: what is assigned, the others as they were.
pub(super) fn assigned_values(
    assignments: &[Assignment],
    changed: &Changed,
) -> SqlResult<Vec<NewValue>> {
    let mut values = vec![NewValue::Kept; changed.schema.fields().len()];
    for assignment in assignments {
        match (&assignment.target, &assignment.value) {
            (AssignmentTarget::ColumnName(name), value) => {
                assign(&mut values, name, value, changed)?;
            }
            (AssignmentTarget::Tuple(names), Expr::Tuple(given)) => {
                if names.len() != given.len() {
                    return Err(SqlError::syntax(
                        "number of columns does not match number of values",
                    ));
                }
                for (name, value) in names.iter().zip(given) {
                    assign(&mut values, name, value, changed)?;
                }
            }
            (AssignmentTarget::Tuple(_), _) => {
                return Err(SqlError::unsupported("SET (…) = a query")
                    .with_hint("assign each column by itself, or join with FROM"));
            }
        }
    }
    Ok(values)
}

fn assign(
    values: &mut [NewValue],
    name: &ObjectName,
    value: &Expr,
    changed: &Changed,
) -> SqlResult<()> {
    let parts = parts_of(name)?;
    let column = match parts.as_slice() {
        [column] => column,
        [qualifier, column] if *qualifier == changed.alias.value => column,
        _ => return Err(SqlError::unsupported(format_args!("assigning to {name}"))),
    };
    let at = column_at(&changed.schema, column)?;
    let Some(slot) = values.get_mut(at) else { return Ok(()) };
    if !matches!(slot, NewValue::Kept) {
        return Err(SqlError::syntax(format!("multiple assignments to same column \"{column}\"")));
    }
    *slot = new_value(value);
    Ok(())
}

/// Whether this is the word `DEFAULT`.
pub(in crate::sql::statements) fn is_default(ident: &Ident) -> bool {
    ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default")
}

/// `DEFAULT` is null: no table here has other defaults.
pub(super) fn new_value(expr: &Expr) -> NewValue {
    match expr {
        Expr::Identifier(ident) if is_default(ident) => NewValue::Missing,
        other => NewValue::Given(Box::new(other.clone())),
    }
}
