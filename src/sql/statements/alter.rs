//! `ALTER TABLE`: columns and properties. All that one statement asks for is one commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use datafusion::sql::sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, Expr, Ident, ObjectName, SetExpr,
    Statement,
};
use futures::StreamExt as _;

use super::schema::{not_a, stored, to_alter};
use super::schema_change::SchemaChange;
use super::table::select_all;
use super::{columns, done, properties, rows, schema, temp};
use crate::catalog::address::ContentAddress;
use crate::iceberg::table::metadata::TableMetadata;
use crate::iceberg::table::requirement::TableRequirement;
use crate::iceberg::table::update::TableUpdate;
use crate::sql::bind::folded;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::names::Target;
use crate::sql::outcome::Outcome;
use crate::sql::session::Session;
use crate::sql::types;
use crate::sql::write::TableUpdates;
use crate::version::content::ContentKind;

/// The branch of a table that its current snapshot is on.
const MAIN: &str = "main";

/// Carries out `ALTER TABLE`.
pub(super) async fn alter(session: &mut Session, alter: &AlterTable) -> SqlResult<Outcome> {
    if alter.location.is_some() || alter.on_cluster.is_some() || alter.table_type.is_some() {
        return Err(SqlError::unsupported("this form of ALTER TABLE"));
    }
    if let [AlterTableOperation::RenameTable { table_name }] = alter.operations.as_slice() {
        return schema::rename(session, &alter.name, table_name, alter.if_exists).await;
    }
    if temp::find(session, &alter.name)?.is_some() {
        return Err(SqlError::unsupported("ALTER TABLE of a temporary table other than RENAME TO")
            .with_hint("make another with CREATE TEMP TABLE … AS"));
    }
    session.check_write("ALTER TABLE")?;
    let Some(target) = to_alter(session, &alter.name, alter.if_exists)? else {
        return done("ALTER TABLE");
    };
    let (address, table) = table(session, &target).await?;
    let mut change = Change::new(&table)?;
    for operation in &alter.operations {
        change.operation(session, &alter.name, operation).await?;
    }
    change.commit(session, &address).await?;
    done("ALTER TABLE")
}

/// `ALTER TABLE t RESET (…)`, `ALTER TABLE t UNSET TBLPROPERTIES (…)`
pub(super) async fn reset(
    session: &mut Session,
    name: &ObjectName,
    if_exists: bool,
    must_be_set: bool,
    keys: &[String],
) -> SqlResult<Outcome> {
    if temp::find(session, name)?.is_some() {
        return Err(SqlError::unsupported("a property of a temporary table"));
    }
    session.check_write("ALTER TABLE")?;
    let Some(target) = to_alter(session, name, if_exists)? else { return done("ALTER TABLE") };
    let (address, table) = table(session, &target).await?;
    let mut change = Change::new(&table)?;
    for key in keys {
        properties::check_key(key)?;
        if table.properties().contains_key(key) {
            change.removed.push(key.clone());
        } else if must_be_set {
            return Err(SqlError::new(
                SqlState::UndefinedObject,
                format!("property {key:?} is not set"),
            )
            .with_hint("write UNSET TBLPROPERTIES IF EXISTS"));
        }
    }
    change.commit(session, &address).await?;
    done("ALTER TABLE")
}

/// A table that is changed, as it is now.
pub(super) async fn table(
    session: &Session,
    target: &Target,
) -> SqlResult<(ContentAddress, Arc<TableMetadata>)> {
    if target.relation.kind != ContentKind::Table {
        return Err(not_a(target, ContentKind::Table));
    }
    let (levels, name) = stored(session, target);
    let address = session.names.scope.content(&levels, &name)?;
    let catalog = session.catalog();
    let metadata = catalog.table_metadata(&target.relation.metadata_location).await?.metadata;
    Ok((address, metadata))
}

/// What one statement changes.
pub(super) struct Change<'t> {
    table: &'t TableMetadata,
    pub(super) schema: SchemaChange<'t>,
    pub(super) set: BTreeMap<String, String>,
    pub(super) removed: Vec<String>,
    format_version: Option<i32>,
    /// Rows were looked at: they must be the same when the change is made.
    rows_seen: bool,
}

impl<'t> Change<'t> {
    pub(super) fn new(table: &'t TableMetadata) -> SqlResult<Self> {
        Ok(Self {
            table,
            schema: SchemaChange::new(table)?,
            set: BTreeMap::new(),
            removed: Vec::new(),
            format_version: None,
            rows_seen: false,
        })
    }

