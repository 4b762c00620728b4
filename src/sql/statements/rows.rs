//! Adding rows to a table and taking all away, as `INSERT`, `CREATE TABLE … AS` and `TRUNCATE` do.
//!
//! Rows are written to data files first; one commit makes them part of the table. What another writer did
//! meanwhile is a conflict, except for an `INSERT`, which is added to whatever is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, lit};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{Ident, Truncate};

use super::done;
use super::schema::{existing, stored};
use super::wrong_kind;
use crate::base::error::ErrorKind;
use crate::base::limits::COMMIT_RETRIES_MAX;
use crate::catalog::address::ContentAddress;
use crate::catalog::table_change::TableChange;
use crate::iceberg::table::metadata::TableMetadata;
use crate::iceberg::table::requirement::TableRequirement;
use crate::iceberg::table::update::TableUpdate;
use crate::sql::bind::folded;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::names::Target;
use crate::sql::outcome::{Outcome, RowStream};
use crate::sql::session::Session;
use crate::sql::spec;
use crate::sql::write::{SnapshotWrite, TableUpdates, table_arrow_schema};
use crate::version::content::ContentKind;

/// A table that is written to.
pub(in crate::sql) struct Written {
    pub(super) address: ContentAddress,
    pub(super) metadata: Arc<TableMetadata>,
    pub(in crate::sql) schema: SchemaRef,
}

/// Finds a table that is written to, as it is now.
pub(super) async fn table(session: &Session, target: &Target) -> SqlResult<Written> {
    let name = target.relation.path.join(".");
    if target.relation.kind != ContentKind::Table {
        return Err(wrong_kind(&name, "table"));
    }
    let (levels, name) = stored(session, target);
    let address = session.names.scope.content(&levels, &name)?;
    let catalog = session.catalog();
    let metadata = catalog.table_metadata(&target.relation.metadata_location).await?.metadata;
    let library = spec::table(&metadata)?;
    let schema = table_arrow_schema(library.current_schema())?;
    Ok(Written { address, metadata, schema })
}

/// The rows of a query as rows of a table: its columns in the table's order and types, null for those that
/// are not named.
pub(super) fn assigned(
    plan: LogicalPlan,
    named: &[Ident],
    table: &SchemaRef,
) -> SqlResult<LogicalPlan> {
    let given = plan.schema().fields().len();
    let wanted: Vec<usize> = if named.is_empty() {
        (0..given.min(table.fields().len())).collect()
    } else {
        let mut wanted = Vec::with_capacity(named.len());
        for ident in named {
            let name = folded(ident);
            let at = column_at(table, &name)?;
            if wanted.contains(&at) {
                return Err(SqlError::new(
                    SqlState::SyntaxError,
                    format!("column {name:?} is named twice"),
                ));
            }
            wanted.push(at);
        }
        wanted
    };
    if given > wanted.len() || (!named.is_empty() && given < wanted.len()) {
        let (more, less) = if given > wanted.len() {
            ("expressions", "target columns")
        } else {
            ("target columns", "expressions")
        };
        return Err(SqlError::syntax(format!("INSERT has more {more} than {less}")));
    }
    let mut exprs = Vec::with_capacity(table.fields().len());
    for (at, field) in table.fields().iter().enumerate() {
        let expr = match wanted.iter().position(|wanted| *wanted == at) {
            Some(source) => {
                let (qualifier, found) = plan.schema().qualified_field(source);
                let literal = matches!(&plan, LogicalPlan::Values(_));
                check_assignable(field.name(), found.data_type(), field.data_type(), literal)?;
                let column = Expr::Column(Column::from((qualifier, found)));
                cast(column, field.data_type().clone())
            }
            None => lit(ScalarValue::try_from(field.data_type())?),
        };
        exprs.push(expr.alias(field.name()));
    }
    Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
}

