//! `COMMENT ON`: a property of tables, views and schemas, a field's `doc` of columns.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::ast::{CommentObject, ObjectName};
use serde_json::{Value, json};

use super::alter::{Change, table};
use super::properties::COMMENT;
use super::schema::{existing, levels, not_a, stored};
use super::schema_change::document_with_doc;
use super::{done, temp};
use crate::iceberg::view::update::{ViewRequirement, ViewUpdate};
use crate::sql::bind::parts_of;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::names::Target;
use crate::sql::outcome::Outcome;
use crate::sql::session::Session;
use crate::version::content::ContentKind;

/// `COMMENT ON TABLE | COLUMN | SCHEMA name IS '…'`; NULL and an empty text take the comment away.
pub(super) async fn comment(
    session: &mut Session,
    object: CommentObject,
    name: &ObjectName,
    text: Option<&str>,
) -> SqlResult<Outcome> {
    session.check_write("COMMENT")?;
    let text = text.filter(|text| !text.is_empty());
    match object {
        CommentObject::Table => {
            let target = target(session, name)?;
            let (address, table) = table(session, &target).await?;
            let mut change = Change::new(&table)?;
            match text {
                Some(text) => {
                    change.set.insert(COMMENT.to_owned(), text.to_owned());
                }
                None if table.properties().contains_key(COMMENT) => {
                    change.removed.push(COMMENT.to_owned());
                }
                None => {}
            }
            change.commit(session, &address).await?;
        }
        CommentObject::Column => column(session, name, text).await?,
        CommentObject::Schema => {
            let levels = levels(session, name)?;
            let (removed, set) = match text {
                Some(text) => (Vec::new(), BTreeMap::from([(COMMENT.to_owned(), text.to_owned())])),
                None => (vec![COMMENT.to_owned()], BTreeMap::new()),
            };
            let scope = &session.names.scope;
            let catalog = session.catalog();
            catalog.namespace_properties(&session.ctx, scope, &levels, removed, set).await?;
        }
        CommentObject::Extension
        | CommentObject::Database
        | CommentObject::User
        | CommentObject::Role => {
            return Err(SqlError::unsupported(format_args!("COMMENT ON {object}")));
        }
    }
    done("COMMENT")
}

/// `COMMENT ON VIEW name IS '…'`
pub(super) async fn view(
    session: &mut Session,
    name: &ObjectName,
    text: Option<&str>,
) -> SqlResult<Outcome> {
    session.check_write("COMMENT")?;
    let target = target(session, name)?;
    if target.relation.kind != ContentKind::View {
        return Err(not_a(&target, ContentKind::View));
    }
    let update = match text.filter(|text| !text.is_empty()) {
        Some(text) => json!({ "action": "set-properties", "updates": { COMMENT: text } }),
        None => json!({ "action": "remove-properties", "removals": [COMMENT] }),
    };
    commit_view(session, &target, Vec::new(), &[update]).await?;
    done("COMMENT")
}

fn target(session: &Session, name: &ObjectName) -> SqlResult<Target> {
    if temp::find(session, name)?.is_some() {
        return Err(SqlError::unsupported("a comment on a temporary table"));
    }
    existing(session, name, false)?
        .ok_or_else(|| SqlError::new(SqlState::UndefinedTable, "the table does not exist"))
}

async fn column(session: &mut Session, name: &ObjectName, text: Option<&str>) -> SqlResult<()> {
    let column = parts_of(name)?.pop().unwrap_or_default();
    let of = name.0.split_last().map(|(_, of)| of.to_vec()).unwrap_or_default();
    if of.is_empty() {
        return Err(SqlError::syntax("column name must be qualified"));
    }
    let target = target(session, &ObjectName(of))?;
    if target.relation.kind == ContentKind::View {
        return view_column(session, &target, &column, text).await;
    }
    let (address, table) = table(session, &target).await?;
    let mut change = Change::new(&table)?;
    change.schema.set_doc(&column, text)?;
    change.commit(session, &address).await
}

/// A column of a view has its comment in the schema of a version, so that there is a new version of the same
/// text.
async fn view_column(
    session: &Session,
    target: &Target,
    column: &str,
    text: Option<&str>,
) -> SqlResult<()> {
    let lost = |what: &str| {
        SqlError::new(SqlState::DataCorrupted, format!("the view has no current {what}"))
    };
    let catalog = session.catalog();
    let metadata = catalog.view_metadata(&target.relation.metadata_location).await?.metadata;
    let version = metadata.current_version().ok_or_else(|| lost("version"))?;
    let schema = metadata.schema(version.schema_id).ok_or_else(|| lost("schema"))?;
    let Some(schema) = document_with_doc(schema, column, text)? else { return Ok(()) };
    let mut document: Value =
        serde_json::from_str(version.json()).map_err(|_| lost("version that can be read"))?;
    if let Some(map) = document.as_object_mut() {
        map.insert("schema-id".to_owned(), (-1).into());
        map.insert("version-id".to_owned(), (version.id.saturating_add(1)).into());
        let now = catalog.clock().now().as_micros() / 1000;
        map.insert("timestamp-ms".to_owned(), now.into());
    }
    let updates = [
        json!({ "action": "add-schema", "schema": schema }),
        json!({ "action": "add-view-version", "view-version": document }),
        json!({ "action": "set-current-view-version", "view-version-id": -1 }),
    ];
    let same = vec![ViewRequirement::ViewUuid(metadata.uuid().to_owned())];
    commit_view(session, target, same, &updates).await
}

async fn commit_view(
    session: &Session,
    target: &Target,
    requirements: Vec<ViewRequirement>,
    updates: &[Value],
) -> SqlResult<()> {
    let (levels, name) = stored(session, target);
    let address = session.names.scope.content(&levels, &name)?;
    let updates = updates
        .iter()
        .map(|update| ViewUpdate::parse(&update.to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    let catalog = session.catalog();
    catalog.view_commit(&session.ctx, &session.names.scope, address, requirements, updates).await?;
    Ok(())
}
