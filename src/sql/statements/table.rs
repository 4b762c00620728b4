//! `CREATE TABLE`, with columns or as the rows of a query.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema as Columns};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use datafusion::sql::sqlparser::ast::{
    ColumnDef, ColumnOption, CreateTable, DataType as SqlType, Statement,
};

use super::done;
use super::rows::create_with_rows;
use super::schema::{existing, new_name};
use crate::catalog::tables::TableRequest;
use crate::iceberg::table::schema::Schema;
use crate::sql::bind::folded;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::{Outcome, Value};
use crate::sql::session::{Session, columns_of, with_values};
use crate::sql::types::{self, kept};

/// `CREATE TABLE [IF NOT EXISTS] name (columns)` or `… AS query`
pub(super) async fn create(
    session: &mut Session,
    create: &CreateTable,
    values: &[Value],
) -> SqlResult<Outcome> {
    session.check_write("CREATE TABLE")?;
    refuse_options(create)?;
    let (levels, name) = new_name(session, &create.name)?;
    if existing(session, &create.name, true)?.is_some() {
        if create.if_not_exists {
            return done("CREATE TABLE");
        }
        return Err(SqlError::new(
            SqlState::DuplicateTable,
            format!("relation \"{name}\" already exists"),
        ));
    }
    let Some(query) = &create.query else {
        let columns = columns(session, &create.columns).await?;
        let catalog = session.catalog();
        let scope = &session.names.scope;
        catalog.table_create(&session.ctx, scope, &levels, request(&name, &columns)?).await?;
        return done("CREATE TABLE");
    };
    if !create.columns.is_empty() {
        return Err(SqlError::unsupported("CREATE TABLE … AS with a list of columns"));
    }
    let plan = session.plan(Statement::Query(query.clone())).await?;
    let plan = with_values(plan, values)?;
    let count = create_from(session, (&levels, &name), plan).await?;
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
    let catalog = Arc::clone(session.catalog());
    let scope = session.names.scope.clone();
    let request = request(name, &columns)?;
    let staged = catalog.table_stage(&session.ctx, &scope, levels, request).await?;
    let address = scope.content(levels, name)?;
    let rows = session.stream(plan).await?;
    create_with_rows(session, address, &staged.metadata, rows).await
}

fn request(name: &str, columns: &Columns) -> SqlResult<TableRequest> {
    Ok(TableRequest {
        name: name.to_owned(),
        location: None,
        schema: Schema::parse(&types::iceberg_schema(columns)?)?,
        spec: None,
        sort_order: None,
        properties: BTreeMap::new(),
    })
}

/// Whatever is said beside name, columns and query is refused: compared by what it would be written as.
fn refuse_options(create: &CreateTable) -> SqlResult<()> {
    if create.temporary {
        return Err(SqlError::unsupported("CREATE TEMPORARY TABLE"));
    }
    let plain = CreateTableBuilder::new(create.name.clone())
        .columns(create.columns.clone())
        .query(create.query.clone())
        .if_not_exists(create.if_not_exists)
        .build();
    if plain.to_string() == create.to_string() {
        return Ok(());
    }
    Err(SqlError::unsupported("CREATE TABLE with constraints, partitions, properties or options")
        .with_hint("only columns with a type and NOT NULL, or AS SELECT, are carried out"))
}

async fn columns(session: &mut Session, defined: &[ColumnDef]) -> SqlResult<Columns> {
    if defined.is_empty() {
        return Err(SqlError::unsupported("a table without columns"));
    }
    let mut fields = Vec::with_capacity(defined.len());
    for column in defined {
        let name = folded(&column.name);
        let mut nullable = true;
        for option in &column.options {
            match &option.option {
                ColumnOption::Null => {}
                ColumnOption::NotNull => nullable = false,
                other => {
                    return Err(SqlError::unsupported(format_args!("{other} on a column")));
                }
            }
        }
        check_type(&name, &column.data_type)?;
        let data_type = planned_type(session, &column.data_type).await?;
        fields.push(Field::new(name, kept(&data_type), nullable));
    }
    Ok(Columns::new(fields))
}

/// Types whose bound nothing would enforce later.
fn check_type(column: &str, data_type: &SqlType) -> SqlResult<()> {
    let bounded = match data_type {
        SqlType::Varchar(length)
        | SqlType::CharVarying(length)
        | SqlType::CharacterVarying(length)
        | SqlType::Nvarchar(length) => length.is_some(),
        SqlType::Char(_) | SqlType::Character(_) => true,
        SqlType::Numeric(info) | SqlType::Decimal(info) | SqlType::Dec(info) => {
            if matches!(info, datafusion::sql::sqlparser::ast::ExactNumberInfo::None) {
                return Err(SqlError::unsupported(format_args!(
                    "numeric without precision (column {column:?})"
                ))
                .with_hint("write numeric(precision, scale); Iceberg keeps up to 38 digits"));
            }
            false
        }
        _ => false,
    };
    if bounded {
        return Err(SqlError::unsupported(format_args!(
            "{data_type} (column {column:?}): Iceberg does not keep the length, which"
        ))
        .with_hint("use text"));
    }
    Ok(())
}

/// The planner's type for a type in SQL.
async fn planned_type(
    session: &mut Session,
    data_type: &SqlType,
) -> SqlResult<arrow::datatypes::DataType> {
    let text = format!("SELECT CAST(NULL AS {data_type}) AS c");
    let parsed = crate::sql::syntax::parse(&text)?;
    let statement = parsed.into_iter().next().and_then(|parsed| match parsed.body {
        crate::sql::syntax::statement::Body::Standard(statement) => Some(*statement),
        crate::sql::syntax::statement::Body::Version(_) => None,
    });
    let Some(statement) = statement else {
        return Err(SqlError::unsupported(format_args!("the type {data_type}")));
    };
    let plan = session.plan(statement).await?;
    let field = plan.schema().fields().first().map(|field| field.data_type().clone());
    field.ok_or_else(|| SqlError::unsupported(format_args!("the type {data_type}")))
}
