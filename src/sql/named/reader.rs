//! Where a cursor stands in its rows, and how it moves over them.
//!
//! Positions are those of PostgreSQL: 0 before the first row, then the number of the row it stands on, and one
//! more than there are rows behind the last. A cursor that goes only forward keeps one batch; one that scrolls
//! keeps every row that it has read, up to a limit.

use std::collections::VecDeque;

use arrow::array::{Array as _, UInt64Array};
use arrow::compute::take_record_batch;
use arrow::record_batch::RecordBatch;
use datafusion::execution::memory_pool::MemoryReservation;
use futures::StreamExt as _;

use crate::base::limits::SQL_CURSOR_BYTES_MAX;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::outcome::RowStream;
use crate::sql::syntax::named::Direction;

/// Which way rows are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    Forward,
    Backward,
}

/// Rows that a statement reads from where the cursor stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reading {
    /// None.
    Nothing,
    /// So many one way, as far as there are any.
    Rows(Way, u64),
    /// The one it stands on, and it stays there.
    Current,
}

/// The rows of a cursor.
pub(super) struct Reader {
    /// What is still to be made.
    rows: Option<RowStream>,
    /// Rows that were made and are kept, in their order.
    window: VecDeque<RecordBatch>,
    /// How many came before those.
    before: u64,
    /// How many are kept.
    held: u64,
    position: u64,
    /// The memory of what is kept, for a cursor that goes backwards.
    scroll: Option<MemoryReservation>,
    /// What the last statement reads and has not read yet.
    goal: Reading,
    /// The number of that statement.
    turn: u64,
    failed: bool,
}

impl Reader {
    pub(super) fn new(rows: RowStream, scroll: Option<MemoryReservation>) -> Self {
        Self {
            rows: Some(rows),
            window: VecDeque::new(),
            before: 0,
            held: 0,
            position: 0,
            scroll,
            goal: Reading::Nothing,
            turn: 0,
            failed: false,
        }
    }

    /// Begins a statement: moves to where the rows that it reads begin. Answers its number.
    ///
    /// # Errors
    /// What making rows fails with; `NotInPrerequisiteState` for a way that the cursor cannot go.
    pub(super) async fn start(&mut self, direction: Direction) -> SqlResult<u64> {
        // What the statement before was to read and nobody took is passed over.
        while self.advance().await?.is_some() {}
        self.turn += 1;
        self.goal = match direction {
            Direction::Forward(0) | Direction::Backward(0) | Direction::Relative(0) => {
                Reading::Current
            }
            Direction::Forward(count) if count > 0 => {
                Reading::Rows(Way::Forward, count.unsigned_abs())
            }
            Direction::Forward(count) => Reading::Rows(Way::Backward, count.unsigned_abs()),
            Direction::Backward(count) if count > 0 => {
                Reading::Rows(Way::Backward, count.unsigned_abs())
            }
            Direction::Backward(count) => Reading::Rows(Way::Forward, count.unsigned_abs()),
            Direction::Absolute(0) => {
                self.seek(0).await?;
                Reading::Nothing
            }
            Direction::Absolute(number) if number > 0 => {
                self.seek(number.unsigned_abs() - 1).await?;
                Reading::Rows(Way::Forward, 1)
            }
            Direction::Absolute(number) => {
                self.check_scroll()?;
                self.seek(u64::MAX).await?;
                let back = number.unsigned_abs().saturating_sub(1);
                self.position = self.position.saturating_sub(back);
                Reading::Rows(Way::Backward, 1)
            }
            Direction::Relative(count) if count > 0 => {
                let skipped = count.unsigned_abs() - 1;
                self.seek(self.position.saturating_add(skipped)).await?;
                Reading::Rows(Way::Forward, 1)
            }
            Direction::Relative(count) => {
                self.check_scroll()?;
                let skipped = count.unsigned_abs() - 1;
                self.position = self.position.saturating_sub(skipped);
                Reading::Rows(Way::Backward, 1)
            }
        };
        if matches!(self.goal, Reading::Rows(Way::Backward, _)) {
            self.check_scroll()?;
        }
        Ok(self.turn)
    }

    /// The next rows of the statement with this number; `None` when it has read all of its own.
    ///
    /// # Errors
    /// What making them fails with; `NotInPrerequisiteState` if another statement moved the cursor since.
    pub(super) async fn next(&mut self, turn: u64) -> SqlResult<Option<RecordBatch>> {
        if self.turn != turn {
            return Err(SqlError::new(
                SqlState::NotInPrerequisiteState,
                "the cursor was moved before all rows of an earlier FETCH were read",
            ));
        }
        self.advance().await
    }

    /// How many rows the statement moves over that began last. The current row counts, and is not read.
    ///
    /// # Errors
    /// What making them fails with.
    pub(super) async fn count(&mut self) -> SqlResult<u64> {
        if self.goal == Reading::Current {
            self.goal = Reading::Nothing;
            let row = self.position;
            return Ok(u64::from(row > 0 && self.reach(row).await?));
        }
        let mut count = 0;
        while let Some(batch) = self.advance().await? {
            count += rows_of(&batch);
        }
        Ok(count)
    }

