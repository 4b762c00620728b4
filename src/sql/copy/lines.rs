//! Pieces of bytes cut into lines, each of which is a row.
//!
//! In text a backslash takes the byte behind it into the value, whatever it is; in CSV quotes do. How lines
//! end is settled by the first one; another end later on is an error, as it is a mistake more often than a
//! value.

use bytes::{Buf as _, Bytes, BytesMut};

use super::options::{CopyFormat, CopyOptions};
use crate::base::limits::COPY_ROW_BYTES_MAX;
use crate::sql::error::{SqlError, SqlResult, SqlState};

/// How lines end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Newline,
    Return,
    Both,
}

/// Cuts lines.
#[derive(Debug)]
pub(super) struct Lines {
    /// Quote and escape; nothing for text.
    csv: Option<(u8, u8)>,
    buffer: BytesMut,
    /// How much of the buffer was looked at.
    seen: usize,
    inside: bool,
    escaped: bool,
    end: Option<End>,
    /// `\.` was there.
    over: bool,
    /// Lines so far.
    number: u64,
}

impl Lines {
    pub(super) fn new(options: &CopyOptions) -> Self {
        let csv = (options.format == CopyFormat::Csv).then_some((options.quote, options.escape));
        Self {
            csv,
            buffer: BytesMut::new(),
            seen: 0,
            inside: false,
            escaped: false,
            end: None,
            over: false,
            number: 0,
        }
    }

    /// Takes in a piece.
    pub(super) fn put(&mut self, piece: &Bytes) {
        if !self.over {
            self.buffer.extend_from_slice(piece);
        }
    }

    /// The number of the last line that was cut, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// The next line without its end; nothing if more has to come first. `last` says that no more comes.
    pub(super) fn next(&mut self, last: bool) -> SqlResult<Option<Bytes>> {
        if self.over {
            return Ok(None);
        }
        while let Some(&byte) = self.buffer.get(self.seen) {
            if !self.is_end(byte) {
                self.seen += 1;
                continue;
            }
            let follows = self.buffer.get(self.seen + 1);
            if byte == b'\r' && follows.is_none() && !last {
                return Ok(None);
            }
            let end = match (byte, follows) {
                (b'\n', _) => End::Newline,
                (_, Some(b'\n')) => End::Both,
                _ => End::Return,
            };
            self.check_end(end)?;
            return self.cut(self.seen, if end == End::Both { 2 } else { 1 });
        }
        if self.buffer.len() > COPY_ROW_BYTES_MAX {
            return Err(SqlError::new(
                SqlState::ProgramLimitExceeded,
                format!("a row of COPY has at most {COPY_ROW_BYTES_MAX} bytes"),
            ));
        }
        if !last || self.buffer.is_empty() {
            return Ok(None);
        }
        if self.inside {
            return Err(bad("unterminated CSV quoted field".to_owned()));
        }
        self.cut(self.buffer.len(), 0)
    }

    /// Whether a byte ends the line; otherwise what it opens or closes is noted.
    fn is_end(&mut self, byte: u8) -> bool {
        let Some((quote, escape)) = self.csv else {
            if self.escaped {
                self.escaped = false;
                return false;
            }
            self.escaped = byte == b'\\';
            return matches!(byte, b'\n' | b'\r');
        };
        if self.inside && byte == escape && escape != quote {
            self.escaped = !self.escaped;
            return false;
        }
        if byte == quote && !self.escaped {
            self.inside = !self.inside;
        }
        self.escaped = false;
        !self.inside && matches!(byte, b'\n' | b'\r')
    }

    fn check_end(&mut self, end: End) -> SqlResult<()> {
        let known = *self.end.get_or_insert(end);
        if known == end {
            return Ok(());
        }
        let what = if end == End::Newline { "newline" } else { "carriage return" };
        let (kind, hint) = match (self.csv.is_some(), end) {
            (true, _) => ("unquoted", "Use quoted CSV field to represent it."),
            (false, End::Newline) => ("literal", "Use \"\\n\" to represent newline."),
            (false, _) => ("literal", "Use \"\\r\" to represent carriage return."),
        };
        self.number += 1;
        Err(bad(format!("{kind} {what} found in data")).with_hint(hint))
    }

    fn cut(&mut self, length: usize, end: usize) -> SqlResult<Option<Bytes>> {
        let line = self.buffer.split_to(length).freeze();
        self.buffer.advance(end);
        (self.seen, self.escaped) = (0, false);
        self.number += 1;
        if line.as_ref() == b"\\." {
            self.over = true;
            self.buffer.clear();
            return Ok(None);
        }
        if line.len() > COPY_ROW_BYTES_MAX {
            return Err(SqlError::new(
                SqlState::ProgramLimitExceeded,
                format!("a row of COPY has at most {COPY_ROW_BYTES_MAX} bytes"),
            ));
        }
        Ok(Some(line))
    }
}

/// Data that are not in the format that was said.
pub(super) fn bad(message: String) -> SqlError {
    SqlError::new(SqlState::BadCopyFileFormat, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::copy::options::{Header, Selected};

    fn options(format: CopyFormat) -> CopyOptions {
        CopyOptions {
            format,
            delimiter: b',',
            null: String::new(),
            header: Header::None,
            quote: b'"',
            escape: b'"',
            force_quote: Selected::None,
            force_not_null: Selected::None,
            force_null: Selected::None,
        }
    }

    /// Lines of a text that arrives in pieces of so many bytes.
    fn cut(format: CopyFormat, text: &str, size: usize) -> Result<Vec<String>, String> {
        let mut lines = Lines::new(&options(format));
        let mut found = Vec::new();
        let mut pieces = text.as_bytes().chunks(size);
        loop {
            let piece = pieces.next();
            if let Some(piece) = piece {
                lines.put(&Bytes::copy_from_slice(piece));
            }
            while let Some(line) = lines.next(piece.is_none()).map_err(|error| error.message)? {
                found.push(String::from_utf8(line.to_vec()).unwrap());
            }
            if piece.is_none() {
                return Ok(found);
            }
        }
    }

    #[test]
    fn lines_do_not_depend_on_where_pieces_end() {
        for size in [1, 2, 3, 100] {
            let text = |text: &str| cut(CopyFormat::Text, text, size);
            let csv = |text: &str| cut(CopyFormat::Csv, text, size);
            assert_eq!(text("a\nb\\\nc\n\nd").unwrap(), ["a", "b\\\nc", "", "d"]);
            assert_eq!(text("a\r\nb\r\n").unwrap(), ["a", "b"]);
            assert_eq!(text("a\rb\r").unwrap(), ["a", "b"]);
            assert_eq!(text("a\n\\.\nanything\r").unwrap(), ["a"]);
            assert_eq!(text("a\\\\\nb").unwrap(), ["a\\\\", "b"]);
            assert_eq!(text("a\r\nb\nc").unwrap_err(), "literal newline found in data");
            assert_eq!(text("a\nb\rc").unwrap_err(), "literal carriage return found in data");
            assert_eq!(csv("a,\"x\ny\"\"\n\"\nb").unwrap(), ["a,\"x\ny\"\"\n\"", "b"]);
            assert_eq!(csv("a\\\nb").unwrap(), ["a\\", "b"]);
            assert_eq!(csv("\"a\nb").unwrap_err(), "unterminated CSV quoted field");
            assert_eq!(csv("a\nb\r\nc").unwrap_err(), "unquoted carriage return found in data");
            assert_eq!(csv("").unwrap(), Vec::<String>::new());
        }
    }
}
