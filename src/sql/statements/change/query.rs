//! The query behind a statement that changes rows, and what its columns mean.

use arrow::datatypes::DataType;
use datafusion::common::Column;
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr as Planned, LogicalPlan, LogicalPlanBuilder, cast, lit};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Ident, Query, SelectItem, TableWithJoins, Value,
};

use super::{Action, Changed};
use crate::sql::error::SqlResult;
use crate::sql::made::query;
use crate::sql::scan::{ROW_FILE, ROW_POSITION};
use crate::sql::statements::rows::check_assignable;

/// Columns before those of the table: file, position, action.
pub(super) const ROW_COLUMNS: usize = 3;

/// What a column of a new row is.
#[derive(Clone, Debug)]
pub(super) enum NewValue {
    /// As it is in the row that goes.
    Kept,
    /// An expression.
    Given(Box<Expr>),
    /// Nothing was said of it.
    Missing,
}

/// One way in which rows are changed.
#[derive(Clone, Debug)]
pub(super) struct Clause {
    /// When; `None` is always. Of several clauses the first that holds counts.
    pub(super) when: Option<Expr>,
    pub(super) action: Action,
    /// A value for each column of the table; none for a deletion.
    pub(super) values: Vec<NewValue>,
}

/// A query that selects rows to change: file, position, the number of the clause, then for each clause the
/// columns of its new rows.
pub(super) struct Selected {
    pub(super) query: Query,
    pub(super) clauses: Vec<Clause>,
}

impl Selected {
    pub(super) fn new(
        changed: &Changed,
        from: Vec<TableWithJoins>,
        selection: Option<Expr>,
        clauses: Vec<Clause>,
    ) -> Self {
        let alias = &changed.alias;
        let number = number(&clauses);
        let mut items = vec![
            item(qualified(alias, ROW_FILE), "file"),
            item(qualified(alias, ROW_POSITION), "position"),
            item(number.clone(), "action"),
        ];
        for (at, clause) in clauses.iter().enumerate() {
            let chosen = equals(number.clone(), at);
            for (column, value) in clause.values.iter().enumerate() {
                let field = changed.schema.field(column);
                let value = match value {
                    NewValue::Missing => continue,
                    NewValue::Kept => qualified(alias, field.name()),
                    // What is not chosen is not evaluated: it may fail.
                    NewValue::Given(expr) if clauses.len() > 1 || clause.when.is_some() => {
                        when(vec![(chosen.clone(), (**expr).clone())])
                    }
                    NewValue::Given(expr) => (**expr).clone(),
                };
                items.push(item(value, &value_name(at, column)));
            }
        }
        Self { query: query(items, from, selection), clauses }
    }

    /// What is known of parameters: what the client said, or the column that a parameter is assigned to.
    pub(super) fn hints(
        &self,
        given: &[Option<DataType>],
        changed: &Changed,
    ) -> Vec<Option<DataType>> {
        let mut hints = given.to_vec();
        for clause in &self.clauses {
            for (column, value) in clause.values.iter().enumerate() {
                if let NewValue::Given(expr) = value {
                    hint(&mut hints, expr, changed.schema.field(column).data_type());
                }
            }
        }
        hints
    }
}

/// Notes that a bare parameter is assigned to a column of this type.
pub(in crate::sql) fn hint(hints: &mut Vec<Option<DataType>>, expr: &Expr, column: &DataType) {
    let Expr::Value(value) = expr else { return };
    let Value::Placeholder(name) = &value.value else { return };
    let Some(at) = name.strip_prefix('$').and_then(|digits| digits.parse::<u16>().ok()) else {
        return;
    };
    let Some(at) = usize::from(at).checked_sub(1) else { return };
    if hints.len() <= at {
        hints.resize(at + 1, None);
    }
    if let Some(slot) = hints.get_mut(at) {
        slot.get_or_insert_with(|| column.clone());
    }
}

fn value_name(clause: usize, column: usize) -> String {
    format!("v{clause}_{column}")
}

/// File, position, action and the columns of the new row in the table's types.
pub(super) fn assigned(
    plan: LogicalPlan,
    selected: &Selected,
    changed: &Changed,
) -> SqlResult<LogicalPlan> {
    let schema = &changed.schema;
    let column = |name: &str| Planned::Column(Column::new_unqualified(name));
    let mut exprs = vec![
        column("file"),
        column("position"),
        cast(column("action"), DataType::Int64).alias("action"),
    ];
    for (at, field) in schema.fields().iter().enumerate() {
        let mut arms = Vec::new();
        for (number, clause) in selected.clauses.iter().enumerate() {
            let Some(NewValue::Kept | NewValue::Given(_)) = clause.values.get(at) else { continue };
            let name = value_name(number, at);
            let found = plan.schema().field_with_unqualified_name(&name)?;
            if let Some(NewValue::Given(expr)) = clause.values.get(at) {
                let literal = is_text(expr);
                check_assignable(field.name(), found.data_type(), field.data_type(), literal)?;
            }
            let value = cast(column(&name), field.data_type().clone());
            arms.push((number, value));
        }
        let value = match arms.as_mut_slice() {
            [] => lit(ScalarValue::try_from(field.data_type())?),
            [(_, only)] if selected.clauses.len() == 1 => only.clone(),
            _ => {
                let arms = arms.into_iter().map(|(number, value)| {
                    let number = i64::try_from(number).unwrap_or(i64::MAX);
                    (Box::new(lit(number)), Box::new(value))
                });
                let action = cast(column("action"), DataType::Int64);
                Planned::Case(Case::new(Some(Box::new(action)), arms.collect(), None))
            }
        };
        exprs.push(value.alias(format!("new {}", field.name())));
    }
    Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
}

fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_text(inner),
        Expr::Value(value) => matches!(
            value.value,
            Value::SingleQuotedString(_)
                | Value::EscapedStringLiteral(_)
                | Value::DollarQuotedString(_)
                | Value::Placeholder(_)
        ),
        _ => false,
    }
}

/// The number of the first clause that holds; null if none does.
fn number(clauses: &[Clause]) -> Expr {
    if let [Clause { when: None, .. }] = clauses {
        return integer(0);
    }
    let arms = clauses.iter().enumerate().map(|(at, clause)| {
        let holds = clause.when.clone().unwrap_or_else(|| Expr::value(Value::Boolean(true)));
        (holds, integer(at))
    });
    when(arms.collect())
}

fn integer(number: usize) -> Expr {
    Expr::value(Value::Number(number.to_string(), false))
}

fn equals(left: Expr, number: usize) -> Expr {
    binary(left, BinaryOperator::Eq, integer(number))
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// Both, each in brackets.
pub(super) fn both(left: Expr, right: Expr) -> Expr {
    binary(Expr::Nested(Box::new(left)), BinaryOperator::And, Expr::Nested(Box::new(right)))
}

/// `CASE WHEN … THEN … END`
fn when(arms: Vec<(Expr, Expr)>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: arms
            .into_iter()
            .map(|(condition, result)| CaseWhen { condition, result })
            .collect(),
        else_result: None,
    }
}

/// A column of a table by its exact name.
pub(super) fn qualified(alias: &Ident, name: &str) -> Expr {
    Expr::CompoundIdentifier(vec![alias.clone(), Ident::with_quote('"', name)])
}

pub(super) fn item(expr: Expr, name: &str) -> SelectItem {
    SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) }
}
