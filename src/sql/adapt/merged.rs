//! `a FULL JOIN b USING (c)` and `RIGHT JOIN`: the column that they merge has the value of whichever side is there.
//!
//! For the planner it is the column of the left side. Here the join gets a condition, and what names the column
//! without a table names both: `coalesce(a.c, b.c)`. Where that cannot be told from the text alone the join is
//! left, and refused.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Distinct, ExceptSelectItem, Expr, GroupByExpr, Ident, JoinConstraint,
    JoinOperator, ObjectName, OrderBy, OrderByKind, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableFactor, WildcardAdditionalOptions,
};

use super::made::{binary, function};
use crate::sql::bind::folded;
use crate::sql::walk::each_expression;

/// Puts such joins of a query into other words.
pub(super) fn columns(query: &mut Query) {
    let order_by = query.order_by.as_mut();
    body(&mut query.body, order_by);
}

fn body(expr: &mut SetExpr, order_by: Option<&mut OrderBy>) {
    match expr {
        SetExpr::Select(select) => {
            let mut changed = select.as_ref().clone();
            let mut order = order_by.as_deref().cloned();
            if rewritten(&mut changed, order.as_mut()).is_some() {
                **select = changed;
                if let (Some(order_by), Some(order)) = (order_by, order) {
                    *order_by = order;
                }
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            body(left, None);
            body(right, None);
        }
        _ => {}
    }
}

/// What tables are called by in front of columns.
fn name_of(factor: &TableFactor) -> Option<Ident> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. } => {
            alias.columns.is_empty().then(|| alias.name.clone())
        }
        TableFactor::Table { name, args: None, .. } => name.0.last()?.as_ident().cloned(),
        _ => None,
    }
}

