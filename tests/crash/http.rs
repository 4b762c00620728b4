//! The smallest HTTP client that can tell an answer from a cut connection.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// Longer than any request takes; a server that hangs fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The header `x-nunatak-commit`.
    pub(crate) commit: Option<String>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) const fn ok(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

/// One connection, kept open.
pub(crate) struct Client {
    address: String,
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects; an error if nobody listens.
    pub(crate) fn connect(address: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { address: address.to_owned(), stream: BufReader::new(stream) })
    }

    /// Sends a request and reads its answer. An error means that no complete answer came.
    pub(crate) fn call(
        &mut self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> std::io::Result<Answer> {
        let text = body.map(Value::to_string).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
            self.address,
            text.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let status = self.line()?;
        let status = status.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status: u16 = status.ok_or_else(cut)?;
        let (mut length, mut commit) = (0_usize, None);
        loop {
            let line = self.line()?;
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(cut)?;
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse().map_err(|_| cut())?,
                "x-nunatak-commit" => commit = Some(value.trim().to_owned()),
                "transfer-encoding" => panic!("{method} {path} answers in chunks"),
                _ => {}
            }
        }
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, commit, body })
    }

    /// A request that must succeed.
    #[track_caller]
    pub(crate) fn must(&mut self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let answer = self.call(method, path, body).unwrap();
        assert!(answer.ok(), "{method} {path}: {answer:?}");
        answer.body
    }

    fn line(&mut self) -> std::io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None => Err(cut()),
        }
    }
}

fn cut() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the answer is cut off")
}
