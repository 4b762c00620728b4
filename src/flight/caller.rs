//! Who calls, and what they want to work on: the headers of a call.
//!
//! Nobody is asked for a password. `authorization` names the user who becomes the author of commits:
//! `Basic`, or the `Bearer` token that the handshake gave for it. `database` names a warehouse, or a
//! warehouse and a ref.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tonic::metadata::{KeyAndValueRef, MetadataMap};

use super::error::{FlightResult, invalid};
use crate::auth::context::ANONYMOUS;

/// Headers that name the database.
const DATABASE: [&str; 2] = ["database", "x-nunatak-database"];
/// Headers that are settings of a session.
const SETTINGS: [(&str, &str); 2] =
    [("x-nunatak-message", "nunatak.message"), ("x-nunatak-search-path", "search_path")];
/// Starts headers that are properties of commits.
const PROPERTY: &str = "x-nunatak-property-";
/// Starts the tokens of this door; the user follows in hexadecimal digits.
const TOKEN: &str = "nunatak-user-";

/// Who calls, and with what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Caller {
    pub(super) user: String,
    pub(super) database: String,
    pub(super) settings: BTreeMap<String, String>,
}

impl Caller {
    /// Reads the headers of a call.
    pub(super) fn read(headers: &MetadataMap, default_database: &str) -> FlightResult<Self> {
        let mut databases = Vec::new();
        for name in DATABASE {
            databases.extend(header(headers, name)?.filter(|value| !value.is_empty()));
        }
        if let [one, other] = databases.as_slice()
            && one != other
        {
            return Err(invalid(format!("two databases are named: {one:?} and {other:?}")));
        }
        let database = databases.pop().unwrap_or_else(|| default_database.to_owned());
        let mut settings = BTreeMap::new();
        for (name, setting) in SETTINGS {
            if let Some(value) = header(headers, name)? {
                settings.insert(setting.to_owned(), value);
            }
        }
        for entry in headers.iter() {
            if let KeyAndValueRef::Ascii(key, value) = entry
                && let Some(property) = key.as_str().strip_prefix(PROPERTY)
            {
                let value = text(key.as_str(), value.as_bytes())?;
                settings.insert(format!("nunatak.property.{property}"), value);
            }
        }
        Ok(Self { user: user(headers)?, database, settings })
    }

    /// What the handshake gives this user to show from then on.
    pub(super) fn token(&self) -> String {
        let mut token = TOKEN.to_owned();
        for byte in self.user.bytes() {
            // Writing into a string cannot fail.
            let _written = write!(token, "{byte:02x}");
        }
        token
    }
}

fn header(headers: &MetadataMap, name: &str) -> FlightResult<Option<String>> {
    headers.get(name).map(|value| text(name, value.as_bytes())).transpose()
}

fn text(name: &str, bytes: &[u8]) -> FlightResult<String> {
    std::str::from_utf8(bytes)
        .map(str::to_owned)
        .map_err(|_| invalid(format!("the header {name} is not UTF-8")))
}

fn user(headers: &MetadataMap) -> FlightResult<String> {
    let Some(value) = header(headers, "authorization")? else { return Ok(ANONYMOUS.to_owned()) };
    let (scheme, rest) = value.split_once(' ').unwrap_or((value.as_str(), ""));
    let bytes = if scheme.eq_ignore_ascii_case("basic") {
        let mut pair = base64(rest.trim())
            .ok_or_else(|| invalid("the header authorization is no Basic authentication"))?;
        if let Some(colon) = pair.iter().position(|byte| *byte == b':') {
            pair.truncate(colon);
        }
        pair
    } else if let Some(digits) = rest.trim().strip_prefix(TOKEN) {
        hexadecimal(digits).ok_or_else(|| invalid("the token is not one of this server"))?
    } else {
        // Whoever gave another token, it is not needed here.
        return Ok(ANONYMOUS.to_owned());
    };
    let user = String::from_utf8(bytes).map_err(|_| invalid("the user's name is not UTF-8"))?;
    Ok(if user.is_empty() { ANONYMOUS.to_owned() } else { user })
}

fn hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| match pair {
            [_, _] => u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok(),
            _ => None,
        })
        .collect()
}

/// RFC 4648, section 4; padding may be left out.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in text.trim_end_matches('=').bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(digit);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
            bits &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&'static str, &str)]) -> FlightResult<Caller> {
        let mut map = MetadataMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        Caller::read(&map, "lake")
    }

    #[test]
    fn users_come_from_basic_and_from_the_token_for_it() {
        assert_eq!(read(&[]).unwrap().user, ANONYMOUS);
        // ann:secret, and é:x
        for (header, user) in [("Basic YW5uOnNlY3JldA==", "ann"), ("basic w6k6eA", "é")] {
            let caller = read(&[("authorization", header)]).unwrap();
            assert_eq!(caller.user, user);
            let bearer = format!("Bearer {}", caller.token());
            assert_eq!(read(&[("authorization", &bearer)]).unwrap().user, user);
        }
        assert_eq!(read(&[("authorization", "Bearer xyz")]).unwrap().user, ANONYMOUS);
        for bad in ["Basic %%%", "Bearer nunatak-user-0", "Bearer nunatak-user-zz"] {
            assert!(read(&[("authorization", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn databases_and_settings_come_from_headers() {
        assert_eq!(read(&[]).unwrap().database, "lake");
        for name in DATABASE {
            assert_eq!(read(&[(name, "lake@ingest")]).unwrap().database, "lake@ingest");
        }
        assert!(read(&[("database", "a"), ("x-nunatak-database", "b")]).is_err());
        let caller =
            read(&[("x-nunatak-message", "why"), ("x-nunatak-property-job", "7")]).unwrap();
        let settings: Vec<_> = caller.settings.into_iter().collect();
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(settings, [of("nunatak.message", "why"), of("nunatak.property.job", "7")]);
    }
}
