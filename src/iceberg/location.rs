//! Locations of tables and files: reading, comparing and making them, without touching a file system.
//!
//! A location is taken as it is written: percent signs are not decoded, because engines disagree on that,
//! and what would mean another path if somebody decoded it is refused. Symbolic links are checked in
//! [`super::io`].

use std::collections::BTreeMap;
use std::fmt;

use crate::base::entropy::{Entropy, uuid_v4};
use crate::base::error::{Error, Result};
use crate::base::limits::{CHOSEN_LOCATION_BYTES_MAX, NAME_BYTES_MAX};

/// A location in one form: two of them are equal exactly if they name the same place.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NormalLocation {
    scheme: String,
    authority: String,
    segments: Vec<String>,
}

impl NormalLocation {
    /// Reads a location: `file:/x`, `file:///x`, `/x`, `s3://bucket/x` (also `s3a`, `s3n`) or another
    /// scheme with an authority.
    ///
    /// # Errors
    /// `InvalidInput` for a location that is empty, relative or malformed, or holds `.`, `..`, control
    /// characters, or percent signs that hide one of these or a slash.
    pub fn parse(text: &str) -> Result<Self> {
        let refuse = |why: &str| Err(Error::invalid(format!("Invalid location {text:?}: {why}")));
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.chars().any(char::is_control) {
            return refuse("control characters are not allowed");
        }
        if text.contains('\\') {
            return refuse("backslashes are not allowed");
        }
        let (scheme, rest) = match text.split_once(':') {
            _ if text.starts_with('/') => ("file".to_owned(), text),
            Some((scheme, rest)) if is_scheme(scheme) => (scheme.to_ascii_lowercase(), rest),
            _ => return refuse("it is relative"),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) if !text.starts_with('/') => {
                rest.split_at(rest.find('/').unwrap_or(rest.len()))
            }
            _ => ("", rest),
        };
        let local = scheme == "file";
        match (local, authority) {
            (true, "" | "localhost") => {}
            (true, _) => return refuse("a file location names no host"),
            (false, "") => return refuse("the bucket or host is missing"),
            (false, _) => {}
        }
        if !local && text.contains(['?', '#']) {
            return refuse("'?' and '#' are not allowed");
        }
        if authority.contains(['%', ' ']) {
            return refuse("the bucket or host is malformed");
        }
        if local && !path.starts_with('/') {
            return refuse("it is relative");
        }
        let mut segments = Vec::new();
        for segment in path.trim_start_matches('/').trim_end_matches('/').split('/') {
            match segment {
                // Local paths may double their slashes; keys of an object store may not.
                "" if local || path.trim_matches('/').is_empty() => {}
                "" => return refuse("it has an empty part"),
                "." | ".." => return refuse("'.' and '..' are not allowed"),
                _ if hides_something(segment) => {
                    return refuse("a percent sign hides a slash, a dot or a control character");
                }
                _ => segments.push(segment.to_owned()),
            }
        }
        if !local && path.starts_with("//") {
            return refuse("it has an empty part");
        }
        let scheme =
            if matches!(scheme.as_str(), "s3a" | "s3n") { "s3".to_owned() } else { scheme };
        let authority = if local { "" } else { authority };
        Ok(Self { scheme, authority: authority.to_owned(), segments })
    }

    /// The scheme in lower case; `file` for plain paths, `s3` for its variants.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// The bucket, container or host; empty for local files.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The parts of the path.
    #[must_use]
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// Whether this is a local file or directory.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.scheme == "file"
    }

    /// The absolute path, for a local location.
    #[must_use]
    pub fn local_path(&self) -> Option<std::path::PathBuf> {
        self.is_local().then(|| std::path::PathBuf::from(format!("/{}", self.segments.join("/"))))
    }

    /// The key in the bucket, for an object store.
    #[must_use]
    pub fn key(&self) -> String {
        self.segments.join("/")
    }

    /// Whether this is `root` or lies below it, part by part.
    #[must_use]
    pub fn is_within(&self, root: &Self) -> bool {
        self.scheme == root.scheme
            && self.authority == root.authority
            && self.segments.starts_with(&root.segments)
    }
}

impl fmt::Display for NormalLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)?;
        if self.segments.is_empty() {
            return f.write_str("/");
        }
        self.segments.iter().try_for_each(|segment| write!(f, "/{segment}"))
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

/// Whether decoding percent signs, once or several times, would change what a segment means.
fn hides_something(segment: &str) -> bool {
    let mut current = segment.as_bytes().to_vec();
    loop {
        let decoded: Vec<u8> = percent_encoding::percent_decode(&current).collect();
        if decoded == current {
            return false;
        }
        let bad = matches!(decoded.as_slice(), b"." | b"..")
            || decoded.iter().any(|b| matches!(b, b'/' | b'\\') || b.is_ascii_control());
        if bad {
            return true;
        }
        current = decoded;
    }
}

