//! `COPY`: data in messages of their own, either way.
//!
//! A copy from the client that does not end with `CopyDone` (the client gave up, sent something else, was
//! canceled or has gone) is an error of its data, so that nothing of it stays.

use ::pgwire::messages::PgWireBackendMessage as Answer;
use ::pgwire::messages::copy::{CopyData as Piece, CopyDone, CopyInResponse, CopyOutResponse};
use bytes::{BufMut as _, Bytes, BytesMut};
use futures::StreamExt as _;
use tokio::io::AsyncRead;
use tokio::sync::mpsc;

use super::conversation::{Conversation, Trouble};
use super::error::{WireError, WireResult, code};
use super::input::{Input, NoMessage};
use super::rows::Columns;
use super::types::Zone;
use super::types::encode::Column;
use crate::base::limits::PG_COPY_PIECES;
use crate::sql::copy::{CopyData, CopyDirection, CopyFormat, CopyOptions};
use crate::sql::door::Cancel;
use crate::sql::error::{SqlError, SqlResult, SqlState};
use crate::sql::syntax::statement::Parsed;

/// What goes from the messages to the statement.
type Sent = SqlResult<Option<Bytes>>;

/// How the client's data ended.
enum End {
    /// It said so, or said why not: the statement's answer tells.
    Said,
    /// The connection cannot go on.
    Lost(NoMessage),
}

impl Conversation {
    /// Carries out a `COPY`.
    pub(super) async fn copy(
        &mut self,
        statement: &Parsed,
        direction: CopyDirection,
        cancel: &Cancel,
    ) -> Result<(), Trouble> {
        if cancel.is_canceled() {
            return Err(WireError::canceled().into());
        }
        let count = match direction {
            CopyDirection::In => self.copy_in(statement, cancel).await?,
            CopyDirection::Out => self.copy_out(statement, cancel).await?,
        };
        Ok(self.complete(format!("COPY {count}"))?)
    }

    async fn copy_in(&mut self, statement: &Parsed, cancel: &Cancel) -> Result<u64, Trouble> {
        let columns = small(self.session.copy_in_columns(statement).await?)?;
        let formats = vec![0; usize::from(columns.unsigned_abs())];
        self.output.put(&Answer::CopyInResponse(CopyInResponse::new(0, columns, formats)))?;
        self.output.flush().await?;
        let (sender, receiver) = mpsc::channel(PG_COPY_PIECES);
        let mut running = self.session.copy_in(statement, data(receiver));
        let pump = pump(&mut self.input, sender, cancel);
        tokio::pin!(pump);
        let mut end = None;
        let copied = loop {
            tokio::select! {
                biased;
                copied = &mut running => break copied,
                ended = &mut pump, if end.is_none() => end = Some(ended),
            }
        };
        match end {
            Some(End::Lost(NoMessage::Gone)) => Err(Trouble::Gone),
            Some(End::Lost(NoMessage::Broken(error))) => Err(error.into()),
            Some(End::Said) | None => Ok(copied?),
        }
    }

    async fn copy_out(&mut self, statement: &Parsed, cancel: &Cancel) -> Result<u64, Trouble> {
        let mut out = self.session.copy_out(statement, cancel.clone()).await?;
        let columns = Columns::new(&out.columns, &[])?;
        let count = small(out.columns.fields().len())?;
        let formats = vec![0; usize::from(count.unsigned_abs())];
        self.output.put(&Answer::CopyOutResponse(CopyOutResponse::new(0, count, formats)))?;
        let zone = self.session.setting("TimeZone").and_then(|name| Zone::parse(&name));
        let zone = zone.unwrap_or_default();
        let single = count == 1;
        let writer = Writer { options: &out.options, single, names: false };
        if out.options.has_header() {
            let names = out.columns.fields().iter().map(|field| Some(field.name().as_bytes()));
            let mut line = BytesMut::new();
            for (at, name) in names.enumerate() {
                Writer { names: true, ..writer }.value(at, name, &mut line);
            }
            self.piece(line)?;
        }
        let mut rows = 0;
        loop {
            let next = tokio::select! {
                biased;
                () = cancel.canceled() => return Err(WireError::canceled().into()),
                next = out.rows.next() => next,
                () = self.input.gone() => return Err(Trouble::Gone),
            };
            let Some(batch) = next.transpose()? else { break };
            let encoders = columns.encoders(&batch, zone)?;
            for row in 0..batch.num_rows() {
                self.piece(writer.row(&encoders, row)?)?;
                rows += 1;
                if self.output.is_full() {
                    self.output.flush().await?;
                    if cancel.is_canceled() {
                        return Err(WireError::canceled().into());
                    }
                }
            }
        }
        self.output.put(&Answer::CopyDone(CopyDone::new()))?;
        Ok(rows)
    }

    /// Sends one line.
    fn piece(&mut self, mut line: BytesMut) -> WireResult<()> {
        line.put_u8(b'\n');
        self.output.put(&Answer::CopyData(Piece::new(line.freeze())))
    }
}