    async fn operation(
        &mut self,
        session: &mut Session,
        name: &ObjectName,
        operation: &AlterTableOperation,
    ) -> SqlResult<()> {
        match operation {
            AlterTableOperation::AddColumn {
                if_not_exists, column_def, column_position: None, ..
            } => {
                let (field, key) = columns::column(column_def)?;
                if key.is_some() {
                    return Err(SqlError::unsupported("a primary key that is added later"));
                }
                if *if_not_exists && self.schema.find(field.name()).is_some() {
                    session.notice(format!("column {:?} already exists, skipping", field.name()));
                    return Ok(());
                }
                if !field.is_nullable() {
                    self.check_empty(field.name())?;
                }
                self.schema.add(&field)
            }
            AlterTableOperation::DropColumn { column_names, if_exists, .. } => {
                for column in column_names.iter().map(folded) {
                    if *if_exists && self.schema.find(&column).is_none() {
                        session.notice(format!("column {column:?} does not exist, skipping"));
                        continue;
                    }
                    self.schema.drop(&column)?;
                }
                Ok(())
            }
            AlterTableOperation::RenameColumn { old_column_name, new_column_name } => {
                self.schema.rename(&folded(old_column_name), &folded(new_column_name))
            }
            AlterTableOperation::AlterColumn { column_name, op } => {
                self.column(session, name, &folded(column_name), op).await
            }
            AlterTableOperation::SetTblProperties { table_properties: options }
            | AlterTableOperation::SetOptionsParens { options } => self.properties(options),
            AlterTableOperation::AddConstraint { constraint, .. } => {
                Err(SqlError::unsupported(format_args!("ADD {constraint}")))
            }
            AlterTableOperation::OwnerTo { .. } => Err(SqlError::unsupported("OWNER TO")
                .with_hint("rules of access are not a part of SQL here yet")),
            AlterTableOperation::RenameTable { .. } => {
                Err(SqlError::unsupported("RENAME TO with other changes in one statement"))
            }
            _ => Err(SqlError::unsupported("this ALTER TABLE").with_hint(
                "ADD, DROP, RENAME and ALTER COLUMN, SET and RESET of properties, RENAME TO and SET SCHEMA are",
            )),
        }
    }

    async fn column(
        &mut self,
        session: &mut Session,
        table: &ObjectName,
        column: &str,
        operation: &AlterColumnOperation,
    ) -> SqlResult<()> {
        match operation {
            AlterColumnOperation::SetDataType { data_type, using: None, .. } => {
                self.schema.retype(column, &types::declared(column, data_type)?)
            }
            AlterColumnOperation::SetDataType { .. } => {
                Err(SqlError::unsupported("ALTER COLUMN … TYPE … USING"))
            }
            AlterColumnOperation::DropNotNull => self.schema.set_required(column, false),
            AlterColumnOperation::SetNotNull => {
                if let Some(at) = self.schema.find(column)
                    && !self.schema.is_required(at)
                {
                    let stored = self.stored_name(column)?;
                    self.check_no_nulls(session, table, &stored).await?;
                }
                self.schema.set_required(column, true)
            }
            // There is none to be dropped.
            AlterColumnOperation::DropDefault => self.schema.place(column).map(drop),
            AlterColumnOperation::SetDefault { .. } => {
                Err(SqlError::unsupported(format_args!("DEFAULT (column {column:?})")).with_hint(
                    "Iceberg keeps defaults in format version 3 only: name the value in INSERT",
                ))
            }
            AlterColumnOperation::AddGenerated { .. } => {
                Err(SqlError::unsupported("ADD GENERATED"))
            }
        }
    }

    fn properties(
        &mut self,
        options: &[datafusion::sql::sqlparser::ast::SqlOption],
    ) -> SqlResult<()> {
        let mut read = properties::read(options)?;
        if let Some(version) = properties::format_version(&read)? {
            read.remove(properties::FORMAT_VERSION);
            if version < self.table.format_version() {
                return Err(SqlError::new(
                    SqlState::InvalidParameterValue,
                    format!(
                        "a table of format version {} cannot go back to {version}",
                        self.table.format_version()
                    ),
                ));
            }
            self.format_version =
                Some(version).filter(|version| *version > self.table.format_version());
        }
        if read.contains_key("location") {
            return Err(SqlError::unsupported("a new location of a table"));
        }
        self.set.extend(read);
        Ok(())
    }

    /// The name under which the current snapshot's readers know a column that may be renamed in this very
    /// statement; then its rows cannot be looked at.
    fn stored_name(&self, column: &str) -> SqlResult<String> {
        let at = self.schema.find(column).unwrap_or(usize::MAX);
        let name = self.schema.name(at);
        let known = self
            .table
            .current_schema()
            .is_some_and(|schema| schema.fields().iter().any(|field| field.name == name));
        if known {
            return Ok(name);
        }
        Err(SqlError::unsupported(
            "SET NOT NULL of a column that the same statement made or renamed",
        )
        .with_hint("write two statements"))
    }

