//! `CREATE TABLE`: with columns, like another table, or as the rows of a query.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema as Columns};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use datafusion::sql::sqlparser::ast::{
    ColumnDef, CreateTable, CreateTableLikeKind, CreateTableOptions, DataType as SqlType,
    ObjectName, SqlOption, Statement,
};

use super::columns::Defined;
use super::rows::create_with_rows;
use super::schema::{existing, new_name, taken};
use super::{columns, done, partitions, properties, temp};
use crate::catalog::tables::TableRequest;
use crate::iceberg::table::schema::Schema;
use crate::sql::bind::folded;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::{Outcome, Value};
use crate::sql::session::{Session, columns_of, with_values};
use crate::sql::types;
use crate::version::content::ContentKind;

/// `CREATE [TEMP] TABLE [IF NOT EXISTS] name (columns)`, `… (LIKE table)` or `… AS query`
pub(super) async fn create(
    session: &mut Session,
    create: &CreateTable,
    values: &[Value],
) -> SqlResult<Outcome> {
    refuse_options(create)?;
    if temp::is_wanted(create)? {
        return temp::create(session, create, values).await;
    }
    if create.on_commit.is_some() {
        return Err(SqlError::new(
            SqlState::InvalidTableDefinition,
            "ON COMMIT can only be used on temporary tables",
        ));
    }
    session.check_write("CREATE TABLE")?;
    let (levels, name) = new_name(session, &create.name)?;
    if taken(session, &levels, &name)? {
        if create.if_not_exists {
            session.notice(format!("relation \"{name}\" already exists, skipping"));
            return done("CREATE TABLE");
        }
        return Err(already_there(&name));
    }
    let Some(query) = &create.query else {
        let defined = defined(session, create).await?;
        let needs_notice = defined.needs_notice();
        let request = request(create, name, &defined)?;
        let catalog = session.catalog();
        let scope = &session.names.scope;
        catalog.table_create(&session.ctx, scope, &levels, request).await?;
        if needs_notice {
            session.notice(columns::KEY_NOTICE);
        }
        return done("CREATE TABLE");
    };
    let plan = session.plan(Statement::Query(query.clone())).await?;
    let plan = with_values(plan, values)?;
    let plan = types::storable(renamed(plan, create)?)?;
    let defined = Defined::plain(types::nullable(&columns_of(&plan)));
    let request = request(create, name.clone(), &defined)?;
    let count = create_staged(session, &levels, request, plan).await?;
    done(&format!("SELECT {count}"))
}

/// Makes a table of the rows of a plan, in one commit; answers how many rows.
pub(super) async fn create_from(
    session: &Session,
    (levels, name): (&[String], &str),
    plan: LogicalPlan,
) -> SqlResult<u64> {
    let plan = types::storable(plan)?;
    let columns = types::nullable(&columns_of(&plan));
    let request = TableRequest {
        name: name.to_owned(),
        location: None,
        schema: Schema::parse(&types::iceberg_schema(&columns)?)?,
        spec: None,
        sort_order: None,
        properties: BTreeMap::new(),
    };
    create_staged(session, levels, request, plan).await
}

async fn create_staged(
    session: &Session,
    levels: &[String],
    request: TableRequest,
    plan: LogicalPlan,
) -> SqlResult<u64> {
    let catalog = Arc::clone(session.catalog());
    let scope = session.names.scope.clone();
    let address = scope.content(levels, &request.name)?;
    let staged = catalog.table_stage(&session.ctx, &scope, levels, request).await?;
    let rows = session.stream(plan).await?;
    create_with_rows(session, address, &staged.metadata, rows).await
}

pub(super) fn already_there(name: &str) -> SqlError {
    SqlError::new(SqlState::DuplicateTable, format!("relation \"{name}\" already exists"))
}

/// Whatever is said beside what is carried out is refused: compared by what it would be written as.
fn refuse_options(create: &CreateTable) -> SqlResult<()> {
    let plain = CreateTableBuilder::new(create.name.clone())
        .temporary(create.temporary)
        .global(create.global)
        .columns(create.columns.clone())
        .constraints(create.constraints.clone())
        .like(create.like.clone())
        .query(create.query.clone())
        .if_not_exists(create.if_not_exists)
        .table_options(create.table_options.clone())
        .partition_by(create.partition_by.clone())
        .on_commit(create.on_commit)
        .build();
    if plain == *create {
        return Ok(());
    }
    Err(SqlError::unsupported("this clause of CREATE TABLE").with_hint(
        "columns, PARTITIONED BY (…), WITH (…), TBLPROPERTIES (…), COMMENT, LIKE and AS SELECT are carried out",
    ))
}

