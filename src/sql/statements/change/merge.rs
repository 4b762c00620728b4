//! `MERGE INTO table USING source ON … WHEN …`
//!
//! The source is joined to the table; how depends on which rows without a partner some clause asks for. A
//! row of the table that two rows of the source would change is an error, as the standard says.

use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, Expr, Ident, Join, JoinConstraint, JoinOperator, Merge,
    MergeAction, MergeClause, MergeClauseKind, MergeInsertExpr, MergeInsertKind, MergeUpdateExpr,
    ObjectName, SelectItem, TableAlias, TableFactor, TableWithJoins, Value,
    WildcardAdditionalOptions,
};

use super::query::{Clause, NewValue, Selected, both, item, qualified};
use super::update::{assigned_values, is_default, new_value};
use super::{Action, Change, Changed, Matches, target};
use crate::sql::bind::{folded, parts_of};
use crate::sql::error::{SqlError, SqlResult};
use crate::sql::made::query;
use crate::sql::scan::ROW_POSITION;
use crate::sql::session::Session;
use crate::sql::statements::rows::column_at;
use crate::sql::syntax::nothing;
use crate::sql::walk::each_expression;

/// The column that is there in rows with a source.
const SOURCE: &str = "\u{1f}source";

pub(super) async fn prepare(session: &Session, merge: &Merge) -> SqlResult<Change> {
    if merge.output.is_some() {
        return Err(SqlError::unsupported("MERGE … RETURNING"));
    }
    let Merge { optimizer_hint: None, table, source, on, clauses, .. } = merge else {
        return Err(SqlError::unsupported("this form of MERGE"));
    };
    let (changed, bound) = target(session, table).await?;
    let asks = |wanted: fn(&MergeClauseKind) -> bool| {
        clauses.iter().any(|clause| wanted(&clause.clause_kind))
    };
    let without_target = asks(is_not_matched);
    let without_source = asks(|kind| matches!(kind, MergeClauseKind::NotMatchedBySource));
    let (joined, marker) = if without_source { marked(source)? } else { (source.clone(), None) };
    let constraint = JoinConstraint::On((**on).clone());
    let join_operator = match (without_target, without_source) {
        (false, false) => JoinOperator::Inner(constraint),
        (true, false) => JoinOperator::RightOuter(constraint),
        (false, true) => JoinOperator::LeftOuter(constraint),
        (true, true) => JoinOperator::FullOuter(constraint),
    };
    let join = Join { relation: joined, global: false, join_operator };
    let from = vec![TableWithJoins { relation: bound, joins: vec![join] }];
    let sides = Sides { source: source_name(source)?, marker };
    let clauses = clauses
        .iter()
        .map(|clause| self::clause(clause, &changed, &sides))
        .collect::<SqlResult<Vec<_>>>()?;
    let selected = Selected::new(&changed, from, None, clauses);
    Ok(Change { changed, selected, matches: Matches::One, tag: "MERGE", returning: None })
}

const fn is_not_matched(kind: &MergeClauseKind) -> bool {
    matches!(kind, MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget)
}

/// What a clause can see.
struct Sides {
    /// What columns of the source are qualified by.
    source: Ident,
    /// The same, if its rows are marked.
    marker: Option<Ident>,
}

fn source_name(source: &TableFactor) -> SqlResult<Ident> {
    let name = match source {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. } => folded(&alias.name),
        TableFactor::Table { name, .. } => {
            let last = parts_of(name)?.pop().unwrap_or_default();
            crate::sql::syntax::at::decode(&last).0.to_owned()
        }
        _ => return Err(SqlError::unsupported("a source of MERGE without a name")),
    };
    Ok(Ident::with_quote('"', name))
}

/// Where only one side can be seen, a column without a qualifier is that side's, also if both have one of the
/// name. Names inside of queries may be theirs.
fn on_one_side(expr: &Expr, alias: &Ident, changed: &Changed) -> Expr {
    let mut expr = expr.clone();
    each_expression(&mut expr, |expr, in_query| {
        if let Expr::Identifier(ident) = expr
            && !in_query
            && column_at(&changed.schema, &folded(ident)).is_ok()
            && !is_default(ident)
        {
            let column = Ident::with_quote('"', folded(ident));
            *expr = Expr::CompoundIdentifier(vec![alias.clone(), column]);
        }
    });
    expr
}

/// The source with one more column, which tells its rows from those that a join makes up.
fn marked(source: &TableFactor) -> SqlResult<(TableFactor, Option<Ident>)> {
    let alias = source_name(source)?;
    let items = vec![
        SelectItem::Wildcard(WildcardAdditionalOptions::default()),
        item(Expr::value(Value::Boolean(true)), SOURCE),
    ];
    let from = vec![TableWithJoins { relation: source.clone(), joins: Vec::new() }];
    let derived = TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query(items, from, None)),
        alias: Some(TableAlias { explicit: true, name: alias.clone(), columns: Vec::new() }),
        sample: None,
    };
    Ok((derived, Some(alias)))
}

