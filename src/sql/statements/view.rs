//! `CREATE VIEW`: the text is kept with names that hold inside its own ref, so that the view means the same on
//! every branch that it is merged to.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    CreateTableOptions, CreateView, Ident, ObjectName, Query, Statement, TableAlias, TableFactor,
    VisitMut as _, VisitorMut,
};

use super::schema::{existing, new_name, stored};
use super::{done, wrong_kind};
use crate::catalog::views::ViewRequest;
use crate::iceberg::table::schema::Schema;
use crate::iceberg::view::version::RequestedVersion;
use crate::sql::bind::{Ctes, parts_of};
use crate::sql::engine::quoted_schema;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::names::{Pins, Target};
use crate::sql::outcome::Outcome;
use crate::sql::session::{Session, columns_of};
use crate::sql::syntax::statement::Body;
use crate::sql::{system, types};
use crate::version::content::ContentKind;

/// The dialect under which the text is kept.
const DIALECT: &str = "postgresql";

/// `CREATE [OR REPLACE] VIEW name AS query`
pub(super) async fn create(session: &mut Session, create: &CreateView) -> SqlResult<Outcome> {
    session.check_write("CREATE VIEW")?;
    refuse_options(create)?;
    let (levels, name) = new_name(session, &create.name)?;
    let mut query = (*create.query).clone();
    let address = session.names.scope.content(&levels, &name)?;
    rename_sources(session, &mut query, &address.at.to_string())?;
    let text = printed(&query)?;
    // Planned before it is kept, with the columns that its readers will see.
    let plan = session.plan(Statement::Query(create.query.clone())).await?;
    let schema = types::iceberg_schema(&types::nullable(&columns_of(&plan)))?;
    let old = existing(session, &create.name, true)?;
    if let Some(old) = &old {
        if create.if_not_exists {
            return done("CREATE VIEW");
        }
        if !create.or_replace {
            return Err(SqlError::new(
                SqlState::DuplicateTable,
                format!("relation \"{name}\" already exists"),
            ));
        }
        if old.relation.kind != ContentKind::View {
            return Err(wrong_kind(&name, "view"));
        }
    }
    let namespace = address.path.namespace.levels().to_vec();
    let version = version(&text, &namespace, session)?;
    match old {
        None => {
            let request = ViewRequest {
                name,
                location: None,
                schema: Schema::parse(&schema)?,
                version,
                properties: BTreeMap::new(),
            };
            let catalog = session.catalog();
            catalog.view_create(&session.ctx, &session.names.scope, &levels, request).await?;
        }
        Some(old) => replace(session, &old, &schema, &text, &namespace).await?,
    }
    done("CREATE VIEW")
}

/// The text of a query, which must mean the same when it is read again.
fn printed(query: &Query) -> SqlResult<String> {
    let text = query.to_string();
    let again = crate::sql::syntax::parse(&text)?;
    let same = matches!(again.as_slice(), [parsed]
        if matches!(&parsed.body, Body::Standard(body)
            if matches!(&**body, Statement::Query(again) if **again == *query)));
    if same {
        return Ok(text);
    }
    Err(SqlError::unsupported("a view of this query (its text cannot be written down safely)"))
}

fn refuse_options(create: &CreateView) -> SqlResult<()> {
    let what = if create.materialized {
        "CREATE MATERIALIZED VIEW"
    } else if create.temporary {
        "CREATE TEMPORARY VIEW"
    } else if !create.columns.is_empty() {
        "CREATE VIEW with a list of columns"
    } else if create.or_alter
        || create.secure
        || create.to.is_some()
        || create.params.is_some()
        || create.comment.is_some()
        || create.with_no_schema_binding
        || !create.cluster_by.is_empty()
        || create.options != CreateTableOptions::None
    {
        "CREATE VIEW with options"
    } else {
        return Ok(());
    };
    Err(SqlError::unsupported(what))
}

fn version(text: &str, namespace: &[String], session: &Session) -> SqlResult<RequestedVersion> {
    let json = version_json(text, namespace, session);
    Ok(RequestedVersion::parse(&json.to_string())?)
}

