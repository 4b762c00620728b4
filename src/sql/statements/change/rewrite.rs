//! Writing a table again without the rows that go and with those that come.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{Array as _, BooleanArray, Int64Array, RecordBatch, UInt32Array, UInt64Array};
use arrow::compute::filter_record_batch;
use datafusion::datasource::provider_as_source;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlanBuilder;
use futures::{StreamExt as _, TryStreamExt as _};
use parking_lot::Mutex;
use roaring::RoaringTreemap;

use super::query::ROW_COLUMNS;
use super::{Action, Change, Matches, Place};
use crate::sql::bind::TARGET;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::RowStream;
use crate::sql::scan::provider::IcebergTable;
use crate::sql::semantics;
use crate::sql::session::Session;
use crate::sql::statements::returning::Returned;
use crate::sql::statements::rows::Written;
use crate::sql::statements::temp;
use crate::sql::temp::TempTable;
use crate::sql::write::{SnapshotWrite, TableUpdates};

/// Rows that go: by the index of their file, their positions.
#[derive(Default)]
struct Marks {
    files: BTreeMap<u32, RoaringTreemap>,
    /// Rows that went, changed or came.
    count: u64,
    /// Those rows, if they are asked for.
    returned: Option<Returned>,
}

/// What is left to do once the rows of a change are written.
pub(super) enum End {
    /// No row was met.
    Nothing,
    /// To make files part of the table.
    Commit(Box<TableUpdates>),
    /// To put a temporary table in the place of the old.
    Put(TempTable),
}

/// What a change came to.
pub(super) struct Rewritten {
    /// How many rows went, changed or came.
    pub(super) count: u64,
    /// Those rows, if they are asked for: changed ones as they are then.
    pub(super) returned: Vec<RecordBatch>,
    pub(super) end: End,
}

/// Writes what a change leaves, whose query has these rows. Nobody sees it yet.
pub(super) async fn write(
    session: &Session,
    change: &Change,
    rows: RowStream,
) -> SqlResult<Rewritten> {
    let Change { changed, selected, matches, returning, .. } = change;
    let actions: Vec<Action> = selected.clauses.iter().map(|clause| clause.action).collect();
    let returned = returning.is_some().then(Returned::default);
    let marks = Arc::new(Mutex::new(Marks { returned, ..Marks::default() }));
    let new = new_rows(rows, actions, *matches, Arc::clone(&marks));
    let end = match &changed.place {
        Place::Stored { written, table } => files(session, written, table, new, &marks).await?,
        Place::Temporary { table, .. } => {
            let new = temp::collect(session, table.schema(), new).await?;
            let gone = marks.lock().files.remove(&0).unwrap_or_default();
            let kept = futures::stream::iter(table.without(&gone)?.into_iter().map(Ok)).boxed();
            let kept = temp::collect(session, table.schema(), kept).await?;
            End::Put(table.emptied().with(kept).with(new))
        }
    };
    let mut marks = marks.lock();
    let returned = marks.returned.take().map(Returned::into_batches).unwrap_or_default();
    Ok(Rewritten { count: marks.count, returned, end })
}

/// Writes files in place of those that rows go of.
async fn files(
    session: &Session,
    written: &Written,
    table: &IcebergTable,
    new: RowStream,
    marks: &Arc<Mutex<Marks>>,
) -> SqlResult<End> {
    let state = session.engine.state(&session.names, &session.ctx.actor, Vec::new())?;
    let kept = kept_rows(state, table.clone(), Arc::clone(marks));
    let catalog = session.catalog();
    let now = catalog.clock().now();
    let io = catalog.files().io();
    let write = SnapshotWrite::new(io, &written.metadata, catalog.entropy(), now)?;
    let added = write.write_data(new.chain(kept).boxed()).await?;
    let live = table.live().await?;
    let removed = {
        let marks = marks.lock();
        let paths = marks.files.keys().map(|index| {
            usize::try_from(*index)
                .ok()
                .and_then(|index| live.get(index))
                .map(|file| file.file_path().to_owned())
                .ok_or_else(|| SqlError::new(SqlState::InternalError, "a row of an unknown file"))
        });
        paths.collect::<SqlResult<BTreeSet<String>>>()?
    };
    if removed.is_empty() && added.is_empty() {
        return Ok(End::Nothing);
    }
    Ok(End::Commit(Box::new(write.overwrite(added, &removed).await?)))
}

/// The new rows of a change; notes which rows go as they come by.
fn new_rows(
    rows: RowStream,
    actions: Vec<Action>,
    matches: Matches,
    marks: Arc<Mutex<Marks>>,
) -> RowStream {
    let each = move |batch: RecordBatch| take(&batch, &actions, matches, &mut marks.lock());
    rows.map(move |batch| each(batch?)).boxed()
}

