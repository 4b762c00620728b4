//! Results on their way out: what their columns are told to be, and rows as the client takes them.

use ::pgwire::messages::data::{FieldDescription, RowDescription};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::StreamExt as _;

use super::conversation::{Conversation, Trouble};
use super::error::{WireError, WireResult, code};
use super::request::Format;
use super::types::{self, PgType, Zone, encode::Column};
use crate::base::limits::PG_COLUMNS_MAX;
use crate::sql::door::{Cancel, Connection};
use crate::sql::outcome::RowStream;

/// One column as the client is told.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Told {
    name: String,
    kind: PgType,
    format: Format,
}

/// The columns of a result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Columns {
    told: Vec<Told>,
    count: u16,
}

impl Columns {
    /// `formats` as in `Bind`: none for text, one for all, or one each.
    pub(super) fn new(schema: &SchemaRef, formats: &[Format]) -> WireResult<Self> {
        let length = schema.fields().len();
        let count = u16::try_from(length).ok().filter(|_| length <= PG_COLUMNS_MAX);
        let count = count.ok_or_else(|| {
            WireError::new(
                code::TOO_MANY_COLUMNS,
                format!("a result has at most {PG_COLUMNS_MAX} columns, not {length}"),
            )
        })?;
        if !matches!(formats.len(), 0 | 1) && formats.len() != length {
            return Err(WireError::protocol(format!(
                "bind message has {} result formats but query has {length} columns",
                formats.len()
            )));
        }
        let format = |at: usize| match formats {
            [] => Format::Text,
            [one] => *one,
            each => each.get(at).copied().unwrap_or(Format::Text),
        };
        let told = schema.fields().iter().enumerate().map(|(at, field)| {
            if field.name().contains('\0') {
                return Err(WireError::unsupported("a zero byte in the name of a column"));
            }
            let kind = types::of(field)?;
            Ok(Told { name: field.name().clone(), kind, format: format(at) })
        });
        Ok(Self { told: told.collect::<WireResult<_>>()?, count })
    }

    pub(super) fn description(&self) -> RowDescription {
        let field = |told: &Told| {
            let format = match told.format {
                Format::Text => 0,
                Format::Binary => 1,
            };
            let PgType { oid, size, modifier, .. } = told.kind;
            FieldDescription::new(told.name.clone(), 0, 0, oid, size, modifier, format)
        };
        RowDescription::new(self.told.iter().map(field).collect())
    }

    /// Whether a client that was told these columns reads those right.
    pub(super) fn same_types(&self, other: &Self) -> bool {
        self.told.len() == other.told.len()
            && self.told.iter().zip(&other.told).all(|(one, other)| one.kind.oid == other.kind.oid)
    }

    pub(super) fn encoders(&self, batch: &RecordBatch, zone: Zone) -> WireResult<Vec<Column>> {
        if batch.num_columns() != self.told.len() {
            return Err(WireError::new(
                code::INTERNAL,
                "the rows have other columns than were announced",
            ));
        }
        let schema = batch.schema_ref();
        self.told
            .iter()
            .zip(schema.fields().iter().zip(batch.columns()))
            .map(|(told, (field, array))| {
                Column::new(array, field, &told.kind, told.format, zone)
                    .map_err(|error| naming(error, &told.name))
            })
            .collect()
    }
}

fn naming(mut error: WireError, column: &str) -> WireError {
    error.message = format!("column \"{column}\": {}", error.message);
    error
}

/// The rows of a result that are still to be sent.
pub(super) struct Cursor {
    columns: Columns,
    rows: RowStream,
    zone: Zone,
    batch: Option<Batch>,
}

struct Batch {
    columns: Vec<Column>,
    next: usize,
    rows: usize,
}

/// How far rows were sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Sent {
    pub(super) rows: u64,
    /// Whether there are no more.
    pub(super) ended: bool,
}

impl Cursor {
    pub(super) fn new(columns: Columns, rows: RowStream, session: &dyn Connection) -> Self {
        let zone = session.setting("TimeZone").and_then(|name| Zone::parse(&name));
        Self { columns, rows, zone: zone.unwrap_or_default(), batch: None }
    }
}

impl Conversation {
    /// Sends rows, at most `limit` unless that is 0, waiting for the client where it reads slowly.
    pub(super) async fn send_rows(
        &mut self,
        cursor: &mut Cursor,
        limit: u64,
        cancel: &Cancel,
    ) -> Result<Sent, Trouble> {
        let mut sent = 0;
        loop {
            while let Some(batch) = &mut cursor.batch {
                if batch.next == batch.rows {
                    cursor.batch = None;
                    break;
                }
                if limit != 0 && sent == limit {
                    return Ok(Sent { rows: sent, ended: false });
                }
                let row = batch.next;
                let columns = &batch.columns;
                self.output.put_row(cursor.columns.count, |out| {
                    let mut told = cursor.columns.told.iter();
                    columns.iter().try_for_each(|column| {
                        let name = told.next().map_or("", |told| &told.name);
                        column.write(row, out).map_err(|error| naming(error, name))
                    })
                })?;
                batch.next += 1;
                sent += 1;
                if self.output.is_full() {
                    self.output.flush().await?;
                    if cancel.is_canceled() {
                        return Err(WireError::canceled().into());
                    }
                }
            }
            if limit != 0 && sent == limit {
                return Ok(Sent { rows: sent, ended: false });
            }
            let next = tokio::select! {
                biased;
                () = cancel.canceled() => return Err(WireError::canceled().into()),
                next = cursor.rows.next() => next,
                () = self.input.gone() => return Err(Trouble::Gone),
            };
            let Some(batch) = next.transpose()? else {
                return Ok(Sent { rows: sent, ended: true });
            };
            let columns = cursor.columns.encoders(&batch, cursor.zone)?;
            cursor.batch = Some(Batch { columns, next: 0, rows: batch.num_rows() });
        }
    }
}