/// The place of a column, by its name as written or in another case.
pub(in crate::sql) fn column_at(table: &SchemaRef, name: &str) -> SqlResult<usize> {
    let exact = table.fields().iter().position(|field| field.name() == name);
    exact
        .or_else(|| {
            let mut alike = table
                .fields()
                .iter()
                .enumerate()
                .filter(|(_, field)| field.name().eq_ignore_ascii_case(name));
            alike.next().filter(|_| alike.next().is_none()).map(|(at, _)| at)
        })
        .ok_or_else(|| {
            SqlError::new(SqlState::UndefinedColumn, format!("column {name:?} does not exist"))
        })
}

/// Whether a value may be put into a column. Where a cast would give another value than PostgreSQL's
/// assignment does (a fraction cut instead of rounded, another text of a time), it has to be written out.
pub(super) fn check_assignable(
    column: &str,
    from: &DataType,
    to: &DataType,
    literal: bool,
) -> SqlResult<()> {
    let fine = *from == DataType::Null
        || from == to
        || (from.is_string() && (to.is_string() || literal))
        || (from.is_integer() && (to.is_numeric() || to.is_string()))
        || (matches!(from, DataType::Decimal128(..) | DataType::Decimal256(..))
            && (to.is_floating() || matches!(to, DataType::Decimal128(..))))
        || (from.is_floating() && (to.is_floating() || matches!(to, DataType::Decimal128(..))))
        || (matches!(from, DataType::Timestamp(..) | DataType::Date32)
            && matches!(to, DataType::Timestamp(..)))
        || (matches!(from, DataType::Time32(_) | DataType::Time64(_))
            && matches!(to, DataType::Time64(_)))
        || (matches!(from, DataType::Binary | DataType::LargeBinary | DataType::BinaryView)
            && matches!(to, DataType::Binary | DataType::LargeBinary))
        || (from.is_nested() && to.is_nested());
    if fine {
        return Ok(());
    }
    Err(SqlError::new(
        SqlState::DatatypeMismatch,
        format!("column {column:?} is of type {to} but expression is of type {from}"),
    )
    .with_hint("write the conversion out: CAST(… AS …)"))
}

