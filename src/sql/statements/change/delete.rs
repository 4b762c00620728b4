//! `DELETE FROM table [USING …] [WHERE …]`

use datafusion::sql::sqlparser::ast::{Delete, FromTable, TableWithJoins};

use super::query::{Clause, NewValue, Selected};
use super::{Action, Change, Matches, target};
use crate::sql::error::{SqlError, SqlResult};
use crate::sql::session::Session;

pub(super) async fn prepare(session: &Session, delete: &Delete) -> SqlResult<Change> {
    let Delete {
        optimizer_hint: None,
        tables,
        from: FromTable::WithFromKeyword(from),
        using,
        selection,
        returning,
        order_by,
        limit: None,
        ..
    } = delete
    else {
        return Err(SqlError::unsupported("this form of DELETE"));
    };
    let [TableWithJoins { relation, joins }] = from.as_slice() else {
        return Err(SqlError::unsupported("DELETE from several tables"));
    };
    if !(tables.is_empty() && order_by.is_empty() && joins.is_empty()) {
        return Err(SqlError::unsupported("this form of DELETE"));
    }
    let (changed, bound) = target(session, relation).await?;
    let mut from = vec![TableWithJoins { relation: bound, joins: Vec::new() }];
    from.extend(using.iter().flatten().cloned());
    let returning = changed.returning(returning.as_deref(), using.is_some())?;
    // The rows as they were, if somebody asks for them.
    let values = match returning {
        Some(_) => vec![NewValue::Kept; changed.schema.fields().len()],
        None => Vec::new(),
    };
    let clause = Clause { when: None, action: Action::Delete, values };
    let selected = Selected::new(&changed, from, selection.clone(), vec![clause]);
    Ok(Change { changed, selected, matches: Matches::First, tag: "DELETE", returning })
}