fn small(count: usize) -> WireResult<i16> {
    i16::try_from(count).map_err(|_| {
        WireError::new(code::TOO_MANY_COLUMNS, format!("COPY has at most {} columns", i16::MAX))
    })
}

/// The pieces as the statement reads them. If they end without a word, so does the statement.
fn data(receiver: mpsc::Receiver<Sent>) -> CopyData {
    futures::stream::unfold(Some(receiver), |receiver| async move {
        let mut receiver = receiver?;
        match receiver.recv().await {
            Some(Ok(Some(piece))) => Some((Ok(piece), Some(receiver))),
            Some(Ok(None)) => None,
            Some(Err(error)) => Some((Err(error), None)),
            None => Some((Err(canceled("COPY from stdin ended early")), None)),
        }
    })
    .boxed()
}

fn canceled(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::QueryCanceled, message)
}

/// Hands on what the client sends until it ends.
async fn pump<R: AsyncRead + Unpin>(
    input: &mut Input<R>,
    sender: mpsc::Sender<Sent>,
    cancel: &Cancel,
) -> End {
    loop {
        let frame = tokio::select! {
            biased;
            () = cancel.canceled() => {
                let error = canceled("canceling statement due to user request");
                return last(&sender, Err(error), End::Said).await;
            }
            frame = input.frame() => frame,
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(lost) => {
                let error = canceled("the client has gone before the end of COPY");
                return last(&sender, Err(error), End::Lost(lost)).await;
            }
        };
        match frame.kind {
            b'd' => {
                if sender.send(Ok(Some(frame.body))).await.is_err() {
                    // The statement has ended; its error is told, and what still comes is dropped.
                    return End::Said;
                }
            }
            b'c' => return last(&sender, Ok(None), End::Said).await,
            b'f' => {
                let text = frame.body.strip_suffix(b"\0").unwrap_or(&frame.body);
                let error =
                    canceled(format!("COPY from stdin failed: {}", String::from_utf8_lossy(text)));
                return last(&sender, Err(error), End::Said).await;
            }
            // Ignored, as PostgreSQL does: drivers send them ahead.
            b'H' | b'S' => {}
            other => {
                let error = WireError::fatal(
                    code::PROTOCOL_VIOLATION,
                    format!("unexpected message type 0x{other:02X} during COPY from stdin"),
                );
                let told = canceled(error.message.clone());
                return last(&sender, Err(told), End::Lost(NoMessage::Broken(error))).await;
            }
        }
    }
}

/// Sends the last word. If nobody takes it, the statement has ended before.
async fn last(sender: &mpsc::Sender<Sent>, word: Sent, end: End) -> End {
    if sender.send(word).await.is_err() {
        tracing::debug!("a COPY had ended before its data did");
    }
    end
}

/// Writes lines.
#[derive(Clone, Copy)]
struct Writer<'o> {
    options: &'o CopyOptions,
    /// Whether there is one column only: then `\.` would be the end of the data.
    single: bool,
    /// Whether these are names of columns, which no option asks to quote.
    names: bool,
}

impl Writer<'_> {
    fn row(&self, columns: &[Column], row: usize) -> WireResult<BytesMut> {
        let mut line = BytesMut::new();
        let mut value = BytesMut::new();
        for (at, column) in columns.iter().enumerate() {
            if column.is_null(row) {
                self.value(at, None, &mut line);
                continue;
            }
            value.clear();
            column.value(row, &mut value)?;
            self.value(at, Some(&value), &mut line);
        }
        Ok(line)
    }

    /// Writes a value, with a delimiter before it unless it is the first.
    fn value(&self, at: usize, value: Option<&[u8]>, line: &mut BytesMut) {
        if at > 0 {
            line.put_u8(self.options.delimiter);
        }
        match (value, self.options.format) {
            (None, _) => line.put_slice(self.options.null.as_bytes()),
            (Some(value), CopyFormat::Text) => self.text(value, line),
            (Some(value), CopyFormat::Csv) => self.csv(at, value, line),
        }
    }

    fn text(&self, value: &[u8], line: &mut BytesMut) {
        for byte in value {
            let letter = match byte {
                8 => b'b',
                12 => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                11 => b'v',
                other if *other == b'\\' || *other == self.options.delimiter => *other,
                other => {
                    line.put_u8(*other);
                    continue;
                }
            };
            line.put_u8(b'\\');
            line.put_u8(letter);
        }
    }

    fn csv(&self, at: usize, value: &[u8], line: &mut BytesMut) {
        let CopyOptions { delimiter, quote, escape, null, force_quote, .. } = self.options;
        let quoted = (force_quote.has(at) && !self.names)
            || value == null.as_bytes()
            || (self.single && value == b"\\.")
            || value
                .iter()
                .any(|byte| byte == delimiter || byte == quote || matches!(byte, b'\n' | b'\r'));
        if !quoted {
            line.put_slice(value);
            return;
        }
        line.put_u8(*quote);
        for byte in value {
            if byte == quote || byte == escape {
                line.put_u8(*escape);
            }
            line.put_u8(*byte);
        }
        line.put_u8(*quote);
    }
}
