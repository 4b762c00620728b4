//! The relations of the schema `system`: refs, logs, differences, and what tables consist of.

use std::sync::Arc;

use datafusion::catalog::TableProvider;

use super::bind::Source;
use super::error::{SqlError, SqlResult, SqlState};
use super::names::{Pins, split_dotted};
use super::relation::{Cell, Kind, Relation};
use super::session::Session;
use super::tables;
use crate::base::clock::Timestamp;
use crate::base::ids::CommitId;
use crate::base::limits::{PAGE_ITEMS_MAX, SQL_LOG_ROWS_MAX};
use crate::base::name::{RefBase, RefExpr};
use crate::base::page::PageRequest;
use crate::catalog::address::ViewOf;
use crate::catalog::commits::LogQuery;
use crate::catalog::diffs::{DiffChange, DiffDepth};
use crate::store::records::RefKind;

/// The schema.
pub(super) const SCHEMA: &str = "system";

pub(super) const REFS: &[(&str, Kind)] =
    &[("name", Kind::Text), ("kind", Kind::Text), ("head", Kind::Text), ("created_at", Kind::Time)];
pub(super) const LOG: &[(&str, Kind)] = &[
    ("commit_id", Kind::Text),
    ("committed_at", Kind::Time),
    ("author", Kind::Text),
    ("message", Kind::Text),
    ("parents", Kind::Text),
    ("properties", Kind::Text),
];
pub(super) const DIFF: &[(&str, Kind)] = &[
    ("path", Kind::Text),
    ("kind", Kind::Text),
    ("change", Kind::Text),
    ("renamed_from", Kind::Text),
    ("from_metadata_location", Kind::Text),
    ("to_metadata_location", Kind::Text),
];
const SNAPSHOTS: &[(&str, Kind)] = &[
    ("snapshot_id", Kind::Integer),
    ("parent_id", Kind::Integer),
    ("committed_at", Kind::Time),
    ("operation", Kind::Text),
    ("manifest_list", Kind::Text),
    ("summary", Kind::Text),
];
const FILES: &[(&str, Kind)] = &[
    ("file_path", Kind::Text),
    ("file_format", Kind::Text),
    ("record_count", Kind::Integer),
    ("file_size_in_bytes", Kind::Integer),
];
const HISTORY: &[(&str, Kind)] = &[("made_current_at", Kind::Time), ("snapshot_id", Kind::Integer)];

/// Finds a relation of `system`; `None` for a name outside of it.
pub(super) async fn find(
    session: &Session,
    pins: &mut Pins,
    source: &Source,
) -> SqlResult<Option<Arc<dyn TableProvider>>> {
    let parts = session.names.without_database(session.catalog(), &source.parts)?;
    let [schema, name] = parts else { return Ok(None) };
    if schema != SCHEMA {
        return Ok(None);
    }
    if source.at.is_some() {
        return Err(SqlError::unsupported(format_args!("reading {schema}.{name} at a version")));
    }
    let arguments = literals(source.arguments.as_deref().unwrap_or_default())?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let relation = match (name.as_str(), arguments.as_slice()) {
        ("refs", []) => refs(session, None).await?,
        ("log", []) => log(session, &reference(session)?).await?,
        ("log", [of]) => log(session, &RefExpr::parse(of)?).await?,
        ("diff", [from, to]) => diff(session, &RefExpr::parse(from)?, &RefExpr::parse(to)?).await?,
        ("snapshots", [table]) => snapshots(session, pins, table).await?,
        ("files", [table]) => files(session, pins, table).await?,
        ("history", [table]) => history(session, pins, table).await?,
        ("log" | "diff" | "snapshots" | "files" | "history" | "refs", _) => {
            return Err(SqlError::new(
                SqlState::UndefinedFunction,
                format!("{schema}.{name} does not take {} arguments", arguments.len()),
            )
            .with_hint(
                "system.refs, system.log([ref]), system.diff(from, to), system.snapshots(table), \
                 system.files(table), system.history(table)",
            ));
        }
        _ => {
            return Err(SqlError::new(
                SqlState::UndefinedTable,
                format!("relation \"{schema}.{name}\" does not exist"),
            ));
        }
    };
    relation.table().map(Some)
}