fn version_json(text: &str, namespace: &[String], session: &Session) -> serde_json::Value {
    let now = session.catalog().clock().now().as_micros() / 1000;
    serde_json::json!({
        "version-id": 1,
        "schema-id": 0,
        "timestamp-ms": now,
        "summary": { "engine-name": "nunatak" },
        "default-namespace": namespace,
        "representations": [{ "type": "sql", "sql": text, "dialect": DIALECT }],
    })
}

async fn replace(
    session: &Session,
    old: &Target,
    schema: &str,
    text: &str,
    namespace: &[String],
) -> SqlResult<()> {
    let (levels, name) = stored(session, old);
    let address = session.names.scope.content(&levels, &name)?;
    let mut version = version_json(text, namespace, session);
    // The ids of what is added in this commit.
    if let Some(fields) = version.as_object_mut() {
        fields.insert("schema-id".to_owned(), (-1).into());
    }
    let schema: serde_json::Value = serde_json::from_str(schema)
        .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))?;
    let updates = [
        serde_json::json!({ "action": "add-schema", "schema": schema }),
        serde_json::json!({ "action": "add-view-version", "view-version": version }),
        serde_json::json!({ "action": "set-current-view-version", "view-version-id": -1 }),
    ];
    let updates = updates
        .iter()
        .map(|update| crate::iceberg::view::update::ViewUpdate::parse(&update.to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    let catalog = session.catalog();
    catalog.view_commit(&session.ctx, &session.names.scope, address, Vec::new(), updates).await?;
    Ok(())
}

/// Replaces the names in a view's text by those that hold inside its ref.
fn rename_sources(session: &Session, query: &mut Query, at: &str) -> SqlResult<()> {
    let mut renamer = Renamer { session, at, ctes: Ctes::default() };
    match query.visit(&mut renamer) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Renamer<'s> {
    session: &'s Session,
    at: &'s str,
    ctes: Ctes,
}

impl Renamer<'_> {
    fn table(&self, factor: &mut TableFactor) -> SqlResult<()> {
        let TableFactor::Table { name, alias, args, .. } = factor else { return Ok(()) };
        let parts = parts_of(name)?;
        let Some(last) = parts.last() else { return Ok(()) };
        let (plain, at) = crate::sql::syntax::at::decode(last);
        if at.is_some() {
            return Err(SqlError::unsupported("a view that reads a table at a version"));
        }
        if args.is_some() {
            return if parts.len() == 1 {
                Ok(())
            } else {
                Err(SqlError::unsupported(format_args!("a view that reads {name}")))
            };
        }
        if parts.len() == 1 && self.ctes.is_cte(plain) {
            return Ok(());
        }
        if parts.first().is_some_and(|first| first == system::SCHEMA) {
            return Err(SqlError::unsupported(format_args!("a view that reads {name}")));
        }
        if self.session.temp.find(&parts).is_some() {
            return Err(SqlError::unsupported(format_args!(
                "a view that reads the temporary table {name}"
            )));
        }
        let catalog = self.session.catalog();
        let mut pins = Pins::default();
        let found = self.session.names.find(catalog, &self.session.ctx, &mut pins, &parts, None)?;
        if found.address.at.to_string() != self.at {
            return Err(SqlError::unsupported(format_args!(
                "a view on {} that reads {}, which is on {},",
                self.at, name, found.address.at
            )));
        }
        if alias.is_none() {
            *alias = Some(TableAlias {
                explicit: true,
                name: Ident::with_quote('"', plain),
                columns: Vec::new(),
            });
        }
        let mut path = found.relation.path;
        let own = path.pop().unwrap_or_default();
        let mut idents: Vec<Ident> =
            path.iter().map(|level| Ident::with_quote('"', quoted_schema(level))).collect();
        idents.push(Ident::with_quote('"', own));
        *name = ObjectName::from(idents);
        Ok(())
    }
}

impl VisitorMut for Renamer<'_> {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        Ctes::enter(self, query, |renamer| &mut renamer.ctes)
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
