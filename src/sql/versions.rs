//! Statements about branches, tags and commits, carried out by the catalog.

use super::engine::quoted_schema;
use super::error::{SqlError, SqlResult, SqlState};
use super::outcome::Outcome;
use super::relation::{Cell, Kind, Relation, schema};
use super::session::Session;
use super::syntax::statement::VersionStatement;
use super::system;
use crate::base::error::ErrorKind;
use crate::base::ids::CommitId;
use crate::base::name::{RefExpr, RefName};
use crate::catalog::address::ViewOf;
use crate::catalog::branches::Ref;
use crate::catalog::merges::{Isolation, MergeReport, MergeRequest, Strategy};
use crate::store::records::RefKind;

const REPORT: &[(&str, Kind)] = &[
    ("action", Kind::Text),
    ("path", Kind::Text),
    ("kind", Kind::Text),
    ("reason", Kind::Text),
    ("commit_id", Kind::Text),
];

/// The columns of a statement that answers rows.
pub(super) fn columns(statement: &VersionStatement) -> Option<arrow::datatypes::SchemaRef> {
    let columns = match statement {
        VersionStatement::ShowBranches | VersionStatement::ShowTags => system::REFS,
        VersionStatement::ShowLog { .. } => system::LOG,
        VersionStatement::ShowDiff { .. } => system::DIFF,
        VersionStatement::Merge { .. }
        | VersionStatement::CherryPick { .. }
        | VersionStatement::Revert { .. } => REPORT,
        VersionStatement::CreateBranch { .. }
        | VersionStatement::DropBranch { .. }
        | VersionStatement::AssignBranch { .. }
        | VersionStatement::CreateTag { .. }
        | VersionStatement::DropTag { .. }
        | VersionStatement::Use { .. } => return None,
    };
    Some(schema(columns))
}

/// Whether a statement changes anything beside the session.
pub(super) const fn changes(statement: &VersionStatement) -> bool {
    !matches!(
        statement,
        VersionStatement::ShowBranches
            | VersionStatement::ShowTags
            | VersionStatement::ShowLog { .. }
            | VersionStatement::ShowDiff { .. }
            | VersionStatement::Use { .. }
    )
}

/// Carries out a statement.
pub(super) async fn execute(
    session: &mut Session,
    statement: &VersionStatement,
) -> SqlResult<Outcome> {
    match statement {
        VersionStatement::CreateBranch { name, if_not_exists, from } => {
            session.check_outside("CREATE BRANCH")?;
            let made = create(session, name, from.as_deref(), RefKind::Branch).await;
            done_unless_there(made, *if_not_exists, "CREATE BRANCH")
        }
        VersionStatement::CreateTag { name, if_not_exists, from } => {
            session.check_outside("CREATE TAG")?;
            let made = create(session, name, from.as_deref(), RefKind::Tag).await;
            done_unless_there(made, *if_not_exists, "CREATE TAG")
        }
        VersionStatement::DropBranch { name, if_exists, cascade } => {
            session.check_outside("DROP BRANCH")?;
            let name = RefName::parse(name)?;
            let warehouse = session.names.scope.warehouse.name.clone();
            let catalog = session.catalog();
            let gone = catalog.branch_delete(&session.ctx, &warehouse, &name, *cascade, None).await;
            done_unless_missing(gone, *if_exists, "DROP BRANCH")
        }
        VersionStatement::DropTag { name, if_exists } => {
            session.check_outside("DROP TAG")?;
            let name = RefName::parse(name)?;
            let warehouse = session.names.scope.warehouse.name.clone();
            let gone = session.catalog().tag_delete(&session.ctx, &warehouse, &name).await;
            done_unless_missing(gone, *if_exists, "DROP TAG")
        }
        VersionStatement::AssignBranch { name, to } => {
            session.check_outside("ASSIGN BRANCH")?;
            let (name, to) = (RefName::parse(name)?, RefExpr::parse(to)?);
            let warehouse = session.names.scope.warehouse.name.clone();
            let catalog = session.catalog();
            catalog.branch_reset(&session.ctx, &warehouse, &name, &to, None).await?;
            done("ASSIGN BRANCH")
        }
        VersionStatement::Use { reference } => use_reference(session, reference),
        VersionStatement::Merge { source, into, dry_run, options } => {
            if !dry_run {
                session.check_outside("MERGE BRANCH")?;
            }
            let request = merge_request(source, into, *dry_run, options)?;
            let warehouse = session.names.scope.warehouse.name.clone();
            let merged = session.catalog().merge(&session.ctx, &warehouse, &request).await?;
            report(merged)
        }
        VersionStatement::CherryPick { commit, into } => {
            session.check_outside("CHERRY PICK")?;
            let (commit, into) = (RefExpr::parse(commit)?, RefName::parse(into)?);
            let warehouse = session.names.scope.warehouse.name.clone();
            let catalog = session.catalog();
            let picked =
                catalog.cherry_pick(&session.ctx, &warehouse, &commit, &into, None).await?;
            report(picked)
        }
        VersionStatement::Revert { commit, on } => {
            session.check_outside("REVERT")?;
            let (commit, on) = (RefExpr::parse(commit)?, RefName::parse(on)?);
            let warehouse = session.names.scope.warehouse.name.clone();
            let catalog = session.catalog();
            report(catalog.revert(&session.ctx, &warehouse, &commit, &on, None).await?)
        }
        VersionStatement::ShowBranches => {
            system::refs(session, Some(RefKind::Branch)).await?.outcome()
        }
        VersionStatement::ShowTags => system::refs(session, Some(RefKind::Tag)).await?.outcome(),
        VersionStatement::ShowLog { of } => {
            let of = match of {
                Some(of) => RefExpr::parse(of)?,
                None => system::reference(session)?,
            };
            system::log(session, &of).await?.outcome()
        }
        VersionStatement::ShowDiff { from, to } => {
            system::diff(session, &RefExpr::parse(from)?, &RefExpr::parse(to)?).await?.outcome()
        }
    }
}

