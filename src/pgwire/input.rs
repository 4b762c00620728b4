//! Reads messages off a connection: a type, a length, a body.
//!
//! Memory grows with what has arrived, not with the length that a client claims.

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::error::{WireError, code};
use crate::base::limits::{PG_MESSAGE_BYTES_MAX, PG_READ_AHEAD_BYTES, PG_STARTUP_BYTES_MAX};

/// Why there is no further message.
#[derive(Debug)]
pub(super) enum NoMessage {
    /// The client has gone.
    Gone,
    /// What it sent is no message; nothing after it can be read.
    Broken(WireError),
}

/// A message before its parts are read.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) body: Bytes,
}

/// Kinds of messages that a client may send.
const KINDS: &[u8] = b"BCDEFHPQSXcdfp";

/// What a connection sends.
#[derive(Debug)]
pub(super) struct Input<R> {
    from: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Input<R> {
    pub(super) fn new(from: R) -> Self {
        Self { from, buffer: BytesMut::new() }
    }

    /// The next message. To drop the future loses nothing.
    pub(super) async fn frame(&mut self) -> Result<Frame, NoMessage> {
        loop {
            if let Some(frame) = self.buffered()? {
                return Ok(frame);
            }
            self.more().await?;
        }
    }

    /// The body of a message without a type, such as the first one. To drop the future loses nothing.
    pub(super) async fn startup(&mut self) -> Result<Bytes, NoMessage> {
        loop {
            if let Some(length) = length_at(&self.buffer, 0) {
                if !(8..=PG_STARTUP_BYTES_MAX).contains(&length) {
                    return Err(broken("invalid length of startup packet"));
                }
                if self.buffer.len() >= length {
                    let mut frame = self.buffer.split_to(length);
                    frame.advance(4);
                    return Ok(frame.freeze());
                }
            }
            self.more().await?;
        }
    }

    /// Waits until the client has gone, and reads ahead a little meanwhile.
    pub(super) async fn gone(&mut self) {
        while self.buffer.len() < PG_READ_AHEAD_BYTES {
            if self.more().await.is_err() {
                return;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Whether the next message that does more than close something is `Sync`; `None` if it has not arrived.
    pub(super) fn next_is_sync(&self) -> Option<bool> {
        let mut at = 0_usize;
        while at < PG_READ_AHEAD_BYTES {
            match *self.buffer.get(at)? {
                b'S' => return Some(true),
                b'C' => at = at.saturating_add(1).saturating_add(length_at(&self.buffer, at + 1)?),
                _ => break,
            }
        }
        Some(false)
    }

    fn buffered(&mut self) -> Result<Option<Frame>, NoMessage> {
        let Some(&kind) = self.buffer.first() else { return Ok(None) };
        if !KINDS.contains(&kind) {
            return Err(broken(format!("invalid frontend message type {kind}")));
        }
        let Some(length) = length_at(&self.buffer, 1) else { return Ok(None) };
        if !(4..=PG_MESSAGE_BYTES_MAX).contains(&length) {
            return Err(broken(format!(
                "invalid message length: a message has at most {PG_MESSAGE_BYTES_MAX} bytes"
            )));
        }
        if self.buffer.len() <= length {
            return Ok(None);
        }
        let mut frame = self.buffer.split_to(length + 1);
        frame.advance(5);
        Ok(Some(Frame { kind, body: frame.freeze() }))
    }

    /// Waits until more has arrived. To drop the future loses nothing.
    pub(super) async fn more(&mut self) -> Result<(), NoMessage> {
        self.buffer.reserve(8 * 1024);
        match self.from.read_buf(&mut self.buffer).await {
            Ok(0) => Err(NoMessage::Gone),
            Ok(_) => Ok(()),
            Err(error) => {
                tracing::debug!("a connection broke: {error}");
                Err(NoMessage::Gone)
            }
        }
    }
}

/// The length that a message says of itself, itself included; one that is negative is too large.
fn length_at(buffer: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 4] = buffer.get(at..at + 4)?.try_into().ok()?;
    Some(usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX))
}

fn broken(message: impl Into<String>) -> NoMessage {
    NoMessage::Broken(WireError::fatal(code::PROTOCOL_VIOLATION, message))
}
