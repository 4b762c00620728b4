//! `RETURNING`: what a change answers of the rows that it touches.
//!
//! The rows are kept while they are written, and the expressions are a query over them. It is answered before
//! the change is done, so that an error in it changes nothing; what it reads of tables is as it was before.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::MemTable;
use datafusion::common::tree_node::TreeNode as _;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, SelectItem, SelectItemQualifiedWildcardKind, Statement,
    TableAlias, TableFactor, TableWithJoins, WildcardAdditionalOptions,
};
use futures::{StreamExt as _, TryStreamExt as _};

use crate::base::limits::SQL_RETURNING_BYTES_MAX;
use crate::sql::bind::{self, TARGET};
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::made::query;
use crate::sql::outcome::Outcome;
use crate::sql::session::{Session, columns_of, with_values};
use crate::sql::types;

/// The clause.
pub(super) struct Returning {
    query: Query,
    target: bind::Target,
    /// Whether the statement has other tables, whose columns are not answered.
    others: bool,
}

impl Returning {
    /// Expressions over the rows of a table that has this name and is called so.
    ///
    /// # Errors
    /// `FeatureNotSupported` for columns of other tables.
    pub(super) fn new(
        items: &[SelectItem],
        table: &SchemaRef,
        parts: &[String],
        alias: &Ident,
        others: bool,
    ) -> SqlResult<Self> {
        if others && items.iter().any(|item| matches!(item, SelectItem::Wildcard(_))) {
            return Err(SqlError::unsupported("RETURNING * of several tables")
                .with_hint(format!("write RETURNING {alias}.*")));
        }
        let from = TableWithJoins { relation: stand_in(alias), joins: Vec::new() };
        let target = bind::Target { parts: parts.to_vec(), alias: alias.value.clone() };
        Ok(Self {
            query: query(written_out(items, table, alias), vec![from], None),
            target,
            others,
        })
    }

    /// The columns of the answer.
    ///
    /// # Errors
    /// What planning it fails with.
    pub(super) async fn columns(
        &self,
        session: &mut Session,
        table: &SchemaRef,
    ) -> SqlResult<SchemaRef> {
        Ok(columns_of(&self.plan(session, table, Vec::new()).await?))
    }

    /// The answer of these rows of a table.
    ///
    /// # Errors
    /// What computing it fails with.
    pub(super) async fn answer(
        &self,
        session: &mut Session,
        table: &SchemaRef,
        rows: Vec<RecordBatch>,
    ) -> SqlResult<Outcome> {
        let plan = self.plan(session, table, rows).await?;
        let columns = columns_of(&plan);
        let mut rows = session.stream(plan).await?;
        let mut answered = Returned::default();
        while let Some(batch) = rows.try_next().await? {
            answered.add(batch)?;
        }
        let rows = answered.into_batches().into_iter().map(Ok);
        Ok(Outcome::Rows { columns, rows: futures::stream::iter(rows).boxed() })
    }

    async fn plan(
        &self,
        session: &mut Session,
        table: &SchemaRef,
        rows: Vec<RecordBatch>,
    ) -> SqlResult<LogicalPlan> {
        let columns = Arc::new(types::nullable(table));
        let rows = rows
            .into_iter()
            .map(|batch| {
                let count = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                let (columns, values) = (Arc::clone(&columns), batch.columns().to_vec());
                RecordBatch::try_new_with_options(columns, values, &count)
                    .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))
            })
            .collect::<SqlResult<Vec<_>>>()?;
        let provider = Arc::new(MemTable::try_new(columns, vec![rows])?);
        let statement = Statement::Query(Box::new(self.query.clone()));
        let plan = session.plan_over(statement, self.target.clone(), provider).await;
        let plan = plan.map_err(|error| match error.state {
            SqlState::UndefinedColumn | SqlState::UndefinedTable if self.others => {
                let what = format!("RETURNING of columns of other tables ({})", error.message);
                SqlError::unsupported(what)
            }
            _ => error,
        })?;
        let sums = plan.exists(|plan| {
            Ok(matches!(
                plan,
                LogicalPlan::Aggregate(_) | LogicalPlan::Window(_) | LogicalPlan::Unnest(_)
            ))
        })?;
        if sums {
            let message = "aggregate and window functions are not allowed in RETURNING";
            return Err(SqlError::new(SqlState::GroupingError, message));
        }
        if !plan.get_parameter_names()?.is_empty() {
            return Err(SqlError::unsupported("a parameter in RETURNING"));
        }
        with_values(plan, &[])
    }
}

/// Items with every column in place of a star: the planner knows no column that is there twice.
fn written_out(items: &[SelectItem], table: &SchemaRef, alias: &Ident) -> Vec<SelectItem> {
    let plain = WildcardAdditionalOptions::default();
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        let star = match item {
            SelectItem::Wildcard(options) => *options == plain,
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(ObjectName(name)),
                options,
            ) => {
                let called = match name.as_slice() {
                    [name] => name.as_ident().is_some_and(|name| bind::folded(name) == alias.value),
                    _ => false,
                };
                called && *options == plain
            }
            _ => false,
        };
        if !star {
            all.push(item.clone());
            continue;
        }
        all.extend(table.fields().iter().map(|field| {
            let column = Ident::with_quote('"', field.name());
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(vec![alias.clone(), column]))
        }));
    }
    all
}

/// What stands in place of the table that a statement changes.
pub(super) fn stand_in(alias: &Ident) -> TableFactor {
    TableFactor::Table {
        name: vec![Ident::with_quote('"', TARGET)].into(),
        alias: Some(TableAlias { explicit: true, name: alias.clone(), columns: Vec::new() }),
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

/// Rows that are kept for the answer.
#[derive(Default)]
pub(super) struct Returned {
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl Returned {
    /// Keeps rows.
    ///
    /// # Errors
    /// `ProgramLimitExceeded` where there are too many.
    pub(super) fn add(&mut self, batch: RecordBatch) -> SqlResult<()> {
        self.bytes = self.bytes.saturating_add(batch.get_array_memory_size());
        if self.bytes > SQL_RETURNING_BYTES_MAX {
            return Err(SqlError::new(
                SqlState::ProgramLimitExceeded,
                format!("RETURNING answers at most {SQL_RETURNING_BYTES_MAX} bytes of rows"),
            )
            .with_hint("change the rows without it, and read them afterwards"));
        }
        if batch.num_rows() > 0 {
            self.batches.push(batch);
        }
        Ok(())
    }

    /// The rows.
    pub(super) fn into_batches(self) -> Vec<RecordBatch> {
        self.batches
    }
}
