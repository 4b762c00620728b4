//! Names of result columns, as PostgreSQL gives them.
//!
//! The planner names an expression by its text and refuses two of one name. So expressions of the outermost
//! `SELECT` get PostgreSQL's name as an alias, and where it is taken already, one with a suffix that is cut
//! off the result.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::{
    Expr, Function, GroupByExpr, Ident, Query, Select, SelectItem, SetExpr, Statement,
};

use super::bind::folded;

/// Starts the suffix; no name that a user can write holds it.
const SUFFIX: char = super::syntax::at::SEPARATOR;

/// Gives names to the expressions of the outermost `SELECT`.
pub(super) fn give(statement: &mut Statement) {
    if let Statement::Query(query) = statement {
        give_query(query);
    }
}

/// Gives names to the expressions of a query: an inner one may have two of one name as well.
pub(super) fn give_query(query: &mut Query) {
    let ordered = query.order_by.is_some();
    give_body(&mut query.body, ordered);
}

fn give_body(body: &mut SetExpr, ordered: bool) {
    match body {
        SetExpr::Select(select) => give_select(select, ordered),
        SetExpr::SetOperation { left, right, .. } => {
            give_body(left, ordered);
            give_body(right, ordered);
        }
        _ => {}
    }
}

fn give_select(select: &mut Select, ordered: bool) {
    if select.distinct.is_some() && ordered {
        // Such a query may order by its expressions only, and finds them by their text.
        return;
    }
    let mut taken = BTreeSet::new();
    if let GroupByExpr::Expressions(exprs, _) = &select.group_by {
        taken.extend(exprs.iter().filter_map(|expr| match expr {
            Expr::Identifier(ident) => Some(folded(ident)),
            _ => None,
        }));
    }
    let grouped = taken.clone();
    for (at, item) in select.projection.iter_mut().enumerate() {
        match item {
            SelectItem::ExprWithAlias { alias, .. } => {
                let name = folded(alias);
                let again = !taken.insert(name.clone()) && !grouped.contains(&name);
                if again {
                    *alias = suffixed(&name, at);
                }
            }
            SelectItem::UnnamedExpr(expr) => {
                let name = name_of(expr);
                let column = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
                let new = taken.insert(name.clone());
                if column && (new || grouped.contains(&name)) {
                    continue;
                }
                let alias = if new { Ident::with_quote('"', name) } else { suffixed(&name, at) };
                *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
            }
            _ => {}
        }
    }
}

/// A name that is shown without what follows it here.
pub(super) fn suffixed(name: &str, at: usize) -> Ident {
    Ident::with_quote('"', format!("{name}{SUFFIX}{at}"))
}

/// The name that PostgreSQL gives an expression.
pub(super) fn name_of(expr: &Expr) -> String {
    const NAMELESS: &str = "?column?";
    match expr {
        Expr::Identifier(ident) => folded(ident),
        Expr::CompoundIdentifier(idents) => idents.last().map(folded).unwrap_or_default(),
        Expr::Nested(inner) | Expr::Collate { expr: inner, .. } => name_of(inner),
        Expr::Function(Function { name, .. }) => name
            .0
            .last()
            .and_then(|part| part.as_ident())
            .map_or_else(|| NAMELESS.to_owned(), folded),
        Expr::Cast { expr, data_type, .. } => match name_of(expr).as_str() {
            NAMELESS => type_name(&data_type.to_string()),
            name => name.to_owned(),
        },
        Expr::Case { else_result, .. } => match else_result.as_deref().map(name_of) {
            Some(name) if name != NAMELESS => name,
            _ => "case".to_owned(),
        },
        Expr::Exists { .. } => "exists".to_owned(),
        Expr::Extract { .. } => "extract".to_owned(),
        Expr::Substring { .. } => "substring".to_owned(),
        Expr::Position { .. } => "position".to_owned(),
        Expr::Trim { .. } => "btrim".to_owned(),
        Expr::Ceil { .. } => "ceil".to_owned(),
        Expr::Floor { .. } => "floor".to_owned(),
        Expr::Overlay { .. } => "overlay".to_owned(),
        Expr::Array(_) => "array".to_owned(),
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.first() {
                Some(SelectItem::UnnamedExpr(expr)) => name_of(expr),
                Some(SelectItem::ExprWithAlias { alias, .. }) => folded(alias),
                _ => NAMELESS.to_owned(),
            },
            _ => NAMELESS.to_owned(),
        },
        _ => NAMELESS.to_owned(),
    }
}

fn type_name(written: &str) -> String {
    let plain = written.split('(').next().unwrap_or(written).trim().to_lowercase();
    match plain.as_str() {
        "int" | "integer" => "int4".to_owned(),
        "bigint" => "int8".to_owned(),
        "smallint" => "int2".to_owned(),
        "boolean" => "bool".to_owned(),
        "real" => "float4".to_owned(),
        "double precision" | "float" => "float8".to_owned(),
        "decimal" | "dec" => "numeric".to_owned(),
        "character varying" => "varchar".to_owned(),
        other => other.to_owned(),
    }
}

/// A name without its suffix.
pub(super) fn shown(name: &str) -> &str {
    name.split(SUFFIX).next().unwrap_or(name)
}

/// Columns with the names that are shown.
pub(super) fn strip(columns: &SchemaRef) -> SchemaRef {
    if columns.fields().iter().all(|field| !field.name().contains(SUFFIX)) {
        return Arc::clone(columns);
    }
    let fields: Vec<_> = columns
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_name(shown(field.name())))
        .collect();
    Arc::new(Schema::new_with_metadata(fields, columns.metadata().clone()))
}
