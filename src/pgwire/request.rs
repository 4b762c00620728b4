//! What a client's messages ask, read with every bound checked.

use bytes::{Buf as _, Bytes};

use super::error::{WireError, WireResult, code};
use super::input::Frame;

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Text,
    Binary,
}

/// What `Describe` and `Close` are about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Statement(String),
    Portal(String),
}

/// The message `Bind`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Bind {
    pub(super) portal: String,
    pub(super) statement: String,
    /// None: all text; one: for all; else one each.
    pub(super) parameter_formats: Vec<Format>,
    pub(super) parameters: Vec<Option<Bytes>>,
    pub(super) result_formats: Vec<Format>,
}

/// What a client asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Request {
    Query(String),
    Parse {
        name: String,
        text: String,
        /// Types of parameters; 0 where the client leaves it to the server.
        types: Vec<u32>,
    },
    Bind(Bind),
    Describe(Target),
    Execute {
        portal: String,
        /// 0: all.
        rows: usize,
    },
    Close(Target),
    Flush,
    Sync,
    Terminate,
    /// Part of a COPY that was refused; PostgreSQL drops it, too.
    Copy,
}

impl Request {
    /// Whether an error in it is followed by silence until `Sync`.
    pub(super) fn is_extended(kind: u8) -> bool {
        matches!(kind, b'P' | b'B' | b'D' | b'E' | b'C' | b'H')
    }

    /// Reads the parts.
    pub(super) fn read(frame: Frame) -> WireResult<Self> {
        let mut parts = Parts(frame.body);
        let request = match frame.kind {
            b'Q' => Self::Query(parts.text()?),
            b'P' => {
                let (name, text) = (parts.text()?, parts.text()?);
                let count = parts.count()?;
                let types = (0..count).map(|_| parts.u32()).collect::<WireResult<_>>()?;
                Self::Parse { name, text, types }
            }
            b'B' => Self::Bind(parts.bind()?),
            b'D' => Self::Describe(parts.target()?),
            b'E' => {
                let portal = parts.text()?;
                // PostgreSQL takes a negative number for none.
                let rows = usize::try_from(parts.u32()?.cast_signed()).unwrap_or(0);
                Self::Execute { portal, rows }
            }
            b'C' => Self::Close(parts.target()?),
            b'H' => Self::Flush,
            b'S' => Self::Sync,
            b'X' => Self::Terminate,
            b'c' | b'd' | b'f' => return Ok(Self::Copy),
            b'F' => return Err(WireError::unsupported("the message FunctionCall")),
            other => {
                return Err(WireError::fatal(
                    code::PROTOCOL_VIOLATION,
                    format!("a message of type {other} is not expected here"),
                ));
            }
        };
        if parts.0.is_empty() { Ok(request) } else { Err(invalid()) }
    }
}

/// The parts of a message that are still to be read.
#[derive(Debug)]
pub(super) struct Parts(pub(super) Bytes);

fn invalid() -> WireError {
    WireError::protocol("invalid message format")
}

impl Parts {
    /// A text that a zero byte ends.
    pub(super) fn text(&mut self) -> WireResult<String> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or_else(invalid)?;
        let text = self.0.split_to(end);
        self.0.advance(1);
        match std::str::from_utf8(&text) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(WireError::new(
                code::CHARACTER_NOT_IN_REPERTOIRE,
                "invalid byte sequence for encoding \"UTF8\"",
            )),
        }
    }

    fn take<const N: usize>(&mut self) -> WireResult<[u8; N]> {
        let bytes = self.0.get(..N).and_then(|bytes| bytes.try_into().ok()).ok_or_else(invalid)?;
        self.0.advance(N);
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> WireResult<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn count(&mut self) -> WireResult<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn formats(&mut self) -> WireResult<Vec<Format>> {
        let count = self.count()?;
        (0..count)
            .map(|_| match self.count()? {
                0 => Ok(Format::Text),
                1 => Ok(Format::Binary),
                other => Err(WireError::new(
                    code::INVALID_PARAMETER_VALUE,
                    format!("unsupported format code: {other}"),
                )),
            })
            .collect()
    }

    fn bind(&mut self) -> WireResult<Bind> {
        let (portal, statement) = (self.text()?, self.text()?);
        let parameter_formats = self.formats()?;
        let count = self.count()?;
        let parameters = (0..count)
            .map(|_| {
                let length = self.u32()?;
                if length == u32::MAX {
                    return Ok(None);
                }
                let length = usize::try_from(length).map_err(|_| invalid())?;
                if length > self.0.len() {
                    return Err(invalid());
                }
                Ok(Some(self.0.split_to(length)))
            })
            .collect::<WireResult<_>>()?;
        let result_formats = self.formats()?;
        Ok(Bind { portal, statement, parameter_formats, parameters, result_formats })
    }

    fn target(&mut self) -> WireResult<Target> {
        match self.take::<1>()? {
            [b'S'] => Ok(Target::Statement(self.text()?)),
            [b'P'] => Ok(Target::Portal(self.text()?)),
            [other] => Err(WireError::protocol(format!("invalid message subtype {other}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: u8, body: &[u8]) -> WireResult<Request> {
        Request::read(Frame { kind, body: Bytes::copy_from_slice(body) })
    }

    #[test]
    fn no_cut_and_no_added_byte_is_taken() {
        let whole: [(u8, &[u8]); 5] = [
            (b'Q', b"select 1\0"),
            (b'P', b"s\0select $1\0\0\x01\0\0\0\x17"),
            (b'B', b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\x01\0\0"),
            (b'D', b"Ss\0"),
            (b'E', b"p\0\0\0\0\x05"),
        ];
        for (kind, body) in whole {
            assert!(read(kind, body).is_ok(), "{}", char::from(kind));
            for end in 0..body.len() {
                let error = read(kind, &body[..end]).unwrap_err();
                assert_eq!(error.code, code::PROTOCOL_VIOLATION, "{} {end}", char::from(kind));
            }
            assert!(read(kind, &[body, b"x"].concat()).is_err());
        }
    }

    #[test]
    fn a_bind_has_its_parts() {
        let body = b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\x01\0\0";
        let Request::Bind(bind) = read(b'B', body).unwrap() else { panic!("no Bind") };
        assert_eq!((bind.portal.as_str(), bind.statement.as_str()), ("p", "s"));
        assert_eq!(bind.parameter_formats, [Format::Binary]);
        assert_eq!(bind.parameters, [Some(Bytes::from_static(b"ab")), None]);
        assert_eq!(bind.result_formats, [Format::Text]);
    }

    #[test]
    fn texts_are_utf8_and_formats_known() {
        assert_eq!(read(b'Q', b"\xff\0").unwrap_err().code, code::CHARACTER_NOT_IN_REPERTOIRE);
        let error = read(b'B', b"\0\0\0\x01\0\x02\0\0\0\0").unwrap_err();
        assert_eq!(error.code, code::INVALID_PARAMETER_VALUE);
        assert_eq!(read(b'D', b"Xs\0").unwrap_err().code, code::PROTOCOL_VIOLATION);
    }
}
