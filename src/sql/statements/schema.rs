//! Schemas and names: making and dropping schemas (branches, in the warehouse view), dropping and renaming
//! tables and views.

use datafusion::sql::sqlparser::ast::{
    ObjectName, ObjectType, RenameTableNameKind, SchemaName, Statement,
};

use super::{allow, done, temp, wrong_kind};
use crate::base::error::ErrorKind;
use crate::sql::bind::parts_of;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::names::Target;
use crate::sql::outcome::Outcome;
use crate::sql::session::Session;
use crate::sql::syntax::at;
use crate::version::content::ContentKind;

/// `CREATE SCHEMA [IF NOT EXISTS] name`
pub(super) async fn create(session: &Session, statement: &Statement) -> SqlResult<Outcome> {
    let Statement::CreateSchema { schema_name, if_not_exists, with, options, clone, .. } =
        statement
    else {
        return Err(SqlError::syntax("no CREATE SCHEMA"));
    };
    session.check_write("CREATE SCHEMA")?;
    if with.is_some() || options.is_some() || clone.is_some() {
        return Err(SqlError::unsupported("CREATE SCHEMA with options"));
    }
    let SchemaName::Simple(name) = schema_name else {
        return Err(SqlError::unsupported("CREATE SCHEMA … AUTHORIZATION"));
    };
    let levels = levels(session, name)?;
    let catalog = session.catalog();
    let scope = &session.names.scope;
    let made = catalog
        .namespace_create(&session.ctx, scope, &levels, std::collections::BTreeMap::new())
        .await;
    allow(made.map(std::mem::drop), |kind| {
        *if_not_exists && matches!(kind, ErrorKind::AlreadyExists(_))
    })?;
    done("CREATE SCHEMA")
}

/// `DROP SCHEMA [IF EXISTS] name [CASCADE]`
pub(super) async fn drop(session: &Session, statement: &Statement) -> SqlResult<Outcome> {
    let Statement::Drop { names, if_exists, cascade, .. } = statement else {
        return Err(SqlError::syntax("no DROP SCHEMA"));
    };
    session.check_write("DROP SCHEMA")?;
    let [name] = names.as_slice() else {
        return Err(SqlError::unsupported("DROP SCHEMA of several schemas"));
    };
    let levels = levels(session, name)?;
    let catalog = session.catalog();
    let gone = catalog.namespace_drop(&session.ctx, &session.names.scope, &levels, *cascade).await;
    allow(gone.map(std::mem::drop), |kind| *if_exists && matches!(kind, ErrorKind::NotFound(_)))?;
    done("DROP SCHEMA")
}

pub(super) fn levels(session: &Session, name: &ObjectName) -> SqlResult<Vec<String>> {
    let parts = parts_of(name)?;
    let catalog = session.catalog();
    // `lake.sales` names the database first, as PostgreSQL's clients may.
    let parts = match parts.as_slice() {
        [database, rest @ ..] if !rest.is_empty() && *database == session.names.database() => rest,
        all => all,
    };
    Ok(session.names.levels(catalog, parts))
}

/// `DROP TABLE | VIEW [IF EXISTS] name, … [CASCADE]`. Views that read a table stay, whatever is said: they
/// are looked at when they are read, and can be there before their tables are.
pub(super) async fn drop_relations(
    session: &mut Session,
    statement: &Statement,
) -> SqlResult<Outcome> {
    let Statement::Drop { object_type, names, if_exists, purge, temporary, table, .. } = statement
    else {
        return Err(SqlError::syntax("no DROP"));
    };
    let (kind, tag) = match object_type {
        ObjectType::View => (ContentKind::View, "DROP VIEW"),
        _ => (ContentKind::Table, "DROP TABLE"),
    };
    if *purge || *temporary || table.is_some() {
        return Err(SqlError::unsupported(format_args!("this form of {tag}")));
    }
    // All are found before one is dropped.
    let (mut temporary, mut permanent) = (Vec::new(), Vec::new());
    for name in names {
        if let Some((name, _)) = temp::named(session, name)? {
            if kind == ContentKind::View {
                return Err(wrong_kind(&name, kind.as_str()));
            }
            temporary.push(name);
            continue;
        }
        session.check_write(tag)?;
        let Some(target) = existing(session, name, *if_exists)? else {
            session.notice(format!("{} \"{name}\" does not exist, skipping", kind.as_str()));
            continue;
        };
        if target.relation.kind != kind {
            return Err(not_a(&target, kind));
        }
        permanent.push(stored(session, &target));
    }
    permanent.sort();
    permanent.dedup();
    // Several are dropped in one commit.
    let group = permanent.len() > 1 && session.transaction.is_none();
    if group {
        session.begin_group();
    }
    for (levels, stored) in permanent {
        let catalog = session.catalog();
        let gone =
            catalog.content_drop(&session.ctx, &session.names.scope, &levels, &stored, kind).await;
        allow(gone.map(std::mem::drop), |kind| {
            *if_exists && matches!(kind, ErrorKind::NotFound(_))
        })?;
    }
    if group {
        session.end_group().await?;
    }
    for name in temporary {
        session.temp.remove(&name);
    }
    done(tag)
}

/// The error of a statement that calls a view a table, or a table a view.
pub(super) fn not_a(target: &Target, wanted: ContentKind) -> SqlError {
    let there = target.relation.kind.as_str();
    wrong_kind(&target.relation.path.join("."), wanted.as_str())
        .with_hint(format!("it is a {there}: write {} instead", there.to_uppercase()))
}

