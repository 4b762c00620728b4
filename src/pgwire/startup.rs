//! The first messages of a connection: encryption (refused), cancel requests, who wants what.

use std::collections::BTreeMap;

use ::pgwire::messages::PgWireBackendMessage;
use ::pgwire::messages::startup::NegotiateProtocolVersion;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::{WireError, WireResult, code};
use super::input::{Input, NoMessage};
use super::output::Output;
use super::request::Parts;

const CANCEL: u32 = 80_877_102;
const SSL: u32 = 80_877_103;
const GSS: u32 = 80_877_104;
const MAJOR: u32 = 3;

/// What a connection is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// To cancel what runs on another one.
    Cancel { process: i32, secret: i32 },
    /// To run statements.
    Session(Wanted),
}

/// Who wants a session on what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    pub(super) user: String,
    pub(super) database: String,
    pub(super) settings: BTreeMap<String, String>,
}

/// Reads what the connection is for; the errors are fatal.
pub(super) async fn startup<R, W>(
    input: &mut Input<R>,
    output: &mut Output<W>,
) -> Result<Purpose, NoMessage>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    // One request for each kind of encryption, as PostgreSQL.
    let mut refused = Vec::new();
    loop {
        let mut parts = Parts(input.startup().await?);
        let number = parts.u32().map_err(broken)?;
        match number {
            SSL | GSS if !refused.contains(&number) => {
                refused.push(number);
                output.raw(b"N").await.map_err(|_| NoMessage::Gone)?;
            }
            CANCEL => {
                let process = parts.u32().map_err(broken)?.cast_signed();
                let secret = parts.u32().map_err(broken)?.cast_signed();
                return Ok(Purpose::Cancel { process, secret });
            }
            _ if number >> 16 == MAJOR => {
                let (wanted, unknown) = wanted(parts.0).map_err(broken)?;
                if number & 0xffff != 0 || !unknown.is_empty() {
                    output
                        .put(&PgWireBackendMessage::NegotiateProtocolVersion(
                            // The version in full, as PostgreSQL; clients compare it so.
                            NegotiateProtocolVersion::new(NEWEST, unknown),
                        ))
                        .map_err(broken)?;
                }
                return Ok(Purpose::Session(wanted));
            }
            _ => {
                return Err(broken(WireError::new(
                    code::FEATURE_NOT_SUPPORTED,
                    format!(
                        "unsupported frontend protocol {}.{}: server supports 3.0",
                        number >> 16,
                        number & 0xffff
                    ),
                )));
            }
        }
    }
}

/// Version 3.0.
const NEWEST: i32 = 3 << 16;

fn broken(error: WireError) -> NoMessage {
    NoMessage::Broken(error.into_fatal())
}

/// The parameters, and those options of the protocol that are not known.
fn wanted(body: Bytes) -> WireResult<(Wanted, Vec<String>)> {
    let mut parts = Parts(body);
    let (mut user, mut database) = (None, None);
    let mut unknown = Vec::new();
    let mut settings = BTreeMap::new();
    loop {
        let name = parts.text()?;
        if name.is_empty() {
            break;
        }
        let value = parts.text()?;
        match name.as_str() {
            "user" => user = Some(value),
            "database" => database = Some(value),
            "options" => settings.extend(options(&value)?),
            "replication" if is_off(&value) => {}
            "replication" => return Err(WireError::unsupported("replication")),
            _ if name.starts_with("_pq_.") => unknown.push(name),
            _ => {
                settings.insert(name, value);
            }
        }
    }
    if !parts.0.is_empty() {
        return Err(WireError::protocol(
            "invalid startup packet layout: expected terminator as last byte",
        ));
    }
    if let Some(encoding) = setting(&settings, "client_encoding") {
        check_encoding(encoding)?;
    }
    let user = user.filter(|user| !user.is_empty()).ok_or_else(|| {
        WireError::new(
            code::INVALID_AUTHORIZATION,
            "no PostgreSQL user name specified in startup packet",
        )
    })?;
    let database = database.filter(|name| !name.is_empty()).unwrap_or_else(|| user.clone());
    Ok((Wanted { user, database, settings }, unknown))
}

fn is_off(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "false" | "off" | "no" | "0" | "f" | "n")
}

fn setting<'a>(settings: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    settings
        .iter()
        .find(|(found, _)| found.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// Texts go in and out as UTF-8; `SQL_ASCII` asks for bytes as they are.
fn check_encoding(name: &str) -> WireResult<()> {
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    if matches!(plain.as_str(), "utf8" | "unicode" | "sqlascii") {
        return Ok(());
    }
    Err(WireError::new(
        code::INVALID_PARAMETER_VALUE,
        format!("invalid value for parameter \"client_encoding\": \"{name}\""),
    )
    .with_hint("Use UTF8."))
}

/// Reads `-c name=value --name=value`; a backslash keeps a space in a value.
fn options(text: &str) -> WireResult<Vec<(String, String)>> {
    let mut words = words(text).into_iter();
    let mut settings = Vec::new();
    while let Some(word) = words.next() {
        let pair = match word.strip_prefix("--") {
            Some(pair) => Some(pair.to_owned()),
            None if word == "-c" => words.next(),
            None => word.strip_prefix("-c").map(str::to_owned),
        };
        let (name, value) =
            pair.as_deref().and_then(|pair| pair.split_once('=')).ok_or_else(|| {
                WireError::new(
                    code::SYNTAX,
                    format!("invalid command-line argument for server process: {word}"),
                )
                .with_hint("Write -c name=value.")
            })?;
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        if c == '\\' {
            word.extend(characters.next());
        } else if c.is_ascii_whitespace() {
            words.push(std::mem::take(&mut word));
        } else {
            word.push(c);
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &[u8]) -> WireResult<(Wanted, Vec<String>)> {
        wanted(Bytes::copy_from_slice(body))
    }

    #[test]
    fn options_are_settings() {
        let body = b"user\0ann\0options\0-c search_path=a,b --time-zone=UTC -cx=1\\ 2\0\0";
        let (wanted, _) = read(body).unwrap();
        assert_eq!((wanted.user.as_str(), wanted.database.as_str()), ("ann", "ann"));
        let settings: Vec<_> = wanted.settings.into_iter().collect();
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(settings, [of("search_path", "a,b"), of("time_zone", "UTC"), of("x", "1 2")]);
        assert_eq!(read(b"user\0a\0options\0-e\0\0").unwrap_err().code, code::SYNTAX);
    }

    #[test]
    fn what_cannot_be_served_is_refused() {
        for (body, expected) in [
            (&b"database\0lake\0\0"[..], code::INVALID_AUTHORIZATION),
            (b"user\0a\0client_encoding\0LATIN1\0\0", code::INVALID_PARAMETER_VALUE),
            (b"user\0a\0replication\0database\0\0", code::FEATURE_NOT_SUPPORTED),
            (b"user\0a\0", code::PROTOCOL_VIOLATION),
            (b"user\0a\0\0x", code::PROTOCOL_VIOLATION),
            (b"", code::PROTOCOL_VIOLATION),
        ] {
            assert_eq!(read(body).unwrap_err().code, expected, "{body:?}");
        }
        let (_, unknown) = read(b"user\0a\0_pq_.x\0y\0client_encoding\0utf-8\0\0").unwrap();
        assert_eq!(unknown, ["_pq_.x"]);
    }
}
