//! One connection: its names, its settings, its transaction, and running statements.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::catalog::TableProvider;
use datafusion::common::ParamValues;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as Planned;
use datafusion::sql::sqlparser::ast::Statement;
use futures::StreamExt as _;

use super::engine::Engine;
use super::error::{SqlError, SqlResult, SqlState};
use super::named::{self, Cursors, PreparedStatements};
use super::names::{Names, Pins};
use super::outcome::{Description, Outcome, RowStream, TransactionStatus, Value};
use super::settings::Settings;
use super::stack::roomy;
use super::syntax::own::OwnStatement;
use super::syntax::statement::{Body, Parsed};
use super::temp::TempTables;
use super::transaction::{self, Transaction};
use super::{bind, headings, pg, semantics, settings, statements, tables, versions};
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
    /// What it has to say beside its answers.
    notices: Vec<String>,
    pub(super) transaction: Option<Transaction>,
    pub(super) cursors: Cursors,
    pub(super) prepared: PreparedStatements,
}

impl Session {
    pub(super) fn new(engine: Arc<Engine>, names: Names, ctx: OpContext) -> Self {
        Self {
            engine,
            names,
            ctx,
            settings: Settings::default(),
            temp: TempTables::default(),
            notices: Vec::new(),
            transaction: None,
            cursors: Cursors::default(),
            prepared: PreparedStatements::default(),
        }
    }

    /// This session with other names, for what is inside a view. It has no temporary tables.
    pub(super) fn within(&self, names: Names) -> Self {
        let mut inner = Self::new(Arc::clone(&self.engine), names, self.ctx.clone());
        inner.transaction = self.transaction.as_ref().map(Transaction::share);
        inner
    }

    /// The catalog as this session sees it.
    pub(super) fn catalog(&self) -> &Arc<Catalog> {
        match &self.transaction {
            Some(transaction) => transaction.catalog(),
            None => &self.engine.catalog,
        }
    }

