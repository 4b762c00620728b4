//! Gathers messages and sends them.
//!
//! Only whole messages go out: what was begun and failed is taken back, so that an error can follow.

use std::io;

use ::pgwire::messages::PgWireBackendMessage;
use bytes::{BufMut as _, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::error::{WireError, WireResult, code};
use crate::base::limits::{PG_OUTPUT_BYTES, PG_ROW_BYTES_MAX};

/// What a connection is told.
#[derive(Debug)]
pub(super) struct Output<W> {
    to: W,
    buffer: BytesMut,
    /// Bytes of whole messages.
    whole: usize,
}

impl<W: AsyncWrite + Unpin> Output<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, buffer: BytesMut::new(), whole: 0 }
    }

    /// Adds a message.
    pub(super) fn put(&mut self, message: &PgWireBackendMessage) -> WireResult<()> {
        self.take_back();
        match message.encode(&mut self.buffer) {
            Ok(()) => {
                self.whole = self.buffer.len();
                Ok(())
            }
            Err(error) => {
                self.take_back();
                Err(WireError::new(code::LIMIT, format!("an answer cannot be sent: {error}")))
            }
        }
    }

    /// Adds a message `DataRow` with so many values, written by `values`.
    pub(super) fn put_row(
        &mut self,
        count: u16,
        values: impl FnOnce(&mut BytesMut) -> WireResult<()>,
    ) -> WireResult<()> {
        self.take_back();
        self.buffer.put_u8(b'D');
        self.buffer.put_u32(0);
        self.buffer.put_u16(count);
        values(&mut self.buffer)?;
        let length = self.buffer.len() - self.whole - 1;
        let written = u32::try_from(length).ok().filter(|_| length <= PG_ROW_BYTES_MAX);
        let place = self.buffer.get_mut(self.whole + 1..self.whole + 5);
        let (Some(written), Some(place)) = (written, place) else {
            return Err(WireError::new(code::LIMIT, "a row is larger than the protocol allows"));
        };
        place.copy_from_slice(&written.to_be_bytes());
        self.whole = self.buffer.len();
        Ok(())
    }

    /// Whether there is enough to be worth sending.
    pub(super) fn is_full(&self) -> bool {
        self.whole >= PG_OUTPUT_BYTES
    }

    /// Sends everything; waits for a client that reads slowly.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        self.take_back();
        self.whole = 0;
        while !self.buffer.is_empty() {
            self.to.write_buf(&mut self.buffer).await?;
        }
        self.to.flush().await
    }

    /// Sends bytes that are no message.
    pub(super) async fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.write_all(bytes).await
    }

    /// Sends the rest and says that nothing follows.
    pub(super) async fn close(&mut self) {
        let closed = match self.flush().await {
            Ok(()) => self.to.shutdown().await,
            Err(error) => Err(error),
        };
        if let Err(error) = closed {
            tracing::debug!("a connection broke before its end: {error}");
        }
    }

    /// Forgets a message that was begun only.
    fn take_back(&mut self) {
        self.buffer.truncate(self.whole);
    }
}
