//! A version of a table, written into the last part of its name between parser and planner.

/// Stands between name, kind and value. No name that a user can write holds it: the parser's caller
/// refuses it.
pub const SEPARATOR: char = '\u{1f}';

/// What a version is said by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum AtKind {
    /// A commit id or a prefix of one.
    Commit,
    /// A branch.
    Branch,
    /// A tag.
    Tag,
    /// The state at a time.
    Timestamp,
    /// Any ref expression.
    Ref,
    /// A snapshot id of the table itself.
    Snapshot,
}

impl AtKind {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Commit, "commit"),
        (Self::Branch, "branch"),
        (Self::Tag, "tag"),
        (Self::Timestamp, "timestamp"),
        (Self::Ref, "ref"),
        (Self::Snapshot, "snapshot"),
    ];

    /// The word in SQL, in lower case.
    #[must_use]
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("ref", |(_, word)| word)
    }

    /// From the word in SQL, in any case.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| word.eq_ignore_ascii_case(known)).map(|(kind, _)| *kind)
    }
}

/// A version.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct At {
    /// What it is said by.
    pub kind: AtKind,
    /// The id, name, time or expression as written.
    pub value: String,
}

/// The last part of a table's name with its version in it.
#[must_use]
pub fn encode(name: &str, at: &At) -> String {
    format!("{name}{SEPARATOR}{}{SEPARATOR}{}", at.kind.word(), at.value)
}

/// The name and its version, if it has one.
#[must_use]
pub fn decode(name: &str) -> (&str, Option<At>) {
    let mut parts = name.splitn(3, SEPARATOR);
    let plain = parts.next().unwrap_or(name);
    let at = parts.next().and_then(AtKind::from_word).zip(parts.next());
    (plain, at.map(|(kind, value)| At { kind, value: value.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_with_its_version() {
        for (kind, _) in AtKind::ALL {
            let at = At { kind, value: "main~3 'x'".to_owned() };
            assert_eq!(decode(&encode("orders", &at)), ("orders", Some(at)));
        }
        assert_eq!(decode("orders"), ("orders", None));
    }
}
