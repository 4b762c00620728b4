//! `INSERT INTO table [(columns)] query`, into a table or a temporary one.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Insert, ObjectName, OnInsert, Query, SetExpr, Statement, TableObject,
    Value as Literal, With,
};
use futures::{StreamExt as _, TryStreamExt as _};

use super::change::query::hint;
use super::change::update::is_default;
use super::returning::{Returned, Returning};
use super::rows::{self, Written, column_at, table};
use super::schema::existing;
use super::{not_there, temp};
use crate::sql::bind::{folded, parts_of};
use crate::sql::error::{SqlError, SqlResult};
use crate::sql::outcome::{Description, Outcome, RowStream, Value};
use crate::sql::session::{Session, parameters, with_values};
use crate::sql::temp::TempTable;

/// Where rows go.
enum Place {
    Stored(Box<Written>),
    Temporary { name: String, table: Arc<TempTable> },
}

impl Place {
    fn schema(&self) -> &SchemaRef {
        match self {
            Self::Stored(written) => &written.schema,
            Self::Temporary { table, .. } => table.schema(),
        }
    }
}

/// A statement that is understood.
struct Prepared {
    place: Place,
    /// `None` for a row of defaults.
    source: Option<Box<Query>>,
    returning: Option<Returning>,
}

impl Prepared {
    async fn plan(&self, session: &mut Session) -> SqlResult<LogicalPlan> {
        match &self.source {
            Some(source) => session.plan(Statement::Query(source.clone())).await,
            None => Ok(LogicalPlanBuilder::empty(true).build()?),
        }
    }
}

/// Adds the rows of a query, with the `WITH` clause that stood before the statement.
pub(super) async fn insert(
    session: &mut Session,
    insert: &Insert,
    with: Option<&With>,
    values: &[Value],
) -> SqlResult<Outcome> {
    let prepared = prepare(session, insert, with).await?;
    if let Place::Stored(_) = prepared.place {
        session.check_write("INSERT")?;
    }
    let plan = with_values(prepared.plan(session).await?, values)?;
    let plan = rows::assigned(plan, &insert.columns, prepared.place.schema())?;
    let mut rows = session.stream(plan).await?;
    let mut answer = None;
    if let Some(returning) = &prepared.returning {
        let mut returned = Returned::default();
        while let Some(batch) = rows.try_next().await? {
            returned.add(batch)?;
        }
        let batches = returned.into_batches();
        answer = Some(returning.answer(session, prepared.place.schema(), batches.clone()).await?);
        rows = futures::stream::iter(batches.into_iter().map(Ok)).boxed();
    }
    let count = put(session, prepared.place, rows).await?;
    Ok(answer.unwrap_or_else(|| Outcome::Done { tag: format!("INSERT 0 {count}") }))
}

async fn put(session: &mut Session, place: Place, rows: RowStream) -> SqlResult<u64> {
    match place {
        Place::Stored(written) => rows::append(session, &written, rows).await,
        Place::Temporary { name, table } => {
            let rows = temp::collect(session, table.schema(), rows).await?;
            let count = rows.count() as u64;
            session.temp.put(name, table.with(rows));
            temp::end_of_statement(session);
            Ok(count)
        }
    }
}

/// The shape of an `INSERT`. A parameter that is a value by itself has the type of its column.
pub(super) async fn describe(
    session: &mut Session,
    insert: &Insert,
    with: Option<&With>,
    given: &[Option<DataType>],
) -> SqlResult<Description> {
    let prepared = prepare(session, insert, with).await?;
    let schema = prepared.place.schema();
    let mut hints = given.to_vec();
    if let Some(source) = &prepared.source
        && let SetExpr::Values(rows) = source.body.as_ref()
    {
        for row in &rows.rows {
            for (at, expr) in row.iter().enumerate() {
                let column = match insert.columns.get(at) {
                    Some(named) => column_at(schema, &folded(named))?,
                    None => at,
                };
                if let Some(field) = schema.fields().get(column) {
                    hint(&mut hints, expr, field.data_type());
                }
            }
        }
    }
    let plan = prepared.plan(session).await?;
    let columns = match &prepared.returning {
        Some(returning) => Some(returning.columns(session, schema).await?),
        None => None,
    };
    Ok(Description { parameters: parameters(&plan, &hints)?, columns })
}

/// Finds the table and the query.
async fn prepare(session: &Session, insert: &Insert, with: Option<&With>) -> SqlResult<Prepared> {
    let TableObject::TableName(name) = &insert.table else {
        return Err(SqlError::unsupported("INSERT into this"));
    };
    refuse_options(insert)?;
    let source = source(insert, with)?;
    let place = place(session, name).await?;
    let returning = insert.returning.as_ref();
    let returning = returning.map(|items| {
        let parts = parts_of(name)?;
        let alias = match &insert.table_alias {
            Some(alias) => folded(alias),
            None => parts.last().cloned().unwrap_or_default(),
        };
        Returning::new(items, place.schema(), &parts, &Ident::with_quote('"', alias), false)
    });
    Ok(Prepared { place, source, returning: returning.transpose()? })
}

async fn place(session: &Session, name: &ObjectName) -> SqlResult<Place> {
    if let Some((name, table)) = temp::named(session, name)? {
        return Ok(Place::Temporary { name, table });
    }
    let target = existing(session, name, false)?.ok_or_else(|| not_there(name))?;
    Ok(Place::Stored(Box::new(table(session, &target).await?)))
}

/// The query, with the `WITH` clause that stood before the statement; `None` for `DEFAULT VALUES`.
fn source(insert: &Insert, with: Option<&With>) -> SqlResult<Option<Box<Query>>> {
    let Some(source) = &insert.source else {
        if with.is_some() {
            return Err(SqlError::unsupported("WITH before INSERT … DEFAULT VALUES"));
        }
        return Ok(None);
    };
    let mut source = source.clone();
    if let Some(with) = with {
        if source.with.is_some() {
            return Err(SqlError::unsupported("INSERT with two WITH clauses"));
        }
        source.with = Some(with.clone());
    }
    if let SetExpr::Values(values) = source.body.as_mut() {
        // No table here has other defaults than null.
        for value in values.rows.iter_mut().flatten() {
            if matches!(value, Expr::Identifier(ident) if is_default(ident)) {
                *value = Expr::value(Literal::Null);
            }
        }
    }
    Ok(Some(source))
}

fn refuse_options(insert: &Insert) -> SqlResult<()> {
    if let Some(OnInsert::OnConflict(_)) = insert.on {
        return Err(SqlError::unsupported(
            "INSERT … ON CONFLICT: no index tells of a conflict, and it",
        )
        .with_hint("use MERGE INTO … USING … ON … WHEN MATCHED … WHEN NOT MATCHED …"));
    }
    if insert.on.is_some()
        || insert.or.is_some()
        || insert.ignore
        || insert.overwrite
        || insert.replace_into
        || insert.priority.is_some()
        || insert.partitioned.is_some()
        || insert.insert_alias.is_some()
        || insert.settings.is_some()
        || insert.format_clause.is_some()
        || !insert.assignments.is_empty()
        || !insert.after_columns.is_empty()
        || !insert.into
    {
        return Err(SqlError::unsupported("this form of INSERT"));
    }
    Ok(())
}
