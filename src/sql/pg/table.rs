//! A relation of the two schemas as the planner sees it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::fill;
use super::layout::Layout;
use super::need::{Need, role};
use super::rows::Rows;
use super::world::World;
use crate::sql::error::{SqlError, SqlState};

/// What a statement asks of one scan of a relation.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Question {
    pub(super) need: Need,
    /// What the other scans of the statement ask, of those that name schemas.
    pub(super) named: Vec<Need>,
}

/// A relation.
#[derive(Clone)]
pub(super) struct PgTable {
    pub(super) layout: &'static Layout,
    pub(super) world: Arc<World>,
    schema: SchemaRef,
    /// `None` until the whole statement is known.
    pub(super) question: Option<Question>,
}

impl fmt::Debug for PgTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgTable").field("name", &self.layout.name).finish_non_exhaustive()
    }
}

impl PgTable {
    pub(super) fn new(layout: &'static Layout, world: Arc<World>) -> Self {
        Self { layout, world, schema: layout.arrow(), question: None }
    }

    /// The same relation, for one scan.
    pub(super) fn asked(&self, world: Arc<World>, question: Question) -> Self {
        Self { world, question: Some(question), ..self.clone() }
    }

    /// What conditions on this relation ask for.
    pub(super) fn need(&self, conditions: &[Expr]) -> Need {
        let mut need = Need::default();
        let role = |column: &str| role(self.layout.schema, self.layout.name, column);
        for condition in conditions {
            need.restrict(&role, condition);
        }
        need
    }
}

#[async_trait]
impl TableProvider for PgTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(question) = &self.question else {
            let message = format!("what is asked of {} was not settled", self.layout.name);
            return Err(SqlError::new(SqlState::InternalError, message).into());
        };
        let mut rows = Rows::new(self.layout, projection);
        if self.layout.filled {
            fill::fill(&self.world, self.layout, question, &mut rows).await?;
        }
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let batch = rows.batch(Arc::clone(&schema))?;
        Ok(MemorySourceConfig::try_new_exec(&[vec![batch]], schema, None)?)
    }
}
