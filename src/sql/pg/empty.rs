//! Cuts out of a statement what is empty before it runs: queries on relations about things that are not here.
//!
//! Clients ask for indexes, triggers or policies with all that PostgreSQL's dialect has. No row of a query that
//! joins with a relation without rows can come out, so its expressions need not be carried out; only the names
//! and, where a column tells, the types of its results are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, BinaryOperator, DataType, Expr, FunctionArg, FunctionArgExpr,
    FunctionArguments, GroupByExpr, Ident, JoinOperator, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, SetOperator, Statement, TableAlias, TableFactor,
    TableFunctionArgs, TableWithJoins, TimezoneInfo, Value, VisitMut as _, VisitorMut,
};

use super::layout::{Kind, Layout};
use super::rewrite::{null, parts, relation};
use crate::sql::bind::folded;
use crate::sql::headings;
use crate::sql::walk::any_expression;

/// Columns of the two schemas that are NULL in every row.
const ALWAYS_NULL: [&str; 13] = [
    "nspacl",
    "relacl",
    "attacl",
    "datacl",
    "spcacl",
    "typacl",
    "reloptions",
    "attoptions",
    "attfdwoptions",
    "attmissingval",
    "relpartbound",
    "typdefault",
    "typdefaultbin",
];

/// Functions that make one row of none.
const AGGREGATES: [&str; 17] = [
    "count",
    "sum",
    "min",
    "max",
    "avg",
    "string_agg",
    "array_agg",
    "bool_and",
    "bool_or",
    "every",
    "json_agg",
    "jsonb_agg",
    "json_object_agg",
    "any_value",
    "stddev",
    "variance",
    "xmlagg",
];

/// Cuts a statement that reads the two schemas.
pub(super) fn cut(statement: &mut Statement) {
    match statement.visit(&mut Cutter::default()) {
        ControlFlow::Continue(()) | ControlFlow::Break(()) => {}
    }
}

#[derive(Default)]
struct Cutter {
    /// Whether common table expressions are empty, by their names; innermost last.
    ctes: Vec<BTreeMap<String, bool>>,
}

impl VisitorMut for Cutter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.enter(query);
        if self.body(&mut query.body) && matches!(*query.body, SetExpr::Select(_)) {
            query.order_by = None;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.ctes.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Some(known) = self.known(expr) {
            *expr = known;
        }
        if let Expr::Case { operand: None, conditions, else_result, .. } = expr {
            conditions.retain(|case| !never(&case.condition));
            if conditions.is_empty() {
                *expr = else_result.take().map_or_else(|| null(None), |result| *result);
            }
        }
        ControlFlow::Continue(())
    }
}

