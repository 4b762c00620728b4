//! `COPY` as a session carries it out.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName};

use super::input::{Into, check_type, rows};
use super::options::CopyOptions;
use super::{CopyData, CopyDirection, CopyOut};
use crate::sql::bind::folded;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::session::{Session, columns_of};
use crate::sql::settings::TimeZone;
use crate::sql::stack::roomy;
use crate::sql::statements::{self, CopyTarget};
use crate::sql::syntax::copy::{Copy, CopyWhat};
use crate::sql::syntax::own::OwnStatement;
use crate::sql::syntax::statement::{Body, Parsed};

/// The statement as a `COPY`.
fn copy_of(statement: &Parsed) -> Option<&Copy> {
    match &statement.body {
        Body::Own(own) => match own.as_ref() {
            OwnStatement::Copy(copy) => Some(copy),
            _ => None,
        },
        Body::Standard(_) | Body::Version(_) => None,
    }
}

fn required(statement: &Parsed) -> SqlResult<&Copy> {
    copy_of(statement).ok_or_else(|| SqlError::syntax("the statement is no COPY"))
}

impl Session {
    /// Which way a statement copies; nothing for one that is no `COPY`.
    #[must_use]
    pub fn copies(statement: &Parsed) -> Option<CopyDirection> {
        copy_of(statement).map(|copy| if copy.to { CopyDirection::Out } else { CopyDirection::In })
    }

    /// Starts a `COPY … TO STDOUT`.
    ///
    /// # Errors
    /// What planning the query fails with, and options that do not go together.
    pub async fn copy_out(&mut self, statement: &Parsed) -> SqlResult<CopyOut> {
        self.check_open(statement)?;
        let found = roomy(self.copy_out_open(required(statement)?)).await;
        self.settle(found)
    }

    async fn copy_out_open(&mut self, copy: &Copy) -> SqlResult<CopyOut> {
        let plan = match &copy.what {
            CopyWhat::Query(query) => self.plan(query.as_ref().clone()).await?,
            CopyWhat::Table { name, columns } => self.table_rows(name, columns).await?,
        };
        let columns = columns_of(&plan);
        let options = CopyOptions::read(copy, &columns)?;
        Ok(CopyOut { columns, rows: self.stream(plan).await?, options })
    }

    /// The rows of a table, in the columns that are named.
    async fn table_rows(
        &mut self,
        name: &ObjectName,
        columns: &[Ident],
    ) -> SqlResult<datafusion::logical_expr::LogicalPlan> {
        statements::check_copied(self, name)?;
        let plan = self.plan(statements::select_all(name)?).await?;
        if columns.is_empty() {
            return Ok(plan);
        }
        let schema: SchemaRef = Arc::clone(plan.schema().inner());
        let mut exprs = Vec::with_capacity(columns.len());
        for at in places(columns, &schema)? {
            let (qualifier, field) = plan.schema().qualified_field(at);
            exprs.push(Expr::Column(datafusion::common::Column::from((qualifier, field))));
        }
        Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
    }

    /// Looks at a `COPY … FROM STDIN` before the client is asked for data; answers how many columns it is
    /// to send.
    ///
    /// # Errors
    /// For a table or columns that are not there or cannot be copied into, and options that do not go
    /// together.
    pub async fn copy_in_columns(&mut self, statement: &Parsed) -> SqlResult<usize> {
        self.check_open(statement)?;
        let found = self.target(required(statement)?).await;
        self.settle(found.map(|(into, _)| into.columns.len()))
    }

    /// Carries out a `COPY … FROM STDIN`; answers how many rows were copied. If the data end in an error,
    /// nothing is.
    ///
    /// # Errors
    /// What the data end with; `BadCopyFileFormat` and others for data that are no rows of the table.
    pub async fn copy_in(&mut self, statement: &Parsed, data: CopyData) -> SqlResult<u64> {
        self.check_open(statement)?;
        let count = self.copy_in_open(required(statement)?, data).await;
        self.settle(count)
    }

    async fn copy_in_open(&mut self, copy: &Copy, data: CopyData) -> SqlResult<u64> {
        let (into, target) = self.target(copy).await?;
        let schema = Arc::clone(&into.schema);
        let rows = rows(into, data, TimeZone::default())?;
        statements::copy_rows(self, target, &schema, rows).await
    }

    async fn target(&mut self, copy: &Copy) -> SqlResult<(Into, CopyTarget)> {
        let CopyWhat::Table { name, columns } = &copy.what else {
            return Err(SqlError::syntax("COPY from the client goes into a table"));
        };
        let target = statements::copy_target(self, name).await?;
        let schema = target.schema();
        let columns = if columns.is_empty() {
            (0..schema.fields().len()).collect()
        } else {
            places(columns, &schema)?
        };
        for at in &columns {
            check_type(schema.field(*at).data_type())?;
        }
        let fields: Vec<Field> = columns.iter().map(|at| schema.field(*at).clone()).collect();
        let options = CopyOptions::read(copy, &Arc::new(Schema::new(fields)))?;
        let name = name.to_string();
        Ok((Into { name, schema, columns, options }, target))
    }
}

/// The places of columns by their names.
fn places(columns: &[Ident], schema: &SchemaRef) -> SqlResult<Vec<usize>> {
    let mut places = Vec::with_capacity(columns.len());
    for ident in columns {
        let name = folded(ident);
        let at = statements::column_place(schema, &name)?;
        if places.contains(&at) {
            return Err(SqlError::new(
                SqlState::DuplicateColumn,
                format!("column {name:?} specified more than once"),
            ));
        }
        places.push(at);
    }
    Ok(places)
}
