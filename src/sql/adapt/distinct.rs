//! `SELECT DISTINCT ON (…) … ORDER BY …`: items that are named by their place or their heading.
//!
//! The planner looks for both among the columns of FROM. What is ordered by twice is ordered by once.

use datafusion::sql::sqlparser::ast::{
    Distinct, Expr, OrderByKind, Query, Select, SelectItem, SetExpr, Value,
};

use crate::sql::bind::folded;

/// Puts the items in the place of what names them.
pub(super) fn on(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let Select { distinct: Some(Distinct::On(keys)), projection, .. } = select.as_mut() else {
        return;
    };
    let mut once: Vec<Expr> = Vec::with_capacity(keys.len());
    for mut key in std::mem::take(keys) {
        settle(&mut key, projection);
        if !once.contains(&key) {
            once.push(key);
        }
    }
    *keys = once;
    let Some(order_by) = &mut query.order_by else { return };
    let OrderByKind::Expressions(order) = &mut order_by.kind else { return };
    let mut seen: Vec<Expr> = Vec::with_capacity(order.len());
    order.retain_mut(|by| {
        settle(&mut by.expr, projection);
        let new = !seen.contains(&by.expr);
        if new {
            seen.push(by.expr.clone());
        }
        new
    });
}

fn settle(key: &mut Expr, items: &[SelectItem]) {
    if let Some(named) = named(key, items) {
        *key = named.clone();
    }
}

/// The item that a place or a heading names.
fn named<'a>(key: &Expr, items: &'a [SelectItem]) -> Option<&'a Expr> {
    match key {
        Expr::Value(value) => {
            let Value::Number(text, _) = &value.value else { return None };
            let place = text.parse::<usize>().ok()?.checked_sub(1)?;
            let columns = items.get(..=place)?;
            // What `*` stands for is not known here.
            columns.iter().map(item).collect::<Option<Vec<_>>>()?.pop().map(|(_, expr)| expr)
        }
        Expr::Identifier(name) => {
            let name = folded(name);
            let mut items = items.iter().filter_map(item);
            items.find(|(heading, _)| heading.as_ref() == Some(&name)).map(|(_, expr)| expr)
        }
        _ => None,
    }
}

/// The heading of an item and what it is.
fn item(item: &SelectItem) -> Option<(Option<String>, &Expr)> {
    match item {
        SelectItem::ExprWithAlias { expr, alias } => Some((Some(folded(alias)), expr)),
        SelectItem::UnnamedExpr(expr) => Some((None, expr)),
        _ => None,
    }
}
