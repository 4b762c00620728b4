//! One connection: its names, its settings, its transaction, and running statements.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::ParamValues;
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as Planned;
use datafusion::sql::sqlparser::ast::Statement;
use futures::StreamExt as _;

use super::engine::Engine;
use super::error::{SqlError, SqlResult, SqlState};
use super::names::{Names, Pins};
use super::outcome::{Description, Outcome, RowStream, TransactionStatus, Value};
use super::settings::Settings;
use super::stack::roomy;
use super::syntax::statement::{Body, Parsed};
use super::temp::TempTables;
use super::{bind, headings, settings, statements, tables, versions};
use crate::auth::context::OpContext;
use crate::base::limits::SQL_NOTICES_MAX;
use crate::catalog::Catalog;

/// A connection to a database.
#[derive(Debug)]
pub struct Session {
    pub(super) engine: Arc<Engine>,
    pub(super) names: Names,
    pub(super) ctx: OpContext,
    pub(super) settings: Settings,
    /// Its temporary tables.
    pub(super) temp: TempTables,
    /// Its temporary tables as they were before the transaction.
    temp_before: TempTables,
    /// What it has to say beside its answers.
    notices: Vec<String>,
    status: TransactionStatus,
    /// What refs stood for when the transaction first asked.
    pins: Pins,
}

impl Session {
    pub(super) fn new(engine: Arc<Engine>, names: Names, ctx: OpContext) -> Self {
        Self {
            engine,
            names,
            ctx,
            settings: Settings::default(),
            temp: TempTables::default(),
            temp_before: TempTables::default(),
            notices: Vec::new(),
            status: TransactionStatus::Idle,
            pins: Pins::default(),
        }
    }

    /// The catalog as this session sees it.
    pub(super) fn catalog(&self) -> &Arc<Catalog> {
        &self.engine.catalog
    }

    /// Whether a transaction is open.
    #[must_use]
    pub const fn transaction(&self) -> TransactionStatus {
        self.status
    }

    /// Says something beside the answer of the statement that runs.
    pub(super) fn notice(&mut self, text: impl Into<String>) {
        if self.notices.len() < SQL_NOTICES_MAX {
            self.notices.push(text.into());
        }
    }