    /// Whether a transaction is open.
    #[must_use]
    pub fn transaction(&self) -> TransactionStatus {
        self.transaction.as_ref().map_or(TransactionStatus::Idle, Transaction::status)
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

    pub(super) async fn describe_open(
        &mut self,
        statement: &Parsed,
        hints: &[Option<DataType>],
    ) -> SqlResult<Description> {
        let columns = match &statement.body {
            Body::Version(version) => versions::columns(version),
            Body::Own(own) => match own.as_ref() {
                OwnStatement::Named(statement) => {
                    return named::describe(self, statement, hints).await;
                }
                _ => None,
            },
            Body::Standard(body) => match body.as_ref() {
                Statement::Query(_) | Statement::Explain { .. } => {
                    if let Some((inner, with)) = statements::behind_with(body) {
                        return statements::describe(self, inner, with, hints).await;
                    }
                    let plan = self.plan((**body).clone()).await?;
                    let parameters = parameters(&plan, hints)?;
                    let unknown = parameters.iter().map(Value::try_from);
                    let plan = with_values(plan, &unknown.collect::<Result<Vec<_>, _>>()?)?;
                    return Ok(Description { parameters, columns: Some(columns_of(&plan)) });
                }
                Statement::ShowVariable { .. } => Some(settings::columns(body)),
                other => return statements::describe(self, other, None, hints).await,
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

    pub(super) async fn execute_open(
        &mut self,
        statement: &Parsed,
        values: &[Value],
    ) -> SqlResult<Outcome> {
        match &statement.body {
            Body::Version(version) => {
                if versions::changes(version) {
                    self.end_group().await?;
                }
                versions::execute(self, version).await
            }
            Body::Own(own) => match own.as_ref() {
                OwnStatement::Named(named) => {
                    named::execute(self, &statement.text, named, values).await
                }
                own => statements::execute_own(self, own).await,
            },
            Body::Standard(body) => match body.as_ref() {
                Statement::Query(_) | Statement::Explain { .. } => {
                    if let Some((inner, with)) = statements::behind_with(body) {
                        return statements::execute(self, inner, with, values).await;
                    }
                    let plan = self.plan((**body).clone()).await?;
                    self.rows(plan, values).await
                }
                Statement::Set(set) if !transaction::concerns(set) => settings::set(self, set),
                Statement::ShowVariable { variable } => settings::show_rows(self, variable),
                Statement::Reset(reset) => settings::reset(self, &reset.reset),
                Statement::Discard { object_type } => settings::discard(self, *object_type),
                other => match transaction::execute(self, other).await? {
                    Some(outcome) => Ok(outcome),
                    None => statements::execute(self, other, None, values).await,
                },
            },
        }
    }

    /// Inside a failed transaction only its end is accepted.
    pub(super) fn check_open(&self, statement: &Parsed) -> SqlResult<()> {
        let ends = matches!(&statement.body, Body::Standard(body)
            if matches!(**body, Statement::Commit { .. } | Statement::Rollback { .. }));
        if self.transaction() == TransactionStatus::Failed && !ends {
            return Err(SqlError::new(
                SqlState::InFailedTransaction,
                "current transaction is aborted, commands ignored until end of transaction block",
            ));
        }
        Ok(())
    }

    pub(super) fn settle<T>(&mut self, result: SqlResult<T>) -> SqlResult<T> {
        if result.is_err() {
            self.failed();
        }
        result
    }

    /// Whether a statement changes anything beside the session.
    pub(super) fn changes(&self, statement: &Parsed) -> bool {
        match &statement.body {
            Body::Version(version) => versions::changes(version),
            Body::Own(own) => match own.as_ref() {
                OwnStatement::Named(statement) => named::changes(self, statement),
                own => statements::own_changes(own),
            },
            Body::Standard(body) => match body.as_ref() {
                query @ Statement::Query(_) => statements::behind_with(query).is_some(),
                other => !matches!(
                    other,
                    Statement::Explain { .. }
                        | Statement::Set(_)
                        | Statement::ShowVariable { .. }
                        | Statement::Reset(_)
                        | Statement::Discard { .. }
                        | Statement::StartTransaction { .. }
                        | Statement::Rollback { .. }
                        | Statement::Savepoint { .. }
                        | Statement::ReleaseSavepoint { .. }
                ),
            },
        }
    }

    /// Tells that a statement ended in an error: a transaction has failed then, a group of statements is
    /// undone.
    pub fn failed(&mut self) {
        self.transaction = match self.transaction.take() {
            Some(group) if group.is_group() => {
                self.put_back(group.into_before());
                None
            }
            open => open.and_then(Transaction::fail),
        };
    }

    /// Begins a group of statements that are carried out together or not at all, if no transaction is open
    /// and none was begun. A statement about branches and tags ends it, and so does the end of a
    /// transaction.
    pub fn begin_group(&mut self) {
        if self.transaction.is_none() {
            self.transaction = Some(Transaction::group(&self.engine.catalog, self.keep()));
        }
    }

    /// Commits a group of statements. Outside of one nothing happens.
    ///
    /// # Errors
    /// `SerializationFailure` if somebody else changed what the group changed; then nothing of it happened.
    pub async fn end_group(&mut self) -> SqlResult<()> {
        match self.transaction.take() {
            Some(group) if group.is_group() => {
                let before = group.before().clone();
                let done = group.commit(&self.ctx).await;
                self.end_of_transaction(done.is_ok(), before);
                done
            }
            other => {
                self.transaction = other;
                Ok(())
            }
        }
    }

    /// Refuses a write in a transaction that was begun as read-only.
    pub(super) fn check_write(&self, what: &str) -> SqlResult<()> {
        if self.transaction.as_ref().is_some_and(Transaction::is_read_only) {
            return Err(SqlError::new(
                SqlState::ReadOnly,
                format!("cannot execute {what} in a read-only transaction"),
            ));
        }
        Ok(())
    }

    /// Refuses what cannot be undone inside a transaction.
    pub(super) fn check_outside(&self, what: &str) -> SqlResult<()> {
        if self.transaction.is_none() {
            return Ok(());
        }
        Err(SqlError::new(
            SqlState::InvalidTransactionState,
            format!("{what} cannot run inside a transaction block"),
        )
        .with_hint("branches and tags are changed at once: COMMIT or ROLLBACK first"))
    }

    /// Plans a query.
    pub(super) async fn plan(&mut self, mut statement: Statement) -> SqlResult<LogicalPlan> {
        if let Statement::Explain { statement: inner, .. } = &statement
            && !matches!(**inner, Statement::Query(_))
        {
            return Err(SqlError::unsupported("EXPLAIN of a statement that is not a query"));
        }
        headings::give(&mut statement);
        let sources = bind::bind(&mut statement)?;
        Box::pin(self.plan_bound(statement, sources, Vec::new())).await
    }

    /// Plans the query of a statement that changes a table.
    pub(super) async fn plan_over(
        &mut self,
        mut statement: Statement,
        target: bind::Target,
        table: Arc<dyn TableProvider>,
    ) -> SqlResult<LogicalPlan> {
        let sources = bind::bind_over(&mut statement, Some(target))?;
        let bound = vec![(bind::TARGET.to_owned(), table)];
        Box::pin(self.plan_bound(statement, sources, bound)).await
    }

    async fn plan_bound(
        &mut self,
        statement: Statement,
        sources: bind::Sources,
        bound: Vec<tables::Keyed>,
    ) -> SqlResult<LogicalPlan> {
        // What refs stand for, the same throughout the statement.
        let mut pins = Pins::default();
        let mut found = tables::find_all(self, &mut pins, sources, 0).await?;
        found.extend(bound);
        let mut state = self.engine.state(&self.names, &self.ctx.actor, found)?;
        pg::register(&mut state, self, &pins)?;
        let planned = Planned::Statement(Box::new(statement));
        Ok(Box::pin(state.statement_to_plan(planned)).await?)
    }

    /// Runs a plan.
    pub(super) async fn rows(&mut self, plan: LogicalPlan, values: &[Value]) -> SqlResult<Outcome> {
        let plan = with_values(plan, values)?;
        let columns = columns_of(&plan);
        Ok(Outcome::Rows { columns, rows: self.stream(plan).await? })
    }

    /// The rows of a plan, as long as a statement may run.
    pub(super) async fn stream(&self, plan: LogicalPlan) -> SqlResult<RowStream> {
        Ok(self.in_time(self.unlimited_stream(plan).await?))
    }

    /// Rows that end in an error when a statement has run as long as it may, from now on.
    pub(super) fn in_time(&self, rows: RowStream) -> RowStream {
        match self.statement_timeout() {
            Some(limit) => within(limit, rows),
            None => rows,
        }
    }

    /// The rows of a plan, for as long as they take.
    pub(super) async fn unlimited_stream(&self, plan: LogicalPlan) -> SqlResult<RowStream> {
        let state = self.engine.state(&self.names, &self.ctx.actor, Vec::new())?;
        let stream = semantics::rows(state, &plan).await?;
        let columns = headings::strip(&stream.schema());
        let shown = move |batch: RecordBatch| {
            let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            RecordBatch::try_new_with_options(Arc::clone(&columns), batch.columns().to_vec(), &rows)
                .map_err(|error| SqlError::new(SqlState::InternalError, error.to_string()))
        };
        Ok(stream.map(move |batch| shown(batch?)).boxed())
    }
}

/// Rows that end in an error when so much time has gone by.
fn within(limit: std::time::Duration, rows: RowStream) -> RowStream {
    let over = Box::pin(tokio::time::sleep(limit));
    futures::stream::unfold(Some((rows, over)), |state| async move {
        let (mut rows, mut over) = state?;
        tokio::select! {
            biased;
            () = &mut over => Some((Err(timed_out()), None)),
            next = rows.next() => next.map(|batch| (batch, Some((rows, over)))),
        }
    })
    .boxed()
}

/// The error of a statement that took longer than it may.
pub(super) fn timed_out() -> SqlError {
    SqlError::new(SqlState::QueryCanceled, "canceling statement due to statement timeout")
}

/// The columns of a plan.
pub(super) fn columns_of(plan: &LogicalPlan) -> SchemaRef {
    headings::strip(plan.schema().inner())
}

/// Puts values in place of parameters, and settles the types of the plan.
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
        return Ok(semantics::typed(plan)?);
    }
    let list = values.iter().cloned().map(Into::into).collect();
    Ok(semantics::typed(plan.with_param_values(ParamValues::List(list))?)?)
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