    /// Reads on in what the statement is to read.
    async fn advance(&mut self) -> SqlResult<Option<RecordBatch>> {
        let read = match self.goal {
            Reading::Nothing | Reading::Rows(_, 0) => None,
            Reading::Rows(Way::Forward, wanted) => self.forward(wanted).await?,
            Reading::Rows(Way::Backward, wanted) => self.backward(wanted)?,
            Reading::Current => {
                let row = self.position;
                if row == 0 || !self.reach(row).await? {
                    None
                } else {
                    self.check_scroll()?;
                    self.slice(row, 1)
                }
            }
        };
        self.goal = match (&read, self.goal) {
            (Some(batch), Reading::Rows(way, wanted)) => {
                Reading::Rows(way, wanted.saturating_sub(rows_of(batch)))
            }
            _ => Reading::Nothing,
        };
        Ok(read)
    }

    /// Stands at a row without reading it: the last of all if there are fewer, then behind it.
    async fn seek(&mut self, row: u64) -> SqlResult<()> {
        if row < self.position {
            self.check_scroll()?;
            self.position = row;
            return Ok(());
        }
        while self.position < row {
            if self.forward(row - self.position).await?.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// The next rows, so many at most.
    async fn forward(&mut self, wanted: u64) -> SqlResult<Option<RecordBatch>> {
        let first = self.position.saturating_add(1);
        if !self.reach(first).await? {
            self.position = self.made().saturating_add(1);
            return Ok(None);
        }
        let rows = self.slice(first, wanted);
        self.position += rows.as_ref().map_or(0, rows_of);
        if self.scroll.is_none() {
            self.forget();
        }
        Ok(rows)
    }

    /// The rows before, so many at most, the nearest first.
    fn backward(&mut self, wanted: u64) -> SqlResult<Option<RecordBatch>> {
        let Some(last) = self.position.checked_sub(1).filter(|last| *last > 0) else {
            self.position = 0;
            return Ok(None);
        };
        let Some((batch, at)) = self.find(last) else {
            return Err(lost());
        };
        let count = wanted.min(u64::try_from(at + 1).unwrap_or(u64::MAX));
        let at = u64::try_from(at).unwrap_or_default();
        let backwards: UInt64Array = (0..count).map(|back| at - back).collect();
        let rows = take_record_batch(batch, &backwards)?;
        debug_assert_eq!(backwards.null_count(), 0);
        self.position = last + 1 - count;
        Ok(Some(rows))
    }

    /// Makes rows until there is one with this number; whether there is.
    async fn reach(&mut self, row: u64) -> SqlResult<bool> {
        while self.made() < row {
            if self.failed {
                return Err(SqlError::new(
                    SqlState::NotInPrerequisiteState,
                    "the cursor cannot be read any more: an error ended its query",
                ));
            }
            let Some(rows) = &mut self.rows else { return Ok(false) };
            let batch = match rows.next().await {
                None => {
                    self.rows = None;
                    return Ok(false);
                }
                Some(batch) => batch.and_then(|batch| self.keep(batch)),
            };
            if batch.is_err() {
                self.rows = None;
                self.failed = true;
            }
            batch?;
        }
        Ok(true)
    }

    fn keep(&mut self, batch: RecordBatch) -> SqlResult<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if let Some(memory) = &self.scroll {
            let bytes = batch.get_array_memory_size();
            if memory.size().saturating_add(bytes) > SQL_CURSOR_BYTES_MAX {
                return Err(SqlError::new(
                    SqlState::ProgramLimitExceeded,
                    format!("a SCROLL cursor keeps at most {SQL_CURSOR_BYTES_MAX} bytes of rows"),
                )
                .with_hint("declare it with NO SCROLL, or put the rows into a temporary table"));
            }
            memory.try_grow(bytes)?;
        }
        self.held += rows_of(&batch);
        self.window.push_back(batch);
        Ok(())
    }

    /// Lets go of batches that lie behind.
    fn forget(&mut self) {
        while let Some(first) = self.window.front() {
            let rows = rows_of(first);
            if self.before + rows > self.position {
                break;
            }
            self.window.pop_front();
            self.before += rows;
            self.held -= rows;
        }
    }

    /// How many rows were made so far.
    const fn made(&self) -> u64 {
        self.before + self.held
    }

    /// The batch of a row that is kept, and the row's place in it.
    fn find(&self, row: u64) -> Option<(&RecordBatch, usize)> {
        let mut at = row.checked_sub(self.before)?.checked_sub(1)?;
        for batch in &self.window {
            let rows = rows_of(batch);
            if at < rows {
                return Some((batch, usize::try_from(at).ok()?));
            }
            at -= rows;
        }
        None
    }

    /// Rows of one batch from this one on.
    fn slice(&self, row: u64, wanted: u64) -> Option<RecordBatch> {
        let (batch, at) = self.find(row)?;
        let rest = batch.num_rows().saturating_sub(at);
        let count = usize::try_from(wanted).unwrap_or(usize::MAX).min(rest);
        Some(batch.slice(at, count))
    }

    fn check_scroll(&self) -> SqlResult<()> {
        if self.scroll.is_some() {
            return Ok(());
        }
        Err(SqlError::new(SqlState::NotInPrerequisiteState, "cursor can only scan forward")
            .with_hint("Declare it with SCROLL option to enable backward scan."))
    }
}

fn rows_of(batch: &RecordBatch) -> u64 {
    u64::try_from(batch.num_rows()).unwrap_or(u64::MAX)
}

fn lost() -> SqlError {
    SqlError::new(SqlState::InternalError, "a cursor lost a row that it was to keep")
}
