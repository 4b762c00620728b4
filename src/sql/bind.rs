//! Between parser and planner: every table that a statement reads is found first, and its name is replaced
//! by a key that the planner looks up.
//!
//! The planner knows names of three parts and asks for tables by name only; here names have any number of
//! parts and a version. What it would silently leave out (samples, row locks, `SELECT INTO`) is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, SetExpr, Statement, TableAlias,
    TableAliasColumnDef, TableFactor, VisitMut as _, VisitorMut, With,
};

use super::error::{SqlError, SqlResult};
use super::syntax::at::{self, At};

/// What one table is read by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Source {
    /// The parts of its name.
    pub(super) parts: Vec<String>,
    /// The version, if one was given.
    pub(super) at: Option<At>,
    /// The arguments of a function of tables, as they were written; `None` for a table.
    pub(super) arguments: Option<Vec<String>>,
}

/// Stands in place of the name of the table that a statement changes; no name that a user can write is it.
pub(super) const TARGET: &str = "\u{1f}target";

/// The table that a statement changes, which stands under [`TARGET`] already.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Its name as it was written.
    pub(super) parts: Vec<String>,
    /// Its alias.
    pub(super) alias: String,
}

/// The sources of a statement by the key that stands for them.
pub(super) type Sources = BTreeMap<String, Source>;

/// Replaces the names of tables by keys.
///
/// # Errors
/// `FeatureNotSupported` for what the planner would leave out.
pub(super) fn bind(statement: &mut Statement) -> SqlResult<Sources> {
    bind_over(statement, None)
}

/// As [`bind`], in the query of a statement that changes this table.
///
/// # Errors
/// As [`bind`].
pub(super) fn bind_over(statement: &mut Statement, target: Option<Target>) -> SqlResult<Sources> {
    super::pg::rewrite(statement)?;
    super::adapt::adapt(statement)?;
    let mut binder = Binder::default();
    if let Some(target) = target {
        binder.aliases.entry(target.parts).or_default().insert(target.alias);
    }
    match statement.visit(&mut binder) {
        ControlFlow::Continue(()) => {}
        ControlFlow::Break(error) => return Err(error),
    }
    let mut shortener = Shortener { aliases: binder.aliases };
    match statement.visit(&mut shortener) {
        ControlFlow::Continue(()) => Ok(binder.sources),
        ControlFlow::Break(error) => Err(error),
    }
}

/// The parts of a name, unquoted ones in lower case.
///
/// # Errors
/// `FeatureNotSupported` for a name that is computed.
pub(super) fn parts_of(name: &ObjectName) -> SqlResult<Vec<String>> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => Ok(folded(ident)),
            ObjectNamePart::Function(_) => Err(SqlError::unsupported("a computed name")),
        })
        .collect()
}

/// A name as PostgreSQL folds it.
#[must_use]
pub(super) fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// Which names are common table expressions, while a query is visited.
///
/// An expression sees those before it, and itself only if the clause is recursive: otherwise its own name
/// inside it is the table of that name. So a visitor takes the clause out, visits its queries one by one, and
/// puts it back when it leaves the query.
#[derive(Default)]
pub(super) struct Ctes {
    /// Names that can be seen, innermost last.
    scopes: Vec<BTreeSet<String>>,
    withs: Vec<Option<With>>,
}

impl Ctes {
    /// Whether a name is one of a common table expression here.
    pub(super) fn is_cte(&self, name: &str) -> bool {
        self.scopes.iter().any(|scope| scope.contains(name))
    }

    /// Visits the `WITH` clause of a query and takes it out.
    pub(super) fn enter<V: VisitorMut<Break = SqlError>>(
        visitor: &mut V,
        query: &mut Query,
        ctes: fn(&mut V) -> &mut Self,
    ) -> ControlFlow<SqlError> {
        let mut with = query.with.take();
        ctes(visitor).scopes.push(BTreeSet::new());
        for cte in with.iter_mut().flat_map(|with| {
            let recursive = with.recursive;
            with.cte_tables.iter_mut().map(move |cte| (recursive, cte))
        }) {
            let (recursive, cte) = cte;
            let name = folded(&cte.alias.name);
            if recursive {
                ctes(visitor).add(name.clone());
            }
            cte.query.visit(visitor)?;
            ctes(visitor).add(name);
        }
        ctes(visitor).withs.push(with);
        ControlFlow::Continue(())
    }

    fn add(&mut self, name: String) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name);
        }
    }

    /// Puts the clause back.
    pub(super) fn leave(&mut self, query: &mut Query) {
        self.scopes.pop();
        query.with = self.withs.pop().flatten();
    }
}

#[derive(Default)]
struct Binder {
    sources: Sources,
    /// Aliases of tables that were named by several parts, by those parts.
    aliases: BTreeMap<Vec<String>, BTreeSet<String>>,
    ctes: Ctes,
}