/// Appends rows in one commit and answers how many. Others may write meanwhile.
pub(in crate::sql) async fn append(
    session: &Session,
    written: &Written,
    rows: RowStream,
) -> SqlResult<u64> {
    let catalog = session.catalog();
    let io = catalog.files().io();
    let mut metadata = Arc::clone(&written.metadata);
    let now = catalog.clock().now();
    let added = SnapshotWrite::new(io, &metadata, catalog.entropy(), now)?.write_data(rows).await?;
    for _ in 0..=COMMIT_RETRIES_MAX {
        let now = catalog.clock().now();
        let write = SnapshotWrite::new(io, &metadata, catalog.entropy(), now)?;
        let updates = write.append(added.clone()).await?;
        let count = updates.rows_added;
        match commit(session, &written.address, updates).await {
            Ok(()) => return Ok(count),
            Err(error) if error.kind() == ErrorKind::Conflict => {
                let (_, now) = catalog
                    .table_load(
                        &session.ctx,
                        &session.names.scope,
                        &written.address.shown,
                        &written.address.path.name,
                    )
                    .await?;
                let same = now.metadata.uuid() == written.metadata.uuid()
                    && now.metadata.current_schema_id() == written.metadata.current_schema_id()
                    && now.metadata.default_spec_id() == written.metadata.default_spec_id();
                if !same {
                    return Err(error.into());
                }
                metadata = now.metadata;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(SqlError::new(
        SqlState::SerializationFailure,
        "other writers of the table were faster each time",
    ))
}

/// Commits a change of one table.
pub(super) async fn commit(
    session: &Session,
    address: &ContentAddress,
    updates: TableUpdates,
) -> crate::base::error::Result<()> {
    if updates.is_empty() {
        return Ok(());
    }
    let change = TableChange {
        address: address.clone(),
        requirements: updates.requirements,
        updates: updates.updates,
    };
    let catalog = session.catalog();
    catalog.table_commit(&session.ctx, &session.names.scope, vec![change]).await.map(drop)
}

/// Makes a table with rows in it, in one commit; answers how many rows.
pub(super) async fn create_with_rows(
    session: &Session,
    address: ContentAddress,
    staged: &TableMetadata,
    rows: RowStream,
) -> SqlResult<u64> {
    let catalog = session.catalog();
    let now = catalog.clock().now();
    let write = SnapshotWrite::new(catalog.files().io(), staged, catalog.entropy(), now)?;
    let added = write.write_data(rows).await?;
    let snapshot =
        if added.is_empty() { TableUpdates::default() } else { write.append(added).await? };
    let mut updates = creation(staged)?;
    updates.extend(snapshot.updates);
    let change = TableChange { address, requirements: vec![TableRequirement::Create], updates };
    catalog.table_commit(&session.ctx, &session.names.scope, vec![change]).await?;
    Ok(snapshot.rows_added)
}

/// The updates that make a staged table.
fn creation(staged: &TableMetadata) -> SqlResult<Vec<TableUpdate>> {
    let missing = |what: &str| {
        SqlError::new(SqlState::InternalError, format!("the staged table has no {what}"))
    };
    let json = |text: &str| -> SqlResult<serde_json::Value> {
        serde_json::from_str(text)
            .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))
    };
    let schema = staged.current_schema().ok_or_else(|| missing("schema"))?;
    let spec = staged.spec(staged.default_spec_id()).ok_or_else(|| missing("partition spec"))?;
    let order =
        staged.sort_order(staged.default_sort_order_id()).ok_or_else(|| missing("sort order"))?;
    let properties: BTreeMap<String, String> = staged.properties().clone();
    let updates = [
        serde_json::json!({ "action": "assign-uuid", "uuid": staged.uuid() }),
        serde_json::json!({
            "action": "upgrade-format-version", "format-version": staged.format_version(),
        }),
        serde_json::json!({ "action": "add-schema", "schema": json(schema.json())?,
            "last-column-id": staged.last_column_id() }),
        serde_json::json!({ "action": "set-current-schema", "schema-id": -1 }),
        serde_json::json!({ "action": "add-spec", "spec": json(spec.json())? }),
        serde_json::json!({ "action": "set-default-spec", "spec-id": -1 }),
        serde_json::json!({ "action": "add-sort-order", "sort-order": json(order.json())? }),
        serde_json::json!({ "action": "set-default-sort-order", "sort-order-id": -1 }),
        serde_json::json!({ "action": "set-location", "location": staged.location() }),
        serde_json::json!({ "action": "set-properties", "updates": properties }),
    ];
    updates.iter().map(|update| Ok(TableUpdate::parse(&update.to_string())?)).collect()
}

/// `TRUNCATE [TABLE] table`
pub(super) async fn truncate(session: &Session, truncate: &Truncate) -> SqlResult<Outcome> {
    session.check_write("TRUNCATE")?;
    let [one] = truncate.table_names.as_slice() else {
        return Err(SqlError::unsupported("TRUNCATE of several tables"));
    };
    if truncate.partitions.is_some()
        || truncate.identity.is_some()
        || truncate.on_cluster.is_some()
        || truncate.cascade.is_some()
        || one.only
    {
        return Err(SqlError::unsupported("this form of TRUNCATE"));
    }
    let Some(target) = existing(session, &one.name, truncate.if_exists)? else {
        return done("TRUNCATE TABLE");
    };
    let written = table(session, &target).await?;
    let catalog = session.catalog();
    let now = catalog.clock().now();
    let io = catalog.files().io();
    let write = SnapshotWrite::new(io, &written.metadata, catalog.entropy(), now)?;
    let updates = write.delete_all().await?;
    commit(session, &written.address, updates).await?;
    done("TRUNCATE TABLE")
}
