//! Reads the parts of a request that several endpoints share.

use axum::http::header::IF_MATCH;
use axum::http::{HeaderMap, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::base::clock::Timestamp;
use crate::base::error::{Error, Result};
use crate::base::ids::CommitId;

/// Separates levels of a path in a query.
const SEPARATOR: char = '\u{1f}';

/// Everything but what a URL segment may hold without a meaning of its own.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A path from a query: levels and name, separated by U+001F, or by dots if there is none. A trailing
/// separator is no level, so a single name with dots can be written too. Empty text is the root.
///
/// # Errors
/// `InvalidInput` for an empty level.
pub fn path(text: &str) -> Result<Vec<String>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let levels: Vec<String> = if text.contains(SEPARATOR) {
        let text = text.strip_suffix(SEPARATOR).unwrap_or(text);
        text.split(SEPARATOR).map(str::to_owned).collect()
    } else {
        text.split('.').map(str::to_owned).collect()
    };
    check_path(&levels)?;
    Ok(levels)
}

/// Checks a path that came as an array.
///
/// # Errors
/// `InvalidInput` for an empty level.
pub fn check_path(levels: &[String]) -> Result<()> {
    if levels.iter().any(String::is_empty) {
        return Err(Error::invalid(format!("the path '{}' has an empty level", levels.join("."))));
    }
    Ok(())
}

/// A time from a query.
///
/// # Errors
/// `InvalidInput`.
pub fn time(parameter: &str, text: &str) -> Result<Timestamp> {
    Timestamp::parse(text).ok_or_else(|| {
        Error::invalid(format!(
            "the parameter '{parameter}' is '{text}', not a time such as 2026-11-20T08:00:00Z"
        ))
    })
}

/// A full commit id.
///
/// # Errors
/// `InvalidInput` for anything but 64 hexadecimal digits.
pub fn commit_id(what: &str, text: &str) -> Result<CommitId> {
    CommitId::from_hex(text).ok_or_else(|| {
        Error::invalid(format!("{what} is '{text}', not a commit id of 64 hexadecimal digits"))
    })
}

/// The head that the client expects, from a body.
///
/// # Errors
/// `InvalidInput` for anything but a full commit id.
pub fn expected_head(text: Option<&str>) -> Result<Option<CommitId>> {
    text.map(|head| commit_id("'expected_head'", head)).transpose()
}

/// The head that the client expects, from `If-Match: "<head>"`; `*` expects none in particular.
///
/// # Errors
/// `InvalidInput` for anything but one strong entity tag that is a commit id.
pub fn if_match(headers: &HeaderMap) -> Result<Option<CommitId>> {
    let mut values = headers.get_all(IF_MATCH).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::invalid("the header 'if-match' is given twice"));
    }
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(None);
    }
    let head = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or_else(|| {
        Error::invalid("the header 'if-match' must be the branch's head in double quotes")
    })?;
    commit_id("the header 'if-match'", head).map(Some)
}

/// The head as an entity tag.
#[must_use]
pub fn entity_tag(head: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{head}\""))
        .unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// The address of something by the segments below `/api/v1/warehouses`.
#[must_use]
pub fn location(segments: &[&str]) -> String {
    let mut out = "/api/v1/warehouses".to_owned();
    for segment in segments {
        out.push('/');
        out.extend(utf8_percent_encode(segment, SEGMENT));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let of = |text: &str| path(text).unwrap();
        assert_eq!(of(""), Vec::<String>::new());
        assert_eq!(of("a.b"), ["a", "b"]);
        assert_eq!(of("a.b\u{1f}c"), ["a.b", "c"]);
        assert_eq!(of("a.b\u{1f}"), ["a.b"]);
        for bad in ["a..b", ".", "a\u{1f}\u{1f}b", "\u{1f}"] {
            assert!(path(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn expected_heads() {
        let head = "ab".repeat(32);
        let of = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_MATCH, value.parse().unwrap());
            if_match(&headers)
        };
        assert_eq!(of(&format!("\"{head}\"")).unwrap().unwrap().to_string(), head);
        assert_eq!(of("*").unwrap(), None);
        for bad in [head.as_str(), "\"ab\"", "W/\"x\"", "", &format!("\"{head}\", \"{head}\"")] {
            assert!(of(bad).is_err(), "{bad}");
        }
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn locations_keep_a_ref_in_one_segment() {
        assert_eq!(
            location(&["lake", "branches", "ingest/x"]),
            "/api/v1/warehouses/lake/branches/ingest%2Fx"
        );
    }
}