impl Binder {
    fn key(&mut self, source: Source) -> String {
        if let Some((key, _)) = self.sources.iter().find(|(_, known)| **known == source) {
            return key.clone();
        }
        let key = format!("r{}", self.sources.len());
        self.sources.insert(key.clone(), source);
        key
    }

    fn query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        if !query.locks.is_empty() {
            return ControlFlow::Break(SqlError::unsupported("SELECT … FOR UPDATE or FOR SHARE"));
        }
        if query.for_clause.is_some() || query.format_clause.is_some() || query.settings.is_some() {
            return ControlFlow::Break(SqlError::unsupported("a clause at the end of this query"));
        }
        if let SetExpr::Select(select) = query.body.as_ref()
            && select.into.is_some()
        {
            return ControlFlow::Break(
                SqlError::unsupported("SELECT INTO").with_hint("use CREATE TABLE … AS SELECT …"),
            );
        }
        if matches!(
            query.body.as_ref(),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_)
        ) {
            return ControlFlow::Break(SqlError::unsupported(
                "WITH before a statement that writes",
            ));
        }
        Ctes::enter(self, query, |binder| &mut binder.ctes)
    }

    fn table(&mut self, factor: &mut TableFactor) -> SqlResult<()> {
        let TableFactor::Table {
            name,
            alias,
            args,
            with_hints,
            version,
            with_ordinality,
            partitions,
            json_path,
            sample,
            index_hints,
        } = factor
        else {
            match factor {
                TableFactor::Derived { sample: Some(_), .. } => {
                    return Err(SqlError::unsupported("TABLESAMPLE"));
                }
                TableFactor::UNNEST { alias, array_exprs, .. } if array_exprs.len() == 1 => {
                    column_by_alias(alias, "unnest");
                }
                _ => {}
            }
            return Ok(());
        };
        if sample.is_some() {
            return Err(SqlError::unsupported("TABLESAMPLE"));
        }
        if *with_ordinality {
            return Err(SqlError::unsupported("WITH ORDINALITY"));
        }
        if version.is_some()
            || json_path.is_some()
            || !(with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty())
        {
            return Err(SqlError::unsupported(format_args!("a clause after the table {name}")));
        }
        let mut parts = parts_of(name)?;
        if parts == [TARGET] {
            return Ok(());
        }
        let Some(last) = parts.pop() else { return Ok(()) };
        let (plain, at) = at::decode(&last);
        let plain = plain.to_owned();
        parts.push(plain.clone());
        let function = args.is_some();
        if parts.len() == 1 && (function || (at.is_none() && self.ctes.is_cte(&plain))) {
            if function && plain == "generate_series" {
                column_by_alias(alias, &plain);
            }
            // A function of the planner's own (generate_series), or a common table expression.
            return Ok(());
        }
        let arguments = args.take().map(|args| args.args.iter().map(ToString::to_string).collect());
        let key = self.key(Source { parts: parts.clone(), at, arguments });
        *name = ObjectName::from(vec![Ident::with_quote('"', key)]);
        match alias {
            Some(alias) => {
                self.aliases.entry(parts).or_default().insert(folded(&alias.name));
            }
            None => {
                *alias = Some(TableAlias {
                    explicit: true,
                    name: Ident::with_quote('"', plain.clone()),
                    columns: Vec::new(),
                });
                self.aliases.entry(parts).or_default().insert(plain);
            }
        }
        Ok(())
    }
}

/// Rows of one value are known by the function's name, and their column by that of the rows.
fn column_by_alias(alias: &mut Option<TableAlias>, function: &str) {
    let alias = alias.get_or_insert_with(|| TableAlias {
        explicit: true,
        name: Ident::with_quote('"', function),
        columns: Vec::new(),
    });
    if alias.columns.is_empty() {
        alias.columns.push(TableAliasColumnDef { name: alias.name.clone(), data_type: None });
    }
}

impl VisitorMut for Binder {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        self.query(query)
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        self.ctes.leave(query);
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<SqlError> {
        match self.table(factor) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

/// Columns qualified by the whole name of a table (`sales.orders.id`) are qualified by its alias instead.
struct Shortener {
    aliases: BTreeMap<Vec<String>, BTreeSet<String>>,
}

impl VisitorMut for Shortener {
    type Break = SqlError;

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<SqlError> {
        let Expr::CompoundIdentifier(idents) = expr else { return ControlFlow::Continue(()) };
        let [qualifier @ .., column] = idents.as_slice() else {
            return ControlFlow::Continue(());
        };
        if qualifier.len() < 2 {
            return ControlFlow::Continue(());
        }
        let parts: Vec<String> = qualifier.iter().map(folded).collect();
        if let Some(aliases) = self.aliases.get(&parts)
            && let Some(alias) = parts.last()
            && aliases.contains(alias)
        {
            let column = column.clone();
            *expr = Expr::CompoundIdentifier(vec![Ident::with_quote('"', alias), column]);
        }
        ControlFlow::Continue(())
    }
}
