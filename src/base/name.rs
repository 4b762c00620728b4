//! Names, parsed once at the edge and trusted below it.

use std::fmt;

use super::clock::Timestamp;
use super::error::{Error, Result};
use super::limits::{
    NAME_BYTES_MAX, NAMESPACE_LEVELS_MAX, REF_NAME_BYTES_MAX, WAREHOUSE_NAME_BYTES_MAX,
};

/// The namespace that a ref means when it is used as a namespace by itself.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Name of a warehouse: `[A-Za-z0-9_][A-Za-z0-9_.-]*`, at most 63 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WarehouseName(String);

impl WarehouseName {
    /// Checks and wraps a name.
    ///
    /// # Errors
    /// `InvalidInput` for any other character, an empty or a too long name.
    pub fn parse(text: &str) -> Result<Self> {
        let first = text.chars().next();
        let good_first = first.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
        let good_rest =
            text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'));
        if !good_first || !good_rest || text.len() > WAREHOUSE_NAME_BYTES_MAX {
            return Err(Error::invalid(format!(
                "invalid warehouse name '{}': use letters, digits, '_', '.' and '-', start with a \
                 letter, digit or '_', at most {WAREHOUSE_NAME_BYTES_MAX} bytes",
                shorten(text)
            )));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WarehouseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Name of a branch or tag (DESIGN section 2).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RefName(String);

impl RefName {
    /// Checks and wraps a name.
    ///
    /// # Errors
    /// `InvalidInput` with the rule that the name breaks.
    pub fn parse(text: &str) -> Result<Self> {
        let broken = |rule: &str| {
            Err(Error::invalid(format!("invalid ref name '{}': {rule}", shorten(text))))
        };
        let Some(first) = text.chars().next() else {
            return broken("it is empty");
        };
        if text.len() > REF_NAME_BYTES_MAX {
            return broken("it is longer than 255 bytes");
        }
        if !(first.is_ascii_alphanumeric() || first == '_') {
            return broken("it must start with a letter, a digit or '_'");
        }
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '-')) {
            return broken("only letters, digits, '_', '.', '/' and '-' are allowed");
        }
        if text.contains("..") || text.contains("//") {
            return broken("'..' and '//' are not allowed");
        }
        if text.ends_with('/') || text.ends_with(".lock") {
            return broken("it must not end with '/' or '.lock'");
        }
        if looks_like_commit(text) {
            return broken("8 to 64 hexadecimal digits would read as a commit id");
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn looks_like_commit(text: &str) -> bool {
    (8..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 80 {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(77).collect();
    out.push_str("...");
    out
}

/// What a ref expression starts from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum RefBase {
    /// A branch or tag.
    Name(RefName),
    /// A commit id or a prefix of one: 8 to 64 lower-case hexadecimal digits.
    CommitPrefix(String),
}

/// One step from a ref to a commit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RefStep {
    /// `~n`: n times the first parent.
    FirstParent(u32),
    /// `@{time}`: what the ref pointed at then, from the ref log.
    At(Timestamp),
}

/// A ref expression as people write it: `main`, `v1.0`, `9f31c2aa`, `main~3`, `main@{2026-11-20T08:00:00Z}`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RefExpr {
    /// Where it starts.
    pub base: RefBase,
    /// What follows, in order. `@{…}` comes first if at all.
    pub steps: Vec<RefStep>,
}

impl RefExpr {
    /// Parses an expression.
    ///
    /// # Errors
    /// `InvalidInput` that says which part is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        let end = text.find(['~', '@']).unwrap_or(text.len());
        let (head, mut rest) = text.split_at(end);
        let base = if looks_like_commit(head) {
            RefBase::CommitPrefix(head.to_ascii_lowercase())
        } else {
            RefBase::Name(RefName::parse(head)?)
        };
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let broken = |why: &str| {
                Error::invalid(format!("invalid ref expression '{}': {why}", shorten(text)))
            };
            if let Some(tail) = rest.strip_prefix("@{") {
                let close = tail.find('}').ok_or_else(|| broken("'@{' without '}'"))?;
                let time = Timestamp::parse(&tail[..close])
                    .ok_or_else(|| broken("'@{…}' holds no RFC 3339 time"))?;
                if !steps.is_empty() || matches!(base, RefBase::CommitPrefix(_)) {
                    return Err(broken("'@{…}' stands directly behind a branch or tag name"));
                }
                steps.push(RefStep::At(time));
                rest = &tail[close + 1..];
            } else if let Some(tail) = rest.strip_prefix('~') {
                let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
                let count = match &tail[..digits] {
                    "" => 1,
                    number => number.parse().map_err(|_| broken("the number is too large"))?,
                };
                steps.push(RefStep::FirstParent(count));
                rest = &tail[digits..];
            } else {
                return Err(broken("expected '~' with a number or '@{time}'"));
            }
        }
        Ok(Self { base, steps })
    }

    /// An expression that is just a name.
    #[must_use]
    pub const fn name(name: RefName) -> Self {
        Self { base: RefBase::Name(name), steps: Vec::new() }
    }

    /// The plain ref name, if there are no steps and it is no commit.
    #[must_use]
    pub fn as_name(&self) -> Option<&RefName> {
        match (&self.base, self.steps.is_empty()) {
            (RefBase::Name(name), true) => Some(name),
            (RefBase::Name(_) | RefBase::CommitPrefix(_), _) => None,
        }
    }
}

impl fmt::Display for RefExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.base {
            RefBase::Name(name) => f.write_str(name.as_str())?,
            RefBase::CommitPrefix(prefix) => f.write_str(prefix)?,
        }
        for step in &self.steps {
            match step {
                RefStep::FirstParent(count) => write!(f, "~{count}")?,
                RefStep::At(time) => write!(f, "@{{{}}}", time.to_rfc3339())?,
            }
        }
        Ok(())
    }
}