/// Arguments must be written out: they decide what is planned.
fn literals(arguments: &[String]) -> SqlResult<Vec<String>> {
    arguments
        .iter()
        .map(|argument| {
            argument
                .strip_prefix('\'')
                .and_then(|rest| rest.strip_suffix('\''))
                .map(|text| text.replace("''", "'"))
                .ok_or_else(|| {
                    SqlError::new(
                        SqlState::InvalidParameterValue,
                        format!("{argument} is no text: write the argument in single quotes"),
                    )
                })
        })
        .collect()
}

/// The ref in use: the view's, or the first of the search path, or the default branch.
pub(super) fn reference(session: &Session) -> SqlResult<RefExpr> {
    match &session.names.scope.view {
        ViewOf::Ref(at) => Ok(at.clone()),
        ViewOf::Warehouse => {
            let first = session.names.search(session.catalog()).into_iter().next();
            match first.and_then(|levels| levels.into_iter().next()) {
                Some(first) => Ok(RefExpr::parse(&first)?),
                None => Ok(RefExpr::name(session.names.scope.warehouse.default_branch.clone())),
            }
        }
    }
}

fn first_page() -> PageRequest {
    PageRequest { limit: PAGE_ITEMS_MAX, after: None }
}

pub(super) async fn refs(session: &Session, kind: Option<RefKind>) -> SqlResult<Relation> {
    let mut relation = Relation::new(REFS);
    let mut page = first_page();
    let warehouse = &session.names.scope.warehouse.name;
    loop {
        let found = session.catalog().ref_list(&session.ctx, warehouse, kind, "", &page).await?;
        for reference in found.items {
            relation.rows.push(vec![
                Cell::text(reference.name.as_str()),
                Cell::text(reference.kind.word()),
                Cell::text(reference.head.to_string()),
                Cell::Time(Some(reference.created_at)),
            ]);
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok(relation),
        }
    }
}

/// The commit that a ref stands for; none if it has changes that are not committed.
fn committed(session: &Session, at: &RefExpr) -> SqlResult<CommitId> {
    let warehouse = &session.names.scope.warehouse;
    if session.catalog().is_dirty(warehouse, at) {
        return Err(SqlError::unsupported(format_args!(
            "the history of {at} inside a transaction that changed it"
        )));
    }
    Ok(session.catalog().resolve(warehouse, at)?.commit)
}

pub(super) async fn log(session: &Session, from: &RefExpr) -> SqlResult<Relation> {
    let mut relation = Relation::new(LOG);
    let mut page = first_page();
    let warehouse = &session.names.scope.warehouse;
    let catalog = session.catalog();
    // Pages must all start from one commit, while others write.
    let start = committed(session, from)?;
    let query = LogQuery {
        from: RefExpr { base: RefBase::CommitPrefix(start.to_string()), steps: Vec::new() },
        author: None,
        since: None,
        until: None,
        path: None,
        property: Vec::new(),
        first_parent: false,
    };
    loop {
        let found = catalog.commit_log(&session.ctx, &warehouse.name, &query, &page).await?;
        for info in found.items {
            let properties = serde_json::to_string(&info.commit.properties).unwrap_or_default();
            let parents: Vec<String> =
                info.commit.parents.iter().map(ToString::to_string).collect();
            relation.rows.push(vec![
                Cell::text(info.id.to_string()),
                Cell::Time(Some(info.commit.committed_at)),
                Cell::text(info.commit.author.clone()),
                Cell::text(info.commit.message.clone()),
                Cell::text(parents.join(" ")),
                Cell::text(properties),
            ]);
        }
        if relation.rows.len() > SQL_LOG_ROWS_MAX {
            return Err(SqlError::new(
                SqlState::ProgramLimitExceeded,
                format!("the log has more than {SQL_LOG_ROWS_MAX} commits"),
            )
            .with_hint("page through it with the management API"));
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok(relation),
        }
    }
}