fn clause(clause: &MergeClause, changed: &Changed, sides: &Sides) -> SqlResult<Clause> {
    let position = || Box::new(qualified(&changed.alias, ROW_POSITION));
    let marker = || sides.marker.as_ref().map(|alias| Box::new(qualified(alias, SOURCE)));
    let kind = &clause.clause_kind;
    let holds = match kind {
        MergeClauseKind::Matched => match marker() {
            Some(marker) => both(Expr::IsNotNull(position()), Expr::IsNotNull(marker)),
            None => Expr::IsNotNull(position()),
        },
        MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget => {
            Expr::IsNull(position())
        }
        MergeClauseKind::NotMatchedBySource => match marker() {
            Some(marker) => Expr::IsNull(marker),
            None => return Err(SqlError::syntax("WHEN NOT MATCHED BY SOURCE without a source")),
        },
    };
    let when = match &clause.predicate {
        Some(predicate) => both(
            holds,
            match kind {
                MergeClauseKind::Matched => predicate.clone(),
                MergeClauseKind::NotMatchedBySource => {
                    on_one_side(predicate, &changed.alias, changed)
                }
                _ => on_one_side(predicate, &sides.source, changed),
            },
        ),
        None => holds,
    };
    if is_nothing(&clause.action) {
        return Ok(Clause { when: Some(when), action: Action::Nothing, values: Vec::new() });
    }
    let (action, values) = match &clause.action {
        MergeAction::Insert(insert) if is_not_matched(kind) => {
            (Action::Insert, inserted(insert, changed, &sides.source)?)
        }
        MergeAction::Update(MergeUpdateExpr {
            assignments,
            update_predicate: None,
            delete_predicate: None,
            ..
        }) if !is_not_matched(kind) => (Action::Update, assigned_values(assignments, changed)?),
        MergeAction::Delete { .. } if !is_not_matched(kind) => (Action::Delete, Vec::new()),
        MergeAction::Insert(_) => {
            return Err(SqlError::syntax("INSERT stands only in WHEN NOT MATCHED"));
        }
        MergeAction::Delete { .. } | MergeAction::Update(_) if is_not_matched(kind) => {
            return Err(SqlError::syntax("WHEN NOT MATCHED can only INSERT"));
        }
        MergeAction::Delete { .. } | MergeAction::Update(_) => {
            return Err(SqlError::unsupported("WHERE in an action of MERGE"));
        }
    };
    Ok(Clause { when: Some(when), action, values })
}

/// Whether the action is `DO NOTHING`.
fn is_nothing(action: &MergeAction) -> bool {
    match action {
        MergeAction::Update(MergeUpdateExpr { assignments, .. }) => match assignments.as_slice() {
            [Assignment { target: AssignmentTarget::ColumnName(ObjectName(parts)), .. }] => parts
                .last()
                .and_then(|part| part.as_ident())
                .is_some_and(|name| nothing::is_nothing(&name.value)),
            _ => false,
        },
        MergeAction::Insert(MergeInsertExpr { kind: MergeInsertKind::Values(rows), .. }) => {
            let mut values = rows.rows.iter().flatten();
            values.any(
                |value| matches!(value, Expr::Identifier(name) if nothing::is_nothing(&name.value)),
            )
        }
        _ => false,
    }
}

fn inserted(
    insert: &MergeInsertExpr,
    changed: &Changed,
    source: &Ident,
) -> SqlResult<Vec<NewValue>> {
    let MergeInsertExpr {
        columns,
        kind: MergeInsertKind::Values(rows),
        insert_predicate: None,
        ..
    } = insert
    else {
        return Err(SqlError::unsupported("this form of INSERT in MERGE"));
    };
    let [given] = rows.rows.as_slice() else {
        return Err(SqlError::syntax("INSERT in MERGE has one row of values"));
    };
    let schema = &changed.schema;
    let mut values = vec![NewValue::Missing; schema.fields().len()];
    let places: Vec<usize> = if columns.is_empty() {
        (0..values.len()).take(given.len()).collect()
    } else {
        let mut places = Vec::with_capacity(columns.len());
        for column in columns {
            let name = parts_of(column)?.pop().unwrap_or_default();
            let at = column_at(schema, &name)?;
            if places.contains(&at) {
                return Err(SqlError::syntax(format!("column {name:?} is named twice")));
            }
            places.push(at);
        }
        places
    };
    if places.len() != given.len() {
        return Err(SqlError::syntax("INSERT has not as many values as columns"));
    }
    for (at, value) in places.into_iter().zip(given) {
        if let Some(slot) = values.get_mut(at) {
            *slot = new_value(&on_one_side(value, source, changed));
        }
    }
    Ok(values)
}