/// Whether two locations name the same place; malformed ones are compared as text.
#[must_use]
pub fn same_location(one: &str, two: &str) -> bool {
    match (NormalLocation::parse(one), NormalLocation::parse(two)) {
        (Ok(one), Ok(two)) => one == two,
        _ => one == two,
    }
}

/// Where the tables of a warehouse may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocationPolicy {
    /// The warehouse's location and those that are allowed besides.
    pub roots: Vec<NormalLocation>,
}

impl LocationPolicy {
    /// Reads the roots.
    ///
    /// # Errors
    /// `InvalidInput` for a malformed one.
    pub fn new<'a>(roots: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let roots = roots.into_iter().map(NormalLocation::parse).collect::<Result<_>>()?;
        Ok(Self { roots })
    }

    /// Checks that a location is one of the roots or lies below one.
    ///
    /// # Errors
    /// `InvalidInput` for a malformed location or one that lies elsewhere.
    pub fn check(&self, location: &str) -> Result<NormalLocation> {
        let normal = NormalLocation::parse(location)?;
        if self.roots.iter().any(|root| normal.is_within(root)) {
            return Ok(normal);
        }
        Err(Error::invalid(format!(
            "Invalid location {location:?}: it lies neither under the warehouse's location nor under \
             an allowed one"
        )))
    }
}

/// Random digits behind a table's name: enough for every branch to re-create every table.
const SUFFIX_DIGITS: usize = 12;

/// A new location for a table or view: `<root>/<levels>/<name>-<digits>`, unique for each creation.
///
/// Letters, digits, `_`, `-` and inner dots stay; every other byte becomes `~` and two digits. Names are
/// cut so that all of them fit into [`CHOSEN_LOCATION_BYTES_MAX`]; the digits keep it unique.
#[must_use]
pub fn new_table_location(
    root: &str,
    levels: &[String],
    name: &str,
    entropy: &dyn Entropy,
) -> String {
    let mut out = super::table::parse::strip_trailing_slash(root).to_owned();
    if out.ends_with('/') {
        out.pop();
    }
    let part_max = (CHOSEN_LOCATION_BYTES_MAX / (levels.len() + 1)).min(NAME_BYTES_MAX);
    for level in levels {
        out.push('/');
        out.push_str(&path_part(level, part_max));
    }
    let digits: String =
        uuid_v4(entropy).simple().to_string().chars().take(SUFFIX_DIGITS).collect();
    out.push('/');
    out.push_str(&path_part(name, part_max.saturating_sub(SUFFIX_DIGITS + 1).max(8)));
    out.push('-');
    out.push_str(&digits);
    out
}

fn path_part(name: &str, bytes_max: usize) -> String {
    let mut out = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'-')
            || (byte == b'.' && at > 0 && !out.ends_with('.') && at + 1 < name.len());
        let piece = if plain {
            char::from(byte).to_string()
        } else {
            format!("~{}", crate::base::hash::to_hex(&[byte]))
        };
        if out.len() + piece.len() > bytes_max {
            break;
        }
        out.push_str(&piece);
    }
    out
}

/// The property that moves a table's metadata files.
const METADATA_PATH: &str = "write.metadata.path";

/// The directory of a table's or view's metadata files: `<location>/metadata`, or where the property
/// `write.metadata.path` says.
///
/// # Errors
/// `InvalidInput` if that property names a place that the policy does not allow.
pub fn metadata_directory(
    location: &str,
    properties: &BTreeMap<String, String>,
    policy: &LocationPolicy,
) -> Result<String> {
    let strip = super::table::parse::strip_trailing_slash;
    match properties.get(METADATA_PATH) {
        Some(path) => {
            policy.check(path)?;
            Ok(strip(path).to_owned())
        }
        None => Ok(format!("{}/metadata", strip(location).trim_end_matches('/'))),
    }
}

/// A new name for a metadata file in a directory: `00001-<uuid>.metadata.json`.
#[must_use]
pub fn new_metadata_location(directory: &str, version: u64, entropy: &dyn Entropy) -> String {
    format!("{directory}/{version:05}-{}.metadata.json", uuid_v4(entropy))
}