/// A namespace of one ref: zero or more levels, each a checked name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct NamespacePath(Vec<String>);

impl NamespacePath {
    /// The root: what holds the first-level namespaces.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Checks and wraps levels.
    ///
    /// # Errors
    /// `InvalidInput` for an empty level, control characters, or too many or too long levels.
    pub fn new(levels: Vec<String>) -> Result<Self> {
        if levels.len() > NAMESPACE_LEVELS_MAX {
            return Err(Error::invalid(format!(
                "a namespace has at most {NAMESPACE_LEVELS_MAX} levels, this one has {}",
                levels.len()
            )));
        }
        for level in &levels {
            check_name("namespace level", level)?;
        }
        Ok(Self(levels))
    }

    /// The levels, outermost first.
    #[must_use]
    pub fn levels(&self) -> &[String] {
        &self.0
    }

    /// Whether this is the root.
    #[must_use]
    pub const fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The namespace around this one and the last level; `None` for the root.
    #[must_use]
    pub fn split_last(&self) -> Option<(Self, &str)> {
        let (last, rest) = self.0.split_last()?;
        Some((Self(rest.to_vec()), last))
    }

    /// The levels joined by dots, as messages name a namespace.
    #[must_use]
    pub fn dotted(&self) -> String {
        self.0.join(".")
    }
}

impl fmt::Display for NamespacePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.dotted())
    }
}

/// Where a table, view or artifact lives in one ref.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ContentPath {
    /// The namespace around it; never the root.
    pub namespace: NamespacePath,
    /// Its name.
    pub name: String,
}

impl ContentPath {
    /// Checks and wraps a path.
    ///
    /// # Errors
    /// `InvalidInput` for a name that is empty, too long or holds control characters.
    pub fn new(namespace: NamespacePath, name: String) -> Result<Self> {
        check_name("name", &name)?;
        Ok(Self { namespace, name })
    }

    /// All levels and the name.
    #[must_use]
    pub fn parts(&self) -> Vec<String> {
        let mut parts = self.namespace.levels().to_vec();
        parts.push(self.name.clone());
        parts
    }
}

impl fmt::Display for ContentPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for level in self.namespace.levels() {
            write!(f, "{level}.")?;
        }
        f.write_str(&self.name)
    }
}

fn check_name(what: &str, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid(format!("invalid {what}: it is empty")));
    }
    if matches!(name, "." | "..") {
        return Err(Error::invalid(format!(
            "invalid {what} '{name}': in a URL it means another path, so nobody could reach it"
        )));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(Error::invalid(format!(
            "invalid {what} '{}': it is longer than {NAME_BYTES_MAX} bytes",
            shorten(name)
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "invalid {what} {:?}: control characters are not allowed",
            shorten(name)
        )));
    }
    Ok(())
}

/// How a name is compared: two names with the same folded form are refused in one namespace.
///
/// Character by character to lower case (Unicode simple lower-casing through the standard library),
/// without normalisation.
#[must_use]
pub fn fold(name: &str) -> String {
    if name.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase()) {
        return name.to_owned();
    }
    name.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ref_names() {
        for good in
            ["main", "ingest/2026-11-20", "v1.0", "_x", "a", "cafe", "1234567", "0xdeadbeef"]
        {
            assert!(RefName::parse(good).is_ok(), "{good}");
        }
        let long = "a/".repeat(128);
        for bad in [
            "",
            "-a",
            "/a",
            "a..b",
            "a//b",
            "a/",
            "a.lock",
            "a b",
            "ä",
            "deadbeef",
            "DEADBEEF0",
            "a@b",
            "a~1",
            "a\u{0}",
            &long,
        ] {
            assert!(RefName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn expressions_print_as_they_parse() {
        for text in ["main", "9f31c2aa", "main~3", "main@{2026-11-20T08:00:00.000000Z}", "v1~1~2"] {
            assert_eq!(RefExpr::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(RefExpr::parse("main~").unwrap(), RefExpr::parse("main~1").unwrap());
        for bad in ["", "main~x", "main@", "main@{", "main@{x}", "9f31c2aa@{2026-01-01}", "~1"] {
            assert!(RefExpr::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn namespaces() {
        assert!(NamespacePath::new(vec!["a.b".into(), "c/d".into(), "ü".into()]).is_ok());
        for bad in ["", ".", "..", "a\u{0}b", "a\u{1f}b", "a\nb"] {
            assert!(NamespacePath::new(vec![bad.to_owned()]).is_err(), "{bad:?}");
        }
        assert!(NamespacePath::new(vec!["a".to_owned(); 17]).is_err());
        assert_eq!(fold("Straße_ÄB"), "straße_äb");
    }
}