    /// What statements said beside their answers since this was asked last.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// A setting as `SHOW` would answer it; `None` for a name that is no setting.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<String> {
        settings::show(self, name)
    }

    /// Turns a text into statements.
    ///
    /// # Errors
    /// `SyntaxError` and other refusals of `syntax::parse`.
    pub fn parse(&self, text: &str) -> SqlResult<Vec<Arc<Parsed>>> {
        Ok(super::syntax::parse(text)?.into_iter().map(Arc::new).collect())
    }

    /// The parameters and columns of a statement. It is planned, not run.
    ///
    /// # Errors
    /// What planning it fails with.
    pub async fn describe(
        &mut self,
        statement: &Parsed,
        hints: &[Option<DataType>],
    ) -> SqlResult<Description> {
        self.check_open(statement)?;
        let described = roomy(self.describe_open(statement, hints)).await;
        self.settle(described)
    }

    async fn describe_open(
        &mut self,
        statement: &Parsed,
        hints: &[Option<DataType>],
    ) -> SqlResult<Description> {
        let columns = match &statement.body {
            Body::Version(version) => versions::columns(version),
            Body::Own(own) => statements::own_columns(self, own).await?,
            Body::Standard(body) => match body.as_ref() {
                Statement::Query(_) | Statement::Explain { .. } => {
                    let plan = self.plan((**body).clone()).await?;
                    return Ok(Description {
                        parameters: parameters(&plan, hints)?,
                        columns: Some(columns_of(&plan)),
                    });
                }
                Statement::ShowVariable { .. } => Some(settings::columns(body)),
                other => return statements::describe(self, other, hints).await,
            },
        };
        Ok(Description { parameters: Vec::new(), columns })
    }

    /// Runs a statement. Rows are made as they are asked for; dropping them ends the statement.
    ///
    /// # Errors
    /// What it fails with; inside a transaction, only its end is accepted then.
    pub async fn execute(&mut self, statement: &Parsed, values: &[Value]) -> SqlResult<Outcome> {
        self.check_open(statement)?;
        let outcome = roomy(self.execute_open(statement, values)).await;
        self.settle(outcome)
    }

    async fn execute_open(&mut self, statement: &Parsed, values: &[Value]) -> SqlResult<Outcome> {
        match &statement.body {
            Body::Version(version) => versions::execute(self, version).await,
            Body::Own(own) => statements::execute_own(self, own, values).await,
            Body::Standard(body) => match body.as_ref() {
                Statement::Query(_) | Statement::Explain { .. } => {
                    let plan = self.plan((**body).clone()).await?;
                    self.rows(plan, values).await
                }
                Statement::StartTransaction { .. } => Ok(self.begin()),
                Statement::Commit { chain: false, end: false, modifier: None } => {
                    Ok(self.finish(true))
                }
                Statement::Rollback { chain: false, savepoint: None } => Ok(self.finish(false)),
                Statement::Set(set) => settings::set(self, set),
                Statement::ShowVariable { variable } => settings::show_rows(self, variable),
                other => statements::execute(self, other, values).await,
            },
        }
    }

    fn begin(&mut self) -> Outcome {
        // In a transaction already, PostgreSQL warns and goes on.
        if self.status == TransactionStatus::Idle {
            self.status = TransactionStatus::Active;
            self.pins = Pins::default();
            self.temp_before = self.temp.clone();
        }
        Outcome::Done { tag: "BEGIN".to_owned() }
    }

    fn finish(&mut self, commit: bool) -> Outcome {
        let was = self.status;
        let failed = was == TransactionStatus::Failed;
        self.status = TransactionStatus::Idle;
        self.pins = Pins::default();
        let before = std::mem::take(&mut self.temp_before);
        if commit && !failed {
            self.temp.commit();
        } else if was != TransactionStatus::Idle {
            self.temp = before;
        }
        let tag = if commit && !failed { "COMMIT" } else { "ROLLBACK" };
        Outcome::Done { tag: tag.to_owned() }
    }

    /// Inside a failed transaction only its end is accepted.
    pub(super) fn check_open(&self, statement: &Parsed) -> SqlResult<()> {
        let ends = matches!(&statement.body, Body::Standard(body)
            if matches!(**body, Statement::Commit { .. } | Statement::Rollback { .. }));
        if self.status == TransactionStatus::Failed && !ends {
            return Err(SqlError::new(
                SqlState::InFailedTransaction,
                "current transaction is aborted, commands ignored until end of transaction block",
            ));
        }
        Ok(())
    }

    pub(super) fn settle<T>(&mut self, result: SqlResult<T>) -> SqlResult<T> {
        if result.is_err() && self.status == TransactionStatus::Active {
            self.status = TransactionStatus::Failed;
        }
        result
    }

    /// Whether a statement changes anything beside the session.
    pub(super) fn changes(statement: &Parsed) -> bool {
        match &statement.body {
            Body::Version(version) => versions::changes(version),
            Body::Own(own) => statements::own_changes(own),
            Body::Standard(body) => !matches!(
                **body,
                Statement::Query(_)
                    | Statement::Explain { .. }
                    | Statement::Set(_)
                    | Statement::ShowVariable { .. }
                    | Statement::StartTransaction { .. }
                    | Statement::Commit { .. }
                    | Statement::Rollback { .. }
            ),
        }
    }

    /// Tells that rows of a statement ended in an error, which only who reads them sees.
    pub fn failed(&mut self) {
        if self.status == TransactionStatus::Active {
            self.status = TransactionStatus::Failed;
        }
    }

    /// Refuses a write inside a transaction: it would be seen by others before the transaction's end.
    pub(super) fn check_write(&self, what: &str) -> SqlResult<()> {
        if self.status == TransactionStatus::Idle {
            return Ok(());
        }
        Err(SqlError::unsupported(format_args!("{what} inside a transaction block"))
            .with_hint("each statement is a commit of its own: write outside of BEGIN … COMMIT"))
    }

    /// Refs as this statement sees them: as the transaction does, or as they are now.
    pub(super) fn pins(&mut self) -> Pins {
        match self.status {
            TransactionStatus::Idle => Pins::default(),
            TransactionStatus::Active | TransactionStatus::Failed => self.pins.clone(),
        }
    }

    fn keep_pins(&mut self, pins: Pins) {
        if self.status != TransactionStatus::Idle {
            self.pins = pins;
        }
    }

    /// Plans a query.
    pub(super) async fn plan(&mut self, statement: Statement) -> SqlResult<LogicalPlan> {
        let (state, plan) = self.plan_with_state(statement).await?;
        drop(state);
        Ok(plan)
    }

    async fn plan_with_state(
        &mut self,
        mut statement: Statement,
    ) -> SqlResult<(datafusion::execution::session_state::SessionState, LogicalPlan)> {
        if let Statement::Explain { statement: inner, .. } = &statement
            && !matches!(**inner, Statement::Query(_))
        {
            return Err(SqlError::unsupported("EXPLAIN of a statement that is not a query"));
        }
        headings::give(&mut statement);
        let sources = bind::bind(&mut statement)?;
        let mut pins = self.pins();
        let found = tables::find_all(self, &mut pins, sources, 0).await?;
        self.keep_pins(pins);
        let state = self.engine.state(&self.names, &self.ctx.actor, found)?;
        let plan = state.statement_to_plan(Planned::Statement(Box::new(statement))).await?;
        Ok((state, plan))
    }

    /// Runs a plan.
    pub(super) async fn rows(&mut self, plan: LogicalPlan, values: &[Value]) -> SqlResult<Outcome> {
        let plan = with_values(plan, values)?;
        let columns = columns_of(&plan);
        Ok(Outcome::Rows { columns, rows: self.stream(plan).await? })
    }

    /// The rows of a plan.
    pub(super) async fn stream(&self, plan: LogicalPlan) -> SqlResult<RowStream> {
        let state = self.engine.state(&self.names, &self.ctx.actor, Vec::new())?;
        let stream = DataFrame::new(state, plan).execute_stream().await?;
        let columns = headings::strip(&stream.schema());
        let shown = move |batch: RecordBatch| {
            let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            RecordBatch::try_new_with_options(Arc::clone(&columns), batch.columns().to_vec(), &rows)
                .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))
        };
        Ok(stream.map(move |batch| shown(batch?)).boxed())
    }
}

