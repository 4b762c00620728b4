//! Canonical bytes: length-prefixed fields with minimal variable-length numbers.
//!
//! There is one encoding for a value; a reader refuses every other. Used by commits, content objects,
//! tree values and stored operations.

/// Why bytes were refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CodecError {
    /// The bytes end too early.
    #[error("the bytes end too early")]
    Truncated,
    /// A number is not written in its shortest form or too large.
    #[error("a number is not canonical")]
    Number,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Text,
    /// Bytes are left behind the value.
    #[error("bytes are left behind the value")]
    Trailing,
    /// A format version or tag that this program does not know.
    #[error("unknown {what} {value}")]
    Unknown {
        /// What was read.
        what: &'static str,
        /// What it said.
        value: u8,
    },
    /// Entries out of order, or otherwise not the canonical form.
    #[error("{0} is not canonical")]
    NotCanonical(&'static str),
}

/// Writes canonical bytes.
#[derive(Debug, Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one byte.
    pub fn byte(&mut self, byte: u8) -> &mut Self {
        self.out.push(byte);
        self
    }

    /// Adds bytes whose length the reader knows.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }

    /// Adds an unsigned number, seven bits a byte, lowest first.
    pub fn number(&mut self, mut number: u64) -> &mut Self {
        loop {
            let low = (number & 0x7f).to_le_bytes()[0];
            number >>= 7;
            if number == 0 {
                self.out.push(low);
                return self;
            }
            self.out.push(low | 0x80);
        }
    }

    /// Adds a signed number in zigzag form.
    pub fn signed(&mut self, number: i64) -> &mut Self {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned())
    }

    /// Adds bytes with their length before them.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64).raw(bytes)
    }

    /// Adds text with its length before it.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    /// The bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

/// Reads canonical bytes.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of the bytes.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// One byte.
    ///
    /// # Errors
    /// `Truncated`.
    pub fn byte(&mut self) -> Result<u8, CodecError> {
        let (&first, rest) = self.rest.split_first().ok_or(CodecError::Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    /// A known number of bytes.
    ///
    /// # Errors
    /// `Truncated`.
    pub fn raw(&mut self, length: usize) -> Result<&'a [u8], CodecError> {
        let (bytes, rest) = self.rest.split_at_checked(length).ok_or(CodecError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    /// An unsigned number.
    ///
    /// # Errors
    /// `Number` if it is padded or passes 64 bits.
    pub fn number(&mut self) -> Result<u64, CodecError> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(CodecError::Number);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(CodecError::Number);
                }
                return Ok(number);
            }
        }
        Err(CodecError::Number)
    }

    /// A signed number.
    ///
    /// # Errors
    /// As [`Reader::number`].
    pub fn signed(&mut self) -> Result<i64, CodecError> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// Bytes with their length before them.
    ///
    /// # Errors
    /// `Truncated` or `Number`.
    pub fn bytes(&mut self) -> Result<&'a [u8], CodecError> {
        let length = usize::try_from(self.number()?).map_err(|_| CodecError::Truncated)?;
        self.raw(length)
    }

    /// Text with its length before it.
    ///
    /// # Errors
    /// As [`Reader::bytes`], and `Text`.
    pub fn text(&mut self) -> Result<&'a str, CodecError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| CodecError::Text)
    }

    /// Sorted, distinct pairs of text, as [`pairs`] writes them.
    ///
    /// # Errors
    /// `NotCanonical` if they are out of order.
    pub fn pairs(&mut self) -> Result<std::collections::BTreeMap<String, String>, CodecError> {
        let count = self.number()?;
        let mut map = std::collections::BTreeMap::new();
        for _ in 0..count {
            let key = self.text()?.to_owned();
            let value = self.text()?.to_owned();
            if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return Err(CodecError::NotCanonical("a property list"));
            }
            map.insert(key, value);
        }
        Ok(map)
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything that is left.
    pub const fn take_rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.rest = &[];
        rest
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// `Trailing` if bytes are left.
    pub const fn finish(self) -> Result<(), CodecError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CodecError::Trailing) }
    }
}

/// Writes pairs of text in their order.
pub fn pairs(out: &mut Writer, map: &std::collections::BTreeMap<String, String>) {
    out.number(map.len() as u64);
    for (key, value) in map {
        out.text(key).text(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_and_padding_is_refused() {
        for number in [0, 1, 127, 128, 300, u64::MAX - 1, u64::MAX] {
            let mut out = Writer::new();
            out.number(number);
            let bytes = out.finish();
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.number(), Ok(number));
            assert!(reader.is_empty());
        }
        for number in [0, -1, 1, i64::MIN, i64::MAX] {
            let mut out = Writer::new();
            out.signed(number);
            assert_eq!(Reader::new(&out.finish()).signed(), Ok(number));
        }
        assert_eq!(Reader::new(&[0x80, 0]).number(), Err(CodecError::Number));
        assert_eq!(Reader::new(&[0xff; 10]).number(), Err(CodecError::Number));
        assert_eq!(Reader::new(&[5, 1]).bytes(), Err(CodecError::Truncated));
    }
}
