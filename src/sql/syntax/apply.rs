//! Putting the versions back: into the tables of the parser's tree.
//!
//! Tables are recognised by where their names stand in the text. Every version that was taken out must
//! come back into at least one table, or the statement is refused: none is ever ignored.
//!
//! - A table's own version goes before its query's, an inner query's before an outer one's.
//! - A name that means a `WITH` query has no version. Written behind such a name at the end of a query, it
//!   is the query's; anywhere else it is an error.
//! - Functions and the target of a write get no version from their query.
//! - Behind the alias of the last of several tables (`FROM a x CROSS JOIN b y AT …`) it could mean both,
//!   so it is an error.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    FromTable, Ident, ObjectName, ObjectNamePart, Query, SetExpr, Statement, TableAlias,
    TableFactor, VisitMut, VisitorMut, With,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use super::at::{self, At, SEPARATOR};
use super::scan::{Extent, Own, Scan, Trailing, cannot_be_written};
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// Writes the versions of `scan` into the tables of `statement`.
pub(super) fn apply(statement: &mut Statement, scan: &Scan) -> SqlResult<()> {
    let mut survey = Survey::default();
    if let ControlFlow::Break(error) = statement.visit(&mut survey) {
        return Err(*error);
    }
    if scan.own.is_empty() && scan.trailing.is_empty() {
        return Ok(());
    }
    if survey.table_command {
        return Err(SqlError::unsupported("a version in a statement with TABLE as a query")
            .with_hint("write SELECT * FROM"));
    }
    let versions = assign(statement, scan, &survey)?;
    let mut writer = Writer { versions: &versions, written: 0 };
    if statement.visit(&mut writer).is_break() || writer.written != versions.len() {
        return Err(SqlError::new(SqlState::InternalError, "a version got lost in parsing"));
    }
    Ok(())
}

/// A table in the tree.
#[derive(Debug)]
struct Table {
    /// Where the last part of its name starts.
    place: Location,
    kind: TableKind,
    name: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum TableKind {
    Stored,
    /// A name of a `WITH` query.
    Cte,
    Function,
    /// Written to.
    Target,
}

/// Lists the tables, and refuses what no version may stand in.
#[derive(Default)]
struct Survey {
    tables: Vec<Table>,
    /// Names of `WITH` queries that are in scope.
    scope: Vec<String>,
    /// For each query around: its `WITH`, and how many names were in scope before.
    queries: Vec<(Option<With>, usize)>,
    targets: HashSet<Location>,
    table_command: bool,
}

impl VisitorMut for Survey {
    type Break = Box<SqlError>;