/// The version number for the file that replaces one: one more than in its name, 0 if it has none.
#[must_use]
pub fn next_metadata_version(previous: &str) -> u64 {
    let name = previous.rsplit('/').next().unwrap_or_default();
    let digits = match name.strip_prefix('v') {
        Some(rest) => rest.split('.').next(),
        None => name.split_once('-').map(|(digits, _)| digits),
    };
    digits
        .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
        .and_then(|digits| digits.parse::<u64>().ok())
        .and_then(|version| version.checked_add(1))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::entropy::SeededEntropy;

    #[test]
    fn one_form_for_each_place() {
        for (text, normal) in [
            ("/a/b", "file:///a/b"),
            ("file:/a/b", "file:///a/b"),
            ("file:///a/b/", "file:///a/b"),
            ("file://localhost/a//b", "file:///a/b"),
            ("FILE:/a/b", "file:///a/b"),
            ("//a/b", "file:///a/b"),
            ("s3a://bucket/x", "s3://bucket/x"),
            ("s3n://bucket/x/", "s3://bucket/x"),
            ("s3://bucket", "s3://bucket/"),
            ("gs://b/x y/ü", "gs://b/x y/ü"),
            ("s3://b/100%/50%25", "s3://b/100%/50%25"),
            ("/", "file:///"),
        ] {
            assert_eq!(NormalLocation::parse(text).unwrap().to_string(), normal, "{text}");
        }
    }

    #[test]
    fn attacks_are_refused() {
        for bad in [
            "",
            "a/b",
            "./a",
            "file:a/b",
            "file:",
            "file://host/a",
            "/a/../b",
            "/a/..",
            "/a/./b",
            "s3://b/a/../c",
            "s3://b//a",
            "s3://b/a//c",
            "s3:///a",
            "s3:/a",
            "/a/%2e%2e/b",
            "/a/%2E%2e",
            "/a/.%2e/b",
            "/a/%252e%252e/b",
            "/a%2fb",
            "/a/%00",
            "/a\u{0}b",
            "/a\nb",
            "s3://b/a?x=1",
            "s3://b/a#x",
            "s3://b%2f/a",
            "..\\..\\x",
            "/a/..\\b",
            "C:\\x",
        ] {
            assert!(NormalLocation::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn policy_goes_by_parts() {
        let policy = LocationPolicy::new(["file:///lake/wh", "s3://b/wh"]).unwrap();
        for good in ["/lake/wh", "file:/lake/wh/ns/t", "s3a://b/wh/t", "/lake/wh//t/"] {
            assert!(policy.check(good).is_ok(), "{good}");
        }
        for bad in [
            "/lake/wh2/t",
            "/lake/w",
            "/lake",
            "s3://b2/wh/t",
            "gs://b/wh/t",
            "s3://b/whale",
            "/lake/wh/../x",
            "lake/wh/t",
            "/LAKE/wh/t",
        ] {
            assert!(policy.check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn new_locations_are_safe_paths() {
        let entropy = SeededEntropy::new(1);
        let make = |levels: &[&str], name: &str| {
            let levels: Vec<String> = levels.iter().map(|l| (*l).to_owned()).collect();
            new_table_location("file:///wh/", &levels, name, &entropy)
        };
        let location = make(&["a", "b.c"], "orders");
        assert!(location.starts_with("file:///wh/a/b.c/orders-"), "{location}");
        assert_ne!(make(&["a"], "t"), make(&["a"], "t"));
        let policy = LocationPolicy::new(["/wh"]).unwrap();
        for name in ["..", ".", "a/b", "/", "%2e%2e", "ü/ö", ".hidden", "a..b", "a.", " ", "\\"] {
            let location = make(&[name], name);
            let normal = policy.check(&location).unwrap();
            assert_eq!(normal.segments().len(), 3, "{location}");
            assert!(normal.segments().iter().all(|part| !part.starts_with('.')), "{location}");
        }
        let long = "ü".repeat(127);
        let location = make(&[&long], &long);
        assert!(location.split('/').all(|part| part.len() <= 255));
        let deep = vec![long.as_str(); 16];
        assert!(make(&deep, &long).len() <= CHOSEN_LOCATION_BYTES_MAX + 64);
    }

    #[test]
    fn metadata_files_count_up() {
        for (name, next) in [
            ("s3://b/t/metadata/00000-x.metadata.json", 1),
            ("/t/metadata/00041-a-b.metadata.json", 42),
            ("/t/metadata/v7.metadata.json", 8),
            ("/t/metadata/v7.gz.metadata.json", 8),
            ("/t/metadata/x.metadata.json", 0),
            ("/t/metadata/99999999999999999999-x.metadata.json", 0),
            ("/t/metadata/18446744073709551615-x.metadata.json", 0),
        ] {
            assert_eq!(next_metadata_version(name), next, "{name}");
        }
        let entropy = SeededEntropy::new(1);
        let name = new_metadata_location("/t/metadata", 7, &entropy);
        assert!(name.starts_with("/t/metadata/00007-") && name.ends_with(".metadata.json"));
        assert_eq!(next_metadata_version(&name), 8);
        let policy = LocationPolicy::new(["/t"]).unwrap();
        let mut properties = BTreeMap::new();
        assert_eq!(metadata_directory("/t/x/", &properties, &policy).unwrap(), "/t/x/metadata");
        properties.insert(METADATA_PATH.to_owned(), "/t/meta/".to_owned());
        assert_eq!(metadata_directory("/t/x", &properties, &policy).unwrap(), "/t/meta");
        properties.insert(METADATA_PATH.to_owned(), "/elsewhere".to_owned());
        assert!(metadata_directory("/t/x", &properties, &policy).is_err());
    }
}