fn done(tag: &str) -> SqlResult<Outcome> {
    Ok(Outcome::Done { tag: tag.to_owned() })
}

fn done_unless_there(
    made: crate::base::error::Result<Ref>,
    if_not_exists: bool,
    tag: &str,
) -> SqlResult<Outcome> {
    match made {
        Err(error) if !(if_not_exists && matches!(error.kind(), ErrorKind::AlreadyExists(_))) => {
            Err(error.into())
        }
        Ok(_) | Err(_) => done(tag),
    }
}

fn done_unless_missing(
    gone: crate::base::error::Result<()>,
    if_exists: bool,
    tag: &str,
) -> SqlResult<Outcome> {
    match gone {
        Err(error) if !(if_exists && matches!(error.kind(), ErrorKind::NotFound(_))) => {
            Err(error.into())
        }
        Ok(()) | Err(_) => done(tag),
    }
}

async fn create(
    session: &Session,
    name: &str,
    from: Option<&str>,
    kind: RefKind,
) -> crate::base::error::Result<Ref> {
    let name = RefName::parse(name)?;
    let from = match from {
        Some(from) => RefExpr::parse(from)?,
        None => system::reference(session)
            .map_err(|error| crate::base::error::Error::invalid(error.message))?,
    };
    let (catalog, warehouse) = (session.catalog(), &session.names.scope.warehouse.name);
    match kind {
        RefKind::Branch => catalog.branch_create(&session.ctx, warehouse, &name, Some(&from)).await,
        RefKind::Tag => catalog.tag_create(&session.ctx, warehouse, &name, Some(&from)).await,
    }
}

/// In the warehouse view the search path becomes the ref; in the ref view the view becomes the ref's.
fn use_reference(session: &mut Session, reference: &str) -> SqlResult<Outcome> {
    let expr = RefExpr::parse(reference)?;
    session.catalog().resolve(&session.names.scope.warehouse, &expr)?;
    match &mut session.names.scope.view {
        ViewOf::Warehouse => session.names.search_path = vec![quoted_schema(reference)],
        ViewOf::Ref(at) => *at = expr,
    }
    done("USE")
}

fn merge_request(
    source: &str,
    into: &str,
    dry_run: bool,
    options: &[(String, String)],
) -> SqlResult<MergeRequest> {
    let mut request = MergeRequest {
        source: RefExpr::parse(source)?,
        into: RefName::parse(into)?,
        dry_run,
        squash: false,
        message: None,
        expected_head: None,
        strategy: Strategy::Fail,
        isolation: Isolation::Snapshot,
        resolutions: Vec::new(),
    };
    for (name, value) in options {
        let wrong = |allowed: &str| {
            SqlError::new(
                SqlState::InvalidParameterValue,
                format!("{name} is {allowed}, not {value:?}"),
            )
        };
        match name.as_str() {
            "squash" => {
                request.squash = match value.to_lowercase().as_str() {
                    "true" | "on" => true,
                    "false" | "off" => false,
                    _ => return Err(wrong("true or false")),
                }
            }
            "message" => request.message = Some(value.clone()),
            "strategy" => {
                request.strategy = match value.to_lowercase().as_str() {
                    "fail" => Strategy::Fail,
                    "ours" => Strategy::Ours,
                    "theirs" => Strategy::Theirs,
                    _ => return Err(wrong("'fail', 'ours' or 'theirs'")),
                }
            }
            "isolation" => {
                request.isolation = match value.to_lowercase().as_str() {
                    "snapshot" => Isolation::Snapshot,
                    "serializable" => Isolation::Serializable,
                    _ => return Err(wrong("'snapshot' or 'serializable'")),
                }
            }
            "expected_head" => {
                let head = CommitId::from_hex(value).ok_or_else(|| wrong("a whole commit id"))?;
                request.expected_head = Some(head);
            }
            _ => {
                return Err(SqlError::syntax(format!("MERGE BRANCH has no option {name:?}")));
            }
        }
    }
    Ok(request)
}

fn report(report: MergeReport) -> SqlResult<Outcome> {
    if let Some(first) = report.conflicts.first() {
        let all: Vec<String> = report
            .conflicts
            .iter()
            .map(|conflict| format!("{}: {}", conflict.path.join("."), conflict.reason))
            .collect();
        return Err(SqlError::new(
            SqlState::SerializationFailure,
            format!(
                "{} conflicts between {} and {}: {}",
                all.len(),
                first.ours,
                first.theirs,
                all.join("; ")
            ),
        )
        .with_hint("nothing moved; WITH (strategy = 'theirs') takes the source's tables"));
    }
    let commit = report.commit.map(|commit| commit.to_string());
    let mut relation = Relation::new(REPORT);
    for change in report.changes {
        relation.rows.push(vec![
            Cell::text(change.action.as_str()),
            Cell::text(change.path.join(".")),
            Cell::text(change.kind.as_str()),
            Cell::text(change.reason),
            Cell::Text(commit.clone()),
        ]);
    }
    relation.outcome()
}