fn take(
    batch: &RecordBatch,
    actions: &[Action],
    matches: Matches,
    marks: &mut Marks,
) -> SqlResult<RecordBatch> {
    let files = column::<UInt32Array>(batch, 0)?;
    let positions = column::<UInt64Array>(batch, 1)?;
    let numbers = column::<Int64Array>(batch, 2)?;
    let mut comes = Vec::with_capacity(batch.num_rows());
    let mut met = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        if numbers.is_null(row) {
            comes.push(false);
            met.push(false);
            continue;
        }
        let action = usize::try_from(numbers.value(row))
            .ok()
            .and_then(|number| actions.get(number))
            .ok_or_else(|| SqlError::new(SqlState::InternalError, "a row without an action"))?;
        if *action == Action::Nothing {
            comes.push(false);
            met.push(false);
            continue;
        }
        if *action == Action::Insert {
            marks.count += 1;
            comes.push(true);
            met.push(true);
            continue;
        }
        if files.is_null(row) || positions.is_null(row) {
            return Err(SqlError::new(SqlState::InternalError, "a row without an identity"));
        }
        let file = marks.files.entry(files.value(row)).or_default();
        let first = file.insert(positions.value(row));
        if !first && matches == Matches::One {
            return Err(SqlError::new(
                SqlState::CardinalityViolation,
                "MERGE command cannot affect row a second time",
            )
            .with_hint("ensure that not more than one source row matches any one target row"));
        }
        marks.count += u64::from(first);
        comes.push(first && *action == Action::Update);
        met.push(first);
    }
    let columns: Vec<usize> = (ROW_COLUMNS..batch.num_columns()).collect();
    let rows = batch.project(&columns).map_err(|error| broken(&error))?;
    if let Some(returned) = &mut marks.returned {
        let met = BooleanArray::from(met);
        returned.add(filter_record_batch(&rows, &met).map_err(|error| broken(&error))?)?;
    }
    filter_record_batch(&rows, &BooleanArray::from(comes)).map_err(|error| broken(&error))
}

fn column<A: 'static>(batch: &RecordBatch, at: usize) -> SqlResult<&A> {
    let found = batch.columns().get(at).and_then(|column| column.as_any().downcast_ref::<A>());
    found.ok_or_else(|| {
        SqlError::new(SqlState::InternalError, format!("column {at} of a change is no number"))
    })
}

/// The rows that stay of the files that some go of. Nothing is read before the first row is asked for: then
/// it is known which go.
fn kept_rows(state: SessionState, table: IcebergTable, marks: Arc<Mutex<Marks>>) -> RowStream {
    let rows = async move {
        let files = marks.lock().files.clone();
        let mut partly = BTreeSet::new();
        let live = table.live().await?;
        for (index, gone) in &files {
            let file = usize::try_from(*index).ok().and_then(|index| live.get(index));
            if file.is_none_or(|file| file.record_count() > gone.len()) {
                partly.insert(*index);
            }
        }
        if partly.is_empty() {
            return Ok::<RowStream, SqlError>(futures::stream::empty().boxed());
        }
        let mut gone: BTreeMap<u32, RoaringTreemap> = files;
        gone.retain(|index, _| partly.contains(index));
        let source = provider_as_source(Arc::new(table.only(partly)));
        let plan = LogicalPlanBuilder::scan(TARGET, source, None)?.build()?;
        let rows = semantics::rows(state, &plan).await?;
        let mut missing: u64 = gone.values().map(RoaringTreemap::len).sum();
        let rows = rows.map(Some).chain(futures::stream::once(async { None }));
        let kept = rows.map(move |batch| match batch {
            Some(batch) => keep(&batch?, &gone, &mut missing).map(Some),
            // Each row that goes was met again, or something was read otherwise than before.
            None if missing == 0 => Ok(None),
            None => Err(SqlError::new(
                SqlState::InternalError,
                format!("{missing} rows to change were not found again; nothing was changed"),
            )),
        });
        Ok(kept.try_filter_map(|batch| async { Ok(batch) }).boxed())
    };
    futures::stream::once(rows).try_flatten().boxed()
}

/// The columns of the table in those rows that stay.
fn keep(
    batch: &RecordBatch,
    gone: &BTreeMap<u32, RoaringTreemap>,
    missing: &mut u64,
) -> SqlResult<RecordBatch> {
    let count = batch.num_columns().saturating_sub(2);
    let files = column::<UInt32Array>(batch, count)?;
    let positions = column::<UInt64Array>(batch, count + 1)?;
    let stays: Vec<bool> = files
        .values()
        .iter()
        .zip(positions.values())
        .map(|(file, position)| gone.get(file).is_none_or(|gone| !gone.contains(*position)))
        .collect();
    let met = stays.iter().filter(|stays| !**stays).count() as u64;
    *missing = missing
        .checked_sub(met)
        .ok_or_else(|| SqlError::new(SqlState::InternalError, "a row to change was found twice"))?;
    let columns: Vec<usize> = (0..count).collect();
    let rows = batch.project(&columns).map_err(|error| broken(&error))?;
    filter_record_batch(&rows, &BooleanArray::from(stays)).map_err(|error| broken(&error))
}

fn broken(error: &arrow::error::ArrowError) -> SqlError {
    SqlError::new(SqlState::InternalError, error.to_string())
}
