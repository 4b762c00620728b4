//! Writes out `c.*` beside other results: `SELECT c.oid, c.*` has two results of one name, which the planner
//! refuses.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Select, SelectItem, SelectItemQualifiedWildcardKind,
};

use super::empty::relations;
use super::layout::Layout;
use super::rewrite::parts;
use crate::sql::bind::folded;
use crate::sql::headings;

/// Writes out the wildcards for relations of the two schemas, if that is needed.
pub(super) fn expand(select: &mut Select) {
    let wild = |item: &SelectItem| {
        matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..))
    };
    if select.projection.len() < 2 || !select.projection.iter().any(wild) {
        return;
    }
    let relations = relations(&select.from);
    let mut taken: BTreeSet<String> = select.projection.iter().filter_map(name).collect();
    let mut projection = Vec::new();
    for item in std::mem::take(&mut select.projection) {
        match columns(&item, &relations) {
            Some(columns) => {
                for (relation, column) in columns {
                    let new = taken.insert(column.to_owned());
                    let quoted = |text: &str| Ident::with_quote('"', text);
                    let expr = Expr::CompoundIdentifier(vec![quoted(relation), quoted(column)]);
                    let alias = if new {
                        quoted(column)
                    } else {
                        headings::suffixed(column, projection.len())
                    };
                    projection.push(SelectItem::ExprWithAlias { expr, alias });
                }
            }
            None => projection.push(item),
        }
    }
    select.projection = projection;
}

fn name(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(expr) => Some(headings::name_of(expr)),
        SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => None,
    }
}

/// The columns that a wildcard stands for, with what they are qualified by; `None` for what is no wildcard,
/// or one for something else.
fn columns<'a>(
    item: &SelectItem,
    relations: &'a [(String, Option<&'static Layout>)],
) -> Option<Vec<(&'a str, &'static str)>> {
    let wanted = match item {
        SelectItem::Wildcard(_) => None,
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
            Some(parts(name)?.pop()?)
        }
        _ => return None,
    };
    let mut columns = Vec::new();
    for (relation, layout) in relations {
        if wanted.as_ref().is_none_or(|wanted| wanted == relation) {
            let named = (*layout)?.columns.iter().map(|(column, _)| (relation.as_str(), *column));
            columns.extend(named);
        }
    }
    (!columns.is_empty()).then_some(columns)
}
