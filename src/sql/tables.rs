//! From the sources of a statement to what the planner reads: tables at a snapshot, views planned anew at
//! the commit that they are read at, relations of `system`.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::datasource::ViewTable;
use datafusion::sql::parser::Statement as Planned;
use datafusion::sql::sqlparser::ast::Statement;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::bind::{Source, Sources};
use super::error::{SqlError, SqlResult, SqlState};
use super::names::{Names, Pins, Target};
use super::operators::undefined_function;
use super::scan::provider::IcebergTable;
use super::session::Session;
use super::stack::roomy;
use super::syntax::at::At;
use super::syntax::statement::Body;
use super::{bind, pg, spec, syntax, system};
use crate::base::ids::CommitId;
use crate::base::limits::SQL_VIEW_DEPTH_MAX;
use crate::base::name::{RefBase, RefExpr};
use crate::catalog::address::ViewOf;
use crate::iceberg::table::metadata::TableMetadata;
use crate::version::content::ContentKind;

/// The dialects of views that are run here. Text of another dialect could mean something else.
pub(super) const DIALECTS: [&str; 2] = ["postgresql", "nunatak"];

/// A table under the key that stands for it.
pub(super) type Keyed = (String, Arc<dyn TableProvider>);

/// Finds what a statement reads.
pub(super) fn find_all<'s>(
    session: &'s Session,
    pins: &'s mut Pins,
    sources: Sources,
    depth: usize,
) -> BoxFuture<'s, SqlResult<Vec<Keyed>>> {
    roomy(async move {
        let mut found = Vec::with_capacity(sources.len());
        for (key, source) in sources {
            found.push((key, find(session, pins, source, depth).await?));
        }
        Ok(found)
    })
    .boxed()
}

async fn find(
    session: &Session,
    pins: &mut Pins,
    source: Source,
    depth: usize,
) -> SqlResult<Arc<dyn TableProvider>> {
    if let Some(table) = system::find(session, pins, &source).await? {
        return Ok(table);
    }
    if let Some(table) = pg::find(session, pins, &source)? {
        return Ok(table);
    }
    if source.arguments.is_some() {
        return Err(undefined_function(&source.parts.join("."), &[]));
    }
    if let Some((_, table)) = session.temp.find(&source.parts).filter(|_| source.at.is_none()) {
        return table.provider();
    }
    let catalog = session.catalog();
    let target =
        session.names.find(catalog, &session.ctx, pins, &source.parts, source.at.as_ref())?;
    match target.relation.kind {
        ContentKind::View => view(session, pins, &target, source.at.as_ref(), depth).await,
        _ => Ok(Arc::new(table(session, &target).await?)),
    }
}

/// A table to read.
pub(super) async fn table(session: &Session, target: &Target) -> SqlResult<IcebergTable> {
    let location = &target.relation.metadata_location;
    let metadata = session.catalog().table_metadata(location).await?.metadata;
    table_of(session, &metadata, target.snapshot)
}

/// A table to read, by its metadata.
pub(super) fn table_of(
    session: &Session,
    metadata: &TableMetadata,
    snapshot: Option<i64>,
) -> SqlResult<IcebergTable> {
    let catalog = session.catalog();
    let warehouse = &session.names.scope.warehouse;
    let policy = catalog.files().policy(warehouse, catalog.options())?;
    let reader = Arc::clone(&session.engine.reader);
    IcebergTable::new(reader, policy, spec::table(metadata)?, snapshot)
}

async fn view(
    session: &Session,
    pins: &mut Pins,
    target: &Target,
    at: Option<&At>,
    depth: usize,
) -> SqlResult<Arc<dyn TableProvider>> {
    let name = target.relation.path.join(".");
    if depth >= SQL_VIEW_DEPTH_MAX {
        return Err(SqlError::new(
            SqlState::ProgramLimitExceeded,
            format!("view {name} is nested deeper than {SQL_VIEW_DEPTH_MAX}, or reads itself"),
        ));
    }
    if target.snapshot.is_some() {
        return Err(SqlError::new(
            SqlState::WrongObjectType,
            format!("{name} is a view: it has no snapshots of its own"),
        ));
    }
    let catalog = session.catalog();
    let metadata = catalog.view_metadata(&target.relation.metadata_location).await?.metadata;
    let version = metadata.current_version().ok_or_else(|| {
        SqlError::new(SqlState::DataCorrupted, format!("view {name} has no current version"))
    })?;
    let text = version
        .representations
        .iter()
        .find(|text| {
            text.dialect.as_deref().is_some_and(|dialect| {
                DIALECTS.iter().any(|known| dialect.eq_ignore_ascii_case(known))
            })
        })
        .and_then(|text| text.sql.clone());
    let Some(text) = text else {
        let dialects: Vec<&str> =
            version.representations.iter().filter_map(|text| text.dialect.as_deref()).collect();
        return Err(SqlError::unsupported(format_args!(
            "reading view {name}, which is written for {},",
            dialects.join(", ")
        )));
    };
    let mut parsed = syntax::parse(&text)?;
    let (Some(parsed), true) = (parsed.pop(), parsed.is_empty()) else {
        return Err(SqlError::new(SqlState::DataCorrupted, format!("view {name} is no query")));
    };
    let Body::Standard(statement) = parsed.body else {
        return Err(SqlError::new(SqlState::DataCorrupted, format!("view {name} is no query")));
    };
    let mut statement = *statement;
    if !matches!(statement, Statement::Query(_)) {
        return Err(SqlError::new(SqlState::DataCorrupted, format!("view {name} is no query")));
    }
    let sources = bind::bind(&mut statement)?;
    let inner = session.within(inside(session, target, &version.default_namespace, at.is_some()));
    let found = find_all(&inner, pins, sources, depth + 1).await?;
    let mut state = session.engine.state(&inner.names, &session.ctx.actor, found)?;
    pg::register(&mut state, &inner, pins)?;
    let planned = Planned::Statement(Box::new(statement));
    let plan = Box::pin(state.statement_to_plan(planned)).await?;
    Ok(Arc::new(ViewTable::new(plan, Some(text))))
}

/// The names inside a view: those of the state that the view itself was found in.
fn inside(session: &Session, target: &Target, namespace: &[String], versioned: bool) -> Names {
    let mut scope = session.names.scope.clone();
    scope.view =
        ViewOf::Ref(if versioned { pinned(target.commit) } else { target.address.at.clone() });
    let schema: Vec<String> =
        namespace.iter().map(|level| super::engine::quoted_schema(level)).collect();
    Names { scope, search_path: vec![schema.join(".")] }
}

fn pinned(commit: CommitId) -> RefExpr {
    RefExpr { base: RefBase::CommitPrefix(commit.to_string()), steps: Vec::new() }
}