    /// Each `WITH` query sees the names before it, with `RECURSIVE` its own, too.
    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        let before = self.scope.len();
        let mut with = query.with.take();
        if let Some(with) = &mut with {
            for cte in &mut with.cte_tables {
                let name = folded(&cte.alias.name);
                if with.recursive {
                    self.scope.push(name.clone());
                }
                cte.query.visit(self)?;
                if !with.recursive {
                    self.scope.push(name);
                }
            }
        }
        self.queries.push((with, before));
        self.table_command |= has_table_command(&query.body);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        if let Some((with, before)) = self.queries.pop() {
            query.with = with;
            self.scope.truncate(before);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_statement(&mut self, statement: &mut Statement) -> ControlFlow<Self::Break> {
        let target = |factor: &TableFactor| match factor {
            TableFactor::Table { name, .. } => last(name).map(|ident| ident.span.start),
            _ => None,
        };
        match statement {
            Statement::Update(update) => self.targets.extend(target(&update.table.relation)),
            Statement::Merge(merge) => self.targets.extend(target(&merge.table)),
            Statement::Delete(delete) => {
                let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) =
                    &delete.from;
                self.targets.extend(from.iter().filter_map(|table| target(&table.relation)));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<Self::Break> {
        let forged = relation
            .0
            .iter()
            .any(|part| part.as_ident().is_some_and(|ident| ident.value.contains(SEPARATOR)));
        if forged {
            return ControlFlow::Break(Box::new(SqlError::syntax(
                "syntax error: a name must not hold the character U+001F",
            )));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Self::Break> {
        let TableFactor::Table { name, args, version, .. } = factor else {
            return ControlFlow::Continue(());
        };
        if version.is_some() {
            return ControlFlow::Break(Box::new(SqlError::unsupported(
                "this way to write the version of a table",
            )));
        }
        let Some(ident) = last(name) else {
            return ControlFlow::Continue(());
        };
        let place = ident.span.start;
        let kind = if args.is_some() {
            TableKind::Function
        } else if self.targets.contains(&place) {
            TableKind::Target
        } else if name.0.len() == 1 && self.scope.contains(&folded(ident)) {
            TableKind::Cte
        } else {
            TableKind::Stored
        };
        self.tables.push(Table { place, kind, name: name.to_string() });
        ControlFlow::Continue(())
    }
}

/// Which table is read at which version.
fn assign<'a>(
    statement: &Statement,
    scan: &'a Scan,
    survey: &Survey,
) -> SqlResult<HashMap<Location, &'a At>> {
    let by_place: HashMap<Location, &Table> =
        survey.tables.iter().map(|table| (table.place, table)).collect();
    let mut versions = HashMap::new();
    let mut queries = Vec::with_capacity(scan.trailing.len());
    for own in &scan.own {
        match own_place(own, &by_place)? {
            Place::Table => {
                versions.insert(own.name, &own.at);
            }
            Place::Query(extent) => queries.push(Reach::new(&own.at, extent, own.position)),
        }
    }
    let open = open_places(survey, &versions)?;
    for trailing in &scan.trailing {
        refuse_doubt(trailing, &by_place, &open)?;
        queries.push(Reach::new(&trailing.at, trailing.extent, trailing.position));
    }
    // Queries lie inside each other or apart: the last one opened and not closed is the innermost.
    queries.sort_by_key(|query| query.extent.start);
    let mut around: Vec<usize> = Vec::new();
    let mut next = 0;
    for place in open {
        while queries.get(next).is_some_and(|query| query.extent.start <= place) {
            around.push(next);
            next += 1;
        }
        while let Some(query) = around.last().and_then(|inner| queries.get_mut(*inner)) {
            if place < query.extent.end {
                versions.insert(place, query.at);
                query.used = true;
                break;
            }
            around.pop();
        }
    }
    for query in &queries {
        if query.extent.outermost {
            ends_in_query(statement).map_err(|error| error_at(error, query.position))?;
        }
        if !query.used {
            return Err(SqlError {
                position: Some(query.position),
                ..SqlError::syntax("syntax error: no table is there to be read at this version")
            });
        }
    }
    Ok(versions)
}

/// A version of a whole query.
struct Reach<'a> {
    at: &'a At,
    extent: Extent,
    position: usize,
    used: bool,
}

impl<'a> Reach<'a> {
    const fn new(at: &'a At, extent: Extent, position: usize) -> Self {
        Self { at, extent, position, used: false }
    }
}

enum Place {
    Table,
    Query(Extent),
}

/// What a version directly behind a name is for.
fn own_place(own: &Own, tables: &HashMap<Location, &Table>) -> SqlResult<Place> {
    let Some(table) = tables.get(&own.name) else {
        return Err(SqlError {
            position: Some(own.position),
            ..SqlError::syntax("syntax error: a version stands behind a table that is read")
        });
    };
    match (table.kind, own.closes) {
        (TableKind::Stored, _) => Ok(Place::Table),
        (TableKind::Cte, Some(extent)) => Ok(Place::Query(extent)),
        (TableKind::Cte, None) => Err(error_at(
            SqlError::syntax(format!(
                "syntax error: {} is a WITH query and has no version",
                table.name
            ))
            .with_hint("write the version behind the tables in it, or at the end of the query"),
            own.position,
        )),
        (TableKind::Function, _) => Err(error_at(
            SqlError::syntax(format!("syntax error: the function {} has no version", table.name)),
            own.position,
        )),
        (TableKind::Target, _) => {
            Err(error_at(cannot_be_written(&table.name, &own.at), own.position))
        }
    }
}

/// Where tables without a version of their own stand, in the order of the text.
fn open_places(survey: &Survey, versions: &HashMap<Location, &At>) -> SqlResult<Vec<Location>> {
    let open = survey
        .tables
        .iter()
        .filter(|table| table.kind == TableKind::Stored && !versions.contains_key(&table.place));
    let mut places = Vec::new();
    for table in open {
        if table.place.line == 0 {
            return Err(SqlError::unsupported(format!("a version with the table {}", table.name)));
        }
        places.push(table.place);
    }
    places.sort_unstable();
    Ok(places)
}

/// Refuses a version behind the alias of the last of several tables.
fn refuse_doubt(
    trailing: &Trailing,
    by_place: &HashMap<Location, &Table>,
    open: &[Location],
) -> SqlResult<()> {
    let Some(last) = trailing.behind_alias_of.and_then(|place| by_place.get(&place)) else {
        return Ok(());
    };
    let from = open.partition_point(|place| *place < trailing.extent.start);
    let to = open.partition_point(|place| *place < trailing.extent.end);
    let others = to.saturating_sub(from) > 1;
    if last.kind != TableKind::Stored || !others {
        return Ok(());
    }
    Err(error_at(
        SqlError::syntax(format!(
            "syntax error: the version behind the alias of {} could be meant for that table or for all",
            last.name
        ))
        .with_hint(
            "write it before the alias for the one table, or behind each table, or after WHERE true for all",
        ),
        trailing.position,
    ))
}

/// Whether the end of the statement is the end of a query.
fn ends_in_query(statement: &Statement) -> SqlResult<()> {
    let ends = match statement {
        Statement::Query(query) => match query.body.as_ref() {
            SetExpr::Insert(inner)
            | SetExpr::Update(inner)
            | SetExpr::Delete(inner)
            | SetExpr::Merge(inner) => return ends_in_query(inner),
            _ => true,
        },
        Statement::Insert(insert) => {
            insert.source.is_some() && insert.on.is_none() && insert.returning.is_none()
        }
        Statement::CreateTable(table) => table.query.is_some(),
        Statement::CreateView(_) | Statement::Declare { .. } => true,
        Statement::Explain { statement, .. } | Statement::Prepare { statement, .. } => {
            return ends_in_query(statement);
        }
        Statement::Update(_) | Statement::Delete(_) | Statement::Merge(_) => {
            return Err(SqlError::new(
                SqlState::ReadOnly,
                "a version at the end of a write: only what is read has a version",
            )
            .with_hint("write the version behind the tables that are read"));
        }
        _ => false,
    };
    if ends {
        Ok(())
    } else {
        Err(SqlError::syntax("syntax error: a version stands at the end of a query"))
    }
}

/// Writes versions into names.
struct Writer<'a> {
    versions: &'a HashMap<Location, &'a At>,
    written: usize,
}

impl VisitorMut for Writer<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, alias, .. } = factor else {
            return ControlFlow::Continue(());
        };
        let Some(ObjectNamePart::Identifier(ident)) = name.0.last_mut() else {
            return ControlFlow::Continue(());
        };
        if let Some(version) = self.versions.get(&ident.span.start) {
            self.written += 1;
            if alias.is_none() {
                *alias =
                    Some(TableAlias { explicit: true, name: ident.clone(), columns: Vec::new() });
            }
            ident.value = at::encode(&folded(ident), version);
            ident.quote_style = Some('"');
        }
        ControlFlow::Continue(())
    }
}

/// Whether `TABLE t` is a part of a query.
fn has_table_command(body: &SetExpr) -> bool {
    let mut body = body;
    loop {
        match body {
            SetExpr::Table(_) => return true,
            SetExpr::SetOperation { left, right, .. } => {
                if has_table_command(right) {
                    return true;
                }
                body = left;
            }
            _ => return false,
        }
    }
}

fn last(name: &ObjectName) -> Option<&Ident> {
    name.0.last().and_then(ObjectNamePart::as_ident)
}

/// The name that an identifier means.
fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_ascii_lowercase(),
    }
}

fn error_at(error: SqlError, position: usize) -> SqlError {
    SqlError { position: Some(position), ..error }
}