pub(super) async fn diff(session: &Session, from: &RefExpr, to: &RefExpr) -> SqlResult<Relation> {
    let mut relation = Relation::new(DIFF);
    let mut page = first_page();
    let warehouse = &session.names.scope.warehouse;
    let catalog = session.catalog();
    let settled = |expr: &RefExpr| -> SqlResult<RefExpr> {
        let commit = committed(session, expr)?;
        Ok(RefExpr { base: RefBase::CommitPrefix(commit.to_string()), steps: Vec::new() })
    };
    let (from, to) = (settled(from)?, settled(to)?);
    loop {
        let found =
            catalog.diff(&session.ctx, &warehouse.name, &from, &to, DiffDepth::Keys, &page).await?;
        for item in found.items {
            let (change, renamed) = match &item.change {
                DiffChange::Added => ("added", None),
                DiffChange::Removed => ("removed", None),
                DiffChange::Changed => ("changed", None),
                DiffChange::Renamed { from } => ("renamed", Some(from.join("."))),
            };
            let location = |side: Option<crate::catalog::diffs::SideInfo>| {
                side.and_then(|side| side.metadata_location)
            };
            relation.rows.push(vec![
                Cell::text(item.path.join(".")),
                Cell::text(item.kind.as_str()),
                Cell::text(change),
                Cell::Text(renamed),
                Cell::Text(location(item.from)),
                Cell::Text(location(item.to)),
            ]);
        }
        match found.next {
            Some(next) => page.after = Some(next),
            None => return Ok(relation),
        }
    }
}

async fn table(
    session: &Session,
    pins: &mut Pins,
    name: &str,
) -> SqlResult<super::scan::provider::IcebergTable> {
    let parts = split_dotted(name);
    let catalog = session.catalog();
    let target = session.names.find(catalog, &session.ctx, pins, &parts, None)?;
    if target.relation.kind != crate::version::content::ContentKind::Table {
        return Err(SqlError::new(SqlState::WrongObjectType, format!("{name} is not a table")));
    }
    tables::table(session, &target).await
}

fn millis(millis: i64) -> Cell {
    Cell::Time(Some(Timestamp::from_micros(millis.saturating_mul(1000))))
}

async fn snapshots(session: &Session, pins: &mut Pins, name: &str) -> SqlResult<Relation> {
    let table = table(session, pins, name).await?;
    let mut relation = Relation::new(SNAPSHOTS);
    let mut snapshots: Vec<_> = table.metadata().snapshots().collect();
    snapshots.sort_by_key(|snapshot| (snapshot.timestamp_ms(), snapshot.sequence_number()));
    for snapshot in snapshots {
        let summary = snapshot.summary();
        let properties: std::collections::BTreeMap<_, _> =
            summary.additional_properties.iter().collect();
        relation.rows.push(vec![
            Cell::Integer(Some(snapshot.snapshot_id())),
            Cell::Integer(snapshot.parent_snapshot_id()),
            millis(snapshot.timestamp_ms()),
            Cell::text(summary.operation.as_str()),
            Cell::text(snapshot.manifest_list()),
            Cell::text(serde_json::to_string(&properties).unwrap_or_default()),
        ]);
    }
    Ok(relation)
}

async fn files(session: &Session, pins: &mut Pins, name: &str) -> SqlResult<Relation> {
    let table = table(session, pins, name).await?;
    let mut relation = Relation::new(FILES);
    for file in table.live().await? {
        relation.rows.push(vec![
            Cell::text(file.file_path()),
            Cell::text(format!("{:?}", file.file_format()).to_uppercase()),
            Cell::Integer(i64::try_from(file.record_count()).ok()),
            Cell::Integer(i64::try_from(file.file_size_in_bytes()).ok()),
        ]);
    }
    Ok(relation)
}

async fn history(session: &Session, pins: &mut Pins, name: &str) -> SqlResult<Relation> {
    let table = table(session, pins, name).await?;
    let mut relation = Relation::new(HISTORY);
    for entry in table.metadata().history() {
        relation
            .rows
            .push(vec![millis(entry.timestamp_ms()), Cell::Integer(Some(entry.snapshot_id))]);
    }
    Ok(relation)
}
