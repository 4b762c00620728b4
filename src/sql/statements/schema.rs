//! Schemas and names: making and dropping schemas (branches, in the warehouse view), dropping and renaming
//! tables and views.

use datafusion::sql::sqlparser::ast::{
    ObjectName, ObjectType, RenameTableNameKind, SchemaName, Statement,
};

use super::{allow, done, wrong_kind};
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

fn levels(session: &Session, name: &ObjectName) -> SqlResult<Vec<String>> {
    let parts = parts_of(name)?;
    let catalog = session.catalog();
    // `lake.sales` names the database first, as PostgreSQL's clients may.
    let parts = match parts.as_slice() {
        [database, rest @ ..] if !rest.is_empty() && *database == session.names.database() => rest,
        all => all,
    };
    Ok(session.names.levels(catalog, parts))
}

/// `DROP TABLE | VIEW [IF EXISTS] name`
pub(super) async fn drop_relations(session: &Session, statement: &Statement) -> SqlResult<Outcome> {
    let Statement::Drop { object_type, names, if_exists, purge, temporary, table, .. } = statement
    else {
        return Err(SqlError::syntax("no DROP"));
    };
    let (kind, tag) = match object_type {
        ObjectType::View => (ContentKind::View, "DROP VIEW"),
        _ => (ContentKind::Table, "DROP TABLE"),
    };
    session.check_write(tag)?;
    if *purge || *temporary || table.is_some() {
        return Err(SqlError::unsupported(format_args!("this form of {tag}")));
    }
    let [name] = names.as_slice() else {
        return Err(SqlError::unsupported(format_args!("{tag} of several at once")));
    };
    let Some(target) = existing(session, name, *if_exists)? else { return done(tag) };
    if target.relation.kind != kind {
        return Err(wrong_kind(&target.relation.path.join("."), kind.as_str()));
    }
    let (levels, stored) = stored(session, &target);
    let catalog = session.catalog();
    let gone =
        catalog.content_drop(&session.ctx, &session.names.scope, &levels, &stored, kind).await;
    allow(gone.map(std::mem::drop), |kind| *if_exists && matches!(kind, ErrorKind::NotFound(_)))?;
    done(tag)
}

/// `ALTER TABLE | VIEW [IF EXISTS] name RENAME TO name`; a name without a schema stays in its schema.
pub(super) async fn rename(
    session: &Session,
    from: &ObjectName,
    to: &RenameTableNameKind,
    if_exists: bool,
) -> SqlResult<Outcome> {
    session.check_write("ALTER TABLE")?;
    let Some(target) = existing(session, from, if_exists)? else { return done("ALTER TABLE") };
    let (RenameTableNameKind::To(to) | RenameTableNameKind::As(to)) = to;
    let parts = parts_of(to)?;
    let [name] = parts.as_slice() else {
        return Err(SqlError::syntax("the new name of a table has no schema: it stays in its own"));
    };
    let (levels, stored) = stored(session, &target);
    let catalog = session.catalog();
    catalog
        .content_rename(
            &session.ctx,
            &session.names.scope,
            (&levels, &stored),
            (&levels, name),
            target.relation.kind,
        )
        .await?;
    done("ALTER TABLE")
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