fn rewritten(select: &mut Select, order_by: Option<&mut OrderBy>) -> Option<()> {
    let [from] = select.from.as_mut_slice() else { return None };
    let left = name_of(&from.relation)?;
    let (first, others) = from.joins.split_first_mut()?;
    let right = name_of(&first.relation)?;
    let (JoinOperator::Right(constraint)
    | JoinOperator::RightOuter(constraint)
    | JoinOperator::FullOuter(constraint)) = &mut first.join_operator
    else {
        return None;
    };
    let JoinConstraint::Using(names) = constraint else { return None };
    let names: Vec<Ident> = names
        .iter()
        .map(|ObjectName(parts)| match parts.as_slice() {
            [one] => one.as_ident().cloned(),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let of = |table: &Ident, column: &Ident| {
        Expr::CompoundIdentifier(vec![table.clone(), column.clone()])
    };
    let equal =
        names.iter().map(|name| binary(of(&left, name), BinaryOperator::Eq, of(&right, name)));
    *constraint =
        JoinConstraint::On(equal.reduce(|one, other| binary(one, BinaryOperator::And, other))?);
    let full = matches!(first.join_operator, JoinOperator::FullOuter(_));
    let sides = if full { [left, right] } else { [right, left] };
    let mut merged = Merged { names, sides, unclear: false };
    let mut tables: Vec<Ident> =
        if full { merged.sides.to_vec() } else { merged.sides.iter().rev().cloned().collect() };
    for join in others {
        tables.push(name_of(&join.relation)?);
        match &mut join.join_operator {
            JoinOperator::Join(JoinConstraint::On(on))
            | JoinOperator::Inner(JoinConstraint::On(on))
            | JoinOperator::Left(JoinConstraint::On(on))
            | JoinOperator::LeftOuter(JoinConstraint::On(on)) => merged.visit(on),
            JoinOperator::CrossJoin(_) => {}
            _ => return None,
        }
    }
    merged.select(select, &tables)?;
    if let Some(order_by) = order_by {
        let OrderByKind::Expressions(exprs) = &mut order_by.kind else { return None };
        let distinct_on = matches!(select.distinct, Some(Distinct::On(_)));
        for expr in exprs {
            // The name of an item of the query comes before that of a column.
            let item = matches!(&expr.expr, Expr::Identifier(name) if shows(select, name));
            let item = item && !distinct_on;
            if !item {
                merged.visit(&mut expr.expr);
            }
        }
    }
    (!merged.unclear).then_some(())
}

fn shows(select: &Select, name: &Ident) -> bool {
    let name = folded(name);
    select.projection.iter().any(|item| match item {
        SelectItem::ExprWithAlias { alias, .. } => folded(alias) == name,
        _ => false,
    })
}

/// The columns that are merged, and the tables in the order in which their values count.
struct Merged {
    names: Vec<Ident>,
    sides: [Ident; 2],
    /// Whether a query inside names one of the columns, which may be its own.
    unclear: bool,
}

impl Merged {
    fn column(&self, name: &Ident) -> Expr {
        let sides = self.sides.iter();
        let sides = sides.map(|side| Expr::CompoundIdentifier(vec![side.clone(), name.clone()]));
        function("coalesce", sides.collect())
    }

    fn find(&self, name: &Ident) -> Option<&Ident> {
        self.names.iter().find(|own| folded(own) == folded(name))
    }

    fn visit(&mut self, expr: &mut Expr) {
        each_expression(expr, |expr, in_query| {
            if let Expr::Identifier(name) = expr
                && let Some(own) = self.find(name)
            {
                if in_query {
                    self.unclear = true;
                } else {
                    *expr = self.column(own);
                }
            }
        });
    }

    fn select(&mut self, select: &mut Select, tables: &[Ident]) -> Option<()> {
        let mut items = Vec::new();
        for mut item in std::mem::take(&mut select.projection) {
            match &mut item {
                SelectItem::UnnamedExpr(Expr::Identifier(name)) if self.find(name).is_some() => {
                    item =
                        SelectItem::ExprWithAlias { expr: self.column(name), alias: name.clone() };
                }
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    self.visit(expr);
                }
                SelectItem::Wildcard(options)
                    if *options == WildcardAdditionalOptions::default() =>
                {
                    items.extend(self.all(tables)?);
                    continue;
                }
                SelectItem::Wildcard(_) => return None,
                SelectItem::QualifiedWildcard(..) => {}
            }
            items.push(item);
        }
        select.projection = items;
        if !select.named_window.is_empty() || select.qualify.is_some() {
            return None;
        }
        if let Some(Distinct::On(exprs)) = &mut select.distinct {
            exprs.iter_mut().for_each(|expr| self.visit(expr));
        }
        select.selection.iter_mut().for_each(|expr| self.visit(expr));
        select.having.iter_mut().for_each(|expr| self.visit(expr));
        match &mut select.group_by {
            GroupByExpr::Expressions(exprs, _) => {
                exprs.iter_mut().for_each(|expr| self.visit(expr));
            }
            GroupByExpr::All(_) => return None,
        }
        Some(())
    }

    /// What `*` is: the merged columns, then the others of each table.
    fn all(&self, tables: &[Ident]) -> Option<Vec<SelectItem>> {
        let (first, more) = self.names.split_first()?;
        let merged = self.names.iter();
        let mut items: Vec<SelectItem> = merged
            .map(|name| SelectItem::ExprWithAlias { expr: self.column(name), alias: name.clone() })
            .collect();
        for (at, table) in tables.iter().enumerate() {
            let except = ExceptSelectItem {
                first_element: first.clone(),
                additional_elements: more.to_vec(),
            };
            let options = WildcardAdditionalOptions {
                opt_except: (at < self.sides.len()).then_some(except),
                ..WildcardAdditionalOptions::default()
            };
            let name = ObjectName::from(vec![table.clone()]);
            let kind = SelectItemQualifiedWildcardKind::ObjectName(name);
            items.push(SelectItem::QualifiedWildcard(kind, options));
        }
        Some(items)
    }
}