impl Cutter {
    fn enter(&mut self, query: &Query) {
        self.ctes.push(BTreeMap::new());
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let empty = self.query_is_empty(&cte.query);
            if let Some(scope) = self.ctes.last_mut() {
                scope.insert(folded(&cte.alias.name), empty);
            }
        }
    }

    /// What an expression with an empty query in it comes to.
    fn known(&mut self, expr: &Expr) -> Option<Expr> {
        let truth = |value: bool| Some(Expr::Value(Value::Boolean(value).into()));
        match expr {
            Expr::Subquery(query) if self.query_is_empty(query) => Some(null(None)),
            Expr::Exists { subquery, negated } if self.query_is_empty(subquery) => truth(*negated),
            Expr::InSubquery { subquery, negated, .. } if self.query_is_empty(subquery) => {
                truth(*negated)
            }
            Expr::Function(function) => match &function.args {
                FunctionArguments::Subquery(query)
                    if parts(&function.name).is_some_and(|name| name == ["array"])
                        && self.query_is_empty(query) =>
                {
                    Some(no_items())
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Cuts the parts of a body; whether all of it was cut.
    fn body(&mut self, body: &mut SetExpr) -> bool {
        match body {
            SetExpr::Select(select) => self.select_is_empty(select) && cut_select(select),
            SetExpr::SetOperation { left, right, .. } => {
                let left = self.body(left);
                self.body(right) && left
            }
            _ => false,
        }
    }

    fn query_is_empty(&mut self, query: &Query) -> bool {
        self.enter(query);
        let empty = self.body_is_empty(&query.body);
        self.ctes.pop();
        empty
    }

    fn body_is_empty(&mut self, body: &SetExpr) -> bool {
        match body {
            SetExpr::Select(select) => self.select_is_empty(select),
            SetExpr::Query(query) => self.query_is_empty(query),
            SetExpr::SetOperation { op: SetOperator::Union, left, right, .. } => {
                self.body_is_empty(left) && self.body_is_empty(right)
            }
            SetExpr::SetOperation { op: SetOperator::Except, left, .. } => self.body_is_empty(left),
            _ => false,
        }
    }

    fn select_is_empty(&mut self, select: &Select) -> bool {
        if !select.from.iter().any(|from| self.source_is_empty(from))
            && !select.selection.as_ref().is_some_and(never)
        {
            return false;
        }
        match &select.group_by {
            GroupByExpr::Expressions(exprs, modifiers) if modifiers.is_empty() => {
                let sets = |expr: &Expr| {
                    matches!(expr, Expr::GroupingSets(_) | Expr::Cube(_) | Expr::Rollup(_))
                };
                if exprs.is_empty() { !aggregates(select) } else { !exprs.iter().any(sets) }
            }
            _ => false,
        }
    }

    fn source_is_empty(&mut self, from: &TableWithJoins) -> bool {
        let mut empty = self.factor_is_empty(&from.relation);
        for join in &from.joins {
            let other = self.factor_is_empty(&join.relation);
            empty = match join.join_operator {
                JoinOperator::Join(_) | JoinOperator::Inner(_) | JoinOperator::CrossJoin(_) => {
                    empty || other
                }
                JoinOperator::Left(_) | JoinOperator::LeftOuter(_) => empty,
                JoinOperator::Right(_) | JoinOperator::RightOuter(_) => other,
                _ => empty && other,
            };
        }
        empty
    }

    fn factor_is_empty(&mut self, factor: &TableFactor) -> bool {
        match factor {
            TableFactor::Table { name, args: None, .. } => {
                let parts = parts(name).unwrap_or_default();
                if let [one] = parts.as_slice()
                    && let Some(empty) = self.ctes.iter().rev().find_map(|scope| scope.get(one))
                {
                    return *empty;
                }
                relation(name).is_some_and(|layout| !layout.filled)
            }
            TableFactor::Table { name, args: Some(TableFunctionArgs { args, .. }), .. }
            | TableFactor::Function { name, args, .. } => {
                let name = parts(name).unwrap_or_default();
                name.last().is_some_and(|name| name == "unnest")
                    && args.iter().all(|argument| match argument {
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => always_null(expr),
                        _ => false,
                    })
            }
            TableFactor::UNNEST { array_exprs, .. } => array_exprs.iter().all(always_null),
            TableFactor::Derived { subquery, .. } => self.query_is_empty(subquery),
            TableFactor::NestedJoin { table_with_joins, .. } => {
                self.source_is_empty(table_with_joins)
            }
            _ => false,
        }
    }
}

/// Whether a condition is true for no row of the two schemas.
fn never(condition: &Expr) -> bool {
    match condition {
        Expr::Nested(inner) => never(inner),
        Expr::Value(value) => value.value == Value::Boolean(false),
        Expr::IsNotNull(inner) => always_null(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => never(left) || never(right),
        Expr::BinaryOp { left, op, right } => {
            let columns = [looked_up(left), looked_up(right)];
            let both = |one: &str, other: &str| {
                columns == [Some(one.to_owned()), Some(other.to_owned())]
                    || columns == [Some(other.to_owned()), Some(one.to_owned())]
            };
            match op {
                // A column has the collation of its type, and no type is that of a table's rows.
                BinaryOperator::NotEq => both("attcollation", "typcollation"),
                BinaryOperator::Eq => both("oid", "typrelid") || no_class(left, right),
                _ => false,
            }
        }
        _ => false,
    }
}

fn column(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(folded(ident)),
        Expr::CompoundIdentifier(idents) => idents.last().map(folded),
        _ => None,
    }
}

/// Whether types of a class are asked for that has none: composite, domain, enumerated, range.
fn no_class(left: &Expr, right: &Expr) -> bool {
    let class = match right {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(class) => class.as_str(),
            _ => return false,
        },
        _ => return false,
    };
    column(left).is_some_and(|name| name == "typtype") && ["c", "d", "e", "r", "m"].contains(&class)
}

/// A column, or the only result of a query.
fn looked_up(expr: &Expr) -> Option<String> {
    let Expr::Subquery(query) = expr else { return column(expr) };
    match query.body.as_ref() {
        SetExpr::Select(select) => match select.projection.as_slice() {
            [SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }] => {
                column(expr)
            }
            _ => None,
        },
        _ => None,
    }
}

fn always_null(expr: &Expr) -> bool {
    column(expr).is_some_and(|name| ALWAYS_NULL.contains(&name.as_str()))
}

fn aggregates(select: &Select) -> bool {
    let aggregate = |expr: &Expr, in_query: bool| {
        !in_query
            && matches!(expr, Expr::Function(function) if function.over.is_none()
                && parts(&function.name)
                    .and_then(|parts| parts.last().cloned())
                    .is_some_and(|name| AGGREGATES.contains(&name.as_str())))
    };
    select.having.is_some() || select.projection.iter().any(|item| any_expression(item, aggregate))
}

/// The relations of a `FROM` by the names that its columns are qualified with; `None` for what is no
/// relation of the two schemas.
pub(super) fn relations(from: &[TableWithJoins]) -> Vec<(String, Option<&'static Layout>)> {
    let factors = from.iter().flat_map(|from| {
        [&from.relation].into_iter().chain(from.joins.iter().map(|j| &j.relation))
    });
    factors
        .map(|factor| match factor {
            TableFactor::Table { name, alias, args: None, .. } => {
                let own = parts(name).and_then(|parts| parts.last().cloned());
                let called = alias.as_ref().map(|alias| folded(&alias.name));
                let renamed =
                    alias.as_ref().is_some_and(|TableAlias { columns, .. }| !columns.is_empty());
                let layout = relation(name).filter(|_| !renamed);
                (called.or(own).unwrap_or_default(), layout)
            }
            _ => (String::new(), None),
        })
        .collect()
}

/// Makes a query of no rows; `false` if the names of its results cannot be told.
fn cut_select(select: &mut Select) -> bool {
    let relations = relations(&select.from);
    let mut projection = Vec::new();
    let columns_of = |layout: &Layout, projection: &mut Vec<SelectItem>| {
        for (name, kind) in &layout.columns {
            projection.push(SelectItem::ExprWithAlias {
                expr: null(Some(sql_type(*kind))),
                alias: Ident::with_quote('"', *name),
            });
        }
    };
    for item in &select.projection {
        match item {
            SelectItem::UnnamedExpr(expr) => projection.push(SelectItem::ExprWithAlias {
                expr: null(type_of(expr, &relations)),
                alias: Ident::with_quote('"', headings::name_of(expr)),
            }),
            SelectItem::ExprWithAlias { expr, alias } => {
                projection.push(SelectItem::ExprWithAlias {
                    expr: null(type_of(expr, &relations)),
                    alias: alias.clone(),
                });
            }
            SelectItem::Wildcard(_) => {
                for (_, layout) in &relations {
                    let Some(layout) = layout else { return false };
                    columns_of(layout, &mut projection);
                }
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let wanted = parts(name).and_then(|parts| parts.last().cloned());
                let found = relations.iter().find(|(name, _)| Some(name) == wanted.as_ref());
                let Some((_, Some(layout))) = found else { return false };
                columns_of(layout, &mut projection);
            }
            SelectItem::QualifiedWildcard(..) => return false,
        }
    }
    // The planner refuses two results of one name.
    let mut taken = BTreeSet::new();
    for (at, item) in projection.iter_mut().enumerate() {
        if let SelectItem::ExprWithAlias { alias, .. } = item
            && !taken.insert(folded(alias))
        {
            *alias = headings::suffixed(&folded(alias), at);
        }
    }
    select.projection = projection;
    select.from.clear();
    select.lateral_views.clear();
    select.selection = Some(Expr::Value(Value::Boolean(false).into()));
    select.group_by = GroupByExpr::Expressions(Vec::new(), Vec::new());
    select.having = None;
    select.distinct = None;
    select.named_window.clear();
    select.qualify = None;
    true
}

/// The type of a column of the two schemas.
fn type_of(expr: &Expr, relations: &[(String, Option<&'static Layout>)]) -> Option<DataType> {
    let name = column(expr)?;
    let qualifier = match expr {
        Expr::CompoundIdentifier(idents) => match idents.as_slice() {
            [.., qualifier, _] => Some(folded(qualifier)),
            _ => None,
        },
        _ => None,
    };
    relations
        .iter()
        .filter(|(relation, _)| qualifier.as_ref().is_none_or(|wanted| wanted == relation))
        .filter_map(|(_, layout)| layout.as_ref())
        .find_map(|layout| layout.columns.iter().find(|(column, _)| *column == name))
        .map(|(_, kind)| sql_type(*kind))
}

fn sql_type(kind: Kind) -> DataType {
    let list = |item| DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(item), None));
    match kind {
        Kind::Text => DataType::Text,
        Kind::Oid | Kind::Int8 => DataType::BigInt(None),
        Kind::Int2 => DataType::SmallInt(None),
        Kind::Int4 => DataType::Integer(None),
        Kind::Float8 => DataType::DoublePrecision,
        Kind::Bool => DataType::Boolean,
        Kind::Time => DataType::Timestamp(None, TimezoneInfo::WithTimeZone),
        Kind::Texts => list(DataType::Text),
        Kind::Oids => list(DataType::BigInt(None)),
        Kind::Int2s => list(DataType::SmallInt(None)),
        Kind::Floats => list(DataType::DoublePrecision),
    }
}

/// An array of texts with nothing in it.
fn no_items() -> Expr {
    use datafusion::sql::sqlparser::ast::{Array, CastKind};
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(Expr::Array(Array { elem: Vec::new(), named: true })),
        data_type: sql_type(Kind::Texts),
        array: false,
        format: None,
    }
}