/// The columns of a table that is not made from a query.
pub(super) async fn defined(session: &mut Session, create: &CreateTable) -> SqlResult<Defined> {
    let Some(like) = &create.like else {
        return columns::read(&create.columns, &create.constraints);
    };
    let (CreateTableLikeKind::Plain(like) | CreateTableLikeKind::Parenthesized(like)) = like;
    if like.defaults.is_some() || !create.columns.is_empty() || !create.constraints.is_empty() {
        return Err(SqlError::unsupported("LIKE with other columns or options"));
    }
    like_table(session, &like.name).await.map(Defined::plain)
}

/// The columns of another table, and which of them must not be null.
async fn like_table(session: &mut Session, name: &ObjectName) -> SqlResult<Columns> {
    if let Some(table) = temp::find(session, name)? {
        return Ok(table.schema().as_ref().clone());
    }
    let target = existing(session, name, false)?
        .ok_or_else(|| SqlError::new(SqlState::UndefinedTable, "the table does not exist"))?;
    if target.relation.kind == ContentKind::Table {
        let written = super::rows::table(session, &target).await?;
        let plain = |field: &Field| {
            Field::new(field.name(), field.data_type().clone(), field.is_nullable())
        };
        return Ok(Columns::new(
            written.schema.fields().iter().map(|field| plain(field)).collect::<Vec<_>>(),
        ));
    }
    let plan = session.plan(select_all(name)?).await?;
    Ok(types::nullable(&columns_of(&types::storable(plan)?)))
}

/// `SELECT * FROM name`
pub(in crate::sql) fn select_all(name: &ObjectName) -> SqlResult<Statement> {
    use datafusion::sql::sqlparser::ast::{SetExpr, TableFactor};
    let lost = || SqlError::new(SqlState::InternalError, "a query could not be made");
    let parsed = crate::sql::syntax::parse("SELECT * FROM t")?;
    let body = parsed.into_iter().next().map(|parsed| parsed.body).ok_or_else(lost)?;
    let crate::sql::syntax::statement::Body::Standard(mut statement) = body else {
        return Err(lost());
    };
    if let Statement::Query(query) = statement.as_mut()
        && let SetExpr::Select(select) = query.body.as_mut()
        && let Some(from) = select.from.first_mut()
        && let TableFactor::Table { name: slot, .. } = &mut from.relation
    {
        *slot = name.clone();
        return Ok(*statement);
    }
    Err(lost())
}

/// What the catalog makes a table from.
fn request(create: &CreateTable, name: String, defined: &Defined) -> SqlResult<TableRequest> {
    let mut properties = properties::read(options(&create.table_options)?)?;
    properties::format_version(&properties)?;
    let location = properties.remove("location");
    let names: Vec<String> =
        defined.columns.fields().iter().map(|field| field.name().clone()).collect();
    let spec = match &create.partition_by {
        Some(list) => Some(partitions::read(list, &names)?),
        None => None,
    };
    let schema = Schema::parse(&defined.schema()?)?;
    Ok(TableRequest { name, location, schema, spec, sort_order: None, properties })
}

/// The properties of `CREATE TABLE`.
pub(super) fn options(options: &CreateTableOptions) -> SqlResult<&[SqlOption]> {
    match options {
        CreateTableOptions::None => Ok(&[]),
        CreateTableOptions::With(options) | CreateTableOptions::TableProperties(options) => {
            Ok(options)
        }
        CreateTableOptions::Options(_) | CreateTableOptions::Plain(_) => {
            Err(SqlError::unsupported("this clause of CREATE TABLE")
                .with_hint("write properties as WITH ('name' = 'value')"))
        }
    }
}

/// The query's columns under the names of a list before `AS`.
pub(super) fn renamed(plan: LogicalPlan, create: &CreateTable) -> SqlResult<LogicalPlan> {
    if create.columns.is_empty() && create.constraints.is_empty() {
        return Ok(plan);
    }
    let named: Option<Vec<String>> = create
        .columns
        .iter()
        .map(|ColumnDef { name, data_type, options }| {
            (*data_type == SqlType::Unspecified && options.is_empty()).then(|| folded(name))
        })
        .collect();
    let Some(names) = named.filter(|_| create.constraints.is_empty()) else {
        return Err(SqlError::unsupported(
            "CREATE TABLE … AS with types or constraints of columns",
        )
        .with_hint("name the columns only, or create the table and INSERT INTO it"));
    };
    let count = plan.schema().fields().len();
    if names.len() > count {
        return Err(SqlError::syntax("too many column names were specified"));
    }
    let mut exprs = Vec::with_capacity(count);
    for (at, (qualifier, field)) in plan.schema().iter().enumerate() {
        let column = datafusion::common::Column::from((qualifier, field));
        let expr = datafusion::logical_expr::Expr::Column(column);
        exprs.push(match names.get(at) {
            Some(name) => expr.alias(name),
            None => expr,
        });
    }
    Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
}