/// The columns of a plan.
pub(super) fn columns_of(plan: &LogicalPlan) -> SchemaRef {
    headings::strip(plan.schema().inner())
}

/// Puts values in place of parameters.
pub(super) fn with_values(plan: LogicalPlan, values: &[Value]) -> SqlResult<LogicalPlan> {
    let wanted = plan.get_parameter_names()?.len();
    if wanted > values.len() {
        return Err(SqlError::new(
            SqlState::InvalidParameterValue,
            format!(
                "the statement has {wanted} parameters, and {} values were given",
                values.len()
            ),
        ));
    }
    if wanted == 0 {
        return Ok(plan);
    }
    let list = values.iter().cloned().map(Into::into).collect();
    Ok(plan.with_param_values(ParamValues::List(list))?)
}

/// The types of `$1`, `$2`, …: what the client said, what the plan needs, or else text.
pub(super) fn parameters(
    plan: &LogicalPlan,
    hints: &[Option<DataType>],
) -> SqlResult<Vec<DataType>> {
    let found = plan.get_parameter_types()?;
    let mut types: Vec<Option<DataType>> = hints.to_vec();
    for (name, data_type) in found {
        let number: usize = name.trim_start_matches('$').parse().map_err(|_| {
            SqlError::syntax(format!("{name:?} is not a parameter: write $1, $2, …"))
        })?;
        if number == 0 || number > u16::MAX.into() {
            return Err(SqlError::syntax(format!("there is no parameter ${number}")));
        }
        if types.len() < number {
            types.resize(number, None);
        }
        if let Some(slot) = types.get_mut(number - 1) {
            *slot = slot.take().or(data_type);
        }
    }
    Ok(types.into_iter().map(|known| known.unwrap_or(DataType::Utf8)).collect())
}