    /// Whether there are no rows that a new column would be null in.
    fn check_empty(&self, column: &str) -> SqlResult<()> {
        let empty = match self.table.current_snapshot() {
            None => true,
            Some(snapshot) => {
                snapshot.summary().get("total-records").map(String::as_str) == Some("0")
            }
        };
        if empty && self.only_main() {
            return Ok(());
        }
        Err(SqlError::new(
            SqlState::NotNullViolation,
            format!("column {column:?} of a table with rows would contain null values"),
        )
        .with_hint("add it without NOT NULL, fill it, and then ALTER COLUMN … SET NOT NULL"))
    }

    /// Whether the table has no branches and tags of its own, whose rows nobody looked at.
    fn only_main(&self) -> bool {
        self.table.refs().keys().all(|name| name == MAIN)
    }

    async fn check_no_nulls(
        &mut self,
        session: &mut Session,
        table: &ObjectName,
        column: &str,
    ) -> SqlResult<()> {
        if !self.only_main() {
            return Err(SqlError::unsupported(
                "SET NOT NULL for a table that has branches or tags of its own",
            ));
        }
        self.rows_seen = true;
        if self.table.current_snapshot_id().is_none() {
            return Ok(());
        }
        let mut statement = select_all(table)?;
        if let Statement::Query(query) = &mut statement
            && let SetExpr::Select(select) = query.body.as_mut()
        {
            let of = Ident::with_quote('"', column);
            select.selection = Some(Expr::IsNull(Box::new(Expr::Identifier(of))));
        }
        let plan = session.plan(statement).await?;
        let plan = datafusion::logical_expr::LogicalPlanBuilder::from(plan)
            .aggregate(
                Vec::<datafusion::logical_expr::Expr>::new(),
                vec![datafusion::functions_aggregate::expr_fn::count(
                    datafusion::logical_expr::lit(1_i64),
                )],
            )?
            .build()?;
        let mut rows = session.stream(plan).await?;
        let mut count = 0;
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            let counts = batch.column(0).as_primitive_opt::<Int64Type>();
            count += counts
                .map_or(1, |counts| (0..counts.len()).map(|row| counts.value(row)).sum::<i64>());
        }
        if count == 0 {
            return Ok(());
        }
        Err(SqlError::new(
            SqlState::NotNullViolation,
            format!("column {column:?} contains null values"),
        ))
    }

    /// Commits what changed. Somebody else's change of the same table is a conflict.
    pub(super) async fn commit(self, session: &Session, address: &ContentAddress) -> SqlResult<()> {
        let Self { table, schema, set, removed, format_version, rows_seen } = self;
        let mut updates = Vec::new();
        let mut requirements: Vec<TableRequirement> = table
            .uuid()
            .map(|uuid| TableRequirement::TableUuid(uuid.to_owned()))
            .into_iter()
            .collect();
        updates.extend(format_version.map(TableUpdate::UpgradeFormatVersion));
        if let Some(schema) = schema.finish()? {
            requirements.push(TableRequirement::CurrentSchemaId(table.current_schema_id()));
            requirements.push(TableRequirement::LastAssignedFieldId(table.last_column_id()));
            requirements.push(TableRequirement::DefaultSpecId(table.default_spec_id()));
            requirements.push(TableRequirement::DefaultSortOrderId(table.default_sort_order_id()));
            if rows_seen || self_requires(table, &schema) {
                requirements.push(TableRequirement::RefSnapshotId {
                    name: MAIN.to_owned(),
                    snapshot_id: table.current_snapshot_id(),
                });
            }
            // A schema that the table had before is not added again.
            match table.schemas().iter().find(|known| known.same_schema(&schema)) {
                Some(known) => updates.push(TableUpdate::SetCurrentSchema(known.id())),
                None => {
                    updates.push(TableUpdate::AddSchema(Arc::new(schema)));
                    updates.push(TableUpdate::SetCurrentSchema(-1));
                }
            }
        }
        let changed: BTreeMap<String, String> = set
            .into_iter()
            .filter(|(key, value)| table.properties().get(key) != Some(value))
            .collect();
        if !changed.is_empty() {
            updates.push(TableUpdate::SetProperties(changed));
        }
        if !removed.is_empty() {
            updates.push(TableUpdate::RemoveProperties(removed));
        }
        let updates = TableUpdates { requirements, updates, ..TableUpdates::default() };
        Ok(rows::commit(session, address, updates).await?)
    }
}

/// Whether a schema asks more of rows than the table's current one: a column that must not be null and may
/// be null, or is not there, in rows that somebody else adds meanwhile.
fn self_requires(table: &TableMetadata, schema: &crate::iceberg::table::schema::Schema) -> bool {
    let Some(before) = table.current_schema() else { return true };
    schema
        .fields()
        .iter()
        .filter(|field| field.required)
        .any(|field| !before.fields().iter().any(|old| old.id == field.id && old.required))
}