/// `ALTER TABLE [IF EXISTS] name RENAME TO name`, of a table or view as in PostgreSQL.
pub(super) async fn rename(
    session: &mut Session,
    from: &ObjectName,
    to: &RenameTableNameKind,
    if_exists: bool,
) -> SqlResult<Outcome> {
    let (RenameTableNameKind::To(to) | RenameTableNameKind::As(to)) = to;
    if let Some((from, _)) = temp::named(session, from)? {
        return temp::rename(session, &from, to);
    }
    session.check_write("ALTER TABLE")?;
    let Some(target) = to_alter(session, from, if_exists)? else { return done("ALTER TABLE") };
    rename_target(session, &target, to).await?;
    done("ALTER TABLE")
}

/// `ALTER VIEW [IF EXISTS] name RENAME TO name`
pub(super) async fn rename_view(
    session: &mut Session,
    from: &ObjectName,
    to: &ObjectName,
    if_exists: bool,
) -> SqlResult<Outcome> {
    session.check_write("ALTER VIEW")?;
    let Some(target) = to_alter(session, from, if_exists)? else { return done("ALTER VIEW") };
    if target.relation.kind != ContentKind::View {
        return Err(not_a(&target, ContentKind::View));
    }
    rename_target(session, &target, to).await?;
    done("ALTER VIEW")
}

async fn rename_target(session: &Session, target: &Target, to: &ObjectName) -> SqlResult<()> {
    let parts = parts_of(to)?;
    let [name] = parts.as_slice() else {
        return Err(SqlError::syntax("the new name of a table has no schema: it stays in its own"));
    };
    let (levels, _) = stored(session, target);
    move_to(session, target, &levels, name).await
}

/// `ALTER TABLE | VIEW [IF EXISTS] name SET SCHEMA name`, inside one ref.
pub(super) async fn set_schema(
    session: &mut Session,
    from: &ObjectName,
    view: bool,
    schema: &ObjectName,
    if_exists: bool,
) -> SqlResult<Outcome> {
    let tag = if view { "ALTER VIEW" } else { "ALTER TABLE" };
    if temp::find(session, from)?.is_some() {
        return Err(SqlError::unsupported("a temporary table in another schema"));
    }
    session.check_write(tag)?;
    let Some(target) = to_alter(session, from, if_exists)? else { return done(tag) };
    if view && target.relation.kind != ContentKind::View {
        return Err(not_a(&target, ContentKind::View));
    }
    let levels = levels(session, schema)?;
    let (_, name) = stored(session, &target);
    move_to(session, &target, &levels, &name).await?;
    done(tag)
}

async fn move_to(
    session: &Session,
    target: &Target,
    levels: &[String],
    name: &str,
) -> SqlResult<()> {
    let (own, stored) = stored(session, target);
    let (from, to) = ((own.as_slice(), stored.as_str()), (levels, name));
    let catalog = session.catalog();
    catalog
        .content_rename(&session.ctx, &session.names.scope, from, to, target.relation.kind)
        .await?;
    Ok(())
}

/// Finds a table or view that is to be changed; says so if it may be missing and is.
pub(super) fn to_alter(
    session: &mut Session,
    name: &ObjectName,
    if_exists: bool,
) -> SqlResult<Option<Target>> {
    let found = existing(session, name, if_exists)?;
    if found.is_none() {
        session.notice(format!("relation \"{name}\" does not exist, skipping"));
    }
    Ok(found)
}

/// Whether a name is somebody's already in the schema where a new thing is to be.
pub(super) fn taken(session: &Session, levels: &[String], name: &str) -> SqlResult<bool> {
    let address = session.names.scope.content(levels, name)?;
    let catalog = session.catalog();
    let mut pins = crate::sql::names::Pins::default();
    let Ok(commit) = session.names.commit(catalog, &mut pins, &address.at) else {
        return Ok(false);
    };
    let warehouse = &session.names.scope.warehouse;
    Ok(catalog.relation_find(&session.ctx, warehouse, commit, &address.path)?.is_some())
}

/// Finds a table or view that is to be changed.
pub(super) fn existing(
    session: &Session,
    name: &ObjectName,
    if_exists: bool,
) -> SqlResult<Option<Target>> {
    let parts = parts_of(name)?;
    if parts.last().is_some_and(|last| at::decode(last).1.is_some()) {
        return Err(SqlError::new(SqlState::ReadOnly, "a version cannot be written"));
    }
    let mut pins = crate::sql::names::Pins::default();
    let catalog = session.catalog();
    match session.names.find(catalog, &session.ctx, &mut pins, &parts, None) {
        Ok(target) => Ok(Some(target)),
        Err(error) if if_exists && error.state == SqlState::UndefinedTable => Ok(None),
        Err(error) => Err(error),
    }
}

/// The levels and the name of what was found, as stored, in the session's view.
pub(super) fn stored(session: &Session, target: &Target) -> (Vec<String>, String) {
    let mut path = target.relation.path.clone();
    let name = path.pop().unwrap_or_default();
    if let crate::catalog::address::ViewOf::Warehouse = session.names.scope.view {
        path.insert(0, target.address.at.to_string());
    }
    (path, name)
}

/// The name of a new thing: its levels in the session's view and its own name.
pub(super) fn new_name(session: &Session, name: &ObjectName) -> SqlResult<(Vec<String>, String)> {
    let parts = parts_of(name)?;
    if parts.last().is_some_and(|last| at::decode(last).1.is_some()) {
        return Err(SqlError::new(SqlState::ReadOnly, "a version cannot be written"));
    }
    session.names.to_write(session.catalog(), &parts)
}
